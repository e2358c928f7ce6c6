"""Figure of inference over time: accuracy or perplexity with its confidence band."""

from collections.abc import Sequence

import numpy as np

from femristor.nn.results.inference import InferenceExperiment
from femristor.plot.style import OURS, REFERENCE, SECOND, new_figure

ZERO_DRAWN_AT_S = 0.1
MARKS = ((3600.0, "1 h"), (86400.0, "1 day"), (365 * 86400.0, "1 year"))
WORDS = {"single": "one device a weight", "pair": "differential pairs"}
COMPENSATION = {"none": "", "shift": ", shift compensated", "column": ", columns compensated"}


def inference_figure(runs: Sequence[InferenceExperiment]):
    """Mean and 95 % band of each run over the time after programming, one panel a mapping.

    Args:
        runs: of the same network.

    Returns:
        Figure.
    """
    mappings = list(dict.fromkeys(str(run.settings["mapping"]) for run in runs))
    figure, axes = new_figure(len(mappings))
    percent = runs[0].metric == "accuracy"
    for axis, mapping in zip(axes[0], mappings, strict=True):
        own = [run for run in runs if run.settings["mapping"] == mapping]
        for run in own:
            _curve(axis, run, factor=100 if percent else 1)
        _dress(axis, f"{runs[0].network}, {WORDS[mapping]}")
    axes[0, 0].set_ylabel("accuracy [%]" if percent else "perplexity")
    return figure


def _curve(axis, run: InferenceExperiment, *, factor: float) -> None:
    aware = bool(run.settings.get("training.hardware_aware"))
    compensation = str(run.settings["compensation"])
    color, dashes = (SECOND if aware else OURS), ("-" if compensation == "none" else "--")
    time = np.maximum(run.time_s, ZERO_DRAWN_AT_S)
    label = ("hardware-aware" if aware else "plain") + COMPENSATION[compensation]
    if np.all(np.isfinite(run.half_width)):
        low, high = run.mean - run.half_width, run.mean + run.half_width
        axis.fill_between(time, factor * low, factor * high, color=color, alpha=0.15, lw=0)
    axis.plot(time, factor * run.mean, "o", ls=dashes, ms=4, color=color, label=label)
    if compensation == "none":
        axis.axhline(factor * run.floating_point, color=color, lw=0.8, ls=":")


def _dress(axis, title: str) -> None:
    axis.set_xscale("log")
    axis.set_title(title, fontsize=10, pad=16)
    axis.set_xlabel("time after programming [s] (0 drawn at 0.1)")
    axis.plot([], [], color=REFERENCE, lw=0.8, ls=":", label="floating point")
    for time, text in MARKS:
        axis.axvline(time, color="#d5dbe1", lw=0.8, zorder=0)
        axis.annotate(
            text,
            (time, 1.0),
            xycoords=("data", "axes fraction"),
            fontsize=7,
            ha="center",
            va="bottom",
            color="#5b6670",
        )
    axis.legend(frameon=False, fontsize=8)
