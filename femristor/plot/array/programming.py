"""Figures of programming by pulses: pulses over target, distributions of levels, sigma(G)."""

import numpy as np

from femristor.array.programming.levels import sigma_line
from femristor.array.results.verify import ProgramVerify
from femristor.compact.results.stochastic import PAPER_PULSES
from femristor.core.errors import InputError
from femristor.device.card import LineLaw
from femristor.plot.style import OURS, REFERENCE, SECOND, SHADE, THIRD, new_figure

MICRO = 1e6
COLOURS = (OURS, SECOND, THIRD, SHADE)
"""Mean pulses, Falcone et al., arXiv 2502.04524."""
BINS = 18


def programming_figure(runs: list[ProgramVerify], card_lines: dict[float, LineLaw]):
    """Pulses needed over the target, levels as reached by the first run, sigma over G beside the card's lines.

    Args:
        runs: programmed arrays, up to four are drawn.
        card_lines: acceptance to the measured line of sigma.

    Returns:
        Figure with three axes.
    """
    figure, axes = new_figure(3, height=4.2)
    for run, colour in zip(runs[:4], COLOURS, strict=False):
        _pulses(axes[0, 0], run, colour)
        _sigma(axes[0, 2], run, colour)
    for acceptance in sorted({run.acceptance for run in runs if run.by == "identical"} & set(PAPER_PULSES)):
        mean = PAPER_PULSES[acceptance]
        axes[0, 0].axhline(mean, color=REFERENCE, lw=1, ls=":")
        axes[0, 0].text(
            90, mean * 1.05, f"paper's mean, {100 * acceptance:g} %: {mean}", ha="right", fontsize=7
        )
    axes[0, 0].set(
        xlabel="target conductance [µS]", ylabel="mean pulses", yscale="log", title="Pulses needed"
    )
    _levels(axes[0, 1], runs[0])
    x = np.linspace(9.0, 88.2, 80)
    for acceptance in sorted({run.acceptance for run in runs} & set(card_lines)):
        line = card_lines[acceptance]
        y = line.slope * x + line.offset_S * MICRO
        axes[0, 2].plot(x, y, color=REFERENCE, lw=1.2, ls="--", label=f"card, {100 * acceptance:g} %")
    axes[0, 2].set(
        xlabel="target conductance [µS]", ylabel="σ(G) [µS]", yscale="log", title="Error of accepted cells"
    )
    axes[0, 0].legend(frameon=False, fontsize=8)
    axes[0, 2].set_ylim(bottom=axes[0, 2].get_ylim()[0] / (5 if len(runs) > 1 else 2))
    axes[0, 2].legend(frameon=False, fontsize=7, ncols=2, loc="lower right")
    return figure


def _label(run: ProgramVerify) -> str:
    return f"{run.by}, {100 * run.acceptance:g} %"


def _pulses(axis, run: ProgramVerify, colour: str) -> None:
    """Mean over accepted cells in bins of the target."""
    target, pulses = run.target_S[run.accepted] * MICRO, run.pulses[run.accepted]
    if target.size == 0:
        return
    parts = [part for part in np.array_split(np.argsort(target, kind="stable"), BINS) if part.size]
    centre = [target[part].mean() for part in parts]
    mean = np.array([pulses[part].mean() for part in parts])
    error = np.array([pulses[part].std() / np.sqrt(part.size) for part in parts])
    low = np.minimum(error, 0.9 * mean)
    axis.errorbar(
        centre,
        mean,
        [low, error],
        fmt="o-",
        ms=4,
        lw=1,
        color=colour,
        label=f"{_label(run)}: {run.mean_pulses:.1f}",
    )


def _levels(axis, run: ProgramVerify) -> None:
    """Cumulative distribution of every level, or the error of single cells where targets are no levels."""
    good = run.accepted
    if np.all(run.target_S == run.target_S[:, :1]) and run.target_S.shape[1] > 1:
        for index, (row, kept) in enumerate(zip(run.conductance_S, good, strict=True)):
            values = np.sort(row[kept]) * MICRO
            share = 100 * (np.arange(values.size) + 0.5) / max(values.size, 1)
            axis.plot(values, share, color=OURS if index % 2 else SECOND, lw=1)
        axis.set(xlabel="conductance [µS]", ylabel="cumulative probability [%]")
        axis.set_title(f"{run.target_S.shape[0]} levels, {_label(run)}")
        return
    error = 100 * (run.conductance_S[good] / run.target_S[good] - 1)
    axis.plot(run.target_S[good] * MICRO, error, ",", color=OURS)
    for edge in (-run.acceptance, run.acceptance):
        axis.axhline(100 * edge, color=REFERENCE, lw=1, ls="--")
    axis.set(xlabel="target conductance [µS]", ylabel="true error [%]", title=_label(run))


def _sigma(axis, run: ProgramVerify, colour: str) -> None:
    """Sigma of the true conductance and of the accepted read."""
    for values, marker in (("conductance", "o"), ("read", "x")):
        try:
            line = sigma_line(run, values)
        except InputError:
            return
        name = "true" if values == "conductance" else "read"
        axis.plot(
            line.target_S * MICRO,
            line.sigma_S * MICRO,
            marker,
            ms=4,
            color=colour,
            label=f"{_label(run)}, {name}",
        )
