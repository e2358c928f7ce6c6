"""Figures of the compact room: sweep loop, pulse response, single-pulse steps."""

import numpy as np

from femristor.compact.results.table import PulseSteps, PulseTrace, SweepResult
from femristor.core.curves import IVCurve
from femristor.plot.style import OURS, REFERENCE, SECOND, SHADE, new_figure

MICRO = 1e6


def sweep_figure(sweep: SweepResult, reference: IVCurve | None = None):
    """Loop over the applied voltage on a log axis, and the state along the sweep.

    Args:
        sweep: our sweep; its first cell is drawn.
        reference: a measured or published loop over the same kind of voltage.

    Returns:
        Figure.
    """
    figure, axes = new_figure(2)
    if reference is not None:
        axes[0, 0].plot(
            reference.voltage_V,
            np.abs(reference.current_A) * MICRO,
            ".",
            ms=2,
            color=SHADE,
            label=f"{reference.label}, {reference.origin}",
        )
    current = np.abs(sweep.current_A[0]) * MICRO
    axes[0, 0].plot(sweep.voltage_applied_V, current, color=OURS, label="ours, compact model")
    axes[0, 0].set_yscale("log")
    axes[0, 0].set_ylim(bottom=1e-2)
    axes[0, 0].set_xlabel("voltage over cell and load [V]")
    axes[0, 0].set_ylabel("|current| [µA]")
    axes[0, 0].legend(frameon=False, fontsize=8)
    axes[0, 1].plot(sweep.time_s, sweep.density_m3[0], color=OURS, label="dome density N")
    axes[0, 1].set_yscale("log")
    axes[0, 1].set_xlabel("time [s]")
    axes[0, 1].set_ylabel("N [m⁻³]")
    twin = axes[0, 1].twinx()
    twin.plot(sweep.time_s, sweep.temperature_K[0], color=SECOND, lw=0.9)
    twin.set_ylabel("mean dome temperature [K]", color=SECOND)
    axes[0, 1].legend(frameon=False, fontsize=8)
    return figure


def pulse_figure(ours: PulseTrace, reference: np.ndarray | None = None, origin: str = ""):
    """Conductance after each pulse, ours and a reference train of the same protocol.

    Args:
        ours: pulse response of the compact model.
        reference: (pulses,) conductances in siemens.
        origin: where the reference comes from.

    Returns:
        Figure.
    """
    figure, axes = new_figure(1, width=8.2)
    axis = axes[0, 0]
    number = np.arange(1, ours.conductance_S.size + 1)
    if reference is not None:
        axis.plot(
            np.arange(1, reference.size + 1), reference * MICRO, ".", ms=2, color=REFERENCE, label=origin
        )
    axis.plot(
        number,
        ours.conductance_S * MICRO,
        ".",
        ms=2.5,
        color=OURS,
        label=f"ours, {ours.set_V:g} / {ours.reset_V:g} V: {ours.n_states:.0f} states, skew {100 * ours.skew:.0f} %",
    )
    axis.set_xlabel("pulse number")
    axis.set_ylabel("conductance at 0.2 V [µS]")
    axis.legend(frameon=False, markerscale=5)
    return figure


def steps_figure(steps: PulseSteps):
    """Change by one pulse over the conductance it starts from.

    Args:
        steps: single-pulse steps of the compact model.

    Returns:
        Figure.
    """
    figure, axes = new_figure(1)
    axis = axes[0, 0]
    axis.plot(
        steps.conductance_S * MICRO, steps.step_up_S * MICRO, color=OURS, label=f"set, {steps.set_V:g} V"
    )
    axis.plot(
        steps.conductance_S * MICRO,
        -steps.step_down_S * MICRO,
        color=SECOND,
        label=f"reset, {steps.reset_V:g} V",
    )
    axis.set_yscale("log")
    axis.set_xlabel("conductance before the pulse [µS]")
    axis.set_ylabel("|change| by one pulse [µS]")
    axis.legend(frameon=False)
    return figure
