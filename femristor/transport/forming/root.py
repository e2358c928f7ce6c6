"""Safeguarded Newton for the two unknowns of the ohmic cell, in logarithms, with errors that say what is out of reach."""

import math
from collections.abc import Callable

from femristor.core.errors import ConvergenceError, InputError
from femristor.device.card import DeviceCard
from femristor.transport.result import LinearRegime
from femristor.transport.solver import ResistanceSlopes, ResistanceSolver

RADIUS_MIN_M = 0.5e-9
SIGMA_LIMITS_S_PER_M = (1e-2, 1e7)
TOLERANCE = 2e-5
"""Of ln R: every radius has its own mesh, so that R(r) jitters by this much."""
HOLM = 0.785
"""Spreading resistance of this layer thickness over that of a half space, 1/(4 r sigma)."""
MAX_STEPS = 60
LONGEST_STEP = 1.0


def solve_radius(
    solver: ResistanceSolver,
    card: DeviceCard,
    regime: LinearRegime,
    sigma_S_per_m: float,
    *,
    start_m: float | None = None,
) -> tuple[float, float, float]:
    """Radius at which the ohmic cell has the measured conductance.

    Args:
        solver: the cell.
        card: gives the largest radius, half of the electrode's.
        regime: the measured linear regime.
        sigma_S_per_m: conductivity of the CMO.
        start_m: first guess; None takes Holm's spreading resistance under the filament.

    Returns:
        radius [m], d ln R/d ln r, d ln R/d ln sigma there.

    Raises:
        InputError: no radius in reach has this resistance.
    """
    target = 1 / regime.conductance_S
    limits = (RADIUS_MIN_M, card.domain.electrode_radius_m / 2)
    start = min(max(start_m or _holm_radius(card, target, sigma_S_per_m), 2 * limits[0]), limits[1] / 2)

    def misfit(log_radius: float) -> tuple[float, float, float]:
        return _misfit(solver.derivatives(math.exp(log_radius), sigma_S_per_m), target)

    def unreachable(log_radius: float, value: float) -> str:
        return (
            f"Curve '{regime.curve.label}': no filament radius between {limits[0] * 1e9:.3g} and "
            f"{limits[1] * 1e9:.3g} nm gives {target:.4g} ohm with sigma_CMO = {sigma_S_per_m:.4g} S/m (at "
            f"{math.exp(log_radius) * 1e9:.3g} nm it is {target * math.exp(value):.4g} ohm); check the current "
            "column and the conductivity of the CMO."
        )

    root, slopes = _newton(misfit, math.log(start), tuple(map(math.log, limits)), index=0, words=unreachable)
    return math.exp(root), *slopes


def solve_sigma(
    solver: ResistanceSolver, radius_m: float, regime: LinearRegime, start_S_per_m: float
) -> tuple[float, float, float]:
    """Conductivity of the CMO at which the ohmic cell has the measured conductance.

    Args:
        solver: the cell.
        radius_m: filament radius.
        regime: the measured linear regime.
        start_S_per_m: first guess.

    Returns:
        sigma [S/m], d ln R/d ln r, d ln R/d ln sigma there.

    Raises:
        InputError: no conductivity has this resistance; the filament alone may exceed it.
    """
    target = 1 / regime.conductance_S

    def misfit(log_sigma: float) -> tuple[float, float, float]:
        return _misfit(solver.derivatives(radius_m, math.exp(log_sigma)), target)

    def unreachable(log_sigma: float, value: float) -> str:
        return (
            f"Curve '{regime.curve.label}': no conductivity of the CMO gives {target:.4g} ohm with a filament "
            f"radius of {radius_m * 1e9:.3g} nm (at {math.exp(log_sigma):.3g} S/m it is "
            f"{target * math.exp(value):.4g} ohm); the filament in the oxide may alone have more, so check the radius."
        )

    limits = tuple(map(math.log, SIGMA_LIMITS_S_PER_M))
    root, slopes = _newton(misfit, math.log(start_S_per_m), limits, index=1, words=unreachable)
    return math.exp(root), *slopes


def _holm_radius(card: DeviceCard, target_ohm: float, sigma_S_per_m: float) -> float:
    """Root of `t/(sigma_f pi r^2) + 0.785/(4 r sigma) = R`, which is quadratic in 1/r."""
    filament = card.material(card.filament.material).conductivity_S_per_m
    square = card.layer("oxide").thickness_m / (math.pi * filament)
    linear = HOLM / (4 * sigma_S_per_m)
    return 2 * square / (math.sqrt(linear**2 + 4 * square * target_ohm) - linear)


def _misfit(found: ResistanceSlopes, target: float) -> tuple[float, float, float]:
    return math.log(found.resistance_ohm / target), found.log_by_log_radius, found.log_by_log_conductivity


def _newton(
    misfit: Callable[[float], tuple[float, float, float]],
    start: float,
    limits: tuple[float, float],
    *,
    index: int,
    words: Callable[[float, float], str],
) -> tuple[float, tuple[float, float]]:
    """Root of a falling function; steps stay in the bracket that is known so far."""
    low, high = limits
    x = min(max(start, low), high)
    for _ in range(MAX_STEPS):
        value, *slopes = misfit(x)
        if abs(value) < TOLERANCE:
            # one step more without another mesh: exact where the function is smooth
            return x - value / slopes[index], (slopes[0], slopes[1])
        end = limits[1] if value > 0 else limits[0]
        if x == end or not slopes[index] < 0:
            raise InputError(words(x, value))
        low, high = (x, high) if value > 0 else (low, x)
        following = x + min(max(-value / slopes[index], -LONGEST_STEP), LONGEST_STEP)
        if not low < following < high:
            # outside the bracket: the limit itself while it is untested, else halve the bracket
            following = end if end in (low, high) else (low + high) / 2
        x = following
    raise ConvergenceError(
        f"The resistance did not settle within {TOLERANCE:g} of the measured one in {MAX_STEPS} steps; "
        "use a finer mesh of the ohmic cell."
    )
