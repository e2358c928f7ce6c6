"""Current of the bare cell in torch, state frozen: IBM's law, a distilled table, a plain conductance.

Each law gives I(V, s) with dI/dV and dI/ds, where s is the density N, for the linear cell its conductance. The table
is `V exp(f(ln N, |V|))` with bicubic f; IBM's law `A J(V, I, N) = I` is solved by Newton from below, so that the
branch is the one that starts at I = 0. NumPy twins: `compact.interpolate.TableModel`, `compact.ibm.IbmModel`.
"""

from typing import Protocol

import numpy as np
import torch

from femristor.compact.dynamics.cells import IbmCells
from femristor.compact.ibm import IbmModel
from femristor.compact.table.interpolate import SLACK, TableModel
from femristor.core.errors import ConvergenceError, InputError, RangeError

TOLERANCE = 1e-13
"""Of the current, relative: where Newton stops; the step behind it is quadratically smaller."""
ITERATIONS = 200
"""Most steps of Newton or bisection."""


class DeviceLaw(Protocol):
    """What a 1T1R cell asks of its device."""

    def evaluate(
        self, volt: torch.Tensor, state: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """I, dI/dV and dI/dstate at voltages over the device; shapes are equal, no gradients are recorded."""


class LinearLaw:
    """I = G V; the state is the conductance [S]."""

    def evaluate(self, volt, state):
        """See DeviceLaw."""
        return state * volt, state, volt


class TableLaw:
    """A distilled table, the state is the dome density [1/m^3].

    Args:
        model: the table at one ambient.

    Raises (in evaluate):
        RangeError: outside the table.
    """

    def __init__(self, model: TableModel) -> None:
        """Take the patches of the current."""
        self.model = model
        names = ("patches", "rows", "columns")
        arrays = (model.patches("current_A"), model.knots_ln_density, model.knots_V)
        self._parts = {
            name: torch.as_tensor(np.ascontiguousarray(array))
            for name, array in zip(names, arrays, strict=True)
        }

    def evaluate(self, volt, state):
        """See DeviceLaw."""
        parts = {name: array.to(volt.device) for name, array in self._parts.items()}
        size = volt.abs()
        first, last = self.model.table.density_m3[[0, -1]]
        _require(size, 0.0, self.model.voltage_max_V, "device voltage", "V; lower the voltages")
        _require(state, float(first), float(last), "dome density", "1/m^3; start inside it")
        row, s, height = _place(parts["rows"], state.log())
        column, t, width = _place(parts["columns"], size)
        c = parts["patches"][row, column]
        inner, inner_t = _cubic(c, t[..., None])
        value, value_s = _cubic(inner, s)
        value_t = ((inner_t[..., 3] * s + inner_t[..., 2]) * s + inner_t[..., 1]) * s + inner_t[..., 0]
        conductance = value.exp()
        current = volt * conductance
        return current, conductance * (1 + size * value_t / width), current * value_s / (height * state)


class IbmLaw:
    """IBM's published law, the state is the density [1/m^3].

    Args:
        model: the nominal cell.
        cells: parameters of single cells in the order of the array's cells; all nominal by default.
        shape: of the array, (*tiles, rows, cols), where cells are given.

    Raises:
        InputError: another number of cells than the shape has.
    """

    def __init__(
        self, model: IbmModel, cells: IbmCells | None = None, shape: tuple[int, ...] | None = None
    ) -> None:
        """Pack the parameters, energies in kelvin."""
        self.model = model
        if cells is not None and (shape is None or int(np.prod(shape)) != cells.count):
            raise InputError(
                f"{cells.count} cells do not fill an array of shape {shape}; give one set of parameters for each."
            )
        packed = (IbmCells.of(model, 1) if cells is None else cells).pack(model)
        self._cell = [
            torch.as_tensor(np.ascontiguousarray(column)).reshape(shape if cells is not None else ())
            for column in packed.T
        ]

    def evaluate(self, volt, state):
        """See DeviceLaw."""
        size = volt.abs()
        _require(state, 0.0, self.model.ionic.density_max_m3, "density", "1/m^3; start inside it")
        cell = [value.to(volt.device) for value in self._cell[:11]]
        distance = torch.maximum(cell[5], cell[6] - cell[7] * state)
        shrinks = torch.where(distance > cell[5], -cell[7], torch.zeros_like(cell[7]))
        barrier = (cell[8] - cell[9] * state).clamp(min=0)
        falls = torch.where(barrier > 0, -cell[9], torch.zeros_like(cell[9]))
        scale, reach = cell[0] * state * distance, cell[10] * distance
        current, terms = self._solve(size, cell, scale, reach, barrier)
        hops, by_x, j_v, slope, over, x = terms
        j_n = hops * (1 / state + shrinks / distance - falls * over) + by_x * x * shrinks / distance
        return torch.copysign(current, volt), -j_v / slope, -j_n / slope * torch.sign(volt)

    def _solve(self, volt, cell, scale, reach, barrier):
        """Smallest root of A J - I, and the terms of its derivatives there."""
        series, ambient, warmth = cell[2], cell[4], cell[3] * volt
        current, low = torch.zeros_like(volt), torch.zeros_like(volt)
        high = torch.where(series > 0, volt / series.clamp(min=1e-300), torch.full_like(volt, torch.inf))
        for _ in range(ITERATIONS):
            over = 1 / (ambient + warmth * current)
            drive = (volt - current * series).clamp(min=0)
            x = reach * drive * over
            growth = scale * torch.exp(-barrier * over)
            hops, by_x = growth * torch.sinh(x), growth * torch.cosh(x)
            heat = hops * barrier * over**2
            slope = -by_x * (reach * series + x * warmth) * over + heat * warmth - 1
            residual = hops - current
            low, high = torch.where(residual >= 0, current, low), torch.where(residual < 0, current, high)
            trial = current - residual / slope
            inside = (slope < 0) & (trial >= low) & (trial <= high)
            middle = torch.where(torch.isfinite(high), 0.5 * (low + high), 2 * low)
            following = torch.where(inside, trial, middle)
            settled = (following - current).abs() <= TOLERANCE * following.abs()
            current = following
            if bool(settled.all()):
                j_v = by_x * (reach - x * cell[3] * current) * over + heat * cell[3] * current
                return current, (hops, by_x, j_v, slope, over, x)
        worst = float(volt[~settled].max())
        raise ConvergenceError(
            f"The published law finds no current at {worst:.4g} V over the device; lower the voltages."
        )


def device_law(model) -> DeviceLaw:
    """The torch law of a distilled model.

    Args:
        model: TableModel or IbmModel.

    Returns:
        TableLaw or IbmLaw.

    Raises:
        InputError: another kind of model.
    """
    if isinstance(model, TableModel):
        return TableLaw(model)
    if isinstance(model, IbmModel):
        return IbmLaw(model)
    raise InputError(f"{type(model).__name__} has no law in torch; give a TableModel or an IbmModel.")


def _place(knots: torch.Tensor, at: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Index of the interval, place in it from 0 to 1, and its width."""
    index = (torch.searchsorted(knots, at.contiguous(), right=True) - 1).clamp(0, knots.numel() - 2)
    width = knots[index + 1] - knots[index]
    return index, (at - knots[index]) / width, width


def _cubic(c: torch.Tensor, t: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Cubic with coefficients (..., 4) at t, and its slope."""
    value = ((c[..., 3] * t + c[..., 2]) * t + c[..., 1]) * t + c[..., 0]
    return value, (3 * c[..., 3] * t + 2 * c[..., 2]) * t + c[..., 1]


def _require(values: torch.Tensor, low: float, high: float, name: str, remedy: str) -> None:
    inside = (values >= low * (1 - SLACK)) & (values <= high * (1 + SLACK))
    if not bool(inside.all()):
        worst = float(values[~inside].flatten()[0])
        raise RangeError(
            f"A {name} of {worst:.4g} is outside the law, which holds {low:.4g} to {high:.4g} {remedy}."
        )
