"""Plain twin of the wire solver: the nodal equations as one sparse matrix, factored by SciPy's SuperLU.

Node order: bit nodes (rows, cols), then source nodes. Where a resistance is zero its nodes are one: they are merged
before the matrix is built, so the limit is exact here as well.
"""

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.sparse.linalg import splu

from femristor.array.wires.grid import WireGrid, require_cells
from femristor.core.errors import InputError


def transfer_matrix(conductance_S, grid: WireGrid) -> np.ndarray:
    """Effective conductances; see `femristor.array.wires.solver.transfer_matrix`.

    Args:
        conductance_S: (rows, cols) of one tile [S].
        grid: the wires.

    Returns:
        (inputs, cols) [S].

    Raises:
        InputError: NaN or negative conductances.
    """
    cells = _cells(conductance_S)
    return column_currents(cells, np.eye(grid.inputs(*cells.shape)), grid)


def column_currents(conductance_S, voltage_V, grid: WireGrid) -> np.ndarray:
    """Column currents of one tile; see `femristor.array.wires.solver.column_currents`.

    Args:
        conductance_S: (rows, cols) [S].
        voltage_V: (vectors, inputs) [V].
        grid: the wires.

    Returns:
        (vectors, cols) [A].

    Raises:
        InputError: shapes that do not fit, NaN or negative conductances.
    """
    cells = _cells(conductance_S)
    bit, source = node_voltages(cells, voltage_V, grid)
    # The current into the grounds is that of the cells: nothing else feeds a source line.
    return (cells * (bit - source)).sum(-2)


def node_voltages(conductance_S, voltage_V, grid: WireGrid) -> tuple[np.ndarray, np.ndarray]:
    """Voltages of all nodes of one tile.

    Args:
        conductance_S: (rows, cols) [S].
        voltage_V: (vectors, inputs) [V].
        grid: the wires.

    Returns:
        Bit and source nodes, (vectors, rows, cols) each [V].

    Raises:
        InputError: shapes that do not fit, NaN or negative conductances.
    """
    cells = _cells(conductance_S)
    voltage = np.atleast_2d(np.asarray(voltage_V, dtype=float))
    grid.require_voltages(cells.shape, voltage.shape)
    known, head, tail, siemens, nodes, inputs = nodal_equations(cells, grid)
    size = int((~known).sum())
    number = np.full(known.size, -1)
    number[~known] = np.arange(size)
    matrix, drive = assemble(head, tail, siemens, known, number, size)
    fixed = np.zeros((voltage.shape[0], known.size))
    fixed[:, inputs] = voltage
    merged = fixed
    if size:
        right = np.asfortranarray(drive @ fixed.T)
        solve = splu(matrix, permc_spec="MMD_AT_PLUS_A", options={"SymmetricMode": True}).solve
        found = solve(right)
        found += solve(right - matrix @ found)
        merged[:, ~known] = found.T
    values = merged[:, nodes]
    rows, cols = cells.shape
    split = rows * cols
    shape = (voltage.shape[0], rows, cols)
    return values[:, :split].reshape(shape), values[:, split : 2 * split].reshape(shape)


def nodal_equations(cells: np.ndarray, grid: WireGrid):
    """Resistors between merged nodes.

    Args:
        cells: (rows, cols) conductances [S].
        grid: the wires.

    Returns:
        Which merged nodes are fixed, heads, tails and conductances of the resistors, the merged number of each
        node, and the merged number of each input.
    """
    rows, cols = cells.shape
    bit = np.arange(rows * cols).reshape(rows, cols)
    source = bit + rows * cols
    inputs = grid.inputs(rows, cols)
    first_input = 2 * rows * cols
    sources = first_input + np.arange(inputs)
    ground = first_input + inputs
    parts = [(bit.ravel(), source.ravel(), 1.0 / np.where(cells > 0, cells, np.nan).ravel())]
    lines = bit.T if grid.parallel else bit
    for wires, ends, ohm, supply in (
        (lines, grid.bit_ends_ohm(), float(grid.segment_ohm), sources),
        (source.T, grid.source_ends_ohm(), grid.column_ohm, np.full(cols, ground)),
    ):
        parts.append((wires[:, :-1].ravel(), wires[:, 1:].ravel(), ohm))
        parts += [
            (wires[:, place], supply, end)
            for place, end in zip((0, -1), ends, strict=True)
            if np.isfinite(end)
        ]
    head = np.concatenate([part[0] for part in parts])
    tail = np.concatenate([part[1] for part in parts])
    ohm = np.concatenate([np.broadcast_to(part[2], part[0].shape) for part in parts])
    there = ~np.isnan(ohm)
    head, tail, ohm = head[there], tail[there], ohm[there]
    short = ohm == 0
    links = coo_matrix((np.ones(short.sum()), (head[short], tail[short])), shape=(ground + 1, ground + 1))
    count, nodes = connected_components(links, directed=False)
    known = np.zeros(count, dtype=bool)
    known[nodes[sources]] = True
    known[nodes[ground]] = True
    return known, nodes[head[~short]], nodes[tail[~short]], 1.0 / ohm[~short], nodes, nodes[sources]


def assemble(head, tail, siemens, known, number, size: int):
    """The matrix over the unknown nodes and that of the fixed ones.

    Args:
        head: (resistors,) merged nodes.
        tail: (resistors,) merged nodes.
        siemens: (resistors,) conductances.
        known: (nodes,) fixed ones.
        number: (nodes,) place among the unknowns.
        size: unknowns.

    Returns:
        (size, size) CSC matrix, (size, nodes) CSR matrix of the right-hand side.
    """
    start, end = np.concatenate([head, tail]), np.concatenate([tail, head])
    value = np.concatenate([siemens, siemens])
    mine = ~known[start]
    start, end, value = number[start[mine]], end[mine], value[mine]
    inner = ~known[end]
    row = np.concatenate([start, start[inner]])
    col = np.concatenate([start, number[end[inner]]])
    matrix = coo_matrix((np.concatenate([value, -value[inner]]), (row, col)), shape=(size, size)).tocsc()
    outer = coo_matrix((value[~inner], (start[~inner], end[~inner])), shape=(size, known.size)).tocsr()
    return matrix, outer


def _cells(conductance_S) -> np.ndarray:
    cells = np.asarray(conductance_S, dtype=float)
    if cells.ndim != 2:
        raise InputError(f"The plain solver takes one tile of rows x columns, not the shape {cells.shape}.")
    finite = np.isfinite(cells)
    require_cells(cells.shape, float(cells[finite].min(initial=0.0)), int((~finite).sum()))
    return cells
