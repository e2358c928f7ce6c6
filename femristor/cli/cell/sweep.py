"""femristor sweep: triangles on a cell, by moving vacancies, the dome-averaged state, a table or IBM's law."""

from itertools import pairwise
from pathlib import Path

import click

from femristor.cli.cell.switching import (
    check_out,
    keep_state,
    load_of,
    model_option,
    switching_options,
    text_of_trace,
    trace_payload,
    write_trace,
)
from femristor.cli.frame.belongs import belongs_to
from femristor.cli.frame.counts import count_option
from femristor.cli.frame.options import Context, card_option, common_options, mpi_rank, out_option
from femristor.core.bounds import CYCLES, SWEEP_POINTS
from femristor.core.errors import InputError

PEAK_V = 1.4
"""Peak of both halves where none is given."""
LIMIT_V = 10.0
"""Highest peak that no typing error explains."""


def _halves(given: dict) -> str:
    """Which halves a sweep has, in words."""
    both = bool(given["vmax"]) == bool(given["vmin"])
    return "both halves" if both else "one half"


@click.command("sweep")
@model_option
@card_option
@switching_options
@click.option(
    "--vmax", default=None, type=float, help=f"Peak of the positive half in V; {PEAK_V:g} without --vmin."
)
@click.option(
    "--vmin", default=None, type=float, help=f"Peak of the negative half in V; {-PEAK_V:g} without --vmax."
)
@click.option("--rate", default=1.0, show_default=True, help="Sweep rate in V/s.")
@count_option("--cycles", bound=CYCLES, default=1, help="How often.")
@count_option(
    "--points",
    bound=SWEEP_POINTS,
    default=101,
    help="compact and ibm: points on each way of a triangle, up and down, with both ends; fields choose their own steps.",
)
@click.option("--reset-first", is_flag=True, help="Negative half first.")
@click.option("--dim", default="2", type=click.Choice(["2", "3"]), show_default=True, help="Of pde and dome.")
@click.option("--csv", default=None, metavar="PATH", help="Write t_s, V_V, I_A, N_m3, T_K as text.")
@click.option(
    "--filmstrip", default=None, metavar="PATH", help="Picture .png or animation .gif of the pde model."
)
@out_option("HDF5 file for the sweep.")
@belongs_to("model", {("pde", "dome"): ("dim",), "pde": ("filmstrip",), ("compact", "ibm"): ("points",)})
@belongs_to(_halves, {"both halves": ("reset_first",)})
@common_options
def command(context: Context, *, model: str, card: str, csv: str | None, out: str | None, **options) -> None:
    """Current, state and temperature along triangles, the load line solved with the cell."""
    from femristor.core import store
    from femristor.device import load_card

    loaded = load_card(card)
    waveform = _waveform(options)
    load = load_of(loaded, options)
    check_out(out, csv, options["filmstrip"])
    run = {"pde": _pde, "dome": _dome, "compact": _distilled, "ibm": _distilled}[model]
    trace, stored = run(context, loaded, model, waveform, load, options)
    if mpi_rank() == 0:
        if csv:
            write_trace(trace, csv)
        if out:
            store.save(stored, out)
    context.emit(trace_payload(trace, csv, out), text_of_trace(trace, loaded.name))


def _waveform(options: dict):
    from femristor.core.curves import Waveform

    given, cycles = (options["vmax"], options["vmin"]), options["cycles"]
    vmax, vmin = (PEAK_V, -PEAK_V) if given == (None, None) else (peak or 0.0 for peak in given)
    if not options["rate"] > 0:
        raise InputError(f"A sweep rate of {options['rate']:g} V/s is not possible; give --rate above 0.")
    peaks = [peak for peak in (vmax, vmin) if peak != 0]
    if max(vmax, -vmin) > LIMIT_V:
        raise InputError(f"A sweep from {vmin:g} to {vmax:g} V is beyond {LIMIT_V:g} V; give volts.")
    if vmax < 0 or vmin > 0 or not peaks:
        raise InputError(
            f"A sweep from {vmin:g} to {vmax:g} V is not possible; give --vmax above or --vmin below 0."
        )
    return Waveform.triangle((peaks[::-1] if options["reset_first"] else peaks) * cycles, options["rate"])


def _pde(context: Context, card, _: str, waveform, load, options: dict):
    from femristor.cli.cell.switching import field_cell

    cell = field_cell(card, load, options)
    recorder = None
    if options["filmstrip"]:
        from femristor.core.messages import notice
        from femristor.fem.switching.frames import FrameRecorder

        if options["checkpoint"] and Path(options["checkpoint"]).is_file():
            notice(
                f"{options['checkpoint']}: the run is taken up from here, so that --filmstrip shows only what follows; for "
                "all of it give another --checkpoint."
            )
        recorder = FrameRecorder(cell, _moments(waveform))
    found = cell.run(waveform, checkpoint=options["checkpoint"], progress=context.progress, on_step=recorder)
    if recorder is not None:
        _write_strip(recorder.frames_of(card.name), options["filmstrip"])
    keep_state(cell, options)
    return found.trace, found


def _moments(waveform) -> list[float]:
    """Four moments a half of the triangle: on the way up, at the peak, and back at 0 V."""
    moments = []
    for (t0, v0), (t1, v1) in pairwise(zip(waveform.time_s, waveform.voltage_V, strict=True)):
        shares = (0.65, 0.82, 1.0) if abs(v1) > abs(v0) else (1.0,)
        moments += [t0 + share * (t1 - t0) for share in shares]
    return moments


def _write_strip(strip, path: str) -> None:
    from femristor.plot import save_png
    from femristor.plot.filmstrip import filmstrip_figure, save_animation

    if path.endswith(".gif"):
        save_animation(strip, path)
    else:
        save_png(filmstrip_figure(strip), path)


def _dome(context: Context, card, _: str, waveform, load, options: dict):
    from femristor.cli.cell.switching import dome_cell, start_density

    cell = dome_cell(card, load, options)
    trace = cell.run(waveform, density_m3=start_density(card, options["start"]), progress=context.progress)
    return trace, trace


def _distilled(_: Context, card, model: str, waveform, load, options: dict):
    from femristor.cli.cell.switching import distilled_model, model_start
    from femristor.compact.dynamics.trace import trace_sweep

    own = distilled_model(card, model, options)
    start = model_start(card, own, options["start"])
    trace = trace_sweep(own, waveform, start, load=load, points=options["points"])
    return trace, trace
