"""Random telegraph noise: traps of two levels in each cell, followed exactly in time.

A trap is empty or full; it fills at the rate p/tau and empties at (1 - p)/tau, so that it is full for a share p of the
time, forgets its state with tau, and dwells tau/p empty and tau/(1 - p) full on average. Between two times dt apart

    P(full) = p + (s - p) exp(-dt/tau),     s = 0 or 1 the earlier state,

which is exact for any dt. A full trap adds a to the conductance in units of the read noise law's K log10(G/uS).
Traps of all tau together are 1/f noise, so the traps share the variance of `read_noise.py` and add none:
with n traps an e-fold of tau, amplitudes of exponential distribution and p uniform in 0 to 1, the variance since
programming grows by 2 n <a^2> <p (1 - p)> = (2/3) n <a>^2 an e-fold, which is set to the telegraph `share`.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch

from femristor.array.checks import require_later
from femristor.array.retention.read_noise import LONGEST_TIME_S, read_noise_amplitude_S
from femristor.core.errors import InputError
from femristor.device.card import ReadNoiseLaw


@dataclass(frozen=True)
class TelegraphLaw:
    """How many traps there are, and which share of the read noise they make.

    The defaults are another technology's (A of the RRAM-Relaxation-Master-Model data, MIT licence), five records of
    250 s fitted by `fit_read_noise`: three of the five are told from Gaussian noise of the same spectrum, a Poisson
    mean of ln(5/2) traps in the 11.5 e-folds they see, and the mean share of the variance, 0 for the other two, is 0.46
    (one of the three is on the edge; without it 0.31).
    Five cells say little; see docs/theory/relaxation.md.

    Attributes:
        share: of the variance of the read noise law, 0 to 1.
        traps_per_efold: mean number of traps of a cell in an e-fold of their time constant.
    """

    share: float = 0.46
    traps_per_efold: float = 0.08

    def __post_init__(self):
        """Check ranges."""
        if not 0 <= self.share <= 1:
            raise InputError(f"A telegraph share of {self.share:g} is not possible; give 0 to 1.")
        if not 0 < self.traps_per_efold <= 10:
            raise InputError(
                f"{self.traps_per_efold:g} traps an e-fold are not possible here; give above 0, up to 10 (more are 1/f noise)."
            )

    @property
    def amplitude(self) -> float:
        """Mean step of a trap, in units of K log10(G/uS)."""
        return math.sqrt(1.5 * self.share / self.traps_per_efold)


@dataclass(frozen=True)
class Traps:
    """Traps of many cells.

    Attributes:
        tau_s: (traps, *shape) time constants.
        occupancy: (traps, *shape) share of time they are full, p.
        amplitude: (traps, *shape) step of a full trap; 0 where a cell has fewer traps.
    """

    tau_s: torch.Tensor
    occupancy: torch.Tensor
    amplitude: torch.Tensor

    @property
    def variance(self) -> torch.Tensor:
        """Stationary variance of each cell, sum of a^2 p (1 - p), (*shape)."""
        return (self.amplitude**2 * self.occupancy * (1 - self.occupancy)).sum(0)

    @property
    def dwell_empty_s(self) -> torch.Tensor:
        """Mean time a trap stays empty, tau/p, (traps, *shape)."""
        return self.tau_s / self.occupancy

    @property
    def dwell_full_s(self) -> torch.Tensor:
        """Mean time a trap stays full, tau/(1 - p), (traps, *shape)."""
        return self.tau_s / (1 - self.occupancy)

    def density_per_Hz(self, frequency_Hz: float) -> torch.Tensor:
        """One-sided power spectral density of each cell, sum of 4 a^2 p (1 - p) tau/(1 + (2 pi f tau)^2), (*shape).

        Args:
            frequency_Hz: f, 0 or more.
        """
        shape = self.tau_s / (1 + (2 * math.pi * frequency_Hz * self.tau_s) ** 2)
        return (4 * self.amplitude**2 * self.occupancy * (1 - self.occupancy) * shape).sum(0)


def draw_traps(
    law: TelegraphLaw, noise: ReadNoiseLaw, shape: tuple[int, ...], *, generator: torch.Generator
) -> Traps:
    """Traps of each cell: a Poisson number, time constants even in ln tau from 2 t_r exp(gamma) to 1e10 s.

    Args:
        law: number and share.
        noise: the card's reference time t_r; the same range as that of the 1/f noise.
        shape: of the cells.
        generator: source; its device is used.

    Returns:
        Traps.
    """

    def uniform(*size: int) -> torch.Tensor:
        return torch.rand(size, generator=generator, dtype=torch.float64, device=generator.device)

    fastest_s = 2 * noise.reference_time_s * math.exp(np.euler_gamma)
    efolds = math.ceil(math.log(LONGEST_TIME_S / fastest_s))
    mean = torch.full(shape, law.traps_per_efold * efolds, dtype=torch.float64, device=generator.device)
    count = torch.poisson(mean, generator=generator)
    most = max(1, int(count.max()))
    present = torch.arange(most, device=generator.device).reshape(-1, *[1] * len(shape)) < count
    tau = fastest_s * torch.exp(efolds * uniform(most, *shape))
    # Away from 0 and 1 by rounding only: a trap that is always full has no dwell time.
    occupancy = uniform(most, *shape).clamp(1e-12, 1 - 1e-12)
    amplitude = -law.amplitude * torch.log1p(-uniform(most, *shape))
    return Traps(tau, occupancy, torch.where(present, amplitude, 0.0))


class TelegraphProcess:
    """Traps of many cells since programming; time only moves forward.

    Attributes:
        time_s: time since programming.
        traps: the traps.
        full: (traps, *shape) present state.
    """

    def __init__(self, traps: Traps, *, generator: torch.Generator) -> None:
        """Draw the state at programming from its stationary distribution.

        Args:
            traps: of the cells.
            generator: source of the switching; on the device of the traps.
        """
        self.traps = traps
        self._generator = generator
        self.full = self._draw(traps.occupancy)
        self._start = self.full
        self.time_s = 0.0

    def _draw(self, probability: torch.Tensor) -> torch.Tensor:
        thrown = torch.rand(
            probability.shape, generator=self._generator, dtype=torch.float64, device=probability.device
        )
        return (thrown < probability).to(torch.float64)

    @property
    def change(self) -> torch.Tensor:
        """Sum over the traps of a (s - s at programming), (*shape), in units of the amplitude."""
        return (self.traps.amplitude * (self.full - self._start)).sum(0)

    def noise_S(self, law: ReadNoiseLaw, conductance_S: torch.Tensor) -> torch.Tensor:
        """Telegraph noise since programming at the present time, (*shape) [S].

        Args:
            law: the card's coefficient.
            conductance_S: present conductance of the cells [S].
        """
        return read_noise_amplitude_S(law, conductance_S) * self.change

    def advance(self, to_time_s: float) -> None:
        """Move all traps on to a later time (the same time moves nothing).

        Args:
            to_time_s: time since programming.

        Raises:
            InputError: a time before the present one.
        """
        time = require_later(to_time_s, self.time_s, "The telegraph noise is")
        if time == self.time_s:
            return
        keep = torch.exp((self.time_s - time) / self.traps.tau_s)
        self.time_s = time
        self.full = self._draw(self.traps.occupancy + (self.full - self.traps.occupancy) * keep)
