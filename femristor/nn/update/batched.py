"""Pulses of many samples at once, in torch operations that run on any device.

The sequential rule (`pulsed_update`) lets each pulse see the weight that the one before left. Here the state is frozen
over a sub-batch: with U and V the up and down coincidences of a cell in it, f and g the device's mean steps at the
frozen weight and s, t their standard deviations from pulse to pulse, xi a standard normal number::

    w <- clip(w + U f(w) - V g(w) + sqrt(U s(w)^2 + V t(w)^2) xi)

The bit trains are drawn as on the wires, so that coincidences of a row or column are correlated as they should be. On a
linear device this is the sequential rule in distribution. A sub-batch of one sample still freezes the slots of a train.
Random numbers: a torch generator whose seed is a hash of (tile, sample): an update repeats on the same kind of device.
"""

from dataclasses import dataclass

import numpy as np
import torch

from femristor.nn.devices.parameters import (
    GAMMA_DOWN,
    GAMMA_UP,
    INVERSE_RANGE,
    NOISE,
    SOFT_BOUNDS,
    STEP_DOWN,
    STEP_UP,
    TABLE_INDEX,
    W_MAX,
    W_MIN,
    DeviceArray,
)
from femristor.nn.update.counter_rng import child_plain
from femristor.nn.update.pulsed_update import PulseTrain, train_scales_plain


@dataclass(frozen=True)
class TorchLaws:
    """Devices as tensors.

    Attributes:
        kind: SOFT_BOUNDS or TABLE.
        parameters: (8, rows, cols) float32.
        library: (tables, 2, states, 2) float32.
    """

    kind: int
    parameters: torch.Tensor
    library: torch.Tensor

    def steps(self, weight: torch.Tensor, columns: torch.Tensor | None = None) -> tuple[torch.Tensor, ...]:
        """Mean up and down steps of every cell at its weight, and their standard deviations.

        Args:
            weight: (rows, cols) or (rows, chosen).
            columns: of the chosen cells.

        Returns:
            Four tensors like weight: f, g, s and t.
        """
        p = self.parameters if columns is None else self.parameters[:, :, columns]
        up = ((p[W_MAX] - weight) * p[INVERSE_RANGE]).clamp(min=0.0)
        down = ((weight - p[W_MIN]) * p[INVERSE_RANGE]).clamp(min=0.0)
        if self.kind == SOFT_BOUNDS:
            f, g = p[STEP_UP] * up ** p[GAMMA_UP], p[STEP_DOWN] * down ** p[GAMMA_DOWN]
            return f, g, p[NOISE] * f, p[NOISE] * g
        mean_up, std_up = self._lookup(1.0 - up, p[TABLE_INDEX].long(), 0)
        mean_down, std_down = self._lookup(down, p[TABLE_INDEX].long(), 1)
        f, g = p[STEP_UP] * mean_up, p[STEP_DOWN] * mean_down
        return f, g, p[NOISE] * p[STEP_UP] * std_up, p[NOISE] * p[STEP_DOWN] * std_down

    def _lookup(
        self, place: torch.Tensor, table: torch.Tensor, side: int
    ) -> tuple[torch.Tensor, torch.Tensor]:
        states = self.library.shape[2]
        position = (place * (states - 1)).clamp(min=0.0)
        node = position.long().clamp(max=states - 2)
        part = (position - node)[..., None]
        low, high = self.library[table, side, node], self.library[table, side, node + 1]
        found = low + part * (high - low)
        return found[..., 0], found[..., 1]

    def move(self, weight, up, down, random: torch.Generator, columns: torch.Tensor | None = None) -> None:
        """Apply up and down pulses to the cells at frozen weights.

        Args:
            weight: (rows, cols), changed in place.
            up: U, (rows, cols) or (rows, chosen).
            down: V.
            random: of the pulse noise.
            columns: of the chosen cells.
        """
        old = weight if columns is None else weight[:, columns]
        f, g, s, t = self.steps(old, columns)
        xi = torch.randn(old.shape, generator=random, device=old.device)
        moved = old + up * f - down * g + torch.sqrt(up * s**2 + down * t**2) * xi
        p = self.parameters if columns is None else self.parameters[:, :, columns]
        moved = torch.minimum(torch.maximum(moved, p[W_MIN]), p[W_MAX])
        # A cell without a pulse keeps its bits.
        moved = torch.where(up + down > 0, moved, old)
        if columns is None:
            weight.copy_(moved)
        else:
            weight[:, columns] = moved


def torch_laws(devices: DeviceArray, where: torch.device) -> TorchLaws:
    """The tensors of an array on a device; made once and kept with the array."""
    kept = vars(devices).setdefault("_torch_laws", {})
    if where not in kept:
        parameters = torch.from_numpy(devices.parameters).permute(2, 0, 1).contiguous().to(where)
        kept[where] = TorchLaws(devices.kind, parameters, torch.from_numpy(devices.library).to(where))
    return kept[where]


def generator_of(key: np.uint64, sample: int, where: torch.device) -> torch.Generator:
    """Generator of the sub-batch that begins with a sample of a tile."""
    seed = int(child_plain(key, sample)[0] >> np.uint64(1))
    return torch.Generator(device=where).manual_seed(seed)


def coincidences(
    x: torch.Tensor,
    d: torch.Tensor,
    rates: list[float],
    *,
    granularity: float,
    train: PulseTrain,
    random: torch.Generator,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Up and down coincidences of a sub-batch.

    Args:
        x: (batch, cols) inputs.
        d: (batch, rows) errors.
        rates: eta of each sample.
        granularity: delta.
        train: pulse train.
        random: of the bits.

    Returns:
        U and V, (rows, cols) float32.
    """
    settings = (train.length, train.manage_length, train.manage_scale)
    largest = zip(x.abs().amax(1).tolist(), d.abs().amax(1).tolist(), rates, strict=True)
    scales = [train_scales_plain(rate, x_max, d_max, granularity, settings) for x_max, d_max, rate in largest]
    slots, a, b = (torch.tensor(values, device=x.device) for values in zip(*scales, strict=True))
    length = max(int(slots.max()), 1)
    on = torch.arange(length, device=x.device)[:, None] < slots
    p, q = b.to(x.dtype)[:, None] * x.abs(), a.to(d.dtype)[:, None] * d.abs()
    x_bits = (torch.rand((length, *x.shape), generator=random, device=x.device) < p) & on[..., None]
    d_bits = torch.rand((length, *d.shape), generator=random, device=x.device) < q
    x_bits, d_bits = x_bits.to(x.dtype).flatten(0, 1), d_bits.to(x.dtype).flatten(0, 1)
    total = d_bits.T @ x_bits
    signed = (d_bits * torch.sign(d).repeat(length, 1)).T @ (x_bits * torch.sign(x).repeat(length, 1))
    return (total - signed) * 0.5, (total + signed) * 0.5
