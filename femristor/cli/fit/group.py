"""femristor fit: filament and sigma_CMO from forming, hopping from read I-V, read I-V from sweeps, the selector."""

import functools
from collections.abc import Callable

import click

from femristor.cli.fit.device import command as device_command
from femristor.cli.fit.pulses import command as pulses_command
from femristor.cli.frame.counts import count_option
from femristor.cli.frame.options import CommandGroup, Context, common_options, out_option
from femristor.core.bounds import FIELD_POINTS
from femristor.core.errors import InputError


@click.group("fit", cls=CommandGroup)
def command() -> None:
    """Fit measured I-V files to the finite-element cell.

    DATA are CSV files: a voltage and a current column (units in the header), optionally label and ambient.
    """


command.add_command(pulses_command)
command.add_command(device_command)


def input_options(function: Callable) -> Callable:
    """Options of both fits: card, files, weights, output."""
    options = [
        click.argument("data", nargs=-1, metavar="DATA.csv..."),
        click.option(
            "--base", default="cmo_hfox", show_default=True, metavar="CARD", help="Card to start from."
        ),
        click.option("--card", "card_out", metavar="OUT.toml", help="Write a card with the fitted numbers."),
        out_option("Write the fit to this HDF5 file."),
        click.option(
            "--label", "labels", multiple=True, metavar="LABEL=FILE", help="Label of a file's curve."
        ),
        click.option(
            "--ambient",
            "ambients",
            multiple=True,
            metavar="K|FILE=K",
            help="Ambient temperature, 293 K else.",
        ),
        click.option(
            "--column", "columns", multiple=True, metavar="QUANTITY=NAME", help="Column, e.g. current=I_A."
        ),
        click.option(
            "--sigma", type=float, help="Standard deviation of the current relative to it; else the scatter."
        ),
        click.option("--note", "notes", multiple=True, help="Sentence to keep with the result."),
        click.option("--resolution", default=1.0, show_default=True, help="Mesh: 2 halves the element size."),
    ]
    return functools.reduce(lambda wrapped, option: option(wrapped), reversed(options), function)


@command.command("forming")
@input_options
@click.option("--window", metavar="LOW:HIGH", help="|V| of the linear regime in V; found when not given.")
@click.option(
    "--noise",
    type=click.Choice(["relative", "absolute"]),
    default="relative",
    show_default=True,
    help="Noise model.",
)
@click.option(
    "--cmo-conductivity", metavar="QUANTITY", help='CMO as deposited, e.g. "3e3 S/m"; else the card\'s.'
)
@click.option(
    "--cmo-range", metavar="LOW:HIGH", help="Its range in S/m for the systematic; else the card's note."
)
@common_options
def forming(
    context: Context, *, base, card_out, out, data, labels, ambients, columns, sigma, notes, resolution, **own
):
    """Filament radius and sigma_CMO from the linear regimes around forming.

    The curve after forming has a label that begins with "formed", the one after the negative sweep with
    "after"; one of them is enough.
    """
    from femristor.api.curves import fit_forming
    from femristor.cli.fit.inputs import check_outputs, read_curves, span, write_results
    from femristor.cli.fit.text import forming_text
    from femristor.core.units import parse_quantity
    from femristor.device import load_card

    target = check_outputs(card_out, out)
    loaded = load_card(base)
    given = read_curves(data, labels, ambients, columns)
    window, limits = span(own["window"], "--window"), span(own["cmo_range"], "--cmo-range")
    pristine = own["cmo_conductivity"]
    if pristine is not None:
        pristine = parse_quantity(pristine, "S/m", "--cmo-conductivity")
        if not pristine > 0:
            raise InputError(f"--cmo-conductivity must be above 0 S/m, not {pristine:g}.")
    fit = fit_forming(
        given.curves,
        loaded,
        resolution=resolution,
        window_V=window,
        relative_sigma=sigma,
        noise=own["noise"],
        pristine_S_per_m=pristine,
        pristine_range_S_per_m=limits,
        inputs=given.inputs,
        notes=notes,
        progress=context.progress,
    )
    written = write_results(fit, base, target, out)
    payload = {"kind": "forming", **vars(fit), "changes": fit.changes(), "written": written}
    context.emit(payload, "\n".join([forming_text(fit), *written]))


@command.command("hopping")
@input_options
@click.option("--window", default="0.005:0.2", show_default=True, metavar="LOW:HIGH", help="|V| to fit in V.")
@click.option("--fix", multiple=True, metavar="NAME=VALUE", help="Hold a parameter, e.g. dE=0.078 (eV).")
@click.option(
    "--bound", multiple=True, metavar="NAME=LOW:HIGH", help="Bound (and free) one, e.g. N=1e24:1e26."
)
@click.option("--free", multiple=True, metavar="NAME", help="Free a parameter that is held by default.")
@click.option(
    "--lines/--no-lines",
    default=None,
    help="a_e and dE follow the card's lines in N and N_s, or not; followed with one ambient temperature.",
)
@click.option(
    "--start", multiple=True, metavar="LABEL=STATE", help="State of the card that a label starts from."
)
@count_option("--bias-points", bound=FIELD_POINTS, default=12, help="Most field solutions for a curve.")
@click.option(
    "--new-lines",
    is_flag=True,
    help="With --card: also write lines a_e(N), dE(N) through the states, for models that read the lines alone.",
)
@common_options
def hopping(
    context: Context, *, base, card_out, out, data, labels, ambients, columns, sigma, notes, resolution, **own
):
    """Hopping parameters (N, a_e, dE) of each state from its read I-V.

    A label's word lrs or hrs names its state of the card; curves of one state share a label. Names: N (1/m^3), a_e (m),
    dE (eV) of the dome, and N_s, a_s, dE_s around it. With one ambient temperature N and N_s are fitted and the others follow
    the card's lines in them; with several, or --no-lines, the surroundings are held. N is local, not the 0-D number of the
    published law. Numbers may carry units: --fix "a_e=2.5 nm".
    """
    from femristor.api.curves import fit_hopping
    from femristor.cli.fit.inputs import check_outputs, pair, read_curves, span, write_results
    from femristor.cli.fit.text import hopping_text
    from femristor.device import load_card
    from femristor.transport.hopping.parameters import Choice, parse_value
    from femristor.transport.hopping.reach import READERS, changes_with_lines, reach_warning

    target = check_outputs(card_out, out)
    if own["new_lines"] and target is None:
        raise InputError("--new-lines writes the lines to a card; name it with --card OUT.toml.")
    fixed = {
        name: parse_value(name, value) for name, value in (pair(x, "--fix", "dE=0.078") for x in own["fix"])
    }
    bounds = {
        name: _bounds(name, text) for name, text in (pair(x, "--bound", "N=1e24:1e26") for x in own["bound"])
    }
    Choice.of(fixed, bounds, own["free"], lines=own["lines"])
    loaded = load_card(base)
    given = read_curves(data, labels, ambients, columns)
    fit = fit_hopping(
        given.curves,
        loaded,
        resolution=resolution,
        fixed=fixed,
        bounds=bounds,
        free=own["free"],
        lines=own["lines"],
        window_V=span(own["window"], "--window"),
        relative_sigma=sigma,
        bias_points=own["bias_points"],
        start=dict(pair(text, "--start", "label=lrs") for text in own["start"]),
        inputs=given.inputs,
        notes=(*given.assumed, *notes),
        progress=context.progress,
    )
    changes = changes_with_lines(fit, loaded) if own["new_lines"] else fit.changes()
    unseen = reach_warning(fit, loaded, new_lines=own["new_lines"])
    written = write_results(fit, base, target, out, changes)
    hits = {state.label: state.bounds_hit for state in fit.states}
    payload = {
        "kind": "hopping",
        **vars(fit),
        "warnings": (*fit.warnings, *([unseen] if unseen else ())),
        "bounds_hit": hits,
        "changes": changes,
        "reach": READERS,
        "written": written,
    }
    told = [f"note: {READERS}", *([f"warning: {unseen}"] if unseen else ())]
    context.emit(payload, "\n".join([hopping_text(fit), *told, *written]))


def _bounds(name: str, text: str) -> tuple[float, float]:
    from femristor.transport.hopping.parameters import parse_value

    low, mark, high = text.partition(":")
    if not mark:
        raise InputError(f"--bound {name}={text}: write it as --bound {name}=low:high.")
    return parse_value(name, low), parse_value(name, high)


@command.command("branches")
@click.argument("data", metavar="SWEEP.csv")
@out_option("CSV file for the read curves.", default="read_curves.csv")
@click.option("--limit", default=0.2, show_default=True, help="Largest |V| of the read curves in V.")
@click.option(
    "--reset",
    type=click.Choice(["auto", "negative", "positive"]),
    default="auto",
    show_default=True,
    help="Sign that resets; auto finds it from the resistances.",
)
@click.option("--column", "columns", multiple=True, metavar="QUANTITY=NAME", help="Column, e.g. current=I_A.")
@click.option("--only", metavar="TEXT", help="Only curves with this text in their label.")
@common_options
def branches(context: Context, *, data, out, limit, reset, columns, only):
    """LRS and HRS read curves out of switching sweeps: the low-field part of each reset branch."""
    import numpy as np

    from femristor.cli.fit.inputs import pair
    from femristor.core.io.ivfile import read_iv_csv, write_iv_csv
    from femristor.transport.branches import low_field_branches

    sweeps = read_iv_csv(data, dict(pair(text, "--column", "current=NAME") for text in columns), sweep=True)
    chosen = [curve for curve in sweeps if only is None or only in curve.label]
    if not chosen:
        raise InputError(f"{data}: no curve has '{only}' in its label; the first is '{sweeps[0].label}'.")
    sign = {"auto": None, "negative": -1, "positive": 1}[reset]
    found = low_field_branches(chosen, limit, reset_sign=sign)
    path = write_iv_csv(list(found.curves), out)
    side = "negative" if found.reset_sign < 0 else "positive"
    ratio = float(np.median(found.ratio))
    lines = [
        f"wrote {len(found.curves)} read curves of {len(chosen)} sweeps to {path}",
        f"{side} voltages reset the cell: LRS conducts {ratio:.3g} times what HRS does (median of {found.ratio.size})",
        *(f"warning: {text}" for text in found.warnings),
    ]
    payload = {
        "path": path,
        "sweeps": len(chosen),
        "labels": [curve.label for curve in found.curves],
        "reset": side,
        "ratio": found.ratio,
        "warnings": found.warnings,
    }
    context.emit(payload, "\n".join(lines))


@command.command("selector")
@click.argument("data", metavar="DATA.csv")
@click.option("--base", default="cmo_hfox", show_default=True, metavar="CARD", help="Card to start from.")
@click.option("--gate", type=float, metavar="V", help="Gate of the file, or of set in a 1T1R sweep.")
@click.option("--gate-reset", type=float, metavar="V", help="Gate of reset in a 1T1R sweep.")
@click.option("--column", "columns", multiple=True, metavar="QUANTITY=NAME", help="Column, e.g. drain=VDS.")
@out_option("Write the fit to this HDF5 file.")
@common_options
def selector(context: Context, *, data, base, gate, gate_reset, columns, out):
    """The transistor in series with the cell from its output characteristic.

    DATA holds drain-source voltage, current and gate voltage (V_DS_V, I_D_A, V_GS_V), or a 1T1R sweep: voltage over
    cell and transistor, over the cell, and current (V_cell_V, V_device_V, I_A); its gates are the card's unless given.
    """
    from femristor.cli.fit.inputs import check_outputs, pair
    from femristor.cli.fit.text import selector_text
    from femristor.core import store
    from femristor.device import load_card
    from femristor.device.selector import fit_selector, read_selector_csv

    check_outputs(None, out)
    card = load_card(base)
    mapping = dict(pair(text, "--column", "drain=NAME") for text in columns)
    points = read_selector_csv(data, card, mapping, gate_V=gate, gate_reset_V=gate_reset)
    fit = fit_selector(points, card)
    written = [f"wrote {store.save(fit, out)}"] if out is not None else []
    payload = {"kind": "selector", **vars(fit), "written": written}
    context.emit(payload, "\n".join([selector_text(fit), *written]))
