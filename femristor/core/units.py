"""Units at the border: text such as "11 nm" or "1.18 eV" becomes an SI number, and back."""

from functools import cache

from femristor.core.errors import InputError


@cache
def registry():
    """The package's pint registry (made on first use; importing pint is slow).

    Returns:
        pint.UnitRegistry.
    """
    import pint

    return pint.UnitRegistry(autoconvert_offset_to_baseunit=True, cache_folder=None)


def parse_quantity(text: str, unit: str, key: str) -> float:
    """Convert "value unit" to a number in `unit`.

    Args:
        text: number with its unit; where `unit` is "" a bare number.
        unit: the SI unit wanted, in pint's spelling ("m", "S/m", "J m^3", "").
        key: name of the entry, for the message.

    Returns:
        The value in `unit`.

    Raises:
        InputError: no number, an unknown unit, or one of another dimension.
    """
    wanted = unit or "a plain number"
    example = f'write it as "<number> {unit}"' if unit else "write it without a unit"
    try:
        quantity = registry().Quantity(text)
    except Exception as error:
        raise InputError(f'{key}: "{text}" is not a quantity in {wanted}; {example}.') from error
    try:
        value = float(quantity.to(unit or "dimensionless").magnitude)
    except Exception as error:
        raise InputError(f'{key}: "{text}" has the wrong unit, {wanted} is expected; {example}.') from error
    if value != value or value in (float("inf"), float("-inf")):
        raise InputError(f'{key}: "{text}" is not a finite number; {example}.')
    return value


def scale_to(unit_text: str, unit: str, key: str) -> float:
    """Factor that turns numbers written in `unit_text` into `unit`.

    Args:
        unit_text: e.g. "uA".
        unit: e.g. "A".
        key: name of the column, for the message.

    Returns:
        The factor.

    Raises:
        InputError: unknown unit or other dimension.
    """
    return parse_quantity(f"1 {unit_text}", unit, key)
