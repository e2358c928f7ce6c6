"""Cells of an array with their own parameters and hop noise, ready for any kernel: draws, batches, failures."""

from dataclasses import dataclass, fields

import numpy as np

from femristor.compact.dynamics.cells import IbmCells, TableCells
from femristor.compact.dynamics.integrator import Cells, raise_failure
from femristor.compact.ibm import IbmModel
from femristor.compact.noise.spread import PARAMETERS, SpreadTrain, draw_cells, fit_spread, states_target
from femristor.compact.noise.stochastic import HopNoise, NoisyCells, start_density
from femristor.compact.table.interpolate import TableModel
from femristor.core.bounds import CELLS
from femristor.core.constants import EV
from femristor.core.errors import InputError
from femristor.core.rng import generator
from femristor.device.card import DeviceCard
from femristor.device.load_line import BARE, Load
from femristor.device.pulse_scheme import PulseScheme

TABLE_PARAMETERS = {
    "current": "current_factor",
    "barrier_set": "barrier_set_shift_J",
    "barrier_reset": "barrier_reset_shift_J",
}
"""Spread of a table: relative for the current, eV for the barriers."""


@dataclass(frozen=True)
class HopArray:
    """Cells that differ by physical parameters and whose vacancies hop at random.

    Attributes:
        model: the nominal cell.
        noise: volume and cluster.
        load: in series with every cell.
        spread: name of each parameter to its standard deviation over devices; empty for equal cells.
        seed: of draws and noise.
    """

    model: IbmModel | TableModel
    noise: HopNoise
    load: Load
    spread: dict[str, float]
    seed: int = 0

    def draw(self, count: int) -> IbmCells | TableCells:
        """Parameters of the first cells; more cells leave the first ones as they are.

        Raises:
            InputError: an unknown name or a negative deviation, or too many cells.
        """
        CELLS.check(count, "cells of the array (--rows x --cols)")
        if isinstance(self.model, IbmModel):
            if not self.spread:
                return IbmCells.of(self.model, count)
            one = {name: draw_cells(self.model, {name: s}, count, generator=generator(self.seed, 61, i))
                   for i, (name, s) in enumerate(sorted(self.spread.items()))}  # fmt: skip
            values = {PARAMETERS[name][0]: getattr(cells, PARAMETERS[name][0]) for name, cells in one.items()}
            return IbmCells.of(self.model, count, **values)
        values = {}
        for index, (name, sigma) in enumerate(sorted(self.spread.items())):
            if name not in TABLE_PARAMETERS or not sigma >= 0:
                raise InputError(
                    f"A table has no spread of {sigma:g} of '{name}'; use {', '.join(TABLE_PARAMETERS)}, 0 or more."
                )
            draw = sigma * generator(self.seed, 61, index).standard_normal(count)
            values[TABLE_PARAMETERS[name]] = np.exp(draw) if name == "current" else draw * EV
        return TableCells.of(self.model, count, **values)

    def noisy(self, cells: IbmCells | TableCells, *, read_V: float = 0.2) -> NoisyCells:
        """Some of the cells for pulses."""
        return NoisyCells(self.model, self.noise, self.load, spread=cells, read_V=read_V)

    def kernel_cells(self, cells: IbmCells | TableCells) -> tuple:
        """(kind, tables of one ambient, field, ionic), and the `Cells` themselves."""
        ready = Cells.of_model(self.model, cells.count, self.load, spread=cells)
        kind, (patches, rows, columns), ionic = ready.packed
        field = self.noisy(cells).field(patches)
        return (kind, (patches[0], rows, columns), field, ionic), ready

    def start_m3(self) -> float:
        """HRS from which trains start."""
        return start_density(self.model)

    def raise_first(self, status, first: int, place) -> None:
        """One sentence on the first cell that failed, `place(cell)` gives (text, density)."""
        failed = np.flatnonzero(status)
        if failed.size:
            text, density = place(int(failed[0]))
            raise_failure(
                int(status[failed[0]]), f"cell {first + int(failed[0])} {text}", density, self.model
            )

    def settings(self) -> dict:
        """What an experiment's key depends on."""
        table = None if isinstance(self.model, IbmModel) else self.model.table.provenance
        law = self.model.card.hash if isinstance(self.model, IbmModel) else str(table)
        return {
            "model": type(self.model).__name__, "law": law, "ambient": self.model.ambient_K, "noise": self.noise,
            "load": self.load, "spread": self.spread, "seed": self.seed,
        }  # fmt: skip


def part_of(cells: IbmCells | TableCells, part: slice):
    """Some of the cells."""
    return type(cells)(**{field.name: getattr(cells, field.name)[part] for field in fields(cells)})


def fitted_spread(card: DeviceCard, model: IbmModel | TableModel, load: Load = BARE) -> dict[str, float]:
    """Spread of named parameters that gives the card's measured deviations of N_states and skew, noise-free.

    A table has no such fit (its parameters are others): its cells get none.

    Args:
        card: device card, for the measured deviations and the pulses.
        model: the nominal cell.
        load: in series.

    Returns:
        Name to standard deviation; parameters that the fit sets to 0 are left out.
    """
    if not isinstance(model, IbmModel):
        return {}
    pulses = card.statistics.pulses
    train = SpreadTrain(model, PulseScheme.of_card(card), load, start_density(model))
    targets = {
        "ln_states": states_target(pulses.n_states_mean, pulses.n_states_std),
        "skew": pulses.skew_std,
    }
    fit = fit_spread(train, targets, names=("radius", "length", "barrier_set", "barrier_reset"))
    return {n: s for n, s in zip(fit.names, fit.sigma.tolist(), strict=True) if s > 0}
