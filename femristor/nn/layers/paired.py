"""`PairedLinear`: two devices a weight, W = (W+ - W-)/2, both driven in opposite directions.

Each array has its own devices, rule state and pulses; W+ is updated with (x, d), W- with (x, -d), so that
dW = (dW+ - dW-)/2 has the mean -lr d x^T on linear devices. The ADC reads the difference of the two currents.

The pair of conductances is that of Gokmen and Vlasov, Front. Neurosci. 10, 333 (2016); as the devices step both ways, both
members move at every update. One-sided pairs (Burr et al., IEEE TED 62, 3498 (2015): up pulses only, to G+ or to G-) must
be reset once a member is full; these need not. Both members drift to the same symmetry point under
updates without a mean, so the weight drifts to 0, whatever the skew.
"""

import numpy as np
import torch

from femristor.core.errors import InputError
from femristor.nn.arguments import require_device
from femristor.nn.devices.parameters import Device
from femristor.nn.layers.crossbar import Converter, Crossbar
from femristor.nn.layers.linear import AnalogLinear, Rule, first_weights
from femristor.nn.layers.numbers import numbered, part_number
from femristor.nn.periphery.management import PeripherySettings


class PairedLinear(Crossbar):
    """Fully connected layer on two crossbars of opposite sign.

    Args:
        in_features: inputs.
        out_features: outputs.
        device: what is under each cell of both arrays.
        rule: update rule of both.
        bias: "analog" (or True), "digital", None (or False).
        seed: of the devices, the first weights and all pulses.
        number: of the layer, as in `AnalogLinear`; its arrays take numbers that no other layer has.
        slow_device: device of the slow arrays where it differs.
        weight: (out_features, in_features + bias) first weights, as in `AnalogLinear`; W+ and W- start as far above and
            below the middle of the window.
        input_converter: applied to the inputs.
        output_converter: applied to the difference of the two products.
        output_scale: (out_features,) digital factors.
        periphery: instead of the converters.

    Attributes:
        plus: the array W+, an `AnalogLinear` without bias.
        minus: the array W-.

    Raises:
        InputError: what `AnalogLinear` refuses.
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
        require_device(device)
        if slow_device is not None:
            require_device(slow_device, name="slow_device")
        slow = device if slow_device is None else slow_device
        self.window = (slow.w_min, slow.w_max)
        shape = (out_features, in_features + self.has_bias)
        first = self.take_digital_bias(first_weights(weight, shape, in_features, seed=seed, number=number))
        middle, half = 0.5 * (slow.w_min + slow.w_max), 0.5 * (slow.w_max - slow.w_min)
        if not np.all(np.isfinite(first)):
            raise InputError("A first weight is NaN or infinite; give finite weights.")
        if np.abs(first).max() > half:
            raise InputError(
                f"Weights up to {np.abs(first).max():.3g} do not fit a pair, whose window is [-{half:g}, {half:g}]; scale them down."
            )
        options = {"device": device, "slow_device": slow_device, "rule": rule, "bias": None, "seed": seed}
        self.plus, self.minus = (
            AnalogLinear(
                self.columns,
                out_features,
                number=part_number(number, side),
                weight=middle + sign * first,
                **options,
            )
            for side, sign in ((0, 1), (1, -1))
        )

    def extra_repr(self) -> str:
        """Text inside the layer's repr."""
        return f"{self.in_features}, {self.out_features}, bias={self.bias_kind}"

    @property
    def where(self) -> torch.device:
        """Torch device of the weights."""
        return self.plus.where

    def crossbar_weight(self) -> torch.Tensor:
        """(out_features, columns) weights (W+ - W-)/2."""
        return 0.5 * (self.plus.weight - self.minus.weight)

    def set_crossbar_weight(self, weight: torch.Tensor) -> None:
        """Write weights without pulses, both members as far from the middle of the window.

        Args:
            weight: (out_features, columns).
        """
        middle = 0.5 * (self.window[0] + self.window[1])
        self.plus.set_crossbar_weight(middle + weight)
        self.minus.set_crossbar_weight(middle - weight)

    def record(self, x: torch.Tensor, gradient: torch.Tensor) -> None:
        """Keep a batch for both arrays, with opposite errors."""
        self.plus.record(x, gradient)
        self.minus.record(x, -gradient)
