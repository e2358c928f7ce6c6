"""femristor compact export: a table or IBM's law for circuit simulators, or as data."""

import click

from femristor.cli.options import Context, card_option, common_options
from femristor.core.errors import InputError


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
    help="1T1R: a SPICE file holds the card's selector and both in series, too.",
)
@click.option(
    "--ambient", default=None, metavar="TEXT", help='Ambient such as "350 K"; the card\'s by default.'
)
@click.option(
    "--digits", type=int, default=None, help="Decimal digits of a table's numbers (spice 10, verilog-a 17)."
)
@click.option("--check", is_flag=True, help="Run the SPICE file in ngspice and compare with our integrator.")
@click.option(
    "--check-volt", default=1.0, show_default=True, help="Peaks of the 1 V/s triangle of --check in V."
)
@card_option
@common_options
def command(
    context: Context,
    *,
    table: str | None,
    model: str | None,
    kind: str,
    out: str,
    cell: str,
    ambient: str | None,
    digits: int | None,
    check: bool,
    check_volt: float,
    card: str,
) -> None:
    """Write a TABLE of `compact build`, or IBM's law, as a SPICE subcircuit, a Verilog-A module or data."""
    from femristor.compact.export import export
    from femristor.core.units import parse_quantity
    from femristor.device import load_card
    from femristor.device.load_line import selector_load

    if (table is None) == (model is None):
        raise InputError("Give either a table of compact build or --model ibm to export.")
    if check and kind != "spice":
        raise InputError("--check runs a SPICE file in ngspice; give --format spice with it.")
    if not 0 < check_volt < float("inf"):
        raise InputError(f"A triangle of {check_volt:g} V checks nothing; give a --check-volt above 0.")
    if ambient is not None and (kind == "hdf5" or (table is not None and kind == "csv")):
        raise InputError(f"A {kind} file holds all ambients of its table; leave out --ambient.")
    kelvin = None if ambient is None else parse_quantity(ambient, "K", "--ambient")
    found = _model(table, card, kelvin)
    if table is not None and cell == "1T1R":
        found.table.require_card(load_card(card), table)
    load = selector_load(load_card(card)) if cell == "1T1R" else None
    checked = _check(found, load, check_volt, digits) if check else None
    path = export(found, kind, out, load=load, digits=digits, sample=_sampled)
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
    from femristor.compact.ibm import IbmModel
    from femristor.compact.interpolate import TableModel
    from femristor.compact.result import CompactTable
    from femristor.core import store
    from femristor.device import load_card

    if table is None:
        return IbmModel(load_card(card), ambient_K)
    return TableModel(store.load(table, CompactTable), ambient_K)


def _check(model, load, volt: float, digits: int | None) -> dict:
    import numpy as np

    from femristor.compact.export_check import check_spice
    from femristor.compact.export_spice import DIGITS
    from femristor.core.curves import Waveform

    found = check_spice(model, Waveform.triangle([volt, -volt], 1.0), load=load, digits=digits or DIGITS)
    return {
        "current_error_max": float(np.max(found.current_error)),
        "current_error_median": float(np.median(found.current_error)),
        "points": found.time_s.size,
        "ngspice_s": found.ngspice_s,
    }


def _sampled(model):
    """A table of IBM's law over the card's range."""
    from femristor.compact.closed_form import ClosedFormSampler, published_form
    from femristor.compact.grid import default_grid
    from femristor.compact.sample import build_table

    sampler = ClosedFormSampler(model.card, published_form(model.card))
    return build_table(model.card, sampler, default_grid(model.card))
