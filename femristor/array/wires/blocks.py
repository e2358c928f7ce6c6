"""Block elimination of an array: source lines first (`wires.ladder`), then column by column along the row wires.

With Y_j between the row nodes of column j, M_j is the conductance matrix seen when looking into column j from its
left, u_j the row nodes there, r a row segment, r_d the segment and driver in front of the first cell:

    N_j = 1 + r M_j,   M_j = Y_j + M_{j+1} N_{j+1}^-1,   u_j = N_j^-1 u_{j-1},   u_0 = (1 + r_d M_0)^-1 V.

N is symmetric positive definite: Cholesky. As r M N^-1 = 1 - N^-1, the recursion needs no product:
N_j = 2 + r Y_j - N_{j+1}^-1. The output of column k is c_k u_k; its rows collect from the far end,
A <- [c_j; A] N_j^-1, which costs rows^3 cols + rows^2 cols^2 multiplications in all, in dense kernels. A second driver
at the far end adds 1/r_d to its M and a source term Q_j with Q_j = N_{j+1}^-1 Q_{j+1}.
"""

import math
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import torch

from femristor.array.wires.grid import WireGrid
from femristor.array.wires.ladder import Ladders, fill_block

RATIO_MAX = 100.0
"""Largest r_d/r for which M_0 = (N_0 - 1)/r keeps its digits; above it M is carried along."""
THREADED_ROWS = 512
"""Smallest blocks with threads in each dense kernel; below, waiting for one on a busy core costs more than it gains."""
PIPELINED_ROWS = 96
"""Smallest blocks whose outputs are, up to THREADED_ROWS, collected by a second thread while the recursion goes on."""


def block_transfer(conductance_S: torch.Tensor, grid: WireGrid) -> torch.Tensor:
    """Transfer matrices of crosspoints by block elimination, without gradients.

    Args:
        conductance_S: (batch, rows, cols) [S].
        grid: the wires, topology crosspoint.

    Returns:
        (batch, rows, cols) [S].
    """
    if conductance_S.shape[-2] > conductance_S.shape[-1]:
        return block_transfer(conductance_S.transpose(-1, -2), grid.transposed()).transpose(-1, -2)
    if grid.drive == "right":
        turned = WireGrid(**{**vars(grid), "drive": "left"})
        return block_transfer(conductance_S.flip(-1), turned).flip(-1)
    columns = conductance_S.transpose(-1, -2).contiguous()
    ladders = Ladders(columns, grid.column_ohm, grid.source_ends_ohm())
    segment = float(grid.segment_ohm)
    driver = grid.bit_ends_ohm()[0]
    if segment == 0:
        return _rigid(columns, ladders, driver / 2 if grid.drive == "both" else driver)
    fast = columns.device.type == "cpu" and driver <= RATIO_MAX * segment
    eliminate = _eliminate if fast else _eliminate_carrying
    with _threads(columns.shape[-1]):
        if fast and grid.drive != "both" and PIPELINED_ROWS <= columns.shape[-1] < THREADED_ROWS:
            return _eliminate_pipelined(columns, ladders, segment, driver)
        return eliminate(columns, ladders, segment, driver, both=grid.drive == "both")


@contextmanager
def _threads(rows: int):
    """One torch thread while blocks are small; the user's number again afterwards."""
    before = torch.get_num_threads()
    single = rows < THREADED_ROWS and before > 1
    if single:
        torch.set_num_threads(1)
    try:
        yield
    finally:
        if single:
            torch.set_num_threads(before)


def _rigid(columns: torch.Tensor, ladders: Ladders, driver: float) -> torch.Tensor:
    """Rows without resistance between their cells: every row one node, behind its driver."""
    collected = ladders.collected
    if driver > 0:
        total = torch.zeros_like(ladders.voltage_share(columns, 0))
        for place in range(columns.shape[1]):
            total += columns[:, place, :, None] * ladders.voltage_share(columns, place)
        block = driver * total
        block.diagonal(dim1=-2, dim2=-1).add_(1.0)
        return torch.linalg.solve(block, collected.transpose(-1, -2))
    return collected.transpose(-1, -2)


def _eliminate(columns, ladders: Ladders, segment: float, driver: float, *, both: bool) -> torch.Tensor:
    """Recursion in N, lower triangles filled by a kernel."""
    batch, cols, rows = columns.shape
    ratio = driver / segment
    parts = tuple(part.numpy() for part in (columns, ladders.phi, ladders.psi, ladders.wronskian))
    outputs = columns.new_empty(batch, cols, rows)
    spare = torch.empty_like(outputs)
    block = columns.new_zeros(batch, rows, rows)
    inverse = torch.empty_like(block)
    seen, extra, direct = block.numpy(), None, None
    for place in range(cols - 1, -1, -1):
        last = place == cols - 1
        diagonal = 2.0 if not last else 1.0 + (1.0 / ratio if both else 0.0)
        column = tuple(part[:, place] for part in parts)
        fill_block(*column, segment, diagonal, inverse.numpy(), not last, seen)
        outputs[:, place] = ladders.collected[:, place]
        if both:
            extra = _unit(block) / ratio if last else torch.bmm(inverse, extra)
        if place == 0 and ratio != 1.0:
            block.mul_(ratio).diagonal(dim1=-2, dim2=-1).add_(1.0 - ratio)
        inverse = _inverse(block)
        _product(outputs[:, place:], inverse, spare[:, place:])
        outputs, spare = spare, outputs
        if both:
            added = torch.bmm(outputs[:, place:], extra)
            direct = added if direct is None else torch.cat([added[:, :1], direct + added[:, 1:]], 1)
            if place == 0:
                # The node is u_0 = W (V + ratio Q V): the source enters the last step with r_d in place of r.
                direct = direct + (ratio - 1.0) * added
    found = outputs + direct if both else outputs
    return found.transpose(-1, -2)


def _eliminate_pipelined(columns, ladders: Ladders, segment: float, driver: float) -> torch.Tensor:
    """`_eliminate` for one driven end: the outputs need the inverses, but the inverses not the outputs."""
    batch, cols, rows = columns.shape
    ratio = driver / segment
    parts = tuple(part.numpy() for part in (columns, ladders.phi, ladders.psi, ladders.wronskian))
    held = [columns.new_empty(batch, cols, rows), columns.new_empty(batch, cols, rows)]
    block = columns.new_zeros(batch, rows, rows)
    inverse = torch.empty_like(block)
    count = torch.get_num_threads()

    def collect(place: int, inverse: torch.Tensor) -> None:
        held[0][:, place] = ladders.collected[:, place]
        _product(held[0][:, place:], inverse, held[1][:, place:])
        held.reverse()

    with ThreadPoolExecutor(1, "femristor-wires", torch.set_num_threads, (count,)) as second:
        jobs = []
        for place in range(cols - 1, -1, -1):
            last = place == cols - 1
            column = tuple(part[:, place] for part in parts)
            fill_block(*column, segment, 1.0 if last else 2.0, inverse.numpy(), not last, block.numpy())
            if place == 0 and ratio != 1.0:
                block.mul_(ratio).diagonal(dim1=-2, dim2=-1).add_(1.0 - ratio)
            inverse = _inverse(block)
            jobs.append(second.submit(collect, place, inverse))
        for job in jobs:
            job.result()
    return held[0].transpose(-1, -2)


def _eliminate_carrying(columns, ladders: Ladders, segment, driver, *, both: bool) -> torch.Tensor:
    """Recursion in M: one product a column more, on any device and for any ratio of resistances."""
    factor = BlockFactor(columns, ladders, segment, (driver, driver if both else math.inf))
    batch, _, rows = columns.shape
    eye = torch.eye(rows, dtype=columns.dtype, device=columns.device).expand(batch, rows, rows)
    cell_V = factor.cell_voltages(eye, None)
    return torch.einsum("bjiv,bji->bvj", cell_V, columns)


class BlockFactor:
    """Factors of one array, kept for many right-hand sides: rows and columns may both be driven.

    The unknown is x, what the row wires lose: cell voltages are B_j (E_j + x_j) with E the sum of the row's and the
    column's source. With t_j = Y_j E_j + N_{j+1}^-1 t_{j+1} from the far end, x_j = N_j^-1 (x_{j-1} - r t_j).
    """

    def __init__(self, columns, ladders: Ladders, segment: float, ends_ohm: tuple[float, float]) -> None:
        """Eliminate.

        Args:
            columns: (batch, cols, rows) conductances [S].
            ladders: of the same columns.
            segment: row wire.
            ends_ohm: first and last cell of the rows to their drivers; the last is infinite where open.
        """
        self.columns, self.ladders, self.segment, self.ends = columns, ladders, float(segment), ends_ohm
        batch, cols, rows = columns.shape
        self.inverses = columns.new_empty(cols, batch, rows, rows)
        seen = None
        for place in range(cols - 1, -1, -1):
            share = ladders.voltage_share(columns, place)
            mine = columns[:, place, :, None] * share
            if seen is None:
                seen = mine
                if math.isfinite(ends_ohm[1]):
                    seen.diagonal(dim1=-2, dim2=-1).add_(1.0 / ends_ohm[1])
            else:
                seen = mine + torch.bmm(seen, self.inverses[place + 1])
            seen = 0.5 * (seen + seen.transpose(-1, -2))
            block = (ends_ohm[0] if place == 0 else self.segment) * seen
            block.diagonal(dim1=-2, dim2=-1).add_(1.0)
            self.inverses[place] = _inverse(block)

    def cell_voltages(self, row_source, column_source) -> torch.Tensor:
        """Voltages across all cells.

        Args:
            row_source: (batch, rows, vectors) voltages of the row drivers, or None.
            column_source: (batch, cols, vectors) voltages that drive the columns against their grounds, or None.

        Returns:
            (batch, cols, rows, vectors) [V].
        """
        batch, cols, rows = self.columns.shape
        vectors = (row_source if row_source is not None else column_source).shape[-1]
        found = self.columns.new_empty(batch, cols, rows, vectors)
        pulled: list[torch.Tensor] = [found] * cols
        seen = None
        for place in range(cols - 1, -1, -1):
            share = self.ladders.voltage_share(self.columns, place)
            mine = torch.bmm(share, self._source(row_source, column_source, place, rows, vectors))
            found[:, place] = mine
            current = self.columns[:, place, :, None] * mine
            seen = current if seen is None else current + torch.bmm(self.inverses[place + 1], seen)
            pulled[place] = seen
        lost = torch.zeros_like(pulled[0])
        for place in range(cols):
            ohm = self.ends[0] if place == 0 else self.segment
            lost = torch.bmm(self.inverses[place], lost - ohm * pulled[place])
            found[:, place] += torch.bmm(self.ladders.voltage_share(self.columns, place), lost)
        return found

    def _source(self, row_source, column_source, place: int, rows: int, vectors: int):
        if column_source is None:
            return row_source
        mine = column_source[:, place, None, :].expand(-1, rows, vectors)
        return mine if row_source is None else row_source + mine


def _inverse(block: torch.Tensor) -> torch.Tensor:
    if block.shape[0] == 1:
        return torch.cholesky_inverse(torch.linalg.cholesky_ex(block[0])[0])[None]
    return torch.cholesky_inverse(torch.linalg.cholesky_ex(block)[0])


def _unit(block: torch.Tensor) -> torch.Tensor:
    return torch.eye(block.shape[-1], dtype=block.dtype, device=block.device).repeat(block.shape[0], 1, 1)


def _product(left: torch.Tensor, right: torch.Tensor, out: torch.Tensor) -> None:
    if left.shape[0] == 1:
        torch.mm(left[0], right[0], out=out[0])
    else:
        out.copy_(torch.bmm(left, right))
