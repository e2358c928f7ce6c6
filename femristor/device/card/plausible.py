"""Magnitudes that a number of a card can have at all: one table, by unit, with the keys that are bounded more closely.

These are no ranges of validity: they are as wide as nature allows and catch a wrong exponent, a wrong unit or a slip
of the keyboard, whose result would be a number without meaning or none.
"""

import math
from dataclasses import dataclass

from femristor.core.constants import EV
from femristor.core.errors import InputError

STRONGEST_BOND_J = 12 * EV
TYPICAL_M3 = 1e25


@dataclass(frozen=True)
class Bounds:
    """Smallest and largest magnitude, and why; the smallest counts only where 0 is not allowed either."""

    low: float
    high: float
    reason: str


BY_UNIT = {
    "m": Bounds(1e-11, 1e-2, "an atom is 1e-10 m wide and a chip 1e-2 m"),
    "V": Bounds(1e-6, 100.0, "films of some nanometres break down at a few volts"),
    "K": Bounds(1.0, 3695.0, "no layer stays solid above 3695 K, where tungsten melts"),
    "1/m^3": Bounds(1e6, 1e30, "no solid has more than 2e29 atoms in a cubic metre"),
    "S": Bounds(1e-18, 1e3, "a gigaohm is 1e-9 S and a wire of a cell below 1 S"),
    "": Bounds(1e-12, 1e6, "a pure number of a card counts levels, charges or shares"),
    "S/m": Bounds(1e-25, 1e9, "silver has 6.3e7 S/m and the best insulators 1e-19 S/m"),
    "W/m/K": Bounds(1e-3, 1e4, "aerogels have 1e-2 and diamond 2e3 W/m/K"),
    "Hz": Bounds(1e3, 1e18, "atoms of solids vibrate at 1e12 to 1e14 Hz"),
    "m^4": Bounds(
        0.0, 1e-6 / TYPICAL_M3, "a density of 1e25 1/m^3 would move the sites by more than a micrometre"
    ),
    "J": Bounds(1e-25, STRONGEST_BOND_J, "the strongest bond, that of CO, has 11.1 eV"),
    "J m^3": Bounds(
        0.0,
        STRONGEST_BOND_J / TYPICAL_M3,
        "a density of 1e25 1/m^3 would move the barrier by more than 12 eV",
    ),
    "C m": Bounds(1e-33, 1e-26, "a charge that moves by a bond length has 1.6e-29 C m"),
    "m/s": Bounds(1e-3, 3e8, "light has 3e8 m/s"),
    "m^2/V/s": Bounds(1e-15, 1e4, "the fastest electrons of any semiconductor have 1e4 m^2/V/s"),
    "ohm": Bounds(0.0, 1e15, "the best insulator of a cell's size has 1e15 ohm"),
    "s": Bounds(1e-15, 1e10, "a light wave takes 1e-15 s and three centuries 1e10 s"),
}
"""Unit to the magnitudes of all quantities in it."""

BY_KEY = {
    "ionic.charge_number": Bounds(1e-3, 10.0, "no ion carries more than eight charges"),
    "ionic.saturation_exponent": Bounds(1e-3, 1e3, "the factor (1 - N/N_max)^n is a switch from 100 on"),
    "forming.permittivity": Bounds(1.0, 1e5, "a vacuum has 1 and the best ferroelectrics 1e5"),
    "statistics.levels": Bounds(2.0, 4096.0, "levels are told apart by converters of at most 12 bits"),
    "device.ambient": Bounds(150.0, 1500.0, "the laws of hopping are written for 150 to 1500 K"),
    "range.ambient_min": Bounds(150.0, 1500.0, "the laws of hopping are written for 150 to 1500 K"),
    "range.ambient_max": Bounds(150.0, 1500.0, "the laws of hopping are written for 150 to 1500 K"),
}
"""Dotted key to closer bounds than those of its unit."""


def check_plausible(key: str, text: str, value: float, unit: str, sign: str) -> None:
    """Refuse a number that no cell can have.

    Args:
        key: dotted key of the entry.
        text: as written.
        value: in SI.
        unit: SI unit.
        sign: ">0", ">=0", "<0" or "any", as in `schema.Unit`.

    Raises:
        InputError: not finite, or outside the bounds; the sentence has them and their reason.
    """
    bounds = BY_KEY.get(key) or BY_UNIT[unit]
    size = abs(value)
    low = bounds.low if sign in (">0", "<0") else 0.0
    if math.isfinite(value) and low <= size <= bounds.high:
        return
    span = f"{low:.3g} and {bounds.high:.3g}"
    raise InputError(
        f'{key} is "{text[:60]}", but its magnitude must lie between {span} {unit or "(a pure number)"}, because '
        f"{bounds.reason}; correct the number or its unit."
    )
