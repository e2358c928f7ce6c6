"""The part of femristor array program that sends pulses: targets, cells, runs, disturb."""

import re
from pathlib import Path

from femristor.cli.array_program_text import payload_of, text_of
from femristor.cli.options import Context
from femristor.core.bounds import CELLS
from femristor.core.csvio import cell_number
from femristor.core.errors import DataError, InputError
from femristor.core.files import read_text
from femristor.core.units import parse_number

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
    from femristor.array.verify_levels import level_distribution, programming_cost, sigma_line
    from femristor.cli.array_shared import save_result
    from femristor.cli.switching import check_out
    from femristor.core.files import ensure_output_dir
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
        from femristor.plot.programming import programming_figure
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
    from femristor.array.verify import spread_cells
    from femristor.cli.loads import cell_load
    from femristor.cli.switching import distilled_model
    from femristor.compact.stochastic import HopNoise, NoisyCells, switching_volume_m3

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
    from femristor.array.verify import Verify, program_array
    from femristor.array.verify_plan import VerifyPlan
    from femristor.compact.noise_programming import programming_schemes
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

    from femristor.array.disturb import TEN_YEARS_S, apply_disturb, programming_disturb, read_disturb

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
