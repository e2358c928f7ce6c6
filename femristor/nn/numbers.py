"""Tile numbers: each array of a network has its own, and with it its devices and its pulses."""

from femristor.core.errors import InputError

PARTS = 2**16


def part_number(number: int, index: int) -> int:
    """Tile number of a part of a layer; no two parts, and no part and whole layer, share one.

    Args:
        number: of the whole, below 2^16 (or itself a part's number).
        index: of the part, below 2^16.

    Returns:
        (number + 1) 2^16 + index.

    Raises:
        InputError: numbers below 0, or more than 2^16 parts.
    """
    if number < 0 or not 0 <= index < PARTS:
        raise InputError(
            f"Part {index} of layer {number} has no number; use layers from 0 on, of at most {PARTS} tiles."
        )
    return (number + 1) * PARTS + index
