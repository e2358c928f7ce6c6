"""Shape-preserving cubic interpolation: knot slopes, bicubic patches, and their evaluation with NumPy.

Slopes are those of the cubic spline through the knots (fourth order), limited so that each cubic is monotone
wherever the data are: 0 <= slope <= 3 min(secants) (de Boor & Swartz 1977; Hyman 1983). At a knot where the data
turn, the slope keeps its sign, so that a maximum between knots is not cut off.
"""

from itertools import pairwise

import numpy as np
from scipy.interpolate import CubicSpline

HERMITE = np.array([[1.0, 0, 0, 0], [0, 0, 1, 0], [-3, 3, -2, -1], [2, -2, 1, 1]])
"""Turns (f0, f1, h f0', h f1') into the coefficients of 1, s, s^2, s^3."""


def slopes(x, y, *, even: bool = False, limited: bool = True) -> np.ndarray:
    """Slopes at the knots along the last axis.

    Args:
        x: (knots,) rising.
        y: (..., knots).
        even: y is even about x[0], so that the slope there is 0.
        limited: keep each piece monotone where the data are.

    Returns:
        (..., knots) dy/dx.
    """
    secant = np.diff(y, axis=-1) / np.diff(x)
    if x.size == 2:
        slope = np.concatenate([secant, secant], axis=-1)
        if even:
            slope[..., 0] = 0.0
    else:
        start = (1, np.zeros(y.shape[:-1])) if even else "not-a-knot"
        slope = CubicSpline(x, y, axis=-1, bc_type=(start, "not-a-knot"))(x, 1)
    if not limited:
        return slope
    before = np.concatenate([secant[..., :1], secant], axis=-1)
    after = np.concatenate([secant, secant[..., -1:]], axis=-1)
    smaller, larger = np.minimum(np.abs(before), np.abs(after)), np.maximum(np.abs(before), np.abs(after))
    monotone = before * after >= 0
    if x.size > 2:
        # At the first and last knot the neighbouring interval tells whether the data turn.
        for end, inner in ((0, 1), (-1, -2)):
            monotone[..., end] = (secant[..., end] * secant[..., inner] >= 0) | (even and end == 0)
    larger = np.where(monotone, smaller, np.where(smaller == larger, np.inf, larger))
    slope = np.where(monotone & (slope * before < 0), 0.0, slope)
    return np.clip(slope, -3 * larger, 3 * larger)


def line(x, y, at: float) -> np.ndarray:
    """Value at one place by limited cubics along the first axis.

    Args:
        x: (knots,) strictly monotone.
        y: (knots, ...).
        at: a place within the knots.

    Returns:
        (...) values; a single knot gives its own.
    """
    if x.size == 1:
        return y[0]
    order = np.argsort(x)
    x, y = x[order], np.moveaxis(y[order], 0, -1)
    index = int(np.clip(np.searchsorted(x, at, side="right") - 1, 0, x.size - 2))
    width = x[index + 1] - x[index]
    slope = slopes(x, y) * width
    corner = np.stack([y[..., index], y[..., index + 1], slope[..., index], slope[..., index + 1]])
    s = (at - x[index]) / width
    return np.tensordot(np.array([1.0, s, s * s, s**3]) @ HERMITE, corner, axes=1)


def patches(rows, columns, values, breaks=()) -> np.ndarray:
    """Coefficients of bicubic Hermite patches, smooth but for kinks across given rows.

    Args:
        rows: (rows,) knots of the first axis.
        columns: (columns,) knots of the second, the first of which is an axis of even symmetry.
        values: (rows, columns).
        breaks: knots of `rows` across which the slope may jump.

    Returns:
        (rows - 1, columns - 1, 4, 4) coefficients of s^a t^b with s, t in [0, 1] over the patch.
    """
    along = slopes(columns, values, even=True)
    corners = np.empty((rows.size - 1, columns.size - 1, 4, 4))
    edges = [0, *(int(np.argmin(np.abs(rows - knot))) for knot in breaks), rows.size - 1]
    for first, last in pairwise(edges):
        part = slice(first, last + 1)
        knots, f, f_t = rows[part], values[part], along[part]
        f_s = slopes(knots, f.T).T
        f_st = slopes(knots, f_t.T, limited=False).T
        height = np.diff(knots)[:, None]
        for a, rise in enumerate((f, f_s)):
            for b, (here, width) in enumerate(((rise, 1.0), ((f_t, f_st)[a], np.diff(columns)[None, :]))):
                scale = width * (height if a else 1.0)
                block = corners[first:last, :, 2 * a : 2 * a + 2, 2 * b : 2 * b + 2]
                block[..., 0, 0] = here[:-1, :-1] * scale
                block[..., 0, 1] = here[:-1, 1:] * scale
                block[..., 1, 0] = here[1:, :-1] * scale
                block[..., 1, 1] = here[1:, 1:] * scale
    return np.ascontiguousarray(HERMITE @ corners @ HERMITE.T)


def evaluate(coefficients, rows, columns, row, column) -> np.ndarray:
    """Patches at many places (the kernel `evaluate` in `kernels.py` does the same sums for one).

    Args:
        coefficients: (rows - 1, columns - 1, 4, 4) of `patches`.
        rows: (rows,) knots.
        columns: (columns,) knots.
        row: (...) places within the rows.
        column: (...) places within the columns.

    Returns:
        (...) values.
    """
    i = np.clip(np.searchsorted(rows, row, side="right") - 1, 0, rows.size - 2)
    j = np.clip(np.searchsorted(columns, column, side="right") - 1, 0, columns.size - 2)
    s = (row - rows[i]) / (rows[i + 1] - rows[i])
    t = (column - columns[j]) / (columns[j + 1] - columns[j])
    c = coefficients[i, j]
    inner = ((c[..., 3] * t[..., None] + c[..., 2]) * t[..., None] + c[..., 1]) * t[..., None] + c[..., 0]
    return ((inner[..., 3] * s + inner[..., 2]) * s + inner[..., 1]) * s + inner[..., 0]
