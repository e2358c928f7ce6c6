"""Converters at the edge of an array: Q(v; s) = s round(v/s), clipped to a bound.

"N bit" means 2^N - 1 levels including zero, symmetric about it, so the step is 2 bound/(2^N - 2): 2/62 of
+-1 for a 6-bit input, 2 bound/254 for an 8-bit output (Falcone et al., arXiv 2502.04524, Fig. 4f; aihwkit's
`inp_res` and `out_res`).
"""

import math
from dataclasses import dataclass

import torch

from femristor.core.errors import InputError

MAX_BITS = 24


@dataclass(frozen=True)
class Quantiser:
    """A DAC or ADC.

    Attributes:
        bits: resolution from 2 on; None passes values through, only clipped.
        bound: largest magnitude, above 0; infinity without clipping (only where bits is None).
    """

    bits: int | None
    bound: float

    def __post_init__(self) -> None:
        """Check that there are levels and a bound to put them in."""
        if self.bits is not None and not (int(self.bits) == self.bits and 2 <= self.bits <= MAX_BITS):
            raise InputError(
                f"A converter of {self.bits} bits is not possible; use 2 to {MAX_BITS}, or none for no rounding."
            )
        if not self.bound > 0:
            raise InputError(f"A converter bound of {self.bound} is not possible; give one above 0.")
        if self.bits is not None and not math.isfinite(self.bound):
            raise InputError("A converter with levels needs a finite bound; give one, or no bits.")

    @property
    def step(self) -> float:
        """Distance of two levels, 0 without rounding."""
        return 0.0 if self.bits is None else 2 * self.bound / (2**self.bits - 2)

    @property
    def levels(self) -> int | None:
        """Number of levels, 2^bits - 1; None without rounding."""
        return None if self.bits is None else 2**self.bits - 1

    def __call__(self, values: torch.Tensor) -> torch.Tensor:
        """Round to the nearest level (ties to the even one) and clip.

        Args:
            values: any shape, floating point.

        Returns:
            Same shape and type.
        """
        if self.bits is None:
            return values.clamp(-self.bound, self.bound)
        return (values / self.step).round_().mul_(self.step).clamp_(-self.bound, self.bound)
