"""femristor array: form, cycle, pulse, program and read arrays of cells; one module a command, loaded when asked for."""

import importlib

import click

from femristor.cli.frame.options import CommandGroup

COMMANDS = {
    "form": "Forming sweep of every cell, and the forming voltages of the array.",
    "cycle": "Set and reset sweeps of every cell: LRS, HRS, their ratio, set and reset voltages.",
    "program": "Program-verify of cells to levels, and their distributions.",
    "pulses": "Open-loop pulses on all cells: states, skew of the symmetry point, noise-to-signal.",
    "remedies": "What helps against wire resistance: error of each remedy by tile size, largest tiles.",
    "relax": "Trajectories of cells after programming, beside the measured laws.",
    "wires": "Column currents with resistive wires, by an exact nodal solution.",
}


class ArrayGroup(CommandGroup):
    """Imports `femristor.cli.array.<name>` when its command is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of one name, or None for an unknown one."""
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"femristor.cli.array.{cmd_name}")
        return getattr(module, cmd_name)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the help lines from the table, without importing any command."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group("array", cls=ArrayGroup)
def command() -> None:
    """Form, cycle, pulse, program and read arrays of cells with the statistics of a card."""
