"""The part of femristor array program that sends pulses: targets, cells, runs, disturb."""

import re
from pathlib import Path

from femristor.cli.array.shared import MICRO
from femristor.cli.frame.options import Context
from femristor.cli.frame.tables import text_table
from femristor.compact.results.stochastic import PAPER_PULSES
from femristor.core.bounds import CELLS
from femristor.core.errors import DataError, InputError
from femristor.core.io.csvio import cell_number
from femristor.core.io.files import read_text
from femristor.core.units import parse_number

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


UNITS = {"uS": 1e-6, "S": 1.0}


def read_targets(path: str, unit: str | None):
    """Matrix of targets [S] in a CSV: one header line with the unit in its names (c0_uS, ...), then the rows.

    Raises:
        DataError: no such file, no unit, cells that are missing or no numbers.
    """
    import numpy as np

    source = Path(path)
    lines = [line.strip() for line in read_text(source, "CSV of targets").splitlines() if line.strip()]
    header = lines[0] if lines else ""
    named = {match for match in re.findall(r"(?:^|[_\s\[(,])(uS|S)(?=$|[\s\]),])", header)}
    if unit is None and len(named) != 1:
        raise DataError(
            f"{path}: the header '{header[:40]}' names no single unit; write columns such as c0_uS, or give --unit."
        )
    rows = [line.split(",") for line in lines[1:]]
    width = len(header.split(","))
    for number, row in enumerate(rows, 2):
        if len(row) != width:
            raise DataError(
                f"{path}, line {number}: {len(row)} targets under {width} columns; fill the row in."
            )
    values = np.array(
        [
            [cell_number(cell, f"{path}, line {number}, column {place}") for place, cell in enumerate(row, 1)]
            for number, row in enumerate(rows, 2)
        ]
    )
    if values.size == 0:
        raise DataError(f"{path}: no targets under the header; give one row of them or more.")
    return values * UNITS[unit or named.pop()]


def parse_spread(text: str | None) -> dict[str, float]:
    """Deviations by name, of "radius=0.024,barrier_set=0.018".

    Raises:
        InputError: something else.
    """
    found = {}
    for part in (text or "").split(","):
        name, _, value = part.partition("=")
        if not part.strip():
            continue
        try:
            found[name.strip()] = parse_number(value, "--spread")
        except InputError:
            raise InputError(f"--spread '{part}' is no deviation; write it as radius=0.024.") from None
    return found


def program_by_pulses(context: Context, options: dict) -> None:
    """Run, store, draw and print."""
    from femristor.array.programming.levels import level_distribution, programming_cost, sigma_line
    from femristor.cli.array.shared import save_result
    from femristor.cli.cell.switching import check_out
    from femristor.core.io.files import ensure_output_dir
    from femristor.device import load_card

    card = load_card(options["card"])
    check_out(options["out"], None)
    for name in ("figure", "checkpoint"):
        if options[name]:
            ensure_output_dir(Path(options[name]).parent)
    targets, levels = _targets(card, options, context.seed)
    cells, sigma_text = _cells(card, options, targets.size, context.seed)
    runs = _run(context, card, cells, targets, options, sigma_text)
    disturb = None
    if options["disturb"]:
        disturb, runs[0] = _disturb(runs[0], cells)
    save_result(runs[0], options["out"])
    lines = [_maybe(sigma_line, run) for run in runs]
    spread = [_maybe(level_distribution, run, card) if levels else None for run in runs]
    costs = [programming_cost(run) for run in runs]
    if options["figure"]:
        from femristor.plot.array.programming import programming_figure
        from femristor.plot.style import save_png

        save_png(programming_figure(runs, card.statistics.programming), options["figure"])
    payload = {
        "rows": targets.shape[0],
        "cols": targets.shape[1],
        "runs": [payload_of(*entry, card) for entry in zip(runs, lines, spread, costs, strict=True)],
        "disturb": disturb,
        **{name: options[name] for name in ("out", "figure", "checkpoint")},
    }
    context.emit(payload, text_of(card, runs, lines, spread, costs, disturb))


def _maybe(function, *arguments):
    """The result, or None where too few cells were programmed for it."""
    try:
        return function(*arguments)
    except InputError:
        return None


def _targets(card, options: dict, seed: int):
    """(rows, cols) targets and whether rows are levels."""
    import numpy as np

    from femristor.array.mapping import ConductanceWindow
    from femristor.core.rng import generator

    window = ConductanceWindow.of(card.statistics)
    rows, cols = options["rows"], options["cols"]
    if options["targets"] is not None:
        return read_targets(options["targets"], options["unit"]), False
    if rows is None and cols is None:
        count = options["levels"] or card.statistics.levels
        CELLS.check(count * options["cells"], "--levels x --cells")
        levels = window.levels_S(count).numpy()
        return np.tile(levels[:, None], (1, options["cells"])), True
    if rows is None or cols is None or min(rows, cols) < 1:
        raise InputError(
            f"An array of {rows} rows and {cols} columns has no cells; give --rows and --cols of 1 or more."
        )
    CELLS.check(rows * cols, "--rows x --cols")
    return generator(seed, 42).uniform(window.g_min_S, window.g_max_S, (rows, cols)), False


def _cells(card, options: dict, count: int, seed: int):
    """The stochastic cells, and their spread in words."""
    from femristor.array.programming.verify import spread_cells
    from femristor.cli.cell.switching import distilled_model
    from femristor.cli.frame.loads import cell_load
    from femristor.compact.noise.stochastic import HopNoise, NoisyCells, switching_volume_m3

    model = "ibm" if options["model"] == "ibm" else "compact"
    if model == "compact" and options["table"] is None:
        raise InputError("--model table needs --table FILE; make one with femristor compact build.")
    law = distilled_model(card, model, {"table": options["table"], "ambient": None})
    noise = HopNoise(switching_volume_m3(law, card.dome.radius_m), options["cluster"])
    sigma = parse_spread(options["spread"])
    own = spread_cells(law, sigma, count, seed=seed)
    load = cell_load(card, options["cell"])
    if options["disturb"] and options["cell"] == "1T1R" and load.channel is None:
        raise InputError(
            f"--disturb: the selector of {card.name} is a tanh law without a gate to close; leave it out, or give --cell 1R."
        )
    return NoisyCells(law, noise, load, spread=own), options["spread"] or ""


def _run(context: Context, card, cells, targets, options: dict, spread: str) -> list:
    """The run asked for first; with --compare the other acceptance and the other pulses behind it."""
    from femristor.array.programming.plan import VerifyPlan
    from femristor.array.programming.verify import Verify, program_array
    from femristor.compact.noise.programming import programming_schemes
    from femristor.core.units import parse_quantity

    schemes = tuple(programming_schemes(cells, card))
    ladder = {"step_V": options["step"]}
    for name in ("start", "max"):
        pair = options[f"ladder_{name}"]
        ladder[f"{name}_V"] = pair or None
    plans = {"pulses": VerifyPlan(schemes), "ispp": VerifyPlan.incremental(schemes, **ladder)}
    start = None
    if options["start"] is not None:
        start = float(cells.model.density_at(parse_quantity(options["start"], "S", "--start"), cells.read_V))
    kind = options["noise_kind"] if options["read_noise"] in (None, True) else "off"
    asked = [(options["by"], options["acceptance"])]
    if options["compare"]:
        others = [(by, value) for value in (0.02, 0.002) for by in plans]
        asked += [one for one in others if one != asked[0]]
    found = []
    for index, (by, acceptance) in enumerate(asked):
        checkpoint = options["checkpoint"] if index == 0 else None
        loop = Verify(acceptance, options["max_pulses"], kind)
        try:
            run = program_array(
                cells, card, targets, plans[by], loop, start_density_m3=start, seed=context.seed,
                checkpoint=checkpoint, spread=spread, progress=context.progress,
            )  # fmt: skip
        except KeyboardInterrupt:
            kept = f"finished cells are kept in {checkpoint}; the same command goes on from there"
            raise KeyboardInterrupt(kept if checkpoint else "nothing is kept; use --checkpoint") from None
        found.append(run)
    return found


def _disturb(run, cells) -> tuple:
    """Shift by later pulses in each column, neighbours and reads of four levels; the array with that shift."""
    from dataclasses import replace

    import numpy as np

    from femristor.array.programming.disturb import (
        TEN_YEARS_S,
        apply_disturb,
        programming_disturb,
        read_disturb,
    )

    scheme = "half" if cells.load.channel is None else "column"
    after = apply_disturb(run, cells.model, cells.load, scheme=scheme)
    change = after / run.conductance_S - 1
    levels = np.quantile(run.target_S, [0.0, 0.33, 0.67, 1.0])
    common = {
        "level_S": levels,
        "set_V": float(run.set_V.max()),
        "reset_V": float(run.reset_V.min()),
        "set_pulses": float(run.set_pulses.mean()),
        "reset_pulses": float(run.reset_pulses.mean()),
        "neighbours": run.target_S.shape[0] - 1,
        "plateau_s": run.width_s - run.edge_s,
    }
    schemes = (scheme, "row", "half", "third", "ideal") if scheme == "column" else ("half", "third", "ideal")
    reports = [programming_disturb(cells.model, cells.load, scheme=name, **common) for name in schemes]
    reads = {"read_s": run.read_s, "read_V": run.read_V, "level_S": levels}
    for count in (1e3, 1e6, TEN_YEARS_S / run.read_s):
        reports.append(read_disturb(cells.model, cells.load, reads=count, **reads))
    found = {
        "array_worst": float(change.flat[np.argmax(np.abs(change))]),
        "array_mean": float(np.mean(np.abs(change))),
        "cases": [
            {"case": one.case, "seconds": one.seconds, "worst": one.worst, "mean": one.mean}
            for one in reports
        ],
    }
    return found, replace(run, conductance_S=after)
