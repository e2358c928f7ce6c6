"""numba: a noisy pulse train with a read after each pulse, in steps as long as the noise allows.

As `compact.noise_kernels.train`; below the foot of an edge nothing moves (the rate there is e^-8 of that at the top), so
that it takes one step.
"""

import numpy as np
from numba import njit

from femristor.compact.kernels import CONVERGED
from femristor.compact.noise_kernels import JOULE, fresh_hints, pulse
from femristor.compact.step_kernels import read_flow

LONGEST = (1.0, 0.25, 0.125, 0.25, 1.0)
"""Longest step of the five pieces of a pulse: foot, rise, plateau, fall, foot."""


@njit(cache=True, nogil=True)
def train(
    kind, tables, field, ionic, parameters, loads, shape, directions, start, tolerance, read_V, per_hop, rng
):
    """Take cells through one pulse train; arguments as of `noise_kernels.train`, but one `shape` (4,) for all cells.

    Returns:
        Conductance (cells, pulses + 1) from the start on, last ln N (cells,), energy [J] of set and of reset pulses
        and sum of the currents of all reads [A] (cells, 3), status (cells,), pulse, time in it and applied voltage of a
        failure (cells, 3).
    """
    cells, pulses = start.size, directions.size
    found = np.full((cells, pulses + 1), np.nan)
    state, status, where = start.copy(), np.zeros(cells, np.int64), np.zeros((cells, 3))
    work = np.zeros((cells, 3))
    model = (tables[0], tables[1], tables[2], ionic)
    for k in range(cells):
        hints, u, code = fresh_hints(), start[k], CONVERGED
        for shot in range(pulses + 1):
            if shot > 0:
                where[k, 0] = shot - 1
                sign = 1.0 if directions[shot - 1] > 0 else -1.0
                u, code, where[k, 1], where[k, 2] = pulse(
                    kind, model, field, parameters[k], loads[k], u, shape, sign, tolerance, hints, per_hop[k], rng,
                    LONGEST,
                )  # fmt: skip
                row = 0 if sign > 0 else 1
                work[k, row] += hints[row, JOULE]
            if code == CONVERGED:
                found[k, shot], flow, code = read_flow(kind, model, parameters[k], loads[k], u, read_V)
                work[k, 2] += flow
            if code != CONVERGED:
                break
        state[k], status[k] = u, code
    return found, state, work, status, where
