"""`AnalogLinear`: a torch layer whose weight is an array of devices.

Forward: `y = W x` with the slow array's weights (`femristor.nn.layers.crossbar`), the analog bias being the last column with
input 1. Backward: the exact gradient of the input; the pair (x, dLoss/dy) is kept for the optimiser, which has the array
updated by pulses (`femristor.nn.update.optimiser.AnalogSGD`). The weight never sees a gradient. One device a weight: weight 0
is the middle of its window, which an ideal reference column subtracts (`femristor.nn.layers.paired` has two devices).
"""

import math
from dataclasses import fields

import numpy as np
import torch

from femristor.core.errors import InputError
from femristor.core.rng import generator
from femristor.nn.arguments import real_numbers, require_device
from femristor.nn.devices.parameters import Device, DeviceArray
from femristor.nn.layers.contract import layer_name
from femristor.nn.layers.crossbar import Converter, Crossbar
from femristor.nn.layers.numbers import numbered
from femristor.nn.layers.state import OTHER_DEVICES
from femristor.nn.layers.stepping import note_kept
from femristor.nn.periphery.management import PeripherySettings
from femristor.nn.update.counter_rng import tile_key
from femristor.nn.update.records import check_records, start_updates
from femristor.nn.update.rows import RowWork
from femristor.nn.update.rules.agad import AgadSettings, AgadState
from femristor.nn.update.rules.analog_sgd import AnalogSgdSettings
from femristor.nn.update.rules.mixed_precision import MixedPrecisionSettings, MixedPrecisionState

Rule = AgadSettings | AnalogSgdSettings | MixedPrecisionSettings
STATE_FIELDS = tuple(item.name for item in fields(AgadState))


class AnalogLinear(Crossbar):
    """Fully connected layer on a crossbar.

    Args:
        in_features: inputs.
        out_features: outputs.
        device: what is under each cell, e.g. `SoftBoundsDevice.from_card(card)`.
        rule: `AgadSettings` (default; also of TTv1, TTv2 and chopped TTv2), `AnalogSgdSettings` or
            `MixedPrecisionSettings`.
        bias: "analog" (or True) for a column with input 1, "digital" for a torch parameter, None (or False).
        seed: of the devices, the first weights and all pulses.
        number: of the layer below its seed; by default the smallest that is free in the model (`femristor.nn.layers.numbers`).
        slow_device: device of the slow array where it differs from the fast one.
        weight: (out_features, in_features + bias) first weights; uniform +-1/sqrt(in_features) by default; a digital bias is
            the last column, as it is (not scaled).
        input_converter: applied to the inputs in the forward product, e.g. a 6-bit DAC.
        output_converter: applied to its result, e.g. an 8-bit ADC.
        output_scale: (out_features,) digital factors behind the array, which let weights use the whole window; 1 by default.
        periphery: input range, DAC, ADC and bound management, instead of the two converters.

    Raises:
        InputError: a layer without inputs or outputs, no device, weights outside the window, an unknown rule.

    Cells, first weights and pulses depend on (seed, number) only, not on `torch.manual_seed`.
    """

    @numbered
    def __init__(
        self,
        in_features: int,
        out_features: int,
        *,
        device: Device,
        rule: Rule | None = None,
        bias: bool | str | None = True,
        seed: int = 0,
        number: int | None = None,
        slow_device: Device | None = None,
        weight: np.ndarray | torch.Tensor | None = None,
        input_converter: Converter | None = None,
        output_converter: Converter | None = None,
        output_scale: np.ndarray | torch.Tensor | None = None,
        periphery: PeripherySettings | None = None,
    ) -> None:
        super().__init__(
            in_features,
            out_features,
            bias=bias,
            input_converter=input_converter,
            output_converter=output_converter,
            output_scale=output_scale,
            periphery=periphery,
        )
        self.rule = AgadSettings() if rule is None else rule
        rows, cols = out_features, self.columns
        require_device(device)
        if slow_device is not None:
            require_device(slow_device, name="slow_device")
        slow = device if slow_device is None else slow_device
        self.devices = _drawn(slow, rows, cols, seed=seed, stream=2 * number)
        self.fast_devices: DeviceArray | None = None
        self.forget_records()
        self.window = (slow.w_min, slow.w_max)
        shape = (rows, in_features + self.has_bias)
        first = self.take_digital_bias(first_weights(weight, shape, in_features, seed=seed, number=number))
        _check_window(first, slow)
        self.weight = torch.nn.Parameter(torch.from_numpy(self.devices.clip(first)))
        self.register_buffer("tile_key", torch.tensor([tile_key(seed, number).astype(np.int64)]))
        if isinstance(self.rule, AgadSettings):
            self.fast_devices = _drawn(device, rows, cols, seed=seed, stream=2 * number + 1)
            start = AgadState.start(self.fast_devices)
            # As bits: `module.float()` must not round the float64 averages.
            start.scales = start.scales.view(np.int64)
            for name in STATE_FIELDS:
                self.register_buffer(f"agad_{name}", torch.from_numpy(getattr(start, name)))
        elif isinstance(self.rule, AnalogSgdSettings):
            self.register_buffer("samples", torch.zeros(1, dtype=torch.int64))
        elif isinstance(self.rule, MixedPrecisionSettings):
            first_state = MixedPrecisionState.start(self.devices)
            self.register_buffer("mixed_chi", torch.from_numpy(first_state.chi))
            self.register_buffer("mixed_counters", torch.from_numpy(first_state.counters))
        else:
            raise InputError(
                f"{self.rule!r} is no update rule; give AgadSettings, AnalogSgdSettings or MixedPrecisionSettings."
            )

    def extra_repr(self) -> str:
        """Text inside the layer's repr."""
        return f"{self.in_features}, {self.out_features}, bias={self.bias_kind}, device={self.devices.label}, rule={self.rule.name}"

    @property
    def where(self) -> torch.device:
        """Torch device of the weights."""
        return self.weight.device

    def crossbar_weight(self) -> torch.Tensor:
        """(out_features, columns) weights of the slow array."""
        return self.weight

    @torch.no_grad()
    def set_crossbar_weight(self, weight: torch.Tensor) -> None:
        """Write weights without pulses, clipped to each device's bounds.

        Args:
            weight: (out_features, columns).
        """
        clipped = self.devices.clip(weight.detach().float().cpu().numpy())
        self.weight.copy_(torch.from_numpy(clipped))

    def take_cells(self, other: "AnalogLinear") -> None:
        """Have the devices of another layer of this size; weights outside their bounds move to them."""
        self.devices, self.fast_devices = other.devices, other.fast_devices
        self.set_crossbar_weight(self.weight)

    def record(self, x: torch.Tensor, gradient: torch.Tensor) -> None:
        """Keep a batch of inputs and errors for the next update (called by the backward pass).

        Raises:
            InputError: more than 256 MiB are kept and no `AnalogSGD` will take them.
        """
        if not self.weight.requires_grad:
            return
        if not self.training:
            self._evaluated = True
            return
        rows, cols = self.weight.shape
        pair = (x.detach().reshape(-1, cols).float(), gradient.detach().reshape(-1, rows).float())
        self._records.append(pair)
        self.kept_bytes += sum(values.nbytes for values in pair)
        note_kept(self)

    @property
    def kept_batches(self) -> int:
        """Batches that are kept for the next update."""
        return len(self._records)

    def pass_by(self) -> int:
        """Note that an optimiser stepped which cannot take what is kept; how often that was by now."""
        self._passed += 1
        return self._passed

    def forget_records(self) -> None:
        """Drop what was kept."""
        self._records: list[tuple[torch.Tensor, torch.Tensor]] = []
        self.kept_bytes, self._passed, self._evaluated = 0, 0, False

    def recorded_gradient(self) -> torch.Tensor:
        """Gradient of the weight that the kept pairs stand for, sum of d^T x; (out_features, in_features + bias)."""
        if not self._records:
            return torch.zeros_like(self.weight)
        x, d = (torch.cat(parts) for parts in zip(*self._records, strict=True))
        return d.T @ x

    def scale_errors(self, factor: float) -> None:
        """Multiply the kept errors, as clipping a gradient does."""
        self._records[:] = [(x, d * factor) for x, d in self._records]

    def apply_updates(self, lr: float, *, threads: int = 1) -> tuple[int, int]:
        """Update the arrays with what was kept, in its order, and drop it.

        Args:
            lr: learning rate.
            threads: threads over rows; the result does not depend on it.

        Returns:
            Pulses fired on the fast array (0 for plain SGD) and on the weight.

        Raises:
            InputError: not finite, or the layer is not on the CPU.
        """
        work = RowWork(threads)
        self.start_updates(lr, work=work)
        return work.finish()

    def check_records(self, *, sub_batch: int = 0) -> None:
        """Refuse what was kept if `start_updates` would; nothing is changed or dropped.

        Args:
            sub_batch: as of `start_updates`.

        Raises:
            InputError: not finite, the layer is not on the CPU, or it kept nothing as it was in evaluation mode.
        """
        if self._evaluated and not self._records:
            raise InputError(
                f"{layer_name(self)} was in evaluation mode in the backward pass, so nothing can be trained: call model.train() "
                "before it, or freeze the layer with layer.weight.requires_grad_(False)."
            )
        check_records(self, self._records, sub_batch=sub_batch)

    def start_updates(self, lr: float, *, work: RowWork, sub_batch: int = 0) -> None:
        """Plan what was kept, queue its rows and drop it.

        Args:
            lr: learning rate.
            work: where the rows go.
            sub_batch: 0 for the sequential kernels, else samples over which the batched path freezes the state.

        Raises:
            InputError: not finite, or the layer is not on the CPU.
        """
        records = self._records
        self.forget_records()
        start_updates(self, records, lr=lr, work=work, sub_batch=sub_batch)

    def agad_state(self) -> AgadState:
        """The rule's state as NumPy views of the layer's buffers.

        Raises:
            InputError: the layer has another rule.
        """
        if not isinstance(self.rule, AgadSettings):
            raise InputError(f"The layer is trained by '{self.rule.name}', which keeps no AGAD state.")
        arrays = {name: self._buffers[f"agad_{name}"].numpy() for name in STATE_FIELDS}
        return AgadState(**(arrays | {"scales": arrays["scales"].view(np.float64)}))

    def get_extra_state(self) -> torch.Tensor:
        """Fingerprint of the devices, kept in the state_dict."""
        return torch.tensor(list(self._fingerprint().encode()), dtype=torch.uint8)

    def set_extra_state(self, state: torch.Tensor) -> None:
        """Check that a state_dict belongs to these devices.

        Raises:
            InputError: it was made with other devices.
        """
        if bytes(state.tolist()).decode() != self._fingerprint():
            raise InputError(OTHER_DEVICES)

    def _fingerprint(self) -> str:
        fast = "" if self.fast_devices is None else self.fast_devices.fingerprint()
        return self.devices.fingerprint() + fast


def first_weights(weight, shape: tuple[int, int], in_features: int, *, seed: int, number: int) -> np.ndarray:
    """Given first weights checked, or uniform +-1/sqrt(in_features) of (seed, number).

    Args:
        weight: array, tensor or None.
        shape: (out_features, in_features + bias).
        in_features: inputs.
        seed: the user's seed.
        number: of the layer.

    Returns:
        `shape` float32.

    Raises:
        InputError: another shape, or no real numbers.
    """
    if weight is None:
        limit = 1.0 / math.sqrt(in_features)
        return generator(seed, 103, number).uniform(-limit, limit, shape).astype(np.float32)
    values = real_numbers(weight, name="weight")
    if values.shape != shape:
        raise InputError(
            f"Weights of shape {values.shape} do not fit a layer of {shape[0]} x {shape[1]} cells (bias is the last column)."
        )
    return values


def _drawn(device: Device, rows: int, cols: int, **stream: int) -> DeviceArray:
    """Cells of a device, which may be a user's own."""
    found = device.sample(rows, cols, **stream)
    if not isinstance(found, DeviceArray) or found.shape != (rows, cols):
        shape = getattr(found, "shape", None)
        raise InputError(
            f"device= draws a {type(found).__name__} of {shape} where the layer needs a DeviceArray of {(rows, cols)}: "
            "correct its sample(rows, cols)."
        )
    return found


def _check_window(weight: np.ndarray, device: Device) -> None:
    if not np.all(np.isfinite(weight)):
        raise InputError("A first weight is NaN or infinite; give finite weights.")
    low, high = float(weight.min()), float(weight.max())
    if low < device.w_min or high > device.w_max:
        raise InputError(
            f"Weights from {low:.3g} to {high:.3g} leave the device's window [{device.w_min:g}, {device.w_max:g}]; scale them down."
        )
