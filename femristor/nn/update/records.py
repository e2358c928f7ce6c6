"""What a layer kept in its backward passes, handed to its update rule.

A recurrent layer keeps one batch for each time step. They are joined, in the order of the backward pass, and planned
as one update: the same pulses, in the same order, as one update after the other, because a pulse belongs to its
sample's number and the rows are independent. The memory of AGAD's averages still counts in batches of a time step.
Mixed precision counts its transfers in batches and is not joined.
"""

import math
from collections.abc import Iterator
from itertools import groupby

import numpy as np
import torch

from femristor.core.errors import InputError
from femristor.nn.update.batched_rules import update_batched
from femristor.nn.update.rows import RowJob, RowWork
from femristor.nn.update.rules import agad, analog_sgd, mixed_precision
from femristor.nn.update.rules.agad import AgadSettings
from femristor.nn.update.rules.analog_sgd import AnalogSgdSettings
from femristor.nn.update.rules.mixed_precision import MixedPrecisionSettings, MixedPrecisionState

Record = tuple[torch.Tensor, torch.Tensor]
MOST_CODES = 2**24


def joined(records: list[Record], rule) -> Iterator[tuple[np.ndarray, np.ndarray, int]]:
    """Join batches of one size as far as their plan stays below 64 MiB.

    Args:
        records: (batch, cols) inputs and (batch, rows) errors of each batch.
        rule: settings of the layer's rule.

    Yields:
        Inputs and errors of an update, and the samples of each batch in it.
    """
    if len(records) == 1:
        x, d = records[0]
        yield x.numpy(), d.numpy(), x.shape[0]
        return
    for size, same in groupby(records, key=lambda record: record[0].shape[0]):
        pairs = list(same)
        most = 1
        if not isinstance(rule, MixedPrecisionSettings):
            most = max(1, MOST_CODES // max(size * rule.train.length * pairs[0][0].shape[1], 1))
        for first in range(0, len(pairs), most):
            part = pairs[first : first + most]
            x, d = part[0] if len(part) == 1 else (torch.cat(values) for values in zip(*part, strict=True))
            yield x.numpy(), d.numpy(), size


def check_records(layer, records: list[Record], *, sub_batch: int = 0) -> None:
    """Refuse, before anything is changed, what `start_updates` would refuse.

    Args:
        layer: `AnalogLinear`.
        records: (batch, cols) inputs and (batch, rows) errors of each batch that it kept.
        sub_batch: as of `start_updates`.

    Raises:
        InputError: not finite, or the layer is not on the CPU.
    """
    if records and not sub_batch and layer.weight.device.type != "cpu":
        raise InputError("Analog layers are trained on the CPU; call model.cpu(), or take path='batched'.")
    for pair in records:
        for name, values in zip(("input", "gradient"), pair, strict=True):
            # One sum sees every NaN and infinity; only where it overflows are all entries looked at.
            if not math.isfinite(float(values.sum())) and not bool(torch.isfinite(values).all()):
                raise InputError(
                    f"The {name} of an analog layer is NaN or infinite; lower the learning rate or check the loss."
                )


def start_updates(layer, records: list[Record], *, lr: float, work: RowWork, sub_batch: int = 0) -> None:
    """Plan the updates of one layer and queue its rows.

    Args:
        layer: `AnalogLinear`.
        records: what it kept.
        lr: learning rate.
        work: where the rows go.
        sub_batch: 0 takes the sequential kernels; above it, the batched path with the state frozen over so many samples.

    Raises:
        InputError: not finite, or the layer is not on the CPU.
    """
    if sub_batch or len(records) > 1 or layer.weight.device.type != "cpu":
        check_records(layer, records, sub_batch=sub_batch)
    if sub_batch:
        for x, d in records:
            options = {"lr": lr, "group": x.shape[0], "sub_batch": sub_batch}
            work.count(update_batched(layer, x, d, **options))
        return
    job = None
    for x, d, group in joined(records, layer.rule):
        if job is not None:
            work.run(job)
        job = _start(layer, x, d, lr=lr, group=group)
    if job is not None:
        work.add(job)


def _start(layer, x: np.ndarray, d: np.ndarray, *, lr: float, group: int) -> RowJob:
    weight = layer.weight.detach().numpy()
    key = np.uint64(layer.tile_key.numpy().view(np.uint64)[0])
    options = {"d": d, "settings": layer.rule, "key": key}
    if isinstance(layer.rule, AnalogSgdSettings):
        samples = layer.samples.numpy()
        job = analog_sgd.start(weight, layer.devices, x, rate=lr, first_sample=int(samples[0]), **options)
        samples[0] += x.shape[0]
        return job
    if isinstance(layer.rule, AgadSettings):
        state = layer.agad_state()
        options |= {"state": state, "fast_devices": layer.fast_devices, "lr": lr, "group": group}
        return agad.start(weight, layer.devices, x, **options)
    kept = MixedPrecisionState(layer.mixed_chi.numpy(), layer.mixed_counters.numpy())
    return mixed_precision.start(weight, layer.devices, x, state=kept, lr=lr, **options)
