"""femristor compact distil: the one-state model of moving vacancies, from transients at constant voltage."""

from contextlib import nullcontext

import click

from femristor.cli.frame.counts import count_option
from femristor.cli.frame.options import Context, card_option, common_options, out_option
from femristor.core.bounds import GRID_POINTS
from femristor.core.errors import InputError
from femristor.core.units import parse_numbers

VOLTAGES = "0.6,0.8,1.0,1.2,1.3,1.4,1.5"


@click.command("distil")
@card_option
@click.option("--voltages", default=VOLTAGES, show_default=True, help="Held, each with both signs, in V.")
@click.option("--reset", "reset_V", default=-1.5, show_default=True, help="Sweep that makes HRS, in V.")
@click.option("--set", "set_V", default=1.3, show_default=True, help="Sweep that makes LRS, in V.")
@click.option("--lowest", default="5 uS", show_default=True, help="Conductance at which a reset ends.")
@click.option("--highest", default="97 uS", show_default=True, help="Conductance at which a set ends.")
@count_option("--densities", bound=GRID_POINTS, default=24, help="Densities of the table.")
@click.option("--resolution", default=0.5, show_default=True, help="Mesh resolution.")
@click.option("--tolerance", default=0.03, show_default=True, help="Relative error of a step.")
@click.option(
    "--transients", default=None, metavar="HDF5", help="File of transients: read, completed, kept up to date."
)
@out_option("Table for femristor sweep --model compact and all that take one.", default="distilled.h5")
@common_options
def command(context: Context, *, card: str, out: str, transients: str | None, **options) -> None:
    """Hold voltages on the moving vacancies and distil a table (about ten minutes; resumes with --transients)."""
    from pathlib import Path

    from femristor.compact.table.distil import distil
    from femristor.core import store
    from femristor.core.io.files import ensure_output_dir
    from femristor.core.jobs import exclusive
    from femristor.core.units import parse_quantity
    from femristor.device import load_card
    from femristor.fem.results.switching import TransientSet
    from femristor.fem.switching.transients import TransientPlan

    loaded = load_card(card)
    held = _voltages(options["voltages"])
    plan = TransientPlan(
        held,
        parse_quantity(options["lowest"], "S", "--lowest"),
        parse_quantity(options["highest"], "S", "--highest"),
    )
    ensure_output_dir(Path(out).parent)
    remedy = "wait for it, or give another --transients"
    with nullcontext() if transients is None else exclusive(transients, remedy):
        kept = ()
        if transients is not None and Path(transients).exists():
            before = store.load(transients, TransientSet)
            made = "" if before.provenance is None else before.provenance.card_hash
            if made != loaded.hash and (made or before.card_name != loaded.name):
                raise InputError(
                    f"{transients}: transients of another card; give another path or remove the file."
                )
            kept = before.transients
        found = _sample(context, loaded, plan, kept, transients, options)
    table, spread = distil(found, loaded, density_points=options["densities"])
    store.save(table, out)
    context.emit({"out": out, "spread": spread, "states": table.states}, _text(table, spread, out))


def _voltages(text: str) -> tuple[float, ...]:
    sizes = sorted({abs(part) for part in parse_numbers(text, "--voltages", limit=100)})
    return tuple(sign * size for size in sizes for sign in (1.0, -1.0))


def _sample(context: Context, card, plan, kept, path: str | None, options: dict):
    from femristor.cli.frame.loads import cell_load
    from femristor.core import store
    from femristor.device.load_line import BARE
    from femristor.fem.results.switching import TransientSet
    from femristor.fem.switching.cell import SwitchingCell
    from femristor.fem.switching.transients import end_states, sample_transients

    have = {entry.voltage_V for entry in kept}
    if path is not None and have.issuperset(plan.voltages_V):
        before = store.load(path, TransientSet)
        chosen = {entry.voltage_V: entry for entry in before.transients}
        wanted = tuple(chosen[volt] for volt in plan.voltages_V)
        return TransientSet(wanted, before.ambient_K, before.model, before.card_name, before.provenance)
    numerics = {"resolution": options["resolution"], "tolerance": options["tolerance"]}
    cell = SwitchingCell(card, load=cell_load(card, "1T1R"), **numerics)
    low, high = end_states(cell, reset_V=options["reset_V"], set_V=options["set_V"])
    cell.load = BARE
    keep = None if path is None else lambda so_far: store.save(so_far, path)
    return sample_transients(
        cell, plan, low=low, high=high, progress=context.progress, kept=kept, on_found=keep
    )


def _text(table, spread: dict, out: str) -> str:
    return (
        f"{table.card_name}: {table.density_m3.size} densities from {table.density_m3[0]:.3g} to "
        f"{table.density_m3[-1]:.3g} 1/m^3, {table.bias_V.size} biases up to {table.bias_V[-1]:g} V\n"
        f"currents of set and reset profiles at the same state differ by {spread['rms']:.1%} rms, "
        f"{spread['worst']:.1%} at worst\n{out}: written"
    )
