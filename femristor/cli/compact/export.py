"""femristor compact export: a table or IBM's law for circuit simulators, or as data."""

import click

from femristor.cli.frame.belongs import belongs_to, given
from femristor.cli.frame.counts import count_option
from femristor.cli.frame.loads import cell_load, selector_option
from femristor.cli.frame.options import Context, card_option, common_options
from femristor.core.bounds import DIGITS
from femristor.core.errors import InputError

CIRCUITS = ("spice", "verilog-a")


def _kind(options: dict) -> str:
    """The format in words, for a table or for the law."""
    kind, source = options["kind"], "table" if options["table"] is not None else "law"
    return f"--format {kind}" if kind in CIRCUITS else f"--format {kind} of a {source}"


@click.command("export")
@click.argument("table", metavar="[TABLE]", required=False)
@click.option(
    "--model", type=click.Choice(["ibm"]), default=None, help="IBM's published law, without a table."
)
@click.option("--format", "kind", required=True, metavar="FORMAT", help="spice, verilog-a, hdf5 or csv.")
@click.option("--out", required=True, metavar="FILE", help="The file.")
@click.option(
    "--cell",
    type=click.Choice(["1R", "1T1R"]),
    default="1R",
    show_default=True,
    help="1T1R: a SPICE file holds the selector and both in series, too.",
)
@selector_option
@click.option(
    "--ambient",
    default=None,
    metavar="TEXT",
    help='One ambient such as "350 K"; by default the cell follows the temperature of the circuit.',
)
@count_option(
    "--digits",
    bound=DIGITS,
    default=None,
    help="Decimal digits of a table's numbers (spice 10, verilog-a 17).",
)
@click.option("--check", is_flag=True, help="Run the SPICE file in ngspice and compare with our integrator.")
@click.option(
    "--check-volt", default=1.0, show_default=True, help="Peaks of the 1 V/s triangle of --check in V."
)
@card_option
@belongs_to("check", {True: ("check_volt",)})
@belongs_to("cell", {"1T1R": ("selector",)})
@belongs_to(
    _kind, {"--format spice": ("cell", "check"), ("--format spice", "--format verilog-a"): ("digits",)}
)
@belongs_to(_kind, {("--format spice", "--format verilog-a", "--format csv of a law"): ("ambient",)})
@common_options
def command(
    context: Context,
    *,
    table: str | None,
    model: str | None,
    kind: str,
    out: str,
    cell: str,
    selector: str | None,
    ambient: str | None,
    digits: int | None,
    check: bool,
    check_volt: float,
    card: str,
) -> None:
    """Write a TABLE of `compact build`, or IBM's law, as a SPICE subcircuit, a Verilog-A module or data."""
    from femristor.compact.export.write import export
    from femristor.core.units import parse_quantity
    from femristor.device import load_card

    if (table is None) == (model is None):
        raise InputError("Give either a table of compact build or --model ibm to export.")
    if not 0 < check_volt < float("inf"):
        raise InputError(f"A triangle of {check_volt:g} V checks nothing; give a --check-volt above 0.")
    kelvin = None if ambient is None else parse_quantity(ambient, "K", "--ambient")
    found = _model(table, card, kelvin)
    if table is not None and (cell == "1T1R" or given(click.get_current_context(), "card")):
        found.table.require_card(load_card(card), table)
    load = cell_load(load_card(card), cell, selector) if cell == "1T1R" else None
    fixed = kelvin is not None
    checked = _check(found, load, check_volt, digits, fixed) if check else None
    path = export(found, kind, out, load=load, digits=digits, fixed=fixed, sample=_sampled)
    payload = {"out": path, "format": kind, "bytes": path.stat().st_size, "check": checked}
    text = f"{path}: {kind}, {path.stat().st_size / 1000:.0f} kB"
    if checked is not None:
        text += (
            f"\nngspice against our integrator, triangle of {check_volt:g} V at 1 V/s: current off by "
            f"{checked['current_error_max']:.2e} at worst, {checked['current_error_median']:.1e} median "
            f"({checked['points']} points, {checked['ngspice_s']:.2g} s)"
        )
    context.emit(payload, text)


def _model(table: str | None, card: str, ambient_K: float | None):
    from femristor.cli.cell.switching import distilled_model
    from femristor.compact.results.table import CompactTable
    from femristor.compact.table.interpolate import TableModel
    from femristor.core import store
    from femristor.device import load_card

    if table is None:
        law = distilled_model(load_card(card), "ibm", {"ambient": None})
        return law if ambient_K is None else type(law)(law.card, ambient_K)
    return TableModel(store.load(table, CompactTable), ambient_K)


def _check(model, load, volt: float, digits: int | None, fixed: bool) -> dict:
    import numpy as np

    from femristor.compact.export.check import check_spice
    from femristor.compact.export.spice import DIGITS
    from femristor.core.curves import Waveform

    triangle = Waveform.triangle([volt, -volt], 1.0)
    found = check_spice(model, triangle, load=load, digits=DIGITS if digits is None else digits, fixed=fixed)
    return {
        "current_error_max": float(np.max(found.current_error)),
        "current_error_median": float(np.median(found.current_error)),
        "points": found.time_s.size,
        "ngspice_s": found.ngspice_s,
    }


def _sampled(model):
    """A table of IBM's law over the card's range."""
    from femristor.compact.table.closed_form import ClosedFormSampler, published_form
    from femristor.compact.table.grid import default_grid
    from femristor.compact.table.sample import build_table

    sampler = ClosedFormSampler(model.card, published_form(model.card))
    return build_table(model.card, sampler, default_grid(model.card))
