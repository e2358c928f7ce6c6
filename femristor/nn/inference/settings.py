"""How a trained network is put on crossbars: mapping, converters, bias, scales, compensation."""

import math
from dataclasses import dataclass, replace

from femristor.core.errors import InputError
from femristor.nn.mvm.product import EFFECTS, MvmSettings

BIASES = ("digital", "analog")
SCALINGS = ("column", "tile")
COMPENSATIONS = ("none", "shift", "column")
INPUT_RANGES = ("absmax", "calibrated")


@dataclass(frozen=True)
class InferenceSettings:
    """Periphery and mapping of all tiles of a network.

    Attributes:
        mapping: "single" (one device a weight) or "pair" (differential).
        acceptance: of program-verify, a fraction of the target.
        effects: non-idealities of the cells that act, some of `mvm.EFFECTS`.
        input_bits: of the DAC; None for no rounding.
        output_bits: of the ADC; None for no rounding.
        input_range: "absmax" (of each vector and tile), "calibrated" (the quantile of |x| in the calibration
            batch, per row of tiles) or a number; larger inputs are clipped.
        output_bound: bound of the ADC in units of the scaled weights and inputs: "calibrated" (the quantile of |y| of
            each tile) or a number for all tiles.
        quantile: of calibration, above 0 up to 1 (the maximum).
        bias: "digital" (added behind the ADC) or "analog" (one more row, driven at full scale).
        scaling: digital factors behind the ADC, one an output ("column": each output uses the whole window) or one a tile.
        compensation: of the mean relaxation, see `inference.tiles`: "none", "shift" (one number a tile) or "column"
            (one an output and tile).
    """

    mapping: str = "single"
    acceptance: float = 0.002
    effects: tuple[str, ...] = EFFECTS
    input_bits: int | None = 6
    output_bits: int | None = 8
    input_range: str | float = "absmax"
    output_bound: str | float = "calibrated"
    quantile: float = 0.9999
    bias: str = "digital"
    scaling: str = "column"
    compensation: str = "none"

    def __post_init__(self) -> None:
        """Check words and ranges; `MvmSettings` checks mapping, effects, bits and bounds."""
        for name, value, known in (
            ("bias", self.bias, BIASES),
            ("weight scaling", self.scaling, SCALINGS),
            ("compensation", self.compensation, COMPENSATIONS),
        ):
            if value not in known:
                raise InputError(f"The {name} '{value}' is unknown; use one of {', '.join(known)}.")
        if isinstance(self.input_range, str) and self.input_range not in INPUT_RANGES:
            raise InputError(
                f"The input range '{self.input_range}' is unknown; use {', '.join(INPUT_RANGES)} or a number."
            )
        if isinstance(self.output_bound, str) and self.output_bound != "calibrated":
            raise InputError(
                f"The output bound '{self.output_bound}' is unknown; use calibrated or a number."
            )
        if not 0 < self.quantile <= 1:
            raise InputError(f"A quantile of {self.quantile} is not possible; give one above 0, at most 1.")
        self.tile(1.0, 1.0)

    @property
    def needs_calibration(self) -> bool:
        """Whether ranges come from a calibration batch."""
        return self.input_range == "calibrated" or self.output_bound == "calibrated"

    def tile(self, input_range: float, output_bound: float) -> MvmSettings:
        """Settings of one tile, whose calibrated ranges are given.

        Args:
            input_range: quantile of |x|; not used with "absmax" or a fixed range.
            output_bound: quantile of |y|; not used with a fixed bound.

        Returns:
            MvmSettings.
        """
        fixed = input_range if isinstance(self.input_range, str) else float(self.input_range)
        bound = output_bound if isinstance(self.output_bound, str) else float(self.output_bound)
        return MvmSettings(
            input_bits=self.input_bits,
            output_bits=self.output_bits,
            output_bound=bound,
            input_scale="absmax" if self.input_range == "absmax" else "fixed",
            input_range=fixed,
            mapping=self.mapping,
            acceptance=self.acceptance,
            effects=self.effects,
        )

    @classmethod
    def ideal(cls, **changes) -> "InferenceSettings":
        """No rounding, no bound, cells that keep their targets: the floating-point network."""
        plain = cls(input_bits=None, output_bits=None, output_bound=math.inf, effects=())
        return replace(plain, **changes)
