"""femristor fit device: a device for training from pulse traces, simulated or measured."""

from pathlib import Path

import click

from femristor.cli.frame.belongs import belongs_to
from femristor.cli.frame.counts import count_option
from femristor.cli.frame.options import Context, common_options, out_option
from femristor.cli.frame.tables import text_table
from femristor.core.bounds import LEVELS
from femristor.core.errors import InputError


@click.command("device")
@click.argument("traces", nargs=-1, metavar="TRACES...")
@click.option(
    "--law",
    type=click.Choice(["soft-bounds", "table"]),
    default="soft-bounds",
    show_default=True,
    help="Generalised soft bounds fitted to each cell, or its step tables without a law.",
)
@click.option(
    "--method",
    type=click.Choice(["auto", "figures", "steps", "path"]),
    default="auto",
    show_default=True,
    help="Soft bounds: from figures of merit, all steps, or the path of noisy reads.",
)
@click.option("--bandwidth", default=None, type=float, help="Tables: smoothing in units of a cell's window.")
@count_option("--states", bound=LEVELS, default=None, help="Tables: states of the window.")
@click.option("--figure", default=None, metavar="PNG", help="Picture of traces, steps and distributions.")
@out_option("HDF5 file for the device.", default="device.h5")
@belongs_to("law", {"soft-bounds": ("method",), "table": ("bandwidth", "states")})
@common_options
def command(context: Context, *, traces, law, method, bandwidth, states, figure, out) -> None:
    """Make a device for `femristor train` out of pulse TRACES.

    TRACES are HDF5 files of `femristor array pulses` or `femristor pulses`, or one CSV of a measured record: a
    conductance column (and a direction), or conductances after up and after down pulses.
    """
    from femristor.cli.array.hops import check_outputs
    from femristor.nn.devices.files import device_of, save_device
    from femristor.nn.devices.fit.population import fit_population
    from femristor.nn.devices.fit.tables import BANDWIDTH, STATES, step_tables

    check_outputs({"out": out, "figure": figure})
    given = read_traces(traces)
    if law == "table":
        made = step_tables(
            given,
            states=STATES if states is None else states,
            bandwidth=BANDWIDTH if bandwidth is None else bandwidth,
            progress=context.progress,
        )
    else:
        made = fit_population(given, method=method, progress=context.progress)
    device_of(made)  # raises before anything is written
    save_device(made, out)
    if figure:
        from femristor.plot.nn.devices import population_figure, tables_figure
        from femristor.plot.style import save_png

        save_png((tables_figure if law == "table" else population_figure)(made, given), figure)
    payload, text = (_tables if law == "table" else _population)(made)
    context.emit({**payload, "law": law, "out": out}, text)


def read_traces(paths):
    """Traces of all files in one.

    Args:
        paths: HDF5 or CSV files.

    Returns:
        PulseTraces.

    Raises:
        InputError: no file, or files that do not go together.
        DataError: a CSV that cannot be read.
        StoreError: an HDF5 file that is none of ours.
    """
    from femristor.array.statistics.pulse_extract import measured_pulses
    from femristor.core import store
    from femristor.core.io.files import sha256_file
    from femristor.nn.devices.fit.traces import PulseTraces

    if not paths:
        raise InputError("Give the pulse traces: HDF5 files of `femristor array pulses`, or a measured CSV.")
    parts = []
    for path in paths:
        ending = Path(path).suffix.lower()
        if ending in (".h5", ".hdf5"):
            found = store.load(path)
            parts.append(
                PulseTraces.of(found, source=Path(path).name, inputs={Path(path).name: sha256_file(path)})
            )
        elif ending in (".csv", ".tsv", ".txt"):
            found = measured_pulses(path)
            parts.append(
                PulseTraces.of(found, source=Path(path).name, inputs={Path(path).name: sha256_file(path)})
            )
        else:
            raise InputError(f"{path}: traces are HDF5 (.h5) or text (.csv, .tsv, .txt) files; rename it.")
    return PulseTraces.joined(parts)


def _amplitudes(made) -> str:
    import math

    known = math.isfinite(made.set_V) and math.isfinite(made.reset_V)
    return f"{made.set_V:g} / {made.reset_V:g} V" if known else "amplitudes not in the record"


def _window(made) -> str:
    scale, unit = (1e6, " uS") if made.unit == "S" else (1.0, ", normalised")
    return f"window {made.g_min * scale:.4g} to {made.g_max * scale:.4g}{unit}"


def _tail(made) -> list[str]:
    lines = [f"left out: {len(made.refused)} cells; the first: {made.refused[0]}"] if made.refused else []
    return lines + [f"note: {note}." for note in made.notes]


def _population(made) -> tuple[dict, str]:
    import numpy as np

    from femristor.nn.devices.device_result import CELL_NAMES, FIGURE_NAMES

    rows = []
    for name, values, errors in zip(FIGURE_NAMES, made.figures.T, made.figure_errors.T, strict=True):
        spread = f"{values.std(ddof=1):.3g}" if values.size > 1 else "-"
        rows.append((name, f"{values.mean():.4g}", spread, f"{np.median(errors):.2g}"))
    lines = [
        f"{made.source}: soft bounds of {made.cell.size} cells, {_amplitudes(made)}, {_window(made)}",
        text_table(("", "mean", "over cells", "error of one"), rows, right=(1, 2, 3)),
        f"symmetry point on [-1, 1]: {1 - 2 * made.g1_mean[1]:.3f}; spread of bounds {made.bound_std:.3g} of half the window",
        f"G1 (N_states, skew): deviations {_deviations(made.g1_covariance)}; G2 (exponent, asymmetry): {_deviations(made.g2_covariance)}",
        *_tail(made),
    ]
    payload = {name: getattr(made, name) for name in ("source", "unit", "g_min", "g_max", "nsr", "bound_std")}
    payload |= {name: getattr(made, name) for name in ("set_V", "reset_V", "refused", "notes")}
    for name in ("g1_mean", "g1_covariance", "g1_seen", "g2_mean", "g2_covariance", "g2_seen"):
        payload[name] = getattr(made, name)
    payload["cells"] = made.cell
    payload["parameters"] = dict(zip(CELL_NAMES, made.parameters.T, strict=True))
    payload["errors"] = dict(zip(CELL_NAMES, made.errors.T, strict=True))
    payload["figures"] = dict(zip(FIGURE_NAMES, made.figures.T, strict=True))
    payload["figure_errors"] = dict(zip(FIGURE_NAMES, made.figure_errors.T, strict=True))
    return payload, "\n".join(lines)


def _deviations(covariance) -> str:
    import numpy as np

    first, second = np.sqrt(np.diag(covariance))
    text = f"{first:.3g}, {second:.3g}"
    return f"{text}, correlation {covariance[0, 1] / (first * second):.2f}" if first * second > 0 else text


def _tables(made) -> tuple[dict, str]:
    rows = []
    for name, values in (("N_states", made.n_states), ("skew", 0.5 * (1 - made.symmetry)), ("NSR", made.nsr)):
        rows.append(
            (name, f"{values.mean():.4g}", f"{values.std():.3g}", f"{values.min():.4g} to {values.max():.4g}")
        )
    lines = [
        f"{made.source}: step tables of {made.cell.size} cells, {_amplitudes(made)}, {_window(made)}",
        text_table(("at the symmetry point", "mean", "over cells", "range"), rows, right=(1, 2)),
        f"smoothing: {made.bandwidth:g} of the window or {made.neighbours} steps; known soft bounds come back with "
        f"{100 * made.bias[0]:+.1f} % at the symmetry point, {100 * made.bias[2]:.1f} % rms and {100 * made.bias[1]:+.0f} % "
        "at worst over the middle 80 %",
        *_tail(made),
    ]
    names = ("source", "unit", "g_min", "g_max", "n_states", "symmetry", "nsr", "windows", "bandwidth")
    names = (*names, "neighbours", "bias", "set_V", "reset_V", "refused", "notes")
    payload = {name: getattr(made, name) for name in names}
    return {**payload, "cells": made.cell}, "\n".join(lines)
