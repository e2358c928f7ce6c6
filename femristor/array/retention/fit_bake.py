"""Activation energy of a bake from mean and spread of the change, and what it cannot say."""

import itertools
import warnings

import numpy as np
from scipy import optimize, stats

from femristor.array.results.retention_fit import BakeFit
from femristor.array.retention.data import BakeRecord
from femristor.core.constants import EV, K_B
from femristor.core.errors import ConvergenceError
from femristor.core.provenance import Provenance, Status

BANDS = 4


def fit_bake(data: BakeRecord, *, sigma_slope_S: float | None = None) -> BakeFit:
    """Fit c + S exp(-E_a/k (1/T - 1/T_hottest)) to the variance and to the mean, and sigma as a line in 1/T.

    One thermally activated process beside a temperature-independent rest gives the first form. Relaxation with sigma
    a line in ln t and an Arrhenius clock gives the second, sigma = const - (s1 E_a/k)/T.

    Args:
        data: cells before and after bakes of one length.
        sigma_slope_S: s1 of the same cells, sigma a unit of ln t; turns the line's slope into an energy.

    Returns:
        BakeFit.

    Raises:
        ConvergenceError: the fit does not close.
    """
    change = data.after_S - data.before_S
    cells = change.shape[1]
    mean, variance = change.mean(axis=1), change.var(axis=1, ddof=1)
    mean_error = np.sqrt(variance / cells)
    moved = change - mean[:, None]
    # Standard error of a variance with the measured fourth moment: the tails are heavier than normal ones.
    variance_error = np.sqrt((np.mean(moved**4, axis=1) - variance**2) / cells)
    sigma, sigma_error = np.sqrt(variance), variance_error / (2 * np.sqrt(variance))
    spread = _arrhenius(data.temperature_K, variance, variance_error, "spread")
    drift = _arrhenius(data.temperature_K, mean, mean_error, "mean")
    line = _line(-1 / data.temperature_K, sigma, sigma_error)
    energy = np.nan if sigma_slope_S is None else line["slope"] * K_B / sigma_slope_S
    energy_error = np.nan if sigma_slope_S is None else line["error"] * K_B / sigma_slope_S
    edges = np.linspace(0, np.quantile(data.before_S, 0.99), BANDS + 1)
    return BakeFit(
        temperature_K=data.temperature_K,
        bake_s=data.bake_s,
        cells=cells,
        mean_S=mean,
        mean_error_S=mean_error,
        median_S=np.median(change, axis=1),
        sigma_S=sigma,
        sigma_error_S=sigma_error,
        sigma_activation_J=spread["energy"],
        sigma_activation_error_J=spread["error"],
        sigma_model_S=np.sqrt(np.maximum(spread["model"], 0.0)),
        sigma_chi2=spread["chi2"],
        mean_activation_J=drift["energy"],
        mean_activation_error_J=drift["error"],
        mean_model_S=drift["model"],
        mean_chi2=drift["chi2"],
        freedom=data.temperature_K.size - 3,
        line_chi2=line["chi2"],
        line_slope_S_K=line["slope"],
        line_activation_J=float(energy),
        line_activation_error_J=float(energy_error),
        band_start_S=0.5 * (edges[1:] + edges[:-1]),
        band_mean_S=_bands(data.before_S, change, edges),
        remark=_remark(mean, mean_error, spread, drift, data.temperature_K.size - 3),
        status=Status.CONVERGED,
        provenance=Provenance.create("array.retention_fit_bake", inputs=data.inputs),
    )


def _arrhenius(temperature: np.ndarray, values: np.ndarray, error: np.ndarray, name: str) -> dict:
    scale = float(np.max(np.abs(values)))
    y, weight = values / scale, error / scale
    inverse = 1 / temperature - 1 / temperature[-1]

    def law(_x, rest, size, energy_eV):
        return rest + size * np.exp(-energy_eV * EV / K_B * inverse)

    best = None
    for start in (0.3, 0.6, 1.0, 1.5):
        try:
            with warnings.catch_warnings():
                # A covariance that cannot be had is a fit that does not close.
                warnings.simplefilter("error", optimize.OptimizeWarning)
                found = optimize.curve_fit(
                    law, temperature, y, (y[0], y[-1] - y[0], start), sigma=weight, absolute_sigma=True,
                    maxfev=5000,
                )  # fmt: skip
        except (RuntimeError, optimize.OptimizeWarning):
            continue
        chi2 = float(np.sum(((law(temperature, *found[0]) - y) / weight) ** 2))
        if best is None or chi2 < best[0]:
            best = (chi2, *found)
    if best is None or not np.all(np.isfinite(best[2])):
        raise ConvergenceError(
            f"The Arrhenius fit to the {name} of the bake does not close, most likely because it hardly changes with "
            "temperature; bake at temperatures further apart."
        )
    chi2, found, covariance = best
    widen = np.sqrt(max(1.0, chi2 / (temperature.size - 3)))
    return {
        "energy": float(found[2]) * EV,
        "error": float(np.sqrt(covariance[2, 2]) * widen) * EV,
        "model": scale * law(temperature, *found),
        "chi2": chi2,
    }


def _line(x: np.ndarray, y: np.ndarray, error: np.ndarray) -> dict:
    centre = np.average(x, weights=error**-2)
    squares = np.sum(((x - centre) / error) ** 2)
    slope = float(np.sum((x - centre) * y / error**2) / squares)
    left = y - np.average(y, weights=error**-2) - slope * (x - centre)
    chi2 = float(np.sum((left / error) ** 2))
    widen = np.sqrt(max(1.0, chi2 / (x.size - 2)))
    return {"slope": slope, "error": float(widen / np.sqrt(squares)), "chi2": chi2}


def _bands(before: np.ndarray, change: np.ndarray, edges: np.ndarray) -> np.ndarray:
    found = np.full((len(before), len(edges) - 1), np.nan)
    for row, (start, moved) in enumerate(zip(before, change, strict=True)):
        for band, (low, high) in enumerate(itertools.pairwise(edges)):
            inside = (start >= low) & (start < high)
            if inside.any():
                found[row, band] = moved[inside].mean()
    return found


def _remark(mean: np.ndarray, error: np.ndarray, spread: dict, drift: dict, freedom: int) -> str:
    signs = np.sign(mean[np.abs(mean) > 3 * error])
    worst = max(spread["chi2"], drift["chi2"])
    if signs.size and np.any(signs != signs[0]):
        return (
            "The mean change has both signs, which one activated process cannot give; the energy from the mean is that "
            "of the change between the temperatures where the sign turns and no law for the others."
        )
    if stats.chi2.sf(worst, freedom) < 0.01:
        return "The misfit is larger than the errors allow, so one activated process is not the whole of it."
    return "One activated process beside a constant describes mean and spread within their errors."
