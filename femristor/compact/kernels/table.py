"""numba: the table of one cell: patches at one place, the load line, and one implicit stage.

A cell is a row of four numbers: factor of its current, shifts of the set and the reset barrier [K], ambient [K].
Twins: `hermite.evaluate` for the patches, `twin.sweep_plain` (SciPy) for the steps of `kernels.steps`.
"""

import math

from numba import njit

from femristor.compact.kernels.load import BARE, line_current

CONVERGED, DENSITY_RANGE, VOLTAGE_RANGE, STALLED = 0, 1, 2, 3
"""Outcomes of a step."""


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
def current(model, cell, u, v):
    """|I| of the cell at |V| = v, and its derivatives by u and v."""
    g, g_u, g_v = evaluate(model[0][0], model[1], model[2], u, v)
    conductance = cell[0] * math.exp(g)
    return v * conductance, v * conductance * g_u, conductance * (1 + v * g_v)


@njit(cache=True)
def device_voltage(model, cell, line, u, applied, guess):
    """|V| over the cell where cell and load carry the same current, and dv/du; -1 beyond the table.

    Newton within a bracket: the cell's current rises with v and the load's falls.
    """
    highest = model[2][-1]
    if line[0] == BARE:
        return (applied, 0.0) if applied <= highest * (1 + 1e-9) else (-1.0, 0.0)
    low, high = 0.0, min(applied, highest)
    if applied > highest and current(model, cell, u, highest)[0] < line_current(line, applied, highest)[0]:
        return -1.0, 0.0
    v = min(max(guess, low), high)
    for _ in range(200):
        through, _, cell_v = current(model, cell, u, v)
        load, load_v = line_current(line, applied, v)
        residual = through - load
        if residual > 0:
            high = v
        else:
            low = v
        move = -residual / (cell_v - load_v)
        done = abs(move) <= 1e-14 * applied or high - low <= 1e-15 * applied
        v = v + move
        if not (low <= v <= high):
            v = 0.5 * (low + high)
        if done:
            break
    _, cell_u, cell_v = current(model, cell, u, v)
    return v, -cell_u / (cell_v - line_current(line, applied, v)[1])


@njit(cache=True)
def slope(model, cell, line, u, applied, sign, guess):
    """du/dt, its derivative by u, and the device voltage; a status when the table does not reach.

    model: (4 quantities' patches, rows, columns, (a/L, N_max, n)).
    """
    rows = model[1]
    if not (rows[0] - 1e-9 <= u <= rows[-1] + 1e-9):
        return 0.0, 0.0, guess, DENSITY_RANGE
    v, v_u = device_voltage(model, cell, line, u, applied, guess)
    if v < 0:
        return 0.0, 0.0, guess, VOLTAGE_RANGE
    hop_over_length, density_max, exponent = model[3]
    g, g_u, g_v = evaluate(model[0][1 if sign > 0 else 2], rows, model[2], u, v)
    shift = cell[1] if sign > 0 else cell[2]
    if shift != 0.0:
        warm, warm_u, warm_v = evaluate(model[0][3], rows, model[2], u, v)
        lower = shift / (cell[3] * math.exp(warm))
        g, g_u, g_v = g - lower, g_u + lower * warm_u, g_v + lower * warm_v
    filled = math.exp(u) / density_max
    free = max(1 - filled, 0.0)
    prefactor = sign * hop_over_length * math.exp(g) * free**exponent
    blocked = -exponent * filled / free if free > 0 else 0.0
    rate = prefactor * v
    return rate, rate * (g_u + blocked) + prefactor * (1 + v * g_v) * v_u, v, CONVERGED


@njit(cache=True)
def stage(model, cell, line, base, weight, applied, sign, start, guess, tight):
    """Solve u = base + weight f(u) by Newton: u, f, df/du, device voltage, status."""
    u = start
    for _ in range(12):
        f, f_u, v, status = slope(model, cell, line, u, applied, sign, guess)
        if status != CONVERGED:
            return u, f, f_u, v, status
        guess = v
        denominator = 1 - weight * f_u
        if denominator <= 0:
            return u, f, f_u, v, STALLED
        move = (base + weight * f - u) / denominator
        u += move
        if abs(move) <= tight:
            f, f_u, v, status = slope(model, cell, line, u, applied, sign, guess)
            return u, f, f_u, v, status
        if abs(move) > 2.0:
            return u, f, f_u, v, STALLED
    return u, f, f_u, v, STALLED
