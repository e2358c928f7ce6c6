"""numba kernels: patches at one place, the load line, and the implicit step of one cell.

Step: TR-BDF2 (Bank et al. 1985) in u = ln N, L-stable, second order, with the third-order error estimate of
Hosea & Shampine (Appl. Numer. Math. 20, 1996). The device voltage is solved inside every stage.
Twins: `hermite.evaluate` for the patches, `twin.sweep_plain` (SciPy) for the steps.
"""

import math

import numpy as np
from numba import njit

CONVERGED, DENSITY_RANGE, VOLTAGE_RANGE, STALLED = 0, 1, 2, 3
"""Outcomes of a step."""

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
"""Most steps for one cell."""


@njit(cache=True)
def locate(knots, place):
    """Index of the interval that holds a place, the outer ones beyond the ends."""
    low, high = 0, knots.size - 1
    while high - low > 1:
        middle = (low + high) // 2
        if place >= knots[middle]:
            low = middle
        else:
            high = middle
    return low


@njit(cache=True)
def patch(c, s, t):
    """Value of one patch and its derivatives by s and t."""
    value = ds = dt = 0.0
    for a in range(3, -1, -1):
        inner = ((c[a, 3] * t + c[a, 2]) * t + c[a, 1]) * t + c[a, 0]
        slope = (3 * c[a, 3] * t + 2 * c[a, 2]) * t + c[a, 1]
        ds = ds * s + value
        value = value * s + inner
        dt = dt * s + slope
    return value, ds, dt


@njit(cache=True)
def evaluate(coefficients, rows, columns, row, column):
    """Value at one place, and derivatives by row and column."""
    i, j = locate(rows, row), locate(columns, column)
    height, width = rows[i + 1] - rows[i], columns[j + 1] - columns[j]
    value, ds, dt = patch(coefficients[i, j], (row - rows[i]) / height, (column - columns[j]) / width)
    return value, ds / height, dt / width


@njit(cache=True)
def current(model, u, v):
    """|I| of the cell at |V| = v, and its derivatives by u and v."""
    coefficients, rows, columns = model
    g, g_u, g_v = evaluate(coefficients[0], rows, columns, u, v)
    conductance = math.exp(g)
    return v * conductance, v * conductance * g_u, conductance * (1 + v * g_v)


@njit(cache=True)
def load_current(drop, ohm, limit):
    """Current of the load at a voltage drop over it, and its derivative."""
    if math.isinf(limit):
        return drop / ohm, 1 / ohm
    bend = math.tanh(drop / (ohm * limit))
    return limit * bend, (1 - bend * bend) / ohm


@njit(cache=True)
def device_voltage(model, u, applied, ohm, limit, guess):
    """|V| over the cell where cell and load carry the same current, and dv/du; -1 beyond the table.

    Newton within a bracket: the cell's current rises with v and the load's falls.
    """
    highest = model[2][-1]
    if ohm == 0.0:
        return (applied, 0.0) if applied <= highest * (1 + 1e-9) else (-1.0, 0.0)
    low, high = 0.0, min(applied, highest)
    if applied > highest:
        at_end = current(model, u, highest)[0]
        if at_end < load_current(applied - highest, ohm, limit)[0]:
            return -1.0, 0.0
    v = min(max(guess, low), high)
    for _ in range(200):
        cell, cell_u, cell_v = current(model, u, v)
        load, load_v = load_current(applied - v, ohm, limit)
        residual = cell - load
        if residual > 0:
            high = v
        else:
            low = v
        move = -residual / (cell_v + load_v)
        done = abs(move) <= 1e-14 * applied or high - low <= 1e-15 * applied
        v = v + move
        if not (low <= v <= high):
            v = 0.5 * (low + high)
        if done:
            break
    cell, cell_u, cell_v = current(model, u, v)
    load, load_v = load_current(applied - v, ohm, limit)
    return v, -cell_u / (cell_v + load_v)


@njit(cache=True)
def slope(model, ionic, load, u, applied, sign, guess):
    """du/dt, its derivative by u, and the device voltage; a status when the table does not reach."""
    rows = model[1]
    if not (rows[0] - 1e-9 <= u <= rows[-1] + 1e-9):
        return 0.0, 0.0, guess, DENSITY_RANGE
    ohm, limit = (load[0], load[1]) if sign > 0 else (load[2], load[3])
    v, v_u = device_voltage(model, u, applied, ohm, limit, guess)
    if v < 0:
        return 0.0, 0.0, guess, VOLTAGE_RANGE
    hop_over_length, density_max, exponent = ionic
    g, g_u, g_v = evaluate(model[0][1 if sign > 0 else 2], rows, model[2], u, v)
    filled = math.exp(u) / density_max
    free = max(1 - filled, 0.0)
    prefactor = sign * hop_over_length * math.exp(g) * free**exponent
    blocked = -exponent * filled / free if free > 0 else 0.0
    rate = prefactor * v
    return rate, rate * (g_u + blocked) + prefactor * (1 + v * g_v) * v_u, v, CONVERGED


@njit(cache=True)
def stage(model, ionic, load, base, weight, applied, sign, start, guess, tight):
    """Solve u = base + weight f(u) by Newton: u, f, df/du, device voltage, status."""
    u = start
    for _ in range(12):
        f, f_u, v, status = slope(model, ionic, load, u, applied, sign, guess)
        if status != CONVERGED:
            return u, f, f_u, v, status
        guess = v
        denominator = 1 - weight * f_u
        if denominator <= 0:
            return u, f, f_u, v, STALLED
        move = (base + weight * f - u) / denominator
        u += move
        if abs(move) <= tight:
            f, f_u, v, status = slope(model, ionic, load, u, applied, sign, guess)
            return u, f, f_u, v, status
        if abs(move) > 2.0:
            return u, f, f_u, v, STALLED
    return u, f, f_u, v, STALLED


@njit(cache=True)
def segment(model, ionic, load, u, v, t_length, v_from, v_to, tolerance, h):
    """Advance one cell over one straight piece of the waveform, with |V| from v_from to v_to of one sign.

    Returns u, device voltage, the next step, status, the time reached in the segment, steps taken.
    """
    sign = 1.0 if v_from + v_to >= 0 else -1.0
    a, b = abs(v_from), abs(v_to)
    tight = max(1e-3 * tolerance, 1e-12)
    t, steps, grow = 0.0, 0, 5.0
    k1, _, v, status = slope(model, ionic, load, u, a, sign, v)
    if status != CONVERGED:
        return u, v, h, status, t, steps
    h = min(max(h, STEP_MIN * t_length), t_length)
    while t < t_length:
        steps += 1
        last = h >= t_length - t
        if last:
            h = t_length - t
        middle, end = a + (b - a) * min((t + GAMMA * h) / t_length, 1.0), a + (b - a) * (t + h) / t_length
        if last:
            end = b
        u2, k2, _, v2, status = stage(
            model, ionic, load, u + h * D * k1, h * D, middle, sign, u + GAMMA * h * k1, v, tight
        )
        u3, k3, j3, v3 = u2, k2, 0.0, v2
        if status == CONVERGED:
            base = u + h * W * (k1 + k2)
            u3, k3, j3, v3, status = stage(
                model, ionic, load, base, h * D, end, sign, base + h * D * k2, v2, tight
            )
        if status != CONVERGED:
            at_edge = (status == DENSITY_RANGE and h * abs(k1) < EDGE) or (
                status == VOLTAGE_RANGE and abs(b - a) * h < EDGE * t_length
            )
            if at_edge or h <= STEP_MIN * t_length or steps > STEPS_MAX:
                return u, v, h, status, t, steps
            h, grow = 0.4 * h, 1.0
            continue
        error = abs(h * (E1 * k1 + E2 * k2 + E3 * k3)) / max(1.0, 1 - h * D * j3)
        factor = 0.9 * (tolerance / error) ** (1 / 3) if error > 0 else 5.0
        if error <= tolerance:
            t = t_length if last else t + h
            u, v, k1 = u3, v3, k3
            h *= min(max(factor, 0.2), grow)
            grow = 5.0
        else:
            if h <= STEP_MIN * t_length or steps > STEPS_MAX:
                return u, v, h, STALLED, t, steps
            h, grow = h * min(max(factor, 0.1), 0.8), 1.0
    return u, v, h, CONVERGED, t, steps


@njit(cache=True)
def integrate(coefficients, slices, rows, columns, ionic, loads, time, volt, start, tolerance):
    """Advance cells through one waveform whose pieces do not change sign.

    Args:
        coefficients: (ambients, 3, densities - 1, biases, 4, 4) patches.
        slices: (cells,) index of each cell's ambient.
        rows: (densities,) ln N knots.
        columns: (biases + 1,) |V| knots.
        ionic: (a/L, N_max, n).
        loads: (cells, 4) of `Load.numbers`.
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
    for cell in range(cells):
        model = (coefficients[slices[cell]], rows, columns)
        load = loads[cell]
        u = start[cell]
        sign = 1.0 if volt[0] + volt[1] >= 0 else -1.0
        first = slope(model, ionic, load, u, abs(volt[0]), sign, abs(volt[0]))
        v, status[cell] = first[2], first[3]
        where[cell, 0], where[cell, 1] = time[0], volt[0]
        state[cell, 0], device[cell, 0] = u, math.copysign(v, sign)
        h = time[-1] - time[0]
        for piece in range(corners - 1):
            if status[cell] != CONVERGED:
                break
            length = time[piece + 1] - time[piece]
            u, v, h, status[cell], reached, count = segment(
                model, ionic, load, u, v, length, volt[piece], volt[piece + 1], tolerance, h
            )
            steps[cell] += count
            sign = 1.0 if volt[piece] + volt[piece + 1] >= 0 else -1.0
            where[cell, 0] = time[piece] + reached
            where[cell, 1] = volt[piece] + (volt[piece + 1] - volt[piece]) * reached / length
            state[cell, piece + 1], device[cell, piece + 1] = u, math.copysign(v, sign)
    return state, device, status, where, steps
