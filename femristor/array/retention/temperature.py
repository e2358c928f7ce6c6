"""Relaxation at another temperature: Arrhenius acceleration of the clock.

A time t at temperature T counts as

    t exp(E_a/k (1/T_0 - 1/T))

at the temperature T_0 of the card, at which its lines in ln t were measured. A sequence of temperatures (a bake,
then the room) adds such times. E_a is the card's `statistics.relaxation.activation`. A card without it gets the
barrier of reset of its vacancy law: the mean relaxes to lower conductance, which is the way of reset.
"""

import math

from femristor.core.constants import EV, K_B
from femristor.core.errors import InputError
from femristor.device.card import DeviceCard


def retention_activation_J(card: DeviceCard) -> float:
    """Activation energy of relaxation: the card's own, otherwise the barrier of reset of its vacancy law [J].

    Args:
        card: device card.
    """
    own = card.statistics.relaxation.activation_J
    return card.ionic.barrier_reset_J if own is None else own


def activation_origin(card: DeviceCard) -> str:
    """One line on where the activation energy comes from.

    Args:
        card: device card.
    """
    if card.statistics.relaxation.activation_J is not None:
        return card.describe("statistics.relaxation.activation")
    return (
        f"{card.ionic.barrier_reset_J / EV:.3g} eV, derived: the barrier of reset of the card's vacancy law "
        f"({card.describe('ionic.barrier_reset')}); the card has no statistics.relaxation.activation"
    )


def acceleration(activation_J: float, temperature_K: float, reference_K: float) -> float:
    """How much faster the clock runs at a temperature, exp(E_a/k (1/T_0 - 1/T)).

    Args:
        activation_J: E_a, 0 or more.
        temperature_K: T.
        reference_K: T_0, where the laws were measured.

    Returns:
        Factor, 1 at T_0.

    Raises:
        InputError: a temperature of 0 K or below or one that makes the factor infinite, or a negative energy.
    """
    for value in (temperature_K, reference_K):
        if not (math.isfinite(value) and value > 0):
            raise InputError(f"A temperature of {value:g} K is not possible; give kelvin above 0.")
    if not (math.isfinite(activation_J) and activation_J >= 0):
        raise InputError(f"An activation energy of {activation_J / EV:g} eV is not possible; give 0 or more.")
    exponent = activation_J / K_B * (1 / reference_K - 1 / temperature_K)
    if exponent > 600:
        raise InputError(
            f"At {temperature_K:g} K relaxation would be exp({exponent:.0f}) times faster, which no law in ln t "
            "describes; give a lower temperature."
        )
    return math.exp(exponent)
