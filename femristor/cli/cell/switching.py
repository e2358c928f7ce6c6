"""What `femristor sweep` and `femristor pulses` share: models, loads, starts, and the trace as text."""

from collections.abc import Callable
from pathlib import Path

import click

from femristor.cli.frame.belongs import belongs_to
from femristor.cli.frame.loads import cell_load, selector_option
from femristor.cli.frame.options import mpi_rank
from femristor.cli.frame.tables import text_table
from femristor.core.errors import InputError

MODELS = ("pde", "dome", "compact", "ibm")
CELL_OWNERS = {"1T1R": ("gate", "selector"), "1R": ("series_ohm", "compliance")}
"""Options that only one --cell reads."""
MODEL_OWNERS = {
    "pde": ("state", "save_state", "checkpoint"),
    ("pde", "dome"): ("resolution", "tolerance"),
    "compact": ("table",),
}
"""Options that only some --model read."""

model_option = click.option(
    "--model",
    type=click.Choice(MODELS),
    default="pde",
    show_default=True,
    help="pde: moving vacancies in the fields; dome: one density, fields in the loop; compact: a table; "
    "ibm: the published 0-D law.",
)

_OPTIONS = (
    click.option(
        "--cell",
        type=click.Choice(["1R", "1T1R"]),
        default="1T1R",
        show_default=True,
        help="1T1R: with a selector.",
    ),
    click.option("--gate", default=None, type=float, help="Gate voltage of set in V; the card's by default."),
    selector_option,
    click.option("--series-ohm", default=0.0, show_default=True, help="Resistor in series with a 1R cell."),
    click.option(
        "--compliance", default=None, metavar="TEXT", help='Limit of a 1R set current, as "300 uA".'
    ),
    click.option(
        "--start",
        default=None,
        metavar="TEXT",
        help="pde: formed (default), history (form the device first) or N=2e25 everywhere; else lrs, hrs or N=7e24.",
    ),
    click.option("--state", default=None, metavar="HDF5", help="pde: start from the state in this file."),
    click.option("--save-state", default=None, metavar="HDF5", help="pde: write the state at the end."),
    click.option("--table", default=None, metavar="HDF5", help="compact: table to use."),
    click.option("--ambient", default=None, metavar="TEXT", help='Such as "350 K"; the card\'s by default.'),
    click.option("--resolution", default=0.7, show_default=True, help="Mesh resolution of pde and dome."),
    click.option("--tolerance", default=None, type=float, help="Relative error of a step of pde and dome."),
    click.option(
        "--checkpoint", default=None, metavar="PATH", help="pde: restart file; the same run continues."
    ),
)


def switching_options(function: Callable) -> Callable:
    """The options of cell, start and numerics."""
    for owners in (("model", MODEL_OWNERS), ("cell", CELL_OWNERS), ("state", {False: ("start",)})):
        function = belongs_to(*owners)(function)
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


def check_out(out: str | None, csv: str | None, filmstrip: str | None = None) -> None:
    """Refuse paths that cannot be written before long work begins.

    Raises:
        InputError: a wrong ending.
        OutputError: no such folder.
    """
    from femristor.core.io.files import ensure_output_dir

    if out is not None and Path(out).suffix != ".h5":
        raise InputError(f"--out {out}: results are written as HDF5; use the ending .h5, or --csv for text.")
    if filmstrip is not None and Path(filmstrip).suffix not in (".png", ".gif"):
        raise InputError(
            f"--filmstrip {filmstrip}: use the ending .png for a strip or .gif for an animation."
        )
    for path in (out, csv, filmstrip):
        if path is not None:
            ensure_output_dir(Path(path).parent)


def load_of(card, options: dict):
    """The load of the options; which of them go together, CELL_OWNERS says."""
    from femristor.core.units import parse_quantity
    from femristor.device.load_line import Load

    if options["cell"] == "1T1R":
        return cell_load(card, "1T1R", options["selector"], gate_set_V=options["gate"])
    if options["compliance"] is not None:
        limit = parse_quantity(options["compliance"], "A", "--compliance")
        return Load.limited(limit, options["series_ohm"])
    return Load.series(options["series_ohm"])


def ambient_K(options: dict) -> float | None:
    """The ambient of the options, None for the card's."""
    from femristor.core.units import parse_quantity

    return None if options["ambient"] is None else parse_quantity(options["ambient"], "K", "--ambient")


def field_cell(card, load, options: dict):
    """A cell with moving vacancies at the start that the options name."""
    from femristor.core import store
    from femristor.fem.results.switching import SwitchingState
    from femristor.fem.switching.cell import SwitchingCell

    start = options["start"] or "formed"
    if start in ("lrs", "hrs"):
        raise InputError(
            f"--start {start}: the pde model starts formed, from N=2e25, or from a --state file."
        )
    state = None if options["state"] is None else store.load(options["state"], SwitchingState)
    _check_state(state, card, options["state"])
    cell = SwitchingCell(card, load=load, **_numerics(options))
    if state is not None:
        cell.restore(state)
    elif start == "history":
        from femristor.fem.forming.history import history

        cell.restore(history(card, resolution=options["resolution"])[1])
    elif start != "formed":
        cell.start(start_density(card, start))
    return cell


def _check_state(state, card, path: str | None) -> None:
    """Refuse a state that a cell of another card was left in."""
    made = "" if state is None or state.provenance is None else state.provenance.card_hash
    if made and made != card.hash:
        raise InputError(
            f"--state {path}: a cell of another card (hash {made[:12]}) was left in this state, not one of {card.name} (hash "
            f"{card.hash[:12]}); give that card with --card, or another state."
        )


def keep_state(cell, options: dict) -> None:
    """Write the state at the end where --save-state asks for it."""
    from femristor.core import store

    if options["save_state"] is not None:
        state = cell.state()
        if mpi_rank() == 0:
            store.save(state, options["save_state"])


def dome_cell(card, load, options: dict):
    """A cell with one density and the fields in the loop."""
    from femristor.fem.regional.cell import DomeCell

    return DomeCell(card, load=load, **_numerics(options))


def _numerics(options: dict) -> dict:
    """Mesh, ambient and tolerance of a cell solved by fields."""
    more = {} if options["tolerance"] is None else {"tolerance": options["tolerance"]}
    fixed = {"dim": int(options.get("dim", 2)), "resolution": options["resolution"]}
    return {**fixed, "ambient_K": ambient_K(options), **more}


def distilled_model(card, model: str, options: dict):
    """IBM's law, or the table of the options."""
    if model == "ibm":
        from femristor.compact.ibm import IbmModel
        from femristor.compact.table.closed_form import borrowed
        from femristor.core.messages import notice

        if said := borrowed(card):
            notice(said)
        return IbmModel(card, ambient_K(options))
    from femristor.compact.results.table import CompactTable
    from femristor.compact.table.interpolate import TableModel
    from femristor.core import store
    from femristor.core.messages import notice

    if options["table"] is None:
        raise InputError(
            "--model compact needs a table; make one with femristor compact build and give --table."
        )
    table = store.load(options["table"], CompactTable)
    table.require_card(card, options["table"])
    for text in () if table.errors is None else table.errors.warnings():
        notice(f"{options['table']}: {text}")
    return TableModel(table, ambient_K(options))


def model_start(card, model, start: str | None) -> float:
    """Density of a start on a distilled model: a table has its own LRS and HRS."""
    from femristor.compact.ibm import IbmModel

    if isinstance(model, IbmModel):
        from femristor.api.cells import PUBLISHED_STATES

        return start_density(card, start, PUBLISHED_STATES)
    return start_density(card, start, model.table.states)


def start_density(card, start: str | None, states: dict[str, float] | None = None) -> float:
    """Density of a start, see `femristor.api.cells.start_density`."""
    from femristor.api.cells import start_density as density_of

    return density_of(card, start, states, name="--start")


def write_trace(trace, path: str) -> None:
    """Write t_s, V_V, I_A, N_m3, T_K as text, and the voltage over the cell where it has a load."""
    import numpy as np

    from femristor.core.io.files import atomic_write

    columns = (
        trace.time_s,
        trace.voltage_applied_V,
        trace.current_A,
        trace.density_m3,
        trace.temperature_K,
    )
    loaded = not np.allclose(trace.voltage_device_V, trace.voltage_applied_V, rtol=0, atol=1e-4)
    columns += (trace.voltage_device_V,) if loaded else ()
    with atomic_write(path) as stream:
        stream.write(f"t_s,V_V,I_A,N_m3,T_K{',V_device_V' if loaded else ''}\n")
        for row in zip(*columns, strict=True):
            stream.write(",".join(f"{float(value):.9g}" for value in row) + "\n")


def trace_payload(trace, csv: str | None, out: str | None) -> dict:
    """What --json prints."""
    names = ("time_s", "voltage_applied_V", "voltage_device_V", "current_A", "density_m3", "temperature_K")
    values = {
        name: getattr(trace, name) for name in (*names, "model", "load", "ambient_K", "status", "provenance")
    }
    return values | {"csv": csv, "out": out}


def text_of_trace(trace, name: str) -> str:
    """Corners of the waveform as a table."""
    import numpy as np

    volt = trace.voltage_applied_V
    turns = np.flatnonzero(np.diff(np.sign(np.diff(volt))) != 0) + 1
    corners = sorted({0, *turns.tolist(), volt.size - 1, *np.flatnonzero(volt == 0.0).tolist()})
    rows = [
        (
            f"{trace.time_s[k]:.4g}",
            f"{volt[k]:.3f}",
            f"{trace.voltage_device_V[k]:.3f}",
            f"{trace.current_A[k] * 1e6:.4g}",
            f"{trace.density_m3[k]:.4g}",
            f"{trace.temperature_K[k]:.4g}",
        )
        for k in corners
    ]
    head = ("t [s]", "V [V]", "V cell [V]", "I [uA]", "N [1/m^3]", "T [K]")
    top = (
        f"largest |I| {np.abs(trace.current_A).max() * 1e6:.4g} uA, hottest {trace.temperature_K.max():.4g} K, "
        f"{volt.size} points"
    )
    title = f"{name}, {trace.model}, {trace.ambient_K:g} K, {trace.load}"
    return "\n".join((title, text_table(head, rows, right=range(6)), top))
