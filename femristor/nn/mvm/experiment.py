"""Error of a 64 x 64 analog matrix product over ten years (Falcone et al., arXiv 2502.04524, Fig. 4f).

Matrix and inputs are drawn from a normal distribution with STANDARD DEVIATION 0.5, values beyond +-1 set to
+-1. (A variance of 0.5 gives 0.054 instead of 0.049 at time 0, uniform numbers in [-1, 1] 0.055.) Each draw
programs its own cells once and follows them over all times. Variants (wires, remedies, compensations, other memories)
are followed beside, on the same matrices, inputs and random numbers.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from femristor.core.bounds import DRAWS, SIDE, VECTORS, check_memory
from femristor.core.errors import InputError
from femristor.core.messages import NullProgress, Progress
from femristor.core.provenance import Provenance, Status
from femristor.core.rng import generator
from femristor.device.card import DeviceCard
from femristor.nn.mvm.law import expected_rmse
from femristor.nn.mvm.product import AnalogMatrix, CellMaker, MvmSettings
from femristor.nn.results.mvm import MvmExperiment, MvmSizes

TEN_YEARS_S = 10 * 365 * 86400.0
DEFAULT_TIMES_S = (0.0, 1.0, 3600.0, 86400.0, TEN_YEARS_S)
PAPER_SETTINGS = MvmSettings()
PAPER_RMSE = {1.0: 0.06, TEN_YEARS_S: 0.2}
PAPER_WAN_RMSE = 0.58
"""Printed in Falcone et al., arXiv 2502.04524 (with 0.35 ohm wires)."""
REFERENCE_RMSE = dict(zip(DEFAULT_TIMES_S, (0.049, 0.063, 0.112, 0.142, 0.200), strict=True))
REFERENCE_NOTE = "one draw of aihwkit's example 34 without wires, N(0, 0.5) clipped to [-1, 1]"


@dataclass(frozen=True)
class MvmDesign:
    """What is multiplied.

    Attributes:
        size: rows and columns of the matrix.
        inputs: number of input vectors a draw.
        deviation: standard deviation of the normal distribution of weights and inputs.
        limit: where they are clipped.
        draws: repetitions with another matrix, other inputs and other cells.
        times_s: rising times since programming.
    """

    size: int = 64
    inputs: int = 100
    deviation: float = 0.5
    limit: float = 1.0
    draws: int = 10
    times_s: Sequence[float] = DEFAULT_TIMES_S

    def __post_init__(self) -> None:
        """Check sizes and times."""
        if min(self.size, self.inputs, self.draws) < 1:
            raise InputError(
                f"A size of {self.size}, {self.inputs} inputs and {self.draws} draws make no experiment; use 1 or more of each."
            )
        SIDE.check(self.size, "rows and columns (--size)")
        VECTORS.check(self.inputs, "input vectors (--inputs)")
        DRAWS.check(self.draws, "draws (--draws)")
        check_memory(
            8.0 * self.size * (20 * self.size + 8 * self.inputs),
            f"a product of {self.inputs} vectors with {self.size} x {self.size} cells (--size, --inputs)",
            "give a smaller size or fewer inputs",
        )
        if not (0 < self.deviation < math.inf and 0 < self.limit < math.inf):
            raise InputError(
                f"A deviation of {self.deviation} and a limit of {self.limit} are not possible; give both above 0."
            )
        times = np.asarray(self.times_s, dtype=float)
        if times.ndim != 1 or times.size < 1 or not (np.isfinite(times).all() and times[0] >= 0):
            raise InputError(f"The times {list(self.times_s)} must be finite and begin at 0 s or later.")
        if np.any(np.diff(times) <= 0):
            raise InputError(f"The times {list(self.times_s)} do not rise; sort them and remove duplicates.")

    def draw(self, seed: int, index: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Matrix (size, size) and inputs (inputs, size) of one draw, float64."""
        rng = generator(seed, 20, index)
        matrix, inputs = (
            torch.from_numpy(
                np.clip(rng.normal(0.0, self.deviation, (count, self.size)), -self.limit, self.limit)
            )
            for count in (self.size, self.inputs)
        )
        return matrix, inputs


def single_causes(settings: MvmSettings) -> dict[str, MvmSettings]:
    """Settings in which one cause of error acts alone (at the bounds and scales of the full ones)."""
    exact = replace(settings, input_bits=None, output_bits=None, effects=())
    causes = {"quantisation": replace(settings, effects=())}
    for name in settings.effects:
        causes[name] = replace(exact, effects=(name,))
    return causes


def output_bound(size: int) -> float:
    """ADC bound of a matrix of this size: 15 for 64, and growing as the outputs' deviation, 15 sqrt(size/64)."""
    return 15.0 * math.sqrt(size / 64)


def mvm_experiment(
    card: DeviceCard,
    make_cells: CellMaker,
    *,
    design: MvmDesign = MvmDesign(),
    settings: MvmSettings = PAPER_SETTINGS,
    seed: int = 0,
    progress: Progress | None = None,
    variants: Mapping[str, CellMaker] | None = None,
    wires: str = "none",
    cells: str = "card",
) -> MvmExperiment:
    """Program, wait, multiply, compare; with all causes of error and with each alone.

    Args:
        card: device card, for the provenance.
        make_cells: puts weights on cells without wires: `femristor.array.weights.weight_arrays(card)`. They are what
            is multiplied with, unless there are variants, and what gives the budget by cause.
        design: matrix, inputs, draws, times.
        settings: converters, mapping, non-idealities.
        seed: of all draws.
        progress: where the draws are shown.
        variants: what to set side by side; the first one takes the place of `make_cells` as the main one.
        wires: of the main one, in words; other than "none" adds them to the causes.
        cells: "card", or the name of another memory.

    Returns:
        MvmExperiment.

    Raises:
        InputError: an acceptance that the card does not know.
    """
    makers = dict(variants or {"all causes": make_cells})
    main = next(iter(makers.values()))
    causes = {name: (make_cells, single) for name, single in single_causes(settings).items()}
    if wires != "none":
        causes["wires"] = (main, replace(settings, input_bits=None, output_bits=None, effects=()))
    times = np.asarray(design.times_s, dtype=float)
    law = np.full((times.size, design.draws), np.nan)
    found = np.empty((len(makers), times.size, design.draws))
    by_cause = np.empty((len(causes), times.size, design.draws))
    scatter: list[np.ndarray] = []
    with (progress or NullProgress()).task("matrix products", design.draws * len(makers)) as task:
        for index in range(design.draws):
            matrix, inputs = design.draw(seed, index)
            exact = inputs @ matrix.T
            for row, (name, maker) in enumerate(makers.items()):
                # The same stream for all: they differ by what is done, not by their luck.
                analog = AnalogMatrix(matrix, maker, settings, stream=(seed, 21, index, 0))
                if row == 0 and wires == "none":
                    law[:, index] = [expected_rmse(analog, matrix, inputs, time_s=time) for time in times]
                keep = scatter if index == row == 0 else None
                found[row, :, index] = _follow(analog, inputs, exact, times, keep=keep)
                task.advance(1, f"{design.size} x {design.size}: {name}")
            for row, (maker, single) in enumerate(causes.values()):
                alone = AnalogMatrix(matrix, maker, single, stream=(seed, 21, index, 1 + row))
                # Nothing changes with time where no effect of the cells acts.
                count = times.size if single.effects else 1
                by_cause[row, :, index] = _follow(alone, inputs, exact, times[:count])
    plain = wires == "none" and cells == "card" and main is make_cells
    is_reference = plain and is_paper_setting(design, settings)
    references = [time for time in REFERENCE_RMSE if is_reference and time in times]
    first_matrix, first_inputs = design.draw(seed, 0)
    rmse = found[0]
    return MvmExperiment(
        time_s=times,
        rmse=rmse,
        rmse_mean=rmse.mean(axis=1),
        rmse_std=rmse.std(axis=1, ddof=1) if design.draws > 1 else np.zeros(times.size),
        rmse_law=law.mean(axis=1),
        scatter_exact=(first_inputs @ first_matrix.T).numpy().reshape(-1),
        scatter_analog=np.stack(scatter),
        causes=tuple(causes),
        rmse_by_cause=by_cause.mean(axis=2),
        variants=tuple(makers),
        rmse_by_variant=found,
        reference_time_s=np.asarray(references, dtype=float),
        reference_rmse=np.array([REFERENCE_RMSE[time] for time in references]),
        reference_note=REFERENCE_NOTE,
        settings=_settings(design, settings, wires, cells),
        status=Status.SAMPLED,
        provenance=Provenance.create("nn.mvm", card=card, seed=seed),
    )


def by_size(card: DeviceCard, runs: Sequence[MvmExperiment], *, seed: int) -> MvmSizes:
    """Experiments of several sizes as one result."""
    return MvmSizes(
        runs=tuple(runs),
        status=Status.SAMPLED,
        provenance=Provenance.create("nn.mvm.sizes", card=card, seed=seed),
    )


def _follow(
    analog: AnalogMatrix,
    inputs: torch.Tensor,
    exact: torch.Tensor,
    times: np.ndarray,
    *,
    keep: list | None = None,
) -> np.ndarray:
    rmse = np.empty(times.size)
    for index, time in enumerate(times):
        analog.advance(float(time))
        result = analog(inputs)
        rmse[index] = float((result - exact).square().mean().sqrt())
        if keep is not None:
            keep.append(result.numpy().reshape(-1))
    return rmse


def is_paper_setting(design: MvmDesign, settings: MvmSettings) -> bool:
    """Whether size, distribution and periphery are those of the paper's Fig. 4f."""
    return settings == PAPER_SETTINGS and (design.size, design.deviation, design.limit) == (64, 0.5, 1.0)


def _settings(
    design: MvmDesign, settings: MvmSettings, wires: str, cells: str
) -> dict[str, str | float | int | bool | None]:
    return {
        "size": design.size,
        "inputs": design.inputs,
        "draws": design.draws,
        "distribution": f"normal, standard deviation {design.deviation:g}, clipped to +-{design.limit:g}",
        "input_bits": settings.input_bits,
        "output_bits": settings.output_bits,
        "output_bound": settings.output_bound,
        "input_scale": settings.input_scale,
        "mapping": settings.mapping,
        "acceptance": settings.acceptance,
        "wires": wires,
        "cells": cells,
        "is_paper_setting": is_paper_setting(design, settings),
        "effects": ", ".join(settings.effects) or "none",
    }
