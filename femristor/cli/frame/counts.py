"""Options that count: whole numbers between bounds, refused with the reason before any work starts."""

import re

import click

from femristor.core.bounds import Bound, check_count
from femristor.core.errors import InputError

_WHOLE = re.compile(r"[+-]?[0-9]+")
_DIGITS = 4_000
"""Python reads no longer integers."""


class Count(click.ParamType):
    """A whole number between bounds, also written as 1e3."""

    name = "integer"

    def __init__(self, bound: Bound):
        """Keep the bounds.

        Args:
            bound: most, fewest and the reason, one of those in `core.bounds`.
        """
        self.bound = bound

    def convert(self, value, param, ctx) -> int:
        """The count, or one sentence that names the option."""
        option = _spelling(param)
        return self.bound.check(value if isinstance(value, int) else whole(str(value), option), option)


def count_option(*names: str, bound: Bound, **words):
    """`click.option` of a count.

    Args:
        names: of the option.
        bound: its bounds.
        words: default, help and what else `click.option` takes.

    Returns:
        Decorator for a command function.
    """
    return click.option(*names, type=Count(bound), show_default=words.get("default") is not None, **words)


def whole(text: str, option: str) -> int:
    """A whole number in a text.

    Args:
        text: digits with a sign, or a number such as 1e3 that is whole.
        option: for the message.

    Returns:
        The number.

    Raises:
        InputError: anything else.
    """
    from femristor.core.units import is_number, parse_number, spelling_hint

    text = text.strip()
    if _WHOLE.fullmatch(text):
        if len(text) > _DIGITS:
            raise InputError(f"{option}: a number of {len(text)} digits is no count; give fewer.")
        return int(text)
    number = parse_number(text, option) if is_number(text) else 0.5
    if number != int(number):
        hint = spelling_hint(text) or "; write digits only, such as 12"
        raise InputError(f"{option}: '{text[:40]}' is not a whole number{hint}.")
    return int(number)


def wholes(text: str, option: str, *, bound: Bound, most: int = 1_000) -> tuple[int, ...]:
    """The whole numbers of "64,128".

    Args:
        text: numbers with commas between them.
        option: for the message.
        bound: of each number.
        most: the longest list.

    Returns:
        The numbers.

    Raises:
        InputError: something else is in the list, a number is out of bounds, or the list is too long.
    """
    parts = text.split(",")
    check_count(len(parts), option, most, "each number is a run of its own")
    try:
        found = [whole(part, option) for part in parts]
    except InputError:
        raise InputError(f"{option} '{text[:40]}' is no list of whole numbers; write it as 64,128.") from None
    return tuple(bound.check(number, option) for number in found)


def protocol(text: str, option: str = "--protocol", *, bound: Bound) -> tuple[int, int, int]:
    """Set, reset and alternating pulses of "400,400,500".

    Args:
        text: three whole numbers.
        option: for the message.
        bound: of each.

    Returns:
        The three counts.

    Raises:
        InputError: not three whole numbers between the bounds.
    """
    try:
        up, down, alternate = (whole(part, option) for part in text.split(","))
    except (InputError, ValueError):
        raise InputError(
            f"{option} '{text[:40]}' needs three whole numbers; write it as 400,400,500."
        ) from None
    return bound.check(up, option), bound.check(down, option), bound.check(alternate, option)


def _spelling(param) -> str:
    names = getattr(param, "opts", None) or ["the count"]
    return max(names, key=len)
