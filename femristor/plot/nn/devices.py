"""Devices from pulse traces: response with its fit, figures of merit with G1 and G2, step tables."""

import numpy as np

from femristor.nn.devices.device_result import SoftBoundsPopulation, StepTables
from femristor.plot.style import OURS, REFERENCE, SECOND, SHADE, THIRD, new_figure

MICRO = 1e6
SHOWN = 12


def population_figure(population: SoftBoundsPopulation, traces):
    """Traces and steps of one cell with its soft bounds, and the cells with G1 and G2.

    Args:
        population: fitted soft bounds.
        traces: `PulseTraces` that they were fitted to.

    Returns:
        Figure.
    """
    figure, axes = new_figure(2, 2)
    middle = int(np.argmin(np.abs(population.figures[:, 0] - np.median(population.figures[:, 0]))))
    _response(axes[0, 0], population, traces, middle)
    _steps(axes[0, 1], population, traces, middle)
    figures = population.figures
    _cloud(axes[1, 0], figures[:, 0], figures[:, 1], population.g1_mean, population.g1_covariance, "G1")
    if len(figures) > 1:
        axes[1, 0].plot(22, 0.61, "x", color=REFERENCE, label="paper, mean (22, 61 %)")
    axes[1, 0].set_xlabel("N_states")
    axes[1, 0].set_ylabel("skew of the symmetry point")
    _cloud(axes[1, 1], figures[:, 2], figures[:, 3], population.g2_mean, population.g2_covariance, "G2")
    axes[1, 1].set_xlabel("exponent")
    axes[1, 1].set_ylabel("asymmetry of the exponents")
    for axis in axes[1]:
        axis.legend(frameon=False, fontsize=8)
    return figure


def tables_figure(tables: StepTables, traces):
    """Traces, mean steps and their deviations of some cells, and the figures of merit.

    Args:
        tables: step tables.
        traces: `PulseTraces` that they were read off.

    Returns:
        Figure.
    """
    figure, axes = new_figure(2, 2)
    _traces(axes[0, 0], traces, f"{traces.cells} cells of {tables.source}")
    axes[0, 0].legend(frameon=False, fontsize=8)
    for number in range(min(SHOWN, len(tables.cell))):
        grid = np.linspace(*tables.windows[number], tables.library.shape[2])
        for side, colour, name in ((0, OURS, "up"), (1, SECOND, "down")):
            for axis, k in ((axes[0, 1], 0), (axes[1, 0], 1)):
                label = f"{name}, {min(SHOWN, len(tables.cell))} cells" if number == 0 else None
                axis.plot(grid, tables.library[number, side, :, k], color=colour, lw=0.8, label=label)
    axes[0, 1].axvline(
        np.median(tables.symmetry), color=REFERENCE, lw=1, ls="--", label="symmetry point, median"
    )
    axes[0, 1].set_ylabel("mean step [weight]")
    axes[1, 0].set_ylabel("deviation of a step [weight]")
    for axis in (axes[0, 1], axes[1, 0]):
        axis.set_xlabel("weight before the pulse (-1: G_min, 1: G_max)")
        axis.legend(frameon=False, fontsize=8)
    axis = axes[1, 1]
    axis.plot(tables.n_states, 0.5 * (1 - tables.symmetry), ".", color=OURS, label="cells")
    axis.plot(22, 0.61, "x", color=REFERENCE, label="paper, mean (22, 61 %)")
    axis.set_xlabel("N_states")
    axis.set_ylabel("skew of the symmetry point")
    axis.set_title(f"NSR {100 * np.median(tables.nsr):.0f} %")
    axis.legend(frameon=False, fontsize=8)
    return figure


def _scale(unit: str) -> tuple[float, str]:
    return (MICRO, "conductance [µS]") if unit == "S" else (1.0, "conductance, normalised")


def _traces(axis, traces, title: str) -> None:
    scale, label = _scale(traces.unit)
    for row in traces.conductance[:32]:
        axis.plot(row * scale, color=SHADE, lw=0.4, alpha=0.6)
    middle = np.median(traces.conductance, axis=0) * scale
    axis.plot(middle, color=OURS, lw=1.0, label="median" if traces.cells > 1 else "record")
    axis.set_xlabel("pulse number")
    axis.set_ylabel(label)
    axis.set_title(title)


def _response(axis, population, traces, number: int) -> None:
    """The trace of one cell and the noise-free path of its fit."""
    from femristor.nn.devices.fit.law import path

    scale, label = _scale(traces.unit)
    trace = traces.conductance[population.cell[number]]
    values = population.parameters[number]
    theta = np.concatenate([values[:2], np.log(values[2:6])])
    first = np.concatenate([[0], np.flatnonzero(traces.direction == 0) + 1])
    found = np.empty(trace.size)
    path(theta, trace[first], traces.direction.astype(np.int64), found, 0.0, np.zeros(0))
    axis.plot(trace * scale, ".", ms=2, color=OURS, label=f"cell {population.cell[number]}")
    axis.plot(found * scale, color=SECOND, lw=1.1, label="its soft bounds without noise")
    axis.set_xlabel("pulse number")
    axis.set_ylabel(label)
    axis.set_title(population.source, fontsize=9)
    axis.legend(frameon=False, fontsize=8)


def _steps(axis, population, traces, number: int) -> None:
    """Single steps of one cell against conductance, and the means of its fit."""
    from femristor.nn.devices.fit.law import mean_step

    scale, label = _scale(traces.unit)
    x, y, ways = traces.steps(population.cell[number])
    values = population.parameters[number]
    theta = np.concatenate([values[:2], np.log(values[2:6])])
    grid = np.linspace(values[0], values[1], 200)
    for way, colour, name in ((1, OURS, "up"), (-1, SECOND, "down")):
        own = ways == way
        axis.plot(x[own] * scale, y[own] * scale, ".", ms=2, color=colour, alpha=0.5, label=f"steps {name}")
        mean, _ = mean_step(theta, grid, np.full(grid.size, way > 0))
        axis.plot(grid * scale, mean * scale, color=colour, lw=1.4)
    point = values[1] - population.figures[number, 1] * (values[1] - values[0])
    axis.axvline(point * scale, color=REFERENCE, lw=1, ls="--", label="symmetry point of the fit")
    axis.set_xlabel(label.replace("conductance", "conductance before the pulse"))
    axis.set_ylabel("step [µS]" if traces.unit == "S" else "step")
    axis.set_title("lines: fitted means")
    axis.legend(frameon=False, fontsize=8)


def _cloud(axis, first, second, mean, covariance, name: str) -> None:
    """Cells and the ellipses of one and two deviations of their Gaussian."""
    axis.plot(first, second, ".", color=THIRD, label="cells" if first.size > 1 else "the cell")
    if first.size == 1:
        return
    size, turn = np.linalg.eigh(covariance)
    angle = np.linspace(0, 2 * np.pi, 100)
    circle = np.stack([np.cos(angle), np.sin(angle)])
    for radius, style in ((1, "-"), (2, "--")):
        ring = mean[:, None] + turn @ (radius * np.sqrt(np.clip(size, 0, None))[:, None] * circle)
        axis.plot(*ring, color=SECOND, lw=1, ls=style, label=f"{name}, {radius} σ without errors of the fit")
