"""Figures of analog matrix products: scatter and error over time (Falcone et al., Fig. 4f)."""

import numpy as np

from femristor.nn.result import MvmExperiment
from femristor.plot.style import OURS, REFERENCE, SECOND, SHADE, new_figure


def mvm_figure(run: MvmExperiment):
    """Analog against exact outputs at the first and last time, and RMSE(t) beside the references.

    Args:
        run: the experiment.

    Returns:
        Figure.
    """
    figure, axes = new_figure(2)
    _scatter(axes[0, 0], run)
    axis = axes[0, 1]
    time = np.maximum(run.time_s, 1e-1)
    axis.errorbar(
        time, run.rmse_mean, yerr=run.rmse_std, fmt="o-", color=OURS, capsize=3, label="ours, mean and spread"
    )
    if np.any(np.isfinite(run.rmse_law)):
        axis.plot(time, run.rmse_law, color=SHADE, lw=1, ls="--", label="closed form of the laws")
    axis.plot(
        np.maximum(run.reference_time_s, 1e-1),
        run.reference_rmse,
        "D",
        mfc="none",
        color=REFERENCE,
        label="reference",
    )
    axis.set_xscale("log")
    axis.set_ylim(bottom=0)
    axis.set_xlabel("time after programming [s] (0 drawn at 0.1)")
    axis.set_ylabel("RMSE [absolute units]")
    axis.legend(frameon=False)
    return figure


def _scatter(axis, run: MvmExperiment) -> None:
    exact = run.scatter_exact
    for index, color in ((-1, SECOND), (0, OURS)):
        axis.plot(
            exact, run.scatter_analog[index], ".", ms=2, color=color, label=f"t = {run.time_s[index]:.3g} s"
        )
    ends = [float(exact.min()), float(exact.max())]
    axis.plot(ends, ends, color=REFERENCE, lw=0.8)
    axis.set_xlabel("exact product")
    axis.set_ylabel("analog product")
    axis.legend(frameon=False, markerscale=4)
