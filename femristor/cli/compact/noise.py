"""femristor compact noise: what random hops of vacancies predict for pulses, beside what was measured."""

import math

import click

from femristor.cli.frame.belongs import belongs_to
from femristor.cli.frame.counts import count_option
from femristor.cli.frame.loads import cell_load, selector_option
from femristor.cli.frame.options import Context, card_option, common_options, out_option
from femristor.cli.frame.tables import text_table
from femristor.compact.results.stochastic import PAPER_PULSES
from femristor.core.bounds import CELLS, SEEDS

REST_S = (600.0, 3600.0, 86400.0, 604800.0, 10 * 365 * 86400.0)
"""Times of the relaxation at 0 V."""
ACCEPTANCES = (0.02, 0.002)


@click.command("noise")
@click.option(
    "--model", type=click.Choice(["ibm", "compact"]), default="ibm", show_default=True, help="Law or table."
)
@click.option("--table", default=None, metavar="HDF5", help="compact: table of compact build.")
@click.option("--cell", type=click.Choice(["1R", "1T1R"]), default="1T1R", show_default=True)
@selector_option
@click.option("--set-voltage", default=None, type=float, help="Amplitude of set in V; the card's by default.")
@click.option("--reset-voltage", default=None, type=float, help="Amplitude of reset in V, below 0.")
@click.option("--width", default=None, metavar="TEXT", help='Pulse from foot to foot, as "2.5 us".')
@click.option("--cluster", default=1.0, show_default=True, help="Vacancies that hop together (Fano factor).")
@count_option("--cells", bound=CELLS, default=16, help="Cells a seed.")
@count_option("--seeds", bound=SEEDS, default=3, help="Seeds, from --seed on.")
@click.option("--no-search", is_flag=True, help="Leave out the cluster size that the measured NSR asks for.")
@click.option("--match", is_flag=True, help="Amplitudes and cluster size with N_states and NSR as measured.")
@click.option("--program", is_flag=True, help="Program-verify of 35 levels at 2 % and 0.2 %.")
@click.option("--rest", is_flag=True, help="Relaxation at 0 V by thermal hops.")
@card_option
@out_option("HDF5 file for the prediction.")
@belongs_to("model", {"compact": ("table",)})
@belongs_to("cell", {"1T1R": ("selector",)})
@common_options
def command(
    context: Context, *, model, table, cell, card, out, no_search, match, program, rest, **own
) -> None:
    """NSR of the open-loop train by random hops, and the cluster size that the measured one asks for."""
    from femristor.cli.cell.switching import check_out, distilled_model
    from femristor.compact.noise.predictions import predict_noise
    from femristor.compact.noise.stochastic import HopNoise, NoisyCells, switching_volume_m3
    from femristor.core import store
    from femristor.device import load_card

    loaded = load_card(card)
    check_out(out, None)
    law = distilled_model(loaded, model, {"table": table, "ambient": None})
    noise = HopNoise(switching_volume_m3(law, loaded.dome.radius_m), own["cluster"])
    cells = NoisyCells(law, noise, cell_load(loaded, cell, own["selector"]))
    result = predict_noise(
        cells,
        loaded,
        scheme_of(loaded, own),
        count=own["cells"],
        seeds=own["seeds"],
        seed=context.seed,
        search=not no_search,
        match=match,
        programming=_programming(context, cells, loaded) if program else (),
        rest=_rest(cells, loaded) if rest else (),
        progress=context.progress,
    )
    if out:
        store.save(result, out)
    payload = {**{key: value for key, value in vars(result).items()}, "out": out}
    context.emit(payload, _text(result, loaded))


def scheme_of(card, options: dict):
    """Amplitudes and times of the options; the card's where none are given."""
    from femristor.core.units import parse_quantity
    from femristor.device.pulse_scheme import PulseScheme

    usual = PulseScheme.of_card(card)
    width = usual.width_s if options["width"] is None else parse_quantity(options["width"], "s", "--width")
    up = usual.set_V if options["set_voltage"] is None else options["set_voltage"]
    down = usual.reset_V if options["reset_voltage"] is None else options["reset_voltage"]
    edge = options.get("edge")
    return PulseScheme(up, down, width, 0.0 if edge is None else parse_quantity(edge, "s", "--edge"))


def _programming(context: Context, cells, card) -> tuple:
    from femristor.compact.noise.programming import program_levels, programming_schemes

    schemes = programming_schemes(cells, card)
    return tuple(
        program_levels(
            cells, card, schemes, acceptance=acceptance, seed=context.seed, progress=context.progress
        )
        for acceptance in ACCEPTANCES
    )


def _rest(cells, card) -> tuple:
    from femristor.compact.noise.programming import relaxation_at_rest

    return (relaxation_at_rest(cells, card, REST_S),)


def _text(result, card) -> str:
    import numpy as np

    ours = {name: (float(np.median(getattr(result, name)))) for name in ("n_states", "skew", "nsr")}
    lines = [
        f"{card.name}, {result.model}, {result.set_V:g} / {result.reset_V:g} V, {result.width_s * 1e6:.3g} us, {result.load}",
        f"volume {result.volume_m3:.3g} m^3: {', '.join(f'{n:.0f}' for n in result.vacancies)} vacancies after reset, at "
        "the symmetry point, after set",
        text_table(
            ("", "without noise", f"F = {result.cluster:g}", "measured"),
            [
                (
                    "N_states",
                    f"{result.quiet_n_states:.1f}",
                    f"{ours['n_states']:.1f}",
                    f"{result.measured_n_states:g}",
                ),
                (
                    "SP skew",
                    f"{result.quiet_skew:.3f}",
                    f"{ours['skew']:.3f}",
                    f"{card.statistics.pulses.skew_mean:g}",
                ),
                ("NSR", "0", f"{ours['nsr']:.3f}", f"{result.measured_nsr:g}"),
            ],
            right=(1, 2, 3),
        ),
        f"medians of {result.nsr.size} cells ({result.seeds} seeds)",
    ]
    if result.tried_cluster.size:
        tries = ", ".join(
            f"{f:.3g}: {n:.3f}" for f, n in zip(result.tried_cluster, result.tried_nsr, strict=True)
        )
        lines += [f"NSR of each cluster size: {tries}", _wanted(result)]
    if math.isfinite(result.matched_cluster):
        lines.append(
            f"N_states {result.matched_n_states:.3g} and NSR {result.matched_nsr:.3g} together at "
            f"{result.matched_set_V:.4g} / {result.matched_reset_V:.4g} V with F = {result.matched_cluster:.3g}"
        )
    lines += [_programming_text(entry) for entry in result.programming]
    for entry in result.rest:
        lines += ["", _rest_text(entry)]
    return "\n".join(lines)


def _wanted(result) -> str:
    if not math.isfinite(result.cluster_for_nsr):
        return f"no cluster size gives an NSR of {result.measured_nsr:g} at these amplitudes"
    error = f" +- {result.cluster_error:.2g}" if math.isfinite(result.cluster_error) else ""
    return f"an NSR of {result.measured_nsr:g} at these amplitudes asks for clusters of F = {result.cluster_for_nsr:.3g}{error}"


def _programming_text(entry) -> str:
    pairs = ", ".join(f"{up:.3g}/{down:.3g}" for up, down in zip(entry.set_V, entry.reset_V, strict=True))
    return (
        f"program-verify at {entry.acceptance * 100:g} %: {entry.mean_pulses:.0f} pulses from "
        f"{entry.start_S * 1e6:.3g} uS (measured {PAPER_PULSES[entry.acceptance]}), {entry.failed * 100:.1f} % not "
        f"reached in {entry.most}; amplitudes {pairs} V"
    )


def _rest_text(entry) -> str:
    rows = [
        (f"{t:.3g}", *(f"{value * 1e6:.3g}" for value in values))
        for t, *values in zip(
            entry.time_s,
            entry.sigma_set_S,
            entry.sigma_reset_S,
            entry.measured_sigma_S,
            entry.measured_mean_S,
            strict=True,
        )
    ]
    head = ("time [s]", "set barrier", "reset barrier", "measured", "measured mean")
    return (
        f"at rest, {entry.conductance_S * 1e6:g} uS, {entry.ambient_K:g} K: sigma of thermal hops [uS], the mean stays\n"
        + text_table(head, rows, right=(0, 1, 2, 3, 4))
    )
