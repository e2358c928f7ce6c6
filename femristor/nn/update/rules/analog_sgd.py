"""Plain analog SGD: the pulsed outer product on the weight's own device.

    for each sample (x, d):  W <- pulsed update(x, d, eta)          (femristor.nn.update.pulsed_update)

Source: Gokmen and Vlasov, Front. Neurosci. 10, 333 (2016). The mean step is the digital one, -eta d x^T, only
on a linear device; on soft bounds the weights are drawn to the symmetry point.
"""

from dataclasses import dataclass, field

import numba
import numpy as np

from femristor.nn.devices.parameters import DeviceArray
from femristor.nn.devices.pulse import fetch_row, fire, laws, prepare, scratch
from femristor.nn.update.counter_rng import child, child_plain
from femristor.nn.update.pulsed_update import (
    PulseTrain,
    check_cells,
    check_vectors,
    largest,
    plan_sample,
    row_hits,
    tile_plan,
    train_scales,
    update_sample_plain,
)
from femristor.nn.update.rows import RowJob


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
    signs = np.ones(x.shape[1], dtype=np.int8)
    live = np.empty((3, x.shape[1]), dtype=np.uint32)
    for b in range(x.shape[0]):
        sample_key = child(key, np.uint64(first_sample + b))
        slots, a, x_factor = train_scales(rate, largest(x, b), largest(d, b), granularity, train)
        plan_sample(x, signs, (a, x_factor), sample_key, slots, plan, b, live)


@numba.njit(error_model="numpy", nogil=True)
def _rows(weight, law, errors, plan, first, last):
    steps, own, common, library, kind = law
    samples, codes, bounds, _, pulse_keys, _, used = plan
    spaces = scratch(weight.shape[1])
    prepare(spaces, common, own)
    hits, chances = np.empty(used[0] + 1, dtype=np.int64), np.empty(used[0], dtype=np.float32)
    fired = 0
    for i in range(first, last):
        fetch_row(weight, steps, i + 1)
        for h in range(row_hits(errors, plan, i, chances, hits)):
            slot = hits[h]
            down = np.uint32(errors[i, samples[slot]] > np.float32(0.0))
            row_key = child(pulse_keys[slot], np.uint64(i))
            count = bounds[slot, 1]
            fire(weight, steps, own, library, kind, codes, bounds[slot, 0], count, i, down, row_key, spaces)
            fired += count
    return fired


def start(
    weight: np.ndarray,
    devices: DeviceArray,
    x: np.ndarray,
    *,
    d: np.ndarray,
    rate: float,
    settings: AnalogSgdSettings,
    key: np.uint64,
    first_sample: int = 0,
) -> RowJob:
    """Plan a batch; its rows are left to be run. Arguments as of `update`.

    Args:
        weight: W.
        devices: under the cells.
        x: inputs.
        d: errors.
        rate: eta.
        settings: pulse train.
        key: of the tile.
        first_sample: samples seen before.

    Returns:
        The rows' job; pulses count as those of the slow array.

    Raises:
        InputError: shapes that do not fit or numbers that are not finite.
    """
    x, d = check_vectors(x, d, weight.shape)
    check_cells(weight.shape, weight=weight, devices=devices)
    train = settings.train
    packed = tile_plan(devices, x.shape[0], train.length).pack()
    options = (train.length, train.manage_length, train.manage_scale)
    _plan(x, d, float(rate), devices.granularity, options, key, first_sample, packed)
    law, errors = laws(devices).pack(), np.ascontiguousarray(d.T)

    def kernel(first: int, last: int) -> tuple[int, int]:
        return 0, _rows(weight, law, errors, packed, first, last)

    return RowJob(kernel, weight.shape[0])


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
    options = {"d": d, "rate": rate, "settings": settings, "key": key, "first_sample": first_sample}
    return start(weight, devices, x, **options).run(threads)[1]


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


AnalogSgd = AnalogSgdSettings
"""The short name, as the front door has it."""
