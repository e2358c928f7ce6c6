"""What a hopping fit reaches: which models read its states, and the card's lines put through them for the others.

Frozen fields, the one-dome model and compact tables read the states of a card. Fields with moving vacancies have every
density there is, so they read the lines a_e(N), dE(N) of [hopping]; so do the 0-D law and closed forms.
"""

from dataclasses import replace

import numpy as np

from femristor.core.constants import EV
from femristor.core.errors import InputError
from femristor.device.card import DeviceCard
from femristor.device.hopping import HoppingLaw
from femristor.transport.result import CARD_FIELDS, HoppingFit, StateFit

READERS = (
    "Who reads what: iv, the one-dome model and compact tables take the states; fields with moving vacancies (--model pde), "
    "forming, the 0-D law (--model ibm) and closed forms take a_e(N) and dE(N) from [hopping]. All fields add "
    "hopping.background_density to N, the 0-D law does not."
)
ON_LINE = 1e-3
"""Relative distance from a line below which a number lies on it."""
SAME_DENSITY = 0.05
"""Relative difference below which two states give no line."""


def off_lines(fit: HoppingFit, law: HoppingLaw) -> tuple[str, ...]:
    """Labels of the states whose a_e or dE in the dome is not that of the card's lines.

    Args:
        fit: a hopping fit.
        law: lines of the card that it started from.

    Returns:
        Labels.
    """
    found = []
    for state in fit.states:
        density, distance, barrier = _dome(state)
        wanted = law.parameters(density)
        near = np.isclose([distance, barrier], [wanted.distance_m, wanted.barrier_J], rtol=ON_LINE, atol=0)
        if not near.all():
            found.append(state.label)
    return tuple(found)


def reach_warning(fit: HoppingFit, card: DeviceCard, *, new_lines: bool) -> str:
    """A sentence where some models do not see what was fitted.

    Args:
        fit: a hopping fit.
        card: card that it started from.
        new_lines: the lines are written too.

    Returns:
        The sentence, or "".
    """
    labels = off_lines(fit, card.hopping)
    if new_lines or not labels:
        return ""
    return (
        f"{', '.join(labels)} off the lines a_e(N), dE(N) of [hopping], which this fit leaves as they are: fields with moving "
        "vacancies (sweep, pulses --model pde), forming and --model ibm give what they gave before; --new-lines with --card "
        "puts lines through the states of a fit of two or more."
    )


def lines_through(fit: HoppingFit, law: HoppingLaw) -> HoppingLaw:
    """The card's lines a_e(N), dE(N) put through the domes of the fitted states, by least squares where they are many.

    Args:
        fit: a fit of two or more states.
        law: lines that it started from; frequency and background stay.

    Returns:
        HoppingLaw; through two states it passes exactly.

    Raises:
        InputError: fewer than two densities, states on the card's lines already, or lines that are none of a cell.
    """
    if not off_lines(fit, law):
        raise InputError(
            "The fitted states lie on the card's lines, so there are no new ones; fit a_e too (--no-lines), or leave out --new-lines."
        )
    density, distance, barrier = np.array([_dome(state) for state in fit.states]).T
    if not np.ptp(density) > SAME_DENSITY * density.max():
        raise InputError(
            f"New lines a_e(N), dE(N) need two states of different N, and there is {density.size} of {density[0]:.3g} 1/m^3; "
            "fit LRS and HRS curves together."
        )
    scale = density.max()
    (slope_a, start_a), (slope_e, start_e) = (np.polyfit(density / scale, y, 1) for y in (distance, barrier))
    if not (start_a > 0 and start_e >= 0):
        raise InputError(
            f"The lines through the fitted states begin at a_e = {start_a * 1e9:.3g} nm and dE = {start_e / EV * 1e3:.3g} meV for "
            "N = 0, which no cell has; leave out --new-lines, or fit curves of states that lie further apart."
        )
    return replace(
        law,
        distance_min_m=min(law.distance_min_m, float(distance.min())),
        distance_0_m=float(start_a),
        distance_slope_m4=float(-slope_a / scale),
        barrier_0_J=float(start_e),
        barrier_slope_J_m3=float(-slope_e / scale),
    )


def changes_with_lines(fit: HoppingFit, card: DeviceCard) -> dict[str, dict | str]:
    """Card entries of the states and of new lines through them.

    Args:
        fit: a hopping fit.
        card: card that it started from.

    Returns:
        Dotted key to entry, as `HoppingFit.changes`.

    Raises:
        InputError: see `lines_through`.
    """
    law, key, found = lines_through(fit, card.hopping), fit.source_key, fit.changes()
    labels = ", ".join(state.label for state in fit.states)
    numbers = {
        "distance_min": (law.distance_min_m, "m"),
        "distance_0": (law.distance_0_m, "m"),
        "distance_slope": (law.distance_slope_m4, "m^4"),
        "barrier_0": (law.barrier_0_J, "J"),
        "barrier_slope": (law.barrier_slope_J_m3, "J m^3"),
    }
    for name, (value, unit) in numbers.items():
        if value != getattr(card.hopping, _FIELDS[name]):
            found[f"hopping.{name}"] = {
                "value": f"{value:.12g} {unit}",
                "source": key,
                "confidence": "F",
                "note": f"line through {labels}",
            }
    # What follows the old lines in the surroundings of a fitted state must not move with them.
    for state in fit.states:
        for parameter in state.parameters:
            found[f"states.{state.card_key}.{CARD_FIELDS[parameter.name]}"] = parameter.card_entry(key)
    return found


_FIELDS = {
    "distance_min": "distance_min_m",
    "distance_0": "distance_0_m",
    "distance_slope": "distance_slope_m4",
    "barrier_0": "barrier_0_J",
    "barrier_slope": "barrier_slope_J_m3",
}


def _dome(state: StateFit) -> tuple[float, float, float]:
    """N, a_e and dE of a state in SI."""
    return (
        state.parameter("N").value,
        state.parameter("a_e").value,
        state.parameter("dE").value * EV,
    )
