"""numba: the implicit step of one cell on either model, waveforms and pulse trains of many cells.

Step: TR-BDF2 (Bank et al. 1985) in u = ln N, L-stable, second order, with the third-order error estimate of
Hosea & Shampine (Appl. Numer. Math. 20, 1996). Device voltage and current are solved inside every stage. `kind` says
whose law a cell follows: the table's (`kernels.stage`) or IBM's (`ibm_kernels.stage`). Twin: `twin.py` (SciPy).
"""

import math

import numpy as np
from numba import njit, prange

from femristor.compact.kernels import ibm as ibm_kernels
from femristor.compact.kernels import table as kernels
from femristor.compact.kernels.load import READ, RESET, SET
from femristor.compact.kernels.table import CONVERGED, DENSITY_RANGE, STALLED, VOLTAGE_RANGE

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
DECAY = 8.0
"""The rate at the foot of a pulse's edges is exp(-DECAY) of that at the top."""
FOOT_MAX = 12.0
"""Most e-folds that the piece below the foot assumes."""
STEEP_MIN, STEEP_MAX = 5.0, 80.0
"""Bounds of d ln(rate)/dV [1/V] that the edges assume; any value gives the same answer, a good one in fewer steps."""
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
def newton_tight(kind, tolerance):
    """Last Newton step of a stage: IBM's stages use what the last step tells, those of the table evaluate again."""
    return 0.1 * math.sqrt(tolerance) if kind == IBM else max(1e-3 * tolerance, 1e-12)


@njit(cache=True, error_model="numpy")
def place(span, s):
    """Applied |V| at s of a piece (0 to 1), and dt/ds.

    span: (length, |V| at both ends, q, exp(-q)). With q > 0, s is linear in exp(q V/|V_b - V_a|): rates that grow
    as exp(q ...) over the piece are then nearly constant in s.
    """
    length, a, b, q, low = span
    if q == 0.0:
        return a + (b - a) * s, length
    tau = low + s * (1 - low) if b > a else 1 - s * (1 - low)
    tau = max(tau, low)
    g = math.log(tau) / q
    return (b + (b - a) * g if b > a else a - (b - a) * g), length * (1 - low) / (q * tau)


@njit(cache=True, error_model="numpy")
def attempt(kind, model, cell, line, sign, span, point, s, h, tolerance):
    """One step from s to s + h.

    point: (u, v, i, du/ds, dv/dV, di/dV along the load line); also returned, with error and status.
    """
    u, v, i, k1, v_a, i_a = point
    tight = newton_tight(kind, tolerance)
    from_V, _ = place(span, s)
    middle, scale2 = place(span, min(s + GAMMA * h, 1.0))
    end, scale3 = place(span, s + h)
    if s + h >= 1.0:
        end = span[2]
    v2, i2 = max(v + v_a * (middle - from_V), 0.0), max(i + i_a * (middle - from_V), 0.0)
    weight = h * D * scale2
    _, f2, _, v2, i2, status = solve_stage(
        kind, model, cell, line, u + h * D * k1, weight, middle, sign, u + GAMMA * h * k1, v2, i2, tight
    )
    if status != CONVERGED:
        return point, 0.0, status
    if middle != from_V:
        v_a, i_a = (v2 - v) / (middle - from_V), (i2 - i) / (middle - from_V)
    v3, i3 = max(v2 + v_a * (end - middle), 0.0), max(i2 + i_a * (end - middle), 0.0)
    k2, weight = scale2 * f2, h * D * scale3
    base = u + h * W * (k1 + k2)
    u3, f3, j3, v3, i3, status = solve_stage(
        kind, model, cell, line, base, weight, end, sign, base + h * D * k2, v3, i3, tight
    )
    if status != CONVERGED:
        return point, 0.0, status
    if end != middle:
        v_a, i_a = (v3 - v2) / (end - middle), (i3 - i2) / (end - middle)
    k3 = scale3 * f3
    error = abs(h * (E1 * k1 + E2 * k2 + E3 * k3)) / max(1.0, 1 - weight * j3)
    return (u3, v3, i3, k3, v_a, i_a), error, CONVERGED


@njit(cache=True)
def segment(kind, model, cell, line, sign, span, point, tolerance, h, known):
    """Advance one cell over one straight piece of the waveform, with |V| of one sign.

    Args:
        kind: TABLE or IBM.
        model: of `kernels.slope`.
        cell: numbers of the cell.
        line: load line of the direction.
        sign: of the voltage.
        span: see `place`.
        point: see `attempt`.
        tolerance: of u in a step.
        h: first step, of the piece.
        known: the point is a solution at the start of the piece; otherwise it is solved for first.

    Returns:
        The point at the end, the next step, status, s reached, steps, a good first step for the same piece again.
    """
    s, steps, grow, first = 0.0, 0, 5.0, 0.0
    status = CONVERGED
    if not known:
        u, v, i, _, v_a, i_a = point
        start_V, scale = place(span, 0.0)
        tight = newton_tight(kind, tolerance)
        _, f, _, v, i, status = solve_stage(kind, model, cell, line, u, 0.0, start_V, sign, u, v, i, tight)
        point = (u, v, i, scale * f, v_a, i_a)
    h = min(max(h, STEP_MIN), 1.0)
    while status == CONVERGED and s < 1.0:
        steps += 1
        rest = 1.0 - s
        last = h >= 0.999 * rest
        h = rest if last else min(h, 0.5 * rest) if 2 * h > rest else h
        reached, error, status = attempt(kind, model, cell, line, sign, span, point, s, h, tolerance)
        if status != CONVERGED:
            at_edge = (status == DENSITY_RANGE and h * abs(point[3]) < EDGE) or (
                status == VOLTAGE_RANGE and abs(span[2] - span[1]) * h < EDGE
            )
            if at_edge or h <= STEP_MIN or steps > STEPS_MAX:
                break
            h, grow, status = 0.4 * h, 1.0, CONVERGED
            continue
        factor = 0.9 * (tolerance / error) ** (1 / 3) if error > 0 else 5.0
        if error <= tolerance:
            first = h * min(max(factor, 1.0), 2.5) if s == 0.0 else first
            s = 1.0 if last else s + h
            point = reached
            h *= min(max(factor, 0.2), grow)
            grow = 5.0
        elif h <= STEP_MIN or steps > STEPS_MAX:
            status = STALLED
        else:
            h, grow = h * min(max(factor, 0.1), 0.8), 1.0
    return point, h, status, s, steps, first


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
        step = time[-1] - time[0]
        point = (u, v, i, 0.0, 0.0, 0.0)
        for piece in range(corners - 1):
            if code != CONVERGED:
                break
            length, low, high = time[piece + 1] - time[piece], volt[piece], volt[piece + 1]
            sign = 1.0 if low + high >= 0 else -1.0
            line = lines[SET if sign > 0 else RESET]
            span = (length, abs(low), abs(high), 0.0, 1.0)
            point, h, code, reached, count, _ = segment(
                kind, model, cell, line, sign, span, point, tolerance, step / length, False
            )
            step = h * length
            steps[k] += count
            where[k, 0] = time[piece] + reached * length
            where[k, 1] = low + (high - low) * reached
            state[k, piece + 1], device[k, piece + 1] = point[0], math.copysign(point[1], sign)
        status[k] = code
    return state, device, status, where, steps


@njit(cache=True)
def pulse(kind, model, cell, lines, u, shape, sign, tolerance, hints):
    """One trapezoid from 0 V: u, status, time reached, applied voltage there, steps.

    An edge is two pieces: up to DECAY e-folds below the rate at the top, where nothing moves, and the rest in the
    exponential variable of `place`. shape: (set V, reset V, edge, hold); hints: (2, 8) of the last pulse in each
    direction, renewed: first step of the five pieces, e-folds of the rate a volt, dv/dV and di/dV of the first piece.
    """
    row = SET if sign > 0 else RESET
    line, hint = lines[row], hints[row]
    edge, hold = shape[2], shape[3]
    top = abs(shape[0] if sign > 0 else shape[1])
    foot = max(top - DECAY / hint[5], 0.0)
    q = hint[5] * (top - foot)
    point = (u, 0.0, 0.0, 0.0, hint[6], hint[7])
    done, at_foot, f, steps = 0.0, 0.0, 0.0, 0
    for piece in range(5):
        low = 0.0 if piece == 0 else foot if piece == 1 else top if piece < 4 else foot
        high = foot if piece == 0 else top if piece < 3 else foot if piece == 3 else 0.0
        length = hold if piece == 2 else edge * abs(high - low) / top
        if length == 0.0:
            continue
        curved = 0.0 if piece == 2 else q if piece == 1 or piece == 3 else min(hint[5] * foot, FOOT_MAX)
        span = (length, low, high, curved, math.exp(-curved))
        scale = place(span, 0.0)[1]
        point = (point[0], point[1], point[2], scale * f, point[4], point[5])
        point, _, status, reached, count, first = segment(
            kind, model, cell, line, sign, span, point, tolerance, hint[piece], True
        )
        steps += count
        if status != CONVERGED:
            at = place(span, reached)[0]
            share = abs(at - low) / abs(high - low) if high != low else reached
            return point[0], status, done + share * length, sign * at, steps
        hint[piece] = first
        f = point[3] / place(span, 1.0)[1]
        if piece == 0:
            hint[6], hint[7], at_foot = point[1] / foot, point[2] / foot, f
        if piece == 1 and at_foot != 0 and f / at_foot > 1:
            hint[5] = min(max(math.log(f / at_foot) / (top - foot), STEEP_MIN), STEEP_MAX)
        done += length
    return point[0], CONVERGED, done, 0.0, steps


@njit(cache=True)
def read_cell(kind, model, cell, lines, u, read_V):
    """Conductance I/V of the cell with the read line in series, status."""
    conductance, _, status = read_flow(kind, model, cell, lines, u, read_V)
    return conductance, status


@njit(cache=True)
def read_flow(kind, model, cell, lines, u, read_V):
    """Conductance I/V of the cell with the read line in series, the current, status."""
    v, i, status = settle(kind, model, cell, lines[READ], u, read_V, 1.0)
    if status != CONVERGED:
        return 0.0, 0.0, status
    if kind == TABLE:
        i = kernels.current(model, cell, u, v)[0]
    return i / v, i, status


@njit(cache=True)
def follow(kind, model, cell, lines, shape, order, u, tolerance, read_V, reads, found, where):
    """Take one cell through its pulses; reads go to `found`, the place of a failure to `where`: u, status, steps."""
    hints = np.full((2, 8), 0.25)
    hints[:, 5], hints[:, 6], hints[:, 7] = STEEP_MAX / 3, 0.9, 0.0
    code, taken, shot, steps = CONVERGED, 0, 0, 0
    while True:
        where[0] = shot
        if taken < reads.size and reads[taken] == shot:
            found[taken], code = read_cell(kind, model, cell, lines, u, read_V)
            taken += 1
            if code != CONVERGED:
                where[1], where[2] = 0.0, read_V
        if code != CONVERGED or shot == order.size:
            return u, code, steps
        if order[shot] != 0:
            sign = 1.0 if order[shot] > 0 else -1.0
            u, code, where[1], where[2], count = pulse(
                kind, model, cell, lines, u, shape, sign, tolerance, hints
            )
            steps += count
            if code != CONVERGED:
                return u, code, steps
        shot += 1


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
    cells = start.size
    found = np.full((cells, reads.size), np.nan, dtype=np.float32)
    status = np.zeros(cells, dtype=np.int64)
    where = np.zeros((cells, 3))
    steps = np.zeros(cells, dtype=np.int64)
    for k in prange(cells):
        model = (tables[0][slices[k]], tables[1], tables[2], ionic)
        shape = shapes[k] if shapes.shape[0] > 1 else shapes[0]
        order = directions[k] if directions.shape[0] > 1 else directions[0]
        start[k], status[k], steps[k] = follow(
            kind,
            model,
            parameters[k],
            loads[k],
            shape,
            order,
            start[k],
            tolerance,
            read_V,
            reads,
            found[k],
            where[k],
        )
    return found, status, where, steps
