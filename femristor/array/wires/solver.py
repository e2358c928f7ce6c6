"""Exact currents of arrays with resistive wires: transfer matrices, column currents, all node voltages.

Two engines: block elimination for whole transfer matrices (`wires.blocks`), conjugate gradients on the wires'
resistance matrices for few input vectors (`wires.iterative`). Float64, on the device of the conductances, batched over
leading axes. Gradients: with w the cell voltages and w' those when the columns are driven by dL/dI and the rows
grounded, dL/dG = sum over vectors of w w' (Tellegen), and dL/dV is the current that w' sends into the drivers.
"""

import numpy as np
import torch

from femristor.array.results.wires import WireSolution
from femristor.array.wires.blocks import BlockFactor, block_transfer
from femristor.array.wires.grid import WireGrid, require_cells, require_lines
from femristor.array.wires.iterative import Wires, conjugate_gradients, require_found
from femristor.array.wires.ladder import Ladders
from femristor.core.bounds import check_memory
from femristor.core.errors import InputError
from femristor.core.provenance import Provenance, Status

FIELDS_BYTES = 1.0e9
"""Memory for the cell voltages of one group of inputs in a backward pass."""
GROUP_CELLS = 2.0e5
"""Cells times vectors of one group of iterations, so that its fields stay in the cache."""
VECTOR_COST = 250.0
"""Multiplications of block elimination that cost as long as one cell in one iteration."""


def transfer_matrix(conductance_S, grid: WireGrid) -> torch.Tensor:
    """Effective conductances: I_j = sum_i V_i Y_ij, with gradients to the conductances.

    Args:
        conductance_S: (*tiles, rows, cols), 0 or more [S].
        grid: the wires.

    Returns:
        (*tiles, rows, cols) [S]; where bit and source lines are parallel (*tiles, cols, cols), diagonal.

    Raises:
        InputError: NaN, negative or no conductances.
        ConvergenceError: wires that hide the cells.
    """
    cells = _cells(conductance_S)
    rows, cols = cells.shape[-2:]
    if grid.parallel:
        ones = torch.ones(1, cols, dtype=cells.dtype, device=cells.device)
        return torch.diag_embed(column_currents(cells, ones, grid).squeeze(-2))
    flat = cells.reshape(-1, rows, cols)
    return _Transfer.apply(flat, grid).reshape(cells.shape)


def column_currents(conductance_S, voltage_V, grid: WireGrid) -> torch.Tensor:
    """Currents into the grounds of the columns, with gradients to conductances and voltages.

    Args:
        conductance_S: (*tiles, rows, cols), 0 or more [S].
        voltage_V: (*tiles, vectors, inputs), (vectors, inputs) for all tiles, or (inputs,) [V].
        grid: the wires.

    Returns:
        (*tiles, vectors, cols) [A].

    Raises:
        InputError: NaN or negative conductances, shapes that do not fit.
        ConvergenceError: wires that hide the cells.
    """
    cells, voltage = _inputs(conductance_S, voltage_V, grid)
    if not grid.parallel and _many(cells, voltage.shape[-2], grid):
        return voltage @ transfer_matrix(cells, grid)
    return _Currents.apply(cells, voltage, grid)


def solve_wires(conductance_S, voltage_V, grid: WireGrid) -> WireSolution:
    """Voltages of all nodes and currents of all ends.

    Args:
        conductance_S: (*tiles, rows, cols), 0 or more, no line all 0 [S].
        voltage_V: (*tiles, vectors, inputs), (vectors, inputs) for all tiles, or (inputs,) [V].
        grid: the wires.

    Returns:
        WireSolution.

    Raises:
        InputError: NaN or negative conductances, an open row, a column without cells, shapes that do not fit.
        ConvergenceError: wires that hide the cells.
    """
    with torch.no_grad():
        cells, voltage = _inputs(conductance_S, voltage_V, grid)
        require_lines(cells.sum(-1).cpu().numpy(), cells.sum(-2).cpu().numpy())
        vectors = voltage.shape[-2] * cells.numel()
        check_memory(
            80.0 * vectors, f"{vectors} cell voltages, of all vectors", "give fewer vectors at a time"
        )
        wires = Wires(grid, *cells.shape[-2:], cells)
        drive = wires.drive(voltage)
        cell_V, steps = _cell_voltages(cells, drive, grid, wires)
        current = cells.unsqueeze(-3) * cell_V
        found = cells.unsqueeze(-3) * (drive - wires.drop(current))
        residual = float((current - found).abs().max())
    return solution(current, drive, wires, residual, iterations=steps, step="array.wires")


def solution(current, drive, wires: Wires, residual: float, *, iterations: int, step: str) -> WireSolution:
    """Node voltages from cell currents.

    Args:
        current: (*tiles, vectors, rows, cols) that the wires carry to and from each cell [A].
        drive: driver voltages, broadcast to the same.
        wires: the lines.
        residual: largest difference between the cells' own currents at these voltages and `current` [A].
        iterations: of the solver.
        step: for the provenance.

    Returns:
        WireSolution.
    """
    bit = drive - wires.bit.drop(current)
    source = wires.source.drop(current)
    grid = wires.grid
    return WireSolution(
        drive_V=drive.squeeze(-2 if grid.parallel else -1).cpu().numpy(),
        row_V=bit.cpu().numpy(),
        column_V=source.cpu().numpy(),
        column_current_A=current.sum(-2).cpu().numpy(),
        driver_current_A=wires.driver_sum(current).cpu().numpy(),
        residual_A=residual,
        iterations=iterations,
        wires={**vars(grid), "column_segment_ohm": grid.column_ohm},
        status=Status.CONVERGED,
        provenance=Provenance.create(step),
    )


class _Transfer(torch.autograd.Function):
    """Block elimination forward; backward by the cell voltages of all unit inputs and of their duals."""

    @staticmethod
    def forward(ctx, flat: torch.Tensor, grid: WireGrid) -> torch.Tensor:
        ctx.save_for_backward(flat)
        ctx.grid = grid
        return block_transfer(flat.detach(), grid)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, above: torch.Tensor):
        (flat,) = ctx.saved_tensors
        slopes = torch.empty_like(flat)
        for tile in range(flat.shape[0]):
            slopes[tile] = _transfer_slopes(flat[tile : tile + 1], above[tile : tile + 1], ctx.grid)[0]
        return slopes, None


def _transfer_slopes(cells: torch.Tensor, above: torch.Tensor, grid: WireGrid) -> torch.Tensor:
    """Sum over the unit inputs of w w', in groups of inputs that fit the memory."""
    rows, cols = cells.shape[-2:]
    factor, turn = _factor(cells, grid)
    slopes = torch.zeros_like(cells)
    eye = torch.eye(rows, dtype=cells.dtype, device=cells.device)[None]
    group = max(1, int(FIELDS_BYTES / (32 * rows * cols)))
    for first in range(0, rows, group):
        unit = eye[..., first : first + group]
        seen = above[:, first : first + group].transpose(-1, -2)
        primal = factor.cell_voltages(unit, None)
        dual = factor.cell_voltages(None, turn(seen))
        slopes += turn((primal * dual).sum(-1)).transpose(-1, -2)
    return slopes


def _factor(cells: torch.Tensor, grid: WireGrid):
    """Block factors with the driven end of the rows first, and the flip of columns that this takes."""
    right = grid.drive == "right"

    def turn(values: torch.Tensor) -> torch.Tensor:
        return values.flip(1) if right else values

    columns = turn(cells.transpose(-1, -2)).contiguous()
    ends = grid.bit_ends_ohm()
    ladders = Ladders(columns, grid.column_ohm, grid.source_ends_ohm())
    return BlockFactor(columns, ladders, grid.segment_ohm, ends[::-1] if right else ends), turn


class _Currents(torch.autograd.Function):
    """Cell voltages of the vectors forward, of their duals backward."""

    @staticmethod
    def forward(ctx, cells: torch.Tensor, voltage: torch.Tensor, grid: WireGrid) -> torch.Tensor:
        cells_, voltage_ = cells.detach(), voltage.detach()
        wires = Wires(grid, *cells.shape[-2:], cells_)
        cell_V, _ = _cell_voltages(cells_, wires.drive(voltage_), grid, wires)
        ctx.save_for_backward(cells_, cell_V)
        ctx.wires = wires
        return (cells_.unsqueeze(-3) * cell_V).sum(-2)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, above: torch.Tensor):
        cells, cell_V = ctx.saved_tensors
        dual, _ = _cell_voltages(cells, above.unsqueeze(-2), ctx.wires.grid, ctx.wires)
        by_cells = (cell_V * dual).sum(-3) if ctx.needs_input_grad[0] else None
        by_voltage = ctx.wires.driver_sum(cells.unsqueeze(-3) * dual)
        return by_cells, by_voltage, None


def _cell_voltages(cells, source, grid: WireGrid, wires: Wires) -> tuple[torch.Tensor, int]:
    """Voltages across the cells for sources that broadcast to (*tiles, vectors, rows, cols)."""
    group = max(1, int(GROUP_CELLS / cells.numel()))
    parts, steps = [], 0
    for few in source.split(group, -3):
        part, taken = require_found(conjugate_gradients(cells.unsqueeze(-3), few, wires), grid)
        parts.append(part)
        steps = max(steps, taken)
    return torch.cat(parts, -3), steps


def _many(cells: torch.Tensor, vectors: int, grid: WireGrid) -> bool:
    """Whether eliminating is cheaper than iterating for this many vectors."""
    short, long = sorted(cells.shape[-2:])
    ohms = grid.segment_ohm * cells.shape[-1] ** 2 + grid.column_ohm * cells.shape[-2] ** 2
    ohms += grid.driver_ohm * cells.shape[-1] + grid.sense_ohm * cells.shape[-2]
    steps = 10 * (1 + 0.4 * float(cells.detach().max()) * ohms) ** 0.5
    return VECTOR_COST * vectors * steps * short * long > short**3 * long + short**2 * long**2


def _cells(conductance_S) -> torch.Tensor:
    """Conductances as a checked float64 tensor that keeps its gradient."""
    cells = as_double(
        conductance_S, "The conductances are no rectangular array of numbers; give one number for each cell."
    )
    plain = cells.detach()
    finite = torch.isfinite(plain)
    bad = int((~finite).sum())
    lowest = 0.0 if bad or plain.numel() == 0 else float(plain.min())
    require_cells(tuple(cells.shape), lowest, bad)
    return cells


def _inputs(conductance_S, voltage_V, grid: WireGrid) -> tuple[torch.Tensor, torch.Tensor]:
    """Checked conductances and voltages, the latter as (*tiles, vectors, inputs)."""
    cells = _cells(conductance_S)
    voltage = as_double(
        voltage_V, "The voltages are no rectangular array of numbers; give one number for each line."
    ).to(cells.device)
    grid.require_voltages(tuple(cells.shape), tuple(voltage.shape))
    bad = int((~torch.isfinite(voltage)).sum())
    if bad:
        raise InputError(f"The voltages have {bad} NaN or infinite entries; replace them.")
    voltage = voltage if voltage.ndim > 1 else voltage[None]
    return cells, voltage.expand(*cells.shape[:-2], *voltage.shape[-2:])


def as_double(values, sentence: str) -> torch.Tensor:
    """Values as a float64 tensor that keeps its gradient; lists never pass through single precision.

    Raises:
        InputError: with the sentence, no rectangular array of numbers.
    """
    try:
        if not isinstance(values, torch.Tensor):
            values = np.array(values, dtype=float)
        return torch.as_tensor(values).to(torch.float64)
    except (TypeError, ValueError, RuntimeError):
        raise InputError(sentence) from None
