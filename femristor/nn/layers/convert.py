"""A torch model onto analog layers and back: `convert(model, card)`, `to_analog(model, device)`, `to_digital(model)`.

Each row of a weight matrix is divided by its largest |weight| and multiplied by `use` of the window, and the quotient
becomes the layer's digital output scale, so that every row uses the window whatever its size. `remap(model)` does so again.
"""

import copy
from dataclasses import replace

import torch

from femristor.core.errors import InputError
from femristor.nn.arguments import (
    leave_shortcuts,
    require_card,
    require_device,
    require_model,
    require_whole,
    torch_kind,
)
from femristor.nn.devices.parameters import Device
from femristor.nn.devices.soft_bounds import SoftBoundsDevice
from femristor.nn.layers.convolution import AnalogConv2d
from femristor.nn.layers.crossbar import Crossbar, bias_kind
from femristor.nn.layers.linear import AnalogLinear
from femristor.nn.layers.numbers import Offered
from femristor.nn.layers.paired import PairedLinear
from femristor.nn.layers.recurrent import AnalogLSTM
from femristor.nn.layers.tiling import TiledLinear, analog_linear


def convert(
    model: torch.nn.Module,
    card,
    *,
    symmetric: bool = False,
    noise_to_signal: float | None = None,
    **options,
) -> torch.nn.Module:
    """A copy of a model on the soft-bounds devices of a card.

    Args:
        model: any torch model.
        card: `DeviceCard`; its pulse statistics are the devices.
        symmetric: move their mean symmetry point to the middle of the window.
        noise_to_signal: of a step, instead of the card's.
        **options: of `to_analog`; `seed` is that of all cells, `torch.manual_seed` that of the model's own weights.

    Returns:
        The analog model.

    Raises:
        InputError: no card, or what `to_analog` refuses.
    """
    require_card(card)
    if "device" in options:
        raise InputError(
            "device= does not go with a card, whose devices are taken: leave it out, or use to_analog(model, device); "
            "where torch computes is chosen with model.to(...)."
        )
    device = SoftBoundsDevice.from_card(card)
    if noise_to_signal is not None:
        device = replace(device, noise_to_signal=noise_to_signal)
    return to_analog(model, device.symmetric() if symmetric else device, **options)


def to_analog(model: torch.nn.Module, device: Device, *, use: float = 0.6, seed: int = 0, **options):
    """A copy of a model whose Linear, Conv2d and LSTM layers are analog; all other layers stay.

    Args:
        model: any torch model.
        device: what is under each cell.
        use: share of the window that the largest weight of a row takes; training needs the rest.
        seed: of devices and pulses, nothing else of which depends on `torch.manual_seed`; the k-th layer takes number k, and
            others where that is taken in a model around it (`femristor.nn.layers.numbers`).
        **options: `max_tile`, `reference`, `rule`, `periphery` or converters of the layers, and `bias`: "analog" (default) or
            "digital" for layers that have one.

    Returns:
        The analog model (same outputs up to rounding, where weights lie in each device's own bounds).

    Raises:
        InputError: no model or device, nothing to convert, a convolution with groups or another padding than zeros, a
            bidirectional or projected LSTM.
    """
    require_model(model)
    require_device(device)
    require_whole(seed, name="seed")
    if not 0 < use <= 1:
        raise InputError(f"The weights cannot use {use} of the window; give a share above 0, at most 1.")
    if bias_kind(options.get("bias", "analog")) is None:
        raise InputError("A conversion keeps the biases of the model; give bias='analog' or bias='digital'.")
    maker = _Maker(device, use, seed, options)
    made = _walk(copy.deepcopy(model), maker, "model")
    if not maker.number:
        raise InputError("The model has no Linear, Conv2d or LSTM layer, so there is nothing to convert.")
    return leave_shortcuts(made)


def to_digital(model: torch.nn.Module) -> torch.nn.Module:
    """A copy of a model whose analog layers are torch's own, with the weights that the devices have now.

    Args:
        model: with analog layers.

    Returns:
        A digital model.

    Raises:
        InputError: no model.
    """
    require_model(model)
    return _walk(copy.deepcopy(model), _digital, "model")


def remap(model: torch.nn.Module, *, use: float = 0.6) -> None:
    """Rescale all rows in place so that each uses its share of the window again; products stay as they are.

    The devices are written without pulses; hidden arrays and buffers of the rules stay.

    Args:
        model: with analog layers that have output scales, as `to_analog` makes them.
        use: share of the window that the largest weight of a row takes.

    Raises:
        InputError: no such layer, or a share that is not possible.
    """
    require_model(model)
    found = [part for part in model.modules() if isinstance(part, Crossbar) and part.output_scale is not None]
    if not found:
        raise InputError(
            "The model has no analog layer with output scales; make it with to_analog or convert."
        )
    for part in found:
        part.remap(use)


def _walk(module: torch.nn.Module, make, name: str, done: dict | None = None) -> torch.nn.Module:
    """Layers in place of layers; one that is used at several places stays one."""
    done = {} if done is None else done
    if id(module) in done:
        return done[id(module)][1]
    made = make(module, name)
    # The old module is kept too, so that no other one gets its id.
    done[id(module)] = (module, module if made is None else made)
    if made is not None:
        for part in made.modules():
            part.place = name
        return made.train(module.training)
    for child, inner in list(module._modules.items()):
        if inner is not None:
            setattr(module, child, _walk(inner, make, f"{name}.{child}", done))
    return module


class _Maker:
    """Makes analog layers with rising tile numbers."""

    def __init__(self, device: Device, use: float, seed: int, options: dict) -> None:
        self.device, self.use, self.options = device, use, {**options, "seed": seed}
        self.bias = bias_kind(self.options.pop("bias", "analog"))
        self.number = 0

    def __call__(self, module: torch.nn.Module, name: str) -> torch.nn.Module | None:
        kind = torch_kind(module, name)
        if kind is torch.nn.LSTM:
            return self._lstm(module, name)
        if kind is torch.nn.Conv2d:
            return self._conv(module, name)
        if kind is torch.nn.Linear:
            weight, scale = self._scaled(module.weight, module.bias)
            return analog_linear(
                module.in_features,
                module.out_features,
                weight=weight,
                output_scale=scale,
                **self._common(module),
            )
        return None

    def _common(self, module) -> dict:
        number, self.number = self.number, self.number + 1
        bias = None if module.bias is None else self.bias
        return {"device": self.device, "bias": bias, "number": Offered(number), **self.options}

    def _scaled(self, weight: torch.Tensor, bias: torch.Tensor | None):
        """(rows, cols + bias) weights within the window, and their scales; a digital bias is not scaled."""
        rows = weight.detach().reshape(weight.shape[0], -1).float().cpu()
        last = rows[:, :0] if bias is None else bias.detach().float().cpu()[:, None]
        if self.bias == "analog":
            rows, last = torch.cat((rows, last), dim=1), rows[:, :0]
        largest = rows.abs().amax(dim=1)
        if not bool(torch.isfinite(largest).all() and torch.isfinite(last).all()):
            raise InputError(
                "A weight of the model is NaN or infinite; repair the model before converting it."
            )
        room = self.use * min(abs(self.device.w_min), self.device.w_max)
        scale = torch.where(largest > 0, largest / room, torch.ones_like(largest))
        return torch.cat((rows / scale[:, None], last), dim=1), scale

    def _conv(self, module: torch.nn.Conv2d, name: str) -> AnalogConv2d:
        if module.groups != 1 or module.padding_mode != "zeros" or isinstance(module.padding, str):
            raise InputError(
                f"{name}: a crossbar convolves one group with zeros around the image; use groups=1 and a number as padding."
            )
        weight, scale = self._scaled(module.weight, module.bias)
        return AnalogConv2d(
            module.in_channels,
            module.out_channels,
            module.kernel_size,
            stride=module.stride,
            padding=module.padding,
            dilation=module.dilation,
            weight=weight,
            output_scale=scale,
            **self._common(module),
        )

    def _lstm(self, module: torch.nn.LSTM, name: str) -> AnalogLSTM:
        if module.bidirectional or module.proj_size:
            raise InputError(
                f"{name}: bidirectional and projected LSTMs have no analog layer; use a plain one."
            )
        pairs = []
        for layer in range(module.num_layers):
            part = {key: getattr(module, f"{key}_l{layer}", None) for key in ("weight_ih", "weight_hh")}
            bias = None
            if module.bias:
                bias = getattr(module, f"bias_ih_l{layer}") + getattr(module, f"bias_hh_l{layer}")
            pairs.append(self._scaled(torch.cat((part["weight_ih"], part["weight_hh"]), dim=1), bias))
        first, self.number = self.number, self.number + module.num_layers
        return AnalogLSTM(
            module.input_size,
            module.hidden_size,
            module.num_layers,
            device=self.device,
            batch_first=module.batch_first,
            dropout=module.dropout,
            bias=self.bias if module.bias else None,
            number=Offered(first),
            weights=[weight for weight, _ in pairs],
            output_scales=[scale for _, scale in pairs],
            **self.options,
        )


def _digital(module: torch.nn.Module, name: str) -> torch.nn.Module | None:
    if isinstance(module, (AnalogLinear, PairedLinear, TiledLinear)):
        made = torch.nn.Linear(module.in_features, module.out_features, bias=module.has_bias)
        _fill(made, module)
        return made
    if isinstance(module, AnalogConv2d):
        sizes = (module.in_channels, module.out_channels, module.kernel_size)
        places = {"stride": module.stride, "padding": module.padding, "dilation": module.dilation}
        made = torch.nn.Conv2d(*sizes, bias=module.tile.has_bias, **places)
        _fill(made, module.tile)
        return made
    if isinstance(module, AnalogLSTM):
        bias = module.tiles[0].has_bias
        made = torch.nn.LSTM(
            module.input_size,
            module.hidden_size,
            module.num_layers,
            bias=bias,
            batch_first=module.batch_first,
            dropout=module.dropout,
        )
        with torch.no_grad():
            for layer, tile in enumerate(module.tiles):
                weight = tile.effective_weight()
                inputs = tile.in_features - module.hidden_size
                getattr(made, f"weight_ih_l{layer}").copy_(weight[:, :inputs])
                getattr(made, f"weight_hh_l{layer}").copy_(weight[:, inputs : tile.in_features])
                if bias:
                    getattr(made, f"bias_ih_l{layer}").copy_(weight[:, -1])
                    getattr(made, f"bias_hh_l{layer}").zero_()
        return made
    return None


@torch.no_grad()
def _fill(made: torch.nn.Module, tile: Crossbar | TiledLinear) -> None:
    weight = tile.effective_weight()
    made.weight.copy_(weight[:, : tile.in_features].reshape(made.weight.shape))
    if tile.has_bias:
        made.bias.copy_(weight[:, -1])
