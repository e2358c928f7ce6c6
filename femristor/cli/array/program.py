"""femristor array program: distributions of programmed levels."""

import click

from femristor.cli.array.program_pulses import UNITS, program_by_pulses
from femristor.cli.array.shared import (
    MICRO,
    PAPER_OVERLAP_TEN_MINUTES,
    acceptance_option,
    numbers,
    save_result,
)
from femristor.cli.frame.belongs import belongs_to
from femristor.cli.frame.counts import count_option
from femristor.cli.frame.options import Context, card_option, common_options, out_option
from femristor.cli.frame.tables import text_table
from femristor.compact.results.stochastic import MEASURED_CLUSTER
from femristor.core.bounds import CELLS, LEVELS, PULSES, SIDE


def _mode(given: dict) -> str:
    """How cells are programmed, in words."""
    return "--compare" if given["compare"] and given["by"] != "law" else f"--by {given['by']}"


BY_PULSES, LADDERS = ("--by pulses", "--by ispp", "--compare"), ("--by ispp", "--compare")
OWNERS = {
    "--by law": ("times",),
    BY_PULSES: (
        "rows", "cols", "targets", "unit", "model", "table", "cell", "cluster", "spread", "start", "max_pulses",
        "noise_kind", "compare", "disturb", "checkpoint", "figure",
    ),
    LADDERS: ("step", "ladder_start", "ladder_max"),
}  # fmt: skip
"""Options that only some ways of programming read; --compare runs both kinds of pulses."""
READ_OWNERS = {"noisy reads": ("noise_kind",)}
ARRAY_OWNERS = {False: ("levels", "cells", "rows", "cols"), True: ("unit",)}


def _reads(given: dict) -> str:
    """Reads in words."""
    return "--no-read-noise" if given["read_noise"] is False else "noisy reads"


@click.command("program")
@card_option
@click.option(
    "--by",
    type=click.Choice(["law", "pulses", "ispp"]),
    default="law",
    show_default=True,
    help="Draw from the measured sigma, or send identical or incremental pulses to the stochastic model.",
)
@count_option("--levels", bound=LEVELS, default=None, help="Evenly spaced levels; the card's 35 by default.")
@count_option("--cells", bound=CELLS, default=32, help="Cells a level.")
@acceptance_option
@click.option(
    "--times", default="0,1,600,3600", show_default=True, help="law: times after programming in s, rising."
)
@click.option(
    "--read-noise/--no-read-noise",
    default=None,
    help="Noise of reads; off for law, on for pulses by default.",
)
@click.option(
    "--noise-kind",
    type=click.Choice(["independent", "flicker"]),
    default="independent",
    show_default=True,
    help="Pulses: the law's sigma at every read, or 1/f noise that reads of a cell share.",
)
@count_option(
    "--rows", bound=SIDE, default=None, help="Pulses: rows of an array with uniformly drawn targets."
)
@count_option("--cols", bound=SIDE, default=None, help="Pulses: its columns.")
@click.option("--targets", default=None, metavar="CSV", help="Pulses: matrix of targets; unit in the header.")
@click.option("--unit", type=click.Choice(list(UNITS)), default=None, help="Unit of --targets without one.")
@click.option("--model", type=click.Choice(["ibm", "table"]), default="ibm", show_default=True)
@click.option("--table", default=None, metavar="HDF5", help="Table of --model table.")
@click.option("--cell", type=click.Choice(["1R", "1T1R"]), default="1T1R", show_default=True)
@click.option("--cluster", default=MEASURED_CLUSTER, show_default=True, help="Vacancies that hop together.")
@click.option(
    "--spread", default=None, metavar="TEXT", help="From cell to cell: radius=0.024,barrier_set=0.018."
)
@click.option("--start", default=None, metavar="TEXT", help='Start, as "9 uS"; HRS of the model by default.')
@count_option("--max-pulses", bound=PULSES, default=2000, help="Most pulses of a cell.")
@click.option("--step", default=0.02, show_default=True, help="ispp: growth of the amplitude in V.")
@click.option(
    "--ladder-start", nargs=2, type=float, default=None, help="ispp: first set and |reset| voltage."
)
@click.option(
    "--ladder-max", nargs=2, type=float, default=None, help="ispp: highest set and |reset| voltage."
)
@click.option(
    "--compare", is_flag=True, help="Pulses: both acceptances and both kinds of pulses in one table."
)
@click.option("--disturb", is_flag=True, help="Pulses: what they and reads do to other cells.")
@click.option(
    "--checkpoint", default=None, metavar="HDF5", help="Pulses: keeps finished cells; goes on from them."
)
@click.option("--figure", default=None, metavar="PNG", help="Pulses: pulses over target, levels, sigma(G).")
@out_option("HDF5 file: the programmed array, or by law the distributions at the last time.")
@belongs_to("rows", {False: ("levels", "cells")})
@belongs_to("targets", ARRAY_OWNERS)
@belongs_to("model", {"table": ("table",)})
@belongs_to(_reads, READ_OWNERS)
@belongs_to(_mode, OWNERS)
@common_options
def program(context: Context, **options) -> None:
    """Program cells to levels or targets: what it takes, and how much neighbours overlap."""
    if options["by"] != "law":
        program_by_pulses(context, options)
        return
    names = ("card", "levels", "cells", "acceptance", "times", "out")
    _by_law(context, read_noise=bool(options["read_noise"]), **{name: options[name] for name in names})


def _by_law(
    context: Context,
    *,
    card: str,
    levels: int | None,
    cells: int,
    acceptance: float,
    times: str,
    read_noise: bool,
    out: str | None,
) -> None:
    from femristor.array.statistics.levels import program_levels
    from femristor.device import load_card

    found = program_levels(
        load_card(card),
        levels=levels,
        cells=cells,
        acceptance=acceptance,
        times_s=numbers(times, "--times"),
        read_noise=read_noise,
        seed=context.seed,
    )
    save_result(found[-1], out)
    rows, payload = [], []
    for one in found:
        shift_S = float((one.mean_S - one.target_S).mean())
        low, high = float(one.sigma_S[0]), float(one.sigma_S[-1])
        paper = (
            f"{100 * PAPER_OVERLAP_TEN_MINUTES:.1f} %"
            if one.time_s == 600.0 and one.target_S.size == 35
            else ""
        )
        rows.append(
            (
                f"{one.time_s:g}",
                f"{shift_S * MICRO:.3f}",
                f"{low * MICRO:.3f} - {high * MICRO:.3f}",
                *(
                    f"{100 * share:.2f} %"
                    for share in (one.overlap_law, one.overlap_sampled, one.misread_fraction)
                ),
                paper,
            )
        )
        payload.append(
            {
                "time_s": one.time_s,
                "mean_shift_S": shift_S,
                "sigma_S": one.sigma_S,
                "mean_S": one.mean_S,
                "overlap_law": one.overlap_law,
                "overlap_sampled": one.overlap_sampled,
                "misread_fraction": one.misread_fraction,
            }
        )
    header = ("t [s]", "shift [uS]", "sigma low - high [uS]", "overlap, laws", "sampled", "misread", "paper")
    text = f"{found[0].target_S.size} levels x {cells} cells, acceptance {100 * acceptance:g} %\n"
    context.emit(
        {
            "target_S": found[0].target_S,
            "cells": cells,
            "acceptance": acceptance,
            "times": payload,
            "out": out,
        },
        text + text_table(header, rows, right=range(len(header))),
    )
