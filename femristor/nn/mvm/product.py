"""Analog matrix-vector product: digital-analog conversion, column currents of a CellArray, conversion back.

    alpha = max|x| of each vector, or fixed       (input scale)
    z = clip(Q(x/alpha; s_in), +-1)               (DAC: row voltages)
    y = W' z, W' the weights of the cells now     (column currents, in units of the weights / out_scale)
    result = alpha out_scale clip(Q(y; s_out), +-bound)

`out_scale = max|W|` brings the programmed weights to [-1, 1]. With one device a weight, the term that the
smallest conductance adds to every column is taken off exactly, as by an ideal reference column. Source:
aihwkit's forward pass, and Falcone et al., arXiv 2502.04524, Fig. 4f. Wires are the cells' matter: linear ones are
in W', others come as the cells' own `product`.
"""

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch

from femristor.core.errors import InputError
from femristor.nn.periphery.converters import Quantiser

INPUT_SCALES = ("fixed", "absmax")
MAPPINGS = ("single", "pair")
EFFECTS = ("programming", "relaxation", "read_noise")


class WeightCells(Protocol):
    """Programmed cells that hold a weight matrix, (inputs, outputs); `femristor.array.weights` has them.

    Cells whose currents are not linear in the inputs also have `product(inputs)`: (vectors, inputs) float64 in
    [-1, 1] to (vectors, outputs).
    """

    device: torch.device
    revision: int

    def advance(self, to_time_s: float) -> None:
        """Let time pass; only forward."""

    def weights(self) -> torch.Tensor:
        """Weights that the cells have now, (inputs, outputs) float64."""

    def moments(self, time_s: float) -> tuple[float, torch.Tensor]:
        """Mean change common to all weights, and variance of each, from the laws."""


class CellMaker(Protocol):
    """Puts weights on cells; `femristor.array.weights.weight_arrays(card)` is one."""

    def __call__(
        self, weights, *, mapping: str, acceptance: float, effects: tuple[str, ...], stream: tuple[int, ...]
    ) -> WeightCells:
        """Program (inputs, outputs) weights; `stream` is the seed and the integers that name the use."""


@dataclass(frozen=True)
class MvmSettings:
    """Periphery and mapping; the defaults are those of the paper's 64 x 64 experiment.

    Attributes:
        input_bits: of the DAC over +-1; None for no rounding.
        output_bits: of the ADC over +-output_bound; None for no rounding.
        output_bound: largest output in units of the scaled weights; 15 for 64 x 64.
        input_scale: "fixed" (alpha = input_range) or "absmax" (alpha = max|x| of each vector).
        input_range: alpha where it is fixed; larger inputs are clipped.
        mapping: "single" (one device a weight) or "pair" (differential).
        acceptance: of program-verify, a fraction of the target.
        effects: non-idealities of the cells that act, some of EFFECTS.
    """

    input_bits: int | None = 6
    output_bits: int | None = 8
    output_bound: float = 15.0
    input_scale: str = "fixed"
    input_range: float = 1.0
    mapping: str = "single"
    acceptance: float = 0.002
    effects: tuple[str, ...] = EFFECTS

    def __post_init__(self) -> None:
        """Check words and ranges; the converters check bits and bounds."""
        for name, value, known in (
            ("input scale", self.input_scale, INPUT_SCALES),
            ("mapping", self.mapping, MAPPINGS),
            *(("effect", effect, EFFECTS) for effect in self.effects),
        ):
            if value not in known:
                raise InputError(f"The {name} '{value}' is unknown; use one of {', '.join(known)}.")
        if not 0 < self.input_range < math.inf:
            raise InputError(
                f"An input range of {self.input_range} is not possible; give a finite one above 0."
            )
        _ = self.dac, self.adc

    @property
    def dac(self) -> Quantiser:
        """Converter of the inputs, over +-1."""
        return Quantiser(self.input_bits, 1.0)

    @property
    def adc(self) -> Quantiser:
        """Converter of the outputs."""
        return Quantiser(self.output_bits, self.output_bound)

    @classmethod
    def ideal(cls) -> "MvmSettings":
        """No rounding, no bound, cells that keep their targets: the plain matrix product."""
        return cls(input_bits=None, output_bits=None, output_bound=math.inf, input_scale="absmax", effects=())


class AnalogMatrix:
    """A weight matrix on cells, between converters.

    Attributes:
        cells: the programmed cells, rows = inputs and cols = outputs.
        out_scale: max|W|, digital factor behind the ADC.
        settings: periphery and mapping.
        outputs: rows of W.
        inputs: columns of W.
    """

    def __init__(
        self,
        weights,
        make_cells: CellMaker,
        settings: MvmSettings = MvmSettings(),
        *,
        stream: tuple[int, ...] = (0,),
        dtype: torch.dtype = torch.float64,
    ) -> None:
        """Map the weights and program them; the clock starts at 0.

        Args:
            weights: (outputs, inputs).
            make_cells: puts weights on cells, e.g. `femristor.array.weights.weight_arrays(card)`.
            settings: periphery and mapping.
            stream: seed of the cells, and integers that name this use of it.
            dtype: in which products are computed; the cells stay float64.

        Raises:
            InputError: weights that are not a finite matrix, or an acceptance the card does not know.
        """
        matrix = _matrix(weights)
        self.settings = settings
        self.outputs, self.inputs = matrix.shape
        self.out_scale = float(np.abs(matrix).max()) or 1.0
        self.cells = make_cells(
            matrix.T / self.out_scale,
            mapping=settings.mapping,
            acceptance=settings.acceptance,
            effects=settings.effects,
            stream=stream,
        )
        self._dtype = dtype
        self._dac, self._adc = settings.dac, settings.adc
        self._cached: tuple[int, torch.Tensor] | None = None
        self._whole: tuple[int, object] | None = None
        self._integers = self._can_use_integers()

    def advance(self, to_time_s: float) -> None:
        """Let time pass after programming; only forward."""
        self.cells.advance(to_time_s)

    def effective_weights(self) -> torch.Tensor:
        """Weights that the cells have now, read noise included, (outputs, inputs) float64."""
        return self.cells.weights().T * self.out_scale

    def _folded(self) -> torch.Tensor:
        """(inputs, outputs) factors from DAC codes to ADC codes, kept until the cells change."""
        if self._cached is None or self._cached[0] != self.cells.revision:
            unit_in, unit_out = self._dac.step or 1.0, self._adc.step or 1.0
            weights = self.cells.weights() * (unit_in / unit_out)
            self._cached = (self.cells.revision, weights.to(self._dtype).contiguous())
        return self._cached[1]

    def __call__(self, inputs) -> torch.Tensor:
        """Analog products, computed in converter codes so that each step is one pass over the data.

        Args:
            inputs: (inputs,) or (..., inputs).

        Returns:
            (outputs,) or (..., outputs) in the matrix's dtype.

        Raises:
            InputError: wrong shape, complex numbers, NaN or infinity.
        """
        values = self._shaped(inputs)
        if self._integers and (found := self._by_integers(values)) is not None:
            return found
        self._require_finite(values)
        alpha = self._alpha(values)
        unit_in, unit_out = self._dac.step or 1.0, self._adc.step or 1.0
        codes = values * (1.0 / unit_in / alpha)
        if self._dac.bits is not None:
            codes.round_()
        codes.clamp_(-1.0 / unit_in, 1.0 / unit_in)
        product = getattr(self.cells, "product", None)
        if product is None:
            sums = codes @ self._folded()
        else:
            flat = (codes * unit_in).reshape(-1, self.inputs).double()
            sums = (product(flat) / unit_out).to(self._dtype).reshape(*codes.shape[:-1], self.outputs)
        if self._adc.bits is not None:
            sums.round_()
        if math.isfinite(self._adc.bound):
            sums.clamp_(-self._adc.bound / unit_out, self._adc.bound / unit_out)
        return sums.mul_(unit_out * self.out_scale * alpha)

    def _can_use_integers(self) -> bool:
        """Single precision on a CPU that has the instructions, DAC codes of a byte, an ADC with levels."""
        dac, adc = self.settings.input_bits, self.settings.output_bits
        if self._dtype != torch.float32 or self.cells.device.type != "cpu" or adc is None:
            return False
        if dac is None or dac > 8 or hasattr(self.cells, "product"):
            return False
        from femristor.nn.mvm.codes import available

        return available()

    def _by_integers(self, values: torch.Tensor) -> torch.Tensor | None:
        """The product with `mvm.codes`; None where that is not exact enough or an input is not finite."""
        from femristor.nn.mvm.codes import IntegerProduct

        if self._whole is None or self._whole[0] != self.cells.revision:
            folded = self.cells.weights() * (self._dac.step / self._adc.step)
            tops = ((2**bits - 2) // 2 for bits in (self._dac.bits, self._adc.bits))
            top_in, top_out = tops
            self._whole = (
                self.cells.revision,
                IntegerProduct(folded, top_in=top_in, top_out=top_out),
            )
        integer = self._whole[1]
        if not integer.exact:
            return None
        flat = values.reshape(-1, self.inputs).contiguous()
        if self.settings.input_scale == "fixed":
            alpha = np.array([self.settings.input_range])
        else:
            alpha = self._alpha(flat).double().numpy().reshape(-1)
        to_code = (1.0 / self._dac.step / alpha).astype(np.float32)
        from_code = (self._adc.step * self.out_scale * alpha).astype(np.float32)
        found = integer(flat, to_code, from_code)
        return None if found is None else found.reshape(*values.shape[:-1], self.outputs)

    def _shaped(self, inputs) -> torch.Tensor:
        try:
            given = torch.as_tensor(inputs).detach()
            values = given.real.to(device=self.cells.device, dtype=self._dtype)
        except (TypeError, ValueError, RuntimeError):
            raise InputError("The inputs are no rectangular array of numbers; give (..., inputs).") from None
        if given.is_complex():
            raise InputError("The inputs are complex, but voltages are real; give the real part, or both side by side.")
        if values.ndim == 0 or values.shape[-1] != self.inputs:
            raise InputError(
                f"Inputs of shape {tuple(values.shape)} do not fit a matrix with {self.inputs} inputs; give (..., {self.inputs})."
            )
        return values

    def _require_finite(self, values: torch.Tensor) -> None:
        # One sum sees every NaN and infinity and costs a fraction of isfinite over all entries.
        if (
            values.numel()
            and not math.isfinite(float(values.sum()))
            and not bool(torch.isfinite(values).all())
        ):
            raise InputError("The inputs have NaN or infinite entries; replace them.")

    def _alpha(self, values: torch.Tensor) -> torch.Tensor | float:
        if self.settings.input_scale == "fixed":
            return self.settings.input_range
        largest = values.abs().amax(dim=-1, keepdim=True)
        return torch.where(largest > 0, largest, torch.ones_like(largest))


def _matrix(weights) -> np.ndarray:
    try:
        plain = weights.detach().double().cpu().numpy() if isinstance(weights, torch.Tensor) else weights
        matrix = np.array(plain)
        if np.iscomplexobj(matrix):
            raise InputError("The weight matrix is complex, but conductances are real; give the real part, or both.")
        matrix = matrix.astype(float)
    except (TypeError, ValueError):
        raise InputError(
            "The weight matrix is not a rectangular array of numbers; give (outputs, inputs)."
        ) from None
    if matrix.ndim != 2 or matrix.size == 0:
        raise InputError(
            f"Weights of shape {matrix.shape} are no matrix; give (outputs, inputs), 1 or more of each."
        )
    if not np.isfinite(matrix).all():
        raise InputError(
            f"The weight matrix has {int((~np.isfinite(matrix)).sum())} NaN or infinite entries; replace them."
        )
    return matrix


def plain_product(matrix: AnalogMatrix, inputs: torch.Tensor) -> torch.Tensor:
    """The same product written as its equations, the twin of `AnalogMatrix.__call__` for tests.

    Args:
        matrix: programmed weights.
        inputs: (..., inputs) float64.

    Returns:
        (..., outputs) float64.
    """
    settings = matrix.settings
    if settings.input_scale == "fixed":
        alpha = torch.full((*inputs.shape[:-1], 1), settings.input_range, dtype=torch.float64)
    else:
        alpha = inputs.abs().amax(dim=-1, keepdim=True)
        alpha[alpha == 0] = 1.0
    z = settings.dac(inputs / alpha)
    product = getattr(matrix.cells, "product", None)
    if product is None:
        y = z @ (matrix.effective_weights() / matrix.out_scale).T
    else:
        y = product(z.reshape(-1, matrix.inputs)).reshape(*z.shape[:-1], matrix.outputs)
    return alpha * matrix.out_scale * settings.adc(y)
