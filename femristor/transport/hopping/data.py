"""Curves made ready for a fit in ln I: window, signs, and the bias points where the field solver is asked.

The current of a frozen cell is odd in V, so a curve is folded on |V|. Where it has more voltages than
`bias_points`, the solver is asked at Chebyshev points of the window and `ln(I/V)`, which is smooth, is
interpolated to all measured voltages; no measured point is thrown away.
"""

from dataclasses import dataclass

import numpy as np

from femristor.core.curves import IVCurve
from femristor.core.errors import InputError
from femristor.transport.curve_checks import check_curve, strays

WINDOW_V = (0.005, 0.2)
BIAS_POINTS = 12
WRONG_SIGN_SHARE = 0.1
MIN_POINTS = 3


@dataclass(frozen=True)
class PreparedCurve:
    """The points of a curve that enter a fit.

    Attributes:
        curve: those points only.
        bias_V: (bias,) rising, above 0, where the solver is asked.
        interpolation: (points, bias) ln(I/V) at the points from ln(I/V) at the bias.
        chebyshev: the bias are Chebyshev points rather than the measured ones.
        notes: what was left out as a matter of course, in sentences.
        warnings: what was left out because it is bad.
    """

    curve: IVCurve
    bias_V: np.ndarray
    interpolation: np.ndarray
    chebyshev: bool
    notes: tuple[str, ...]
    warnings: tuple[str, ...]

    @property
    def log_size(self) -> np.ndarray:
        """(points,) ln |I| measured."""
        return np.log(np.abs(self.curve.current_A))


def prepare_curve(
    curve: IVCurve, window_V: tuple[float, float] = WINDOW_V, *, bias_points: int = BIAS_POINTS
) -> PreparedCurve:
    """Choose the points of a curve and the bias of the solver.

    Args:
        curve: voltages in any order and of either sign.
        window_V: lowest and highest |V|; the default is the read window, 5 mV to 0.2 V.
        bias_points: largest number of solves a curve.

    Returns:
        PreparedCurve.

    Raises:
        InputError: an empty window, too few points, currents against the voltage, or no cell's (`curve_checks`).
    """
    low, high = window_V
    if not 0 <= low < high:
        raise InputError(
            f"A window from {low:g} to {high:g} V is empty; give it as low:high with low < high."
        )
    if bias_points < 4:
        raise InputError(f"{bias_points} bias points are too few to follow a curve; use 4 or more.")
    check_curve(curve)
    volt, amp, notes, warnings = curve.voltage_V, curve.current_A, [], []
    zero = np.abs(volt) < 1e-12
    if zero.any():
        notes.append(f"{curve.label}: rows at 0 V left out.")
    inside = ~zero & (np.abs(volt) >= low - 1e-9) & (np.abs(volt) <= high + 1e-9)
    against = inside & (amp * volt <= 0)
    if against.sum() > WRONG_SIGN_SHARE * max(inside.sum(), 1):
        worst = volt[against][0]
        raise InputError(
            f"Curve '{curve.label}' has currents against their voltage at {int(against.sum())} of "
            f"{int(inside.sum())} points (first at {worst:g} V); give signed currents, top to bottom positive."
        )
    if against.any():
        warnings.append(
            f"{curve.label}: {int(against.sum())} points whose current is 0 or against the voltage have no "
            "logarithm and were left out; the lowest voltages are below the noise."
        )
    kept = inside & ~against
    kept[kept] = ~_strays(curve, volt[kept], amp[kept], warnings)
    if kept.sum() < MIN_POINTS:
        raise InputError(
            f"Only {int(kept.sum())} points of curve '{curve.label}' lie between {low:g} and {high:g} V and a "
            f"fit needs {MIN_POINTS}; widen the window or measure more points."
        )
    chosen = curve.replace(volt[kept], amp[kept])
    bias, matrix, chebyshev = _bias(np.abs(chosen.voltage_V), bias_points)
    return PreparedCurve(chosen, bias, matrix, chebyshev, tuple(notes), tuple(warnings))


def _strays(curve: IVCurve, volt: np.ndarray, amp: np.ndarray, warnings: list[str]) -> np.ndarray:
    """Points to leave out, with a warning; a curve of many is refused."""
    stray = strays(volt, amp)
    if not stray.any():
        return stray
    where = ", ".join(f"{value:g}" for value in volt[stray][:3])
    told = f"{int(stray.sum())} of {volt.size} points (first at {where} V) conduct more than 10 times more or less than their neighbours"
    if stray.sum() > WRONG_SIGN_SHARE * volt.size:
        raise InputError(f"Curve '{curve.label}': {told}; measure it again, or take another window.")
    warnings.append(f"{curve.label}: {told} and were left out; check these rows.")
    return stray


def _bias(size: np.ndarray, bias_points: int) -> tuple[np.ndarray, np.ndarray, bool]:
    unique, index = np.unique(np.round(size, 12), return_inverse=True)
    if unique.size <= bias_points:
        return unique, np.eye(unique.size)[index], False
    angle = np.pi * np.arange(bias_points - 1, -1, -1) / (bias_points - 1)
    middle, half = (unique[-1] + unique[0]) / 2, (unique[-1] - unique[0]) / 2
    nodes = middle + half * np.cos(angle)
    return nodes, barycentric_matrix(nodes, size), True


def barycentric_matrix(nodes: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Polynomial interpolation from Chebyshev points of the second kind, as a matrix.

    Args:
        nodes: (bias,) Chebyshev-Lobatto points in order.
        points: (points,) within them.

    Returns:
        (points, bias) matrix (Berrut and Trefethen, SIAM Review 46, 501 (2004), eq. 5.4).
    """
    weight = (-1.0) ** np.arange(nodes.size)
    weight[[0, -1]] *= 0.5
    distance = points[:, None] - nodes[None, :]
    hit = np.abs(distance) < 1e-14
    terms = weight / np.where(hit, 1.0, distance)
    matrix = terms / terms.sum(axis=1, keepdims=True)
    exact = hit.any(axis=1)
    matrix[exact] = hit[exact].astype(float)
    return matrix


def truncation(values: np.ndarray) -> float:
    """Size of the highest Chebyshev coefficients of values at Chebyshev points: the interpolation error.

    Args:
        values: (bias,) at Chebyshev-Lobatto points.

    Returns:
        Estimate in the unit of the values.
    """
    angle = np.linspace(0.0, np.pi, values.size)
    basis = np.cos(np.outer(angle, np.arange(values.size)))
    coefficients = np.linalg.solve(basis, values[::-1])
    return float(np.sum(np.abs(coefficients[-2:])))
