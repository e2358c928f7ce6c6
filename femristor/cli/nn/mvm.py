"""femristor mvm: analog matrix products and their error over the time after programming."""

import click

from femristor.cli.frame.belongs import belongs_to
from femristor.cli.frame.counts import count_option, wholes
from femristor.cli.frame.options import Context, card_option, common_options, out_option
from femristor.cli.nn.mvm_variants import DEVICES, WIRES, Choices, assemble, default_draws
from femristor.core.bounds import BITS, DRAWS, SIDE, VECTORS
from femristor.core.units import parse_numbers

FIELDS = (
    "settings",
    "time_s",
    "rmse_mean",
    "rmse_std",
    "rmse_law",
    "rmse",
    "causes",
    "rmse_by_cause",
    "variants",
    "rmse_by_variant",
    "reference_time_s",
    "reference_rmse",
    "reference_note",
)


def _bits(value: int) -> int | None:
    return None if value == 0 else value


@click.command("mvm")
@card_option
@click.option("--device", type=click.Choice(list(DEVICES)), default="card", show_default=True, help="Cells.")
@count_option("--size", bound=SIDE, multiple=True, help="Rows and columns; several times for several. [64]")
@click.option("--sizes", default=None, help="The same as one list: 64,128,256,512.")
@count_option("--inputs", bound=VECTORS, default=100, help="Input vectors a draw.")
@count_option(
    "--draws",
    bound=DRAWS,
    default=None,
    help="Repetitions: other matrix, inputs and cells. [10; with exact wires 5 at 256 and 2 at 512]",
)
@click.option("--deviation", default=0.5, show_default=True, help="Standard deviation of weights and inputs.")
@click.option("--times", default=None, help="Times in s, rising; 0, 1 s, 1 h, 1 day, 10 years by default.")
@count_option("--input-bits", bound=BITS, default=6, help="DAC bits; 0 for no rounding.")
@count_option("--output-bits", bound=BITS, default=8, help="ADC bits; 0 for no rounding.")
@click.option("--output-bound", type=float, default=None, help="ADC bound. [15 sqrt(size/64)]")
@click.option("--input-scale", type=click.Choice(["fixed", "absmax"]), default="fixed", show_default=True)
@click.option(
    "--mapping",
    type=click.Choice(["single", "pair"]),
    default=None,
    help="Cells a weight: one, or a differential pair. [single; pair for other devices]",
)
@click.option("--acceptance", default=0.002, show_default=True, help="Accepted error of program-verify.")
@click.option("--no-read-noise", is_flag=True, help="Leave the 1/f read noise out.")
@click.option(
    "--wires",
    type=click.Choice(WIRES),
    default="none",
    show_default=True,
    help="Exact nodal solution, aihwkit's closed form, or both beside none.",
)
@click.option("--segment-ohm", type=float, default=None, help="Wire from cell to cell. [the card's]")
@click.option("--drive", type=click.Choice(["left", "right", "both"]), default="left", show_default=True)
@click.option("--sense", type=click.Choice(["bottom", "top", "both"]), default="bottom", show_default=True)
@click.option(
    "--remedy",
    multiple=True,
    metavar="WORD",
    help="Against exact wires, several times for several: reference, pair, two-sided, wire-aware, common-mode, "
    "or any name of `femristor array remedies` with dashes.",
)
@click.option(
    "--compensation",
    multiple=True,
    type=click.Choice(["law", "reference", "calibration", "gain"]),
    help="Digital, of the relaxation, beside none; several times for several.",
)
@click.option(
    "--refresh", type=float, default=None, metavar="S", help="Program again every S seconds, beside."
)
@out_option("HDF5 file for the experiment, for all sizes together where there are several.")
@click.option("--figure", default=None, metavar="FILE.png", help="Scatter, error over time and budget.")
@belongs_to("device", {"card": ("acceptance",)})
@belongs_to(
    "wires",
    {
        ("exact", "closed", "both"): ("segment_ohm",),
        ("exact", "both"): ("drive", "sense", "remedy"),
    },
)
@common_options
def command(context: Context, **options) -> None:
    """Program a matrix, wait, multiply, compare with floating point.

    Weights and inputs are normal with the given standard deviation, clipped to +-1.
    """
    from femristor.cli.array.hops import check_outputs
    from femristor.cli.nn.mvm_text import cost_lines, sizes_text, text
    from femristor.device import load_card

    sizes = _sizes(options["size"], options["sizes"])
    out, figure = options["out"], options["figure"]
    check_outputs({"out": out, "figure": figure})
    card = load_card(options["card"])
    choices = Choices(
        device=options["device"],
        wires=options["wires"],
        segment_ohm=options["segment_ohm"],
        drive=options["drive"],
        sense=options["sense"],
        remedies=options["remedy"],
        compensations=options["compensation"],
        refresh_s=options["refresh"],
    )
    runs = [_run(context, card, choices, size, options) for size in sizes]
    found = runs[0]
    if len(runs) > 1:
        from femristor.nn.mvm.experiment import by_size

        found = by_size(card, runs, seed=context.seed)
    if out:
        from femristor.core.store import save

        save(found, out)
    if figure:
        from femristor.plot.nn.mvm import mvm_figure, sizes_figure
        from femristor.plot.style import save_png

        save_png(mvm_figure(found) if len(runs) == 1 else sizes_figure(found), figure)
    costs = (
        {} if choices.refresh_s is None else {"refresh": [_refresh(run, choices.refresh_s) for run in runs]}
    )
    payloads = [{name: getattr(run, name) for name in FIELDS} for run in runs]
    payload = payloads[0] if len(runs) == 1 else {"size": list(sizes), "runs": payloads}
    lines = [*map(text, runs), *([sizes_text(runs)] if len(runs) > 1 else []), *cost_lines(costs)]
    context.emit({**payload, **costs, "out": out}, "\n\n".join(lines))


def _run(context: Context, card, choices: Choices, size: int, options: dict):
    """The experiment at one size."""
    from femristor.nn.mvm.experiment import DEFAULT_TIMES_S, MvmDesign, mvm_experiment, output_bound
    from femristor.nn.mvm.product import EFFECTS, MvmSettings

    times, draws, bound = options["times"], options["draws"], options["output_bound"]
    design = MvmDesign(
        size=size,
        inputs=options["inputs"],
        deviation=options["deviation"],
        draws=default_draws(max(size, 1), choices.wires) if draws is None else draws,
        times_s=DEFAULT_TIMES_S if times is None else _times(times),
    )
    settings = MvmSettings(
        input_bits=_bits(options["input_bits"]),
        output_bits=_bits(options["output_bits"]),
        output_bound=output_bound(size) if bound is None else bound,
        input_scale=options["input_scale"],
        mapping=options["mapping"] or ("single" if choices.device == "card" else "pair"),
        acceptance=options["acceptance"],
        effects=EFFECTS[:2] if options["no_read_noise"] else EFFECTS,
    )
    bare, variants, words = assemble(card, choices)
    return mvm_experiment(
        card,
        bare,
        design=design,
        settings=settings,
        seed=context.seed,
        progress=context.progress,
        variants=variants,
        wires=words,
        cells=DEVICES[choices.device],
    )


def _refresh(run, interval_s: float) -> dict:
    """Refreshes and pulses until the last time."""
    from femristor.nn.mvm.compensation import refresh_cost

    words = run.settings
    cells = words["size"] ** 2 * (2 if words["mapping"] == "pair" else 1)
    count, pulses = refresh_cost(interval_s, float(run.time_s[-1]), cells, words["acceptance"])
    return {
        "interval_s": interval_s,
        "until_s": run.time_s[-1],
        "cells": cells,
        "refreshes": count,
        "pulses": pulses,
    }


def _sizes(given: tuple[int, ...], listed: str | None) -> tuple[int, ...]:
    """Sizes of both options, in rising order."""
    more = () if listed is None else wholes(listed, "--sizes", bound=SIDE)
    return tuple(sorted({*given, *more})) or (64,)


def _times(words: str) -> tuple[float, ...]:
    return parse_numbers(words, "--times")
