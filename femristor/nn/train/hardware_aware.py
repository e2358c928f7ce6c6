"""Hardware-aware training: a plain torch model learns under the errors that its crossbars will make.

Within `hardware_aware(model, optimiser, settings)`, each training step runs with

    w + s (sigma xi + shift u),   xi ~ N(0, 1) each weight, u ~ U(0, 1) each layer

s is max|w| of the output (or of the layer), sigma the deviation of programmed and aged cells and shift their common
relaxation, in units of s. The gradient belongs to the noisy weights, the step is taken from the clean ones. After each
step the weights of a layer are clipped to `clip` of their standard deviations about 0, which keeps s small. Inputs and
outputs of layers are rounded as by DAC and ADC; the gradient passes straight through. Biases are digital: no noise.
Source: Rasch et al., Nat. Commun. 14, 5282 (2023) (noise and clipping); Joshi et al., Nat. Commun. 11, 2473 (2020).
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch

from femristor.core.errors import InputError
from femristor.core.rng import generator
from femristor.nn.arguments import require_cell_maker, require_kind, require_model, require_whole
from femristor.nn.inference.layers import KINDS
from femristor.nn.inference.settings import SCALINGS, InferenceSettings
from femristor.nn.mvm.product import CellMaker
from femristor.nn.periphery.converters import Quantiser

PROBE = 64
STREAM = 32


@dataclass(frozen=True)
class HardwareAwareSettings:
    """What the network is trained under.

    Attributes:
        noise: standard deviation of the weights in units of s.
        shift: largest common shift of the weights of a layer in units of s (with its sign).
        clip: bound of the weights in standard deviations of the layer; None for no clipping.
        input_bits: of the DAC, over the largest |x| of each vector; None for no rounding.
        output_bits: of the ADC, over the largest |y| of the batch; None for no rounding.
        scaling: what s belongs to, "column" (an output) or "tile" (a layer).
    """

    noise: float
    shift: float = 0.0
    clip: float | None = 2.5
    input_bits: int | None = 6
    output_bits: int | None = 8
    scaling: str = "column"

    def __post_init__(self) -> None:
        """Check ranges and bits."""
        if not (0 <= self.noise < math.inf and math.isfinite(self.shift)):
            raise InputError(f"A weight noise of {self.noise} and a shift of {self.shift} are not possible.")
        if self.clip is not None and not self.clip > 0:
            raise InputError(
                f"Weights cannot be clipped to {self.clip} deviations; give a number above 0, or none."
            )
        if self.scaling not in SCALINGS:
            raise InputError(
                f"The weight scaling '{self.scaling}' is unknown; use one of {', '.join(SCALINGS)}."
            )
        for bits in (self.input_bits, self.output_bits):
            Quantiser(bits, 1.0)


def derived_settings(
    make_cells: CellMaker, settings: InferenceSettings, *, time_s: float, clip: float | None = 2.5
) -> HardwareAwareSettings:
    """Noise of a card's laws at a chosen time: programming, relaxation and read noise of weights spread over [-1, 1].

    Args:
        make_cells: puts weights on cells; only its laws are used.
        settings: mapping, acceptance, effects, bits and scaling of the inference that is trained for.
        time_s: since programming.
        clip: see `HardwareAwareSettings`.

    Returns:
        Settings with the root mean square deviation; the common shift only where nothing compensates it.

    Raises:
        InputError: no cell maker or settings, or a time that is not possible.
    """
    require_cell_maker(make_cells)
    require_kind(settings, InferenceSettings, name="settings")
    probe = torch.linspace(-1.0, 1.0, PROBE * PROBE, dtype=torch.float64).reshape(PROBE, PROBE)
    cells = make_cells(
        probe.numpy(),
        mapping=settings.mapping,
        acceptance=settings.acceptance,
        effects=settings.effects,
        stream=(0, STREAM),
    )
    shift, variance = cells.moments(time_s)
    return HardwareAwareSettings(
        noise=math.sqrt(float(variance.mean())),
        shift=float(shift) if settings.compensation == "none" else 0.0,
        clip=clip,
        input_bits=settings.input_bits,
        output_bits=settings.output_bits,
        scaling=settings.scaling,
    )


class _Noisy:
    """The hooks of one model and optimiser."""

    def __init__(self, model: torch.nn.Module, settings: HardwareAwareSettings, seed: int) -> None:
        self.settings = settings
        self._random = torch.Generator().manual_seed(int(generator(seed, STREAM).integers(2**62)))
        self.layers = [module for module in model.modules() if type(module) in KINDS]
        if not self.layers:
            raise InputError("The model has no Linear, Conv2d or LSTM layer to train for crossbars.")
        for weight in (weight for group in self.weights() for weight in group):
            if not bool(torch.isfinite(weight).all()):
                raise InputError(
                    "A weight of the model is NaN or infinite; repair the model before training it."
                )
        self._clean: list[tuple[torch.nn.Parameter, torch.Tensor]] = []

    def weights(self) -> list[list[torch.nn.Parameter]]:
        """Weight matrices of each layer, biases left out."""
        return [
            [value for name, value in layer.named_parameters(recurse=False) if "weight" in name]
            for layer in self.layers
        ]

    def perturb(self, module: torch.nn.Module, _arguments) -> None:
        """Before a forward pass: fresh noise, once until the next step; none in evaluation."""
        if not module.training:
            self.restore()
            return
        if self._clean:
            return
        for group in self.weights():
            common = float(torch.rand((), generator=self._random)) * self.settings.shift
            for weight in group:
                clean = weight.detach().clone()
                self._clean.append((weight, clean))
                noise = (
                    torch.randn(clean.shape, generator=self._random).to(clean) * self.settings.noise + common
                )
                weight.data.add_(noise * self._size(clean))

    def _size(self, weight: torch.Tensor) -> torch.Tensor:
        if self.settings.scaling == "tile":
            return weight.abs().max()
        rows = weight.flatten(1).abs().amax(dim=1)
        return rows.reshape(-1, *[1] * (weight.ndim - 1))

    def restore(self, *_) -> None:
        """Put the clean weights back, before a step or an evaluation."""
        for weight, clean in self._clean:
            weight.data.copy_(clean)
        self._clean.clear()

    def clip(self, *_) -> None:
        """Clip the weights, after a step."""
        if self.settings.clip is None:
            return
        with torch.no_grad():
            for group in self.weights():
                values = torch.cat([weight.reshape(-1) for weight in group])
                limit = self.settings.clip * float(values.square().mean().sqrt())
                for weight in group:
                    weight.clamp_(-limit, limit)

    def round_inputs(self, module: torch.nn.Module, arguments: tuple) -> tuple | None:
        """DAC before a layer, over the largest magnitude of each vector (of each image before a convolution)."""
        if not module.training or self.settings.input_bits is None:
            return None
        x = arguments[0]
        axes = (-3, -2, -1) if isinstance(module, torch.nn.Conv2d) else (-1,)
        return (
            _straight(x, x.detach().abs().amax(dim=axes, keepdim=True), self.settings.input_bits),
            *arguments[1:],
        )

    def round_outputs(self, module: torch.nn.Module, _arguments, result):
        """ADC behind a layer, over the largest magnitude of the batch; states of an LSTM pass."""
        if not module.training or self.settings.output_bits is None or isinstance(module, torch.nn.LSTM):
            return None
        return _straight(result, result.detach().abs().max(), self.settings.output_bits)


def _straight(x: torch.Tensor, bound: torch.Tensor, bits: int) -> torch.Tensor:
    """Round to 2^bits - 1 levels over +-bound; the gradient is that of x."""
    step = bound * Quantiser(bits, 1.0).step
    step = torch.where(step > 0, step, torch.ones_like(step))
    return x + (torch.round(x.detach() / step) * step - x.detach())


@contextmanager
def hardware_aware(
    model: torch.nn.Module,
    optimiser: torch.optim.Optimizer,
    settings: HardwareAwareSettings,
    *,
    seed: int = 0,
) -> Iterator[torch.nn.Module]:
    """Train any model under weight noise, clipping and rounding; afterwards it is the plain model it was.

    Noise is fresh at the first forward pass after each step; `model.eval()` switches all of it off::

        with hardware_aware(model, optimiser, derived_settings(make_cells, settings, time_s=3600)):
            for x, target in batches:
                optimiser.zero_grad()
                loss(model(x), target).backward()
                optimiser.step()

    Args:
        model: with Linear, Conv2d or LSTM layers.
        optimiser: of its weights; any torch optimiser.
        settings: noise, clipping, bits.
        seed: of the noise.

    Yields:
        The model.

    Raises:
        InputError: no model, optimiser or settings, no layer to train for crossbars, or an optimiser that steps none of the
            layers' weights (which would step noisy ones, as only its steps take the noise off).
    """
    require_model(model)
    require_kind(settings, HardwareAwareSettings, name="settings")
    require_whole(seed, name="seed")
    require_kind(optimiser, torch.optim.Optimizer, name="optimiser")
    noisy = _Noisy(model, settings, seed)
    stepped = {id(value) for group in optimiser.param_groups for value in group["params"]}
    if not any(id(weight) in stepped for group in noisy.weights() for weight in group):
        raise InputError(
            "optimiser= holds no weight of the model's Linear, Conv2d and LSTM layers: give the one that trains this model."
        )
    hooks = [
        model.register_forward_pre_hook(noisy.perturb),
        optimiser.register_step_pre_hook(noisy.restore),
        optimiser.register_step_post_hook(noisy.clip),
    ]
    for layer in noisy.layers:
        hooks.append(layer.register_forward_pre_hook(noisy.round_inputs))
        hooks.append(layer.register_forward_hook(noisy.round_outputs))
    try:
        yield model
    finally:
        noisy.restore()
        for hook in hooks:
            hook.remove()
