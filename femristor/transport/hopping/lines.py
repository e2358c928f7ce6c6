"""Hopping distance and barrier that follow the card's lines in the density (`--lines`), instead of being fitted."""

from dataclasses import dataclass

from femristor.core.constants import EV
from femristor.device.hopping import HoppingLaw

PARENTS = {"a_e": "N", "dE": "N", "a_s": "N_s", "dE_s": "N_s"}
"""Parameter to the density that it follows."""


@dataclass(frozen=True)
class Line:
    """The line of one parameter: `a = max(a_min, a_0 - a_1 N)` in m or `dE = max(0, dE_0 - dE_1 N)` in eV."""

    parent: str
    barrier: bool
    law: HoppingLaw

    def value(self, density_m3: float) -> float:
        """The parameter at a density."""
        return self.law.barrier_J(density_m3) / EV if self.barrier else self.law.distance_m(density_m3)

    def slope(self, density_m3: float) -> float:
        """Its derivative by the density; 0 where the line is clipped."""
        if self.barrier:
            return -self.law.barrier_slope_J_m3 / EV if self.value(density_m3) > 0 else 0.0
        return -self.law.distance_slope_m4 if self.value(density_m3) > self.law.distance_min_m else 0.0


def line_of(name: str, law: HoppingLaw) -> Line:
    """The line of a_e, dE, a_s or dE_s."""
    return Line(PARENTS[name], name.startswith("dE"), law)
