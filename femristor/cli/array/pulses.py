"""femristor array pulses: the open-loop protocol on all cells."""

import click

from femristor.cli.array.hops import hop_options
from femristor.cli.array.shared import MICRO, PAPER_MERITS, read_noise_option, save_result
from femristor.cli.frame.belongs import belongs_to
from femristor.cli.frame.counts import count_option
from femristor.cli.frame.counts import protocol as counts_of
from femristor.cli.frame.options import Context, card_option, common_options, out_option
from femristor.cli.frame.tables import text_table
from femristor.core.bounds import CELLS, PULSES
from femristor.core.errors import InputError


def _source(given: dict) -> str:
    """Where the pulses come from, in words."""
    if given["measured"] is not None:
        return "--measured"
    if given["model"] is not None:
        return f"--model {given['model']}"
    return "--steps" if given["steps"] is not None else "--table"


HOPS, TABLES = ("--model ibm", "--model table"), ("--steps", "--table")
OWNERS = {
    HOPS: ("cluster", "spread", "rows", "cols", "checkpoint", "match_states", "match_skew"),
    TABLES: ("noise", "cells", "start_us", "read_noise"),
    ("--measured", *HOPS): ("figure",),
    (*HOPS, "--table"): ("set_v", "reset_v"),
    (*HOPS, *TABLES): ("protocol", "card"),
    ("--model table", "--table"): ("table",),
}
"""Options that only some sources of pulses read."""


@click.command("pulses")
@card_option
@click.option("--measured", default=None, metavar="CSV", help="Figures of merit of a measured pulse record.")
@hop_options
@click.option("--match-states", default=None, type=float, help="Search amplitudes with this median N_states.")
@click.option(
    "--match-skew", default=None, type=float, help="Search amplitudes with this median skew, 0 to 1."
)
@click.option("--steps", default=None, metavar="CSV", help="Steps: conductance_uS, step_up_uS, step_down_uS.")
@click.option("--table", default=None, metavar="HDF5", help="Compact table of `femristor compact build`.")
@click.option("--set", "set_v", default=None, type=float, help="Set amplitude in V; the card's by default.")
@click.option("--reset", "reset_v", default=None, type=float, help="Reset amplitude in V, negative.")
@click.option(
    "--noise", default=0.0, show_default=True, help="Sigma of a step over its mean, cycle to cycle."
)
@count_option("--cells", bound=CELLS, default=None, help="Cells of --steps and --table, 32 by default.")
@click.option(
    "--start-uS", "start_us", default=None, type=float, help="Start; the middle of the steps by default."
)
@click.option(
    "--protocol", default="400,400,500", show_default=True, help="Set, reset and alternating pulses."
)
@read_noise_option
@out_option("HDF5 file for the response.")
@belongs_to("measured", {False: ("model", "steps", "table")})
@belongs_to("steps", {False: ("model", "table")})
@belongs_to(_source, OWNERS)
@common_options
def pulses(
    context: Context,
    *,
    card: str,
    steps: str | None,
    table: str | None,
    set_v: float | None,
    reset_v: float | None,
    noise: float,
    cells: int | None,
    start_us: float | None,
    protocol: str,
    read_noise: bool,
    out: str | None,
    measured: str | None,
    **hops,
) -> None:
    """Open-loop pulse response: states, skew of the symmetry point, noise-to-signal.

    Cells hop at random with --model; --steps and --table take the steps of a table; --measured reads a record.
    """
    from femristor.cli.array.open_loop import run_measured, run_open_loop

    if measured is not None:
        return run_measured(context, measured, out, hops["figure"])
    if hops["model"] is not None:
        own = {"table": table, "set_v": set_v, "reset_v": reset_v, "protocol": protocol, "out": out}
        return run_open_loop(context, card, {**hops, **own})
    return _run_steps(
        context, card, steps, table, set_v=set_v, reset_v=reset_v, noise=noise, cells=32 if cells is None else cells,
        start_us=start_us, protocol=protocol, read_noise=read_noise, out=out,
    )  # fmt: skip


def _run_steps(
    context, card, steps, table, *, set_v, reset_v, noise, cells, start_us, protocol, read_noise, out
) -> None:
    import numpy as np

    from femristor.array.statistics.pulse_protocol import PulseProtocol, pulse_response
    from femristor.device import load_card

    if steps is None and table is None:
        raise InputError(
            "Give the pulse model as one of --steps steps.csv and --table compact.h5, or --model ibm."
        )
    counts = counts_of(protocol, bound=PULSES)
    loaded = load_card(card)
    model, inputs = _pulse_model(steps, table, loaded, set_v, reset_v, noise=noise, seed=context.seed)
    middle_S = 0.5 * (model.conductance_S[0] + model.conductance_S[-1])
    found = pulse_response(
        loaded,
        model,
        start_S=middle_S if start_us is None else start_us / MICRO,
        cells=cells,
        protocol=PulseProtocol(*counts),
        read_noise=read_noise,
        seed=context.seed,
        name=model.name,
        inputs=inputs,
        progress=context.progress,
    )
    save_result(found, out)
    merits = {name: getattr(found, name) for name in ("n_states", "symmetry_skew", "noise_to_signal")}
    rows = [
        (
            name,
            *(f"{value:.4g}" for value in (np.mean(values), np.std(values), np.min(values), np.max(values))),
        )
        for name, values in (
            *merits.items(),
            ("G_min [uS]", found.g_min_S * MICRO),
            ("G_max [uS]", found.g_max_S * MICRO),
        )
    ]
    lines = [
        f"{model.name}, {cells} cells",
        text_table(("figure", "mean", "sigma", "min", "max"), rows, right=(1, 2, 3, 4)),
    ]
    lines += [f"note: the table ends where {end}; cells stop there." for end in model.open_ends()]
    lines.append(f"paper (its array): n_states, skew, noise-to-signal {PAPER_MERITS}")
    payload = {
        "model": model.name,
        "cells": cells,
        **merits,
        "g_min_S": found.g_min_S,
        "g_max_S": found.g_max_S,
    }
    context.emit({**payload, "open_ends": model.open_ends(), "out": out}, "\n".join(lines))


def _pulse_model(steps, table, card, set_v, reset_v, *, noise: float, seed: int):
    """Step table from a file, or distilled from a compact table, and the hash of what it came from."""
    from femristor.array.statistics.pulse_model import StepTable, read_step_table
    from femristor.core.io.files import sha256_file

    if steps is not None:
        return read_step_table(steps, noise_to_signal=noise, seed=seed), {steps: sha256_file(steps)}
    from femristor.compact.dynamics.pulses import PulseScheme, pulse_steps
    from femristor.compact.results.table import CompactTable
    from femristor.core.store import load

    pulses = card.statistics.pulses
    scheme = PulseScheme(
        pulses.set_amplitude_V if set_v is None else set_v,
        pulses.reset_amplitude_V if reset_v is None else reset_v,
        pulses.pulse_width_s,
    )
    distilled = pulse_steps(load(table, CompactTable), card, scheme=scheme)
    return StepTable.of(distilled, noise_to_signal=noise, seed=seed), {table: sha256_file(table)}
