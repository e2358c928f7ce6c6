"""Entry point of the `femristor` command: the table of commands, and errors as one sentence each.

Exit codes: 0 done, 2 the user can put it right (the sentence says how), 130 interrupted, 1 a fault of ours.
With FEMRISTOR_DEBUG=1 in the environment every error comes with its traceback.
"""

import importlib
import os
import sys
import traceback

import click

from femristor import __version__
from femristor.cli.frame.options import CommandGroup, mpi_rank
from femristor.core.errors import FemristorError

COMMANDS = {
    "demo": "Run the whole chain and write femristor-demo/index.html.",
    "doctor": "Check the environment: versions, MPI, PETSc, compiler, gmsh, torch.",
    "card": "Show, check, copy and compare device cards.",
    "iv": "Current against voltage of a cell by finite elements.",
    "sweep": "Switch a cell with triangles: moving vacancies, one dome, a table or IBM's law.",
    "pulses": "Open-loop pulse train of a cell on any of these models.",
    "fit": "Fit forming, hopping, pulses or a training device to measurements.",
    "compact": "Distil the finite-element cell into a table and sweep it.",
    "array": "Program, relax and pulse an array of cells.",
    "mvm": "Analog matrix products and their error over time.",
    "train": "Train a network on the device.",
    "export": "Write a device for another simulator.",
    "experiment": "Run and report the trainings of a run card.",
    "infer": "Accuracy of a trained network on aging cells.",
}


LONGEST_WORD = 400
"""In a sentence; paths are shorter."""


MODULES = {
    "card": "cell.card",
    "iv": "cell.iv",
    "sweep": "cell.sweep",
    "pulses": "cell.pulses",
    "fit": "fit.group",
    "compact": "compact.group",
    "array": "array.group",
    "mvm": "nn.mvm",
    "train": "nn.train",
    "infer": "nn.infer",
    "experiment": "nn.experiment",
    "export": "nn.export",
}
"""Where a command's module is under `femristor.cli`; by its own name where it is not listed."""


class LazyGroup(CommandGroup):
    """Imports the module of a command when its command is asked for, and not before."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of one name, or None for an unknown one."""
        if cmd_name not in COMMANDS:
            return None
        return importlib.import_module(f"femristor.cli.{MODULES.get(cmd_name, cmd_name)}").command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the help lines from the table, without importing any command."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.command(cls=LazyGroup)
@click.version_option(__version__, prog_name="femristor")
def cli() -> None:
    """From the physics of an analog ReRAM cell to a network trained on it.

    Each command takes --json (one object on standard output) and --seed.
    """


def main(argv: list[str] | None = None) -> int:
    """Run the command line.

    Args:
        argv: arguments without the program's name; those of the process by default.

    Returns:
        The exit code.
    """
    try:
        code = cli.main(args=argv, prog_name="femristor", standalone_mode=False)
        return code if isinstance(code, int) else 0
    except FemristorError as error:
        return _complain(str(error), error.exit_code)
    except click.exceptions.Abort as error:
        return _complain(_interruption(error.__cause__), 130, kind="interrupted")
    except KeyboardInterrupt as error:
        return _complain(_interruption(error), 130, kind="interrupted")
    except click.ClickException as error:
        return _complain(_usage_sentence(error), 2)
    except OSError as error:
        return _complain(_os_sentence(error), 2)
    except MemoryError:
        return _complain("Not enough memory; use a coarser resolution or fewer cells.", 2)
    except Exception as error:  # a fault of ours: still no traceback unless asked for
        text = f"{type(error).__name__}: {error}; set FEMRISTOR_DEBUG=1 for the traceback and report it."
        return _complain(text, 1, kind="internal error")


def _complain(text: str, code: int, *, kind: str = "error") -> int:
    if os.environ.get("FEMRISTOR_DEBUG") == "1":
        traceback.print_exc()
    if mpi_rank() == 0 or kind == "internal error":
        print(f"femristor: {kind}: {_one_line(text)}", file=sys.stderr, flush=True)
    return code


def _one_line(text: str) -> str:
    """Text of a file or an argument must not steer or fill the terminal: what it cannot show is written as its number."""
    words = (word if len(word) <= LONGEST_WORD else f"{word[:100]}..." for word in text.split())
    line = " ".join(words)
    return "".join(mark if mark.isprintable() else ascii(mark)[1:-1] for mark in line)


def _interruption(error: BaseException | None) -> str:
    kept = str(error) if error is not None else ""
    return kept or "Earlier output is left as it was; run the command again to start over."


def _usage_sentence(error: click.ClickException) -> str:
    text = " ".join(error.format_message().split())
    context = getattr(error, "ctx", None)
    if context is None or text.endswith("?"):
        return text
    return f"{text.rstrip('.')}; see {context.command_path} --help."


def _os_sentence(error: OSError) -> str:
    if isinstance(error, TimeoutError) and "JIT" in str(error):
        return "A compilation that was interrupted earlier blocks the cache; run femristor doctor --repair."
    where = f"{error.filename}: " if error.filename else ""
    return (
        f"{where}{error.strerror or error}; check the path, its permissions and the space left on the disk."
    )


if __name__ == "__main__":
    sys.exit(main())
