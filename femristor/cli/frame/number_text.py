"""Options that are numbers are read as files are: one spelling, finite (`core.units.parse_number`).

click reads them with Python's own `float` and `int`, which take "1_000", digits of other scripts, "nan" and "infinity".
"""

import re

import click

from femristor.core.errors import InputError
from femristor.core.units import parse_number, spelling_hint

_WHOLE = re.compile(r"\s*[+-]?[0-9]+\s*")


class _OneSpelling:
    """Mixed into click's types of numbers: what is written is checked before it is converted."""

    def convert(self, value, param, ctx):
        """The number, or one sentence that names the option."""
        if isinstance(value, str):
            option = max(getattr(param, "opts", None) or ["the number"], key=len)
            if self._number_class is float:
                value = parse_number(value, option)
            elif not _WHOLE.fullmatch(value):
                hint = spelling_hint(value) or "; write digits only, such as 12"
                raise InputError(f"{option}: {value[:40]!r} is not a whole number{hint}.")
        return super().convert(value, param, ctx)


def one_spelling(command: click.Command) -> click.Command:
    """Let the numbers of a command be read in one spelling.

    Args:
        command: changed in place, once.

    Returns:
        The command.
    """
    for param in command.params:
        kind = type(param.type)
        if isinstance(param.type, click.types.FloatParamType | click.types.IntParamType) and not issubclass(
            kind, _OneSpelling
        ):
            strict = type(kind.__name__, (_OneSpelling, kind), {})
            made = strict.__new__(strict)
            vars(made).update(vars(param.type))
            param.type = made
    return command
