"""Closed-loop programming by pulses: program-verify of whole arrays on the stochastic compact model.

A set pulse below the target, a reset pulse above it, until a read lies within the acceptance (Falcone et al., arXiv
2502.04524, section 2.2). Cells are programmed one by one through their own selector; what the pulses do to the others is
in `disturb.py`. Kernel: `programming.kernels.py`; twin: `verify_twin.py`.
"""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import numba
import numpy as np

from femristor.array.checks import finite_tensor
from femristor.array.mapping import ConductanceWindow
from femristor.array.programming.plan import READ_S, VerifyPlan, read_modes
from femristor.array.results.verify import ProgramCheckpoint, ProgramVerify
from femristor.compact.dynamics.cells import IbmCells, TableCells
from femristor.compact.dynamics.integrator import Cells
from femristor.compact.ibm import IbmModel
from femristor.compact.kernels.hop_streams import cell_streams
from femristor.compact.noise.spread import draw_cells
from femristor.compact.noise.stochastic import NoisyCells, start_density
from femristor.core import store
from femristor.core.bounds import CELLS, PULSES
from femristor.core.constants import EV
from femristor.core.errors import InputError, StoreError
from femristor.core.jobs import kernel_interrupts
from femristor.core.messages import NullProgress
from femristor.core.provenance import Provenance, Status
from femristor.core.rng import generator
from femristor.device.card import DeviceCard

TOLERANCE = 1e-4
"""Of ln N in a drift step, far below what one pulse scatters."""
BATCH = 1024
"""Cells between two looks at the keyboard and two writes of the checkpoint."""
CHUNK = 8
"""Cells that a thread takes at a time: the numbers of pulses differ much from cell to cell."""
STREAM = 41
TABLE_SPREAD = {
    "current": "current_factor",
    "barrier_set": "barrier_set_shift_J",
    "barrier_reset": "barrier_reset_shift_J",
}


@dataclass(frozen=True)
class Verify:
    """The verify loop.

    Attributes:
        acceptance: accepted distance of a read, of the target.
        most: most pulses for a cell.
        read_noise: "off", "independent" or "flicker", see `verify_plan.read_modes`.
        read_s: length of a read.
        tolerance: of ln N in a drift step.
    """

    acceptance: float = 0.002
    most: int = 2000
    read_noise: str = "independent"
    read_s: float = READ_S
    tolerance: float = TOLERANCE

    def __post_init__(self) -> None:
        """Check the numbers."""
        PULSES.check(self.most, "most pulses of a cell (--max-pulses)")
        if not 0 < self.acceptance < 1 or self.most < 1:
            raise InputError(
                f"An acceptance of {self.acceptance:g} within {self.most} pulses is not possible; give a fraction such "
                "as 0.002 and 1 or more pulses."
            )


def program_array(
    cells: NoisyCells,
    card: DeviceCard,
    targets_S,
    plan: VerifyPlan,
    verify: Verify | None = None,
    *,
    start_density_m3=None,
    seed: int = 0,
    batch: int = BATCH,
    checkpoint: str | Path | None = None,
    spread: str = "",
    progress=None,
) -> ProgramVerify:
    """Program every cell of an array to its target; the answer depends on the seed, not on threads or batches.

    Args:
        cells: model, load, hop noise and the cells' own parameters.
        card: window and read noise.
        targets_S: (rows, cols).
        plan: the pulses.
        verify: the loop; 0.2 % with independent read noise by default.
        start_density_m3: state at the start; `stochastic.start_density` by default.
        seed: of the hops and reads.
        batch: cells at a time.
        checkpoint: HDF5 file that keeps the cells done; the same job goes on from it.
        spread: of the cells, in words, for the result.
        progress: where batches are shown.

    Returns:
        ProgramVerify.

    Raises:
        InputError: targets outside the window or of a wrong shape; a checkpoint of another job.
        KeyboardInterrupt: between batches; the checkpoint keeps the cells done.
    """
    loop = verify or Verify()
    targets = _targets(targets_S, card)
    start = start_density(cells.model) if start_density_m3 is None else start_density_m3
    job = _Job(cells, card, targets.ravel(), plan, loop, start, seed)
    done = job.run(batch, checkpoint, progress or NullProgress())
    return _result(job, done, targets.shape, spread)


def spread_cells(model, sigma: dict[str, float], cells: int, *, seed: int) -> IbmCells | TableCells | None:
    """Cells drawn with the deviations of `compact.draw_cells`, or for a table current (of its logarithm) and barriers.

    Args:
        model: the nominal cell.
        sigma: name to standard deviation; empty for equal cells.
        cells: how many.
        seed: of the draws.

    Returns:
        Parameters of the cells, None for equal ones.

    Raises:
        InputError: an unknown name or a negative deviation.
    """
    if not sigma:
        return None
    source = generator(seed, STREAM, 1)
    if isinstance(model, IbmModel):
        return draw_cells(model, sigma, cells, generator=source)
    values = {}
    for name, deviation in sigma.items():
        if name not in TABLE_SPREAD or not 0 <= deviation < np.inf:
            raise InputError(
                f"A spread of {deviation:g} of '{name}' is not possible for a table; use {', '.join(TABLE_SPREAD)} "
                "with 0 or more."
            )
        shift = deviation * source.standard_normal(cells)
        values[TABLE_SPREAD[name]] = np.exp(shift) if name == "current" else shift * EV
    return TableCells.of(model, cells, **values)


def _targets(targets_S, card: DeviceCard) -> np.ndarray:
    targets = finite_tensor(targets_S, "target matrix")
    if targets.ndim != 2:
        raise InputError(
            f"Targets of shape {tuple(targets.shape)} are no array of cells; give (rows, columns)."
        )
    CELLS.check(targets.numel(), "targets")
    ConductanceWindow.of(card.statistics).require(targets)
    return targets.numpy()


class _Job:
    """One array to program: what the kernel takes, and the cells done."""

    def __init__(self, cells: NoisyCells, card: DeviceCard, targets, plan, loop: Verify, start, seed: int):
        count = targets.size
        packed = Cells.of_model(cells.model, count, cells.load, spread=cells.spread)
        kind, (patches, rows, columns), ionic = packed.packed
        width = plan.schemes[0].width_s
        self.cells, self.card, self.plan, self.loop, self.seed = cells, card, plan, loop, seed
        self.targets, self.start = targets, packed.start(start).copy()
        self.law = (kind, (patches[0], rows, columns), cells.field(patches), ionic)
        self.own = (packed.parameters, packed.loads, *plan.rows(targets))
        self.per_hop = np.full(count, cells.noise.cluster / cells.noise.volume_m3)
        self.modes = read_modes(
            card.statistics.read_noise, loop.read_noise, read_s=loop.read_s, pulse_s=width
        )

    def digest(self) -> str:
        """Of everything the answer depends on."""
        found = hashlib.sha256()
        kind, tables, field, ionic = self.law
        for values in (
            *tables,
            *field,
            *ionic,
            *self.own,
            self.targets,
            self.start,
            self.per_hop,
            self.modes,
        ):
            found.update(np.ascontiguousarray(values, dtype=float).tobytes())
        plain = [
            kind,
            self.loop.acceptance,
            self.loop.most,
            self.loop.tolerance,
            self.cells.read_V,
            self.seed,
        ]
        found.update(json.dumps(plain).encode())
        return found.hexdigest()

    def run(self, batch: int, checkpoint, progress) -> ProgramCheckpoint:
        """All cells, from the checkpoint on where there is one."""
        name, count = self.digest(), self.targets.size
        done = self._resume(checkpoint, name)
        streams = cell_streams(self.seed, count, STREAM)
        with progress.task("program-verify", count) as shown:
            shown.advance(done.finished)
            while done.finished < count:
                part = slice(done.finished, min(done.finished + max(1, batch), count))
                new = self._batch(part, streams)
                joined = [
                    np.concatenate([getattr(done, key), values])
                    for key, values in zip(("outcome", "found", "work", "sent", "state"), new, strict=True)
                ]
                done = ProgramCheckpoint(name, part.stop, *joined)
                if checkpoint is not None:
                    store.save(done, checkpoint)
                shown.advance(part.stop - part.start)
        return done

    def _batch(self, part: slice, streams) -> tuple:
        from femristor.array.programming.kernels import STEPS, program

        state = self.start[part].copy()
        own = [values[part] for values in self.own]
        with kernel_interrupts(), numba.parallel_chunksize(CHUNK):
            outcome, found, work, sent = program(
                *self.law, *own, self.targets[part], state, self.per_hop[part], streams[part], self.modes,
                self.loop.acceptance, self.loop.most, self.loop.tolerance, self.cells.read_V, STEPS,
            )  # fmt: skip
        return outcome, found, work, sent, state

    def _resume(self, checkpoint, name: str) -> ProgramCheckpoint:
        if checkpoint is not None and Path(checkpoint).exists():
            found = store.load(checkpoint, ProgramCheckpoint)
            if found.job != name:
                raise StoreError(
                    f"{checkpoint}: belongs to another programming job (targets, pulses, noise or seed differ); "
                    "use another file or remove it."
                )
            return found
        empty = np.zeros(0, np.int8), np.zeros((0, 2)), np.zeros((0, 3)), np.zeros((0, 2), np.int32)
        return ProgramCheckpoint(name, 0, *empty, np.zeros(0))


def _result(job: _Job, done: ProgramCheckpoint, shape: tuple, spread: str) -> ProgramVerify:
    cells, plan, loop = job.cells, job.plan, job.loop

    def grid(values):
        return np.ascontiguousarray(values).reshape(shape)

    return ProgramVerify(
        target_S=grid(job.targets),
        conductance_S=grid(done.found[:, 0]),
        read_S=grid(done.found[:, 1]),
        density_m3=grid(np.exp(done.state)),
        outcome=grid(done.outcome),
        set_pulses=grid(done.sent[:, 0]),
        reset_pulses=grid(done.sent[:, 1]),
        set_J=grid(done.work[:, 0]),
        reset_J=grid(done.work[:, 1]),
        reads_A=grid(done.work[:, 2]),
        acceptance=loop.acceptance,
        max_pulses=loop.most,
        by=plan.by,
        ranges_S=np.array(plan.ranges_S),
        set_V=np.array([scheme.set_V for scheme in plan.schemes]),
        reset_V=np.array([scheme.reset_V for scheme in plan.schemes]),
        step_V=plan.step_V,
        width_s=plan.schemes[0].width_s,
        edge_s=plan.schemes[0].edge_s,
        read_V=cells.read_V,
        read_s=loop.read_s,
        start_S=float(cells.model.conductance_S(float(np.exp(job.start.mean())), cells.read_V)),
        cluster=cells.noise.cluster,
        read_noise=loop.read_noise,
        model="ibm" if isinstance(cells.model, IbmModel) else "table",
        load=cells.load.label,
        spread=spread,
        status=Status.SAMPLED,
        provenance=Provenance.create("array.verify", card=job.card, seed=job.seed),
    )
