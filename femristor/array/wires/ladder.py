"""Inverse of one source line with its cells: a tridiagonal matrix, so two recursions give all of it.

For a column with cells G_i and wire r the voltages v answer currents k by v = P k, where
`P_ik = phi_min(i,k) psi_max(i,k) / W`: phi solves the line from row 0 on, psi from the last row, W is their constant
Wronskian. The recursions carry voltage and segment current, so r = 0 needs no special case, and all terms are
positive: nothing cancels. Eliminating the line from its cells gives `Y = G - G P G` between the row nodes.
"""

import numba
import numpy as np
import torch

from femristor.core.errors import InputError


class Ladders:
    """phi, psi, W and c of many columns.

    Attributes:
        phi: (batch, cols, rows).
        psi: (batch, cols, rows).
        wronskian: (batch, cols).
        collected: (batch, cols, rows) current into the grounds for 1 V on one row node, others at 0 V [S].
    """

    def __init__(self, columns_S: torch.Tensor, segment_ohm: float, ends_ohm: tuple[float, float]) -> None:
        """Run both recursions.

        Args:
            columns_S: (batch, cols, rows) conductances, contiguous.
            segment_ohm: of the source line.
            ends_ohm: from the first and last cell to ground; infinite where open.

        Raises:
            InputError: the line is so resistive that no current reaches the ground.
        """
        if segment_ohm == 0 and ends_ohm == (0.0, 0.0):
            # Everything is ground already; a second end would leave W = 0.
            ends_ohm = (np.inf, 0.0)
        flat = columns_S.reshape(-1, columns_S.shape[-1])
        if flat.device.type == "cpu":
            phi, psi, flow = np.empty(flat.shape), np.empty(flat.shape), np.empty(flat.shape[0])
            _recursions(flat.numpy(), float(segment_ohm), *map(float, ends_ohm), phi, psi, flow)
            phi, psi, flow = torch.from_numpy(phi), torch.from_numpy(psi), torch.from_numpy(flow)
        else:
            phi, phi_A = _along(flat, segment_ohm, ends_ohm[0])
            psi, _ = _along(flat.flip(1), segment_ohm, ends_ohm[1])
            psi = psi.flip(1)
            flow = phi_A * psi[:, -1] + (phi[:, -1] if np.isfinite(ends_ohm[1]) else 0.0)
        if not bool(torch.isfinite(flow).all()):
            raise InputError(
                f"A column wire of {segment_ohm:g} ohm a segment is so resistive beside its cells that no current can "
                "reach its end; lower the resistance."
            )
        reach = torch.zeros_like(phi)
        if np.isfinite(ends_ohm[1]):
            reach = reach + phi
        if np.isfinite(ends_ohm[0]):
            reach = reach + psi
        shape = columns_S.shape
        self.phi, self.psi = phi.reshape(shape), psi.reshape(shape)
        self.wronskian = flow.reshape(shape[:-1])
        self.collected = columns_S * (reach / flow[:, None]).reshape(shape)

    def voltage_share(self, columns_S: torch.Tensor, place: int) -> torch.Tensor:
        """B = 1 - P G of one column in every tile: cell voltages are B (row node voltages).

        Args:
            columns_S: (batch, cols, rows) as given to the recursions.
            place: column.

        Returns:
            (batch, rows, rows).
        """
        phi, psi = self.phi[:, place], self.psi[:, place] / self.wronskian[:, place, None]
        low = torch.tril(psi[:, :, None] * phi[:, None, :])
        inverse = low + torch.tril(low, -1).transpose(-1, -2)
        share = -inverse * columns_S[:, place, None, :]
        share.diagonal(dim1=-2, dim2=-1).add_(1.0)
        return share


def _along(flat: torch.Tensor, segment_ohm: float, end_ohm: float):
    """Voltage along lines from a first end on, and the last segment current; (lines, rows), (lines,)."""
    grounded = bool(np.isfinite(end_ohm))
    voltage = torch.full_like(flat[:, 0], end_ohm if grounded else 1.0)
    current = torch.full_like(voltage, float(grounded))
    found = torch.empty_like(flat)
    for row in range(flat.shape[1]):
        if row:
            voltage = voltage + segment_ohm * current
        found[:, row] = voltage
        current = current + flat[:, row] * voltage
    return found, current


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _recursions(columns, segment, first, last, phi, psi, flow):
    rows = columns.shape[1]
    for line in range(columns.shape[0]):
        voltage, current = (first, 1.0) if np.isfinite(first) else (1.0, 0.0)
        for row in range(rows):
            if row:
                voltage += segment * current
            phi[line, row] = voltage
            current += columns[line, row] * voltage
        end_A = current
        voltage, current = (last, 1.0) if np.isfinite(last) else (1.0, 0.0)
        flow[line] = phi[line, rows - 1] * current + voltage * end_A
        for row in range(rows - 1, -1, -1):
            if row < rows - 1:
                voltage += segment * current
            psi[line, row] = voltage
            current += columns[line, row] * voltage


@numba.njit(cache=True, nogil=True, error_model="numpy")
def add_drops(current, segment, first, last, out):
    """Add what currents taken off wires along the middle axis cost in voltage; the twin of `Line.drop`.

    Args:
        current: (batch, cells, lines) [A].
        segment: from cell to cell.
        first: resistance at the first cell, infinite where open.
        last: at the last cell.
        out: (batch, cells, lines) [V].
    """
    batch, cells, lines = current.shape
    turned = not np.isfinite(first)
    head = last if turned else first
    total = first + last + (cells - 1) * segment
    for tile in range(batch):
        flow, moment, lost = np.zeros(lines), np.zeros(lines), np.zeros(lines)
        for step in range(cells):
            place = step if turned else cells - 1 - step
            distance = head + segment * (cells - 1 - step)
            for line in range(lines):
                flow[line] += current[tile, place, line]
                moment[line] += distance * current[tile, place, line]
        back = moment / total
        for step in range(cells):
            place = cells - 1 - step if turned else step
            distance = head + segment * step
            ohm = segment if step else head
            for line in range(lines):
                lost[line] += ohm * flow[line]
                out[tile, place, line] += lost[line] - distance * back[line]
                flow[line] -= current[tile, place, line]


@numba.njit(cache=True, nogil=True, error_model="numpy")
def fill_block(columns, phi, psi, flow, ohm, diagonal, inverse, use_inverse, block):
    """Fill block = diagonal 1 + ohm Y - inverse, lower triangles only, for one column of every tile.

    Args:
        columns: (batch, rows) conductances.
        phi: (batch, rows).
        psi: (batch, rows).
        flow: (batch,) Wronskians.
        ohm: scale of Y.
        diagonal: added to the diagonal.
        inverse: (batch, rows, rows) that is taken off.
        use_inverse: whether it is.
        block: (batch, rows, rows) result.
    """
    rows = columns.shape[1]
    for tile in range(columns.shape[0]):
        for i in range(rows):
            weight = -ohm * columns[tile, i] * psi[tile, i] / flow[tile]
            for k in range(i + 1):
                block[tile, i, k] = weight * columns[tile, k] * phi[tile, k]
            block[tile, i, i] += diagonal + ohm * columns[tile, i]
            if use_inverse:
                for k in range(i + 1):
                    block[tile, i, k] -= inverse[tile, i, k]
