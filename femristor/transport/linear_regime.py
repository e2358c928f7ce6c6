"""The linear regime of an I-V curve: the window in which I = G V, the slope G and its standard error.

Regression of `g = I/V` on `1 + q (V/V_max)^2` and on `1 + c V/V_max`: the window is the widest one in which
each term is insignificant (|t| < 2.5) or changes g by less than 1 %. G is then the mean of g, or the intercept
at 0 V where the quadratic term is small but significant. With noise proportional to the current all points
of g weigh the same; with constant noise they weigh V^2.
"""

from dataclasses import dataclass

import numpy as np

from femristor.core.curves import IVCurve
from femristor.core.errors import InputError
from femristor.transport.curve_checks import check_curve
from femristor.transport.result import LinearRegime

MIN_POINTS = 3
MIN_POINTS_AUTOMATIC = 5
SIGNIFICANT_T = 2.5
NEGLIGIBLE_CURVATURE = 1e-2
ROUNDING = 1e-9
NOISES = ("relative", "absolute")


@dataclass(frozen=True)
class _Line:
    conductance_S: float
    error_S: float
    curvature: float
    curvature_error: float
    linear: bool


def find_linear_regime(
    curve: IVCurve,
    window_V: tuple[float, float] | None = None,
    relative_sigma: float | None = None,
    *,
    noise: str = "relative",
) -> LinearRegime:
    """Find the linear regime of a curve and its conductance.

    Args:
        curve: voltages of either sign; points at 0 V are left out.
        window_V: lowest and highest |V| to use, or None to find the widest linear window from 0 V.
        relative_sigma: standard deviation of the current relative to it, or None to take the scatter.
        noise: "relative" (proportional to the current) or "absolute" (the same at every voltage).

    Returns:
        LinearRegime.

    Raises:
        InputError: too few points, a curve that is nowhere linear, or a conductance that is not positive.
    """
    if noise not in NOISES:
        raise InputError(f"Noise '{noise}' is not known; use {' or '.join(NOISES)}.")
    if relative_sigma is not None and not 0 < relative_sigma < 1:
        raise InputError(
            f"A relative sigma of {relative_sigma:g} is not between 0 and 1; 1 % is written 0.01."
        )
    check_curve(curve)
    size = np.abs(curve.voltage_V)
    nonzero = size > 1e-12
    if window_V is None:
        used, line = _widest(curve, size, nonzero, relative_sigma, noise)
    else:
        low, high = window_V
        used = nonzero & (size >= low - 1e-12) & (size <= high + 1e-12)
        _enough(curve, used, MIN_POINTS, f"between {low:g} and {high:g} V")
        line = _regress(curve, used, relative_sigma, noise)
    if not line.conductance_S > 0:
        raise InputError(
            f"Curve '{curve.label}' has a conductance of {line.conductance_S:.3g} S; a cell's is above 0, "
            "so check the sign of the current column and the voltage window."
        )
    return LinearRegime(
        curve,
        used,
        (float(size[used].min()), float(size[used].max())),
        line.conductance_S,
        line.error_S,
        line.curvature,
        line.curvature_error,
        window_V is None,
    )


def _enough(curve: IVCurve, used: np.ndarray, wanted: int, where: str) -> None:
    if used.sum() < wanted:
        raise InputError(
            f"Curve '{curve.label}' has {int(used.sum())} points {where} besides 0 V and a slope needs "
            f"{wanted}; widen the window or measure more points."
        )


def _widest(curve: IVCurve, size: np.ndarray, nonzero: np.ndarray, sigma, noise: str):
    _enough(curve, nonzero, MIN_POINTS_AUTOMATIC, "in all")
    for limit in np.unique(size[nonzero])[::-1]:
        used = nonzero & (size <= limit * (1 + 1e-9))
        if used.sum() < MIN_POINTS_AUTOMATIC:
            break
        line = _regress(curve, used, sigma, noise)
        if line.linear:
            return used, line
    raise InputError(
        f"Curve '{curve.label}' is not linear even over its {MIN_POINTS_AUTOMATIC} lowest voltages; measure "
        "closer to 0 V, or give a window if you accept the curvature."
    )


def _regress(curve: IVCurve, used: np.ndarray, sigma: float | None, noise: str) -> _Line:
    volt = curve.voltage_V[used]
    ratio = curve.current_A[used] / volt
    scaled = volt / np.abs(volt).max()
    weight = np.ones_like(volt) if noise == "relative" else scaled**2
    # a given sigma refers to the largest current of the window where the noise does not follow the current
    variance = None if sigma is None else (sigma * np.average(ratio, weights=weight)) ** 2
    (slope,), (error,) = _weighted(np.ones((volt.size, 1)), ratio, weight, variance)
    linear, curvature, curvature_error = True, 0.0, np.inf
    for power in (1, 2):
        design = np.column_stack([np.ones_like(volt), scaled**power])
        # the second column of a one-point or +-V only window repeats the first: nothing to test
        if np.linalg.matrix_rank(design) < 2 or volt.size < MIN_POINTS:
            continue
        (base, bend), (base_error, bend_error) = _weighted(design, ratio, weight, variance)
        curvature, curvature_error = float(bend / base), float(abs(bend_error / base))
        linear &= bool(abs(curvature) < max(SIGNIFICANT_T * curvature_error, NEGLIGIBLE_CURVATURE))
    if abs(curvature) > max(SIGNIFICANT_T * curvature_error, ROUNDING):
        # the last regression was the quadratic one; its intercept is the slope at 0 V
        slope, error = base, base_error
    return _Line(float(slope), float(error), curvature, curvature_error, linear)


def _weighted(
    design: np.ndarray, values: np.ndarray, weight: np.ndarray, variance: float | None
) -> tuple[np.ndarray, np.ndarray]:
    """Weighted least squares; errors from the given variance at unit weight, else from the scatter."""
    root = np.sqrt(weight)
    normal = np.linalg.inv((design * weight[:, None]).T @ design)
    best = normal @ (design.T @ (weight * values))
    if variance is None:
        freedom = max(values.size - design.shape[1], 1)
        variance = np.sum((root * (values - design @ best)) ** 2) / freedom
    return best, np.sqrt(variance * np.diag(normal))
