"""Periphery of an array: input ranges, DAC, ADC and bound management.

    y = alpha 2^h ADC( W DAC( x/(alpha 2^h) ) )

alpha, the input range, is what the DAC's full scale stands for:

    fixed       a number
    absmax      max|x| of each vector ("noise management"; Gokmen et al., Front. Neurosci. 11, 538 (2017))
    learned     a parameter, alpha = exp(theta); rounding passes gradients straight through:
                dz/dalpha = sign x where |x| > alpha, else Q(x/alpha) - x/alpha (Esser et al., ICLR 2020)
    calibrated  mean over calibration batches of a quantile of |x|, then frozen

h is 0 without bound management; with it a vector whose output reaches the ADC's largest level is multiplied again
with its inputs halved, until it fits (same source).
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch

from femristor.core.errors import InputError
from femristor.nn.layers.state import CrossbarState
from femristor.nn.periphery.converters import Quantiser

INPUT_RANGES = ("fixed", "absmax", "learned", "calibrated")


@dataclass(frozen=True)
class PeripherySettings:
    """What stands around an array.

    Attributes:
        input_range: fixed, absmax, learned or calibrated.
        range: the fixed range, or where a learned one starts, above 0.
        dac: of the inputs in units of the range, e.g. `Quantiser(6, 1.0)`; None passes them, unclipped.
        adc: of the outputs, e.g. `Quantiser(8, 15.0)`; None passes them.
        bound_management: halve inputs whose outputs reach the ADC's bound.
        most_halvings: of one vector (aihwkit: a factor of at most 1000).
        quantile: of |x| that calibration takes, above 0, at most 1.
    """

    input_range: str = "fixed"
    range: float = 1.0
    dac: Quantiser | None = None
    adc: Quantiser | None = None
    bound_management: bool = False
    most_halvings: int = 10
    quantile: float = 0.999

    def __post_init__(self) -> None:
        if self.input_range not in INPUT_RANGES:
            raise InputError(
                f"An input range '{self.input_range}' is unknown; choose one of {', '.join(INPUT_RANGES)}."
            )
        if self.input_range == "learned" and self.dac is None:
            raise InputError("A learned input range is that of a DAC; give a dac.")
        if not 0 < self.range < math.inf:
            raise InputError(f"An input range of {self.range} is not possible; give a finite one above 0.")
        if not 0 < self.quantile <= 1:
            raise InputError(f"A quantile of {self.quantile} is not possible; give one above 0, at most 1.")
        if self.bound_management and (self.adc is None or not math.isfinite(self.adc.bound)):
            raise InputError("Bound management watches the ADC's bound; give an adc with a finite one.")
        if self.most_halvings < 1:
            raise InputError(f"{self.most_halvings} halvings are too few; give 1 or more.")


class Periphery(CrossbarState):
    """Settings of one array with the range that it has learned or measured.

    Args:
        settings: what stands around the array.
        lowest: smallest range that is calibrated or learned (1 where a bias line of 1 must fit).

    Raises:
        InputError: a given range below `lowest` whose DAC would clip the bias line.

    Attributes:
        log_range: the learned range's logarithm, a parameter (learned only).
        measured: the calibrated range, 0 before (calibrated only).
        batches: calibration batches seen (calibrated only).
        calibrating: whether forward passes measure.
    """

    def __init__(self, settings: PeripherySettings, *, lowest: float = 0.0) -> None:
        super().__init__()
        self.settings, self.lowest, self.calibrating = settings, lowest, False
        if settings.input_range in ("fixed", "learned") and settings.dac and settings.range < lowest:
            raise InputError(
                f"An input range of {settings.range:g} clips the line of an analog bias, which carries 1; "
                "give 1 or more, or bias='digital'."
            )
        self.log_range = None
        if settings.input_range == "learned":
            self.log_range = torch.nn.Parameter(torch.tensor(math.log(settings.range)))
        if settings.input_range == "calibrated":
            self.register_buffer("measured", torch.zeros(()))
            self.register_buffer("batches", torch.zeros((), dtype=torch.int64))

    def extra_repr(self) -> str:
        """Text inside the module's repr."""
        return f"{self.settings.input_range}, dac={self.settings.dac}, adc={self.settings.adc}"

    @torch.no_grad()
    def alpha(self, x: torch.Tensor) -> torch.Tensor:
        """Input range.

        Args:
            x: (..., inputs).

        Returns:
            Scalar, or (..., 1) for absmax (1 for a vector of zeros), in the type of x.

        Raises:
            InputError: nothing is calibrated yet.
        """
        kind = self.settings.input_range
        if kind == "absmax":
            largest = x.abs().amax(dim=-1, keepdim=True)
            return torch.where(largest > 0, largest, torch.ones_like(largest))
        if kind == "learned":
            return self.log_range.detach().exp().clamp(min=self.lowest).to(x.dtype)
        if kind == "fixed":
            return x.new_tensor(self.settings.range)
        if self.calibrating:
            self._measure(x)
        if int(self.batches) == 0:
            raise InputError(
                "A calibrated input range has seen no data; run batches inside `with calibration(model):` first."
            )
        return self.measured.to(x.dtype)

    def _measure(self, x: torch.Tensor) -> None:
        size = x.abs().reshape(-1).float()
        at = max(1, math.ceil(self.settings.quantile * size.numel()))
        found = torch.clamp(torch.kthvalue(size, at).values, min=self.lowest)
        if not bool(found > 0):
            return
        self.batches += 1
        self.measured += (found - self.measured) / self.batches

    def product(self, x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        """The array's product with all that stands around it.

        Args:
            x: (..., inputs).
            weight: (outputs, inputs) in the type of x.

        Returns:
            (..., outputs).
        """
        settings = self.settings
        if settings.input_range == "fixed" and settings.range == 1.0:
            alpha, z = 1.0, x
        else:
            alpha = self.alpha(x)
            z = x / alpha
        y = self._read(z, weight)
        if not settings.bound_management or self._all_fit(y):
            return y * alpha if isinstance(alpha, torch.Tensor) else y
        vectors, outputs = z.reshape(-1, x.shape[-1]), y.reshape(-1, y.shape[-1])
        left = torch.nonzero(self._over(outputs)).flatten()
        if left.numel() == 0:
            return y * alpha
        factor = vectors.new_ones((vectors.shape[0], 1))
        for _ in range(self.settings.most_halvings):
            if left.numel() == 0:
                break
            factor[left] *= 2.0
            outputs[left] = self._read(vectors[left] / factor[left], weight)
            left = left[self._over(outputs[left])]
        return (outputs * factor).reshape(y.shape) * alpha

    def product_plain(self, x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        """The same as `product`, vector by vector."""
        alpha = self.alpha(x).expand(*x.shape[:-1], 1).reshape(-1)
        rows = []
        for vector, scale in zip(x.reshape(-1, x.shape[-1]), alpha, strict=True):
            factor, halvings = 1.0, 0
            y = self._read(vector / scale, weight)
            while self.settings.bound_management and halvings < self.settings.most_halvings:
                if not bool(self._over(y)):
                    break
                factor, halvings = 2.0 * factor, halvings + 1
                y = self._read(vector / scale / factor, weight)
            rows.append(y * factor * scale)
        return torch.stack(rows).reshape(*x.shape[:-1], weight.shape[0])

    def _read(self, z: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        y = (z if self.settings.dac is None else self.settings.dac(z)) @ weight.T
        return y if self.settings.adc is None else self.settings.adc(y)

    def _limit(self) -> float:
        adc = self.settings.adc
        return adc.bound - max(0.5 * adc.step, 1e-6 * adc.bound)

    def _over(self, y: torch.Tensor) -> torch.Tensor:
        """Whether an output of a vector shows the ADC's largest level."""
        return (y.abs() > self._limit()).any(dim=-1)

    def _all_fit(self, y: torch.Tensor) -> bool:
        """Whether no output shows it, in one pass without a copy."""
        if y.numel() == 0:
            return True
        low, high = torch.aminmax(y)
        return max(-float(low), float(high)) <= self._limit()

    def range_gradient(self, x: torch.Tensor, gradient: torch.Tensor) -> torch.Tensor:
        """Gradient of theta = log alpha, the ADC taken as straight through.

        Args:
            x: (..., inputs).
            gradient: (..., inputs) of alpha DAC(x/alpha).

        Returns:
            Scalar.
        """
        alpha = self.alpha(x)
        z = x / alpha
        dac = self.settings.dac
        slope = torch.zeros_like(z) if dac is None else dac(z) - z.clamp(-dac.bound, dac.bound)
        if dac is not None:
            slope = torch.where(z.abs() > dac.bound, dac.bound * torch.sign(z), slope)
        found = (gradient * slope * alpha).sum().to(self.log_range.dtype)
        # At its least a range is not pushed further down, so that it can come back at once.
        held = self.lowest > 0 and float(self.log_range.detach()) <= math.log(self.lowest)
        return found.clamp(max=0.0) if held else found


@contextmanager
def calibration(model: torch.nn.Module) -> Iterator[torch.nn.Module]:
    """Measure calibrated input ranges: forward passes inside count, afterwards the ranges are frozen.

    Args:
        model: with layers whose periphery has a calibrated range; what they knew before is forgotten.

    Yields:
        The model.

    Raises:
        InputError: it has no such layer.
    """
    found = [
        m for m in model.modules() if isinstance(m, Periphery) and m.settings.input_range == "calibrated"
    ]
    if not found:
        raise InputError(
            'The model has no calibrated input range; build its layers with PeripherySettings(input_range="calibrated").'
        )
    for part in found:
        part.measured.zero_()
        part.batches.zero_()
        part.calibrating = True
    try:
        yield model
    finally:
        for part in found:
            part.calibrating = False
