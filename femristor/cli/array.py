"""femristor array: program cells to levels, let them relax, send pulses."""

import click

from femristor.cli.options import CommandGroup, Context, card_option, common_options, out_option
from femristor.cli.tables import text_table
from femristor.core.errors import InputError

MICRO = 1e6
PAPER_OVERLAP_TEN_MINUTES = 0.096
PAPER_MERITS = "22 (16-33), 61 %, 90 %"


def _numbers(text: str, option: str) -> tuple[float, ...]:
    try:
        values = tuple(float(part) for part in text.split(","))
    except ValueError:
        raise InputError(f"{option} '{text}' is no list of numbers; write it as 1,600,3600.") from None
    return values


def _save(result, out: str | None) -> None:
    if out:
        from femristor.core.store import save

        save(result, out)


acceptance_option = click.option(
    "--acceptance", default=0.002, show_default=True, help="Accepted error of program-verify, a fraction."
)
read_noise_option = click.option("--read-noise", is_flag=True, help="Add the 1/f read noise to every read.")


@click.group("array", cls=CommandGroup)
def command() -> None:
    """Program, relax and pulse an array of cells with the statistics of a card."""


@command.command("program")
@card_option
@click.option("--levels", default=None, type=int, help="Evenly spaced levels; the card's 35 by default.")
@click.option("--cells", default=32, show_default=True, help="Cells a level.")
@acceptance_option
@click.option(
    "--times", default="0,1,600,3600", show_default=True, help="Times after programming in s, rising."
)
@read_noise_option
@out_option("HDF5 file for the distributions at the last time.")
@common_options
def program(
    context: Context,
    *,
    card: str,
    levels: int | None,
    cells: int,
    acceptance: float,
    times: str,
    read_noise: bool,
    out: str | None,
) -> None:
    """Distributions of programmed levels and how much neighbours overlap."""
    from femristor.array.levels import program_levels
    from femristor.device import load_card

    found = program_levels(
        load_card(card),
        levels=levels,
        cells=cells,
        acceptance=acceptance,
        times_s=_numbers(times, "--times"),
        read_noise=read_noise,
        seed=context.seed,
    )
    _save(found[-1], out)
    rows, payload = [], []
    for one in found:
        shift_S = float((one.mean_S - one.target_S).mean())
        low, high = float(one.sigma_S[0]), float(one.sigma_S[-1])
        paper = (
            f"{100 * PAPER_OVERLAP_TEN_MINUTES:.1f} %"
            if one.time_s == 600.0 and one.target_S.size == 35
            else ""
        )
        rows.append(
            (
                f"{one.time_s:g}",
                f"{shift_S * MICRO:.3f}",
                f"{low * MICRO:.3f} - {high * MICRO:.3f}",
                *(
                    f"{100 * share:.2f} %"
                    for share in (one.overlap_law, one.overlap_sampled, one.misread_fraction)
                ),
                paper,
            )
        )
        payload.append(
            {
                "time_s": one.time_s,
                "mean_shift_S": shift_S,
                "sigma_S": one.sigma_S,
                "mean_S": one.mean_S,
                "overlap_law": one.overlap_law,
                "overlap_sampled": one.overlap_sampled,
                "misread_fraction": one.misread_fraction,
            }
        )
    header = ("t [s]", "shift [uS]", "sigma low - high [uS]", "overlap, laws", "sampled", "misread", "paper")
    text = f"{found[0].target_S.size} levels x {cells} cells, acceptance {100 * acceptance:g} %\n"
    context.emit(
        {
            "target_S": found[0].target_S,
            "cells": cells,
            "acceptance": acceptance,
            "times": payload,
            "out": out,
        },
        text + text_table(header, rows, right=range(len(header))),
    )


@command.command("relax")
@card_option
@click.option(
    "--levels-uS", "levels_us", default="9,50,88", show_default=True, help="Programmed levels in uS."
)
@click.option("--cells", default=1000, show_default=True, help="Cells a level.")
@click.option("--times", default=None, help="Times in s, rising from above 0; 10 ms to ten years by default.")
@acceptance_option
@read_noise_option
@out_option("HDF5 file for the trajectories.")
@common_options
def relax(
    context: Context,
    *,
    card: str,
    levels_us: str,
    cells: int,
    times: str | None,
    acceptance: float,
    read_noise: bool,
    out: str | None,
) -> None:
    """Trajectories of cells after programming, beside the measured laws."""
    from femristor.array.traces import DEFAULT_TIMES_S, follow_relaxation
    from femristor.device import load_card

    trace = follow_relaxation(
        load_card(card),
        levels_S=[level / MICRO for level in _numbers(levels_us, "--levels-uS")],
        cells=cells,
        times_s=DEFAULT_TIMES_S if times is None else _numbers(times, "--times"),
        acceptance=acceptance,
        read_noise=read_noise,
        seed=context.seed,
    )
    _save(trace, out)
    rows = [
        (f"{time:.4g}", *(f"{value * MICRO:.4f}" for value in values), f"{correlation:.3f}")
        for time, *values, correlation in zip(
            trace.time_s,
            trace.mean_S,
            trace.law_mean_S,
            trace.sigma_S,
            trace.law_sigma_S,
            trace.correlation[-1],
            strict=True,
        )
    ]
    header = ("t [s]", "mean [uS]", "law", "sigma [uS]", "law", "correlation with the last time")
    context.emit(
        {
            "time_s": trace.time_s,
            "mean_S": trace.mean_S,
            "law_mean_S": trace.law_mean_S,
            "sigma_S": trace.sigma_S,
            "law_sigma_S": trace.law_sigma_S,
            "correlation": trace.correlation,
            "law_correlation": trace.law_correlation,
            "out": out,
        },
        text_table(header, rows, right=range(len(header))),
    )


@command.command("pulses")
@card_option
@click.option("--steps", default=None, metavar="CSV", help="Steps: conductance_uS, step_up_uS, step_down_uS.")
@click.option("--table", default=None, metavar="HDF5", help="Compact table of `femristor compact build`.")
@click.option(
    "--set", "set_v", default=None, type=float, help="Set amplitude in V for --table; the card's by default."
)
@click.option(
    "--reset", "reset_v", default=None, type=float, help="Reset amplitude in V, negative, for --table."
)
@click.option(
    "--noise", default=0.0, show_default=True, help="Sigma of a step over its mean, cycle to cycle."
)
@click.option("--cells", default=32, show_default=True, help="Cells.")
@click.option(
    "--start-uS", "start_us", default=None, type=float, help="Start; the middle of the steps by default."
)
@click.option(
    "--protocol", default="400,400,500", show_default=True, help="Set, reset and alternating pulses."
)
@read_noise_option
@out_option("HDF5 file for the response.")
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
    cells: int,
    start_us: float | None,
    protocol: str,
    read_noise: bool,
    out: str | None,
) -> None:
    """Open-loop pulse response: states, skew of the symmetry point, noise-to-signal."""
    import numpy as np

    from femristor.array.pulse_protocol import PulseProtocol, pulse_response
    from femristor.device import load_card

    if (steps is None) == (table is None):
        raise InputError("Give the pulse model as one of --steps steps.csv and --table compact.h5.")
    counts = _numbers(protocol, "--protocol")
    if len(counts) != 3 or any(count != int(count) for count in counts):
        raise InputError(f"--protocol '{protocol}' needs three whole numbers; write it as 400,400,500.")
    loaded = load_card(card)
    model, inputs = _pulse_model(steps, table, loaded, set_v, reset_v, noise=noise, seed=context.seed)
    middle_S = 0.5 * (model.conductance_S[0] + model.conductance_S[-1])
    found = pulse_response(
        loaded,
        model,
        start_S=middle_S if start_us is None else start_us / MICRO,
        cells=cells,
        protocol=PulseProtocol(*(int(count) for count in counts)),
        read_noise=read_noise,
        seed=context.seed,
        name=model.name,
        inputs=inputs,
        progress=context.progress,
    )
    _save(found, out)
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
    from femristor.array.pulse_model import StepTable, read_step_table
    from femristor.core.files import sha256_file

    if steps is not None:
        return read_step_table(steps, noise_to_signal=noise, seed=seed), {steps: sha256_file(steps)}
    from femristor.compact.pulses import PulseScheme, pulse_steps
    from femristor.compact.result import CompactTable
    from femristor.core.store import load

    pulses = card.statistics.pulses
    scheme = PulseScheme(
        pulses.set_amplitude_V if set_v is None else set_v,
        pulses.reset_amplitude_V if reset_v is None else reset_v,
        pulses.pulse_width_s,
    )
    distilled = pulse_steps(load(table, CompactTable), card, scheme=scheme)
    return StepTable.of(distilled, noise_to_signal=noise, seed=seed), {table: sha256_file(table)}
