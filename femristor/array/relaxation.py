"""Relaxation after programming as a trajectory of each cell.

Measured are two lines in ln t, the same for all levels (Falcone et al., arXiv 2502.04524, Fig. 4; numbers of
aihwkit's ReRamCMONoiseModel): mean change m ln t and sigma s1 ln t + s0. They do not say how a cell moves.
We take independent increments: between two times t < u a cell moves by

    mean(u) - mean(t) + sqrt(sigma(u)^2 - sigma(t)^2) xi,

so the marginal laws hold at every time, whatever times are asked for in between, and two times are correlated
by sigma(t)/sigma(u). This is what many independent hops with widely spread barriers give: each defect moves
once, about when its own time constant is reached, so disjoint windows of ln t involve different defects. The
other simple choice, one frozen random number a cell, predicts a correlation of 1. Measured trajectories of
another ReRAM (technology C of the RRAM-Relaxation-Master-Model data, 7661 cells) have 0.46 between 10 and
100 ms and 0.40 between 4 s and a day, where this process gives 0.61 and 0.66 from the same sigmas.

Before 1 s the mean is held at 0 (its line would start with a rise), sigma follows its line down to its zero
at exp(-s0/s1), 55 us for the shipped card; before that nothing moves.
"""

import math

import torch

from femristor.array.checks import require_time
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


class RelaxationProcess:
    """Relaxation of many cells from their programming on; time only moves forward.

    Attributes:
        time_s: time since programming.
    """

    def __init__(self, law: RelaxationLaw, shape: tuple[int, ...], *, generator: torch.Generator) -> None:
        """Start at time 0 with no change.

        Args:
            law: the card's lines in ln t.
            shape: of the cells.
            generator: source of the increments; its device is used.

        Raises:
            InputError: a sigma that falls with time, which no trajectory can have.
        """
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
        time = require_time(to_time_s)
        if time < self.time_s:
            raise InputError(
                f"The cells are at {self.time_s:g} s and cannot go back to {time:g} s; ask for rising times or program again."
            )
        variance = relaxation_sigma_S(self._law, time) ** 2 - relaxation_sigma_S(self._law, self.time_s) ** 2
        self.time_s = time
        if variance > 0:
            step = torch.randn(
                self._deviation_S.shape,
                generator=self._generator,
                dtype=torch.float64,
                device=self._deviation_S.device,
            )
            self._deviation_S = self._deviation_S + math.sqrt(variance) * step
