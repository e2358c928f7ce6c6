"""What femristor array program prints of programming by pulses, beside the paper's numbers."""

from femristor.cli.array_shared import MICRO
from femristor.cli.tables import text_table
from femristor.compact.stochastic_result import PAPER_PULSES

"""Mean pulses of program-verify, Falcone et al., arXiv 2502.04524."""


def payload_of(run, line, levels, cost, card) -> dict:
    """Numbers of one run for `--json`; arrays of up to 4096 cells."""
    found = {
        "by": run.by,
        "acceptance": run.acceptance,
        "mean_pulses": run.mean_pulses,
        "paper_pulses": PAPER_PULSES.get(run.acceptance) if run.by == "identical" else None,
        "outcome": run.counts,
        "set_pulses": int(run.set_pulses.sum()),
        "reset_pulses": int(run.reset_pulses.sum()),
        "start_S": run.start_S,
        "set_V": run.set_V,
        "reset_V": run.reset_V,
        "step_V": run.step_V,
        "cluster": run.cluster,
        "read_noise": run.read_noise,
        "energy_J": cost.energy_J,
        "latency_s": cost.latency_s,
        "energy_parts_J": cost.parts,
    }
    if line is not None:
        found |= {
            "sigma_slope": line.slope,
            "sigma_slope_error": line.slope_error,
            "sigma_offset_S": line.offset_S,
            "sigma_offset_error_S": line.offset_error_S,
        }
    known = card.statistics.programming.get(run.acceptance)
    if known is not None:
        found |= {"card_slope": known.slope, "card_offset_S": known.offset_S}
    if levels is not None:
        found |= {"overlap": levels.overlap_sampled, "overlap_law": levels.overlap_law}
        found |= {"misread_fraction": levels.misread_fraction}
    if run.target_S.size <= 4096:
        found |= {"pulses": run.pulses, "conductance_S": run.conductance_S, "target_S": run.target_S}
    return found


def text_of(card, runs, lines, levels, costs, disturb) -> str:
    """Runs side by side, and what they disturb."""
    first = runs[0]
    shape = f"{first.target_S.shape[0]} x {first.target_S.shape[1]} cells"
    out = [
        f"{card.name}, {shape}, {first.model}, clusters of {first.cluster:g}, read noise {first.read_noise}, from "
        f"{first.start_S * MICRO:.3g} uS, at most {first.max_pulses} pulses"
        + (f", spread {first.spread}" if first.spread else ""),
        f"{first.load}",
        *(f"{run.by} at {100 * run.acceptance:g} %: {_amplitudes(run)}" for run in runs),
    ]
    names = ["", *(f"{run.by}, {100 * run.acceptance:g} %" for run in runs)]
    table = [("mean pulses", *(f"{run.mean_pulses:.1f}" for run in runs)), ("paper", *map(_paper, runs))]
    for label, key in (
        ("not reached, above", "above"),
        ("not reached, below", "below"),
        ("left the model", "left the model"),
    ):
        table.append((label, *(str(run.counts[key]) for run in runs)))
    table += [
        ("sigma slope", *(_line(line, "slope", 1) for line in lines)),
        ("sigma offset [uS]", *(_line(line, "offset", MICRO) for line in lines)),
        ("card's slope, offset", *(_card_line(card, run) for run in runs)),
    ]
    if any(levels):
        table.append(
            ("overlap of levels", *(f"{100 * one.overlap_sampled:.2g} %" if one else "" for one in levels))
        )
        table.append(
            ("by the card's line", *(f"{100 * one.overlap_law:.2g} %" if one else "" for one in levels))
        )
        table.append(("misread", *(f"{100 * one.misread_fraction:.2g} %" if one else "" for one in levels)))
    table.append(("energy", *(f"{cost.energy_J * 1e6:.3g} uJ" for cost in costs)))
    table.append(("cell by cell", *(f"{cost.latency_s:.3g} s" for cost in costs)))
    out.append(text_table(names, table, right=range(1, len(names))))
    if disturb:
        rows = [
            (one["case"], f"{one['seconds']:.3g}", f"{one['worst']:.2e}", f"{one['mean']:.2e}")
            for one in disturb["cases"]
        ]
        out.append(
            f"later pulses in the columns change this array by {disturb['array_worst']:.2e} at worst, "
            f"{disturb['array_mean']:.2e} in the mean"
        )
        out.append(text_table(("disturb", "time [s]", "worst dG/G", "mean |dG/G|"), rows, right=(1, 2, 3)))
    return "\n".join(out)


def _amplitudes(run) -> str:
    pairs = ", ".join(f"{up:.3f}/{down:.3f}" for up, down in zip(run.set_V, run.reset_V, strict=True))
    return f"{pairs} V" + (f" and on in steps of {run.step_V:g} V" if run.step_V else "")


def _paper(run) -> str:
    return str(PAPER_PULSES.get(run.acceptance, "")) if run.by == "identical" else ""


def _line(line, name: str, scale: float) -> str:
    if line is None:
        return ""
    value, error = (line.slope, line.slope_error) if name == "slope" else (line.offset_S, line.offset_error_S)
    return f"{value * scale:.5f} +- {error * scale:.5f}"


def _card_line(card, run) -> str:
    known = card.statistics.programming.get(run.acceptance)
    return f"{known.slope:.5f}, {known.offset_S * MICRO:.5f}" if known else ""
