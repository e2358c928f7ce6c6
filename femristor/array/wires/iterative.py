"""What wires take off the cells' voltages, applied in O(cells), and the iterations that need no more than that.

With J the cell currents, the bit line loses J Z_b and the source line rises by Z_s J; Z is the resistance matrix of
one line, applied by two cumulative sums. Linear cells: J = G (E - Z J), symmetrised with S = sqrt(G) to
(1 + S Z S) K = S E, J = S K, whose eigenvalues lie between 1 and 1 + G_max |Z| (about 3 for 256 cells of 88 uS at
0.35 ohm), so conjugate gradients need some twenty steps.
"""

import math
from collections.abc import Callable

import torch

from femristor.array.wires.grid import WireGrid
from femristor.array.wires.ladder import add_drops
from femristor.core.errors import ConvergenceError

STEPS_MAX = 3000
RESIDUAL = 2e-16
"""Relative residual at which conjugate gradients stop: that of rounding."""


class Line:
    """Resistance matrix of one kind of wire, applied along an axis."""

    def __init__(self, count: int, segment: float, ends_ohm: tuple[float, float], axis: int, like) -> None:
        """Prepare.

        Args:
            count: cells along the wire.
            segment: from cell to cell.
            ends_ohm: first and last cell to the ends; infinite where open.
            axis: -1 along rows, -2 along columns.
            like: tensor whose type and device are used.
        """
        first, last = self.ends = tuple(map(float, ends_ohm))
        self.axis, self.flipped = axis, math.isinf(first)
        self.segment, self.first = float(segment), last if self.flipped else first
        self.total = math.inf
        if math.isfinite(first) and math.isfinite(last):
            self.total = first + last + (count - 1) * self.segment
            steps = torch.arange(count, dtype=torch.float64, device=like.device)
            shape = (count, 1) if axis == -2 else (count,)
            self.distance = (first + self.segment * steps).reshape(shape)
        self.idle = self.segment == 0 and self.first == 0

    def drop(self, current_A: torch.Tensor) -> torch.Tensor:
        """Voltage that currents taken off the wire cost at each cell."""
        axis = self.axis
        if self.idle:
            return torch.zeros_like(current_A)
        flow = current_A if self.flipped else current_A.flip(axis)
        # The current in the segment in front of each cell, cells counted from the end that is held.
        flow = flow.cumsum(axis).flip(axis)
        lost = self.segment * flow
        lost.narrow(axis, 0, 1).copy_(self.first * flow.narrow(axis, 0, 1))
        lost = lost.cumsum(axis)
        if self.flipped:
            return lost.flip(axis)
        if math.isfinite(self.total):
            lost = lost - self.distance * (self.distance * current_A).sum(axis, keepdim=True) / self.total
        return lost

    def add_drop(self, current_A, out) -> None:
        """The same added to `out` by a kernel; both (batch, rows, cols) NumPy arrays."""
        if not self.idle:
            turn = (0, 1, 2) if self.axis == -2 else (0, 2, 1)
            add_drops(current_A.transpose(turn), self.segment, *self.ends, out.transpose(turn))


class Wires:
    """Both kinds of wire of an array."""

    def __init__(self, grid: WireGrid, rows: int, cols: int, like: torch.Tensor) -> None:
        """Prepare the lines of `grid` for an array of rows x cols."""
        axis = -2 if grid.parallel else -1
        count = rows if grid.parallel else cols
        self.grid = grid
        self.bit = Line(count, grid.segment_ohm, grid.bit_ends_ohm(), axis, like)
        self.source = Line(rows, grid.column_ohm, grid.source_ends_ohm(), -2, like)

    def drop(self, current_A: torch.Tensor) -> torch.Tensor:
        """What both wires take off the cells, (..., rows, cols) [V]."""
        if current_A.device.type != "cpu":
            return self.bit.drop(current_A) + self.source.drop(current_A)
        found = torch.zeros(current_A.shape, dtype=torch.float64)
        flat = (-1, *current_A.shape[-2:])
        currents, drops = current_A.reshape(flat).numpy(), found.reshape(flat).numpy()
        self.bit.add_drop(currents, drops)
        self.source.add_drop(currents, drops)
        return found

    def drive(self, voltage_V: torch.Tensor) -> torch.Tensor:
        """Driver voltages (..., inputs) as (..., rows, 1), or (..., 1, cols) where the lines are parallel."""
        return voltage_V.unsqueeze(-2) if self.grid.parallel else voltage_V.unsqueeze(-1)

    def driver_sum(self, current_A: torch.Tensor) -> torch.Tensor:
        """Cell currents (..., rows, cols) summed by driver, (..., inputs)."""
        return current_A.sum(-2 if self.grid.parallel else -1)


def conjugate_gradients(conductance_S, source_V, wires: Wires) -> tuple[torch.Tensor, int] | None:
    """Voltages across linear cells.

    Args:
        conductance_S: (..., 1, rows, cols) [S].
        source_V: (..., vectors, rows, cols) what cells would see without wires [V]; broadcasts.
        wires: the lines.

    Returns:
        (..., vectors, rows, cols) [V] and the steps taken, or None where it does not converge.
    """
    root = conductance_S.sqrt()
    rest = root * source_V
    found = torch.zeros_like(rest)
    along = rest.clone()
    power = _dot(rest, rest)
    goal = RESIDUAL**2 * power
    for step in range(1, STEPS_MAX + 1):
        image = along + root * wires.drop(root * along)
        width = power / _dot(along, image).clamp(min=torch.finfo(rest.dtype).tiny)
        found = found + width * along
        rest = rest - width * image
        next_power = _dot(rest, rest)
        if bool((next_power <= goal).all()):
            # Once through the wires: what is left is the rounding of one product.
            return source_V - wires.drop(root * found), step
        along = rest + next_power / power.clamp(min=torch.finfo(rest.dtype).tiny) * along
        power = next_power
    return None


def gmres(apply: Callable, right: torch.Tensor, *, tolerance: float, steps: int = 60) -> torch.Tensor:
    """Solve apply(x) = right for many systems at once, without restart.

    Args:
        apply: linear operator on (batch, rows, cols).
        right: (batch, rows, cols).
        tolerance: wanted residual over that of x = 0.
        steps: most dimensions.

    Returns:
        x, the best in the space reached.
    """
    norm = _dot(right, right).sqrt()
    tiny = torch.finfo(right.dtype).tiny
    basis = [right / norm.clamp(min=tiny)]
    heights = right.new_zeros(right.shape[0], steps + 1, steps)
    target = norm.new_zeros(right.shape[0], steps + 1)
    target[:, 0] = norm.flatten()
    for step in range(steps):
        image = apply(basis[step])
        for place, old in enumerate(basis):
            share = _dot(old, image)
            heights[:, place, step] = share.flatten()
            image = image - share * old
        size = _dot(image, image).sqrt()
        heights[:, step + 1, step] = size.flatten()
        basis.append(image / size.clamp(min=tiny))
        small, wanted = heights[:, : step + 2, : step + 1], target[:, : step + 2, None]
        weights = torch.linalg.pinv(small) @ wanted
        left = torch.linalg.vector_norm(wanted - small @ weights, dim=(1, 2))
        if bool((left <= tolerance * norm.flatten()).all()):
            break
    space = torch.stack(basis[: weights.shape[1]], 1)
    return (space * weights[..., None]).sum(1)


def require_found(found, grid: WireGrid):
    """The solution, or a sentence.

    Raises:
        ConvergenceError: there is none.
    """
    if found is None:
        raise ConvergenceError(
            f"Wires of {grid.segment_ohm:g} and {grid.column_ohm:g} ohm a segment hide most cells, and the iteration "
            f"did not converge in {STEPS_MAX} steps; lower the resistances or make the array smaller."
        )
    return found


def _dot(one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    return (one * other).sum((-2, -1), keepdim=True)
