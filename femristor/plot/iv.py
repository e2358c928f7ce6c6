"""I-V curves on linear and log axes, ours over the reference."""

import numpy as np

from femristor.core.curves import IVCurve
from femristor.plot.style import OURS, REFERENCE, SECOND, THIRD, new_figure

MICRO = 1e6
COLORS = (OURS, SECOND, THIRD)


def iv_figure(ours: list[IVCurve], reference: list[IVCurve] = (), title: str = ""):
    """Current over voltage, linear and on a log axis.

    Args:
        ours: computed curves, drawn as lines.
        reference: measured or published curves, drawn as points.
        title: heading.

    Returns:
        Figure of two axes.
    """
    figure, axes = new_figure(2)
    for axis in axes[0]:
        for index, curve in enumerate(reference):
            current = curve.current_A if axis is axes[0, 0] else np.abs(curve.current_A)
            keep = np.abs(curve.current_A) > 0
            axis.plot(
                curve.voltage_V[keep],
                current[keep] * MICRO,
                "o",
                ms=3.5,
                mfc="none",
                color=REFERENCE,
                label=f"{curve.label}, {curve.origin}" if index < 4 else None,
            )
        for index, curve in enumerate(ours):
            current = curve.current_A if axis is axes[0, 0] else np.abs(curve.current_A)
            keep = np.abs(curve.current_A) > 0
            axis.plot(
                curve.voltage_V[keep],
                current[keep] * MICRO,
                color=COLORS[index % 3],
                label=f"{curve.label}, ours",
            )
        axis.set_xlabel("voltage [V]")
    axes[0, 0].set_ylabel("current [µA]")
    axes[0, 1].set_ylabel("|current| [µA]")
    axes[0, 1].set_yscale("log")
    axes[0, 0].legend(frameon=False, fontsize=8)
    if title:
        figure.suptitle(title)
    return figure
