"""Figures of relaxation, read noise and bake: laws, samples, measured points, and what vacancy hops predict."""

import numpy as np

from femristor.array.results.cells import RelaxationTrace
from femristor.array.results.relaxation import (
    PAPER_CHANGE_S,
    PAPER_SIGMA_S,
    PAPER_TEN_MINUTES_SIGMA_S,
    PAPER_TIME_S,
    BarrierDemand,
)
from femristor.array.results.retention_fit import BakeFit, ReadNoiseFit, RelaxationFit
from femristor.core.constants import EV
from femristor.plot.style import OURS, REFERENCE, SECOND, SHADE, THIRD, new_figure

MICRO = 1e6


def time_figure(trace: RelaxationTrace, demand: BarrierDemand, *, cells: int = 25):
    """Mean, sigma, single cells and correlation over the time after programming.

    Args:
        trace: sampled trajectories.
        demand: prediction by vacancy hops.
        cells: how many single cells are drawn.

    Returns:
        Figure of four panels.
    """
    figure, axes = new_figure(2, 2)
    time = trace.time_s
    mean, sigma, single, memory = axes.flat
    mean.plot(time, trace.law_mean_S * MICRO, color=OURS, lw=1, label="law")
    mean.plot(time, trace.mean_S * MICRO, "o", color=OURS, ms=5, label="sampled")
    mean.plot(
        PAPER_TIME_S, np.array(PAPER_CHANGE_S) * MICRO, "D", color=REFERENCE, ms=5, label="paper, 50 µS"
    )
    mean.axhline(0, color=SECOND, ls="--", lw=1, label="vacancy hops at 0 V")
    mean.set_ylabel("mean change [µS]")
    sigma.plot(time, trace.law_sigma_S * MICRO, color=OURS, lw=1, label="law")
    sigma.plot(time, trace.sigma_S * MICRO, "s", color=OURS, ms=5, label="sampled")
    sigma.plot(
        PAPER_TIME_S, np.array(PAPER_SIGMA_S) * MICRO, "D", color=REFERENCE, ms=5, label="paper, 50 µS"
    )
    sigma.plot(600, PAPER_TEN_MINUTES_SIGMA_S * MICRO, "D", color=REFERENCE, ms=5, mfc="white")
    for cluster, rest, style in zip(demand.cluster, demand.rest, ("--", ":", "-."), strict=False):
        sigma.plot(
            rest.time_s,
            rest.sigma_set_S * MICRO,
            style,
            color=SECOND,
            lw=1.2,
            label=f"hops, {cluster:g} at once",
        )
    sigma.set_ylim(0, 1.6 * MICRO * max(trace.law_sigma_S.max(), max(PAPER_SIGMA_S)))
    sigma.set_ylabel("σ of the change [µS]")
    flat = trace.change_S.reshape(time.size, -1)
    chosen = np.linspace(0, flat.shape[1] - 1, min(cells, flat.shape[1])).astype(int)
    single.plot(time, flat[:, chosen] * MICRO, color=OURS, lw=0.6, alpha=0.7)
    single.set_ylabel("G(t) - G(0) [µS]")
    single.set_title(f"{chosen.size} of {flat.shape[1]} cells")
    memory.plot(time, trace.law_correlation[-1], color=OURS, lw=1, label="process")
    memory.plot(time, trace.correlation[-1], "o", color=OURS, ms=5, label="sampled")
    memory.set_ylim(-0.05, 1.05)
    memory.set_ylabel("correlation with the last time")
    memory.set_title(f"memory exponent {trace.memory_exponent:g}")
    for axis in axes.flat:
        axis.set_xscale("log")
        axis.set_xlabel("time after programming [s]")
        if axis is not single:
            axis.legend(frameon=False, fontsize=8)
    return figure


def relaxation_fit_figure(fit: RelaxationFit):
    """Measured mean and sigma with their lines, correlations, and dependence on the conductance.

    Args:
        fit: of a measured file.

    Returns:
        Figure of three panels.
    """
    figure, axes = new_figure(3)
    lines, memory, bands = axes.flat
    x = np.log(fit.time_s)
    for values, error, line, color, name in (
        (fit.mean_S, fit.mean_error_S, fit.mean_line_S, OURS, "mean"),
        (fit.sigma_S, fit.sigma_error_S, fit.sigma_line_S, SECOND, "σ"),
    ):
        lines.errorbar(
            fit.time_s,
            values * MICRO,
            2 * error * MICRO,
            fmt="o",
            ms=4,
            color=color,
            label=f"{name}, measured",
        )
        lines.plot(
            fit.time_s, (line[0] + line[1] * x) * MICRO, color=color, lw=1, label=f"{name}, line in ln t"
        )
    lines.set_xscale("log")
    lines.set_xlabel("time after programming [s]")
    lines.set_ylabel("change of conductance [µS]")
    lines.legend(frameon=False, fontsize=8)
    early, late = np.triu_indices(fit.time_s.size, 1)
    sigma = fit.sigma_S
    ratio = sigma[early] / sigma[late]
    grid = np.linspace(0.05, 1, 100)
    memory.errorbar(
        ratio, fit.correlation[early, late], 2 * fit.correlation_error[early, late], fmt="o", ms=4, color=OURS,
        label="measured pairs of times",
    )  # fmt: skip
    memory.plot(
        grid, grid**fit.memory_exponent, color=OURS, lw=1, label=f"exponent {fit.memory_exponent:.2f}"
    )
    memory.plot(grid, grid, "--", color=REFERENCE, lw=1, label="independent increments")
    memory.set_xlabel("σ earlier / σ later")
    memory.set_ylabel("correlation of the changes")
    memory.legend(frameon=False, fontsize=8)
    for index, time in enumerate(fit.time_s):
        shade = 0.35 + 0.65 * index / max(1, fit.time_s.size - 1)
        bands.plot(
            fit.band_start_S * MICRO, fit.band_sigma_S[index] * MICRO, "o-", ms=3, lw=1, color=SECOND, alpha=shade,
            label=f"{time:g} s",
        )  # fmt: skip
    bands.set_xlabel("conductance at time 0 [µS]")
    bands.set_ylabel("σ of the change [µS]")
    bands.set_ylim(0, 1.35 * MICRO * fit.band_sigma_S.max())
    bands.legend(frameon=False, fontsize=8)
    return figure


def read_noise_figure(fit: ReadNoiseFit):
    """Spectra with their power laws, and sigma against conductance.

    Args:
        fit: of a measured file.

    Returns:
        Figure of two panels.
    """
    figure, axes = new_figure(2)
    spectrum, spread = axes.flat
    colors = (OURS, SECOND, THIRD, REFERENCE, SHADE)
    for index in range(fit.mean_S.size):
        color = colors[index % len(colors)]
        name = f"{fit.mean_S[index] * MICRO:.0f} µS, f^-{fit.exponent[index]:.2f}"
        name += ", telegraph" if fit.telegraph[index] else ""
        spectrum.loglog(
            fit.frequency_Hz, fit.density_S2_per_Hz[index] * MICRO**2, "o", ms=3, color=color, label=name
        )
        law = fit.level_S2[index] * fit.frequency_Hz ** -fit.exponent[index]
        spectrum.loglog(fit.frequency_Hz, law * MICRO**2, color=color, lw=1)
    spectrum.set_xlabel("frequency [Hz]")
    spectrum.set_ylabel("density of the noise [µS²/Hz]")
    spectrum.legend(frameon=False, fontsize=8)
    spread.loglog(fit.mean_S * MICRO, 100 * fit.sigma_S / fit.mean_S, "o", color=OURS, label="measured")
    spread.axhspan(0.2, 2, color=SHADE, alpha=0.3, label="0.2-2 % (CMO/HfOx)")
    spread.set_xlabel("conductance [µS]")
    spread.set_ylabel("σ/G [%]")
    spread.legend(frameon=False, fontsize=8)
    return figure


def bake_figure(fit: BakeFit):
    """Mean and sigma of the change by a bake over the temperature, with the Arrhenius laws.

    Args:
        fit: of a measured file.

    Returns:
        Figure of two panels.
    """
    figure, axes = new_figure(2)
    celsius = fit.temperature_K - 273.15
    for axis, values, error, model, energy, name in (
        (axes[0, 0], fit.mean_S, fit.mean_error_S, fit.mean_model_S, fit.mean_activation_J, "mean change"),
        (axes[0, 1], fit.sigma_S, fit.sigma_error_S, fit.sigma_model_S, fit.sigma_activation_J, "σ of the change"),
    ):  # fmt: skip
        axis.errorbar(celsius, values * MICRO, 2 * error * MICRO, fmt="o", color=OURS, label="measured")
        axis.plot(celsius, model * MICRO, "x--", color=SECOND, label=f"one process, {energy / EV:.2f} eV")
        axis.set_xlabel("temperature of the bake [°C]")
        axis.set_ylabel(f"{name} [µS]")
        axis.legend(frameon=False, fontsize=8)
    axes[0, 0].axhline(0, color=REFERENCE, lw=0.8)
    return figure
