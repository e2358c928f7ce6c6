"""numba: the implicit step of one cell on either model, waveforms and pulse trains of many cells.

Step: TR-BDF2 (Bank et al. 1985) in u = ln N, L-stable, second order, with the third-order error estimate of
Hosea & Shampine (Appl. Numer. Math. 20, 1996). Device voltage and current are solved inside every stage. `kind` says
whose law a cell follows: the table's (`kernels.stage`) or IBM's (`ibm_kernels.stage`). Twin: `twin.py` (SciPy).
"""

import math

import numpy as np
from numba import njit, prange

from femristor.compact import ibm_kernels, kernels
from femristor.compact.kernels import CONVERGED, DENSITY_RANGE, STALLED, VOLTAGE_RANGE
from femristor.compact.load_kernels import READ, RESET, SET

TABLE, IBM = 0, 1
"""Kinds of cell."""
GAMMA = 2 - math.sqrt(2)
D = GAMMA / 2
W = math.sqrt(2) / 4
E1, E2, E3 = (1 - W) / 3 - W, (3 * W + 1) / 3 - W, D / 3 - D
"""Error weights: third-order minus second-order combination of the stage slopes."""
STEP_MIN = 1e-14
"""Smallest step, of the segment's length."""
EDGE = 1e-8
"""Within this distance of the table's end (ln N, volts) a step that leaves it counts as having reached it."""
STEPS_MAX = 2_000_000
"""Most steps for one piece of a waveform."""


@njit(cache=True)
def solve_stage(kind, model, cell, line, base, weight, applied, sign, start, v, i, tight):
    """u, f, df/du, device voltage, current (IBM's law only), status of u = base + weight f(u)."""
    if kind == IBM:
        return ibm_kernels.stage(cell, line, base, weight, applied, sign, start, v, i, tight)
    u, f, f_u, v, status = kernels.stage(model, cell, line, base, weight, applied, sign, start, v, tight)
    return u, f, f_u, v, 0.0, status


@njit(cache=True)
def settle(kind, model, cell, line, u, applied, sign):
    """Device voltage and current at a held u, from nothing; status."""
    if kind == IBM:
        return ibm_kernels.settle(cell, line, u, applied, sign)
    _, _, v, status = kernels.slope(model, cell, line, u, applied, sign, applied)
    return v, 0.0, status


@njit(cache=True)
def segment(kind, model, cell, lines, u, v, i, t_length, v_from, v_to, tolerance, h):
    """Advance one cell over one straight piece of the waveform, with |V| from v_from to v_to of one sign.

    Returns u, device voltage, current, the next step, status, the time reached in the segment, steps taken, the
    first accepted step.
    """
    sign = 1.0 if v_from + v_to >= 0 else -1.0
    line = lines[SET if sign > 0 else RESET]
    a, b = abs(v_from), abs(v_to)
    tight = max(1e-3 * tolerance, 1e-12)
    t, steps, grow, first = 0.0, 0, 5.0, 0.0
    _, k1, _, v, i, status = solve_stage(kind, model, cell, line, u, 0.0, a, sign, u, v, i, tight)
    if status != CONVERGED:
        return u, v, i, h, status, t, steps, first
    h = min(max(h, STEP_MIN * t_length), t_length)
    while t < t_length:
        steps += 1
        last = h >= t_length - t
        if last:
            h = t_length - t
        middle, end = a + (b - a) * min((t + GAMMA * h) / t_length, 1.0), a + (b - a) * (t + h) / t_length
        if last:
            end = b
        u2, k2, _, v2, i2, status = solve_stage(
            kind, model, cell, line, u + h * D * k1, h * D, middle, sign, u + GAMMA * h * k1, v, i, tight
        )
        u3, k3, j3, v3, i3 = u2, k2, 0.0, v2, i2
        if status == CONVERGED:
            base = u + h * W * (k1 + k2)
            u3, k3, j3, v3, i3, status = solve_stage(
                kind, model, cell, line, base, h * D, end, sign, base + h * D * k2, v2, i2, tight
            )
        if status != CONVERGED:
            at_edge = (status == DENSITY_RANGE and h * abs(k1) < EDGE) or (
                status == VOLTAGE_RANGE and abs(b - a) * h < EDGE * t_length
            )
            if at_edge or h <= STEP_MIN * t_length or steps > STEPS_MAX:
                return u, v, i, h, status, t, steps, first
            h, grow = 0.4 * h, 1.0
            continue
        error = abs(h * (E1 * k1 + E2 * k2 + E3 * k3)) / max(1.0, 1 - h * D * j3)
        factor = 0.9 * (tolerance / error) ** (1 / 3) if error > 0 else 5.0
        if error <= tolerance:
            first = h if t == 0.0 else first
            t = t_length if last else t + h
            u, v, i, k1 = u3, v3, i3, k3
            h *= min(max(factor, 0.2), grow)
            grow = 5.0
        else:
            if h <= STEP_MIN * t_length or steps > STEPS_MAX:
                return u, v, i, h, STALLED, t, steps, first
            h, grow = h * min(max(factor, 0.1), 0.8), 1.0
    return u, v, i, h, CONVERGED, t, steps, first


@njit(cache=True, parallel=True)
def integrate(kind, tables, slices, ionic, parameters, loads, time, volt, start, tolerance):
    """Advance cells through one waveform whose pieces do not change sign.

    Args:
        kind: TABLE or IBM.
        tables: (patches (ambients, 4, densities - 1, biases, 4, 4), ln N knots, |V| knots); IBM's law ignores them.
        slices: (cells,) index of each cell's ambient.
        ionic: (a/L, N_max, n) of the table.
        parameters: (cells, numbers) of each cell.
        loads: (cells, 3, 11) of `Load.lines`.
        time: (corners,).
        volt: (corners,) applied.
        start: (cells,) ln N at the first corner.
        tolerance: of u in a step.

    Returns:
        ln N (cells, corners), device voltage (cells, corners), status (cells,), time and applied voltage of
        a failure (cells, 2), steps (cells,).
    """
    cells, corners = start.size, time.size
    state = np.full((cells, corners), np.nan)
    device = np.full((cells, corners), np.nan)
    status = np.zeros(cells, dtype=np.int64)
    where = np.zeros((cells, 2))
    steps = np.zeros(cells, dtype=np.int64)
    for k in prange(cells):
        model = (tables[0][slices[k]], tables[1], tables[2], ionic)
        cell, lines, u = parameters[k], loads[k], start[k]
        sign = 1.0 if volt[0] + volt[1] >= 0 else -1.0
        line = lines[SET if sign > 0 else RESET]
        v, i, code = settle(kind, model, cell, line, u, abs(volt[0]), sign)
        where[k, 0], where[k, 1] = time[0], volt[0]
        state[k, 0], device[k, 0] = u, math.copysign(v, sign)
        h = time[-1] - time[0]
        for piece in range(corners - 1):
            if code != CONVERGED:
                break
            length = time[piece + 1] - time[piece]
            u, v, i, h, code, reached, count, _ = segment(
                kind, model, cell, lines, u, v, i, length, volt[piece], volt[piece + 1], tolerance, h
            )
            steps[k] += count
            sign = 1.0 if volt[piece] + volt[piece + 1] >= 0 else -1.0
            where[k, 0] = time[piece] + reached
            where[k, 1] = volt[piece] + (volt[piece + 1] - volt[piece]) * reached / length
            state[k, piece + 1], device[k, piece + 1] = u, math.copysign(v, sign)
        status[k] = code
    return state, device, status, where, steps


@njit(cache=True)
def pulse(kind, model, cell, lines, u, shape, sign, tolerance, hints):
    """One trapezoid from 0 V: u, status, time reached, applied voltage there, steps.

    shape: (set V, reset V, edge, hold); hints: (2, 3) first step of each piece, renewed.
    """
    edge, hold = shape[2], shape[3]
    top = shape[0] if sign > 0 else shape[1]
    row = SET if sign > 0 else RESET
    v = i = done = 0.0
    steps = 0
    for piece in range(3):
        length = hold if piece == 1 else edge
        low = 0.0 if piece == 0 else top
        high = 0.0 if piece == 2 else top
        u, v, i, _, status, reached, count, first = segment(
            kind, model, cell, lines, u, v, i, length, low, high, tolerance, hints[row, piece]
        )
        steps += count
        if status != CONVERGED:
            return u, status, done + reached, low + (high - low) * reached / length, steps
        hints[row, piece] = first
        done += length
    return u, CONVERGED, done, 0.0, steps


@njit(cache=True)
def read_cell(kind, model, cell, lines, u, read_V):
    """Conductance I/V of the cell with the read line in series, status."""
    v, i, status = settle(kind, model, cell, lines[READ], u, read_V, 1.0)
    if status != CONVERGED:
        return 0.0, status
    if kind == TABLE:
        i = kernels.current(model, cell, u, v)[0]
    return i / v, status


@njit(cache=True, parallel=True)
def train(
    kind, tables, slices, ionic, parameters, loads, shapes, directions, start, tolerance, read_V, reads
):
    """Advance cells through pulses from 0 V.

    Args:
        kind: as in `integrate`, like the next five.
        tables: see there.
        slices: see there.
        ionic: see there.
        parameters: see there.
        loads: see there.
        shapes: (1 or cells, 4) set V, reset V, edge, hold.
        directions: (1 or cells, pulses) int8: 1 set, -1 reset, 0 none.
        start: (cells,) ln N, advanced in place.
        tolerance: of u in a step.
        read_V: applied to cell and load.
        reads: (reads,) rising number of pulses before each read, from 0.

    Returns:
        Conductance (cells, reads) float32, status (cells,), pulse, time in it and applied voltage of a failure
        (cells, 3), steps (cells,).
    """
    cells, pulses = start.size, directions.shape[1]
    found = np.full((cells, reads.size), np.nan, dtype=np.float32)
    status = np.zeros(cells, dtype=np.int64)
    where = np.zeros((cells, 3))
    steps = np.zeros(cells, dtype=np.int64)
    for k in prange(cells):
        model = (tables[0][slices[k]], tables[1], tables[2], ionic)
        cell, lines, u = parameters[k], loads[k], start[k]
        shape = shapes[min(k, shapes.shape[0] - 1)]
        order = directions[min(k, directions.shape[0] - 1)]
        hints = np.full((2, 3), 0.25 * (shape[2] + shape[3]))
        code, taken, shot = CONVERGED, 0, 0
        while True:
            if taken < reads.size and reads[taken] == shot:
                conductance, code = read_cell(kind, model, cell, lines, u, read_V)
                found[k, taken] = conductance
                where[k, 2] = read_V
                taken += 1
            if code != CONVERGED or shot == pulses:
                break
            if order[shot] != 0:
                u, code, where[k, 1], where[k, 2], count = pulse(
                    kind, model, cell, lines, u, shape, 1.0 if order[shot] > 0 else -1.0, tolerance, hints
                )
                steps[k] += count
            where[k, 0] = shot
            if code != CONVERGED:
                break
            shot += 1
        status[k], start[k] = code, u
    return found, status, where, steps
