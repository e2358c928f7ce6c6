"""Figures of analog matrix products: scatter and error over time (Falcone et al., Fig. 4f), budget, sizes."""

import numpy as np

from femristor.nn.results.mvm import MvmExperiment, MvmSizes
from femristor.plot.style import OURS, REFERENCE, SECOND, SHADE, THIRD, new_figure

CAUSES = {
    "quantisation": SHADE,
    "programming": "#b8860b",
    "relaxation": SECOND,
    "read_noise": "#7a4fa3",
    "wires": THIRD,
}
COLORS = (OURS, THIRD, SECOND, "#b8860b", "#7a4fa3", SHADE, "#2f8f8f", "#8c564b")
MARKERS = "osD^vP"
FIRST_S = 1e-1
"""Where time 0 is drawn on the logarithmic axis."""
PAPER_TIMES_S, PAPER_VALUES = (1.0, 10 * 365 * 86400.0), (0.06, 0.2)
"""RMSE printed in Falcone et al., arXiv 2502.04524."""


def mvm_figure(run: MvmExperiment):
    """Analog against exact outputs at the first and last time, RMSE(t) beside the references, budget and variants.

    Args:
        run: the experiment.

    Returns:
        Figure; variants have axes of their own where there are several.
    """
    several = len(run.variants) > 1
    figure, axes = new_figure(3 if several else 2)
    _scatter(axes[0, 0], run)
    _over_time(axes[0, 1], run)
    if several:
        _variants(axes[0, 2], run)
    return figure


def sizes_figure(found: MvmSizes):
    """Error over the size at the first and the last time, each variant a line.

    Args:
        found: experiments of several sizes.

    Returns:
        Figure.
    """
    figure, axes = new_figure(2)
    sizes = [run.settings["size"] for run in found.runs]
    spread = np.array([run.scatter_exact.std() for run in found.runs])
    for axis, at in zip(axes[0], (0, -1), strict=True):
        for index, name in enumerate(found.runs[0].variants):
            mean = [float(run.rmse_by_variant[index, at].mean()) for run in found.runs]
            axis.plot(sizes, mean, **_style(index), label=name)
        axis.plot(sizes, spread, color=REFERENCE, lw=0.8, ls=":", label="deviation of the exact outputs")
        axis.set_xscale("log", base=2)
        axis.set_yscale("log")
        axis.set_xticks(sizes, [str(size) for size in sizes])
        axis.minorticks_off()
        axis.set_xlabel("rows = columns")
        axis.set_ylabel("RMSE [absolute units]")
        axis.set_title(f"t = {_when(found.runs[0].time_s[at])}", fontsize=10)
    axes[0, 1].legend(frameon=False, fontsize=7, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return figure


def _style(index: int) -> dict:
    return {
        "color": COLORS[index % len(COLORS)],
        "marker": MARKERS[index % len(MARKERS)],
        "ms": 4,
        "lw": 1.2,
        "ls": "-" if index < len(COLORS) else "--",
    }


def _when(time_s: float) -> str:
    for unit, name in ((365 * 86400.0, "years"), (86400.0, "days"), (3600.0, "h")):
        if time_s >= unit:
            return f"{time_s / unit:.3g} {name}"
    return f"{time_s:.3g} s"


def _over_time(axis, run: MvmExperiment) -> None:
    time = np.maximum(run.time_s, FIRST_S)
    axis.errorbar(
        time, run.rmse_mean, yerr=run.rmse_std, fmt="o-", color=OURS, capsize=3, label="ours, mean and spread"
    )
    if np.any(np.isfinite(run.rmse_law)):
        axis.plot(time, run.rmse_law, color=OURS, lw=1, ls="--", alpha=0.6, label="closed form of the laws")
    for name, rmse in zip(run.causes, run.rmse_by_cause, strict=True):
        axis.plot(time, rmse, lw=1, color=CAUSES.get(name, SHADE), label=f"{name.replace('_', ' ')} alone")
    if run.reference_time_s.size:
        axis.plot(
            np.maximum(run.reference_time_s, FIRST_S),
            run.reference_rmse,
            "D",
            mfc="none",
            color=REFERENCE,
            label="aihwkit, one draw",
        )
    if run.settings.get("is_paper_setting") and run.settings.get("cells") == "card":
        axis.plot(PAPER_TIMES_S, PAPER_VALUES, "x", ms=7, color=REFERENCE, label="paper")
    axis.set_xscale("log")
    axis.set_ylim(bottom=0)
    axis.set_xlabel(f"time after programming [s] (0 drawn at {FIRST_S:g})")
    axis.set_ylabel("RMSE [absolute units]")
    axis.legend(frameon=False, fontsize=7, ncols=2)
    axis.set_ylim(top=1.35 * axis.get_ylim()[1])


def _variants(axis, run: MvmExperiment) -> None:
    time = np.maximum(run.time_s, FIRST_S)
    for index, (name, rmse) in enumerate(zip(run.variants, run.rmse_by_variant, strict=True)):
        axis.plot(time, rmse.mean(axis=1), **_style(index), label=name)
    axis.set_xscale("log")
    axis.set_yscale("log")
    axis.set_xlabel(f"time after programming [s] (0 drawn at {FIRST_S:g})")
    axis.set_ylabel("RMSE [absolute units]")
    axis.legend(frameon=False, fontsize=7, loc="upper left", bbox_to_anchor=(1.0, 1.0))


def _scatter(axis, run: MvmExperiment) -> None:
    exact = run.scatter_exact
    for index, color in ((-1, SECOND), (0, OURS)):
        axis.plot(
            exact, run.scatter_analog[index], ".", ms=2, color=color, label=f"t = {_when(run.time_s[index])}"
        )
    ends = [float(exact.min()), float(exact.max())]
    axis.plot(ends, ends, color=REFERENCE, lw=0.8)
    axis.set_xlabel("exact product")
    axis.set_ylabel("analog product")
    axis.legend(frameon=False, markerscale=4)
