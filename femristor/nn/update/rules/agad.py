"""AGAD (TTv4): analog gradient accumulation with a dynamic reference.

`A` fast array, `C` slow array (the weight that is seen), `H` digital buffer, `P` running mean of the reads of
A, `Q` reference, `c_k` chopper of input line k, `S` sweeps over the columns. delta_A is A's granularity::

    n_ch = max(ceil(1/chop_prob), 2),  beta = min(tail/n_ch, 1),  lambda = lr transfer_lr / bg
    for each sample (x, d):
        m_x, m_d = moving averages of max|x|, max|d|;   eta_A = fast_lr L delta_A / (m_x m_d)
        A <- pulsed update (c x, d, eta_A)
        every transfer_every samples, next column k:
            v = A e_k                                    read through an ADC, with read noise
            if c_k flipped after the previous read of k:  Q_k <- P_k
            H_k += c_k lambda (v - Q_k)
            n = clip(trunc(H_k), +-BL_t);  where n != 0:  H_k <- momentum H_k  or  H_k - (1 - momentum) n
            P_k <- (1 - beta) P_k + beta v
            write n pulses to C[:, k] once S >= n_ch
            flip c_k at the end of each period of n_ch sweeps, or at random with chop_prob
        after the last column: S += 1

with bg = buffer_granularity delta_A (times auto_granularity/(cols transfer_every) where that is on).
Source: Rasch et al., Nat. Commun. 15, 7133 (2024), eqs. 12-15; IBM aihwkit, `DynamicTransferCompound`.
A static reference keeps Q as given, and writes from the first sweep on; with or without choppers, through the
buffer or directly: that is how `ttv1.py`, `ttv2.py` and `chopped.py` use this machinery.
"""

import math
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from femristor.core.errors import InputError
from femristor.nn.devices.parameters import DeviceArray
from femristor.nn.devices.pulse import laws
from femristor.nn.update.pulsed_update import PulseTrain, check_cells, check_vectors, tile_plan
from femristor.nn.update.rows import RowJob
from femristor.nn.update.rules.agad_kernel import plan_batch, run_rows


@dataclass(frozen=True)
class AgadSettings:
    """Settings of AGAD; the defaults are those that train the paper's device on MNIST.

    Attributes:
        fast_lr: rate of the fast array (in units of a full pulse train where `auto_scale` is on).
        transfer_every: samples between two column reads.
        transfer_lr: factor on the rate of the buffer.
        chop_probability: flips of an input line's sign per read of it.
        chop_random: flip at random instead of all lines at the end of each period.
        tail: weight of the last reads of a period in the running mean.
        momentum: part of the buffer that stays when pulses are written.
        forget: clear the buffer when pulses are written, instead of taking them off.
        buffer_granularity: buffer threshold in units of delta_A.
        auto_granularity: 0, or the number of samples after which a constant gradient should reach the threshold.
        auto_scale: set eta_A from the recent largest |x| and |d|.
        auto_momentum: memory of these averages, in batches.
        train: pulse train of the fast array.
        transfer_pulses: most pulses that one read writes to C.
        read_bits: of the ADC that reads A (2^N - 1 levels); 0 reads exactly.
        read_bound: its range, +-; a column read sees one device a line, so the window is enough.
        read_noise: standard deviation of a read in weight units (0.1 uS of 79 uS at 50 uS and 0.3 ms).
        reference: "dynamic", or "static" for a reference that stays as it is.
        chop: flip the signs of input lines; None does so where the reference is dynamic.
        direct_slots: 0 writes through the buffer; above it, each read is written at once by so many random slots.
        name: of the rule.
    """

    fast_lr: float = 0.1
    transfer_every: int = 3
    transfer_lr: float = 1.0
    chop_probability: float = 0.1
    chop_random: bool = False
    tail: float = 5.0
    momentum: float = 0.0
    forget: bool = True
    buffer_granularity: float = 1.0
    auto_granularity: float = 0.0
    auto_scale: bool = True
    auto_momentum: float = 0.99
    train: PulseTrain = field(default_factory=lambda: PulseTrain(length=5))
    transfer_pulses: int = 1
    read_bits: int = 8
    read_bound: float = 1.0
    read_noise: float = 0.0026
    reference: Literal["dynamic", "static"] = "dynamic"
    chop: bool | None = None
    direct_slots: int = 0
    name: str = "agad"

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if isinstance(value, float) and not 0 <= value < math.inf:
                raise InputError(f"AGAD: {name} is {value}; give 0 or a finite positive number.")
        if self.momentum > 1:
            raise InputError(f"AGAD: a momentum of {self.momentum} makes the buffer grow; give 0 to 1.")
        if self.transfer_every < 1 or self.transfer_pulses < 1 or self.read_bits < 0 or self.read_bits == 1:
            raise InputError(
                "AGAD: transfer_every and transfer_pulses must be at least 1, and read_bits 0 or at least 2."
            )
        if not 0 < self.chop_probability <= 1 or not 0 < self.auto_momentum < 1:
            raise InputError("AGAD: chop_probability must lie in (0, 1] and auto_momentum between 0 and 1.")
        if (
            not self.fast_lr > 0
            or not self.buffer_granularity > 0
            or not self.read_bound > 0
            or self.read_noise < 0
        ):
            raise InputError(
                "AGAD: fast_lr, buffer_granularity and read_bound must be positive, read_noise 0 or more."
            )
        if self.reference not in ("dynamic", "static"):
            raise InputError(f"AGAD: reference '{self.reference}' is unknown; take 'dynamic' or 'static'.")
        if not 0 <= self.direct_slots <= 4096 or (self.direct_slots and self.reference == "dynamic"):
            raise InputError(
                "Direct writing takes 1 to 4096 slots and a static reference; correct one of them."
            )

    @property
    def period(self) -> int:
        """n_ch, sweeps between two flips of the choppers."""
        return max(math.ceil(1.0 / self.chop_probability), 2)

    @property
    def chops(self) -> bool:
        """Whether input lines change their sign."""
        return self.reference == "dynamic" if self.chop is None else self.chop


@dataclass
class AgadState:
    """What AGAD keeps between batches; all arrays are changed in place.

    Attributes:
        fast: (rows, cols) float32, A.
        buffer: (rows, cols) float32, H.
        mean: (rows, cols) float32, P.
        reference: (rows, cols) float32, Q.
        chopper: (cols,) int8, c.
        flipped: (cols,) uint8, whether c_k flipped after the last read of k.
        counters: (3,) int64: samples seen, next column, sweeps done.
        scales: (2,) float64: m_x, m_d.
    """

    fast: np.ndarray
    buffer: np.ndarray
    mean: np.ndarray
    reference: np.ndarray
    chopper: np.ndarray
    flipped: np.ndarray
    counters: np.ndarray
    scales: np.ndarray

    @classmethod
    def start(cls, devices: DeviceArray, *, reference: float = 0.0) -> "AgadState":
        """State before the first sample: A at weight 0 (or the nearest bound).

        Args:
            devices: devices of the fast array.
            reference: Q of all cells.

        Returns:
            The state.
        """
        rows, cols = devices.shape
        empty = np.zeros((rows, cols), dtype=np.float32)
        return cls(
            fast=devices.clip(empty),
            buffer=empty.copy(),
            mean=empty.copy(),
            reference=np.full((rows, cols), reference, dtype=np.float32),
            chopper=np.ones(cols, dtype=np.int8),
            flipped=np.zeros(cols, dtype=np.uint8),
            counters=np.zeros(3, dtype=np.int64),
            scales=np.zeros(2, dtype=np.float64),
        )


def buffer_rate(lr: float, settings: AgadSettings, granularity: float, *, cols: int) -> np.float32:
    """Lambda, the factor between a read difference and pulses.

    Args:
        lr: learning rate of the optimiser.
        settings: of the rule.
        granularity: delta_A.
        cols: input lines.

    Returns:
        lambda in pulses per weight unit.
    """
    threshold = settings.buffer_granularity * granularity
    if settings.auto_granularity > 0:
        threshold *= settings.auto_granularity / (cols * settings.transfer_every)
    return np.float32(lr * settings.transfer_lr / threshold)


def row_numbers(lr: float, settings: AgadSettings, devices: DeviceArray, slow_devices: DeviceArray) -> tuple:
    """What the row loop needs, in the kernel's types.

    Args:
        lr: learning rate.
        settings: of the rule.
        devices: of the fast array.
        slow_devices: of the slow array.

    Returns:
        lambda, beta, momentum, forget, BL_t, noise, ADC step and bound, slots of direct writing and their chance per
        unit of weight that is read, lr transfer_lr/(delta_C slots).
    """
    step = 2.0 * settings.read_bound / (2**settings.read_bits - 2) if settings.read_bits else 0.0
    return (
        buffer_rate(lr, settings, devices.granularity, cols=devices.shape[1]),
        np.float32(min(settings.tail / settings.period, 1.0)),
        np.float32(settings.momentum),
        settings.forget,
        np.float32(settings.transfer_pulses),
        np.float32(settings.read_noise),
        np.float32(step),
        np.float32(settings.read_bound),
        settings.direct_slots,
        np.float32(lr * settings.transfer_lr / (slow_devices.granularity * max(settings.direct_slots, 1))),
    )


def start(
    weight: np.ndarray,
    devices: DeviceArray,
    x: np.ndarray,
    *,
    d: np.ndarray,
    state: AgadState,
    fast_devices: DeviceArray,
    lr: float,
    settings: AgadSettings,
    key: np.uint64,
    group: int = 0,
) -> RowJob:
    """Plan a batch; its rows are left to be run. Arguments as of `update`.

    Args:
        weight: C.
        devices: of C.
        x: inputs.
        d: errors.
        state: everything else.
        fast_devices: of A.
        lr: learning rate.
        settings: of the rule.
        key: of the tile.
        group: samples that the memory of the averages counts as a batch; 0 takes all.

    Returns:
        The rows' job; it must be run before the next batch of this tile is planned.

    Raises:
        InputError: shapes that do not fit or numbers that are not finite.
    """
    x, d = check_vectors(x, d, weight.shape)
    check_cells(weight.shape, weight=weight, devices=devices, fast_devices=fast_devices)
    states = {"fast": state.fast, "buffer": state.buffer, "mean": state.mean}
    check_cells(weight.shape, **states, reference=state.reference)
    batch, train = x.shape[0], settings.train
    packed = tile_plan(fast_devices, batch, train.length).pack()
    events, event_keys = np.empty((batch, 5), dtype=np.int64), np.empty((batch, 2), dtype=np.uint64)
    memory = (1.0 - settings.auto_momentum) / (group or batch)
    numbers = (settings.fast_lr, memory, settings.chop_probability)
    dynamic = settings.reference == "dynamic"
    flags = (settings.transfer_every, settings.period, settings.auto_scale)
    flags = (*flags, dynamic, settings.chops, settings.chop_random)
    lines = (state.chopper, state.flipped, state.counters, state.scales)
    scales = (fast_devices.granularity, (train.length, train.manage_length, train.manage_scale))
    reads = plan_batch(x, d, *scales, numbers, flags, key, lines, packed, events, event_keys)
    fast_laws, slow_laws = laws(fast_devices).pack(), laws(devices).pack()
    buffers = (state.buffer, state.mean, state.reference)
    row = row_numbers(lr, settings, fast_devices, devices)
    work = (np.ascontiguousarray(d.T), packed, reads, events, event_keys, row)

    def kernel(first: int, last: int) -> tuple[int, int]:
        return run_rows(weight, slow_laws, state.fast, fast_laws, buffers, *work, first, last)

    return RowJob(kernel, weight.shape[0])


def update(
    weight: np.ndarray,
    devices: DeviceArray,
    x: np.ndarray,
    *,
    d: np.ndarray,
    state: AgadState,
    fast_devices: DeviceArray,
    lr: float,
    settings: AgadSettings,
    key: np.uint64,
    threads: int = 1,
    group: int = 0,
) -> tuple[int, int]:
    """Apply a batch, sample after sample, with the compiled kernel.

    Args:
        weight: (rows, cols) float32, C, changed in place.
        devices: devices of C.
        x: (batch, cols) inputs.
        d: (batch, rows) errors, dLoss/dy.
        state: everything else that is kept, changed in place.
        fast_devices: devices of A.
        lr: learning rate of the optimiser.
        settings: of the rule.
        key: key of the tile.
        threads: threads over rows; the result does not depend on it.
        group: samples that the memory of the averages counts as a batch; 0 takes all.

    Returns:
        Pulses fired on A and on C.

    Raises:
        InputError: shapes that do not fit or numbers that are not finite.
    """
    options = {"d": d, "state": state, "fast_devices": fast_devices, "lr": lr}
    job = start(weight, devices, x, **options, settings=settings, key=key, group=group)
    return job.run(threads)


Agad = AgadSettings
"""The short name, as the front door has it."""
