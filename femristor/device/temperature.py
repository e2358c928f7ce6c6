"""One check of how hot a solved cell is: a notice above the card's limit, a refusal where the laws are void.

Hopping, conductivities and heat conductivities of a card are those of solid layers. The limit of a card is the
temperature from which its conductive metal oxide is none (`range.temperature_max`, melting of Ta2O5 by default);
above the melting point of tungsten no layer of any such stack is solid, and a converged field is no answer.
Both temperatures: CRC Handbook of Chemistry and Physics, 97th ed., sections 4 and 12.
"""

import numpy as np

from femristor.core.errors import InputError, VoidError
from femristor.core.messages import notice

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
        VoidError: above VOID_K, or not a number.
    """
    if temperature_K <= VOID_K:
        return temperature_K
    found = f"{temperature_K:.5g} K" if np.isfinite(temperature_K) else "no finite temperature"
    raise VoidError(
        f"The cell ends on {found}{' ' if where else ''}{where}, above {VOID_K:g} K where tungsten melts and no layer "
        "of it is solid, so that its laws say nothing; lower the voltage, put a resistance in series, or check "
        "conductivities, barriers and heat conductivities of the card."
    )


def warn_hot(temperature_K, card, what: str) -> None:
    """Tell once of a result that is hotter than its card holds for.

    Args:
        temperature_K: temperatures of the result, any shape.
        card: device card; None where only the table of a cell is known, whose limit is then LIMIT_K.
        what: the result in words, the subject of the sentence.
    """
    top = float(np.max(temperature_K, initial=0.0))
    limit = LIMIT_K if card is None else card.range.temperature_max_K
    if top > limit:
        owner = (
            "the laws of its cell hold" if card is None else f"card {card.name} holds (range.temperature_max)"
        )
        notice(
            f"{what} reaches {top:.0f} K, above {limit:g} K up to which {owner}: currents and switching above it are "
            "extrapolated.",
            about=f"hot {what} {limit:g}",
        )


def check_temperatures(temperature_K, card, what: str, voltage_V=None) -> None:
    """`refuse_void` and `warn_hot` for a finished result, as those of kernels.

    Args:
        temperature_K: (...) temperatures.
        card: as in `warn_hot`.
        what: the result in words.
        voltage_V: (...) applied with them, for the message.

    Raises:
        VoidError: one is above VOID_K, or not a number.
    """
    values = np.asarray(temperature_K, dtype=float)
    if values.size == 0:
        return
    worst = np.unravel_index(int(np.argmax(np.nan_to_num(values, nan=np.inf))), values.shape)
    where = "" if voltage_V is None else f"at {np.broadcast_to(voltage_V, values.shape)[worst]:.4g} V"
    refuse_void(float(values[worst]), where)
    warn_hot(values, card, what)


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
