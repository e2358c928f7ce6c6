"""Mixed precision: the gradient is summed up in floating point, whole pulses of it are written row by row.

    for each batch (x, d):
        chi -= lr d^T x                                     (rows, cols), digital
        every transfer_every batches, for the next rows i:
            n = clip(trunc(chi_i/eps), +-BL),  chi_i -= eps n,  write n pulses to W[i, :]

with eps the granularity of the devices. On a linear device W + chi is the digital result exactly.
Source: Nandakumar et al., Front. Neurosci. 14, 406 (2020); IBM aihwkit, `MixedPrecisionCompound`.
"""

from dataclasses import dataclass

import numba
import numpy as np

from femristor.core.errors import InputError
from femristor.nn.devices.parameters import DeviceArray
from femristor.nn.devices.pulse import fire_plain, laws, prepare, scratch
from femristor.nn.update.counter_rng import child, child_plain
from femristor.nn.update.pulsed_update import KEY_WRITE, check_cells, check_vectors
from femristor.nn.update.rows import RowJob
from femristor.nn.update.rules.agad_kernel import write_cell

BATCHES, ROW = range(2)


@dataclass(frozen=True)
class MixedPrecisionSettings:
    """Settings of mixed precision.

    Attributes:
        transfer_every: batches between two transfers.
        rows_per_transfer: rows written in one; 0 writes all.
        most_pulses: most pulses of a cell in one transfer.
    """

    transfer_every: int = 1
    rows_per_transfer: int = 0
    most_pulses: int = 127

    name = "mixed"

    def __post_init__(self) -> None:
        if self.transfer_every < 1 or self.rows_per_transfer < 0 or self.most_pulses < 1:
            raise InputError(
                "Mixed precision: transfer_every and most_pulses must be at least 1, rows_per_transfer 0 or more."
            )


@dataclass
class MixedPrecisionState:
    """What the rule keeps; both arrays are changed in place.

    Attributes:
        chi: (rows, cols) float32, what is not yet written.
        counters: (2,) int64: batches seen, next row.
    """

    chi: np.ndarray
    counters: np.ndarray

    @classmethod
    def start(cls, devices: DeviceArray) -> "MixedPrecisionState":
        """State before the first batch."""
        return cls(np.zeros(devices.shape, dtype=np.float32), np.zeros(2, dtype=np.int64))


@numba.njit(error_model="numpy", nogil=True)
def _rows(weight, law, chi, eps, most, key, chosen, first, last):
    written = 0
    spaces = scratch(1)
    prepare(spaces, law[2], law[1])
    for place in range(first, last):
        i = chosen[place]
        row_key = child(key, np.uint64(i))
        for k in range(weight.shape[1]):
            n = np.trunc(chi[i, k] / eps)
            n = min(max(n, -most), most)
            if n != np.float32(0.0):
                chi[i, k] -= eps * n
                # `fire` keys a pulse by its column, so that a row's key serves all of them.
                write_cell(weight, law, i, k, int(n), row_key, spaces)
                written += int(abs(n))
    return written


def _batch_key(key, state: MixedPrecisionState) -> np.uint64:
    """Key of the batch that comes next."""
    return np.uint64(np.ravel(child_plain(child_plain(key, KEY_WRITE), int(state.counters[BATCHES])))[0])


def _transfer_rows(state: MixedPrecisionState, settings: MixedPrecisionSettings) -> np.ndarray:
    """Rows to be written after this batch; advances the counters."""
    rows = state.chi.shape[0]
    state.counters[BATCHES] += 1
    if state.counters[BATCHES] % settings.transfer_every:
        return np.empty(0, dtype=np.int64)
    count = min(settings.rows_per_transfer or rows, rows)
    chosen = (state.counters[ROW] + np.arange(count)) % rows
    state.counters[ROW] = (state.counters[ROW] + count) % rows
    return chosen


def _gather(weight, x, d, state: MixedPrecisionState, *, lr, settings, key) -> tuple[np.uint64, np.ndarray]:
    """Sum a batch up in chi; the key of its pulses and the rows to write."""
    x, d = check_vectors(x, d, weight.shape)
    state.chi -= np.float32(lr) * (d.T @ x)
    return _batch_key(key, state), _transfer_rows(state, settings)


def start(
    weight: np.ndarray,
    devices: DeviceArray,
    x: np.ndarray,
    *,
    d: np.ndarray,
    state: MixedPrecisionState,
    lr: float,
    settings: MixedPrecisionSettings,
    key: np.uint64,
) -> RowJob:
    """Sum a batch up; the rows that are due are left to be written. Arguments as of `update`.

    Args:
        weight: W.
        devices: under the cells.
        x: inputs.
        d: errors.
        state: chi and counters.
        lr: learning rate.
        settings: of the rule.
        key: of the tile.

    Returns:
        The rows' job.

    Raises:
        InputError: shapes that do not fit or numbers that are not finite.
    """
    check_cells(np.shape(weight), weight=weight, devices=devices, chi=state.chi)
    batch_key, chosen = _gather(weight, x, d, state, lr=lr, settings=settings, key=key)
    eps, most = np.float32(devices.granularity), np.float32(settings.most_pulses)
    work = (weight, laws(devices).pack(), state.chi, eps, most, batch_key, chosen)

    def kernel(first: int, last: int) -> tuple[int, int]:
        return 0, _rows(*work, first, last)

    return RowJob(kernel, chosen.size)


def update(
    weight: np.ndarray,
    devices: DeviceArray,
    x: np.ndarray,
    *,
    d: np.ndarray,
    state: MixedPrecisionState,
    lr: float,
    settings: MixedPrecisionSettings,
    key: np.uint64,
    threads: int = 1,
) -> tuple[int, int]:
    """Apply a batch with the compiled kernel.

    Args:
        weight: (rows, cols) float32, changed in place.
        devices: devices under the cells.
        x: (batch, cols) inputs.
        d: (batch, rows) errors, dLoss/dy.
        state: chi and counters, changed in place.
        lr: learning rate.
        settings: of the rule.
        key: key of the tile.
        threads: threads over rows; the result does not depend on it.

    Returns:
        0 (there is no fast array) and the pulses fired.

    Raises:
        InputError: shapes that do not fit or numbers that are not finite.
    """
    options = {"d": d, "state": state, "lr": lr, "settings": settings, "key": key}
    return start(weight, devices, x, **options).run(threads)


def update_plain(
    weight: np.ndarray,
    devices: DeviceArray,
    x: np.ndarray,
    *,
    d: np.ndarray,
    state: MixedPrecisionState,
    lr: float,
    settings: MixedPrecisionSettings,
    key: np.uint64,
) -> tuple[int, int]:
    """The same as `update` on whole arrays; same arguments, same bits."""
    batch_key, chosen = _gather(weight, x, d, state, lr=lr, settings=settings, key=key)
    if not chosen.size:
        return 0, 0
    eps, most = np.float32(devices.granularity), np.float32(settings.most_pulses)
    n = np.zeros_like(state.chi)
    n[chosen] = np.clip(np.trunc(state.chi[chosen] / eps), -most, most)
    state.chi -= eps * n
    row_keys = child_plain(batch_key, np.arange(weight.shape[0]))
    for pulse in range(int(np.max(np.abs(n)))):
        fire_plain(weight, devices, np.abs(n) > pulse, n > 0, child_plain(row_keys, pulse)[:, None])
    return 0, int(np.sum(np.abs(n)))


MixedPrecision = MixedPrecisionSettings
"""The short name, as the front door has it."""
