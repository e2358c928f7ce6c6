"""One device pulse: the compiled law for a whole list of cells of a row, and its plain twin.

Soft bounds, with `u = (w_max - w)/(w_max - w_min)` and `xi` a fresh standard normal number::

    up:   w += step_up   *  u      ** gamma_up   * (1 + noise xi)
    down: w -= step_down * (1 - u) ** gamma_down * (1 + noise xi)

Table, with `mean(w)` and `std(w)` interpolated linearly between weight states::

    up:   w += step_up   * (mean_up(w)   + noise std_up(w)   xi)
    down: w -= step_down * (mean_down(w) + noise std_down(w) xi)

then clipped to [w_min, w_max]. Source of the first: `PowStepDevice` of IBM aihwkit (documentation).
"""

import numba
import numpy as np

from femristor.nn.counter_rng import child, child_plain, normal, normal_plain
from femristor.nn.devices.parameters import (
    GAMMA_DOWN,
    GAMMA_UP,
    INVERSE_RANGE,
    NOISE,
    SOFT_BOUNDS,
    STEP_DOWN,
    STEP_UP,
    TABLE_INDEX,
    W_MAX,
    W_MIN,
    DeviceArray,
)
from femristor.nn.power import power, power_plain

NOW, BASE, XI, STEP, EXPONENT, SIGMA, LOW, HIGH = range(8)
_ONE, _ZERO = np.float32(1.0), np.float32(0.0)


def scratch_space(cols: int) -> np.ndarray:
    """Working space of `fire`: (8, cols) float32."""
    return np.empty((8, cols), dtype=np.float32)


# Whole arrays and indices instead of views: a view costs two atomic reference counts, more than the pulses.
@numba.njit(error_model="numpy")
def fire(weight, parameters, library, kind, columns, sample, slot, count, row, up, key, scratch):
    """Fire one pulse at each listed cell of one row, all in one direction.

    Args:
        weight: (rows, cols) float32, changed in place.
        parameters: (rows, cols, 8) float32.
        library: (tables, 2, states, 2) float32.
        kind: SOFT_BOUNDS or TABLE.
        columns: (batch, length, cols) uint32; columns[sample, slot, :count] are the cells, each at most once.
        sample: see `columns`.
        slot: see `columns`.
        count: number of cells.
        row: the row.
        up: direction.
        key: uint64; cell j draws its noise from child(key, j).
        scratch: working space of `scratch_space`.
    """
    for t in range(count):
        scratch[XI, t] = normal(child(key, np.uint64(columns[sample, slot, t])))
    # One short loop for each kind of memory access: only so the compiler vectorises them.
    if up:
        for t in range(count):
            c = columns[sample, slot, t]
            scratch[NOW, t] = weight[row, c]
            scratch[LOW, t], scratch[HIGH, t] = parameters[row, c, W_MIN], parameters[row, c, W_MAX]
            scratch[STEP, t], scratch[EXPONENT, t] = parameters[row, c, STEP_UP], parameters[row, c, GAMMA_UP]
            scratch[SIGMA, t] = parameters[row, c, NOISE]
            scratch[BASE, t] = (scratch[HIGH, t] - scratch[NOW, t]) * parameters[row, c, INVERSE_RANGE]
    else:
        for t in range(count):
            c = columns[sample, slot, t]
            scratch[NOW, t] = weight[row, c]
            scratch[LOW, t], scratch[HIGH, t] = parameters[row, c, W_MIN], parameters[row, c, W_MAX]
            scratch[STEP, t], scratch[EXPONENT, t] = (
                -parameters[row, c, STEP_DOWN],
                parameters[row, c, GAMMA_DOWN],
            )
            scratch[SIGMA, t] = parameters[row, c, NOISE]
            scratch[BASE, t] = (scratch[NOW, t] - scratch[LOW, t]) * parameters[row, c, INVERSE_RANGE]
    if kind == SOFT_BOUNDS:
        for t in range(count):
            grown = power(scratch[BASE, t], scratch[EXPONENT, t]) * (
                _ONE + scratch[SIGMA, t] * scratch[XI, t]
            )
            moved = scratch[NOW, t] + scratch[STEP, t] * grown
            moved = moved if moved > scratch[LOW, t] else scratch[LOW, t]
            scratch[NOW, t] = moved if moved < scratch[HIGH, t] else scratch[HIGH, t]
    else:
        for t in range(count):
            scratch[EXPONENT, t] = parameters[row, columns[sample, slot, t], TABLE_INDEX]
        _move_by_table(library, count, up, scratch)
    for t in range(count):
        weight[row, columns[sample, slot, t]] = scratch[NOW, t]


@numba.njit(error_model="numpy")
def _move_by_table(library, count, up, scratch):
    states = library.shape[2]
    span = np.float32(states - 1)
    side = 0 if up else 1
    for t in range(count):
        place = _ONE - scratch[BASE, t] if up else scratch[BASE, t]
        position = place * span
        position = position if position > _ZERO else _ZERO
        node = min(np.int64(position), states - 2)
        part = position - np.float32(node)
        table = np.int64(scratch[EXPONENT, t])
        mean = library[table, side, node, 0]
        mean = mean + part * (library[table, side, node + 1, 0] - mean)
        std = library[table, side, node, 1]
        std = std + part * (library[table, side, node + 1, 1] - std)
        moved = scratch[NOW, t] + scratch[STEP, t] * (mean + scratch[SIGMA, t] * std * scratch[XI, t])
        moved = moved if moved > scratch[LOW, t] else scratch[LOW, t]
        scratch[NOW, t] = moved if moved < scratch[HIGH, t] else scratch[HIGH, t]


def fire_plain(weight: np.ndarray, devices: DeviceArray, hit: np.ndarray, up: np.ndarray, keys: np.ndarray):
    """Fire one pulse at each cell where `hit` is true.

    Args:
        weight: (rows, cols) float32, changed in place.
        devices: the devices under the cells.
        hit: (rows, cols) bool.
        up: (rows, cols) bool, direction.
        keys: (rows, 1) uint64, one a row.
    """
    p = devices.parameters
    lowest, highest, inverse = p[..., W_MIN], p[..., W_MAX], p[..., INVERSE_RANGE]
    xi = normal_plain(child_plain(keys, np.arange(weight.shape[1])[None, :]))
    step = np.where(up, p[..., STEP_UP], -p[..., STEP_DOWN])
    base = np.where(up, highest - weight, weight - lowest) * inverse
    if devices.kind == SOFT_BOUNDS:
        gamma = np.where(up, p[..., GAMMA_UP], p[..., GAMMA_DOWN])
        moved = weight + step * (power_plain(base, gamma) * (_ONE + p[..., NOISE] * xi))
    else:
        mean, std = _lookup_plain(devices, np.where(up, _ONE - base, base), up)
        moved = weight + step * (mean + p[..., NOISE] * std * xi)
    weight[hit] = np.minimum(np.maximum(moved, lowest), highest)[hit]


def _lookup_plain(devices: DeviceArray, place: np.ndarray, up: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    states = devices.library.shape[2]
    position = np.maximum(place * np.float32(states - 1), _ZERO)
    node = np.minimum(position.astype(np.int64), states - 2)
    part = position - node.astype(np.float32)
    number = devices.parameters[..., TABLE_INDEX].astype(np.int64)
    low = devices.library[number, np.where(up, 0, 1), node]
    high = devices.library[number, np.where(up, 0, 1), node + 1]
    found = low + part[..., None] * (high - low)
    return found[..., 0], found[..., 1]
