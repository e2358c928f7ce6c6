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
from femristor.nn.devices.parameters import DeviceArray
from femristor.nn.devices.pulse import LANES, fire_plain
from femristor.nn.update.counter_rng import child, child_plain, draw, draw_plain, uniform, uniform_plain

KEY_INPUT, KEY_ERROR, KEY_PULSE, KEY_READ, KEY_WRITE, KEY_CHOP, KEY_DIRECT = map(np.uint64, range(1, 8))
_EXPONENT = np.int32(0x7F800000)
KEPT_CODES = 2**18


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
        if not 1 <= self.length <= 4096 or int(self.length) != self.length:
            raise InputError(f"A pulse train of {self.length} slots; give a whole number from 1 to 4096.")


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
    """A batch, ready for the rows: one entry for each slot of each sample, in order.

    Attributes:
        samples: (batch slots,) int64, sample of each slot.
        codes: uint32, one list after the other: 2 j + s for a column j that carries a bit, s = 1 if it is negative.
        bounds: (batch slots, 2) int64, where a slot's list begins and how long it is.
        error_keys: (batch slots,) uint64, row i draws its error bit as number i.
        pulse_keys: (batch slots,) uint64, parents of the rows' noise keys.
        d_factor: (batch,) float32, A of each sample.
        used: (2,) int64, slots and codes used so far.
    """

    samples: np.ndarray
    codes: np.ndarray
    bounds: np.ndarray
    error_keys: np.ndarray
    pulse_keys: np.ndarray
    d_factor: np.ndarray
    used: np.ndarray

    def pack(self) -> tuple[np.ndarray, ...]:
        """The fields as the kernels take them."""
        return tuple(vars(self).values())


def empty_plan(batch: int, length: int, cols: int) -> Plan:
    """Space for a plan.

    Args:
        batch: samples.
        length: most slots.
        cols: inputs.

    Returns:
        A plan without slots.
    """
    most = batch * length
    return Plan(
        samples=np.empty(most, dtype=np.int64),
        codes=np.empty(most * cols + LANES, dtype=np.uint32),
        bounds=np.empty((most, 2), dtype=np.int64),
        error_keys=np.empty(most, dtype=np.uint64),
        pulse_keys=np.empty(most, dtype=np.uint64),
        d_factor=np.zeros(batch, dtype=np.float32),
        used=np.zeros(2, dtype=np.int64),
    )


def tile_plan(devices: DeviceArray, batch: int, length: int) -> Plan:
    """Space for a plan of an array; a small one is kept with the array, so that steps do not allocate it anew.

    Args:
        devices: of the array that takes the pulses; its last plan must have been carried out.
        batch: samples.
        length: most slots.

    Returns:
        A plan without slots.
    """
    size = (batch, length)
    kept_size, plan = vars(devices).get("_plan", (None, None))
    if kept_size != size:
        plan = empty_plan(batch, length, devices.shape[1])
        if plan.codes.size <= KEPT_CODES:
            vars(devices)["_plan"] = (size, plan)
    plan.used[:] = 0
    return plan


@numba.njit(inline="always")
def largest(values, sample):
    """max|values[sample]| as float64."""
    found = np.float32(0.0)
    for j in range(values.shape[1]):
        size = abs(values[sample, j])
        found = size if size > found else found
    return float(found)


@numba.njit(error_model="numpy")
def plan_sample(x, signs, factors, key, slots, plan, sample, live):
    """Draw the input bits of one sample.

    Args:
        x: (batch, cols) float32.
        signs: (cols,) int8, +1 or -1, choppers on the input lines.
        factors: A and B.
        key: key of the sample.
        slots: number of slots.
        plan: packed `Plan` that is continued.
        sample: number of the sample in the batch.
        live: working space, (3, cols) uint32.
    """
    samples, codes, bounds, error_keys, pulse_keys, d_factor, used = plan
    d_factor[sample] = factors[0]
    factor = np.float32(factors[1])
    chances = live[1].view(np.float32)
    lines = 0
    for j in range(x.shape[1] if slots > 0 else 0):
        value = x[sample, j]
        live[0, lines] = 2 * j + ((value > np.float32(0.0)) != (signs[j] > 0))
        chances[lines] = factor * abs(value)
        lines += value != np.float32(0.0)
    at, end = used[0], used[1]
    for slot in range(slots):
        slot_key = child(key, np.uint64(slot))
        line_key = child(slot_key, KEY_INPUT)
        samples[at], bounds[at, 0] = sample, end
        error_keys[at], pulse_keys[at] = child(slot_key, KEY_ERROR), child(slot_key, KEY_PULSE)
        for t in range(lines):
            live[2, t] = uniform(draw(line_key, live[0, t] >> np.uint32(1))) < chances[t]
        for t in range(lines):
            codes[end] = live[0, t]
            end += live[2, t]
        bounds[at, 1] = end - bounds[at, 0]
        at += 1
    used[0], used[1] = at, end


@numba.njit(error_model="numpy")
def row_hits(errors, plan, row, chances, hits):
    """Draw the error bits of one row for the whole batch.

    Args:
        errors: (rows, batch) float32.
        plan: packed `Plan`.
        row: number of the row.
        chances: working space, (batch slots,) float32.
        hits: (batch slots,) int64, filled with the slots whose bit is set, in order.

    Returns:
        Number of bits set.
    """
    samples, _, _, error_keys, _, d_factor, used = plan
    for t in range(used[0]):
        chances[t] = abs(errors[row, samples[t]]) * d_factor[samples[t]]
    for t in range(used[0]):
        chances[t] -= uniform(draw(error_keys[t], row))
    found = 0
    for first in range(0, used[0], 16):
        last = min(first + 16, used[0])
        some = 0
        for t in range(first, last):
            some += np.int32(chances[t] > np.float32(0.0))
        if some:
            for t in range(first, last):
                hits[found] = t
                found += chances[t] > np.float32(0.0)
    return found


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
        x_bit = uniform_plain(draw_plain(child_plain(slot_key, KEY_INPUT), cols)) < p
        d_bit = uniform_plain(draw_plain(child_plain(slot_key, KEY_ERROR), rows)) < q
        hit = np.outer(d_bit, x_bit)
        row_keys = child_plain(child_plain(slot_key, KEY_PULSE), rows)[:, None]
        fire_plain(weight, devices, hit, up, row_keys)
        fired += int(np.count_nonzero(hit))
    return fired


@numba.njit
def _all_finite(bits):
    """Whether no float32 of these int32 words has all exponent bits set."""
    found = np.int32(0)
    for i in range(bits.shape[0]):
        for j in range(bits.shape[1]):
            found |= np.int32((bits[i, j] & _EXPONENT) == _EXPONENT)
    return found == 0


def check_cells(shape: tuple[int, int], **arrays: np.ndarray | DeviceArray) -> None:
    """Refuse what the kernels would read or write beyond its end.

    Args:
        shape: (rows, cols) of the array.
        **arrays: by name, float32 states of each cell, or devices under them.

    Raises:
        InputError: another shape or type.
    """
    for name, values in arrays.items():
        kind = np.float32 if isinstance(values, DeviceArray) else values.dtype
        if values.shape != shape or kind != np.float32:
            raise InputError(
                f"{name}= is {kind} of {values.shape}, but the array needs float32 of {shape}: make it with the array's shape."
            )


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
        if not _all_finite(values.view(np.int32)):
            raise InputError(
                f"The {name} of an analog layer is NaN or infinite; lower the learning rate or check the loss."
            )
    return x, d
