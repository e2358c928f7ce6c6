"""One cell's trace in units of its range, where its runs end, and where searches start."""

from dataclasses import dataclass

import numpy as np

from femristor.nn.devices.fit.law import STEP_LIMITS, mean_step

LEAST_ALTERNATING = 40
LEAST_RUN = 20
"""Pulses of a run whose end anchors a bound."""
ANCHOR = 3.0
"""Deviation of a run's end over that of its mean."""
STARTS = (1.0, 0.5, 2.0)
"""Exponents that a search starts from."""


@dataclass(frozen=True)
class CellRecord:
    """One cell in units of its range."""

    trace: np.ndarray
    ways: np.ndarray

    @property
    def used(self) -> np.ndarray:
        """(pulses,) bool, a direction is known."""
        return self.ways != 0

    @property
    def x(self) -> np.ndarray:
        """(steps,) conductance before each used pulse."""
        return self.trace[:-1][self.used]

    @property
    def y(self) -> np.ndarray:
        """(steps,) change by it."""
        return np.diff(self.trace)[self.used]

    @property
    def up(self) -> np.ndarray:
        """(steps,) bool."""
        return self.ways[self.used] > 0


def anchors_of(record: CellRecord) -> list[tuple[int, float, float]]:
    """(index of the bound, place, deviation) of the end of each long run.

    A run of n pulses that still drifts by d a pulse has between 0 (it has arrived) and n d (exponent 2) to go; the
    anchor is half of that beyond the end, with that half as its deviation, and no less than 1/3 of the fluctuation
    there (some ten independent reads). A drift of less than two standard errors counts as arrived.
    """
    found = []
    edges = np.flatnonzero(np.diff(record.ways)) + 1
    for run in np.split(np.arange(record.ways.size), edges):
        way = int(record.ways[run[0]])
        if way == 0 or run.size < LEAST_RUN:
            continue
        quarter = record.trace[run[-max(5, run.size // 4) :] + 1]
        number = np.arange(quarter.size) - 0.5 * (quarter.size - 1)
        drift = float(number @ quarter / (number @ number))
        rest = float(np.std(quarter - quarter.mean() - drift * number, ddof=2))
        error = rest / float(np.sqrt(number @ number))
        drift = way * drift if way * drift > 2 * error else 0.0
        place = float(quarter.mean()) + 0.5 * way * drift * (run.size + quarter.size)
        found.append((1 if way > 0 else 0, place, max(0.5 * drift * run.size, rest / ANCHOR, 2e-3)))
    return found


def with_anchors(rest, theta, anchors) -> np.ndarray:
    """Residuals, then those of the anchors in their deviations."""
    return np.concatenate([rest, [(theta[k] - place) / width for k, place, width in anchors]])


def anchor_rows(grads, anchors) -> np.ndarray:
    """Derivatives of the residuals, then those of the anchors."""
    rows = np.zeros((len(anchors), grads.shape[1]))
    for row, (k, _, width) in enumerate(anchors):
        rows[row, k] = 1.0 / width
    return np.concatenate([grads, rows])


def alternating_half(record: CellRecord) -> slice | None:
    """Pulses of the second half of the alternating end, an even number; None where there is none after long runs."""
    turns = np.flatnonzero(record.ways[1:] * record.ways[:-1] != -1)
    first = 0 if turns.size == 0 else int(turns[-1]) + 1
    count = record.ways.size - first
    sides = {k for k, _, _ in anchors_of(record)}
    if count < LEAST_ALTERNATING or sides != {0, 1}:
        return None
    half = first + count // 2
    return slice(half + (record.ways.size - half) % 2, record.ways.size)


def steps_start(record: CellRecord, gamma: float) -> np.ndarray:
    """Bounds at the record's ends; steps near mid-window, taken back to the far bound."""
    steps = []
    for side, sign in ((record.up, 1.0), (~record.up, -1.0)):
        near = side & (np.abs(record.x - 0.5) < 0.25)
        chosen = record.y[near] if np.sum(near) >= 3 else record.y[side]
        steps.append(np.clip(sign * chosen.mean(), 1e-3, 0.8) * 2.0**gamma)
    low, high = np.quantile(record.trace, (0.01, 0.99))
    return np.array([low, high, *np.log(np.clip(steps, *STEP_LIMITS)), *np.log([gamma, gamma])])


def path_start(record: CellRecord, gamma: float) -> np.ndarray:
    """As `steps_start`, with steps of the mean drift of each direction."""
    drift = [abs(record.y[side].mean()) * 3.0 for side in (record.up, ~record.up)]
    low, high = np.quantile(record.trace, (0.01, 0.99))
    return np.array([low, high, *np.log(np.clip(drift, *STEP_LIMITS)), *np.log([gamma, gamma])])


def lag_of(theta, record: CellRecord) -> tuple[float, float]:
    """Correlation and covariance of neighbouring residuals; a read takes part in both with opposite signs."""
    rest = record.y - mean_step(theta, record.x, record.up)[0]
    rest = rest - rest.mean()
    product = float(np.mean(rest[1:] * rest[:-1]))
    variance = float(np.mean(rest**2))
    return (product / variance if variance > 0 else 0.0), product
