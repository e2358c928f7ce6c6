"""femristor array relax: cells followed over time, or laws fitted to a measured file."""

from pathlib import Path

import click

from femristor.cli.array.shared import MICRO, acceptance_option, numbers, read_noise_option, save_result
from femristor.cli.frame.belongs import belongs_to
from femristor.cli.frame.counts import count_option
from femristor.cli.frame.options import Context, card_option, common_options, out_option
from femristor.core.bounds import CELLS
from femristor.core.errors import InputError

KINDS = ("relaxation", "read-noise", "bake")
TEN_MINUTES_S = 600.0
SAMPLED = ("levels_us", "cells", "times", "acceptance", "read_noise", "rtn", "memory", "temperature")
"""Options of sampled cells, which a measured file does not read."""


@click.command("relax")
@card_option
@click.option(
    "--levels-uS", "levels_us", default="9,50,88", show_default=True, help="Programmed levels in uS."
)
@count_option("--cells", bound=CELLS, default=1000, help="Cells a level.")
@click.option("--times", default=None, help="Times in s, rising from above 0; 10 ms to ten years by default.")
@acceptance_option
@read_noise_option
@click.option("--rtn", is_flag=True, help="Add random telegraph noise; it takes a share of the read noise.")
@click.option(
    "--memory", default=None, type=float, metavar="M",
    help="Correlation of two times is (sigma ratio)^M: 0 frozen, 1 independent increments; the card's by default.",
)  # fmt: skip
@click.option(
    "--temperature", default=None, metavar="K",
    help="Kelvin, one for all times or one for each (from the time before on); the card's ambient by default.",
)  # fmt: skip
@click.option("--measured", default=None, metavar="FILE.tsv[.gz]", help="Fit this measured file instead.")
@click.option("--kind", type=click.Choice(KINDS), default=None, help="What the measured file holds.")
@click.option("--figure", default=None, metavar="FILE.png", help="Figure of the result.")
@out_option("HDF5 file for the trajectories, or for the fit.")
@belongs_to("measured", {True: ("kind",), False: SAMPLED})
@common_options
def relax(context: Context, *, card: str, measured: str | None, kind: str | None, **own) -> None:
    """Trajectories of cells after programming beside the measured laws and vacancy hops, or a fit of such laws."""
    from femristor.core.io.files import ensure_output_dir
    from femristor.device import load_card

    if measured is not None and kind is None:
        raise InputError(f"--measured {measured}: say what it holds with --kind ({', '.join(KINDS)}).")
    for path in (own["out"], own["figure"]):
        if path:
            ensure_output_dir(Path(path).parent)
    loaded = load_card(card)
    if measured is not None:
        _fit(context, loaded, measured, kind, own)
    else:
        _follow(context, loaded, own)


def _follow(context: Context, card, own: dict) -> None:
    """Sample trajectories and print them beside laws, paper and hops."""
    from femristor.array.retention.barriers import barrier_demand
    from femristor.array.retention.telegraph import TelegraphLaw
    from femristor.array.retention.temperature import activation_origin, retention_activation_J
    from femristor.array.retention.traces import DEFAULT_TIMES_S, follow_relaxation
    from femristor.array.statistics.levels import program_levels
    from femristor.cli.array.relax_text import trace_text
    from femristor.core.constants import EV

    times = DEFAULT_TIMES_S if own["times"] is None else numbers(own["times"], "--times")
    kelvin = None if own["temperature"] is None else numbers(own["temperature"], "--temperature")
    trace = follow_relaxation(
        card,
        levels_S=[level / MICRO for level in numbers(own["levels_us"], "--levels-uS")],
        cells=own["cells"],
        times_s=times,
        acceptance=own["acceptance"],
        read_noise=own["read_noise"],
        telegraph=TelegraphLaw() if own["rtn"] else None,
        memory_exponent=own["memory"],
        temperature_K=kelvin,
        seed=context.seed,
    )
    demand = barrier_demand(card, times_s=trace.time_s)
    overlap = {
        noise: program_levels(
            card, cells=200, acceptance=own["acceptance"], times_s=(TEN_MINUTES_S,), read_noise=noise,
            seed=context.seed,
        )[0]
        for noise in (False, True)
    }  # fmt: skip
    save_result(trace, own["out"])
    _figure(own["figure"], "time_figure", trace, demand)
    fields = ("time_s", "temperature_K", "effective_time_s", "mean_S", "law_mean_S", "sigma_S", "law_sigma_S")
    more = ("correlation", "law_correlation", "memory_exponent", "telegraph_share")
    payload = {
        **{name: getattr(trace, name) for name in (*fields, *more)},
        "activation_eV": retention_activation_J(card) / EV,
        "activation_origin": activation_origin(card),
        "overlap_ten_minutes": {
            "law": overlap[False].overlap_law,
            "sampled": overlap[False].overlap_sampled,
            "law_with_read_noise": overlap[True].overlap_law,
            "sampled_with_read_noise": overlap[True].overlap_sampled,
        },
        "hops": demand,
        "figure": own["figure"],
        "out": own["out"],
    }
    context.emit(payload, trace_text(trace, demand, overlap, payload["activation_origin"]))


def _fit(context: Context, card, measured: str, kind: str, own: dict) -> None:
    """Fit the laws to a measured file, whose name stands in every error."""
    try:
        _fit_file(context, card, measured, kind, own)
    except InputError as error:
        raise InputError(str(error) if measured in str(error) else f"{measured}: {error}") from None


def _fit_file(context: Context, card, measured: str, kind: str, own: dict) -> None:
    from femristor.array.retention import data
    from femristor.cli.array import relax_text as text

    if kind == "relaxation":
        from femristor.array.retention.fit import fit_relaxation

        fit = fit_relaxation(data.read_relaxation(measured), seed=context.seed)
        shown, figure = text.relaxation_text(fit, card), "relaxation_fit_figure"
    elif kind == "read-noise":
        from femristor.array.retention.fit_noise import fit_read_noise

        fit = fit_read_noise(data.read_read_noise(measured), seed=context.seed)
        shown, figure = text.read_noise_text(fit), "read_noise_figure"
    else:
        from femristor.array.retention.fit_bake import fit_bake

        fit = fit_bake(data.read_bake(measured))
        shown, figure = text.bake_text(fit, card), "bake_figure"
    save_result(fit, own["out"])
    _figure(own["figure"], figure, fit)
    context.emit({"kind": kind, **vars(fit), "figure": own["figure"], "out": own["out"]}, shown)


def _figure(path: str | None, name: str, *results) -> None:
    if path:
        from femristor.plot.array import relaxation as plots
        from femristor.plot.style import save_png

        save_png(getattr(plots, name)(*results), path)
