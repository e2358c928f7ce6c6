"""One device pulse: the compiled law for a whole list of cells of a row, and its plain twin.

Soft bounds, with `u = (w_max - w)/(w_max - w_min)` and `xi` a fresh standard normal number::

    up:   w += step_up   *  u      ** gamma_up   * (1 + noise xi)
    down: w -= step_down * (1 - u) ** gamma_down * (1 + noise xi)

Table, with `mean(w)` and `std(w)` interpolated linearly between weight states::

    up:   w += step_up   * (mean_up(w)   + noise std_up(w)   xi)
    down: w -= step_down * (mean_down(w) + noise std_down(w) xi)

then clipped to [w_min, w_max]. Source of the first: `PowStepDevice` of IBM aihwkit (documentation).
"""

from dataclasses import dataclass

import numba
import numpy as np
from llvmlite import ir
from numba.extending import intrinsic

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
from femristor.nn.update.counter_rng import draw, draw_plain, normal, normal_plain
from femristor.nn.update.power import power, power_plain

LANES = 16
NOW, SIGMA, LOW, HIGH, INVERSE = range(5)
_ONE, _ZERO = np.float32(1.0), np.float32(0.0)
_COMMON = (NOISE, W_MIN, W_MAX, INVERSE_RANGE)


@dataclass(frozen=True)
class Laws:
    """Devices as the kernel reads them: directions side by side, what all cells share stored once.

    Attributes:
        steps: (rows, 2 cols) uint64, two float32 each; [row, 2 j] are up step and exponent (or table) of cell j,
            [row, 2 j + 1] minus the down step and its exponent.
        own: (rows, cols, 4) float32: noise, w_min, w_max, 1/(w_max - w_min) of each cell; empty if all are alike.
        common: (4,) float32, the same of the first cell.
        library: (tables, 2, states, 2) float32, step tables.
        kind: SOFT_BOUNDS or TABLE.
    """

    steps: np.ndarray
    own: np.ndarray
    common: np.ndarray
    library: np.ndarray
    kind: int

    def pack(self) -> tuple:
        """The fields as the kernels take them."""
        return self.steps, self.own, self.common, self.library, self.kind


def laws(devices: DeviceArray) -> Laws:
    """The kernel's view of an array; made once and kept with the array.

    Args:
        devices: the devices; not to be changed afterwards.

    Returns:
        Its laws.
    """
    kept = vars(devices).get("_laws")
    if kept is None:
        p = devices.parameters
        rows, cols = devices.shape
        steps = np.empty((rows, cols, 2, 2), dtype=np.float32)
        steps[..., 0, 0], steps[..., 0, 1] = p[..., STEP_UP], p[..., GAMMA_UP]
        steps[..., 1, 0], steps[..., 1, 1] = -p[..., STEP_DOWN], p[..., GAMMA_DOWN]
        if devices.kind != SOFT_BOUNDS:
            steps[..., 1, 1] = p[..., TABLE_INDEX]
        own, common = np.ascontiguousarray(p[..., _COMMON]), np.ascontiguousarray(p[0, 0, _COMMON])
        if np.all(own == common):
            own = np.empty((0, 0, len(_COMMON)), dtype=np.float32)
        kept = Laws(steps.reshape(rows, 4 * cols).view(np.uint64), own, common, devices.library, devices.kind)
        vars(devices)["_laws"] = kept
    return kept


@numba.njit(error_model="numpy")
def scratch(cols):
    """Working space of `fire`, for cols rounded up to whole vectors.

    Returns:
        (5, cols) float32; (cols,) uint64; the second again as (2 cols,) float32.
    """
    size = (cols + LANES - 1) // LANES * LANES
    pairs = np.zeros(size, dtype=np.uint64)
    return np.zeros((5, size), dtype=np.float32), pairs, pairs.view(np.float32)


@numba.njit(error_model="numpy")
def prepare(spaces, common, own):
    """Fill in what all cells share; nothing where cells differ (`own`)."""
    cells = spaces[0]
    if own.size == 0:
        for t in range(cells.shape[1]):
            cells[SIGMA, t], cells[LOW, t] = common[0], common[1]
            cells[HIGH, t], cells[INVERSE, t] = common[2], common[3]


@intrinsic
def _fetch(context, address):
    """Ask for the cache line at an address; nothing waits for it."""

    def build(_, builder, signature, arguments):
        word, byte = ir.IntType(32), ir.IntType(8).as_pointer()
        kind = ir.FunctionType(ir.VoidType(), [byte, word, word, word])
        function = builder.module.declare_intrinsic("llvm.prefetch", [byte], kind)
        builder.call(function, [builder.inttoptr(arguments[0], byte), word(0), word(2), word(1)])
        return ir.Constant(ir.IntType(64), 0)

    return numba.types.int64(numba.types.int64), build


@numba.njit(error_model="numpy")
def fetch_row(weight, steps, row):
    """Have a row's weights and steps brought near while another row is worked on."""
    if row < weight.shape[0]:
        cells = 8 * steps.shape[1]
        first = steps.ctypes.data + row * cells
        for offset in range(0, cells, 64):
            _fetch(first + offset)
        cells = 4 * weight.shape[1]
        first = weight.ctypes.data + row * cells
        for offset in range(0, cells, 64):
            _fetch(first + offset)


# Whole arrays and indices instead of views: a view costs two atomic reference counts, more than the pulses.
@numba.njit(error_model="numpy")
def fire(weight, steps, own, library, kind, codes, start, count, row, down, key, spaces):
    """Fire one pulse at each listed cell of one row.

    Args:
        weight: (rows, cols) float32, changed in place.
        steps: of `Laws`, as the next three.
        own: see `Laws`.
        library: see `Laws`.
        kind: see `Laws`.
        codes: uint32; codes[start : start + count] are 2 j + s for cell j, each at most once, s = 1 for a negative
            input; readable up to whole vectors.
        start: see `codes`.
        count: number of cells.
        row: the row.
        down: uint32, 0 where positive inputs pulse up, 1 where they pulse down.
        key: uint64; cell j draws its noise number j from it.
        spaces: working space of `scratch`, prepared by `prepare`.
    """
    cells, pairs, both = spaces
    one, start = np.uint32(1), np.uint64(start)
    for t in range(count):
        code = codes[start + np.uint64(t)] ^ down
        cells[NOW, t] = weight[row, code >> one]
        pairs[t] = steps[row, code]
    if own.size > 0:
        for t in range(count):
            c = codes[start + np.uint64(t)] >> one
            cells[SIGMA, t], cells[LOW, t] = own[row, c, 0], own[row, c, 1]
            cells[HIGH, t], cells[INVERSE, t] = own[row, c, 2], own[row, c, 3]
    # Whole vectors: numbers behind the list are computed and dropped.
    if kind == SOFT_BOUNDS:
        for t in range((count + LANES - 1) // LANES * LANES):
            code = np.uint32(codes[start + np.uint64(t)] ^ down)
            xi = normal(draw(key, code >> one))
            now = cells[NOW, t]
            low, high = cells[LOW, t], cells[HIGH, t]
            base = (now - low if code & one else high - now) * cells[INVERSE, t]
            grown = power(base, both[2 * t + 1]) * (_ONE + cells[SIGMA, t] * xi)
            moved = now + both[2 * t] * grown
            moved = moved if moved > low else low
            cells[NOW, t] = moved if moved < high else high
    else:
        _move_by_table(library, codes, start, count, down, key, cells, both)
    for t in range(count):
        weight[row, codes[start + np.uint64(t)] >> one] = cells[NOW, t]


@numba.njit(error_model="numpy")
def _move_by_table(library, codes, start, count, down, key, cells, both):
    states = library.shape[2]
    span = np.float32(states - 1)
    one = np.uint32(1)
    for t in range(count):
        code = np.uint32(codes[start + np.uint64(t)] ^ down)
        side = code & one
        now, low, high = cells[NOW, t], cells[LOW, t], cells[HIGH, t]
        place = (now - low) * cells[INVERSE, t] if side else _ONE - (high - now) * cells[INVERSE, t]
        position = place * span
        position = position if position > _ZERO else _ZERO
        node = min(np.int64(position), states - 2)
        part = position - np.float32(node)
        table = np.int64(both[2 * t + 1])
        mean = library[table, side, node, 0]
        mean = mean + part * (library[table, side, node + 1, 0] - mean)
        std = library[table, side, node, 1]
        std = std + part * (library[table, side, node + 1, 1] - std)
        xi = normal(draw(key, code >> one))
        moved = now + both[2 * t] * (mean + cells[SIGMA, t] * std * xi)
        moved = moved if moved > low else low
        cells[NOW, t] = moved if moved < high else high


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
    xi = normal_plain(draw_plain(keys, np.arange(weight.shape[1])[None, :]))
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
