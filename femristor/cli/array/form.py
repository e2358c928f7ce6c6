"""femristor array form: forming sweep of every cell, or the forming voltages of measured sweeps."""

import click

from femristor.cli.array.hops import check_outputs, size_options, with_options
from femristor.cli.array.shared import save_result
from femristor.cli.frame.belongs import belongs_to, given
from femristor.cli.frame.options import Context, card_option, common_options, out_option


def _sizes(function):
    return with_options(function, size_options)


SIMULATED = ("peak", "step", "spread_ev", "threshold_spread", "noise_a", "checkpoint")
"""Options of simulated sweeps."""


@click.command("form")
@card_option
@click.option("--measured", default=None, metavar="CSV", help="Sweeps of cells, one curve a cell.")
@click.option(
    "--column", "columns", multiple=True, metavar="QUANTITY=NAME", help="Of --measured, e.g. current=I_A."
)
@click.option(
    "--gate", default=None, type=float, help="Constant gate in V; the card's forming gate by default."
)
@click.option(
    "--triode-ohm", default=None, type=float, help="Triode resistance to take off; the card's by default."
)
@click.option("--peak", default=3.6, show_default=True, help="End of the sweep in V.")
@click.option("--step", default=0.005, show_default=True, help="Step of the sweep in V.")
@click.option(
    "--spread-eV", "spread_ev", default=None, type=float, help="Of the activation; the card's by default."
)
@click.option("--threshold-spread", default=0.0, show_default=True, help="Of the selectors' threshold in V.")
@click.option(
    "--noise-A", "noise_a", default=0.0, show_default=True, help="Of the instrument's current in A."
)
@_sizes
@out_option("HDF5 file for the sweeps.")
@belongs_to("triode_ohm", {False: ("gate",)})
@belongs_to("measured", {True: ("columns", "triode_ohm"), False: SIMULATED})
@common_options
def form(context: Context, *, card: str, measured: str | None, out: str | None, rows, cols, **own) -> None:
    """Quasi-static forming of all cells; forming voltage at the largest jump, the triode drop taken off."""
    from femristor.device import load_card

    check_outputs({"out": out, **own})
    loaded = load_card(card)
    if measured is None:
        found = _formed(context, loaded, rows, cols, own)
    else:
        found = _measured(loaded, measured, rows, cols, own)
    save_result(found, out)
    if own["figure"]:
        from femristor.plot.array.experiments import forming_figure
        from femristor.plot.style import save_png

        save_png(forming_figure(found), own["figure"])
    names = ("form_V", "form_applied_V", "form_current_A", "mean_V", "sigma_V", "yielded", "triode_ohm")
    papers = ("paper_mean_V", "paper_sigma_V", "rows", "cols", "cost")
    payload = {name: getattr(found, name) for name in (*names, *papers)}
    head = f"{found.form_V.size} cells, triode resistance {found.triode_ohm:.0f} ohm"
    context.emit({**payload, "out": out}, "\n".join([head, *found.sentences()]))


def _formed(context: Context, card, rows: int, cols: int, own: dict):
    from femristor.array.experiments.forming import form_array
    from femristor.core.constants import EV
    from femristor.report.demo.forming_family import family_for

    family = family_for(card, progress=context.progress)
    return form_array(
        card, family, rows=rows, cols=cols, seed=context.seed, gate_V=own["gate"], peak_V=own["peak"],
        step_V=own["step"], spread_J=None if own["spread_ev"] is None else own["spread_ev"] * EV,
        threshold_spread_V=own["threshold_spread"], noise_A=own["noise_a"], checkpoint=own["checkpoint"],
        progress=context.progress,
    )  # fmt: skip


def _measured(card, path: str, rows: int, cols: int, own: dict):
    from femristor.array.experiments.forming import measured_forming
    from femristor.cli.fit.inputs import pair
    from femristor.core.io.files import sha256_file
    from femristor.core.io.ivfile import read_iv_csv
    from femristor.device.load_line import selector_load

    named = dict(pair(text, "--column", "current=NAME") for text in own["columns"])
    curves = read_iv_csv(path, named, sweep=True)
    context = click.get_current_context()
    size = (rows, cols) if given(context, "rows") or given(context, "cols") else (0, 0)
    gate = card.selector.gate_forming_V if own["gate"] is None else own["gate"]
    ohm = own["triode_ohm"]
    ohm = float(selector_load(card, gate_set_V=gate).line(1.0).ohm) if ohm is None else ohm
    return measured_forming(curves, ohm, rows=size[0], cols=size[1], inputs={path: sha256_file(path)})
