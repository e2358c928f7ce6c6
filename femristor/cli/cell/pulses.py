"""femristor pulses: open-loop trains on a cell, by any of the switching models, with N_states and skew."""

import click

from femristor.cli.cell.switching import check_out, load_of, model_option, switching_options
from femristor.cli.frame.counts import count_option
from femristor.cli.frame.options import Context, card_option, common_options, mpi_rank, out_option
from femristor.core.bounds import PULSES


@click.command("pulses")
@model_option
@card_option
@switching_options
@click.option("--set-voltage", default=None, type=float, help="Amplitude of set in V; the card's by default.")
@click.option("--reset-voltage", default=None, type=float, help="Amplitude of reset in V, below 0.")
@click.option(
    "--width", default=None, metavar="TEXT", help='Foot to foot, as "2.5 us"; the card\'s by default.'
)
@count_option("--up", bound=PULSES, default=400, help="Set pulses.")
@count_option("--down", bound=PULSES, default=400, help="Reset pulses.")
@count_option("--alternate", bound=PULSES, default=500, help="Alternating pulses.")
@click.option(
    "--csv",
    default=None,
    metavar="PATH",
    help="Write pulse, phase, direction, G_S (I/V of the cell alone at the read voltage, nothing in series), N_m3 and, at the "
    "end of the pulse, T_K and I_A.",
)
@out_option("HDF5 file for the train.")
@common_options
def command(context: Context, *, model: str, card: str, csv: str | None, out: str | None, **options) -> None:
    """Identical set pulses, reset pulses, then one of each in turn; a read after every pulse.

    Every conductance is I/V of the cell alone at the card's read voltage, with neither selector nor resistor in
    series; pulses go through both.
    """
    from femristor.core import store
    from femristor.device import load_card

    loaded = load_card(card)
    scheme = _scheme(loaded, options)
    load = load_of(loaded, options)
    check_out(out, csv)
    run = {"pde": _pde, "dome": _dome, "compact": _distilled, "ibm": _distilled}[model]
    trace = run(context, loaded, model, scheme, load, options)
    if mpi_rank() == 0:
        if csv:
            _write(trace, csv)
        if out:
            store.save(trace, out)
    payload = {"trace": trace, "conductance": _read_words(trace), "csv": csv, "out": out}
    context.emit(payload, _text(trace, loaded, model))


def _scheme(card, options: dict):
    from femristor.core.units import parse_quantity
    from femristor.device.pulse_scheme import PulseScheme

    usual = PulseScheme.of_card(card)
    width = usual.width_s if options["width"] is None else parse_quantity(options["width"], "s", "--width")
    up = usual.set_V if options["set_voltage"] is None else options["set_voltage"]
    down = usual.reset_V if options["reset_voltage"] is None else options["reset_voltage"]
    return PulseScheme(up, down, width)


def _counts(options: dict) -> dict[str, int]:
    return {"n_up": options["up"], "n_down": options["down"], "n_alternate": options["alternate"]}


def _pde(context: Context, card, _: str, scheme, load, options: dict):
    from femristor.cli.cell.switching import field_cell, keep_state
    from femristor.fem.switching.pulses import pulse_train

    cell = field_cell(card, load, options)
    found = pulse_train(
        cell, scheme, **_counts(options), checkpoint=options["checkpoint"], progress=context.progress
    )
    keep_state(cell, options)
    return found


def _dome(context: Context, card, _: str, scheme, load, options: dict):
    from femristor.cli.cell.switching import dome_cell, start_density
    from femristor.fem.switching.pulses import pulse_train

    cell = dome_cell(card, load, options)
    cell.start(start_density(card, options["start"]))
    return pulse_train(cell, scheme, **_counts(options), progress=context.progress)


def _distilled(_: Context, card, model: str, scheme, load, options: dict):
    from femristor.cli.cell.switching import distilled_model, model_start
    from femristor.compact.dynamics.pulses import model_pulse_train

    own = distilled_model(card, model, options)
    start = model_start(card, own, options["start"])
    return model_pulse_train(own, card, scheme=scheme, load=load, start_density_m3=start, **_counts(options))


def _read_words(trace) -> str:
    """Which conductance it is."""
    return f"conductances: I/V of the cell alone at {trace.read_V:g} V, nothing in series"


def _write(trace, path: str) -> None:
    from femristor.core.io.files import atomic_write

    columns = (trace.phase, trace.direction, trace.conductance_S, trace.density_m3, trace.temperature_K)
    with atomic_write(path) as stream:
        stream.write("pulse,phase,direction,G_S,N_m3,T_K,I_A\n")
        for number, row in enumerate(zip(*columns, trace.current_A, strict=True)):
            stream.write(f"{number}," + ",".join(f"{float(value):.9g}" for value in row) + "\n")


def _text(trace, card, model: str) -> str:
    import numpy as np

    goal = card.statistics.pulses
    conductance = 1e6 * trace.conductance_S
    lines = [
        f"{card.name}, {model}, {trace.set_V:g} / {trace.reset_V:g} V, {trace.width_s * 1e6:.3g} us, {trace.load}",
        _read_words(trace),
        f"{conductance.size} pulses from {trace.start_conductance_S * 1e6:.4g} uS: between {conductance.min():.4g} and "
        f"{conductance.max():.4g} uS, hottest {trace.temperature_K.max():.4g} K",
    ]
    if np.isfinite(trace.n_states):
        lines.append(
            f"N_states {trace.n_states:.3g} (paper {goal.n_states_mean:g}), skew of the symmetry point "
            f"{trace.skew:.0%} (paper {goal.skew_mean:.0%})"
        )
    return "\n".join(lines)
