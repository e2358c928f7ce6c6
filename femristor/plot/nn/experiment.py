"""Scores of an experiment by epoch, or against the key that it sweeps, beside the paper's numbers."""

import numpy as np

from femristor.nn.results.experiment import ExperimentSummary, RunSummary
from femristor.plot.style import OURS, REFERENCE, SECOND, THIRD, new_figure

COLORS = (OURS, SECOND, THIRD, "#7b5ea7", "#b8860b", "#3b8f8f", "#8c564b", "#555555")
AXIS_LABELS = {
    "n_states": "states between the bounds",
    "skew": "symmetry-point skew [%]",
    "nsr": "noise to signal of a pulse [%]",
}
SHARES = ("skew", "skew_std", "nsr", "bound_std")


def experiment_figure(summary: ExperimentSummary):
    """One panel by epoch for runs by themselves, and one for each swept key.

    Lines are means over seeds, bands from the lowest to the highest seed, dashed lines the paper's numbers.

    Args:
        summary: of the experiment.

    Returns:
        Figure.
    """
    alone = [run for run in summary.runs if not run.axis and run.scores.size]
    axes_names = list(dict.fromkeys(run.axis for run in summary.runs if run.axis))
    figure, axes = new_figure(bool(alone) + len(axes_names))
    panels = list(axes[0])
    if alone:
        _by_epoch(panels.pop(0), alone, summary.measure)
    for axis, name in zip(panels, axes_names, strict=True):
        _by_value(axis, [run for run in summary.runs if run.axis == name and run.done], name, summary.measure)
    figure.suptitle(summary.title, fontsize=10)
    return figure


def _scaled(values, measure: str):
    """Accuracy as test error in percent, as the paper draws it; perplexity as it is."""
    return 100.0 * (1.0 - np.asarray(values)) if measure == "accuracy" else np.asarray(values)


def _by_epoch(axis, runs: list[RunSummary], measure: str) -> None:
    papers: dict[float, list[str]] = {}
    for number, run in enumerate(runs):
        color = COLORS[number % len(COLORS)]
        epoch = np.arange(1, run.done + 1)
        values = _scaled(run.scores[:, : run.done], measure)
        last = values[:, -1].mean() if run.done else float("nan")
        label = f"{run.label}: {last:.2f}" + (" %" if measure == "accuracy" else "")
        # A second round of the same colours is dashed with open marks.
        line, face = ("o-", color) if number < len(COLORS) else ("s--", "white")
        axis.plot(epoch, values.mean(axis=0), line, mfc=face, ms=3, lw=1.3, color=color, label=label)
        axis.fill_between(epoch, values.min(axis=0), values.max(axis=0), color=color, alpha=0.18, lw=0)
        if np.isfinite(run.paper):
            papers.setdefault(float(_scaled(run.paper, measure)), []).append(run.label)
    for value in papers:
        axis.axhline(value, color=REFERENCE, lw=0.8, ls="--")
        axis.annotate(
            f"paper {value:.1f}",
            (1.0, value),
            xycoords=("axes fraction", "data"),
            xytext=(-2, 2),
            textcoords="offset points",
            ha="right",
            fontsize=7,
        )
    axis.set_xlabel("epoch")
    axis.set_ylabel("test error [%]" if measure == "accuracy" else "test perplexity")
    axis.set_yscale("log")
    _plain_ticks(axis)
    axis.xaxis.get_major_locator().set_params(integer=True)
    axis.legend(frameon=False, fontsize=7)


def _by_value(axis, runs: list[RunSummary], name: str, measure: str) -> None:
    factor = 100.0 if name in SHARES else 1.0
    value = np.array([factor * run.value for run in runs])
    scores = [_scaled(run.last, measure) for run in runs]
    mean = np.array([part.mean() for part in scores])
    low = mean - [part.min() for part in scores]
    high = [part.max() for part in scores] - mean
    axis.errorbar(value, mean, yerr=(low, high), fmt="o-", ms=4, lw=1.3, capsize=2, color=OURS)
    epochs = sorted({run.done for run in runs})
    axis.annotate(
        f"after {'-'.join(map(str, epochs))} epochs",
        (0.98, 0.96),
        xycoords="axes fraction",
        ha="right",
        va="top",
        fontsize=8,
    )
    axis.set_xlabel(AXIS_LABELS.get(name, name))
    axis.set_ylabel("test error [%]" if measure == "accuracy" else "test perplexity")
    axis.set_yscale("log")
    _plain_ticks(axis)
    if name == "n_states":
        axis.set_xscale("log")


def _plain_ticks(axis) -> None:
    """Decimal numbers instead of powers of ten."""
    from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

    axis.yaxis.set_major_locator(LogLocator(base=10, subs=(1, 2, 3, 5)))
    axis.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axis.yaxis.set_minor_formatter(NullFormatter())
