"""Compiled kernel of AGAD; the equations are in `agad.py`, the plain twin in `agad_plain.py`."""

import numba
import numpy as np

from femristor.nn.devices.pulse import LANES, fetch_row, fire, prepare, scratch
from femristor.nn.update.counter_rng import child, draw, normal, uniform
from femristor.nn.update.pulsed_update import (
    KEY_CHOP,
    KEY_DIRECT,
    KEY_READ,
    KEY_WRITE,
    largest,
    plan_sample,
    row_hits,
    train_scales,
)

SAMPLES, COLUMN, SWEEPS = range(3)
_ONE = np.float32(1.0)


def moving_plain(old: float, new: float, rate: float) -> float:
    """Moving average that starts at its first value and skips zeros."""
    if old <= 0.0:
        return new
    if new <= 0.0:
        return old
    return (1.0 - rate) * old + rate * new


moving = numba.njit(inline="always")(moving_plain)


@numba.njit(error_model="numpy", nogil=True)
def plan_batch(x, d, granularity, train, numbers, flags, key, state, plan, events, event_keys):
    """Scales, input bits, choppers and the column reads of a batch; nothing here touches a row.

    Args:
        x: (batch, cols) float32.
        d: (batch, rows) float32.
        granularity: delta_A.
        train: (length, manage_length, manage_scale).
        numbers: fast_lr, rate of the moving averages for one sample, chop_probability.
        flags: transfer_every, period, auto_scale, dynamic, chops, chop_random.
        key: key of the tile.
        state: chopper, flipped, counters and scales of `AgadState`, changed in place.
        plan: packed `Plan`, filled.
        events: (batch, 5) int64, filled with sample, column, chopper, take the reference?, write? of each read.
        event_keys: (batch, 2) uint64, keys of the read's sample and of its noise.

    Returns:
        Number of column reads.
    """
    fast_lr, auto_rate, chop_probability = numbers
    every, period, auto_scale, dynamic, chops, chop_random = flags
    chopper, flipped, counters, scales = state
    cols = x.shape[1]
    live = np.empty((3, cols), dtype=np.uint32)
    reads = 0
    for b in range(x.shape[0]):
        sample_key = child(key, np.uint64(counters[SAMPLES]))
        x_max, d_max = largest(x, b), largest(d, b)
        rate = fast_lr
        if auto_scale:
            scales[0] = moving(scales[0], x_max, auto_rate)
            scales[1] = moving(scales[1], d_max, auto_rate)
            rate = fast_lr * train[0] * granularity
            if scales[0] > 0.0 and scales[1] > 0.0:
                rate /= scales[0] * scales[1]
        slots, a, x_factor = train_scales(rate, x_max, d_max, granularity, train)
        plan_sample(x, chopper, (a, x_factor), sample_key, slots, plan, b, live)
        counters[SAMPLES] += 1
        if counters[SAMPLES] % every != 0:
            continue
        k = counters[COLUMN]
        events[reads, 0], events[reads, 1], events[reads, 2] = b, k, chopper[k]
        events[reads, 3] = flipped[k] and dynamic
        events[reads, 4] = counters[SWEEPS] >= period or not dynamic
        event_keys[reads, 0], event_keys[reads, 1] = sample_key, child(sample_key, KEY_READ)
        reads += 1
        flipped[k] = 0
        flip = chops and counters[SWEEPS] % period == period - 1
        if chop_random:
            flip = chops and uniform(draw(sample_key, KEY_CHOP)) < chop_probability
        if flip:
            chopper[k] = -chopper[k]
            flipped[k] = 1
        counters[COLUMN] = (k + 1) % cols
        if k == cols - 1:
            counters[SWEEPS] += 1
    return reads


@numba.njit(error_model="numpy", inline="always")
def _read(value, noise, step, bound, key, row):
    if noise > np.float32(0.0):
        value = value + noise * normal(draw(key, row))
    if step > np.float32(0.0):
        value = np.rint(value / step) * step
        value = min(max(value, -bound), bound)
    return value


@numba.njit(error_model="numpy", inline="always")
def _direct(change, slots, chance, key):
    """Pulses of one read that is written at once: a bit of chance |change| in each slot."""
    fired = 0
    for slot in range(slots):
        fired += uniform(draw(key, slot)) < chance * abs(change)
    return fired if change > np.float32(0.0) else -fired


@numba.njit(error_model="numpy")
def write_cell(weight, law, row, column, pulses, key, spaces):
    """Fire |pulses| pulses at one cell, up where they are positive."""
    steps, own, _, library, kind = law
    code = np.full(LANES, 2 * column, dtype=np.uint32)
    down = np.uint32(pulses < 0)
    for pulse in range(abs(pulses)):
        pulse_key = child(key, np.uint64(pulse))
        fire(weight, steps, own, library, kind, code, 0, 1, row, down, pulse_key, spaces)


@numba.njit(error_model="numpy", nogil=True)
def run_rows(
    weight,
    slow,
    fast,
    fast_law,
    buffers,
    errors,
    plan,
    reads,
    events,
    event_keys,
    numbers,
    first,
    last,
):
    """All samples of the batch on rows first..last-1.

    Args:
        weight: (rows, cols) float32, C, changed in place as the next and the buffers.
        slow: packed `Laws` of C.
        fast: (rows, cols) float32, A.
        fast_law: packed `Laws` of A.
        buffers: H, P and Q.
        errors: (rows, batch) float32.
        plan: packed `Plan`.
        reads: number of column reads.
        events: see `plan_batch`.
        event_keys: see `plan_batch`.
        numbers: of `agad.row_numbers`.
        first: row.
        last: row behind the last one.

    Returns:
        Pulses fired on A and on C.
    """
    steps, own, common, library, kind = fast_law
    buffer, mean, reference = buffers
    rate, beta, momentum, forget, most, noise, step, bound, direct, chance = numbers
    samples, codes, bounds, _, pulse_keys, _, used = plan
    spaces, slow_spaces = scratch(weight.shape[1]), scratch(1)
    prepare(spaces, common, own)
    prepare(slow_spaces, slow[2], slow[1])
    hits, chances = np.empty(used[0] + 1, dtype=np.int64), np.empty(used[0], dtype=np.float32)
    fired = written = 0
    for i in range(first, last):
        fetch_row(fast, steps, i + 1)
        found = row_hits(errors, plan, i, chances, hits)
        done = 0
        for e in range(reads + 1):
            until = events[e, 0] if e < reads else errors.shape[1]
            while done < found and samples[hits[done]] <= until:
                slot = hits[done]
                down = np.uint32(errors[i, samples[slot]] > np.float32(0.0))
                row_key = child(pulse_keys[slot], np.uint64(i))
                count = bounds[slot, 1]
                fire(fast, steps, own, library, kind, codes, bounds[slot, 0], count, i, down, row_key, spaces)
                fired += count
                done += 1
            if e == reads:
                break
            k = events[e, 1]
            v = _read(fast[i, k], noise, step, bound, event_keys[e, 1], i)
            if events[e, 3]:
                reference[i, k] = mean[i, k]
            if direct > 0:
                change = v - reference[i, k] if events[e, 2] > 0 else reference[i, k] - v
                line = child(child(event_keys[e, 0], KEY_DIRECT), np.uint64(i))
                n = _direct(change, direct, chance, line)
            else:
                change = rate * (v - reference[i, k])
                h = buffer[i, k] + change if events[e, 2] > 0 else buffer[i, k] - change
                n = int(min(max(np.trunc(h), -most), most))
                if n != 0:
                    h = momentum * h if forget else h - (_ONE - momentum) * np.float32(n)
                buffer[i, k] = h
                mean[i, k] = (_ONE - beta) * mean[i, k] + beta * v
                n = n if events[e, 4] else 0
            if n != 0:
                row_key = child(child(event_keys[e, 0], KEY_WRITE), np.uint64(i))
                write_cell(weight, slow, i, k, n, row_key, slow_spaces)
                written += abs(n)
    return fired, written
