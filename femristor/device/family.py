"""The line of states through HRS and LRS: one number, the dome density, stands for the whole cell.

Reset lowers the density over the filament and around it. Between the two fitted states the density of the
surroundings is a line in ln-ln of the dome density; outside it stays at the nearer state. Hopping distance and
barrier of either region follow the card's lines in that region's density; where a state was fitted off these
lines, its distance from them is interpolated in the same way, so that the family holds both states exactly.
"""

import math

from femristor.device.hopping import HoppingLaw
from femristor.device.state import CellState, HoppingParameters

DISTANCE_MIN_M = 1e-10
"""No hop is shorter than an interatomic distance."""


def state_between(hrs: CellState, lrs: CellState, density_m3: float, law: HoppingLaw) -> CellState:
    """State of the family at a dome density.

    Args:
        hrs: high-resistive state.
        lrs: low-resistive state, of another dome density.
        density_m3: dome density wanted.
        law: lines of hopping distance and barrier.

    Returns:
        CellState labelled with the density.
    """
    low, high = math.log(hrs.dome.density_m3), math.log(lrs.dome.density_m3)
    share = 0.5 if low == high else min(1.0, max(0.0, (math.log(density_m3) - low) / (high - low)))
    around = (1 - share) * math.log(hrs.surround.density_m3) + share * math.log(lrs.surround.density_m3)
    dome = _shifted(density_m3, hrs.dome, lrs.dome, share, law)
    surround = _shifted(math.exp(around), hrs.surround, lrs.surround, share, law)
    return CellState(f"N={density_m3:g}", dome, surround)


def _shifted(density_m3, hrs: HoppingParameters, lrs: HoppingParameters, share: float, law: HoppingLaw):
    def mixed(name: str, line) -> float:
        off = [getattr(state, name) - line(state.density_m3) for state in (hrs, lrs)]
        return line(density_m3) + (1 - share) * off[0] + share * off[1]

    distance = max(DISTANCE_MIN_M, mixed("distance_m", law.distance_m))
    return HoppingParameters(density_m3, distance, max(0.0, mixed("barrier_J", law.barrier_J)))
