"""Figures of the array room: level distributions and relaxation (Falcone et al., Fig. 4)."""

import numpy as np

from femristor.array.results.cells import LevelDistribution, RelaxationTrace
from femristor.plot.style import OURS, REFERENCE, SECOND, new_figure

MICRO = 1e6


def level_figure(levels: LevelDistribution):
    """Cumulative distributions of all programmed levels, and their sigma over the target.

    Args:
        levels: conductances of each level at one time.

    Returns:
        Figure; left one curve a level, right sigma(G) sampled.
    """
    figure, axes = new_figure(2)
    probability = (np.arange(levels.conductance_S.shape[1]) + 0.5) / levels.conductance_S.shape[1]
    for index, row in enumerate(levels.conductance_S):
        axes[0, 0].plot(np.sort(row) * MICRO, 100 * probability, color=OURS if index % 2 else SECOND, lw=1)
    axes[0, 0].set_xlabel("conductance [µS]")
    axes[0, 0].set_ylabel("cumulative probability [%]")
    axes[0, 0].set_title(f"{levels.target_S.size} levels, {levels.time_s:g} s after programming")
    axes[0, 1].plot(
        levels.target_S * MICRO, levels.sigma_S * MICRO, "o", ms=4, color=OURS, label="ours, sampled"
    )
    axes[0, 1].axhline(
        float(np.mean(levels.sigma_S)) * MICRO, color=REFERENCE, lw=1, ls="--", label="mean over levels"
    )
    axes[0, 1].set_ylim(bottom=0)
    axes[0, 1].set_xlabel("target conductance [µS]")
    axes[0, 1].set_ylabel("σ(G) [µS]")
    axes[0, 1].legend(frameon=False)
    return figure


def relaxation_figure(trace: RelaxationTrace, *, cells: int = 30):
    """Single trajectories, and mean and sigma of the change over time beside the measured laws.

    Args:
        trace: the trajectories.
        cells: how many single cells are drawn.

    Returns:
        Figure.
    """
    figure, axes = new_figure(2)
    time = np.maximum(trace.time_s, 1e-3)
    flat = trace.change_S.reshape(time.size, -1)[:, :cells] * MICRO
    axes[0, 0].plot(time, flat, color=OURS, lw=0.6, alpha=0.6)
    axes[0, 0].set_title(f"{flat.shape[1]} of {trace.change_S[0].size} cells")
    axes[0, 0].set_ylabel("G(t) - G(0) [µS]")
    axes[0, 1].plot(time, trace.mean_S * MICRO, "o", color=OURS, ms=5, label="mean, ours")
    axes[0, 1].plot(time, trace.law_mean_S * MICRO, color=OURS, lw=1, label="mean, measured law")
    axes[0, 1].plot(time, trace.sigma_S * MICRO, "s", color=SECOND, ms=5, label="σ, ours")
    axes[0, 1].plot(time, trace.law_sigma_S * MICRO, color=SECOND, lw=1, label="σ, measured law")
    axes[0, 1].set_ylabel("change of conductance [µS]")
    axes[0, 1].legend(frameon=False)
    for axis in axes[0]:
        axis.set_xscale("log")
        axis.set_xlabel("time after programming [s]")
    return figure
