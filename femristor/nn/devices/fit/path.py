"""Least squares of the conductances of one cell along the noise-free path of its train, for noisy reads."""

import numpy as np

from femristor.core.rng import generator
from femristor.nn.devices.fit.law import limits, mean_step, path
from femristor.nn.devices.fit.record import CellRecord, anchors_of, with_anchors

REFITS = 30
_NO_XI = np.zeros(0)


def fit_path(record: CellRecord, starts: list[np.ndarray]) -> np.ndarray:
    """(6 + segments,) theta and the first conductance of each segment."""
    from scipy.optimize import least_squares

    segments = 1 + int(np.sum(record.ways == 0))
    first = np.concatenate([[0], np.flatnonzero(record.ways == 0) + 1])
    low, high = limits()
    low, high = (np.concatenate([side, np.full(segments, edge)]) for side, edge in ((low, -0.5), (high, 1.5)))
    out = np.empty(record.trace.size)

    anchors = anchors_of(record)
    # Neighbouring residuals are alike: a record counts for far fewer observations than it has reads.
    scale = float(np.std(np.diff(record.trace)))

    def rest(values: np.ndarray) -> np.ndarray:
        path(values[:6], values[6:], record.ways, out, 0.0, _NO_XI)
        return with_anchors((out - record.trace) / scale, values, anchors)

    best = None
    for theta in starts:
        values = np.concatenate([theta, record.trace[first]])
        found = least_squares(
            rest, np.clip(values, low + 1e-6, high - 1e-6), bounds=(low, high), x_scale=0.3, max_nfev=200
        )
        best = found if best is None or found.cost < best.cost else best
    return best.x


def path_noise(values: np.ndarray, record: CellRecord) -> tuple[np.ndarray, float]:
    """(noise, floor 0), and the read noise, from the growth of the residuals' differences with the lag."""
    out = np.empty(record.trace.size)
    path(values[:6], values[6:], record.ways, out, 0.0, _NO_XI)
    rest, lags = record.trace - out, np.arange(1, max(5, min(30, record.trace.size // 20)) + 1)
    grown = np.array([np.mean((rest[k:] - rest[:-k]) ** 2) for k in lags])
    slope, offset = np.polyfit(lags, grown, 1)
    mean = mean_step(values[:6], out[:-1][record.used], record.up)[0]
    noise = np.sqrt(max(slope, 0.0) / np.mean(mean**2))
    return np.array([noise, 0.0]), float(np.sqrt(max(offset, 0.0) / 2.0))


def path_errors(values: np.ndarray, noise: float, read: float, record: CellRecord) -> np.ndarray:
    """(8, 8) covariance of theta, noise and floor over refits of trains that the fit draws."""
    rng = generator(0, 105)
    found = []
    for _ in range(REFITS):
        out = np.empty(record.trace.size)
        path(values[:6], values[6:], record.ways, out, noise, rng.standard_normal(record.ways.size))
        drawn = CellRecord(out + read * rng.standard_normal(out.size), record.ways)
        again = fit_path(drawn, [values[:6]])
        found.append(np.concatenate([again[:6], path_noise(again, drawn)[0]]))
    return np.cov(np.array(found).T)
