"""femristor compact: distil the cell into a table, sweep it, say what a table holds."""

import click

from femristor.cli.cell.switching import CELL_OWNERS, load_of
from femristor.cli.compact.distil import command as distil_command
from femristor.cli.compact.export import command as export_command
from femristor.cli.compact.noise import command as noise_command
from femristor.cli.frame.belongs import belongs_to
from femristor.cli.frame.counts import count_option
from femristor.cli.frame.loads import selector_option
from femristor.cli.frame.options import (
    CommandGroup,
    Context,
    card_option,
    common_options,
    mpi_rank,
    out_option,
)
from femristor.cli.frame.tables import text_table
from femristor.core.bounds import AMBIENTS, CYCLES, GRID_POINTS, PROBES, PROCESSES, SWEEP_POINTS
from femristor.core.errors import InputError

FORM_ROWS = (
    ("effective area", "area_m2", 1e18, "nm2"),
    ("effective length", "length_m", 1e9, "nm"),
    ("series resistance", "series_ohm", 1.0, "ohm"),
    ("thermal resistance", "thermal_K_per_W", 1e-6, "K/uW"),
)


@click.group("compact", cls=CommandGroup)
def command() -> None:
    """Distil the finite-element cell into a table and a 0-D law, and sweep the table.

    `build` samples the cell over bias, dome density and ambient; `sweep` drives it, bare or behind a load;
    `info` prints ranges, interpolation errors and the 0-D law of a table; `export` writes it for circuit simulators;
    `noise` draws the hops of vacancies at random; `distil` makes a table from moving vacancies.
    """


command.add_command(distil_command)
command.add_command(export_command)
command.add_command(noise_command)


@command.command("build")
@card_option
@out_option("HDF5 file for the table.", default="compact.h5")
@click.option(
    "--model",
    type=click.Choice(["fem", "published"]),
    default="fem",
    show_default=True,
    help="Sample field solutions, or IBM's published 0-D law (a control that takes a second).",
)
@count_option("--bias-points", bound=GRID_POINTS, default=25, help="Biases, from 0 V to the card's highest.")
@count_option("--density-points", bound=GRID_POINTS, default=15, help="Dome densities.")
@count_option("--ambients", bound=AMBIENTS, default=3, help="Ambient temperatures; 1 takes the card's only.")
@count_option(
    "--probes", bound=PROBES, default=8, help="Sweeps off the grid that measure the interpolation error."
)
@click.option("--resolution", default=1.0, show_default=True, help="Mesh resolution, 2 is twice as fine.")
@count_option("--jobs", bound=PROCESSES, default=2, help="Processes on this machine.")
@click.option("--mpi", is_flag=True, help="Use the ranks of mpiexec instead of --jobs.")
@click.option(
    "--cache", default=None, metavar="DIR", help="Folder of finished sweeps; the user's cache by default."
)
@click.option("--no-cache", is_flag=True, help="Neither read nor keep finished sweeps.")
@belongs_to("model", {"fem": ("resolution",)})
@belongs_to("mpi", {False: ("jobs",)})
@belongs_to("no_cache", {False: ("cache",)})
@common_options
def build(
    context: Context,
    *,
    card: str,
    out: str,
    model: str,
    bias_points: int,
    density_points: int,
    ambients: int,
    probes: int,
    resolution: float,
    jobs: int,
    mpi: bool,
    cache: str | None,
    no_cache: bool,
) -> None:
    """Sample the cell into a table; an interrupted build continues from its cache."""
    import time
    from pathlib import Path

    from femristor.compact.table.cache import SweepCache, default_cache_folder
    from femristor.compact.table.grid import default_grid
    from femristor.compact.table.sample import build_table, process_executor
    from femristor.core import store
    from femristor.core.io.files import ensure_output_dir
    from femristor.device import load_card

    loaded = load_card(card)
    grid = default_grid(
        loaded, bias_points=bias_points, density_points=density_points, ambient_points=ambients
    )
    sampler = _sampler(loaded, model, resolution)
    if mpi_rank() == 0:
        ensure_output_dir(Path(out).parent)
    folder = Path(cache) if cache else default_cache_folder()
    kept = None if no_cache else SweepCache(folder)
    begun = time.perf_counter()
    with _mpi_executor() if mpi else process_executor(jobs) as executor:
        if mpi_rank() != 0:
            return
        table = build_table(
            loaded,
            sampler,
            grid,
            executor=executor,
            cache=kept,
            probes=probes,
            seed=context.seed,
            progress=context.progress,
        )
    store.save(table, out)
    seconds = time.perf_counter() - begun
    payload = {**_summary(table, loaded), "out": out, "seconds": seconds}
    text = (
        f"{_describe(table, loaded)}\n{out}: {len(grid.pairs)} sweeps and {probes} checks in {seconds:.1f} s"
    )
    context.emit(payload, text)


@command.command("sweep")
@click.option("--table", required=True, metavar="HDF5", help="Table of `femristor compact build`.")
@click.option("--vmax", default=1.3, show_default=True, help="Peak of the positive half in V, 0 for none.")
@click.option("--vmin", default=-1.3, show_default=True, help="Peak of the negative half in V, 0 for none.")
@click.option("--rate", default=1.0, show_default=True, help="Sweep rate in V/s.")
@count_option("--cycles", bound=CYCLES, default=1, help="How often.")
@count_option(
    "--points", bound=SWEEP_POINTS, default=101, help="Points on each way up or down, with both ends."
)
@click.option("--start", default="hrs", show_default=True, help="lrs, hrs or N=2e25 (dome density in 1/m^3).")
@click.option(
    "--ambient", default=None, metavar="TEXT", help='Ambient such as "350 K"; the card\'s by default.'
)
@click.option("--series-ohm", default=0.0, show_default=True, help="Resistor in series.")
@click.option("--compliance", default=None, metavar="TEXT", help='Limit of the set current such as "300 uA".')
@click.option(
    "--cell", type=click.Choice(["1R", "1T1R"]), default="1R", show_default=True, help="1T1R: selector."
)
@selector_option
@click.option("--gate", default=None, type=float, help="Gate voltage of set in V; the card's by default.")
@card_option
@click.option("--tolerance", default=1e-6, show_default=True, help="Of ln N in a step.")
@click.option("--csv", default=None, metavar="PATH", help="Write t, V, I, N, T as text.")
@out_option("HDF5 file for the sweep.")
@belongs_to("cell", {"1R": CELL_OWNERS["1R"], "1T1R": ("card", *CELL_OWNERS["1T1R"])})
@common_options
def sweep(
    context: Context,
    *,
    table: str,
    vmax: float,
    vmin: float,
    rate: float,
    cycles: int,
    points: int,
    start: str,
    ambient: str | None,
    series_ohm: float,
    compliance: str | None,
    cell: str,
    selector: str | None,
    gate: float | None,
    card: str,
    tolerance: float,
    csv: str | None,
    out: str | None,
) -> None:
    """Quasi-static triangle 0, vmax, 0, vmin, 0 on a table."""
    from femristor.compact.dynamics import integrator
    from femristor.compact.results.table import CompactTable
    from femristor.core import store
    from femristor.core.curves import Waveform
    from femristor.core.units import parse_quantity
    from femristor.device import load_card

    loaded = store.load(table, CompactTable)
    peaks = [peak for peak in (vmax, vmin) if peak != 0] * cycles
    if vmax < 0 or vmin > 0 or not peaks:
        raise InputError(
            f"A sweep from {vmin:g} to {vmax:g} V is not possible; give --vmax above or --vmin below 0."
        )
    own = load_card(card)
    if cell == "1T1R":
        loaded.require_card(own, table)
    series = {"cell": cell, "series_ohm": series_ohm, "compliance": compliance}
    load = load_of(own, {**series, "gate": gate, "selector": selector})
    result = integrator.sweep(
        loaded,
        Waveform.triangle(peaks, rate),
        _start_density(loaded, start),
        ambient_K=None if ambient is None else parse_quantity(ambient, "K", "--ambient"),
        load=load,
        tolerance=tolerance,
        points=points,
        progress=context.progress,
    )
    if csv:
        _write_csv(result, csv)
    if out:
        store.save(result, out)
    _emit_sweep(context, loaded, result, csv, out)


@command.command("info")
@click.argument("table", metavar="TABLE")
@click.option(
    "--card", default=None, metavar="CARD", help="The table's card, for the published law beside ours."
)
@common_options
def info(context: Context, *, table: str, card: str | None) -> None:
    """Ranges, interpolation errors, 0-D law and origin of a table."""
    from femristor.compact.results.table import CompactTable
    from femristor.core import store
    from femristor.device import load_card

    loaded = store.load(table, CompactTable)
    own = _shipped_card(loaded) if card is None else load_card(card)
    if card is not None:
        loaded.require_card(own, table)
    context.emit({**_summary(loaded, own), "table": table}, _describe(loaded, own))


def _shipped_card(table):
    """The shipped card that a table was made of, None for a card of the user."""
    from femristor.device import load_card
    from femristor.device.card.io import shipped_cards

    made = "" if table.provenance is None else table.provenance.card_hash
    return next((card for card in map(load_card, shipped_cards()) if card.hash == made), None)


def _sampler(card, model: str, resolution: float):
    from femristor.compact.table.closed_form import ClosedFormSampler, borrowed, published_form
    from femristor.core.messages import notice

    if model == "published":
        if said := borrowed(card):
            notice(said)
        return ClosedFormSampler(card, published_form(card))
    from femristor.fem.electrothermal.executor import DomeSampler

    if not 0.05 <= resolution <= 20:
        raise InputError(f"--resolution {resolution:g} gives no usable mesh; give one from 0.05 to 20.")
    return DomeSampler(card, resolution=resolution)


def _mpi_executor():
    from femristor.fem.electrothermal.executor import mpi_executor

    return mpi_executor()


def _start_density(table, start: str) -> float:
    if start in table.states:
        return table.states[start]
    try:
        return float(start.removeprefix("N="))
    except ValueError:
        raise InputError(
            f"'{start}' is no start; use one of {', '.join(table.states)} or N=<density in 1/m^3>."
        ) from None


def _write_csv(result, path: str) -> None:
    import numpy as np

    from femristor.core.io.files import atomic_write

    columns = np.column_stack(
        [
            result.time_s,
            result.voltage_applied_V,
            result.voltage_device_V[0],
            result.current_A[0],
            result.density_m3[0],
            result.temperature_K[0],
        ]
    )
    with atomic_write(path) as stream:
        stream.write("t_s,V_V,V_device_V,I_A,N_m3,T_K\n")
        stream.writelines(",".join(f"{value:.9g}" for value in row) + "\n" for row in columns)


def _emit_sweep(context: Context, table, result, csv, out) -> None:
    import numpy as np

    from femristor.compact.table.interpolate import TableModel

    model = TableModel(table, float(result.ambient_K[0]))
    corners = np.flatnonzero(np.isin(result.voltage_applied_V, (0.0,)))
    reads = model.conductance_S(result.density_m3[0, corners])
    rows = [
        (f"{result.time_s[k]:.4g}", f"{result.density_m3[0, k]:.4g}", f"{g * 1e6:.4g}")
        for k, g in zip(corners, reads, strict=True)
    ]
    lines = [
        f"{table.card_name} ({table.model}), {result.ambient_K[0]:g} K, {result.load}",
        text_table(
            ("time at 0 V [s]", "N [1/m^3]", "G of the cell alone, 0.2 V [uS]"), rows, right=(0, 1, 2)
        ),
        f"largest |I| {np.max(np.abs(result.current_A)) * 1e6:.4g} uA, hottest {np.max(result.temperature_K):.4g} K",
        *(f"warning: {text}" for text in _warnings(table)),
    ]
    payload = {
        "time_s": result.time_s,
        "voltage_applied_V": result.voltage_applied_V,
        "voltage_device_V": result.voltage_device_V[0],
        "current_A": result.current_A[0],
        "density_m3": result.density_m3[0],
        "temperature_K": result.temperature_K[0],
        "conductance_at_0V_S": reads,
        "load": result.load,
        "warnings": _warnings(table),
        "csv": csv,
        "out": out,
    }
    context.emit(payload, "\n".join(lines))


def _summary(table, card) -> dict:
    return {
        "card": table.card_name,
        "model": table.model,
        "bias_V": table.bias_V,
        "density_m3": table.density_m3,
        "ambient_K": table.ambient_K,
        "errors_worst": None if table.errors is None else table.errors.worst(),
        "errors_rms": None if table.errors is None else table.errors.rms(),
        "warnings": _warnings(table),
        "closed_form": table.closed_form,
        "published": None if card is None else _published(card),
        "provenance": table.provenance,
    }


def _warnings(table) -> tuple[str, ...]:
    return () if table.errors is None else table.errors.warnings()


def _published(card):
    from femristor.compact.table.closed_form import published_form

    return published_form(card)


def _describe(table, card) -> str:
    lines = [
        f"{table.card_name}, sampled from {table.model}",
        f"bias up to {table.bias_V[-1]:g} V ({table.bias_V.size} points), dome density {table.density_m3[0]:.3g} to "
        f"{table.density_m3[-1]:.3g} 1/m^3 ({table.density_m3.size}), ambient {table.ambient_K[0]:g} to "
        f"{table.ambient_K[-1]:g} K ({table.ambient_K.size})",
    ]
    if table.errors is not None:
        worst, rms = table.errors.worst(), table.errors.rms()
        lines.append(
            f"off the grid ({table.errors.ln_current.size} points at cell centres): ln I {worst['ln_current']:.2%} at "
            f"worst, {rms['ln_current']:.2%} rms; ln(rate) {worst['ln_rate']:.2%}, {rms['ln_rate']:.2%}; "
            f"T {worst['temperature_K']:.2g} K, {rms['temperature_K']:.2g} K"
        )
    if table.closed_form is not None:
        lines.append(_form_text(table.closed_form, card))
    if table.provenance is not None:
        lines.append(f"made {table.provenance.created}, card hash {table.provenance.card_hash[:12]}")
    lines += [f"warning: {text}" for text in _warnings(table)]
    return "\n".join(lines)


def _form_text(form, card) -> str:
    from femristor.compact.table.closed_form import is_published_cell, published_form

    published = None if card is None else published_form(card)
    rows = []
    for label, name, scale, unit in FORM_ROWS:
        ours, error = getattr(form, name) * scale, form.standard_error.get(name, 0.0)
        row = (f"{label} [{unit}]", f"{ours:.4g}", f"{error:.1%}")
        if published is not None:
            theirs = getattr(published, name) * scale
            row += (f"{theirs:.4g}", f"{ours / theirs - 1:+.0%}")
        rows.append(row)
    head, tail = ("0-D law", "ours", "standard error"), []
    if published is not None:
        radius = "" if is_published_cell(card) else f", area for r = {card.filament.radius_m * 1e9:.4g} nm"
        head += (f"published{radius}", "difference")
    else:
        tail.append("published law: its area follows the filament of the table's card; give it with --card")
    tail.append(
        f"residual of ln I {form.rms_ln_current:.3f} rms, {form.max_ln_current:.3f} at worst; of ln(T - T_ambient) "
        f"{form.rms_ln_heating:.3f} rms; {form.points} points"
    )
    return "\n".join([text_table(head, rows, right=range(1, len(head))), *tail])
