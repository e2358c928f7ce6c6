"""Covariance, correlation and identifiability of a least-squares estimate."""

from dataclasses import dataclass

import numpy as np

CORRELATION_LIMIT = 0.95
CONDITION_LIMIT = 1e3
LOOSE_ERROR = 0.1
RELATIVE_ERROR_LIMIT = 1.0
PATTERN_LIMIT = 0.6
PATTERN_POINTS = 8


@dataclass(frozen=True)
class Estimate:
    """What the Jacobian at the optimum says about the coordinates x.

    Attributes:
        covariance: (free, free) of x; NaN rows for parameters at a bound.
        correlation: (free, free).
        condition: condition number of the Jacobian with unit columns.
        reduced_chi2: sum of squares over degrees of freedom.
    """

    covariance: np.ndarray
    correlation: np.ndarray
    condition: float
    reduced_chi2: float


def estimate(
    residual: np.ndarray, jacobian: np.ndarray, at_bound: np.ndarray, sigma: float | None
) -> Estimate:
    """Linear error analysis.

    With a known sigma the covariance is `sigma^2 (J^T J)^-1`; without, sigma^2 is the sum of squared
    residuals over (points - parameters), which presumes that the model can follow the curve.

    Args:
        residual: (points,) unweighted ln residuals at the optimum.
        jacobian: (points, free) their derivatives by x.
        at_bound: (free,) parameters that the bound holds; they count as fixed.
        sigma: standard deviation of ln I, or None.

    Returns:
        Estimate.
    """
    count = jacobian.shape[1]
    covariance = np.full((count, count), np.nan)
    correlation = np.full((count, count), np.nan)
    inside = np.flatnonzero(~at_bound)
    freedom = max(residual.size - inside.size, 1)
    scatter = float(residual @ residual) / freedom
    condition = 1.0
    if inside.size:
        columns = jacobian[:, inside]
        norms = np.linalg.norm(columns, axis=0)
        norms = np.where(norms > 0, norms, 1.0)
        _, singular, rotation = np.linalg.svd(columns / norms, full_matrices=False)
        smallest = max(singular[-1], np.finfo(float).eps * singular[0])
        condition = float(singular[0] / smallest)
        weights = 1 / np.maximum(singular, smallest) ** 2
        shape = (rotation.T * weights) @ rotation
        inner = shape / np.outer(norms, norms) * (scatter if sigma is None else sigma**2)
        spread = np.sqrt(np.diag(shape))
        covariance[np.ix_(inside, inside)] = inner
        # from the Jacobian alone, so that a perfect fit (no scatter) has one too
        correlation[np.ix_(inside, inside)] = shape / np.outer(spread, spread)
    chi2 = np.nan if sigma is None else scatter / sigma**2
    return Estimate(covariance, correlation, condition, chi2)


def held_sensitivity(jacobian: np.ndarray, free: list[int], inside: np.ndarray) -> np.ndarray:
    """How far the fitted parameters move with the held ones: `-(J^T J)^-1 J^T j`.

    Args:
        jacobian: (points, all) by x of all parameters.
        free: columns of the free ones.
        inside: (free,) those that no bound holds.

    Returns:
        (free, all) d x free / d x other; 0 for parameters at a bound.
    """
    moved = np.zeros((len(free), jacobian.shape[1]))
    columns = [column for column, keep in zip(free, inside, strict=True) if keep]
    if columns:
        moved[inside] = -np.linalg.lstsq(jacobian[:, columns], jacobian, rcond=None)[0]
    return moved


def separation_warnings(
    names: tuple[str, ...], found: Estimate, relative_error: np.ndarray, *, label: str, ambients: int
) -> list[str]:
    """Sentences on parameters that the data cannot tell apart.

    Args:
        names: (free,) names.
        found: the estimate.
        relative_error: (free,) standard error over value.
        label: state, for the sentence.
        ambients: number of ambient temperatures.

    Returns:
        Warnings, none when all is well: a pair with a correlation above 0.95 that leaves one of the two
        uncertain by more than 10 %, a condition number above 1000, an error larger than its value.
    """
    remedy = "fix one of them" + (", or add curves at another ambient temperature" if ambients == 1 else "")
    sentences = []
    for i, first in enumerate(names):
        for j in range(i + 1, len(names)):
            value = found.correlation[i, j]
            loose = max(relative_error[i], relative_error[j])
            if abs(value) > CORRELATION_LIMIT and loose > LOOSE_ERROR:
                sentences.append(
                    f"{label}: the data cannot separate {first} and {names[j]} (correlation {value:.3f}, "
                    f"uncertain by {loose * 100:.0f} %); {remedy}."
                )
    if found.condition > CONDITION_LIMIT:
        sentences.append(
            f"{label}: the fit is nearly degenerate (condition number {found.condition:.2g}): only a combination "
            f"of {', '.join(names)} is determined; {remedy}."
        )
    for name, error in zip(names, relative_error, strict=True):
        if error > RELATIVE_ERROR_LIMIT:
            sentences.append(
                f"{label}: the standard error of {name} is larger than its value; the data do not determine it."
            )
    return sentences


def follows_pattern(residual: np.ndarray) -> float:
    """Correlation of each residual with the next one where it says that the misfit is not noise.

    Args:
        residual: (points,) in the order of the voltage.

    Returns:
        The lag-1 correlation, or 0 where it is unremarkable or the points are few.
    """
    if residual.size < PATTERN_POINTS or not np.any(residual):
        return 0.0
    centred = residual - residual.mean()
    power = float(centred @ centred)
    value = float(centred[1:] @ centred[:-1]) / power if power > 0 else 0.0
    return value if value > PATTERN_LIMIT else 0.0
