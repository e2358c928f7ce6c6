"""femristor fit pulses: ionic parameters of the published law from a pulse train."""

import click

from femristor.cli.compact.noise import scheme_of
from femristor.cli.frame.belongs import belongs_to
from femristor.cli.frame.loads import cell_load, selector_option
from femristor.cli.frame.options import Context, card_option, common_options, out_option
from femristor.cli.frame.tables import text_table
from femristor.core.errors import InputError

SHOWN = {
    "barrier_set": (1.0, "eV"),
    "barrier_set_slope": (1e26, "1e-26 eV m^3"),
    "barrier_reset": (1.0, "eV"),
    "attempt_frequency": (1e-12, "THz"),
    "hop_distance": (1e9, "nm"),
    "load": (1.0, "times its current"),
    "start": (1e-24, "1e24 1/m^3"),
}


@click.command("pulses")
@click.argument("data", metavar="DATA.csv")
@click.option(
    "--column", "columns", multiple=True, metavar="QUANTITY=NAME", help="conductance=G_S, direction=NAME."
)
@click.option(
    "--directions", default=None, metavar="TEXT", help="up:155,down:65,alternate:20; else a column of 1, -1."
)
@click.option(
    "--read-at",
    type=click.Choice(["device", "terminals"]),
    default=None,
    help="Conductance of the cell (columns named G_device) or with the selector in series (others).",
)
@click.option("--set-voltage", default=None, type=float, help="Amplitude of set in V; the card's by default.")
@click.option("--reset-voltage", default=None, type=float, help="Amplitude of reset in V, below 0.")
@click.option("--width", default=None, metavar="TEXT", help='Pulse from foot to foot, as "2.5 us".')
@click.option("--edge", default=None, metavar="TEXT", help="Each edge; 0.3 of the pulse by default.")
@click.option("--read-voltage", default=None, type=float, help="Of the reads in V; the card's by default.")
@click.option("--cell", type=click.Choice(["1R", "1T1R"]), default="1T1R", show_default=True)
@selector_option
@click.option("--free", multiple=True, metavar="NAME", help="Fit one more, e.g. attempt_frequency.")
@click.option("--hold", multiple=True, metavar="NAME", help="Hold one that is fitted by default, e.g. load.")
@click.option(
    "--set-parameter", "given", multiple=True, metavar="NAME=VALUE", help="Where one starts or is held."
)
@click.option(
    "--profile", "profiles", multiple=True, metavar="NAME", help="Refit with a held number at 1/4 to 4 times."
)
@click.option("--robust", is_flag=True, help="Weigh outlying reads less.")
@card_option
@out_option("HDF5 file for the fit.")
@belongs_to("cell", {"1T1R": ("selector",)})
@common_options
def command(
    context: Context, *, data, columns, directions, read_at, cell, selector, free, hold, given, card, **own
):
    """Barriers of set and reset and their uncertainty from the conductance after each pulse of a train.

    The law is IBM's 0-D one at the card's numbers. Names: barrier_set, barrier_set_slope, barrier_reset and, with a
    selector, load are fitted; attempt_frequency and hop_distance are held, since one pair of amplitudes does not tell
    them from the barriers.
    """
    from dataclasses import replace

    from femristor.cli.cell.switching import check_out
    from femristor.cli.fit.inputs import pair
    from femristor.compact.fit.data import read_pulses_csv
    from femristor.compact.fit.profile import check_profile, profile
    from femristor.compact.fit.pulses import PulseExperiment, fit_pulses
    from femristor.core import store
    from femristor.device import load_card

    loaded = load_card(card)
    check_out(own["out"], None)
    mapping = dict(pair(text, "--column", "conductance=NAME") for text in columns)
    train = read_pulses_csv(data, mapping, directions=directions, read_at=read_at)
    read_V = loaded.statistics.read_voltage_V if own["read_voltage"] is None else own["read_voltage"]
    experiment = PulseExperiment(
        _law(loaded, given), scheme_of(loaded, own), cell_load(loaded, cell, selector), read_V
    )
    names = _free(free, hold, bare=cell == "1R")
    for name in own["profiles"]:
        check_profile(name, names)
    fit = fit_pulses(train, experiment, free=names, robust=own["robust"], progress=context.progress)
    if own["profiles"]:
        found = (
            profile(train, experiment, name, free=names, progress=context.progress)
            for name in own["profiles"]
        )
        fit = replace(fit, profiles=tuple(found))
    written = [f"wrote {store.save(fit, own['out'])}"] if own["out"] else []
    context.emit({"kind": "pulses", **vars(fit), "written": written}, "\n".join([fit_text(fit), *written]))


def _free(free, hold, *, bare: bool) -> tuple[str, ...]:
    from femristor.compact.fit.pulses import DEFAULT_FREE, PARAMETERS

    usual = DEFAULT_FREE if bare else (*DEFAULT_FREE, "load")
    for name in (*free, *hold):
        if name not in PARAMETERS:
            raise InputError(f"There is no parameter '{name}'; use {', '.join(PARAMETERS)}.")
    names = [*usual, *(name for name in free if name not in usual)]
    return tuple(name for name in names if name not in hold)


def _law(card, given):
    """The law with the numbers of --set-parameter."""
    from dataclasses import replace

    from femristor.cli.fit.inputs import number, pair
    from femristor.compact.ibm import IbmModel
    from femristor.core.constants import EV

    fields = {
        "barrier_set": ("barrier_set_J", EV),
        "barrier_set_slope": ("barrier_set_slope_J_m3", EV),
        "barrier_reset": ("barrier_reset_J", EV),
        "attempt_frequency": ("attempt_frequency_Hz", 1.0),
        "hop_distance": ("hop_distance_m", 1.0),
    }
    values = {}
    for name, text in (pair(entry, "--set-parameter", "barrier_set=0.95") for entry in given):
        if name not in fields:
            raise InputError(
                f"--set-parameter {name}: there is no such number; use {', '.join(fields)} (eV, Hz, m)."
            )
        value = number(text, f"--set-parameter {name}")
        if not value > 0:
            raise InputError(f"--set-parameter {name}={text}: give a number above 0 (eV, Hz, m).")
        values[fields[name][0]] = value * fields[name][1]
    return IbmModel(card, ionic=replace(card.ionic, **values))


def fit_text(fit) -> str:
    """The fit as text."""
    rows = []
    for k, name in enumerate(fit.names):
        factor, unit = SHOWN[name]
        error = f"{fit.standard_error[k] * factor:.2g}" if k < fit.free else "held"
        rows.append((name, f"{fit.value[k] * factor:.5g}", error, unit))
    lines = [
        f"{fit.origin}: {fit.conductance_S.size} pulses of {fit.set_V:g} / {fit.reset_V:g} V, {fit.width_s * 1e6:.3g} us, "
        f"{fit.load}, read at the {fit.read_at}",
        f"rms of ln G {fit.rms_ln * 100:.3g} %, neighbouring residuals correlated by {fit.autocorrelation:.2f}, "
        f"{fit.evaluations} trains",
        text_table(("parameter", "value", "standard error", "unit"), rows, right=(1, 2)),
    ]
    pairs = [
        f"{fit.names[i]}-{fit.names[j]} {fit.correlation[i, j]:.3f}"
        for i in range(fit.free)
        for j in range(i + 1, fit.free)
    ]
    lines.append("correlation: " + ", ".join(pairs))
    lines.append(
        "singular values of the scaled Jacobian: " + ", ".join(f"{value:.3g}" for value in fit.singular)
    )
    held = []
    for key, value in fit.held_sensitivity.items():
        name, other = key.split("/")
        factor, unit = SHOWN[name]
        held.append(f"d {name} / d ln {other} = {value * factor:.3g} {unit}")
    lines += [f"held numbers: {', '.join(held)}"] if held else []
    for entry in fit.profiles:
        factor, unit = SHOWN[entry.name]
        rows = [
            (
                f"{held * factor:.4g}",
                *(f"{v * SHOWN[n][0]:.5g}" for v, n in zip(row, entry.names, strict=True)),
                f"{rms:.3g}",
            )
            for held, row, rms in zip(entry.held, entry.fitted, 100 * entry.rms_ln, strict=True)
        ]
        head = (f"{entry.name} [{unit}]", *(f"{name} [{SHOWN[name][1]}]" for name in entry.names), "rms [%]")
        lines += ["", text_table(head, rows, right=range(len(head)))]
    return "\n".join([*lines, *(f"warning: {text}" for text in fit.warnings)])
