"""Stochastic pulsed outer product: two random bit trains whose coincidences fire device pulses.

For inputs x, errors d, rate eta, granularity delta and at most L slots (Gokmen and Vlasov, Front. Neurosci.
10, 333 (2016); update management and bit-length management as in IBM aihwkit)::

    X = max|x|,  D = max|d|,  k = eta X D / delta          wanted coincidences of the largest pair
    BL = min(ceil(k), L)            (or L)                 slots of this sample
    A = B = sqrt(eta / (delta BL)),  A *= sqrt(X/D'),  B *= sqrt(D'/X),  D' = D min(1, L/k)
    p_j = min(1, B |x_j|),  q_i = min(1, A |d_i|)
    in each slot: bits x_j ~ p_j, d_i ~ q_i; a coincidence fires ONE pulse towards -sign(eta x_j d_i)

so E[dw_ij] = -eta x_j d_i on a linear device while no probability is clipped. A pulse sees the weight that
the pulse before left.

Rows of an array do not see each other, so a batch is first planned (slots, columns that carry a bit) and then
carried out row by row, all samples in their order: the same weights as sample by sample over the whole array.
"""

import math
from dataclasses import dataclass

import numba
import numpy as np

from femristor.core.errors import InputError
from femristor.nn.counter_rng import child, child_plain, uniform, uniform_plain
from femristor.nn.devices.parameters import DeviceArray
from femristor.nn.devices.pulse import fire, fire_plain

KEY_INPUT, KEY_ERROR, KEY_PULSE, KEY_READ, KEY_WRITE, KEY_CHOP, KEY_DIRECT = map(np.uint64, range(1, 8))


@dataclass(frozen=True)
class PulseTrain:
    """How an outer product becomes pulses.

    Attributes:
        length: most slots a sample gets (31 as in Gokmen and Vlasov; AGAD needs no more than 5).
        manage_length: use only as many slots as the largest pair wants.
        manage_scale: share the probabilities so that the largest x and d reach them alike.
    """

    length: int = 31
    manage_length: bool = True
    manage_scale: bool = True

    def __post_init__(self) -> None:
        if not 1 <= self.length <= 4096:
            raise InputError(f"A pulse train of {self.length} slots; give 1 to 4096.")


def train_scales_plain(rate: float, x_max: float, d_max: float, granularity: float, train: tuple) -> tuple:
    """Slots and probability factors of one sample.

    Args:
        rate: eta, positive.
        x_max: max|x|.
        d_max: max|d|.
        granularity: delta, the mean step in mid-window.
        train: (length, manage_length, manage_scale) of a `PulseTrain`.

    Returns:
        (slots, factor A of |d|, factor B of |x|); no slots where x, d or eta is zero.
    """
    length, manage_length, manage_scale = train
    if rate <= 0.0 or x_max <= 0.0 or d_max <= 0.0:
        return 0, 0.0, 0.0
    wanted = rate * x_max * d_max / granularity
    slots = length
    if manage_length and wanted < length:
        slots = max(math.ceil(wanted), 1)
    factor = math.sqrt(rate / (granularity * slots))
    if not manage_scale:
        return slots, factor, factor
    d_used = d_max * length / wanted if wanted > length else d_max
    return slots, factor * math.sqrt(x_max / d_used), factor * math.sqrt(d_used / x_max)


train_scales = numba.njit(inline="always")(train_scales_plain)


@dataclass
class Plan:
    """A batch, ready for the rows.

    Attributes:
        slots: (batch,) int64.
        d_factor: (batch,) float32, A of each sample.
        columns: (batch, length, cols) uint32; each slot starts with its columns that carry a positive bit.
        negative: (batch, length, cols) uint32, the same for negative bits.
        counts: (batch, length, 2) int64, how many of each.
        keys: (batch, length, 2) uint64, keys of the slot's error bits and of its pulses.
    """

    slots: np.ndarray
    d_factor: np.ndarray
    columns: np.ndarray
    negative: np.ndarray
    counts: np.ndarray
    keys: np.ndarray

    def pack(self) -> tuple[np.ndarray, ...]:
        """The fields as the kernels take them."""
        return self.slots, self.d_factor, self.columns, self.negative, self.counts, self.keys


def empty_plan(batch: int, length: int, cols: int) -> Plan:
    """Space for a plan.

    Args:
        batch: samples.
        length: most slots.
        cols: inputs.

    Returns:
        A plan without slots.
    """
    return Plan(
        slots=np.zeros(batch, dtype=np.int64),
        d_factor=np.zeros(batch, dtype=np.float32),
        columns=np.empty((batch, length, cols), dtype=np.uint32),
        negative=np.empty((batch, length, cols), dtype=np.uint32),
        counts=np.zeros((batch, length, 2), dtype=np.int64),
        keys=np.zeros((batch, length, 2), dtype=np.uint64),
    )


@numba.njit(inline="always")
def largest(values, sample):
    """max|values[sample]| as float64."""
    found = np.float32(0.0)
    for j in range(values.shape[1]):
        size = abs(values[sample, j])
        found = size if size > found else found
    return float(found)


@numba.njit(error_model="numpy")
def plan_sample(x, signs, x_factor, key, slots, columns, negative, counts, keys, sample):
    """Draw the input bits of one sample.

    Args:
        x: (batch, cols) float32.
        signs: (cols,) int8, +1 or -1, choppers on the input lines.
        x_factor: B.
        key: key of the sample.
        slots: number of slots.
        columns: of the `Plan`, filled at [sample], as the next three.
        negative: see `Plan`.
        counts: see `Plan`.
        keys: see `Plan`.
        sample: number of the sample in the batch.
    """
    factor = np.float32(x_factor)
    cols = x.shape[1]
    chosen = np.empty(cols, dtype=np.bool_)
    for slot in range(slots):
        slot_key = child(key, np.uint64(slot))
        line = child(slot_key, KEY_INPUT)
        keys[sample, slot, 0], keys[sample, slot, 1] = child(slot_key, KEY_ERROR), child(slot_key, KEY_PULSE)
        for j in range(cols):
            chosen[j] = uniform(child(line, np.uint64(j))) < factor * abs(x[sample, j])
        plus = minus = 0
        for j in range(cols):
            if chosen[j]:
                positive = (x[sample, j] > 0.0) == (signs[j] > 0)
                columns[sample, slot, plus] = j
                negative[sample, slot, minus] = j
                plus += positive
                minus += not positive
        counts[sample, slot, 0], counts[sample, slot, 1] = plus, minus


@numba.njit(error_model="numpy")
def row_hits(d, slots, d_factor, keys, row, hits):
    """Draw the error bits of one row for the whole batch.

    Args:
        d: (batch, rows) float32 errors.
        slots: of the `Plan`, as the next two.
        d_factor: see `Plan`.
        keys: see `Plan`.
        row: number of the row.
        hits: (batch * length, 2) int64, filled with the (sample, slot) whose bit is set, in order.

    Returns:
        Number of bits set.
    """
    found = 0
    for sample in range(d.shape[0]):
        chance = abs(d[sample, row]) * d_factor[sample]
        if chance <= np.float32(0.0):
            continue
        for slot in range(slots[sample]):
            if uniform(child(keys[sample, slot, 0], np.uint64(row))) < chance:
                hits[found, 0], hits[found, 1] = sample, slot
                found += 1
    return found


@numba.njit(error_model="numpy")
def fire_slot(
    weight, parameters, library, kind, d, columns, negative, counts, keys, sample, slot, row, scratch
):
    """Fire the coincidences of one slot on a row whose error bit is set.

    Args:
        weight: (rows, cols) float32, changed in place.
        parameters: (rows, cols, 8) float32.
        library: step tables.
        kind: device law.
        d: (batch, rows) float32 errors.
        columns: of the `Plan`, as the next three.
        negative: see `Plan`.
        counts: see `Plan`.
        keys: see `Plan`.
        sample: number of the sample in the batch.
        slot: number of the slot.
        row: number of the row.
        scratch: working space.

    Returns:
        Pulses fired.
    """
    up = d[sample, row] < np.float32(0.0)
    key = child(keys[sample, slot, 1], np.uint64(row))
    plus, minus = counts[sample, slot, 0], counts[sample, slot, 1]
    if plus > 0:
        fire(weight, parameters, library, kind, columns, sample, slot, plus, row, up, key, scratch)
    if minus > 0:
        fire(weight, parameters, library, kind, negative, sample, slot, minus, row, not up, key, scratch)
    return plus + minus


def update_sample_plain(
    weight: np.ndarray,
    devices: DeviceArray,
    x: np.ndarray,
    d: np.ndarray,
    *,
    rate: float,
    train: PulseTrain,
    key,
) -> int:
    """One sample on the whole array, written as in the module's equations.

    Args:
        weight: (rows, cols) float32, changed in place.
        devices: devices under the cells.
        x: (cols,) float32 inputs (choppers applied).
        d: (rows,) float32 errors.
        rate: eta.
        train: pulse train.
        key: uint64 key of the sample.

    Returns:
        Pulses fired.
    """
    settings = (train.length, train.manage_length, train.manage_scale)
    slots, a, b = train_scales_plain(
        rate, float(np.max(np.abs(x))), float(np.max(np.abs(d))), devices.granularity, settings
    )
    p, q = np.float32(b) * np.abs(x), np.float32(a) * np.abs(d)
    rows, cols = np.arange(d.size), np.arange(x.size)
    up = -np.sign(d)[:, None] * np.sign(x)[None, :] > 0
    fired = 0
    for slot in range(slots):
        slot_key = child_plain(key, slot)
        x_bit = uniform_plain(child_plain(child_plain(slot_key, KEY_INPUT), cols)) < p
        d_bit = uniform_plain(child_plain(child_plain(slot_key, KEY_ERROR), rows)) < q
        hit = np.outer(d_bit, x_bit)
        row_keys = child_plain(child_plain(slot_key, KEY_PULSE), rows)[:, None]
        fire_plain(weight, devices, hit, up, row_keys)
        fired += int(np.count_nonzero(hit))
    return fired


def check_vectors(x: np.ndarray, d: np.ndarray, shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Inputs and errors of a batch as the kernels want them.

    Args:
        x: (batch, cols).
        d: (batch, rows).
        shape: (rows, cols) of the array.

    Returns:
        Both as contiguous float32.

    Raises:
        InputError: shapes that do not fit, or a number that is not finite.
    """
    x, d = (np.ascontiguousarray(values, dtype=np.float32) for values in (x, d))
    if x.ndim != 2 or d.ndim != 2 or x.shape[0] != d.shape[0] or (d.shape[1], x.shape[1]) != tuple(shape):
        raise InputError(
            f"Inputs {x.shape} and errors {d.shape} do not fit an array of {shape[0]} x {shape[1]} cells."
        )
    for name, values in (("input", x), ("gradient", d)):
        if not np.all(np.isfinite(values)):
            raise InputError(
                f"The {name} of an analog layer is NaN or infinite; lower the learning rate or check the loss."
            )
    return x, d
