"""The line of states through HRS and LRS: one number, the dome density, stands for the whole cell.

Reset lowers the density over the filament and around it: the density of the surroundings is the power of the dome
density that passes through both fitted states. Hopping distance and barrier of either region follow the card's lines
in that region's density; where a state was fitted off these lines, its distance from them is interpolated between
the states in ln N and kept outside, so that the family holds both states exactly.
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
    place = 0.5 if low == high else (math.log(density_m3) - low) / (high - low)
    around = (1 - place) * math.log(hrs.surround.density_m3) + place * math.log(lrs.surround.density_m3)
    share = min(1.0, max(0.0, place))
    dome = _shifted(density_m3, hrs.dome, lrs.dome, share, law)
    surround = _shifted(math.exp(around), hrs.surround, lrs.surround, share, law)
    return CellState(f"N={density_m3:g}", dome, surround)


def turning_densities(hrs: CellState, lrs: CellState, law: HoppingLaw) -> tuple[float, ...]:
    """Dome densities at which the family has a kink: both states where one of them lies off the lines.

    Args:
        hrs: high-resistive state.
        lrs: low-resistive state.
        law: lines of hopping distance and barrier.

    Returns:
        No density, or the two dome densities.
    """
    for state in (hrs, lrs):
        for region in (state.dome, state.surround):
            on_line = law.parameters(region.density_m3)
            for name in ("distance_m", "barrier_J"):
                if not math.isclose(getattr(region, name), getattr(on_line, name), rel_tol=1e-6):
                    return hrs.dome.density_m3, lrs.dome.density_m3
    return ()


def _shifted(density_m3, hrs: HoppingParameters, lrs: HoppingParameters, share: float, law: HoppingLaw):
    def mixed(name: str, line) -> float:
        off = [getattr(state, name) - line(state.density_m3) for state in (hrs, lrs)]
        return line(density_m3) + (1 - share) * off[0] + share * off[1]

    distance = max(DISTANCE_MIN_M, mixed("distance_m", law.distance_m))
    return HoppingParameters(density_m3, distance, max(0.0, mixed("barrier_J", law.barrier_J)))
