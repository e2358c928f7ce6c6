"""A trained network programmed several times and followed for ten years."""

import hashlib
import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import torch
from scipy.special import stdtrit

from femristor.core import store
from femristor.core.bounds import DRAWS, TILE
from femristor.core.errors import InputError
from femristor.core.messages import NullProgress, Progress
from femristor.core.provenance import Provenance, Status
from femristor.nn.inference.draws import (
    Data,
    Done,
    DrawJob,
    launched_ranks,
    on_any_rank,
    one_by_one,
    over_processes,
    over_ranks,
)
from femristor.nn.inference.program import ProgrammedNetwork
from femristor.nn.inference.settings import InferenceSettings
from femristor.nn.mvm.product import CellMaker
from femristor.nn.results.inference import InferenceDraws, InferenceExperiment, Settings
from femristor.nn.train.threads import InterruptFlag, one_thread

DAY_S = 86400.0
YEAR_S = 365 * DAY_S
DEFAULT_TIMES_S = (0.0, 1.0, 3600.0, DAY_S, 30 * DAY_S, YEAR_S, 10 * YEAR_S)
CONFIDENCE = 0.95


@dataclass(frozen=True)
class InferenceDesign:
    """What is done with the network.

    Attributes:
        times_s: rising, since programming.
        draws: programmings.
        max_tile: most rows and columns of a crossbar.
        settings: periphery and mapping.
    """

    times_s: Sequence[float] = DEFAULT_TIMES_S
    draws: int = 10
    max_tile: int = 512
    settings: InferenceSettings = field(default_factory=InferenceSettings)

    def __post_init__(self) -> None:
        """Check times and counts."""
        times = np.asarray(self.times_s, dtype=float)
        if self.draws < 1 or self.max_tile < 1:
            raise InputError(
                f"{self.draws} draws on tiles of {self.max_tile} make no experiment; use 1 or more of each."
            )
        DRAWS.check(self.draws, "draws (--draws)")
        TILE.check(self.max_tile, "lines of a crossbar (--max-tile)")
        if times.ndim != 1 or not times.size or not np.isfinite(times).all() or times[0] < 0:
            raise InputError(f"The times {list(self.times_s)} must be finite and begin at 0 s or later.")
        if np.any(np.diff(times) <= 0):
            raise InputError(f"The times {list(self.times_s)} do not rise; sort them and remove duplicates.")


def interval(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean over draws and half of its 95 % confidence interval, t_(0.975, n-1) s/sqrt(n).

    Args:
        values: (times, draws).

    Returns:
        Mean and half-width, (times,) each; NaN for one draw.
    """
    draws = values.shape[1]
    if draws < 2:
        return values.mean(axis=1), np.full(values.shape[0], math.nan)
    quantile = float(stdtrit(draws - 1, 0.5 + CONFIDENCE / 2))
    return values.mean(axis=1), quantile * values.std(axis=1, ddof=1) / math.sqrt(draws)


def inference_experiment(
    model: torch.nn.Module,
    data: Data,
    make_cells: CellMaker,
    *,
    design: InferenceDesign | None = None,
    seed: int = 0,
    name: str = "network",
    details: Settings | None = None,
    card=None,
    inputs: dict[str, str] | None = None,
    processes: int = 1,
    checkpoint: str | Path | None = None,
    resume: bool = False,
    progress: Progress | None = None,
) -> InferenceExperiment:
    """Program a trained network `draws` times, let each age and measure it at each time.

    Under torchrun with an open process group the draws are spread over the ranks; else over `processes`. Values do
    not depend on either.

    Args:
        model: trained; it is not changed.
        data: what it is measured on.
        make_cells: puts weights on cells; picklable for more than one process.
        design: times, draws, tiles, periphery.
        seed: of the cells.
        name: of the network.
        details: further settings that the result depends on (how the network was trained).
        card: device card, for the provenance and the check of a checkpoint.
        inputs: names and hashes of the data, for the provenance.
        processes: of this machine.
        checkpoint: file that is written after each draw.
        resume: go on from that file.
        progress: where the draws are shown.

    Returns:
        InferenceExperiment.

    Raises:
        InputError: settings that are not possible, a checkpoint of another experiment.
        KeyboardInterrupt: Ctrl-C, between two draws; the message says what was kept.
    """
    plan = design or InferenceDesign()
    with one_thread(), InterruptFlag() as interrupt:
        network = ProgrammedNetwork(
            model, plan.settings, max_tile=plan.max_tile, calibration=data.calibration
        )
        times = tuple(float(time) for time in plan.times_s)
        job = DrawJob(network, make_cells, data, times, seed)
        described = _described(plan, seed, name, details)
        if card is not None:
            described["card"] = card.hash
        kept = _Kept(described, fingerprint(model), checkpoint)
        if resume:
            kept.restore()
        missing = [draw for draw in range(plan.draws) if draw not in kept.values]
        with (progress or NullProgress()).task(f"{name}, {data.metric} over time", plan.draws) as task:
            task.advance(plan.draws - len(missing))
            for done in _source(job, missing, processes):
                kept.add(done)
                task.advance(len(done), note=f"{data.metric} {done[-1][1][0]:.4f} to {done[-1][1][-1]:.4f}")
                if on_any_rank(raised=interrupt.raised) and len(kept.values) < plan.draws:
                    kept.stop()
        floating = data.measure(model)
    values = np.stack([kept.values[draw] for draw in range(plan.draws)], axis=1)
    mean, half = interval(values)
    return InferenceExperiment(
        network=name,
        metric=data.metric,
        time_s=np.array(times),
        values=values,
        mean=mean,
        half_width=half,
        floating_point=floating,
        cells=network.cells,
        tiles=network.tiles,
        settings=described,
        status=Status.SAMPLED,
        provenance=Provenance.create("nn.inference", card=card, seed=seed, inputs=inputs),
    )


def fingerprint(model: torch.nn.Module) -> str:
    """SHA-256 of all tensors of a model."""
    digest = hashlib.sha256()
    for name, tensor in model.state_dict().items():
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def _source(job: DrawJob, draws: list[int], processes: int) -> Iterator[list[Done]]:
    if not draws:
        return iter(())
    if launched_ranks()[1] > 1:
        return over_ranks(job, draws)
    return one_by_one(job, draws) if processes <= 1 else over_processes(job, draws, processes)


def _described(plan: InferenceDesign, seed: int, name: str, details: Settings | None) -> Settings:
    flat: Settings = dict(details or {})
    for key, value in asdict(plan.settings).items():
        known = ", ".join(value) or "none" if isinstance(value, tuple) else value
        flat[key] = str(known) if isinstance(known, float) and not math.isfinite(known) else known
    times = ", ".join(f"{time:.9g}" for time in plan.times_s)
    return flat | {"network": name, "max_tile": plan.max_tile, "times_s": times, "seed": seed}


class _Kept:
    """Draws that are done, and their file."""

    def __init__(self, described: Settings, weights: str, path) -> None:
        self.described, self.weights = described, weights
        self.path = None if path is None else Path(path)
        self.values: dict[int, np.ndarray] = {}

    def add(self, done: list[Done]) -> None:
        self.values.update(done)
        if self.path is None or launched_ranks()[0]:
            return
        numbers = sorted(self.values)
        table = np.stack([self.values[number] for number in numbers], axis=1)
        store.save(
            InferenceDraws(self.described, self.weights, np.array(numbers, dtype=np.int64), table), self.path
        )

    def restore(self) -> None:
        if self.path is None:
            raise InputError("There is no file to resume from; name it.")
        found = store.load(self.path, InferenceDraws)
        for key in [*self.described, *(key for key in found.settings if key not in self.described)]:
            if self.described.get(key) != found.settings.get(key):
                raise InputError(
                    f"{self.path}: the draws were made with {key} = {found.settings.get(key)}, this run has "
                    f"{self.described.get(key)}; use the same settings, or another --out to start over."
                )
        if found.fingerprint != self.weights:
            raise InputError(
                f"{self.path}: the draws belong to other weights; use another --out to start over."
            )
        self.values = {int(number): found.values[:, k] for k, number in enumerate(found.numbers)}

    def stop(self) -> None:
        done = f"{len(self.values)} draws are done"
        if self.path is None:
            raise KeyboardInterrupt(f"Stopped; {done} but nothing was kept (no file was named).")
        raise KeyboardInterrupt(f"Stopped; {done} and kept in {self.path}; run again with --resume to go on.")
