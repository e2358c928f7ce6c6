"""Arrays of cells that are not linear, with their wires: Newton with the cells' own current and slopes.

The unknown is the current J of every cell, bit and source voltages follow from it: b = V - J Z_b, s = Z_s J. Newton on
F(J) = J - f(b, s) solves (1 + f_b Z_b - f_s Z_s) dJ = -F: the identity plus a little, applied in O(cells), by GMRES.
Without wires the first step is the answer. Steps that do not lower |F| are halved.
"""

from typing import Protocol

import torch

from femristor.array.checks import finite_tensor
from femristor.array.results.wires import WireSolution
from femristor.array.wires.grid import WireGrid
from femristor.array.wires.iterative import Wires, gmres
from femristor.array.wires.solver import as_double, solution
from femristor.core.errors import ConvergenceError, InputError

TOLERANCE = 2e-14
"""Largest |F| over the largest current at an end of a wire."""
FLOOR = 5e-13
"""The same that is accepted when no step lowers it further: the rounding of the cells' own law."""
STEPS_MAX = 60
HALVINGS = 12
INNER = 1e-6


class CellLaw(Protocol):
    """What the wires ask of their cells."""

    def current_and_slopes(
        self, bit_V: torch.Tensor, source_V: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Current from bit to source node and its slopes d/d bit_V (0 or more) and d/d source_V (0 or less).

        Args:
            bit_V: (*tiles, rows, cols) [V].
            source_V: (*tiles, rows, cols) [V].

        Returns:
            Three tensors of the same shape [A, S, S].
        """


def solve_nonlinear(
    law: CellLaw,
    voltage_V,
    grid: WireGrid,
    *,
    shape: tuple[int, ...],
    tolerance: float = TOLERANCE,
    device="cpu",
) -> WireSolution:
    """Voltages of all nodes and currents of all ends.

    Args:
        law: the cells.
        voltage_V: (*tiles, vectors, inputs), (vectors, inputs) for all tiles, or (inputs,) [V].
        grid: the wires.
        shape: (*tiles, rows, cols) of the cells.
        tolerance: wanted violation of Kirchhoff's law over the largest current.
        device: torch device of the law.

    Returns:
        WireSolution; `iterations` are the most Newton steps of a vector.

    Raises:
        InputError: shapes that do not fit.
        ConvergenceError: no solution was found.
    """
    if len(shape) < 2 or min(shape) < 1:
        raise InputError(f"Cells of shape {tuple(shape)} make no array; give (*tiles, rows, cols).")
    plain = as_double(voltage_V, "The voltages are no rectangular array of numbers; give one for each line.")
    voltage = finite_tensor(plain, "voltage", device=device)
    grid.require_voltages(tuple(shape), tuple(voltage.shape))
    voltage = voltage if voltage.ndim > 1 else voltage[None]
    voltage = voltage.expand(*shape[:-2], *voltage.shape[-2:])
    wires = Wires(grid, *shape[-2:], voltage)
    currents, worst, steps = [], 0.0, 0
    with torch.no_grad():
        for vector in voltage.unbind(-2):
            drive = wires.drive(vector).expand(shape)
            current, residual, taken = _newton(law, drive, wires, tolerance)
            currents.append(current)
            worst, steps = max(worst, residual), max(steps, taken)
    drives = wires.drive(voltage)
    return solution(
        torch.stack(currents, -3), drives, wires, worst, iterations=steps, step="array.wires_nonlinear"
    )


def _newton(law: CellLaw, drive: torch.Tensor, wires: Wires, tolerance: float):
    """Cell currents of one vector in all tiles, their residual and the steps taken."""
    state = _State(law, torch.zeros_like(drive), drive, wires)
    for step in range(STEPS_MAX + 1):
        scale = _scale(state.current, wires)
        worst = float(state.residual.abs().max())
        if step and worst <= tolerance * scale:
            return state.current, worst, step
        following = _damped(state, _direction(state, wires), wires)
        if following is None:
            if worst <= FLOOR * scale:
                return state.current, worst, step
            raise ConvergenceError(
                f"Newton for the array's node voltages stopped after {step} steps at a Kirchhoff residual of {worst:.3g} A: "
                "no shorter step lowers it; lower the voltages or the wire resistance, or check the cells' slopes."
            )
        state = following
    raise ConvergenceError(
        f"Newton for the array's node voltages has a Kirchhoff residual of {worst:.3g} A after {STEPS_MAX} steps; "
        "lower the voltages or the wire resistance, or raise the voltages in stages."
    )


class _State:
    """An iterate: cell currents that the wires carry, and what the cells say to the voltages that follow."""

    def __init__(self, law: CellLaw, current: torch.Tensor, drive: torch.Tensor, wires: Wires) -> None:
        self.law, self.current, self.drive = law, current, drive
        bit = drive - wires.bit.drop(current)
        source = wires.source.drop(current)
        found, self.by_bit, self.by_source = (
            torch.as_tensor(value).expand(drive.shape) for value in law.current_and_slopes(bit, source)
        )
        self.residual = current - found

    @property
    def finite(self) -> bool:
        """Whether the cells' answer is a number everywhere."""
        return bool(torch.isfinite(self.residual).all())


def _direction(state: _State, wires: Wires) -> torch.Tensor:
    shape = state.current.shape
    flat = (-1, *shape[-2:])
    by_bit, by_source = state.by_bit.reshape(flat), state.by_source.reshape(flat)

    def apply(change: torch.Tensor) -> torch.Tensor:
        return change + by_bit * wires.bit.drop(change) - by_source * wires.source.drop(change)

    return gmres(apply, -state.residual.reshape(flat), tolerance=INNER).reshape(shape)


def _damped(state: _State, change: torch.Tensor, wires: Wires) -> _State | None:
    """The first of the steps 1, 1/2, 1/4, ... that lowers |F|, or None."""
    before = float(torch.linalg.vector_norm(state.residual))
    length = 1.0
    for _ in range(HALVINGS):
        trial = _State(state.law, state.current + length * change, state.drive, wires)
        if trial.finite and float(torch.linalg.vector_norm(trial.residual)) < before:
            return trial
        length /= 2
    return None


def _scale(current: torch.Tensor, wires: Wires) -> float:
    return float(max(current.sum(-2).abs().max(), wires.driver_sum(current).abs().max()))
