"""What a hopping fit tells of its numbers against the card: start state, range, order of states."""

from collections.abc import Sequence
from itertools import combinations

import numpy as np

from femristor.device.card import DeviceCard
from femristor.transport.hopping.model import HoppingModel
from femristor.transport.result import StateFit

FAR_START = 2.0
"""Ratio of currents beyond which the start state is said to be another cell state than the curve's."""
SAME_CONDUCTANCE = 0.02
"""Relative difference below which two conductances have no order: that of repeated reads."""


def start_warning(model: HoppingModel, label: str, start: str) -> list[str]:
    """A sentence where the state that the fit starts from conducts much more or less than the curve.

    Args:
        model: the model before its search.
        label: label of the curves.
        start: state of the card that the fit starts from.

    Returns:
        One warning or none.
    """
    ratio = float(np.exp(np.median(model.evaluate(model.start()).residual)))
    size = max(ratio, 1 / ratio)
    if not size > FAR_START:
        return []
    held = [slot.name for slot in model.slots if not slot.free and slot.note.startswith("held at the value")]
    tail = (
        f"its {', '.join(held)} are held and need not be this cell's: fit on the lines (--lines), free N_s"
        if held
        else "the fit may have found another minimum: compare it with one from another state"
    )
    return [
        f"{label}: the start state {start} conducts {size:.3g} times {'less' if ratio > 1 else 'more'} than the curve; "
        f"{tail}, or name the nearest state with --start."
    ]


def range_warnings(values: dict[str, float], card: DeviceCard, label: str) -> list[str]:
    """Sentences on densities beyond the range over which the card's tables are built.

    Args:
        values: fitted parameters by name.
        card: the device card.
        label: label of the curves.

    Returns:
        Warnings.
    """
    low, high = card.range.density_min_m3, card.range.density_max_m3
    return [
        f"{label}: {name} of {values[name]:.3g} 1/m^3 is outside the card's range, {low:.3g} to {high:.3g} 1/m^3, so no compact "
        "table holds this state; check area and units of the curve, or widen [range]."
        for name in ("N", "N_s")
        if name in values and not low <= values[name] <= high
    ]


def order_warnings(states: Sequence[StateFit], card: DeviceCard) -> list[str]:
    """Sentences on states whose densities are ordered against their conductances.

    Args:
        states: fitted states.
        card: card that they are written to; of its LRS and HRS the one that is not fitted counts too.

    Returns:
        Warnings.
    """
    found = []
    for first, second in combinations(states, 2):
        more, less = sorted((first, second), key=_conductance, reverse=True)
        if _conductance(more) < (1 + SAME_CONDUCTANCE) * _conductance(less):
            continue
        densities = more.parameter("N").value, less.parameter("N").value
        if densities[0] < densities[1]:
            found.append(
                f"The order of states is inverted: {more.label} conducts more than {less.label} ({_conductance(more) * 1e6:.3g} "
                f"against {_conductance(less) * 1e6:.3g} uS), but its N is smaller ({densities[0]:.3g} against "
                f"{densities[1]:.3g} 1/m^3); what is held ({_held(more, less)}) carries the difference: fit both on the lines "
                "(--lines)."
            )
    by_key = {state.card_key: state for state in states}
    if ("lrs" in by_key) != ("hrs" in by_key):
        own, other = ("lrs", "hrs") if "lrs" in by_key else ("hrs", "lrs")
        density, theirs = by_key[own].parameter("N").value, card.states[other].dome.density_m3
        if (density > theirs) != (own == "lrs"):
            found.append(
                f"The order of states is inverted: N of {own} ({density:.3g} 1/m^3) is not "
                f"{'above' if own == 'lrs' else 'below'} that of {other} in the card ({theirs:.3g}); fit curves of both states."
            )
    return found


def _conductance(state: StateFit) -> float:
    """I/V of the fit at the lowest bias of the coolest curve."""
    curve = min(state.curves, key=lambda entry: entry.ambient_K)
    return float(curve.model_A[0] / curve.bias_V[0])


def _held(*states: StateFit) -> str:
    names = [
        entry.name
        for state in states
        for entry in state.parameters
        if entry.fixed and not entry.standard_error
    ]
    return ", ".join(dict.fromkeys(names)) or "nothing"
