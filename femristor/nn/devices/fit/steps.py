"""Least squares of the steps of one cell: in all numbers of the mean, or in the exponents at given figures of merit."""

import numpy as np

from femristor.core.errors import InputError
from femristor.nn.devices.fit.law import limits, mean_step
from femristor.nn.devices.fit.record import (
    STARTS,
    CellRecord,
    anchor_rows,
    anchors_of,
    steps_start,
    with_anchors,
)


def fit_steps(record: CellRecord) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """theta, its covariance (6, 6), and which are off their limits."""
    from scipy.optimize import least_squares

    x, y, up = record.x, record.y, record.up
    anchors = anchors_of(record)
    size = float(np.sqrt(np.mean((y - np.where(up, y[up].mean(), y[~up].mean())) ** 2)))
    low, high = limits()

    def search(start: np.ndarray, size: float):
        return least_squares(
            lambda theta: with_anchors((mean_step(theta, x, up)[0] - y) / size, theta, anchors),
            np.clip(start, low + 1e-6, high - 1e-6),
            jac=lambda theta: anchor_rows(mean_step(theta, x, up)[1] / size, anchors),
            bounds=(low, high),
            x_scale=np.array([0.1, 0.1, 0.5, 0.5, 0.5, 0.5]),
            max_nfev=200,
        )

    first = min((search(steps_start(record, gamma), size) for gamma in STARTS), key=lambda one: one.cost)
    # The second round weighs anchors by the residuals of the first.
    size = max(float(np.sqrt(np.mean((mean_step(first.x, x, up)[0] - y) ** 2))), 1e-6)
    best = search(first.x, size)
    theta = best.x
    mean, grads = mean_step(theta, x, up)
    rows = anchor_rows(grads / size, anchors)
    weighted = rows * with_anchors((mean - y) / size, theta, anchors)[:, None]
    # An anchor is one observation of known deviation: its squared residual is replaced by 1.
    middle = weighted[: y.size].T @ weighted[: y.size] + rows[y.size :].T @ rows[y.size :]
    return _covariance(theta, rows.T @ rows, middle)


def _covariance(theta, hessian, middle, box=None) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    low, high = box or limits()
    free = (theta > low + 1e-5) & (theta < high - 1e-5)
    own = np.ix_(free, free)
    inverse = np.linalg.pinv(hessian[own], rcond=1e-12, hermitian=True)
    covariance = np.zeros((theta.size, theta.size))
    covariance[own] = inverse @ middle[own] @ inverse
    return theta, covariance, free


def fit_figures(record: CellRecord, part: slice, source: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Exponents at given bounds, symmetry point and step; theta, covariance, which are off their limits."""
    given, given_covariance = _given_figures(record, part, source)
    gammas, own, inside = _fit_exponents(record, given)
    shift = 1e-4
    moved = [_fit_exponents(record, given + h, gammas)[0] for h in shift * np.eye(4)]
    slope = np.array([(one - gammas) / shift for one in moved]).T
    # Numbers (b-, b+, skew, ln step, ln g+, ln g-) and their covariance; then those of theta.
    lower = np.block([[np.eye(4), np.zeros((4, 2))], [slope, np.eye(2)]])
    middle = np.block([[given_covariance, np.zeros((4, 2))], [np.zeros((2, 4)), own]])
    numbers = np.concatenate([given, gammas])
    turn = np.array([(_theta_of(numbers + h) - _theta_of(numbers - h)) / 2e-6 for h in 1e-6 * np.eye(6)]).T
    covariance = turn @ lower @ middle @ lower.T @ turn.T
    return _theta_of(numbers), covariance, np.concatenate([np.ones(4, dtype=bool), inside])


def _given_figures(record: CellRecord, part: slice, source: str) -> tuple[np.ndarray, np.ndarray]:
    """(b-, b+, skew, ln step) by the paper's definitions, and their covariance."""
    bounds, widths = np.empty(2), np.empty(2)
    for side, best in ((0, min), (1, max)):
        _, bounds[side], widths[side] = best(
            (one for one in anchors_of(record) if one[0] == side), key=lambda a: a[1]
        )
    trace, ways = record.trace[part.start + 1 :], record.ways[part]
    signed = np.diff(record.trace)[part] * ways
    point, step = float(trace.mean()), float(signed.mean())
    span = bounds[1] - bounds[0]
    skew = (bounds[1] - point) / span
    if not (step > 0 and 0.0 < skew < 1.0):
        raise InputError(
            f"{source}: alternating pulses settle at {100 * (1 - skew):.0f} % of the window with a mean step of "
            f"{100 * step / span:.2g} % of it, which is no symmetry point; choose other pulse amplitudes or more pulses."
        )
    ones = (trace - trace.mean())[:, None]
    point_error = np.sqrt(long_run(ones, ones[:, 0])[0, 0]) / trace.size
    pairs = 0.5 * (signed[0::2] + signed[1::2])
    step_error = pairs.std(ddof=1) / np.sqrt(pairs.size) / step
    rows = np.zeros((4, 4))
    rows[0, 0], rows[1, 1] = widths
    # skew = (b+ - SP)/(b+ - b-)
    rows[2] = [skew / span * widths[0], (1 - skew) / span * widths[1], point_error / span, 0.0]
    rows[3, 3] = step_error
    return np.array([*bounds, skew, np.log(step)]), rows @ rows.T


def _theta_of(numbers: np.ndarray) -> np.ndarray:
    """Numbers theta of (b-, b+, place, ln step, ln g+, ln g-): up from half a step below the place, down from half above."""
    low, high, place, step, up, down = numbers
    half = 0.5 * np.exp(step) / (high - low)
    by_up, by_down = np.exp(up) * np.log(place + half), np.exp(down) * np.log1p(half - place)
    return np.array([low, high, step - by_up, step - by_down, up, down])


def _fit_exponents(record: CellRecord, given: np.ndarray, start: np.ndarray | None = None):
    """Logarithms of both exponents, their covariance (2, 2), and which are off their limits."""
    from scipy.optimize import least_squares

    x, y, up = record.x, record.y, record.up
    low, high = (side[4:6] for side in limits())
    half = 0.5 * np.exp(given[3]) / (given[1] - given[0])

    def rest(logs: np.ndarray) -> np.ndarray:
        return mean_step(_theta_of(np.concatenate([given, logs])), x, up)[0] - y

    def rows(logs: np.ndarray) -> np.ndarray:
        theta = _theta_of(np.concatenate([given, logs]))
        grads, gamma = mean_step(theta, x, up)[1], np.exp(logs)
        by_up = grads[:, 4] - grads[:, 2] * gamma[0] * np.log(given[2] + half)
        by_down = grads[:, 5] - grads[:, 3] * gamma[1] * np.log1p(half - given[2])
        return np.stack([by_up, by_down], axis=1)

    found = least_squares(
        rest, np.zeros(2) if start is None else start, jac=rows, bounds=(low, high), max_nfev=100, xtol=1e-12
    )
    inside = (found.x > low + 1e-5) & (found.x < high - 1e-5)
    scores = found.jac * found.fun[:, None]
    own = np.ix_(inside, inside)
    inverse = np.linalg.pinv((found.jac.T @ found.jac)[own], hermitian=True)
    covariance = np.zeros((2, 2))
    covariance[own] = inverse @ (scores.T @ scores)[own] @ inverse
    return found.x, covariance, inside


def long_run(scores: np.ndarray, rest: np.ndarray) -> np.ndarray:
    """Sum of products of scores over lags, with Bartlett weights up to twice the residuals' correlation time."""
    centred = rest - rest.mean()
    lags = np.array([np.sum(centred[k:] * centred[: centred.size - k]) for k in range(rest.size // 8)])
    below = np.flatnonzero(lags < 0.05 * lags[0])
    reach = 2 * int(below[0]) if below.size else rest.size // 4
    total = scores.T @ scores
    for k in range(1, min(reach, rest.size // 4) + 1):
        part = scores[k:].T @ scores[:-k]
        total = total + (1.0 - k / (reach + 1.0)) * (part + part.T)
    return total
