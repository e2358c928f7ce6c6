"""1/f read noise as a trajectory of each cell: a sum of Lorentzians.

The law (aihwkit's ReRamCMONoiseModel, after Lombardo et al., DRC 2024) is the sigma, at time t after
programming, of the noise since programming:

    sigma_r = K log10(G/uS) sqrt(ln((t + t_r)/(2 t_r))).

A variance that grows as ln t is that of 1/f noise x(t) - x(0) with the fastest time near t_r. We build x from
independent Ornstein-Uhlenbeck processes of equal variance 1/2, one for each e-fold of the time constant. Their
sum has the variance sum_k (1 - exp(-t/tau_k)), which is ln(t/tau_0) + gamma once t is far above the fastest,
so tau_0 = 2 t_r exp(gamma) gives the law to 1e-3 from 0.1 ms on. Reading again within 10 ns gives the same
value, reading a second later gives another one, as on a real cell; the law alone cannot say that.
"""

import math

import numpy as np
import torch

from femristor.array.checks import require_later, require_time
from femristor.core.errors import InputError
from femristor.device.card import ReadNoiseLaw

LONGEST_TIME_S = 1e10


def read_noise_sigma_S(law: ReadNoiseLaw, conductance_S: torch.Tensor, time_s: float) -> torch.Tensor:
    """The law's sigma; 0 until t = t_r, and 0 below 1 uS where its logarithm changes sign.

    Args:
        law: the card's coefficient and reference time.
        conductance_S: any shape [S].
        time_s: time since programming.

    Returns:
        Standard deviation [S], same shape.
    """
    ratio = (require_time(time_s) + law.reference_time_s) / (2 * law.reference_time_s)
    return read_noise_amplitude_S(law, conductance_S) * math.sqrt(max(0.0, math.log(ratio)))


def read_noise_amplitude_S(law: ReadNoiseLaw, conductance_S: torch.Tensor) -> torch.Tensor:
    """Sigma of the noise for each root e-fold of time, K log10(G/uS), 0 below 1 uS [S].

    Args:
        law: the card's coefficient.
        conductance_S: any shape [S].
    """
    return law.coefficient_S * torch.log10((conductance_S * 1e6).clamp(min=1.0))


class ReadNoiseProcess:
    """Read noise of many cells since programming; time only moves forward.

    Attributes:
        time_s: time since programming.
    """

    def __init__(
        self,
        law: ReadNoiseLaw,
        shape: tuple[int, ...],
        *,
        generator: torch.Generator,
        share: float = 1.0,
    ) -> None:
        """Draw the traps' state at programming.

        Args:
            law: the card's coefficient and reference time.
            shape: of the cells.
            generator: source of the noise; its device is used.
            share: of the law's variance that is this noise; the rest is telegraph noise.

        Raises:
            InputError: a share outside 0 to 1.
        """
        if not 0 <= share <= 1:
            raise InputError(f"A share of {share:g} of the variance is not possible; give 0 to 1.")
        self._scale = math.sqrt(share)
        self._law = law
        self._generator = generator
        fastest_s = 2 * law.reference_time_s * math.exp(np.euler_gamma)
        count = max(1, math.ceil(math.log(LONGEST_TIME_S / fastest_s)))
        # Middles of e-folds: the sum over them is the integral over ln tau to better than 1e-3.
        self._tau_s = [fastest_s * math.exp(index + 0.5) for index in range(count)]
        self._modes = math.sqrt(0.5) * self._draw((count, *shape))
        self._start = self._modes.sum(0)
        self.time_s = 0.0

    def _draw(self, shape: tuple[int, ...]) -> torch.Tensor:
        return torch.randn(
            shape, generator=self._generator, dtype=torch.float64, device=self._generator.device
        )

    def noise_S(self, conductance_S: torch.Tensor) -> torch.Tensor:
        """Noise since programming at the present time.

        Args:
            conductance_S: present conductance of the cells, of their shape [S].

        Returns:
            Noise [S], same shape.
        """
        return (
            self._scale
            * read_noise_amplitude_S(self._law, conductance_S)
            * (self._modes.sum(0) - self._start)
        )

    def advance(self, to_time_s: float) -> None:
        """Move the noise on to a later time (the same time moves nothing).

        Args:
            to_time_s: time since programming.

        Raises:
            InputError: a time before the present one.
        """
        time = require_later(to_time_s, self.time_s, "The read noise is")
        if time == self.time_s:
            return
        elapsed = time - self.time_s
        self.time_s = time
        keep = [math.exp(-elapsed / tau) for tau in self._tau_s]
        for index, factor in enumerate(keep):
            spread = math.sqrt(0.5 * -math.expm1(-2 * elapsed / self._tau_s[index]))
            self._modes[index] = factor * self._modes[index] + spread * self._draw(self._modes.shape[1:])
