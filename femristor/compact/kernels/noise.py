"""numba: pulses of cells whose vacancies hop one cluster at a time, as Langevin steps of u = ln N.

A drift step is that of `kernels.steps.attempt`. After it u moves by `sqrt(Q) xi - Q/2`, `Q = int F S/(N volume) dt`:
S is the sum of forward and backward rates where the drift is their difference, F the vacancies that hop together.
The shift keeps the mean of N. Energy: `int |V I| dt` at the terminals of cell and load, along the same steps.
Twin: `stochastic_twin.py` (NumPy); the counts it stands for: `gillespie.py`.
"""

import math

import numpy as np
from numba import njit

from femristor.compact.kernels import table as kernels
from femristor.compact.kernels.hop_streams import normal
from femristor.compact.kernels.load import RESET, SET
from femristor.compact.kernels.steps import (
    DECAY,
    EDGE,
    IBM,
    STEEP_MAX,
    STEEP_MIN,
    STEP_MIN,
    STEPS_MAX,
    TABLE,
    attempt,
    place,
    read_cell,
    solve_stage,
)
from femristor.compact.kernels.table import CONVERGED, DENSITY_RANGE, STALLED, VOLTAGE_RANGE

LONGEST = 0.125
"""Longest step, of a piece of the pulse: noise is added at the end of a step. STEPS has one a piece."""
STEPS = (LONGEST, LONGEST, LONGEST, LONGEST, LONGEST)
WIDE = 0.3
"""A step over more than this share of its higher voltage takes one more current, in its middle, for its energy."""
JOULE = 8
"""Where the hints of a pulse hold its energy [J]."""
ABOVE, BELOW = -1, -2
"""Program-verify stopped without the target: pulses used up."""


@njit(cache=True)
def activity(kind, model, field, cell, u, v, i, f):
    """Forward plus backward rates [1/s] where the net one is f: |f| coth(z e a E/2kT); 0 at rest.

    field: (patches of ln(E/V), z e a/2k) of a table, ignored for IBM's law.
    """
    if v <= 0.0:
        return 0.0
    if kind == IBM:
        y = cell[12] * (v - i * cell[2]) / (cell[4] + cell[3] * v * i)
    else:
        strength = kernels.evaluate(field[0], model[1], model[2], u, v)[0]
        warm = kernels.evaluate(model[0][3], model[1], model[2], u, v)[0]
        y = field[1] * v * math.exp(strength - warm) / cell[3]
    return abs(f) / math.tanh(y) if y > 0.0 else 0.0


@njit(cache=True)
def flow(kind, model, cell, u, v, i):
    """Current [A] of a solved point: IBM's law carries it, a table is asked."""
    return kernels.current(model, cell, u, v)[0] if kind == TABLE and v > 0.0 else i


@njit(cache=True)
def step_energy(kind, model, cell, line, sign, length, volts, ends, tight):
    """Energy int V I dt [J] of a step over which V is linear in time: exact for I linear in V, with `WIDE` Simpson's rule.

    length: s; volts: |V| applied at both ends; ends: (u, v, i) there.
    """
    (low, high), ((u0, v0, i0), (u1, v1, i1)) = volts, ends
    i0, i1 = flow(kind, model, cell, u0, v0, i0), flow(kind, model, cell, u1, v1, i1)
    if abs(high - low) > WIDE * max(low, high):
        u, volt = 0.5 * (u0 + u1), 0.5 * (low + high)
        _, _, _, v, i, status = solve_stage(
            kind, model, cell, line, u, 0.0, volt, sign, u, 0.5 * (v0 + v1), 0.5 * (i0 + i1), tight
        )
        if status == CONVERGED:
            return length / 6 * (low * i0 + 4 * volt * flow(kind, model, cell, u, v, i) + high * i1)
    return length / 6 * (2 * (low * i0 + high * i1) + low * i1 + high * i0)


@njit(cache=True)
def segment(kind, model, field, cell, line, sign, span, point, tolerance, h, per_hop, rng, longest):
    """Advance one cell over one straight piece with noise; as `kernels.steps.segment`, and the energy [J] at the end.

    per_hop: F over the switching volume [1/m^3]; rng: source of the noise; longest: step, of the piece.
    """
    s, steps, grow, first, status, joule = 0.0, 0, 5.0, 0.0, CONVERGED, 0.0
    u, v, i, _, v_a, i_a = point
    tight = max(1e-3 * tolerance, 1e-12)
    volt, scale = place(span, 0.0)
    _, f, f_u, v, i, status = solve_stage(kind, model, cell, line, u, 0.0, volt, sign, u, v, i, tight)
    point = (u, v, i, scale * f, v_a, i_a)
    early = scale * per_hop * math.exp(-u) * activity(kind, model, field, cell, u, v, i, f)
    growth = scale * f_u
    h = min(max(h, STEP_MIN), longest)
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
        if error > tolerance:
            if h <= STEP_MIN or steps > STEPS_MAX:
                return point, h, STALLED, s, steps, first, joule
            h, grow = h * min(max(factor, 0.1), 0.8), 1.0
            continue
        first = h * min(max(factor, 1.0), 2.5) if s == 0.0 else first
        s, before = 1.0 if last else s + h, volt
        u, v, i, slope, v_a, i_a = reached
        volt, scale = place(span, s)
        if s == 1.0:
            volt = span[2]
        share = h if span[3] == 0.0 else abs(volt - before) / abs(span[2] - span[1])
        ends = ((point[0], point[1], point[2]), (u, v, i))
        joule += step_energy(kind, model, cell, line, sign, share * span[0], (before, volt), ends, tight)
        rate = per_hop * math.exp(-u) * activity(kind, model, field, cell, u, v, i, slope / scale)
        # Noise made early in the step grows or shrinks along the drift until its end.
        early *= math.exp(min(max(2 * h * growth, -2.0), 2.0))
        variance = 0.5 * h * (early + scale * rate)
        if variance > 0.0:
            u += math.sqrt(variance) * normal(rng) - 0.5 * variance
        _, f, f_u, v, i, status = solve_stage(kind, model, cell, line, u, 0.0, volt, sign, u, v, i, tight)
        growth = scale * f_u
        early = scale * per_hop * math.exp(-u) * activity(kind, model, field, cell, u, v, i, f)
        point = (u, v, i, scale * f, v_a, i_a)
        h = min(h * min(max(factor, 0.2), grow), longest)
        grow = 5.0
    return point, h, status, s, steps, first, joule


@njit(cache=True)
def pulse(kind, model, field, cell, lines, u, shape, sign, tolerance, hints, per_hop, rng, longest=STEPS):
    """One trapezoid from 0 V with noise, as `kernels.steps.pulse`: u, status, time reached, applied voltage there.

    longest: step, of each of the five pieces. hints: (2, 9), the last the energy of the pulse [J].
    """
    row = SET if sign > 0 else RESET
    line, hint = lines[row], hints[row]
    edge, hold = shape[2], shape[3]
    top = abs(shape[0] if sign > 0 else shape[1])
    foot = max(top - DECAY / hint[5], 0.0)
    q = hint[5] * (top - foot)
    point = (u, 0.0, 0.0, 0.0, hint[6], hint[7])
    done, at_foot, hint[JOULE] = 0.0, 0.0, 0.0
    for piece in range(5):
        low = 0.0 if piece == 0 else foot if piece == 1 else top if piece < 4 else foot
        high = foot if piece == 0 else top if piece < 3 else foot if piece == 3 else 0.0
        length = hold if piece == 2 else edge * abs(high - low) / top
        if length == 0.0:
            continue
        curved = q if piece == 1 or piece == 3 else 0.0
        span = (length, low, high, curved, math.exp(-curved))
        point, _, status, reached, _, first, joule = segment(
            kind, model, field, cell, line, sign, span, point, tolerance, hint[piece], per_hop, rng,
            longest[piece],
        )  # fmt: skip
        if status != CONVERGED:
            at = place(span, reached)[0]
            share = abs(at - low) / abs(high - low) if high != low else reached
            return point[0], status, done + share * length, sign * at
        hint[piece] = first
        hint[JOULE] += joule
        rate = abs(point[3]) / place(span, 1.0)[1]
        if piece == 0:
            hint[6], hint[7], at_foot = point[1] / foot, point[2] / foot, rate
        if piece == 1 and at_foot > 0 and rate > at_foot:
            hint[5] = min(max(math.log(rate / at_foot) / (top - foot), STEEP_MIN), STEEP_MAX)
        done += length
    return point[0], CONVERGED, done, 0.0


@njit(cache=True)
def fresh_hints():
    """Hints of a cell before its first pulse, as `kernels.steps.follow` starts."""
    hints = np.full((2, JOULE + 1), 0.25)
    hints[:, 5], hints[:, 6], hints[:, 7:] = STEEP_MAX / 3, 0.9, 0.0
    return hints


@njit(cache=True, nogil=True)
def train(
    kind, tables, field, ionic, parameters, loads, shapes, directions, start, tolerance, read_V, per_hop, rng
):
    """Take cells through pulses, a read after each.

    Args:
        kind: TABLE or IBM.
        tables: (patches of one ambient, ln N knots, |V| knots).
        field: of `activity`.
        ionic: (a/L, N_max, n) of the table.
        parameters: (cells, numbers) of each cell.
        loads: (cells, 3, 11) of `Load.lines`.
        shapes: (cells, 4) set V, reset V, edge, hold.
        directions: (pulses,) int8, 1 set, -1 reset.
        start: (cells,) ln N, advanced in place.
        tolerance: of u in a drift step.
        read_V: applied to cell and load in a read.
        per_hop: (cells,) F over volume.
        rng: generator.

    Returns:
        ln N and conductance (cells, pulses + 1) from the start on, status (cells,), pulse, time in it and applied
        voltage of a failure (cells, 3).
    """
    cells, pulses = start.size, directions.size
    state = np.full((cells, pulses + 1), np.nan)
    found = np.full((cells, pulses + 1), np.nan)
    status, where = np.zeros(cells, np.int64), np.zeros((cells, 3))
    model = (tables[0], tables[1], tables[2], ionic)
    for k in range(cells):
        hints, u = fresh_hints(), start[k]
        code = CONVERGED
        for shot in range(pulses + 1):
            if shot > 0:
                where[k, 0] = shot - 1
                sign = 1.0 if directions[shot - 1] > 0 else -1.0
                u, code, where[k, 1], where[k, 2] = pulse(
                    kind, model, field, parameters[k], loads[k], u, shapes[k], sign, tolerance, hints,
                    per_hop[k], rng,
                )  # fmt: skip
            if code == CONVERGED:
                found[k, shot], code = read_cell(kind, model, parameters[k], loads[k], u, read_V)
            state[k, shot] = u
            if code != CONVERGED:
                break
        start[k], status[k] = u, code
    return state, found, status, where


@njit(cache=True, nogil=True)
def verify(
    kind, tables, field, ionic, parameters, loads, shapes, targets, start, tolerance, read_V, per_hop, rng,
    accept, most,
):  # fmt: skip
    """Program-verify: a set pulse below the target, a reset pulse above it, until a read is accepted.

    Args:
        kind: as in `train`, like those not named here.
        tables: see there.
        field: see there.
        ionic: see there.
        parameters: see there.
        loads: see there.
        shapes: see there, one pair of amplitudes a cell.
        targets: (cells,) conductances.
        start: (cells,) ln N, advanced in place.
        tolerance: see there.
        read_V: see there.
        per_hop: see there.
        rng: see there.
        accept: accepted distance, of the target.
        most: most pulses.

    Returns:
        Pulses (cells,), ABOVE or BELOW where they were used up; conductances (cells,), status, where as in `train`.
    """
    cells = start.size
    used, found = np.zeros(cells, np.int64), np.zeros(cells)
    status, where = np.zeros(cells, np.int64), np.zeros((cells, 3))
    model = (tables[0], tables[1], tables[2], ionic)
    for k in range(cells):
        hints, u = fresh_hints(), start[k]
        code = CONVERGED
        for shot in range(most + 1):
            where[k, 0] = shot
            found[k], code = read_cell(kind, model, parameters[k], loads[k], u, read_V)
            if code != CONVERGED or abs(found[k] - targets[k]) <= accept * targets[k]:
                used[k] = shot
                break
            if shot == most:
                used[k] = ABOVE if found[k] > targets[k] else BELOW
                break
            sign = 1.0 if found[k] < targets[k] else -1.0
            u, code, where[k, 1], where[k, 2] = pulse(
                kind, model, field, parameters[k], loads[k], u, shapes[k], sign, tolerance, hints,
                per_hop[k], rng,
            )  # fmt: skip
            if code != CONVERGED:
                break
        start[k], status[k] = u, code
    return used, found, status, where
