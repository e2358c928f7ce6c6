"""Units at the border: text such as "11 nm" or "1.18 eV" becomes an SI number, and back."""

import math
import numbers
import re
from functools import cache

from femristor.core.bounds import check_count
from femristor.core.errors import InputError

_DIGITS = r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,4})?"
_NUMBER = re.compile(_DIGITS)
# A unit never begins with a digit, but for "1/s": "15 5 nm" is a mistake, not 75 nm.
_QUANTITY = re.compile(rf"(?P<number>{_DIGITS})\s*(?P<unit>(?:1?\s*/\s*)?[^\W\d_%][^,;\n]*|[%°][^,;\n]*|)")
_WORD = r"[^\W\d_%][^\W_]*(?:_[^\W_]+)*[⁺⁻⁰¹²³⁴-⁹]*|%|°[^\W\d_]?"
_TERM = rf"(?:{_WORD})(?:\s*(?:\^|\*\*)\s*\(?[+-]?[0-9]{{1,2}}(?:\.[0-9]{{1,2}})?\)?)?"
_PRODUCT = rf"{_TERM}(?:(?:\s*[*/·]\s*|\s+){_TERM})*"
# Exponents of exponents ("m**9**9**9") would be worked out for hours.
_UNIT = re.compile(rf"(?:1?\s*/\s*)?(?:{_PRODUCT}|{_PRODUCT}\s*/\s*\({_PRODUCT}\)|\({_PRODUCT}\)|)")
LONGEST = 500
"""Letters of a number with its unit, or of a bare number."""
NOT_FINITE = ("nan", "inf", "infinity")
"""Words that Python reads as numbers."""
_COMMA = re.compile(r"(?P<head>[+-]?[0-9]+),(?P<tail>[0-9]+(?:[eE][+-]?[0-9]+)?)(?P<rest>\s*[^\d,]*)")


@cache
def registry():
    """The package's pint registry (made on first use; importing pint is slow).

    Returns:
        pint.UnitRegistry.
    """
    import pint

    return pint.UnitRegistry(autoconvert_offset_to_baseunit=True, cache_folder=None)


def parse_number(text: str, key: str) -> float:
    """Convert a text to a finite number, in one spelling only: digits, a decimal point, an exponent.

    Args:
        text: e.g. "-1.5e-3".
        key: name of the entry, for the message.

    Returns:
        The number.

    Raises:
        InputError: a decimal comma, blanks or underscores between digits, other digits, NaN, infinity, too large.
    """
    _check_length(text, key)
    match = _NUMBER.fullmatch(text.strip())
    if text.strip().lower().lstrip("+-") in NOT_FINITE:
        raise InputError(f'{key}: "{text.strip()}" is not a finite number; give one.')
    if match is None:
        raise InputError(
            f'{key}: "{_brief(text)}" is not a number{spelling_hint(text) or "; write digits with a decimal point, e.g. 0.5"}.'
        )
    value = float(match[0])
    if value - value != 0:
        raise InputError(f'{key}: "{_brief(text)}" is not a finite number; write one below 1.8e308.')
    return value


def parse_numbers(text: str, key: str, *, limit: int = 100_000) -> tuple[float, ...]:
    """The finite numbers of "1,600,3600".

    Args:
        text: numbers with commas between them.
        key: option or entry, for the message.
        limit: the most numbers.

    Returns:
        The numbers.

    Raises:
        InputError: something else is in the list, or it is too long.
    """
    parts = text.split(",")
    check_count(len(parts), key, limit, "each number is a step of the work")
    values = []
    for part in parts:
        try:
            values.append(parse_number(part, key))
        except InputError:
            raise InputError(
                f"{key} '{_brief(text)}' is no list of numbers (all finite); write it as 1,600,3600."
            ) from None
    return tuple(values)


def is_number(text: str) -> bool:
    """Whether a text is a finite number as `parse_number` reads them."""
    return len(text) <= LONGEST and _NUMBER.fullmatch(text.strip()) is not None


def parse_quantity(text: str, unit: str, key: str) -> float:
    """Convert "value unit" to a number in `unit`.

    Args:
        text: one number, then its unit; where `unit` is "" a bare number.
        unit: the SI unit wanted, in pint's spelling ("m", "S/m", "J m^3", "").
        key: name of the entry, for the message.

    Returns:
        The value in `unit`.

    Raises:
        InputError: no number, a decimal comma, an unknown unit, or one of another dimension.
    """
    wanted = unit or "a plain number"
    example = f'write it as "<number> {unit}"' if unit else "write it without a unit"
    _check_length(text, key)
    match = _QUANTITY.fullmatch(text.strip())
    if match is None or _UNIT.fullmatch(match["unit"].strip()) is None:
        hint = spelling_hint(text) or f"; {example}"
        raise InputError(f'{key}: "{_brief(text)}" is not a quantity in {wanted}{hint}.')
    number = parse_number(match["number"], key)
    try:
        written = registry().Unit(match["unit"] if match["unit"][:1] != "/" else f"1{match['unit']}")
    except Exception as error:
        raise InputError(f'{key}: "{_brief(text)}" is not a quantity in {wanted}; {example}.') from error
    try:
        value = float(registry().Quantity(number, written).to(unit or "dimensionless").magnitude)
    except Exception as error:
        raise InputError(
            f'{key}: "{_brief(text)}" has the wrong unit, {wanted} is expected; {example}.'
        ) from error
    if value - value != 0:
        raise InputError(f'{key}: "{_brief(text)}" is not a finite number in {wanted}; {example}.')
    return value


def spelling_hint(text: str) -> str:
    """The right spelling of a number with a comma or with other marks, where one can be told, else "".

    Args:
        text: what was found instead of a number.

    Returns:
        Words that follow on "is not a number".
    """
    comma = _COMMA.fullmatch(text.strip()) if len(text) <= LONGEST else None
    if comma:
        rest = comma["rest"].strip()
        return f'; write a decimal point and no marks between digits, e.g. "{comma["head"]}.{comma["tail"]}{" " if rest else ""}{rest}"'
    if any(mark in text for mark in ",_\u2009\u00a0\u202f'"):
        return "; write a decimal point and no marks between digits"
    return ""


def _check_length(text: str, key: str) -> None:
    if len(text) > LONGEST:
        raise InputError(
            f'{key}: "{_brief(text)}", {len(text)} letters, is not a finite number with a unit; write it with an exponent.'
        )


def _brief(text: str) -> str:
    shown = "".join(letter if letter.isprintable() else "?" for letter in text[:60])
    return shown + ("..." if len(text) > 60 else "")


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


def si(value, unit: str, name: str) -> float:
    """A number in SI.

    Args:
        value: SI float, or text such as "1.3 V".
        unit: SI unit that text is converted to.
        name: of the argument, for the message.

    Returns:
        The value in `unit`.

    Raises:
        InputError: no number, not finite, or a wrong unit.
    """
    if isinstance(value, str):
        return parse_quantity(value, unit, name)
    if not isinstance(value, numbers.Real) or isinstance(value, bool) or not math.isfinite(value):
        raise InputError(f'{name}= got {value!r}, but needs a finite number in {unit} or text such as "1 {unit}".')
    return float(value)


def optional(value, unit: str, name: str) -> float | None:
    """As `si`; None stays None.

    Args:
        value: SI float, text or None.
        unit: SI unit that text is converted to.
        name: of the argument, for the message.

    Returns:
        The value in `unit`, or None.

    Raises:
        InputError: as `si`.
    """
    return None if value is None else si(value, unit, name)
