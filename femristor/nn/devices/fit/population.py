"""G1 and G2: the two bivariate Gaussians of a population, from the soft bounds of its cells.

G1 holds (N_states, skew), G2 (exponent, up/down asymmetry); they are independent of each other (Falcone et al.,
arXiv 2502.04524). The covariance over cells is that of the estimates; the mean of their own error covariances is
taken off, as far as what stays is a covariance. Sampling draws again what is not physical (`SoftBoundsDevice`).
"""

import numpy as np

from femristor.core.errors import InputError
from femristor.core.messages import NullProgress, Progress
from femristor.core.provenance import Provenance
from femristor.nn.devices.device_result import SoftBoundsPopulation
from femristor.nn.devices.fit.trace import CellFit, fit_cell
from femristor.nn.devices.fit.traces import PulseTraces
from femristor.nn.devices.soft_bounds import ASYMMETRY_LIMITS, GAMMA_LIMITS, N_STATES_LIMITS, SKEW_LIMITS


def fit_population(
    traces: PulseTraces, *, method: str = "auto", progress: Progress | None = None
) -> SoftBoundsPopulation:
    """Soft bounds of every cell, and Gaussians over the cells.

    Args:
        traces: pulse trains of one or more cells.
        method: "steps", "path" or "auto" (`devices.fit.trace`).
        progress: where cells are shown.

    Returns:
        SoftBoundsPopulation.

    Raises:
        InputError: no cell could be fitted.
    """
    fits: list[CellFit] = []
    cells, refused = [], []
    with (progress or NullProgress()).task("soft bounds", traces.cells) as task:
        for cell in range(traces.cells):
            try:
                fit = fit_cell(
                    traces.conductance[cell],
                    traces.direction,
                    method=method,
                    source=f"{traces.source}, cell {cell}",
                )
                _check_physical(fit, f"{traces.source}, cell {cell}")
                fits.append(fit)
                cells.append(cell)
            except InputError as error:
                refused.append(str(error))
            task.advance(1)
    if not fits:
        raise InputError(f"{traces.source}: no cell follows soft bounds; the first: {refused[0]}")
    return _population(traces, fits, cells, refused)


def _check_physical(fit: CellFit, source: str) -> None:
    limits = (N_STATES_LIMITS, SKEW_LIMITS, GAMMA_LIMITS, ASYMMETRY_LIMITS)
    names = ("N_states", "the skew", "the exponent", "the asymmetry")
    for value, (low, high), name in zip(fit.figures, limits, names, strict=False):
        if not low <= value <= high:
            raise InputError(
                f"{source}: {name} of {value:.3g} lies outside {low:g} to {high:g}, so that the cell has no usable "
                "symmetry point; choose other pulse amplitudes."
            )


def _population(traces: PulseTraces, fits, cells, refused) -> SoftBoundsPopulation:
    figures = np.array([fit.figures for fit in fits])
    own = np.array([fit.figure_covariance for fit in fits])
    g1_seen, g1 = _covariances(figures[:, :2], own[:, :2, :2])
    g2_seen, g2 = _covariances(figures[:, 2:4], own[:, 2:4, 2:4])
    parameters = np.array([fit.parameters for fit in fits])
    lower, upper = parameters[:, 0].mean(), parameters[:, 1].mean()
    lag = np.array([fit.correlation_lag1 for fit in fits])
    notes = list(traces.notes)
    if len(fits) == 1:
        notes.append("one cell tells no spread from device to device: all its covariances are 0")
    paths = sum(fit.method == "path" for fit in fits)
    if paths:
        notes.append(
            f"reads are noisy (lag-1 correlation {lag.mean():.2f}): {paths} of {len(fits)} cells are fitted along their "
            f"path, read noise {np.median([fit.read_noise for fit in fits]):.3g} {'S' if traces.unit == 'S' else 'of the record'}"
        )
    return SoftBoundsPopulation(
        source=traces.source,
        unit=traces.unit,
        cell=np.array(cells),
        parameters=parameters,
        errors=np.array([fit.errors for fit in fits]),
        figures=figures,
        figure_errors=np.array([fit.figure_errors for fit in fits]),
        correlation_lag1=lag,
        g1_mean=figures[:, :2].mean(axis=0),
        g1_covariance=g1,
        g1_seen=g1_seen,
        g2_mean=figures[:, 2:4].mean(axis=0),
        g2_covariance=g2,
        g2_seen=g2_seen,
        nsr=float(figures[:, 4].mean()),
        g_min=float(lower),
        g_max=float(upper),
        bound_std=_bound_spread(parameters, lower, upper),
        set_V=traces.set_V,
        reset_V=traces.reset_V,
        refused=tuple(refused),
        notes=tuple(notes),
        provenance=Provenance.create("nn.devices.population_fit", inputs=traces.inputs, notes=notes),
    )


def _bound_spread(parameters: np.ndarray, lower: float, upper: float) -> float:
    if len(parameters) < 2:
        return 0.0
    variance = 0.5 * (parameters[:, 0].var(ddof=1) + parameters[:, 1].var(ddof=1))
    return float(np.sqrt(variance) / (0.5 * (upper - lower)))


def _covariances(values: np.ndarray, own: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(2, 2) as seen, and without the estimates' own errors (projected on what is positive)."""
    if len(values) < 2:
        return np.zeros((2, 2)), np.zeros((2, 2))
    seen = np.cov(values.T)
    rest = seen - np.median(own, axis=0)
    size, axes = np.linalg.eigh(rest)
    return seen, (axes * np.clip(size, 0.0, None)) @ axes.T
