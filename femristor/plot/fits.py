"""Figures of the fits: forming I-V and its linear regimes, LRS/HRS I-V with residuals (Falcone et al., Figs. 1-2)."""

import numpy as np

from femristor.plot.style import OURS, REFERENCE, SECOND, THIRD, new_figure
from femristor.transport.result import FormingFit, HoppingFit

MICRO = 1e6
COLORS = (OURS, SECOND, THIRD)


def forming_figure(fit: FormingFit):
    """Low-voltage I-V after forming and after the negative sweep, with the fitted lines.

    Args:
        fit: the forming fit.

    Returns:
        Figure; left the curves, right what the lines leave over.
    """
    figure, axes = new_figure(2)
    for index, regime in enumerate(fit.regimes):
        volt, current = regime.curve.voltage_V, regime.curve.current_A
        line = regime.conductance_S * volt
        label = f"{regime.curve.label}: {regime.conductance_S * MICRO:.2f} µS"
        color = COLORS[index % 3]
        axes[0, 0].plot(volt, current * MICRO, "o", ms=3.5, mfc="none", color=REFERENCE)
        axes[0, 0].plot(volt, line * MICRO, color=color, label=label)
        used = regime.used & (np.abs(line) > 0)
        axes[0, 1].plot(volt[used], 100 * (current[used] / line[used] - 1), "o", ms=3.5, color=color)
    radius, sigma = fit.parameter("radius"), fit.parameter("sigma_CMO")
    axes[0, 0].set_title(
        f"r = {radius.value * 1e9:.3f} ± {radius.standard_error * 1e9:.3f} nm, "
        f"σ(CMO) = {sigma.value:.0f} ± {sigma.standard_error:.0f} S/m",
        fontsize=10,
    )
    axes[0, 1].axhline(0, color=REFERENCE, lw=0.8)
    axes[0, 0].set_ylabel("current [µA]")
    axes[0, 1].set_ylabel("I / (G V) - 1 [%]")
    for axis in axes[0]:
        axis.set_xlabel("voltage [V]")
    axes[0, 0].legend(frameon=False)
    return figure


def hopping_figure(fit: HoppingFit):
    """Measured and fitted I-V of each state on a log axis, and the residuals of ln I.

    Args:
        fit: the hopping fit.

    Returns:
        Figure.
    """
    figure, axes = new_figure(2)
    for index, state in enumerate(fit.states):
        color = COLORS[index % 3]
        density, distance, barrier = (state.parameter(name) for name in ("N", "a_e", "dE"))
        for curve in state.curves:
            volt = np.abs(curve.voltage_V)
            order = np.argsort(volt)
            axes[0, 0].plot(volt, np.abs(curve.measured_A) * MICRO, "o", ms=3.5, mfc="none", color=REFERENCE)
            label = (
                f"{state.label}, {curve.ambient_K:g} K: N = {density.value:.2e} m⁻³, "
                f"a = {distance.value * 1e9:.2f} nm, dE = {barrier.value * 1e3:.0f} meV"
            )
            axes[0, 0].plot(volt[order], np.abs(curve.fitted_A)[order] * MICRO, color=color, label=label)
            axes[0, 1].plot(
                volt,
                100 * curve.residual_ln,
                "o",
                ms=3.5,
                color=color,
                label=f"{state.label}, {curve.ambient_K:g} K: rms {100 * curve.rms_ln:.2f} %",
            )
    axes[0, 0].set_yscale("log")
    axes[0, 0].set_ylabel("|current| [µA]")
    axes[0, 1].axhline(0, color=REFERENCE, lw=0.8)
    axes[0, 1].set_ylabel("ln I(measured) - ln I(fitted) [%]")
    for axis in axes[0]:
        axis.set_xlabel("|voltage| [V]")
        axis.legend(frameon=False, fontsize=7.5)
    return figure
