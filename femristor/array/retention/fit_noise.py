"""Read noise from sampled conductances: 1/f spectrum, telegraph levels, sigma against conductance.

Telegraph noise is looked for as two levels: two normal laws of one width are fitted to all samples, and their share of
the variance is compared with Gaussian records of the same spectrum (phases drawn anew). Slow 1/f noise looks like two
levels now and then as well; that comparison says how often.
"""

import numpy as np
from scipy import signal

from femristor.array.results.retention_fit import ReadNoiseFit
from femristor.array.retention.data import ReadNoiseRecord
from femristor.core.errors import DataError
from femristor.core.provenance import Provenance, Status
from femristor.core.rng import generator

BINS_PER_DECADE = 5
HISTOGRAM = 400
LEAST_TRANSITIONS = 10
LEVEL = 0.05
"""Share of Gaussian records that may look as much like two levels."""


def fit_read_noise(data: ReadNoiseRecord, *, surrogates: int = 99, seed: int = 0) -> ReadNoiseFit:
    """Fit A/f^alpha, two levels, and sigma = c G^b.

    Args:
        data: sampled conductances.
        surrogates: Gaussian records for each record, 19 or more.
        seed: of the surrogates.

    Returns:
        ReadNoiseFit.

    Raises:
        DataError: too few surrogates, or a record that never changes.
    """
    if surrogates < 19:
        raise DataError(f"{surrogates} surrogates tell nothing at the 5 % level; use 19 or more.")
    draw = generator(seed)
    found = [_record(row, data.rate_Hz, surrogates, draw) for row in data.conductance_S]
    column = {key: np.array([one[key] for one in found]) for key in found[0]}
    counts = (column["p_value"] <= LEVEL) & (column["transitions"] >= LEAST_TRANSITIONS)
    slope, error, rms = _power(column["mean_S"], column["sigma_S"])
    return ReadNoiseFit(
        band=data.band,
        frequency_Hz=column.pop("frequency_Hz")[0],
        **column,
        telegraph=counts,
        telegraph_share=float(np.mean(np.where(counts, column["share"], 0.0))),
        sigma_exponent=slope,
        sigma_exponent_error=error,
        sigma_rms_ln=rms,
        surrogates=surrogates,
        status=Status.CONVERGED,
        provenance=Provenance.create("array.retention_fit_noise", seed=seed, inputs=data.inputs),
    )


def _record(values: np.ndarray, rate_Hz: float, surrogates: int, draw: np.random.Generator) -> dict:
    sigma = float(values.std(ddof=1))
    if not sigma > 0:
        raise DataError("A read-noise record never changes, so it has no spectrum; remove it.")
    score = (values - values.mean()) / sigma
    spectrum = _spectrum(score, rate_Hz)
    low, high, weight, share = _two_levels(score)
    others = [_two_levels(_surrogate(score, draw))[3] for _ in range(surrogates)]
    return {
        "mean_S": float(values.mean()),
        "sigma_S": sigma,
        "frequency_Hz": spectrum["frequency"],
        "density_S2_per_Hz": spectrum["density"] * sigma**2,
        "exponent": spectrum["exponent"],
        "exponent_error": spectrum["error"],
        "level_S2": spectrum["level"] * sigma**2,
        "chi2": spectrum["chi2"],
        "step_S": (high - low) * sigma,
        "occupancy": weight,
        "share": share,
        "p_value": (1 + sum(other >= share for other in others)) / (surrogates + 1),
        **_dwells(score, low, high, rate_Hz),
    }


def _spectrum(score: np.ndarray, rate_Hz: float) -> dict:
    """Welch spectrum in logarithmic bins and a power law through it.

    All bins weigh the same: a record departs from any power law by more than the scatter of its many high frequencies,
    which would otherwise decide alone. chi2 still counts the scatter.
    """
    length = min(2 ** int(np.log2(score.size // 4)), 16384)
    frequency, density = signal.welch(score, rate_Hz, nperseg=length)
    averages = 2 * score.size / length - 1
    # The lowest line suffers from the removal of the mean, the highest from aliasing.
    keep = (frequency >= 2 * rate_Hz / length) & (frequency <= 0.4 * rate_Hz)
    frequency, density = frequency[keep], density[keep]
    place = np.floor(BINS_PER_DECADE * np.log10(frequency / frequency[0])).astype(int)
    used = np.unique(place)
    middle = np.array([np.exp(np.log(frequency[place == k]).mean()) for k in used])
    binned = np.array([density[place == k].mean() for k in used])
    # A mean of n averages of half-overlapping Hann segments: relative variance about 1.1/n.
    error = np.sqrt(1.1 / (averages * np.array([np.sum(place == k) for k in used])))
    x, y = np.log(middle), np.log(binned)
    slope, level, spread = _straight(x, y)
    chi2 = float(np.sum(((y - level - slope * x) / error) ** 2))
    return {
        "frequency": middle,
        "density": binned,
        "exponent": -slope,
        "error": spread,
        "level": float(np.exp(level)),
        "chi2": chi2 / (x.size - 2),
    }


def _straight(x: np.ndarray, y: np.ndarray) -> tuple[float, float, float]:
    """Slope, value at 0 and the standard error of the slope from the residuals."""
    squares = np.sum((x - x.mean()) ** 2)
    slope = float(np.sum((x - x.mean()) * y) / squares)
    left = y - y.mean() - slope * (x - x.mean())
    return slope, float(y.mean() - slope * x.mean()), float(np.sqrt(np.sum(left**2) / (x.size - 2) / squares))


def _two_levels(score: np.ndarray) -> tuple[float, float, float, float]:
    """Two normal laws of one width by expectation-maximisation on the histogram: levels, weight of the upper, share."""
    count, edges = np.histogram(score, HISTOGRAM)
    x = 0.5 * (edges[1:] + edges[:-1])
    weight = count / count.sum()
    mean, variance = float(weight @ x), float(weight @ (x - weight @ x) ** 2)
    # Start from the split with the largest variance between its parts (Otsu).
    below, moment = np.cumsum(weight)[:-1], np.cumsum(weight * x)[:-1]
    split = int(np.argmax((mean * below - moment) ** 2 / (below * (1 - below))))
    upper = 1 - below[split]
    low, high = moment[split] / below[split], (mean - moment[split]) / upper
    width = variance - upper * (1 - upper) * (high - low) ** 2
    for _ in range(500):
        odds = (
            (1 - upper)
            / max(upper, 1e-300)
            * np.exp(np.clip(((x - high) ** 2 - (x - low) ** 2) / (2 * width), -600, 600))
        )
        member = weight / (1 + odds)
        before, upper = upper, float(member.sum())
        if not 1e-9 < upper < 1 - 1e-9:
            return mean, mean, 0.0, 0.0
        high, low = float(member @ x) / upper, (mean - float(member @ x)) / (1 - upper)
        width = max(variance - upper * (1 - upper) * (high - low) ** 2, 1e-6 * variance)
        if abs(upper - before) < 1e-9:
            break
    return low, high, upper, float(upper * (1 - upper) * (high - low) ** 2 / variance)


def _surrogate(score: np.ndarray, draw: np.random.Generator) -> np.ndarray:
    """A Gaussian record with the same spectrum: phases drawn anew."""
    lines = np.fft.rfft(score)
    phase = np.exp(2j * np.pi * draw.random(lines.size))
    phase[0] = 1.0
    if score.size % 2 == 0:
        phase[-1] = 1.0
    return np.fft.irfft(np.abs(lines) * phase, score.size)


def _dwells(score: np.ndarray, low: float, high: float, rate_Hz: float) -> dict:
    """Passages between the levels and mean dwell times; a passage ends within a third of the way to the other level."""
    third = (high - low) / 3
    state = np.where(score > high - third, 1, np.where(score < low + third, 0, -1))
    known = np.flatnonzero(state >= 0)
    if known.size == 0 or third <= 0:
        return {"transitions": 0, "dwell_low_s": np.nan, "dwell_high_s": np.nan}
    last = np.maximum.accumulate(np.where(state >= 0, np.arange(state.size), known[0]))
    filled = state[last]
    turns = np.flatnonzero(np.diff(filled))
    up, down = int(np.sum(np.diff(filled) > 0)), int(np.sum(np.diff(filled) < 0))
    high_s = float(np.sum(filled)) / rate_Hz
    low_s = filled.size / rate_Hz - high_s
    return {
        "transitions": int(turns.size),
        "dwell_low_s": low_s / up if up else np.nan,
        "dwell_high_s": high_s / down if down else np.nan,
    }


def _power(mean: np.ndarray, sigma: np.ndarray) -> tuple[float, float, float]:
    """Exponent b of sigma = c G^b, its standard error, rms of ln sigma; nothing to fit below three records."""
    if mean.size < 3 or np.ptp(mean) == 0:
        return float("nan"), float("inf"), float("nan")
    x, y = np.log(mean), np.log(sigma)
    slope, level, error = _straight(x, y)
    return slope, error, float(np.sqrt(np.mean((y - level - slope * x) ** 2)))
