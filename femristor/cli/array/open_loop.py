"""What `femristor array pulses` does with cells that hop, and with a measured record."""

from femristor.cli.array.hops import check_outputs, distribution_table, hop_array, spread_text
from femristor.cli.array.shared import MICRO, save_result
from femristor.cli.frame.counts import protocol
from femristor.core.bounds import PULSES


def run_open_loop(context, card_name: str, options: dict) -> None:
    """The protocol on an array of cells that hop."""
    from femristor.array.experiments.open_loop import pulse_array, search_amplitudes
    from femristor.device import load_card
    from femristor.device.pulse_scheme import PulseScheme

    check_outputs(options)
    pulses = protocol(options["protocol"], bound=PULSES)
    card = load_card(card_name)
    array, usual = hop_array(card, options, context.seed), PulseScheme.of_card(card)
    up = usual.set_V if options["set_v"] is None else options["set_v"]
    down = usual.reset_V if options["reset_v"] is None else options["reset_v"]
    scheme = PulseScheme(up, down, usual.width_s)
    if options["match_states"] is not None or options["match_skew"] is not None:
        scheme = search_amplitudes(
            card, array, scheme, n_states=options["match_states"], skew=options["match_skew"], pulses=pulses,
            progress=context.progress,
        )  # fmt: skip
    found = pulse_array(
        card, array, scheme, rows=options["rows"], cols=options["cols"], pulses=pulses,
        checkpoint=options["checkpoint"], progress=context.progress,
    )  # fmt: skip
    save_result(found, options["out"])
    if options["figure"]:
        from femristor.plot.array.experiments import open_loop_figure
        from femristor.plot.style import save_png

        save_png(open_loop_figure(found), options["figure"])
    names = ("g_min_S", "g_symmetry_S", "g_max_S", "n_states", "skew", "nsr", "set_V", "reset_V", "cluster")
    more = {name: getattr(found, name) for name in ("spread", "model", "load", "cost", "rows", "cols")}
    payload = {**{name: getattr(found, name) for name in names}, **more, "out": options["out"]}
    context.emit(payload, open_loop_text(found))


def open_loop_text(found) -> str:
    """Figures and their distributions beside the paper's."""
    rows = [
        ("N_states", found.n_states, f"{found.paper_n_states:g} (16-33)"),
        ("SP skew", found.skew, f"{found.paper_skew:g}"),
        ("NSR", found.nsr, f"{found.paper_nsr:g}"),
        ("G_min [uS]", found.g_min_S * MICRO, ""),
        ("G_SP [uS]", found.g_symmetry_S * MICRO, ""),
        ("G_max [uS]", found.g_max_S * MICRO, ""),
    ]
    return "\n".join(
        [
            f"{found.rows} x {found.cols} cells, {found.model}, {found.set_V:.4g} / {found.reset_V:.4g} V, "
            f"{found.width_s * 1e6:.3g} us, clusters of {found.cluster:g}, {found.load}",
            f"spread from device to device: {spread_text(found.spread)}",
            distribution_table(rows),
            f"all cells at once cost {found.cost.sentence()}",
        ]
    )


def run_measured(context, path: str, out: str | None, figure: str | None) -> None:
    """Figures of merit of a measured record."""
    import math

    from femristor.array.statistics.pulse_extract import measured_pulses

    check_outputs({"out": out, "figure": figure})
    found = measured_pulses(path)
    save_result(found, out)
    if figure:
        from femristor.plot.array.experiments import measured_pulses_figure
        from femristor.plot.style import save_png

        save_png(measured_pulses_figure(found), figure)
    scale, unit = (MICRO, " uS") if found.unit == "S" else (1.0, "")
    lines = [
        f"{found.source}: {found.direction.size} pulses, {found.g_min * scale:.4g} to {found.g_max * scale:.4g}{unit}"
    ]
    for name, value in (("N_states", found.n_states), ("SP skew", found.skew), ("NSR", found.nsr)):
        lines.append(f"{name} {value:.4g}" if math.isfinite(value) else f"{name}: not told by this record")
    lines += [f"note: {note}." for note in found.notes]
    names = ("source", "unit", "g_min", "g_max", "g_symmetry", "n_states", "skew", "nsr", "method", "notes")
    context.emit({**{name: getattr(found, name) for name in names}, "out": out}, "\n".join(lines))
