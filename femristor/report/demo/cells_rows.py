"""Rows and figures of the array in the demo."""

import numpy as np

from femristor.compact.results.stochastic import PAPER_PULSES
from femristor.device import DeviceCard
from femristor.plot import png_bytes
from femristor.plot.array import experiments as array_cells
from femristor.plot.array import programming
from femristor.plot.array import remedies as remedy_plots
from femristor.report.comparison import ComparisonRow
from femristor.report.demo.cells import CellsPart
from femristor.report.page import Figure

PAPER = "Falcone et al., arXiv 2502.04524"
MICRO = 1e6


def cell_rows(part: CellsPart) -> list[ComparisonRow]:
    """Comparison rows of forming, cycling, pulses, programming and wires."""
    forming, cycling, pulses = part.forming, part.cycling, part.pulses
    size = f"{forming.rows} x {forming.cols} cells"
    how = f"{size}, field solutions, stated spread"
    cycles = f"{size}, {cycling.cycles} cycles to {cycling.peak_set_V:g} / {cycling.peak_reset_V:g} V"
    train = f"{size}, 0-D law, {pulses.set_V:g} / {pulses.reset_V:g} V, single hops"
    rows = [
        ("forming", "forming voltage, mean", forming.mean_V, forming.paper_mean_V, "V", how),
        ("forming", "forming voltage, sigma", forming.sigma_V * 1e3, forming.paper_sigma_V * 1e3, "mV", how),
        ("forming", "yield", 100 * forming.yielded, 100.0, "%", how),
        ("switching", "LRS/HRS of the array", cycling.ratio, cycling.paper_ratio, "", cycles),
        (
            "open loop",
            "number of states, array",
            float(np.mean(pulses.n_states)),
            pulses.paper_n_states,
            "",
            train,
        ),
        (
            "open loop",
            "skew, array",
            100 * float(np.mean(pulses.skew)),
            100 * pulses.paper_skew,
            "%",
            train,
        ),
        (
            "open loop",
            "noise to signal",
            100 * float(np.mean(pulses.nsr)),
            100 * pulses.paper_nsr,
            "%",
            train,
        ),
    ]
    made = [
        ComparisonRow(stage, name, ours, paper, unit, PAPER, text)
        for stage, name, ours, paper, unit, text in rows
    ]
    return [*made, *_programmed(part), *_wired(part)]


def _programmed(part: CellsPart) -> list[ComparisonRow]:
    from femristor.array.programming.levels import programming_cost

    rows = []
    for run in part.programs:
        how = f"{run.target_S.shape[0]} levels x {run.target_S.shape[1]} cells, 0-D law, clusters of {run.cluster:g}"
        name = f"mean pulses to {100 * run.acceptance:g} %"
        paper = PAPER_PULSES.get(run.acceptance)
        rows.append(ComparisonRow("program-verify", name, run.mean_pulses, paper, "", PAPER, how))
        energy = programming_cost(run).energy_J / run.target_S.size * 1e9
        name = f"energy a cell at {100 * run.acceptance:g} %"
        rows.append(
            ComparisonRow("program-verify", name, energy, None, "nJ", "-", f"pulses and reads, {how}")
        )
    return rows


def _wired(part: CellsPart) -> list[ComparisonRow]:
    table = part.remedies
    middle, rows = table.size.size // 2, []
    size = int(table.size[middle])
    for name in ("aihwkit's closed form", "none", "common mode, gains", "wire-aware"):
        if name in table.remedies:
            value = float(table.rmse[table.remedies.index(name), middle])
            how = f"{table.segment_ohm:g} ohm a segment, {table.distribution}"
            label = f"RMSE of {size} x {size} by wires: {name}"
            rows.append(ComparisonRow("wires", label, value, None, "", "-", how))
    return rows


def cell_figures(part: CellsPart, card: DeviceCard) -> list[Figure]:
    """Figures of forming, cycling, pulses and programming, and of the wires' remedies."""
    cycling, pulses, program = part.cycling, part.pulses, part.programs[-1]
    made = [
        (
            "array_forming",
            "Forming of the array",
            "Quasi-static sweeps of field solutions; the voltage at the largest jump, triode drop taken off.",
            array_cells.forming_figure(part.forming),
        ),
        (
            "array_cycling",
            "Cycling of the array",
            f"0-D law with single hops, {cycling.load}.",
            array_cells.cycling_figure(cycling),
        ),
        (
            "array_pulses",
            "Open-loop pulses of the array",
            f"0-D law with single hops, {pulses.load}.",
            array_cells.open_loop_figure(pulses),
        ),
        (
            "array_programming",
            "Program-verify with identical pulses",
            f"0-D law, clusters of {program.cluster:g} vacancies, read noise {program.read_noise}.",
            programming.programming_figure(list(part.programs), card.statistics.programming),
        ),
        (
            "wires",
            "Wires, exactly, and what helps",
            f"{part.remedies.segment_ohm:g} ohm a segment in rows and columns, no noise, no converters.",
            remedy_plots.remedies_figure(part.remedies),
        ),
    ]
    return [Figure(name, title, text, png_bytes(picture)) for name, title, text, picture in made]
