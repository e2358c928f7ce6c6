"""The update rules on frozen sub-batches (`femristor.nn.update.batched`): same equations as `rules/`, other order of events.

Within a sub-batch all pulses come first, with the choppers that it began with, then all column reads that fall into it,
each column once. AGAD with sub-batches of `transfer_every` samples therefore differs from the sequential rule by what
pulses of one sub-batch would have seen of each other, and by nothing else.
"""

import numpy as np
import torch

from femristor.core.errors import InputError
from femristor.nn.update.batched import coincidences, generator_of, torch_laws
from femristor.nn.update.pulsed_update import PulseTrain
from femristor.nn.update.rules.agad import AgadSettings, row_numbers
from femristor.nn.update.rules.agad_kernel import COLUMN, SAMPLES, SWEEPS, moving_plain
from femristor.nn.update.rules.analog_sgd import AnalogSgdSettings


@torch.no_grad()
def update_batched(
    layer, x: torch.Tensor, d: torch.Tensor, *, lr: float, group: int, sub_batch: int
) -> tuple[int, int]:
    """Update a layer's arrays with a batch.

    Args:
        layer: `AnalogLinear`, on any device.
        x: (batch, cols) inputs.
        d: (batch, rows) errors.
        lr: learning rate.
        group: samples that the memory of AGAD's averages counts as a batch.
        sub_batch: samples over which the state is frozen.

    Returns:
        Pulses on the fast and on the slow array.

    Raises:
        InputError: not finite, or a rule without a batched path.
    """
    if not bool(torch.isfinite(x).all() & torch.isfinite(d).all()):
        raise InputError(
            "An input or a gradient of an analog layer is NaN or infinite; lower the learning rate or check the loss."
        )
    if isinstance(layer.rule, AgadSettings):
        job = _Agad(layer, lr, group)
    elif isinstance(layer.rule, AnalogSgdSettings):
        job = _Sgd(layer, lr)
    else:
        raise InputError(f"The rule '{layer.rule.name}' has no batched path; take path='sequential'.")
    fast = slow = 0
    for first in range(0, x.shape[0], sub_batch):
        counts = job.step(x[first : first + sub_batch], d[first : first + sub_batch])
        fast, slow = fast + counts[0], slow + counts[1]
    job.keep()
    return fast, slow


def _key(layer) -> np.uint64:
    return np.uint64(layer.tile_key.cpu().numpy().view(np.uint64)[0])


class _Sgd:
    """Plain analog SGD."""

    def __init__(self, layer, lr: float) -> None:
        self.layer, self.lr, self.key, self.seen = layer, lr, _key(layer), int(layer.samples[0])

    def step(self, x: torch.Tensor, d: torch.Tensor) -> tuple[int, int]:
        layer, train = self.layer, self.layer.rule.train
        random = generator_of(self.key, self.seen, x.device)
        self.seen += x.shape[0]
        return 0, _pulse(layer.weight, layer.devices, x, d, [self.lr] * x.shape[0], train, random)

    def keep(self) -> None:
        self.layer.samples[0] = self.seen


def _pulse(weight, devices, x, d, rates: list[float], train: PulseTrain, random: torch.Generator) -> int:
    up, down = coincidences(x, d, rates, granularity=devices.granularity, train=train, random=random)
    torch_laws(devices, weight.device).move(weight, up, down, random)
    return int((up + down).sum())


class _Agad:
    """AGAD and its relatives; counters and choppers are kept on the host between the steps of a batch."""

    def __init__(self, layer, lr: float, group: int) -> None:
        self.layer, self.rule, self.key = layer, layer.rule, _key(layer)
        self.numbers = row_numbers(lr, layer.rule, layer.fast_devices, layer.devices)
        self.memory = (1.0 - layer.rule.auto_momentum) / group
        self.counters = layer.agad_counters.cpu().numpy().copy()
        self.scales = layer.agad_scales.cpu().numpy().view(np.float64).copy()
        self.chopper = layer.agad_chopper.cpu().numpy().copy()
        self.flipped = layer.agad_flipped.cpu().numpy().copy()
        self.coins = np.random.default_rng(int(self.key) ^ int(self.counters[SAMPLES]))

    def step(self, x: torch.Tensor, d: torch.Tensor) -> tuple[int, int]:
        rule, layer = self.rule, self.layer
        random = generator_of(self.key, int(self.counters[SAMPLES]), x.device)
        signs = torch.from_numpy(self.chopper).to(x)
        fast = _pulse(
            layer.agad_fast, layer.fast_devices, x * signs, d, self._rates(x, d), rule.train, random
        )
        events: list = []
        slow = 0
        for _ in range(x.shape[0]):
            self.counters[SAMPLES] += 1
            if self.counters[SAMPLES] % rule.transfer_every == 0:
                if events and any(self.counters[COLUMN] == column for column, *_ in events):
                    slow += self._read(events, random)
                    events = []
                events.append(self._event())
        slow += self._read(events, random) if events else 0
        return fast, slow

    def keep(self) -> None:
        """Write counters, averages and choppers back to the layer."""
        layer = self.layer
        for name, values in (
            ("counters", self.counters),
            ("scales", self.scales.view(np.int64)),
            ("chopper", self.chopper),
            ("flipped", self.flipped),
        ):
            getattr(layer, f"agad_{name}").copy_(torch.from_numpy(values))

    def _rates(self, x: torch.Tensor, d: torch.Tensor) -> list[float]:
        rule = self.rule
        if not rule.auto_scale:
            return [rule.fast_lr] * x.shape[0]
        rates = []
        for x_max, d_max in zip(x.abs().amax(1).tolist(), d.abs().amax(1).tolist(), strict=True):
            for place, value in enumerate((x_max, d_max)):
                self.scales[place] = moving_plain(self.scales[place], value, self.memory)
            rate = rule.fast_lr * rule.train.length * self.layer.fast_devices.granularity
            both = self.scales[0] * self.scales[1]
            rates.append(float(rate / both) if both > 0 else rate)
        return rates

    def _event(self) -> tuple[int, int, bool, bool]:
        """Column, chopper, take the reference?, write? of the next read; flips its chopper where it is time."""
        rule, k, sweep = self.rule, int(self.counters[COLUMN]), int(self.counters[SWEEPS])
        dynamic = rule.reference == "dynamic"
        event = (
            k,
            int(self.chopper[k]),
            bool(self.flipped[k]) and dynamic,
            sweep >= rule.period or not dynamic,
        )
        flip = sweep % rule.period == rule.period - 1
        if rule.chop_random:
            flip = bool(self.coins.random() < rule.chop_probability)
        flip = flip and rule.chops
        self.flipped[k] = flip
        self.chopper[k] *= -1 if flip else 1
        self.counters[COLUMN] = (k + 1) % self.chopper.size
        self.counters[SWEEPS] += k == self.chopper.size - 1
        return event

    def _read(self, events: list, random: torch.Generator) -> int:
        rate, beta, momentum, forget, most, noise, step, bound, direct, chance = map(_plain, self.numbers)
        layer = self.layer
        where = layer.weight.device
        columns, signs, takes, writes = (torch.tensor(v, device=where) for v in zip(*events, strict=True))
        v = layer.agad_fast[:, columns]
        if noise > 0:
            v = v + noise * torch.randn(v.shape, generator=random, device=where)
        if step > 0:
            v = (torch.round(v / step) * step).clamp(-bound, bound)
        mean = layer.agad_mean[:, columns]
        reference = torch.where(takes, mean, layer.agad_reference[:, columns])
        layer.agad_reference[:, columns] = reference
        change = signs * (v - reference)
        if direct:
            draws = torch.rand((direct, *v.shape), generator=random, device=where)
            n = torch.sign(change) * (draws < chance * change.abs()).sum(0)
        else:
            h = layer.agad_buffer[:, columns] + rate * change
            n = torch.trunc(h).clamp(-most, most)
            kept = momentum * h if forget else h - (1.0 - momentum) * n
            layer.agad_buffer[:, columns] = torch.where(n != 0, kept, h)
            layer.agad_mean[:, columns] = (1.0 - beta) * mean + beta * v
            n = n * writes
        written = int(n.abs().sum())
        if written:
            laws = torch_laws(layer.devices, where)
            laws.move(layer.weight, n.clamp(min=0), (-n).clamp(min=0), random, columns)
        return written


def _plain(number):
    return number.item() if isinstance(number, np.generic) else number
