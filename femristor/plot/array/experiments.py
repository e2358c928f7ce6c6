"""Figures of forming, cycling and open-loop pulses of an array, in the axes of Falcone et al. (arXiv 2502.04524)."""

import numpy as np

from femristor.array.results.cycling import ArrayCycling
from femristor.array.results.forming import ArrayForming
from femristor.array.results.open_loop import MeasuredPulses, OpenLoopArray
from femristor.plot.style import OURS, REFERENCE, SECOND, SHADE, THIRD, new_figure

MICRO = 1e6
FLOOR_A = 1e-13
"""Currents below are drawn here."""


def forming_figure(forming: ArrayForming, *, cells: int = 64):
    """I-V bundle of the forming sweeps, and cumulative distribution of the forming voltage.

    Args:
        forming: sweeps of an array, simulated or measured.
        cells: most curves drawn.

    Returns:
        Figure.
    """
    figure, axes = new_figure(2)
    left, right = axes[0]
    for row in forming.current_A[:cells]:
        left.semilogy(forming.voltage_V, np.maximum(np.abs(row), FLOOR_A), color=OURS, lw=0.7, alpha=0.5)
    left.set_xlabel("voltage over cell and selector [V]")
    left.set_ylabel("|current| [A]")
    left.set_title(f"{min(cells, len(forming.current_A))} of {forming.form_V.size} forming sweeps")
    good = np.sort(forming.form_V[np.isfinite(forming.form_V)])
    _cumulative(right, good, OURS, f"ours: {forming.mean_V:.2f} V, σ {forming.sigma_V * 1e3:.0f} mV")
    if good.size:
        wide = np.linspace(forming.paper_mean_V - 0.3, forming.paper_mean_V + 0.3, 200)
        curve = 50 * (1 + _erf((wide - forming.paper_mean_V) / (np.sqrt(2) * forming.paper_sigma_V)))
        label = f"paper: {forming.paper_mean_V:g} V, σ {forming.paper_sigma_V * 1e3:g} mV (normal)"
        right.plot(wide, curve, color=REFERENCE, lw=1.2, ls="--", label=label)
        right.legend(frameon=False, fontsize=8, loc="upper left")
    right.set_ylim(0, 115)
    right.set_xlabel("forming voltage, triode drop taken off [V]")
    right.set_ylabel("cumulative probability [%]")
    right.set_title(f"yield {100 * forming.yielded:.1f} % (paper 100 %)")
    return figure


def cycling_figure(cycling: ArrayCycling, *, cells: int = 32):
    """I-V bundle of all cycles, and cumulative distributions of HRS and LRS.

    Args:
        cycling: cycles of an array.
        cells: most cells drawn.

    Returns:
        Figure.
    """
    figure, axes = new_figure(2)
    left, right = axes[0]
    for row in cycling.current_A[:cells]:
        left.semilogy(cycling.voltage_V, np.maximum(np.abs(row), 1e-9), color=SHADE, lw=0.4, alpha=0.5)
    middle = np.median(np.abs(cycling.current_A), axis=0)
    left.semilogy(
        cycling.voltage_V, np.maximum(middle, 1e-9), color=OURS, lw=1.2, label="median of the cells"
    )
    left.set_ylim(1e-8, None)
    left.set_xlabel("voltage over cell and selector [V]")
    left.set_ylabel("|current| [A]")
    left.set_title(f"{min(cells, len(cycling.current_A))} cells, {cycling.cycles} cycles")
    left.legend(frameon=False)
    _cumulative(right, cycling.hrs_S.ravel() * MICRO, SECOND, "HRS")
    _cumulative(right, cycling.lrs_S.ravel() * MICRO, OURS, "LRS")
    right.set_xscale("log")
    right.set_xlabel(f"conductance at {cycling.read_V:g} V [µS]")
    right.set_ylabel("cumulative probability [%]")
    right.set_title(f"LRS/HRS {cycling.ratio:.3g} (paper about {cycling.paper_ratio:g})")
    right.legend(frameon=False)
    return figure


def open_loop_figure(pulses: OpenLoopArray, *, cells: int = 32):
    """Conductance against pulse number of some cells, and histograms of N_states, skew and NSR.

    Args:
        pulses: the protocol on an array.
        cells: most traces drawn.

    Returns:
        Figure.
    """
    figure, axes = new_figure(2, 2)
    number = np.arange(pulses.direction.size + 1)
    for row in pulses.conductance_S[:cells]:
        axes[0, 0].plot(number, row * MICRO, color=SHADE, lw=0.4, alpha=0.6)
    axes[0, 0].plot(
        number, np.median(pulses.conductance_S, axis=0) * MICRO, color=OURS, lw=1.2, label="median"
    )
    axes[0, 0].set_xlabel("pulse number")
    axes[0, 0].set_ylabel("conductance at 0.2 V [µS]")
    axes[0, 0].set_title(f"{pulses.set_V:.3g} / {pulses.reset_V:.3g} V, {pulses.width_s * 1e6:.3g} µs")
    axes[0, 0].legend(frameon=False)
    panels = (
        (axes[0, 1], pulses.n_states, pulses.paper_n_states, "N_states", OURS),
        (axes[1, 0], 100 * pulses.skew, 100 * pulses.paper_skew, "skew of the symmetry point [%]", SECOND),
        (axes[1, 1], 100 * pulses.nsr, 100 * pulses.paper_nsr, "noise-to-signal ratio [%]", THIRD),
    )
    for axis, values, paper, label, colour in panels:
        good = values[np.isfinite(values)]
        axis.hist(good, bins=max(8, round(np.sqrt(good.size))), color=colour, alpha=0.7, label="ours")
        axis.axvline(paper, color=REFERENCE, lw=1.2, ls="--", label=f"paper, mean {paper:g}")
        axis.set_xlabel(label)
        axis.set_ylabel("cells")
        axis.legend(frameon=False)
    return figure


def measured_pulses_figure(pulses: MeasuredPulses):
    """A measured record by the direction of its pulses, with its symmetry point."""
    figure, axes = new_figure(1)
    axis, scale = axes[0, 0], MICRO if pulses.unit == "S" else 1.0
    number = np.arange(1, pulses.direction.size + 1)
    for way, colour, label in ((1, OURS, "up"), (-1, SECOND, "down"), (0, SHADE, "not used")):
        here = pulses.direction == way
        if here.any():
            axis.plot(
                number[here], pulses.conductance[1:][here] * scale, ".", ms=3, color=colour, label=label
            )
    if np.isfinite(pulses.g_symmetry):
        axis.axhline(pulses.g_symmetry * scale, color=REFERENCE, lw=1, ls="--", label="symmetry point")
    axis.set_xlabel("pulse number")
    axis.set_ylabel("conductance [µS]" if pulses.unit == "S" else "conductance, normalised")
    axis.set_title(pulses.source)
    axis.legend(frameon=False, fontsize=8)
    return figure


def _cumulative(axis, values, colour: str, label: str) -> None:
    values = np.sort(values)
    probability = 100 * (np.arange(values.size) + 0.5) / max(values.size, 1)
    axis.plot(values, probability, ".", ms=4, color=colour, label=label)


def _erf(values: np.ndarray) -> np.ndarray:
    from math import erf

    return np.array([erf(value) for value in values])
