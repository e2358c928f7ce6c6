"""Laws of relaxation from measured cells: lines in ln t, memory, state dependence, shape of the distribution."""

from dataclasses import dataclass

import numpy as np
from scipy import optimize, stats

from femristor.array.results.retention_fit import RelaxationFit
from femristor.array.retention.data import LEAST_CELLS, RelaxationRecord
from femristor.core.errors import DataError
from femristor.core.provenance import Provenance, Status
from femristor.core.rng import generator

BANDS = 8


def fit_relaxation(data: RelaxationRecord, *, resamples: int = 200, seed: int = 0) -> RelaxationFit:
    """Fit mean and sigma as lines in ln t, and the correlation of two times as (sigma_t/sigma_u)^m.

    The cells of one time are the cells of the next, so the lines are fitted with the full covariance of the times; it
    and all errors come from the bootstrap over cells. m is fitted to all pairs of times, each weighted by its error.

    Args:
        data: changes of cells.
        resamples: of the bootstrap, 50 or more.
        seed: of the bootstrap.

    Returns:
        RelaxationFit.

    Raises:
        DataError: too few cells were read at all times, or cells that do not move.
    """
    if resamples < 50:
        raise DataError(f"{resamples} resamples give no errors; use 50 or more.")
    complete = data.change_S[np.all(np.isfinite(data.change_S), axis=1)]
    if len(complete) < LEAST_CELLS:
        raise DataError(
            f"Only {len(complete)} cells were read at all {data.time_s.size} times; correlations need {LEAST_CELLS} or more."
        )
    draw = generator(seed)
    moments = _moments(data.change_S, resamples, draw)
    if not np.all(moments.sigma > 0):
        raise DataError(
            "At one of the times no cell has moved, so there is no law to fit; leave that time out."
        )
    lines = np.log(data.time_s)
    mean_line, mean_error, mean_chi2 = _line(lines, moments.mean, moments.mean_draws)
    sigma_line, sigma_error, sigma_chi2 = _line(lines, moments.sigma, moments.sigma_draws)
    freedom = data.time_s.size - 2
    memory = _memory(complete, resamples, draw)
    return RelaxationFit(
        time_s=data.time_s,
        cells=np.sum(np.isfinite(data.change_S), axis=0),
        complete=len(complete),
        mean_S=moments.mean,
        sigma_S=moments.sigma,
        mean_error_S=moments.mean_draws.std(axis=0, ddof=1),
        sigma_error_S=moments.sigma_draws.std(axis=0, ddof=1),
        mean_line_S=mean_line,
        mean_line_error_S=mean_error,
        mean_chi2=mean_chi2,
        sigma_line_S=sigma_line,
        sigma_line_error_S=sigma_error,
        sigma_chi2=sigma_chi2,
        freedom=freedom,
        mean_p=float(stats.chi2.sf(mean_chi2, freedom)),
        sigma_p=float(stats.chi2.sf(sigma_chi2, freedom)),
        **memory,
        **_shape(data.change_S),
        **_bands(data),
        status=Status.CONVERGED,
        provenance=Provenance.create("array.retention_fit", seed=seed, inputs=data.inputs),
    )


@dataclass(frozen=True)
class _Moments:
    mean: np.ndarray
    sigma: np.ndarray
    mean_draws: np.ndarray
    sigma_draws: np.ndarray


def _weights(cells: int, resamples: int, draw: np.random.Generator) -> np.ndarray:
    """(resamples, cells) how often each cell is in a resample."""
    return draw.multinomial(cells, np.full(cells, 1 / cells), size=resamples).astype(float)


def _moments(change: np.ndarray, resamples: int, draw: np.random.Generator) -> _Moments:
    known = np.isfinite(change)
    middle = np.nanmean(change, axis=0)
    moved = np.where(known, change - middle, 0.0)

    def of(weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        count = weights @ known.astype(float)
        first, second = weights @ moved / count, weights @ moved**2 / count
        return middle + first, np.sqrt(np.maximum(second - first**2, 0.0) * count / (count - 1))

    mean, sigma = of(np.ones((1, len(change))))
    mean_draws, sigma_draws = of(_weights(len(change), resamples, draw))
    return _Moments(mean[0], sigma[0], mean_draws, sigma_draws)


def _line(x: np.ndarray, y: np.ndarray, draws: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """Generalised least squares: (value at x = 0, slope), their errors, chi2."""
    inverse = np.linalg.inv(np.cov(draws.T))
    shape = np.stack([np.ones_like(x), x], axis=1)
    solve = np.linalg.inv(shape.T @ inverse @ shape) @ shape.T @ inverse
    found = solve @ y
    left = y - shape @ found
    return found, (draws @ solve.T).std(axis=0, ddof=1), float(left @ inverse @ left)


def _memory(change: np.ndarray, resamples: int, draw: np.random.Generator) -> dict:
    """Exponent of the correlations beside the two rivals: independent increments without and with white noise."""
    times = change.shape[1]
    early, late = np.triu_indices(times, 1)
    moved = change - change.mean(axis=0)
    products = np.concatenate([moved, moved**2, moved[:, early] * moved[:, late]], axis=1)

    def of(weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        mean = weights @ products / weights.sum(axis=1, keepdims=True)
        first, variance = mean[:, :times], mean[:, times : 2 * times] - mean[:, :times] ** 2
        covariance = mean[:, 2 * times :] - first[:, early] * first[:, late]
        return covariance / np.sqrt(variance[:, early] * variance[:, late]), variance

    (pair,), (variance,) = of(np.ones((1, len(change))))
    pair_draws, variance_draws = of(_weights(len(change), resamples, draw))
    error = pair_draws.std(axis=0, ddof=1)
    ratio = np.sqrt(variance[early] / variance[late])
    exponent = _exponent(pair, ratio, error)
    again = [
        _exponent(one, np.sqrt(spread[early] / spread[late]), error)
        for one, spread in zip(pair_draws, variance_draws, strict=True)
    ]

    def noisy(noise: float) -> np.ndarray:
        return (variance[early] - noise) / np.sqrt(variance[early] * variance[late])

    noise = _minimum(lambda value: np.sum(((noisy(value) - pair) / error) ** 2), float(variance.min()))
    full, full_error = np.eye(times), np.zeros((times, times))
    full[early, late] = full[late, early] = pair
    full_error[early, late] = full_error[late, early] = error
    return {
        "correlation": full,
        "correlation_error": full_error,
        "memory_exponent": exponent,
        "memory_error": float(np.std(again, ddof=1)),
        "memory_rms": _rms(ratio**exponent - pair),
        "independent_rms": _rms(ratio - pair),
        "noise_sigma_S": float(np.sqrt(noise)),
        "noise_rms": _rms(noisy(noise) - pair),
    }


def _exponent(pair: np.ndarray, ratio: np.ndarray, error: np.ndarray) -> float:
    ratio = np.minimum(ratio, 1.0)
    return _minimum(lambda m: np.sum(((ratio**m - pair) / error) ** 2), 20.0)


def _minimum(cost, highest: float) -> float:
    found = optimize.minimize_scalar(
        cost, bounds=(0.0, highest), method="bounded", options={"xatol": 1e-7 * highest}
    )
    return float(found.x)


def _rms(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(values**2)))


def _shape(change: np.ndarray) -> dict:
    """Distance from a normal law; critical distance 1.035/(sqrt(n) - 0.01 + 0.83/sqrt(n)) (Stephens 1974)."""
    distance, critical, kurtosis = [], [], []
    for column in change.T:
        values = column[np.isfinite(column)]
        score = (values - values.mean()) / values.std(ddof=1)
        root = np.sqrt(values.size)
        distance.append(float(stats.ks_1samp(score, stats.norm.cdf, method="asymp").statistic))
        critical.append(1.035 / (root - 0.01 + 0.83 / root))
        kurtosis.append(float(np.mean((values - values.mean()) ** 4) / np.var(values) ** 2 - 3))
    return {
        "ks_distance": np.array(distance),
        "ks_critical": np.array(critical),
        "excess_kurtosis": np.array(kurtosis),
    }


def _bands(data: RelaxationRecord) -> dict:
    """Means and spreads of BANDS groups of equally many cells, by their conductance at time 0."""
    groups = np.array_split(np.argsort(data.start_S, kind="stable"), BANDS)
    mean, sigma, mean_p, sigma_p = [], [], [], []
    for column in data.change_S.T:
        parts = [column[group][np.isfinite(column[group])] for group in groups]
        if min(len(part) for part in parts) < 2:
            raise DataError(
                "A band of conductances has fewer than two cells at one of the times; give more cells."
            )
        mean.append([part.mean() for part in parts])
        sigma.append([part.std(ddof=1) for part in parts])
        mean_p.append(float(stats.f_oneway(*parts).pvalue))
        sigma_p.append(float(stats.levene(*parts, center="median").pvalue))
    return {
        "band_start_S": np.array([data.start_S[group].mean() for group in groups]),
        "band_mean_S": np.array(mean),
        "band_sigma_S": np.array(sigma),
        "band_mean_p": np.array(mean_p),
        "band_sigma_p": np.array(sigma_p),
    }
