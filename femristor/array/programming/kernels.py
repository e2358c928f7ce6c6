"""numba: program-verify of many cells on all cores, each with its own stream of random numbers.

The pulse is `kernels.noise.pulse`. A verify read is the true conductance plus `log10(G/uS) sum_m w_m x_m`, x_m
Ornstein-Uhlenbeck modes that keep a share c_m from read to read (c = 0: independent reads). Twin: `verify_twin.py`.
"""

import math

import numpy as np
from numba import njit, prange

from femristor.array.results.verify import ABOVE, ACCEPTED, BELOW, LEFT
from femristor.compact.kernels.hop_streams import stream_normal
from femristor.compact.kernels.noise import JOULE, fresh_hints, pulse
from femristor.compact.kernels.steps import read_flow
from femristor.compact.kernels.table import CONVERGED

STEPS = (1.0, 0.25, 0.25, 0.25, 1.0)
"""Longest steps of the pieces of a pulse: nothing hops at its feet; a pulse moves a cell by some per cent."""


@njit(cache=True)
def read_noise(modes, state, stream, conductance):
    """Noise of the next read [S]; modes: (2, modes) w and c, state: (modes,) advanced in place."""
    total = 0.0
    for m in range(state.size):
        keep = modes[1, m]
        state[m] = keep * state[m] + math.sqrt(1 - keep * keep) * stream_normal(stream)
        total += modes[0, m] * state[m]
    return math.log10(max(conductance * 1e6, 1.0)) * total


@njit(cache=True)
def advance(law, cell, lines, u, shape, sign, tolerance, hints, per_hop, stream, steps):
    """One pulse: u, status, energy at the terminals of cell and load [J]; law: (kind, model, field)."""
    kind, model, field = law
    u, status, _, _ = pulse(
        kind, model, field, cell, lines, u, shape, sign, tolerance, hints, per_hop, stream, steps
    )
    return u, status, hints[0 if sign > 0 else 1, JOULE]


@njit(cache=True)
def one_cell(
    law, cell, lines, u, shape, ladder, target, accept, most, tolerance, read_V, per_hop, stream, modes, steps,
    found, work, sent,
):  # fmt: skip
    """Program one cell: u, outcome. found: G, last read; work: J of set and reset, A over all reads; sent: pulses."""
    hints, state = fresh_hints(), np.empty(modes.shape[1])
    for m in range(state.size):
        state[m] = stream_normal(stream)
    pulses, before = shape.copy(), 0
    for shot in range(most + 1):
        found[0], flow, code = read_flow(law[0], law[1], cell, lines, u, read_V)
        if code != CONVERGED:
            return u, LEFT
        found[1] = found[0] + read_noise(modes, state, stream, found[0])
        work[2] += flow
        if abs(found[1] - target) <= accept * target:
            return u, ACCEPTED
        if shot == most:
            break
        row = 0 if found[1] < target else 1
        sign = 1.0 if row == 0 else -1.0
        # Incremental pulses start again at the foot of their ladder when the direction turns.
        last = abs(pulses[row])
        size = min(last + ladder[row, 0], ladder[row, 1]) if before == row + 1 else abs(shape[row])
        pulses[row], before = sign * size, row + 1
        u, code, joule = advance(law, cell, lines, u, pulses, sign, tolerance, hints, per_hop, stream, steps)
        sent[row] += 1
        if code != CONVERGED:
            return u, LEFT
        work[row] += joule
    return u, ABOVE if found[1] > target else BELOW


@njit(cache=True, parallel=True)
def program(
    kind, tables, field, ionic, parameters, loads, shapes, ladders, targets, start, per_hop, streams, modes,
    accept, most, tolerance, read_V, steps,
):  # fmt: skip
    """Program cells, in any number of threads with the same answer.

    Args:
        kind: TABLE or IBM.
        tables: (patches of one ambient, ln N knots, |V| knots).
        field: of `kernels.noise.activity`.
        ionic: (a/L, N_max, n) of the table.
        parameters: (cells, numbers) of each cell.
        loads: (cells, 3, 11) of `Load.lines`.
        shapes: (cells, 4) first set V, first reset V, edge, hold.
        ladders: (cells, 2, 2) step and highest |V| of set and reset; step 0 for identical pulses.
        targets: (cells,) conductances.
        start: (cells,) ln N, advanced in place.
        per_hop: (cells,) F over the switching volume.
        streams: (cells, WORDS) of `hop_streams`.
        modes: (2, modes) weight [S] of each mode of the read noise and what it keeps from read to read.
        accept: accepted distance of the read, of the target.
        most: most pulses.
        tolerance: of u in a drift step.
        read_V: applied in a read.
        steps: longest steps of the five pieces of a pulse.

    Returns:
        Outcome (cells,), conductance and last read (cells, 2), energy [J] of set and of reset pulses and sum of the
        currents of all reads [A] (cells, 3), pulses set and reset (cells, 2).
    """
    cells = start.size
    outcome = np.empty(cells, np.int8)
    found, work = np.full((cells, 2), np.nan), np.zeros((cells, 3))
    sent = np.zeros((cells, 2), np.int32)
    for k in prange(cells):
        law = (kind, (tables[0], tables[1], tables[2], ionic), field)
        start[k], outcome[k] = one_cell(
            law, parameters[k], loads[k], start[k], shapes[k], ladders[k], targets[k], accept, most, tolerance,
            read_V, per_hop[k], streams[k], modes, steps, found[k], work[k], sent[k],
        )  # fmt: skip
    return outcome, found, work, sent
