"""What all commands share: `--json`, `--seed`, the progress display and the way results are printed.

A command is one module `femristor/cli/<name>.py` with a click command called `command`, listed with its help
line in `femristor/cli/main.py`. Heavy rooms (fem, torch) are imported inside the function, so that `--help`
stays fast::

    import click

    from femristor.cli.frame.options import Context, card_option, common_options


    @click.command("iv")
    @card_option
    @click.option("--vmax", default=0.2, show_default=True, help="Highest bias in V.")
    @common_options
    def command(context: Context, *, card: str, vmax: float) -> None:
        \"\"\"Current against voltage of a cell by finite elements.\"\"\"
        from femristor.device import load_card          # may raise FemristorError: main() prints it, exit 2
        from femristor.fem.electrothermal.cell import ElectroThermal

        solution = ElectroThermal(load_card(card)).sweep(..., progress=context.progress)
        context.emit({"current_A": solution.current_A}, text="a table for people")

A command with subcommands is a group, `@click.group("fit", cls=CommandGroup)`, whose subcommands carry
`@common_options` (the group itself does not). `emit` is called once, at the end: with `--json` it prints the
payload as one JSON object (arrays, dataclasses, enums and paths are converted; a NaN becomes null where a result
type or the command declares it as undefined, see `core.finite`, and is refused elsewhere), otherwise the text.
Whatever else is printed goes to standard error while `--json` is on. A command may return an integer as its exit
code. Long work that is interrupted may raise `KeyboardInterrupt("what is kept")`. An option that only one `--model`
(or `--cell`, `--by`, ...) reads stands in a table of `cli.belongs.belongs_to`; one that counts is a
`cli.counts.count_option` with a bound of `core.bounds`.
"""

import dataclasses
import functools
import json as json_module
import math
import os
import sys
from collections.abc import Callable
from enum import Enum
from pathlib import Path
from typing import TextIO

import click

from femristor.cli.frame.counts import count_option
from femristor.cli.frame.number_text import one_spelling
from femristor.core.bounds import SEED
from femristor.core.messages import NullProgress, Progress

RANK_VARIABLES = ("PMI_RANK", "PMIX_RANK", "OMPI_COMM_WORLD_RANK")


def mpi_rank() -> int:
    """Rank that the MPI launcher gave this process, 0 without one (read from the environment only)."""
    for name in RANK_VARIABLES:
        if os.environ.get(name, "").isdigit():
            return int(os.environ[name])
    return 0


@dataclasses.dataclass(frozen=True)
class Context:
    """What a command gets from its user besides its own options.

    Attributes:
        json: print one JSON object instead of text.
        seed: seed of everything random, 0 or more.
        progress: where long work is shown (standard error; silent on MPI ranks above 0).
        stream: where `emit` prints.
        told: notices of the command so far.
    """

    json: bool
    seed: int
    progress: Progress
    stream: TextIO
    told: list[str] = dataclasses.field(default_factory=list)

    def emit(self, payload: dict, text: str) -> None:
        """Print the result once: the payload with `--json`, the text otherwise.

        Args:
            payload: what a program wants; keys carry their units (`current_A`). Notices join its "warnings".
            text: what a person wants; a trailing line break is added.

        Raises:
            ConvergenceError: the payload has a NaN or an infinity in an entry that is not declared as undefined.
        """
        from femristor.core.io.text import terminal_text
        from femristor.core.store.finite import UNDEFINED, check_finite

        check_finite(payload, "The result", UNDEFINED)
        if mpi_rank() != 0:
            return
        if self.told:
            payload = {**payload, "warnings": list(dict.fromkeys([*payload.get("warnings", ()), *self.told]))}
        line = json_module.dumps(to_plain(payload), allow_nan=False) if self.json else terminal_text(text.rstrip("\n"))
        print(line, file=self.stream, flush=True)


def to_plain(value):
    """Turn a result into what JSON knows.

    Args:
        value: dictionaries, sequences, dataclasses, NumPy arrays and scalars, enums, paths, numbers, text.

    Returns:
        Dictionaries, lists, text, numbers, booleans and None; NaN and infinities become None.

    Raises:
        TypeError: something JSON has no word for.
    """
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, Enum):
        return to_plain(value.value)
    if isinstance(value, (str, int)):
        return value
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(to_plain(key)): to_plain(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [to_plain(entry) for entry in value]
    if isinstance(value, Path):
        return str(value)
    if hasattr(value, "tolist"):
        return to_plain(value.tolist())
    if dataclasses.is_dataclass(value):
        return {item.name: to_plain(getattr(value, item.name)) for item in dataclasses.fields(value)}
    raise TypeError(f"{type(value).__name__} cannot be written as JSON")


def common_options(function: Callable) -> Callable:
    """Add `--json` and `--seed` and pass them to the command as its first argument, a `Context`.

    Args:
        function: the command, `function(context, *, its own options)`.

    Returns:
        The decorated command function, to be placed under `@click.command`.
    """

    @click.option("--json", "as_json", is_flag=True, help="Print one JSON object on standard output.")
    @count_option("--seed", bound=SEED, default=0, help="Seed of everything random.")
    @functools.wraps(function)
    def wrapper(*args, as_json: bool, seed: int, **options):
        from femristor.cli.frame.streams import stdout_for_result
        from femristor.core.messages import gathered

        with stdout_for_result(json=as_json) as stream, gathered(silent=mpi_rank() != 0) as told:
            context = Context(as_json, seed, _make_progress(), stream, told)
            return function(context, *args, **options)

    return wrapper


def _make_progress() -> Progress:
    if mpi_rank() != 0:
        return NullProgress()
    from femristor.cli.frame.progress import TerminalProgress

    return TerminalProgress(sys.stderr)


class CommandGroup(click.Group):
    """A group that shows its help when it is called without a subcommand."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse, or print the help and leave with exit code 0."""
        if not args and not ctx.resilient_parsing:
            click.echo(ctx.get_help())
            ctx.exit(0)
        return super().parse_args(ctx, args)

    def resolve_command(self, ctx: click.Context, args: list[str]):
        """The command, whose numbers are read in one spelling."""
        name, command, rest = super().resolve_command(ctx, args)
        return name, one_spelling(command) if command is not None else None, rest


card_option = click.option(
    "--card",
    default="cmo_hfox",
    show_default=True,
    metavar="CARD",
    help="Device card: the name of a shipped one or the path of a TOML file.",
)


def out_option(help_text: str, *, default: str | None = None) -> Callable:
    """The option `--out PATH`.

    Args:
        help_text: what is written there.
        default: path used without the option; None passes None.

    Returns:
        Decorator for a command function with the argument `out`.
    """
    return click.option(
        "--out", default=default, show_default=default is not None, metavar="PATH", help=help_text
    )
