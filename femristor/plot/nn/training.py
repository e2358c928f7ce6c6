"""Accuracy by epoch of trained networks beside the paper's (Falcone et al., Fig. 5)."""

import numpy as np

from femristor.nn.results.training import TrainingRun
from femristor.plot.style import OURS, REFERENCE, SECOND, THIRD, new_figure

COLORS = (OURS, SECOND, THIRD)


def accuracy_figure(runs: list[TrainingRun], paper: dict[str, float] | None = None):
    """Test accuracy and training loss by epoch.

    Args:
        runs: trained networks, one a device and rule.
        paper: label to accuracy (0 to 1), drawn as dashed lines.

    Returns:
        Figure.
    """
    figure, axes = new_figure(2)
    for index, run in enumerate(runs):
        epoch = np.arange(1, run.epochs + 1)
        label = f"{run.device}, {run.rule}: {100 * run.accuracy[-1]:.1f} %"
        axes[0, 0].plot(epoch, 100 * run.accuracy, "o-", ms=4, color=COLORS[index % 3], label=label)
        axes[0, 1].plot(epoch, run.loss, "o-", ms=4, color=COLORS[index % 3])
    for number, (label, value) in enumerate((paper or {}).items()):
        axes[0, 0].axhline(100 * value, color=REFERENCE, lw=0.8, ls="--")
        # side by side below the line, since the paper's numbers lie close together
        axes[0, 0].annotate(
            f"{label} {100 * value:.1f} %",
            (0.02 + 0.5 * number, 100 * value),
            xycoords=("axes fraction", "data"),
            xytext=(0, 3),
            textcoords="offset points",
            fontsize=8,
        )
    axes[0, 0].set_ylim(top=104)
    axes[0, 0].set_ylabel("MNIST test accuracy [%]")
    axes[0, 1].set_ylabel("training loss")
    axes[0, 1].set_yscale("log")
    for axis in axes[0]:
        axis.set_xlabel("epoch")
        axis.xaxis.get_major_locator().set_params(integer=True)
    axes[0, 0].legend(frameon=False, fontsize=8)
    return figure
