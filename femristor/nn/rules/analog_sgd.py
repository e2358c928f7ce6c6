"""Plain analog SGD: the pulsed outer product on the weight's own device.

    for each sample (x, d):  W <- pulsed update(x, d, eta)          (femristor.nn.pulsed_update)

Source: Gokmen and Vlasov, Front. Neurosci. 10, 333 (2016). The mean step is the digital one, -eta d x^T, only
on a linear device; on soft bounds the weights are drawn to the symmetry point.
"""

from dataclasses import dataclass, field

import numba
import numpy as np

from femristor.nn.counter_rng import child, child_plain
from femristor.nn.devices.parameters import DeviceArray
from femristor.nn.devices.pulse import scratch_space
from femristor.nn.pulsed_update import (
    PulseTrain,
    check_vectors,
    empty_plan,
    fire_slot,
    largest,
    plan_sample,
    row_hits,
    train_scales,
    update_sample_plain,
)
from femristor.nn.rows import over_rows


@dataclass(frozen=True)
class AnalogSgdSettings:
    """Settings of plain analog SGD; the rate comes with each step.

    Attributes:
        train: pulse train of the update.
    """

    train: PulseTrain = field(default_factory=PulseTrain)

    name = "sgd"


@numba.njit(error_model="numpy", nogil=True)
def _plan(x, d, rate, granularity, train, key, first_sample, plan):
    slots, d_factor, columns, negative, counts, keys = plan
    signs = np.ones(x.shape[1], dtype=np.int8)
    for b in range(x.shape[0]):
        sample_key = child(key, np.uint64(first_sample + b))
        slots[b], a, x_factor = train_scales(rate, largest(x, b), largest(d, b), granularity, train)
        d_factor[b] = a
        plan_sample(x, signs, x_factor, sample_key, slots[b], columns, negative, counts, keys, b)


@numba.njit(error_model="numpy", nogil=True)
def _rows(weight, parameters, library, kind, d, plan, scratch, first, last):
    slots, factor, columns, negative, counts, keys = plan
    hits = np.empty((d.shape[0] * counts.shape[1], 2), dtype=np.int64)
    fired = 0
    for i in range(first, last):
        for h in range(row_hits(d, slots, factor, keys, i, hits)):
            b, slot = hits[h, 0], hits[h, 1]
            fired += fire_slot(
                weight, parameters, library, kind, d, columns, negative, counts, keys, b, slot, i, scratch
            )
    return fired


def update(
    weight: np.ndarray,
    devices: DeviceArray,
    x: np.ndarray,
    *,
    d: np.ndarray,
    rate: float,
    settings: AnalogSgdSettings,
    key: np.uint64,
    first_sample: int = 0,
    threads: int = 1,
) -> int:
    """Apply a batch, sample after sample, with the compiled kernel.

    Args:
        weight: (rows, cols) float32, changed in place.
        devices: devices under the cells.
        x: (batch, cols) inputs.
        d: (batch, rows) errors, dLoss/dy.
        rate: eta.
        settings: pulse train.
        key: key of the tile.
        first_sample: samples that this tile has seen before.
        threads: threads over rows; the result does not depend on it.

    Returns:
        Pulses fired.

    Raises:
        InputError: shapes that do not fit or numbers that are not finite.
    """
    x, d = check_vectors(x, d, weight.shape)
    train = settings.train
    plan = empty_plan(x.shape[0], train.length, x.shape[1])
    packed = plan.pack()
    options = (train.length, train.manage_length, train.manage_scale)
    _plan(x, d, float(rate), devices.granularity, options, key, first_sample, packed)
    if not np.any(plan.slots):
        return 0

    def block(first: int, last: int) -> tuple[int]:
        cells = (weight, devices.parameters, devices.library, devices.kind)
        return (_rows(*cells, d, packed, scratch_space(x.shape[1]), first, last),)

    return over_rows(block, weight.shape[0], threads)[0]


def update_plain(
    weight: np.ndarray,
    devices: DeviceArray,
    x: np.ndarray,
    *,
    d: np.ndarray,
    rate: float,
    settings: AnalogSgdSettings,
    key: np.uint64,
    first_sample: int = 0,
) -> int:
    """The same as `update`, sample by sample on the whole array; same arguments, same bits."""
    x, d = check_vectors(x, d, weight.shape)
    fired = 0
    for b in range(x.shape[0]):
        sample_key = child_plain(key, first_sample + b)
        fired += update_sample_plain(
            weight, devices, x[b], d[b], rate=rate, train=settings.train, key=sample_key
        )
    return fired
