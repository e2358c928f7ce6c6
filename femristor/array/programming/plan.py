"""What a program-verify sends: amplitudes by range of conductance, identical or growing from pulse to pulse."""

import itertools
from dataclasses import dataclass

import numpy as np
import torch

from femristor.array.retention.read_noise import read_noise_sigma_S
from femristor.compact.noise.programming import RANGES_S
from femristor.core.errors import InputError
from femristor.device.card import ReadNoiseLaw
from femristor.device.pulse_scheme import PulseScheme

READ_S = 300e-6
"""Length of a verify read (Falcone et al., arXiv 2502.04524)."""
SLOWEST_S = 1.0
"""Slowest mode of flicker noise that a program-verify sees change; slower ones belong to the conductance."""
KINDS = ("off", "independent", "flicker")
INCREMENT_V = 0.02
INCREMENT_BELOW_V, INCREMENT_ABOVE_V = 0.2, 0.2
"""Usual ladder of incremental pulses: from below the least amplitude of the identical ones to above the largest."""


@dataclass(frozen=True)
class VerifyPlan:
    """Pulses of a program-verify.

    Attributes:
        schemes: first amplitudes and times, one for each range.
        ranges_S: rising bounds, one more than schemes; targets beyond them belong to the outer ranges.
        step_V: what a further pulse in the same direction grows by; 0 for identical pulses.
        set_max_V: highest amplitude of set.
        reset_max_V: highest |amplitude| of reset.
    """

    schemes: tuple[PulseScheme, ...]
    ranges_S: tuple[float, ...] = RANGES_S
    step_V: float = 0.0
    set_max_V: float = np.inf
    reset_max_V: float = np.inf

    def __post_init__(self) -> None:
        """Check lengths and signs."""
        rising = all(a < b for a, b in itertools.pairwise(self.ranges_S))
        if len(self.schemes) != len(self.ranges_S) - 1 or not rising:
            raise InputError(
                f"{len(self.schemes)} amplitude pairs for bounds {self.ranges_S} S; give one pair a range, bounds rising."
            )
        if len({(s.width_s, s.edge_s) for s in self.schemes}) != 1:
            raise InputError("The pairs of a plan need pulses of one width; give each the same.")
        set_V, reset_V = max(s.set_V for s in self.schemes), max(-s.reset_V for s in self.schemes)
        if not (0 <= self.step_V < np.inf and self.set_max_V >= set_V and self.reset_max_V >= reset_V):
            raise InputError(
                f"Pulses from {set_V:g} / -{reset_V:g} V in steps of {self.step_V:g} V up to {self.set_max_V:g} / "
                f"-{self.reset_max_V:g} V are not possible; give a step of 0 or more and a maximum above the start."
            )

    @classmethod
    def incremental(
        cls,
        schemes: list[PulseScheme] | tuple[PulseScheme, ...],
        *,
        step_V: float = INCREMENT_V,
        start_V: tuple[float, float] | None = None,
        max_V: tuple[float, float] | None = None,
    ) -> "VerifyPlan":
        """One ladder for all targets (incremental step pulse programming), beside identical pulses.

        Args:
            schemes: the identical pulses; the usual ladder runs from INCREMENT_BELOW_V below the least of them to
                INCREMENT_ABOVE_V above the largest.
            step_V: growth from pulse to pulse.
            start_V: (set, |reset|) where the ladder starts.
            max_V: (set, |reset|) where it ends.

        Returns:
            VerifyPlan.
        """
        ups, downs = [s.set_V for s in schemes], [-s.reset_V for s in schemes]
        first = start_V or (min(ups) - INCREMENT_BELOW_V, min(downs) - INCREMENT_BELOW_V)
        last = max_V or (max(ups) + INCREMENT_ABOVE_V, max(downs) + INCREMENT_ABOVE_V)
        scheme = PulseScheme(first[0], -first[1], schemes[0].width_s, schemes[0].edge_s)
        return cls((scheme,), (RANGES_S[0], RANGES_S[-1]), step_V, last[0], last[1])

    @property
    def by(self) -> str:
        """Kind of pulses: "identical" or "incremental"."""
        return "incremental" if self.step_V > 0 else "identical"

    def place(self, targets_S) -> np.ndarray:
        """(...) index of the range of each target."""
        return place_in(self.ranges_S, targets_S)

    def rows(self, targets_S: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(cells, 4) shapes and (cells, 2, 2) ladders of `programming.kernels.program`."""
        shapes = np.array([(s.set_V, s.reset_V, s.edge_s, s.width_s - 2 * s.edge_s) for s in self.schemes])
        ladder = np.array([[self.step_V, self.set_max_V], [self.step_V, self.reset_max_V]])
        return shapes[self.place(targets_S)], np.broadcast_to(ladder, (len(targets_S), 2, 2)).copy()


def place_in(ranges_S, targets_S) -> np.ndarray:
    """(...) index of the range of each target; one at a bound, to rounding, belongs to the upper range.

    Args:
        ranges_S: (ranges + 1,) rising bounds; targets beyond the outer ones belong to the outer ranges.
        targets_S: (...) conductances.
    """
    upper = np.asarray(targets_S) * (1 + 1e-9)
    return np.clip(np.searchsorted(ranges_S, upper, side="right") - 1, 0, len(ranges_S) - 2)


def read_modes(law: ReadNoiseLaw, kind: str, *, read_s: float = READ_S, pulse_s: float = 0.0) -> np.ndarray:
    """Read noise of verify reads as modes of `programming.kernels.read_noise`.

    "independent": every read has the law's sigma at the length of a read. "flicker": the Lorentzians of
    `array.read_noise` (variance 1/2 an e-fold), each averaged over the read, correlated from read to read.

    Args:
        law: the card's.
        kind: one of KINDS.
        read_s: length of a read.
        pulse_s: time between reads.

    Returns:
        (2, modes): weight [S at log10(G/uS) = 1], share kept from read to read.

    Raises:
        InputError: an unknown kind, times that are not above 0.
    """
    if kind not in KINDS or not read_s > 0 or not pulse_s >= 0:
        raise InputError(
            f"Read noise '{kind}' of {read_s:g} s reads is not possible; use {', '.join(KINDS)}."
        )
    if kind == "off":
        return np.zeros((2, 0))
    if kind == "independent":
        decade = torch.tensor(10e-6, dtype=torch.float64)
        return np.array([[float(read_noise_sigma_S(law, decade, read_s))], [0.0]])
    fastest = 2 * law.reference_time_s * np.exp(np.euler_gamma)
    tau = fastest * np.exp(np.arange(int(np.ceil(np.log(SLOWEST_S / fastest)))) + 0.5)
    x = read_s / tau
    averaged = np.sqrt(2 / x**2 * (x - 1 + np.exp(-x)))
    return np.array([law.coefficient_S * np.sqrt(0.5) * averaged, np.exp(-(read_s + pulse_s) / tau)])
