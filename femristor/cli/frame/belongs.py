"""Options that belong to one choice of another option: given with any other choice they are refused, not ignored.

A command says so in one table, under its options::

    @belongs_to("model", {"pde": ("state", "tolerance"), ("pde", "dome"): ("resolution",), "compact": ("table",)})
    @belongs_to("measured", {True: ("columns",), False: ("peak", "step")})

The first word is the parameter that chooses. Keys are its values, one or several; of a flag or a file True (given)
and False. Where one parameter does not tell, a function of all parameters gives the mode in words, which are the keys.
Only options that the user wrote count, defaults never do.
"""

import functools
from collections.abc import Callable, Mapping

import click
from click.core import ParameterSource

from femristor.core.errors import InputError

NOT_GIVEN = (None, ParameterSource.DEFAULT, ParameterSource.DEFAULT_MAP)


def belongs_to(choice: str | Callable[[dict], str], owners: Mapping) -> Callable:
    """Refuse options that another choice owns, before the command runs.

    Args:
        choice: name of the parameter that chooses, or a function from all parameters to the mode in words.
        owners: choice (one value, or a tuple of values) to the names of the parameters that only it reads.

    Returns:
        Decorator for a command function, anywhere among its options.
    """
    table = {
        key if isinstance(key, tuple) else (key,): (names,) if isinstance(names, str) else tuple(names)
        for key, names in owners.items()
    }

    def decorate(function: Callable) -> Callable:
        @functools.wraps(function)
        def wrapper(*args, **kwargs):
            context = click.get_current_context(silent=True)
            if context is not None:
                _check(context, choice, table)
            return function(*args, **kwargs)

        wrapper.belongings = ((choice, table), *getattr(function, "belongings", ()))
        return wrapper

    return decorate


def given(context: click.Context, name: str) -> bool:
    """Whether the user wrote this option.

    Args:
        context: of the running command.
        name: of the parameter.

    Returns:
        False where a default counts.
    """
    return context.get_parameter_source(name) not in NOT_GIVEN


def _check(context: click.Context, choice, table: dict) -> None:
    """Raise for the first option of another choice.

    Raises:
        InputError: names the option, its owner and the choice in force.
    """
    chosen = choice(context.params) if callable(choice) else _value(context, choice)
    for values, names in table.items():
        if chosen in values:
            continue
        for name in names:
            if given(context, name):
                raise InputError(_sentence(context, choice, chosen, values, _spelling(context, name)))


def _value(context: click.Context, choice: str):
    """The value of a parameter with names for values, else whether it is there."""
    value = context.params[choice]
    named = isinstance(_parameter(context, choice).type, click.Choice)
    return value if named else bool(value) or (value is not None and given(context, choice))


def _sentence(context: click.Context, choice, chosen, values: tuple, option: str) -> str:
    if callable(choice):
        owners = " or ".join(values)
        return f"{option} belongs to {owners}, not to {chosen}; leave it out or change to {owners}."
    name = _spelling(context, choice)
    if values == (True,):
        return f"{option} belongs to {name}; leave it out or add {name}."
    if values == (False,):
        return f"{option} does not go with {name}; leave one of the two out."
    owners = " or ".join(f"{name} {value}" for value in values)
    return f"{option} belongs to {owners}, not to {name} {chosen}; leave it out or change {name}."


def _parameter(context: click.Context, name: str) -> click.Parameter:
    return next(found for found in context.command.params if found.name == name)


def _spelling(context: click.Context, name: str) -> str:
    """As the user writes the parameter: the long option, or the argument in capitals."""
    found = _parameter(context, name)
    if not isinstance(found, click.Option):
        return found.make_metavar(context) if found.metavar is None else found.metavar.strip("[]")
    off = found.secondary_opts and context.params[name] is False
    return max(found.secondary_opts if off else found.opts, key=len)
