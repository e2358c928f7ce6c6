"""femristor array program: distributions of programmed levels."""

import click

from femristor.cli.array_shared import (
    MICRO,
    PAPER_OVERLAP_TEN_MINUTES,
    acceptance_option,
    numbers,
    read_noise_option,
    save_result,
)
from femristor.cli.options import Context, card_option, common_options, out_option
from femristor.cli.tables import text_table


@click.command("program")
@card_option
@click.option("--levels", default=None, type=int, help="Evenly spaced levels; the card's 35 by default.")
@click.option("--cells", default=32, show_default=True, help="Cells a level.")
@acceptance_option
@click.option(
    "--times", default="0,1,600,3600", show_default=True, help="Times after programming in s, rising."
)
@read_noise_option
@out_option("HDF5 file for the distributions at the last time.")
@common_options
def program(
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
    """Distributions of programmed levels and how much neighbours overlap."""
    from femristor.array.levels import program_levels
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
