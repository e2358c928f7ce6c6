"""Generalised soft bounds of one cell from its pulse trace, with standard errors.

With `R = b+ - b-` and `u = (b+ - G)/R` held within [0, 1], the step of a pulse from conductance G has

    up:   mean  s+ u**g+            down: mean -s- (1 - u)**g-
    variance  (sigma_c mean)**2 + floor**2

`floor` stands for what does not vanish at the bounds (the hops of a real cell, reads).

**figures**: bounds, symmetry point and the step there as the paper defines them (arXiv 2502.04524, eqs. 1-3): ends of the
long runs (`anchors_of`), mean of the second half of the alternating pulses, mean signed step there (noisy reads drop out of
it), which is that of an up pulse from half a step below and a down pulse from half above; exponents by least squares of
all steps. The errors of the former go through the latter by refits.

**steps**: least squares of all steps in all six numbers of the mean, each step given the conductance before it; their errors
are independent of each other, so the sandwich H^-1 (sum of g g^T) H^-1 gives the errors. Steps are weighted alike: a
likelihood would leave the fit to the tiny steps at the bounds, where no real cell follows the law.

**path**: least squares of the conductances along the noise-free path of the train, for noisy reads without alternating
pulses: a read that is too high is followed by a step that looks too low, which biases *steps*. Both noises follow from
Var(r_(t+k) - r_t) = 2 read^2 + k q of its residuals r, sigma_c^2 = q/mean(m^2); errors are those of refits of
`REFITS` trains that the fit itself draws.

*auto* takes *figures* where the record ends in alternating pulses; else *path* where neighbouring residuals of *steps* are
correlated by less than -0.2 (0 where the law holds, -1/2 where all is read noise), else *steps*.

Figures as in `soft_bounds.py`: the symmetry point u = skew where both means are equal, N_states = R/step there, exponent
(g+ + g-)/2, asymmetry (g+ - g-)/(g+ + g-), NSR = sqrt(sigma_c^2 + (floor/step)^2). A skew of 61 % is -0.22 on [-1, 1].
"""

from dataclasses import dataclass

import numpy as np

from femristor.core.errors import InputError
from femristor.nn.devices.fit.law import crossing, figures, limits, mean_step
from femristor.nn.devices.fit.path import fit_path, path_errors, path_noise
from femristor.nn.devices.fit.record import (
    LEAST_ALTERNATING,
    LEAST_RUN,
    STARTS,
    CellRecord,
    alternating_half,
    lag_of,
    path_start,
)
from femristor.nn.devices.fit.steps import fit_figures, fit_steps

METHODS = ("auto", "figures", "steps", "path")
NOISY_READS = -0.2


@dataclass(frozen=True)
class CellFit:
    """Soft bounds of one cell.

    Attributes:
        parameters: (8,) in the order of `device_result.CELL_NAMES`.
        errors: (8,) standard errors, NaN for a parameter on its limit.
        figures: (5,) N_states, skew, exponent, asymmetry, NSR.
        figure_errors: (5,).
        figure_covariance: (5, 5).
        correlation_lag1: of neighbouring residuals of the steps.
        read_noise: deviation of a read that this correlation tells, 0 where it is positive.
        method: "figures", "steps" or "path".
    """

    parameters: np.ndarray
    errors: np.ndarray
    figures: np.ndarray
    figure_errors: np.ndarray
    figure_covariance: np.ndarray
    correlation_lag1: float
    read_noise: float
    method: str


def fit_cell(
    trace: np.ndarray, direction: np.ndarray, *, method: str = "auto", source: str = "cell"
) -> CellFit:
    """Soft bounds of the trace of one cell.

    Args:
        trace: (pulses + 1,) conductance before and after each pulse.
        direction: (pulses,) +1 up, -1 down, 0 for a step that is not used.
        method: "figures", "steps", "path", or "auto".
        source: name for messages.

    Returns:
        CellFit; bounds, steps, floor and read noise in the unit of the trace.

    Raises:
        InputError: one direction only, no movement, or steps that do not follow the pulses.
    """
    if method not in METHODS:
        raise InputError(f"There is no method '{method}' of a fit; use {', '.join(METHODS)}.")
    trace = np.asarray(trace, dtype=float)
    low, span = float(trace.min()), float(np.ptp(trace))
    if not (np.any(direction > 0) and np.any(direction < 0)) or not span > 0:
        raise InputError(
            f"{source}: soft bounds need up and down pulses that move the cell; give both directions."
        )
    record = CellRecord((trace - low) / span, np.asarray(direction, dtype=np.int64))
    if not (record.y[record.up].mean() > 0 > record.y[~record.up].mean()):
        raise InputError(
            f"{source}: on average up pulses must raise and down pulses lower the conductance; check the directions."
        )
    ends = alternating_half(record)
    if method == "figures" and ends is None:
        raise InputError(
            f"{source}: figures of merit need {LEAST_ALTERNATING} alternating pulses at the end, after runs up and down of "
            f"{LEAST_RUN}; use the method steps or path."
        )
    chosen = method
    if method == "auto" and ends is not None:
        chosen = "figures"
    if chosen == "figures":
        theta, covariance, free = fit_figures(record, ends, source)
    else:
        theta, covariance, free = fit_steps(record)
        if method == "auto":
            chosen = "path" if lag_of(theta, record)[0] < NOISY_READS else "steps"
    if chosen == "path":
        values = fit_path(record, [theta, *(path_start(record, gamma) for gamma in STARTS)])
        theta, (noise, read) = values[:6], path_noise(values, record)
        total = path_errors(values, noise[0], read, record)
        low_limit, high_limit = limits()
        free = (theta > low_limit + 1e-5) & (theta < high_limit - 1e-5)
    else:
        noise, own, read = _noise(theta, record)
        total = np.zeros((8, 8))
        total[:6, :6], total[6:, 6:] = covariance, own
    fitted = _Fitted(theta, noise, total, np.concatenate([free, noise > 0]), read, chosen)
    return _finished(fitted, record, (low, span))


@dataclass(frozen=True)
class _Fitted:
    """A fit in units of the record's range: theta, (noise, floor), covariance (8, 8), which are free."""

    theta: np.ndarray
    noise: np.ndarray
    covariance: np.ndarray
    free: np.ndarray
    read: float
    method: str


def _noise(theta, record: CellRecord) -> tuple[np.ndarray, np.ndarray, float]:
    """(noise, floor), their covariance (2, 2), and the read noise, by least squares of the squared residuals."""
    mean = mean_step(theta, record.x, record.up)[0]
    rest = record.y - mean
    product = float(np.mean(rest[1:] * rest[:-1]))
    # Var = process + 2 read^2 and lag-1 covariance = -read^2.
    read = float(np.sqrt(-product)) if product < NOISY_READS * float(np.mean(rest**2)) else 0.0
    weight = 1.0 / (mean**2 + crossing(theta)[1] ** 2)
    squares = (rest**2 - 2.0 * read**2) * weight
    rows = np.stack([mean**2 * weight, weight], axis=1)
    normal = rows.T @ rows
    found = np.linalg.solve(normal, rows.T @ squares)
    active = np.array([True, True])
    for k in (0, 1):
        if found[k] <= 0:
            # One of both explains all there is: the other is 0.
            active = np.array([k == 1, k == 0])
            one = float(rows[:, active][:, 0] @ squares / normal[active][:, active][0, 0])
            found = np.where(active, max(one, 0.0), 0.0)
            break
    left = squares - rows @ found
    own = np.ix_(active, active)
    inverse = np.zeros((2, 2))
    inverse[own] = np.linalg.inv(normal[own])
    spread = inverse @ ((rows * left[:, None]).T @ (rows * left[:, None])) @ inverse
    roots = np.sqrt(found)
    slope = np.diag(np.divide(0.5, roots, out=np.zeros(2), where=roots > 0))
    return roots, slope @ spread @ slope, read


def _finished(fit: _Fitted, record: CellRecord, scale: tuple[float, float]) -> CellFit:
    """Errors, figures, and everything back in the unit of the record."""
    low, span = scale
    values = np.concatenate([fit.theta, fit.noise])
    natural = np.concatenate([fit.theta[:2], np.exp(fit.theta[2:]), fit.noise])
    slope = np.concatenate([np.ones(2), natural[2:6], np.ones(2)])
    errors = np.sqrt(np.clip(np.diag(fit.covariance), 0.0, None)) * slope
    errors[~fit.free] = np.nan
    turns = np.array([(figures(values + h) - figures(values - h)) / 2e-6 for h in 1e-6 * np.eye(8)]).T
    spread = turns @ fit.covariance @ turns.T
    factor = np.array([span, span, span, span, 1.0, 1.0, 1.0, span])
    return CellFit(
        parameters=natural * factor + np.array([low, low, 0, 0, 0, 0, 0, 0]),
        errors=errors * factor,
        figures=figures(values),
        figure_errors=np.sqrt(np.clip(np.diag(spread), 0.0, None)),
        figure_covariance=spread,
        correlation_lag1=lag_of(fit.theta, record)[0],
        read_noise=fit.read * span,
        method=fit.method,
    )


def symmetry_of(fit: CellFit) -> float:
    """Symmetry point of a fit as a weight on [-1, 1]: 1 - 2 skew."""
    return 1.0 - 2.0 * float(fit.figures[1])
