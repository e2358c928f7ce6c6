"""One check of how hot a solved cell is: a warning above the card's limit, a refusal where the laws are void.

Hopping, conductivities and heat conductivities of a card are those of solid layers. The limit of a card is the
temperature from which its conductive metal oxide is none (`range.temperature_max`, melting of Ta2O5 by default);
above the melting point of tungsten no layer of any such stack is solid, and a converged field is no answer.
Both temperatures: CRC Handbook of Chemistry and Physics, 97th ed., sections 4 and 12.
"""

import warnings

import numpy as np

from femristor.core.errors import ConvergenceError, InputError, ValidityWarning

LIMIT_K = 2148.0
"""Ta2O5 melts: limit of a card that gives none."""
VOID_K = 3695.0
"""Tungsten melts."""
AMBIENT_K = (150.0, 1500.0)
"""For which the laws are written."""


def refuse_void(temperature_K: float, where: str = "") -> float:
    """Refuse a solved temperature at which no layer is solid, and what is not a number.

    Args:
        temperature_K: highest of the solved fields.
        where: moment and bias for the message, as "at 5 V".

    Returns:
        The temperature.

    Raises:
        ConvergenceError: above VOID_K, or not a number.
    """
    if temperature_K <= VOID_K:
        return temperature_K
    found = f"{temperature_K:.5g} K" if np.isfinite(temperature_K) else "no finite temperature"
    raise ConvergenceError(
        f"The fields end on {found}{' ' if where else ''}{where}, above {VOID_K:g} K where tungsten melts and no layer "
        "of the cell is solid, so that its laws say nothing; lower the voltage, put a resistance in series, or check "
        "conductivities, barriers and heat conductivities of the card"
    )


def warn_hot(temperature_K, card, what: str) -> None:
    """Warn once for a result that is hotter than its card holds for.

    Args:
        temperature_K: temperatures of the result, any shape.
        card: device card.
        what: the result in words, the subject of the sentence.
    """
    top = float(np.max(temperature_K, initial=0.0))
    if top > card.range.temperature_max_K:
        warnings.warn(
            f"{what} reaches {top:.0f} K, above {card.range.temperature_max_K:g} K up to which card {card.name} holds "
            "(range.temperature_max): currents and switching above it are extrapolated",
            ValidityWarning,
            stacklevel=2,
        )


def check_ambient(ambient_K: float, option: str = "--ambient") -> float:
    """An ambient temperature that the laws are written for.

    Args:
        ambient_K: of both electrodes.
        option: what gave it, for the message.

    Returns:
        The temperature.

    Raises:
        InputError: outside 150 to 1500 K.
    """
    low, high = AMBIENT_K
    if not low <= ambient_K <= high:
        raise InputError(
            f"{option}: an ambient temperature of {ambient_K:g} K is outside {low:g} to {high:g} K; give kelvin."
        )
    return float(ambient_K)
