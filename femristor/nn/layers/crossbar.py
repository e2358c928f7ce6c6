"""`Crossbar`: what layers on arrays have in common around the weight: product, bias, scale, state, moves.

    y = s (W [x; 1]) + b        s: digital output scale, 1: analog bias line, b: digital bias

The backward pass is the exact gradient of the input, converters straight through; the pair (x, dLoss/dy) goes to
`record`. The product is in the type of the input, weights and rule states are float32 always (`femristor.nn.layers.state`).
"""

from collections.abc import Callable

import numpy as np
import torch

from femristor.core.errors import InputError
from femristor.nn.arguments import real_numbers
from femristor.nn.layers.contract import check_input, vectors
from femristor.nn.layers.state import CrossbarState
from femristor.nn.periphery.management import Periphery, PeripherySettings

Converter = Callable[[torch.Tensor], torch.Tensor]


class _Product(torch.autograd.Function):
    """y = out(W in(x)); converters pass gradients straight through, the weight gets none."""

    @staticmethod
    def forward(ctx, x, weight, layer, log_range):
        ctx.save_for_backward(x, weight)
        ctx.layer = layer
        return layer.product(x, weight)

    @staticmethod
    def backward(ctx, gradient):
        x, weight = ctx.saved_tensors
        ctx.layer.record(x, gradient)
        wants_x, _, _, wants_range = ctx.needs_input_grad
        if not (wants_x or wants_range):
            return None, None, None, None
        back = gradient @ weight.to(gradient.dtype)
        ranged = ctx.layer.periphery.range_gradient(x, back) if wants_range else None
        return back.to(x.dtype) if wants_x else None, None, None, ranged


def bias_kind(bias: bool | str | None) -> str | None:
    """Kind of a bias: "analog", "digital" or None.

    Args:
        bias: True means analog, False none.

    Raises:
        InputError: anything else.
    """
    if bias is None or isinstance(bias, (bool, np.bool_)):
        return "analog" if bias else None
    if bias not in ("analog", "digital"):
        raise InputError(f"A bias {bias!r} is unknown; choose 'analog', 'digital' or None.")
    return bias


class Crossbar(CrossbarState):
    """Base of layers with one product: `AnalogLinear` and `PairedLinear`.

    Args:
        in_features: inputs.
        out_features: outputs.
        bias: "analog" (or True), "digital", None (or False).
        input_converter: applied to the inputs.
        output_converter: applied to the outputs.
        output_scale: (out_features,) digital factors.
        periphery: input range, DAC, ADC, bound management; instead of the converters.

    Attributes:
        window: (w_min, w_max) that weights may take, set by the layer.

    Raises:
        InputError: no inputs or outputs, scales that do not fit, converters beside a periphery.
    """

    window: tuple[float, float] = (-1.0, 1.0)

    def __init__(
        self,
        in_features: int,
        out_features: int,
        *,
        bias: bool | str | None,
        input_converter: Converter | None,
        output_converter: Converter | None,
        output_scale,
        periphery: PeripherySettings | None,
    ) -> None:
        super().__init__()
        check_sizes(in_features, out_features)
        self.in_features, self.out_features = in_features, out_features
        self.bias_kind = bias_kind(bias)
        self.columns = in_features + (self.bias_kind == "analog")
        self._needs = vectors(in_features)
        if periphery is not None and not (input_converter is None and output_converter is None):
            raise InputError("A periphery has its own DAC and ADC; give it, or converters, not both.")
        self.input_converter, self.output_converter = input_converter, output_converter
        self.digital_bias = None
        if self.bias_kind == "digital":
            self.digital_bias = torch.nn.Parameter(torch.zeros(out_features))
        self._keep_scale(output_scale)
        lowest = 1.0 if self.bias_kind == "analog" else 0.0
        self.periphery = None if periphery is None else Periphery(periphery, lowest=lowest)

    @property
    def has_bias(self) -> bool:
        """Whether there is a bias of either kind."""
        return self.bias_kind is not None

    @property
    def where(self) -> torch.device:
        """Torch device of the weights."""
        raise InputError("A crossbar has no weight of its own; use AnalogLinear or PairedLinear.")

    def crossbar_weight(self) -> torch.Tensor:
        """(out_features, columns) weight of the product, part of the graph."""
        raise InputError("A crossbar has no weight of its own; use AnalogLinear or PairedLinear.")

    def set_crossbar_weight(self, weight: torch.Tensor) -> None:
        """Write (out_features, columns) weights without pulses."""
        raise InputError("A crossbar has no devices of its own; use AnalogLinear or PairedLinear.")

    def record(self, x: torch.Tensor, gradient: torch.Tensor) -> None:
        """Keep a batch of inputs and errors for the next update (called by the backward pass)."""
        raise InputError("A crossbar has no devices of its own; use AnalogLinear or PairedLinear.")

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Product with the weights as they are.

        Args:
            x: (..., in_features), floating point; the product is in its type.

        Returns:
            (..., out_features).

        Raises:
            InputError: another width, no floating point, an empty batch, another device, NaN or infinity.
        """
        check_input(self, x, self._needs, where=self.where, values=self.training and not self.is_part)
        if self.bias_kind == "analog":
            x = torch.cat((x, x.new_ones((*x.shape[:-1], 1))), dim=-1)
        product = (
            self._differentiable(x) if torch.is_grad_enabled() else self.product(x, self.crossbar_weight())
        )
        if self.output_scale is not None:
            product = product * self.output_scale.to(product.dtype)
        return product if self.digital_bias is None else product + self.digital_bias.to(product.dtype)

    def _differentiable(self, x: torch.Tensor) -> torch.Tensor:
        log_range = None if self.periphery is None else self.periphery.log_range
        return _Product.apply(x, self.crossbar_weight(), self, log_range)

    # As torch.compiler.disable does, which would load the whole compiler (seconds) with this module.
    _differentiable._torchdynamo_disable = True

    def product(self, x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        """What the array and its converters give, without scale and digital bias.

        Args:
            x: (..., columns).
            weight: (out_features, columns).

        Returns:
            (..., out_features) in the type of x.
        """
        weight = weight.to(x.dtype)
        if self.periphery is not None:
            return self.periphery.product(x, weight)
        applied = x if self.input_converter is None else self.input_converter(x)
        y = applied @ weight.T
        return y if self.output_converter is None else self.output_converter(y)

    def effective_weight(self) -> torch.Tensor:
        """(out_features, in_features + bias) weights with scales and the bias of either kind, detached."""
        weight = self.crossbar_weight().detach()
        weight = weight if self.output_scale is None else weight * self.output_scale[:, None]
        if self.digital_bias is None:
            return weight
        return torch.cat((weight, self.digital_bias.detach()[:, None]), dim=1)

    @torch.no_grad()
    def remap(self, use: float = 0.6) -> None:
        """Rescale each row so that its largest weight takes `use` of the window again; products stay as they are.

        Args:
            use: share of the window, above 0, at most 1.

        Raises:
            InputError: another share, or a layer without output scales.
        """
        if not 0 < use <= 1:
            raise InputError(f"The weights cannot use {use} of the window; give a share above 0, at most 1.")
        if self.output_scale is None:
            raise InputError(
                "A layer without output scales cannot be remapped; build it with output_scale (ones will do)."
            )
        weight = self.crossbar_weight().detach()
        room = use * min(abs(self.window[0]), self.window[1])
        largest = weight.abs().amax(dim=1)
        factor = torch.where(largest > 0, largest / room, torch.ones_like(largest))
        self.set_crossbar_weight(weight / factor[:, None])
        self.output_scale.mul_(factor)

    def take_digital_bias(self, first: np.ndarray) -> np.ndarray:
        """First weights without the digital bias, which is put where it belongs.

        Args:
            first: (out_features, in_features + bias of either kind).

        Returns:
            (out_features, columns).

        Raises:
            InputError: a bias that is not finite.
        """
        if self.digital_bias is None:
            return first
        return split_bias(first, self.digital_bias)

    def _keep_scale(self, scale) -> None:
        if scale is None:
            self.output_scale = None
            return
        values = torch.from_numpy(real_numbers(scale, name="output_scale"))
        if values.shape != (self.out_features,) or not bool(torch.all((values > 0) & values.isfinite())):
            raise InputError(
                f"Output scales of shape {tuple(values.shape)} do not fit {self.out_features} outputs; give one above 0 each."
            )
        self.register_buffer("output_scale", values)


@torch.no_grad()
def split_bias(first: np.ndarray, bias: torch.nn.Parameter) -> np.ndarray:
    """First weights without their last column, which goes to a digital bias.

    Args:
        first: (out_features, in_features + 1).
        bias: (out_features,), filled.

    Returns:
        (out_features, in_features).

    Raises:
        InputError: a bias that is not finite.
    """
    if not np.all(np.isfinite(first[:, -1])):
        raise InputError("A first bias is NaN or infinite; give finite weights.")
    bias.copy_(torch.from_numpy(np.ascontiguousarray(first[:, -1])))
    return np.ascontiguousarray(first[:, :-1])


def check_sizes(in_features: int, out_features: int) -> None:
    """Refuse a layer without weights.

    Raises:
        InputError: no inputs or no outputs, or no whole number of them.
    """
    if not all(isinstance(size, int | np.integer) and size > 0 for size in (in_features, out_features)):
        raise InputError(
            f"A layer of {in_features} inputs and {out_features} outputs has no weight; give at least one of each."
        )
