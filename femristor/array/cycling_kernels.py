"""numba: cells under a slow sweep with hop noise; the steps are those of noisy pulses, `compact.noise_kernels`."""

import math

import numpy as np
from numba import njit

from femristor.compact import kernels
from femristor.compact.kernels import CONVERGED
from femristor.compact.load_kernels import RESET, SET
from femristor.compact.noise_kernels import segment
from femristor.compact.step_kernels import TABLE, read_cell, settle

LONGEST = 0.5
"""Longest step, of the piece between two points: noise is added at the end of a step."""


@njit(cache=True, nogil=True)
def sweep(
    kind, tables, field, ionic, parameters, loads, time, volt, reads, start, tolerance, read_V, per_hop, rng
):
    """Take cells through a waveform whose pieces do not cross 0 V.

    Args:
        kind: TABLE or IBM.
        tables: (patches of one ambient, ln N knots, |V| knots).
        field: of `noise_kernels.activity`.
        ionic: (a/L, N_max, n) of the table.
        parameters: (cells, numbers) of each cell.
        loads: (cells, 3, 11) of `Load.lines`.
        time: (corners,).
        volt: (corners,) applied, 0 at the first.
        reads: (corners,) bool, where a read is taken.
        start: (cells,) ln N.
        tolerance: of u in a drift step.
        read_V: applied to cell and load in a read.
        per_hop: (cells,) F over volume.
        rng: generator.

    Returns:
        ln N, device voltage and current (cells, corners), conductances (cells, reads), status (cells,), time and
        applied voltage of a failure (cells, 2).
    """
    cells, corners = start.size, time.size
    state = np.full((cells, corners), np.nan)
    device, current = np.zeros((cells, corners)), np.zeros((cells, corners))
    found = np.full((cells, reads.sum()), np.nan)
    status, where = np.zeros(cells, np.int64), np.zeros((cells, 2))
    model = (tables[0], tables[1], tables[2], ionic)
    for k in range(cells):
        cell, lines, u = parameters[k], loads[k], start[k]
        sign = 1.0 if volt[0] + volt[1] >= 0 else -1.0
        v, i, code = settle(kind, model, cell, lines[SET if sign > 0 else RESET], u, abs(volt[0]), sign)
        point = (u, v, i, 0.0, 0.0, 0.0)
        state[k, 0], device[k, 0] = u, sign * v
        taken, step = 0, time[-1] - time[0]
        for corner in range(1, corners):
            length, low, high = time[corner] - time[corner - 1], volt[corner - 1], volt[corner]
            sign = 1.0 if low + high >= 0 else -1.0
            line = lines[SET if sign > 0 else RESET]
            span = (length, abs(low), abs(high), 0.0, 1.0)
            point, h, code, reached, _, _, _ = segment(
                kind,
                model,
                field,
                cell,
                line,
                sign,
                span,
                point,
                tolerance,
                step / length,
                per_hop[k],
                rng,
                LONGEST,
            )
            step = h * length
            where[k, 0], where[k, 1] = time[corner - 1] + reached * length, low + (high - low) * reached
            if code != CONVERGED:
                break
            u, v, i = point[0], point[1], point[2]
            if kind == TABLE:
                i = kernels.current(model, cell, u, v)[0]
            state[k, corner], device[k, corner] = u, math.copysign(v, sign)
            current[k, corner] = math.copysign(i, sign)
            if reads[corner]:
                found[k, taken], code = read_cell(kind, model, cell, lines, u, read_V)
                taken += 1
                if code != CONVERGED:
                    break
        status[k] = code
    return state, device, current, found, status, where
