"""Loops and pulse responses of switching models over each other."""

import numpy as np

from femristor.core.traces import PulseTrace, SwitchingTrace
from femristor.plot.style import OURS, REFERENCE, SECOND, THIRD, new_figure

COLOURS = (OURS, SECOND, THIRD, REFERENCE)
FLOOR_A = 1e-8


def loops_figure(named: dict[str, list[SwitchingTrace]]):
    """|I| over the applied voltage and over the voltage of the cell.

    Args:
        named: label to the traces that make one loop.

    Returns:
        Figure with two panels.
    """
    figure, axes = new_figure(2, 1)
    for colour, (label, traces) in zip(COLOURS, named.items(), strict=False):
        current = np.concatenate([np.abs(trace.current_A) for trace in traces])
        current = np.where(current > FLOOR_A, current, np.nan) * 1e6
        for axis, name in zip(axes[0], ("voltage_applied_V", "voltage_device_V"), strict=True):
            volt = np.concatenate([getattr(trace, name) for trace in traces])
            axis.semilogy(volt, current, color=colour, lw=1.4, label=label)
    for axis, label in zip(axes[0], ("applied to 1T1R [V]", "over the cell [V]"), strict=True):
        axis.set_xlabel(label)
        axis.set_ylabel("|I| [µA]")
    axes[0, 0].legend(fontsize=8, loc="lower right")
    return figure


def pulses_figure(named: dict[str, PulseTrace]):
    """Conductance after each pulse, one line a model.

    Args:
        named: label to trace.

    Returns:
        Figure.
    """
    figure, axes = new_figure(1, 1, width=7.5)
    for colour, (label, trace) in zip(COLOURS, named.items(), strict=False):
        number = np.arange(trace.conductance_S.size + 1)
        values = np.concatenate([[trace.start_conductance_S], trace.conductance_S])
        axes[0, 0].plot(number, 1e6 * values, color=colour, lw=1.2, label=label)
    axes[0, 0].set_xlabel("pulse")
    axes[0, 0].set_ylabel("G at the read voltage [µS]")
    axes[0, 0].legend(fontsize=8)
    return figure
