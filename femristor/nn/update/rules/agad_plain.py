"""Plain twin of AGAD: the equations of `agad.py`, sample by sample on whole arrays; same bits, much slower."""

import numpy as np

from femristor.nn.devices.parameters import DeviceArray
from femristor.nn.devices.pulse import fire_plain
from femristor.nn.update.counter_rng import child_plain, draw_plain, normal_plain, uniform_plain
from femristor.nn.update.pulsed_update import (
    KEY_CHOP,
    KEY_DIRECT,
    KEY_READ,
    KEY_WRITE,
    check_vectors,
    update_sample_plain,
)
from femristor.nn.update.rules.agad import AgadSettings, AgadState, row_numbers
from femristor.nn.update.rules.agad_kernel import COLUMN, SAMPLES, SWEEPS, moving_plain


def update_plain(
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
) -> tuple[int, int]:
    """The same as `femristor.nn.update.rules.agad.update`; same arguments, same bits."""
    x, d = check_vectors(x, d, weight.shape)
    fired = written = 0
    for b in range(x.shape[0]):
        sample_key = child_plain(key, int(state.counters[SAMPLES]))
        rate = _fast_rate(x[b], d[b], state, settings, granularity=fast_devices.granularity, batch=x.shape[0])
        chopped = (state.chopper * x[b]).astype(np.float32)
        fired += update_sample_plain(
            state.fast, fast_devices, chopped, d[b], rate=rate, train=settings.train, key=sample_key
        )
        state.counters[SAMPLES] += 1
        if state.counters[SAMPLES] % settings.transfer_every == 0:
            numbers = row_numbers(lr, settings, fast_devices, devices)
            written += _transfer(weight, devices, state, settings, numbers=numbers, key=sample_key)
    return fired, written


def _fast_rate(x, d, state: AgadState, settings: AgadSettings, *, granularity: float, batch: int) -> float:
    if not settings.auto_scale:
        return settings.fast_lr
    memory = (1.0 - settings.auto_momentum) / batch
    for place, values in enumerate((x, d)):
        state.scales[place] = moving_plain(float(state.scales[place]), float(np.max(np.abs(values))), memory)
    m_x, m_d = state.scales
    rate = settings.fast_lr * settings.train.length * granularity
    return float(rate / (m_x * m_d)) if m_x > 0 and m_d > 0 else rate


def _transfer(
    weight, devices: DeviceArray, state: AgadState, settings: AgadSettings, *, numbers: tuple, key
) -> int:
    rate, beta, momentum, forget, most, noise, step, bound, direct, chance = numbers
    dynamic = settings.reference == "dynamic"
    k, sweep = int(state.counters[COLUMN]), int(state.counters[SWEEPS])
    rows = np.arange(weight.shape[0])
    v = state.fast[:, k].copy()
    if noise > 0:
        v += noise * normal_plain(draw_plain(child_plain(key, KEY_READ), rows))
    if step > 0:
        v = np.clip(np.rint(v / step) * step, -bound, bound)
    if state.flipped[k] and dynamic:
        state.reference[:, k] = state.mean[:, k]
    if direct:
        n = _direct(np.float32(state.chopper[k]) * (v - state.reference[:, k]), direct, chance, key)
        written = _write(weight, devices, k, n, key)
        _advance(state, settings, k, sweep, key=key)
        return written
    h = state.buffer[:, k] + np.float32(state.chopper[k]) * (rate * (v - state.reference[:, k]))
    n = np.clip(np.trunc(h), -most, most)
    kept = momentum * h if forget else h - (np.float32(1.0) - momentum) * n
    state.buffer[:, k] = np.where(n != 0, kept, h)
    state.mean[:, k] = (np.float32(1.0) - beta) * state.mean[:, k] + beta * v
    written = _write(weight, devices, k, n, key) if sweep >= settings.period or not dynamic else 0
    _advance(state, settings, k, sweep, key=key)
    return written


def _direct(change: np.ndarray, slots: int, chance, key) -> np.ndarray:
    """(rows,) pulses of a read that is written at once."""
    row_keys = child_plain(child_plain(key, KEY_DIRECT), np.arange(change.size))
    bits = [uniform_plain(draw_plain(row_keys, slot)) < chance * np.abs(change) for slot in range(slots)]
    return np.sign(change) * np.sum(bits, axis=0)


def _write(weight, devices: DeviceArray, k: int, n: np.ndarray, key) -> int:
    row_keys = child_plain(child_plain(key, KEY_WRITE), np.arange(n.size))
    for pulse in range(int(np.max(np.abs(n)))):
        hit = np.zeros(weight.shape, dtype=bool)
        hit[:, k] = np.abs(n) > pulse
        up = np.broadcast_to((n > 0)[:, None], weight.shape)
        fire_plain(weight, devices, hit, up, child_plain(row_keys, pulse)[:, None])
    return int(np.sum(np.abs(n)))


def _advance(state: AgadState, settings: AgadSettings, k: int, sweep: int, *, key) -> None:
    """Flip the chopper of column k where it is time, and move to the next column."""
    flip = sweep % settings.period == settings.period - 1
    if settings.chop_random:
        flip = bool(uniform_plain(draw_plain(key, KEY_CHOP))[0] < settings.chop_probability)
    flip = flip and settings.chops
    state.flipped[k] = flip
    if flip:
        state.chopper[k] = -state.chopper[k]
    state.counters[COLUMN] = (k + 1) % state.chopper.size
    if k == state.chopper.size - 1:
        state.counters[SWEEPS] += 1
