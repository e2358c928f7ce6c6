"""Relaxation after programming as a trajectory of each cell.

Measured are two lines in ln t, the same for all levels (Falcone et al., arXiv 2502.04524, Fig. 4; numbers of
aihwkit's ReRamCMONoiseModel): mean change m ln t and sigma s1 ln t + s0. They do not say how a cell moves.
We take an Ornstein-Uhlenbeck process in ln sigma, scaled by sigma: from a time t to a later u the deviation goes

    x(u) = (sigma_t/sigma_u)^(m - 1) x(t) + sigma_u sqrt(1 - (sigma_t/sigma_u)^(2 m)) xi.

It is Markov and the transitions are exact, so the marginal laws hold at every time, whatever times are asked for
in between, and two times are correlated by (sigma_t/sigma_u)^m. The memory exponent m is 0 for one frozen random
number a cell, 1 for independent increments, and large for a redraw at every time. The default is 1: what many
independent hops with widely spread barriers give, each defect moving once, about when its own time constant is
reached. Measured trajectories of another ReRAM (technology C of the RRAM-Relaxation-Master-Model data, 7661 cells)
forget faster, see `retention.fit`.

Before 1 s the mean is held at 0 (its line would start with a rise), sigma follows its line down to its zero
at exp(-s0/s1), 55 us for the shipped card; before that nothing moves.
"""

import math

import torch

from femristor.array.checks import require_later, require_time
from femristor.core.errors import InputError
from femristor.device.card import RelaxationLaw


def relaxation_mean_S(law: RelaxationLaw, time_s: float) -> float:
    """Mean change of the conductance, m ln t from 1 s on and 0 before [S].

    Args:
        law: the card's lines in ln t.
        time_s: time since programming.

    Raises:
        InputError: a negative or infinite time.
    """
    time = require_time(time_s)
    return law.mean_slope_S * math.log(time) if time > 1.0 else 0.0


def relaxation_sigma_S(law: RelaxationLaw, time_s: float) -> float:
    """Standard deviation of the change, max(0, s1 ln t + s0) and 0 at t = 0 [S].

    Args:
        law: the card's lines in ln t.
        time_s: time since programming.

    Raises:
        InputError: a negative or infinite time.
    """
    time = require_time(time_s)
    if time == 0.0:
        return 0.0
    return max(0.0, law.sigma_slope_S * math.log(time) + law.sigma_offset_S)


def require_memory(exponent: float) -> float:
    """The exponent m of the correlation (sigma_t/sigma_u)^m.

    Args:
        exponent: 0 (frozen), 1 (independent increments) or any other number from 0 on.

    Raises:
        InputError: negative, NaN or infinite.
    """
    if not (math.isfinite(exponent) and exponent >= 0):
        raise InputError(
            f"A memory exponent of {exponent:g} is not possible; give 0 (frozen), 1 (independent increments) or more."
        )
    return float(exponent)


class RelaxationProcess:
    """Relaxation of many cells from their programming on; time only moves forward.

    Attributes:
        time_s: time since programming.
    """

    def __init__(
        self,
        law: RelaxationLaw,
        shape: tuple[int, ...],
        *,
        generator: torch.Generator,
        memory_exponent: float | None = None,
    ) -> None:
        """Start at time 0 with no change.

        Args:
            law: the card's lines in ln t.
            shape: of the cells.
            generator: source of the increments; its device is used.
            memory_exponent: m of the correlation (sigma_t/sigma_u)^m, 0 or more; the law's by default.

        Raises:
            InputError: a sigma that falls with time, which this process does not have, or an impossible exponent.
        """
        self._memory = require_memory(law.memory_exponent if memory_exponent is None else memory_exponent)
        if law.sigma_slope_S < 0:
            raise InputError(
                f"A relaxation sigma that falls by {-law.sigma_slope_S:g} S per unit of ln t cannot come from "
                "cells that keep moving; give a slope of 0 or more."
            )
        self._law = law
        self._generator = generator
        self._deviation_S = torch.zeros(shape, dtype=torch.float64, device=generator.device)
        self.time_s = 0.0

    @property
    def change_S(self) -> torch.Tensor:
        """Change of each cell since programming [S], of the cells' shape."""
        return self._deviation_S + relaxation_mean_S(self._law, self.time_s)

    def advance(self, to_time_s: float) -> None:
        """Move all cells on to a later time (the same time moves nothing).

        Args:
            to_time_s: time since programming.

        Raises:
            InputError: a time before the present one.
        """
        time = require_later(to_time_s, self.time_s, "The cells are")
        early, late = relaxation_sigma_S(self._law, self.time_s), relaxation_sigma_S(self._law, time)
        keep = (early / late) ** (self._memory - 1) if early > 0 else 0.0
        variance = late**2 - (keep * early) ** 2
        self.time_s = time
        if late > early:
            step = torch.randn(
                self._deviation_S.shape,
                generator=self._generator,
                dtype=torch.float64,
                device=self._deviation_S.device,
            )
            self._deviation_S = keep * self._deviation_S + math.sqrt(max(variance, 0.0)) * step
