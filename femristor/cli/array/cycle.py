"""femristor array cycle: slow reset and set sweeps of every cell."""

import click

from femristor.cli.array.hops import check_outputs, distribution_table, hop_array, hop_options, spread_text
from femristor.cli.array.shared import MICRO, save_result
from femristor.cli.frame.belongs import belongs_to
from femristor.cli.frame.counts import count_option
from femristor.cli.frame.options import Context, card_option, common_options, out_option
from femristor.core.bounds import CYCLES


@click.command("cycle")
@card_option
@hop_options
@click.option(
    "--table", default=None, metavar="HDF5", help="--model table: table of `femristor compact build`."
)
@count_option("--cycles", bound=CYCLES, default=5, help="Cycles.")
@click.option("--set", "set_v", default=None, type=float, help="Peak of set in V; 1.2, of a table 1.4.")
@click.option(
    "--reset", "reset_v", default=None, type=float, help="Peak of reset in V; -1.2, of a table -1.45."
)
@click.option("--rate", default=1.0, show_default=True, help="Sweep rate in V/s.")
@out_option("HDF5 file for the cycles.")
@belongs_to(lambda given: f"--model {given['model'] or 'ibm'}", {"--model table": ("table",)})
@common_options
def cycle(context: Context, *, card: str, cycles: int, set_v, reset_v, rate: float, out, **own) -> None:
    """Cycles of all cells: LRS and HRS at 0.2 V, their ratio, set and reset voltages."""
    from femristor.array.experiments import cycling
    from femristor.device import load_card

    check_outputs({"out": out, **own})
    loaded = load_card(card)
    array = hop_array(loaded, own, context.seed)
    usual = (cycling.PEAK_SET_V, cycling.PEAK_RESET_V)
    if own["model"] == "table":
        usual = (cycling.TABLE_SET_V, cycling.TABLE_RESET_V)
    found = cycling.cycle_array(
        loaded, array, rows=own["rows"], cols=own["cols"], cycles=cycles, rate_V_per_s=rate,
        peak_set_V=usual[0] if set_v is None else set_v, peak_reset_V=usual[1] if reset_v is None else reset_v,
        checkpoint=own["checkpoint"], progress=context.progress,
    )  # fmt: skip
    save_result(found, out)
    if own["figure"]:
        from femristor.plot.array.experiments import cycling_figure
        from femristor.plot.style import save_png

        save_png(cycling_figure(found), own["figure"])
    names = ("lrs_S", "hrs_S", "set_voltage_V", "reset_voltage_V", "ratio", "paper_ratio", "peak_set_V")
    more = ("peak_reset_V", "cluster", "spread", "model", "load", "cost", "rows", "cols", "cycles")
    context.emit({**{name: getattr(found, name) for name in (*names, *more)}, "out": out}, _text(found))


def _text(found) -> str:
    rows = [
        ("LRS [uS]", found.lrs_S * MICRO, ""),
        ("HRS [uS]", found.hrs_S * MICRO, ""),
        ("set [V]", found.set_voltage_V, "below 1.5"),
        ("reset [V]", found.reset_voltage_V, "below 1.5"),
    ]
    return "\n".join(
        [
            f"{found.rows} x {found.cols} cells, {found.cycles} cycles, {found.model}, {found.peak_reset_V:g} / "
            f"{found.peak_set_V:g} V at {found.rate_V_per_s:g} V/s, clusters of {found.cluster:g}, {found.load}",
            f"spread from device to device: {spread_text(found.spread)}",
            distribution_table(rows),
            f"median LRS over median HRS {found.ratio:.3g}, paper about {found.paper_ratio:g}",
            f"cell by cell this costs {found.cost.sentence()}",
        ]
    )
