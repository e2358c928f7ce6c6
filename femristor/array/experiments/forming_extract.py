"""Forming voltage of measured or simulated sweeps: the largest jump of the current, less the triode drop.

`V_form = V_applied - R_triode I` at the largest jump (Falcone et al., arXiv 2502.04524, section 2.1.1), R_triode the
resistance of the selector at the gate of the sweep. V_applied is the middle of the step of the sweep in which the jump
begins (half a step is all that a sweep can tell); I is the current after it, from a straight line through the next
points, so that noise averages out. A jump is no jump if the current does not stay (a spike), if it is a small part of
what flowed before (a step of a compliance or of a range), or if it drowns in the noise before it.
"""

from dataclasses import dataclass

import numpy as np

from femristor.core.curves import IVCurve
from femristor.core.errors import InputError

LEAST_RATIO = 3.0
"""Smallest current after the jump over that before it."""
LEAST_SIGMA = 8.0
"""Smallest jump over the noise before it."""
LEAST_POINTS = 10
"""Fewest points of a rising sweep."""
AFTER_POINTS = 5
"""Points after the jump from which its current is taken."""
SAME_JUMP = 0.3
"""A step beside the largest one of at least this share of it belongs to the same jump."""
SUSTAINED = 0.5
"""Share of a jump that must remain in the median of the three points after it."""


@dataclass(frozen=True)
class FormingPoints:
    """Forming points of cells, (cells,) each; NaN where a cell did not form.

    Attributes:
        form_V: forming voltage, the triode drop taken off.
        form_applied_V: voltage over cell and selector at the jump.
        form_current_A: current after the jump.
    """

    form_V: np.ndarray
    form_applied_V: np.ndarray
    form_current_A: np.ndarray

    @property
    def formed(self) -> np.ndarray:
        """(cells,) whether a cell formed."""
        return np.isfinite(self.form_V)


def extract_forming(voltage_V, current_A, triode_ohm, *, names: tuple[str, ...] = ()) -> FormingPoints:
    """Forming points of sweeps that share their voltages.

    Args:
        voltage_V: (points,) applied; rises from the first point to its peak; the way back only tells the current after a
            jump at the very end.
        current_A: (points,) or (cells, points).
        triode_ohm: resistance of the selector at the gate of the sweep, one or (cells,); 0 for a bare cell.
        names: (cells,) names of the cells, for messages.

    Returns:
        FormingPoints.

    Raises:
        InputError: missing points, a voltage that does not rise, a sweep that ends at its jump, shapes that do not fit.
    """
    volt, current = np.asarray(voltage_V, dtype=float), np.atleast_2d(np.asarray(current_A, dtype=float))
    if volt.ndim != 1 or current.ndim != 2 or current.shape[1] != volt.size or current.shape[0] == 0:
        raise InputError(
            f"Currents of shape {np.shape(current_A)} do not fit {volt.size} voltages; give (cells, points)."
        )
    labels = names or tuple(f"cell {index}" for index in range(current.shape[0]))
    ohm = np.broadcast_to(np.asarray(triode_ohm, dtype=float), (current.shape[0],))
    if not np.all(np.isfinite(ohm) & (ohm >= 0)):
        raise InputError("A triode resistance below 0 ohm or NaN is not possible; give 0 or more.")
    _check_complete(volt, current, labels)
    top = int(np.argmax(volt)) + 1
    rising, flow = volt[:top], current[:, :top]
    _check_rising(rising, labels[0])
    at, good = _largest_jump(flow, *_medians(current, top))
    first, last = _jump_ends(flow, at)
    short = good & (last + 2 >= volt.size)
    if short.any():
        cell = int(np.argmax(short))
        raise InputError(
            f"{labels[cell]}: the sweep ends at {volt[-1]:.4g} V with its jump at {rising[at[cell]]:.4g} V; take it two "
            "points further, so that the current after the jump is known."
        )
    current_after = _current_after(volt, current, np.minimum(last + 1, volt.size - 1))
    applied = 0.5 * (rising[first] + rising[np.minimum(first + 1, top - 1)])
    columns = (applied - ohm * current_after, applied, current_after)
    return FormingPoints(*(np.where(good, column, np.nan) for column in columns))


def extract_curves(curves: list[IVCurve], triode_ohm: float, *, cells: int | None = None) -> FormingPoints:
    """Forming points of measured curves, each with voltages of its own.

    Args:
        curves: one a cell, e.g. of `core.ivfile.read_iv_csv(path, sweep=True)`.
        triode_ohm: resistance of the selector at the gate of the sweeps.
        cells: cells that there should be; not checked if None.

    Returns:
        FormingPoints.

    Raises:
        InputError: as in `extract_forming`, or cells that are missing.
    """
    if not curves or (cells is not None and len(curves) != cells):
        where = f" of {curves[0].origin}" if curves else ""
        raise InputError(
            f"{len(curves)} sweeps{where} for {cells or 'no'} cells; complete the file, or give the number of rows and "
            "columns that it holds."
        )
    found = [
        extract_forming(
            curve.voltage_V, curve.current_A, triode_ohm, names=(f"{curve.origin}: {curve.label}",)
        )
        for curve in curves
    ]
    names = ("form_V", "form_applied_V", "form_current_A")
    return FormingPoints(*(np.concatenate([getattr(entry, name) for entry in found]) for name in names))


def _largest_jump(flow: np.ndarray, before: np.ndarray, after: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(cells,) step with the largest jump that stays, and whether it is one at all."""
    jump = np.diff(flow, axis=1)
    stays = after - before >= SUSTAINED * jump
    jump = np.where(stays, jump, -np.inf)
    at = np.argmax(jump, axis=1)
    rows = np.arange(len(flow))
    size, low, high = jump[rows, at], before[rows, at], after[rows, at]
    earlier = np.arange(jump.shape[1]) < at[:, None]
    steps = np.where(earlier, np.abs(np.diff(flow, axis=1)), np.inf)
    middle = np.maximum(at // 2, 0)
    noise = 1.05 * np.sort(steps, axis=1)[rows, middle]
    noise[at == 0] = 0.0
    good = (size > 0) & (high >= LEAST_RATIO * np.abs(low)) & (size >= LEAST_SIGMA * noise)
    return at, good


def _medians(flow: np.ndarray, top: int) -> tuple[np.ndarray, np.ndarray]:
    """(cells, top - 1) medians of the three points up to each rising step and of the three after it in time."""
    padded = np.pad(flow, ((0, 0), (2, 2)), mode="edge")
    middle = np.median(np.lib.stride_tricks.sliding_window_view(padded, 3, axis=1), axis=2)
    return middle[:, : top - 1], middle[:, 3 : top + 2]


def _jump_ends(flow: np.ndarray, at: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(cells,) first and last step of the jump: a sample taken while the current jumps splits it."""
    jump, rows = np.diff(flow, axis=1), np.arange(len(flow))
    size, most = jump[rows, at], jump.shape[1] - 1
    earlier, later = np.maximum(at - 1, 0), np.minimum(at + 1, most)
    first = np.where((at > 0) & (jump[rows, earlier] >= SAME_JUMP * size), earlier, at)
    last = np.where((at < most) & (jump[rows, later] >= SAME_JUMP * size), later, at)
    return first, last


def _current_after(volt: np.ndarray, flow: np.ndarray, start: np.ndarray) -> np.ndarray:
    """(cells,) current at a point, from a line through it and the next ones."""
    index = start[:, None] + np.arange(AFTER_POINTS)
    weight = (index < volt.size).astype(float)
    index = np.minimum(index, volt.size - 1)
    x = volt[index] - volt[start][:, None]
    y = np.take_along_axis(flow, index, axis=1)
    total = weight.sum(axis=1)
    mean_x, mean_y = (weight * x).sum(axis=1) / total, (weight * y).sum(axis=1) / total
    centred = weight * (x - mean_x[:, None])
    spread = (centred * x).sum(axis=1)
    slope = np.divide((centred * y).sum(axis=1), spread, out=np.zeros_like(spread), where=spread > 0)
    return mean_y - slope * mean_x


def _check_complete(volt: np.ndarray, current: np.ndarray, labels) -> None:
    if not np.isfinite(volt).all():
        raise InputError(
            f"{labels[0]}: voltage {int(np.argmin(np.isfinite(volt)))} is missing (NaN); remove the row."
        )
    missing = ~np.isfinite(current)
    if missing.any():
        cells = np.flatnonzero(missing.any(axis=1))
        cell = int(cells[0])
        raise InputError(
            f"{labels[cell]}: {int(missing[cell].sum())} currents are missing (NaN), in {cells.size} of {len(current)} cells; "
            "measure these cells again or leave them out."
        )


def _check_rising(rising: np.ndarray, label: str) -> None:
    if rising.size < LEAST_POINTS:
        raise InputError(
            f"{label}: only {rising.size} points up to the highest voltage; a forming sweep rises through "
            f"{LEAST_POINTS} or more, from low to high."
        )
    step = np.diff(rising)
    if np.any(step <= 0):
        bad = int(np.argmax(step <= 0))
        raise InputError(
            f"{label}: the voltage does not rise from point {bad} ({rising[bad]:.4g} V) to the next ({rising[bad + 1]:.4g} V); "
            "sort the sweep, one row a voltage up to its peak."
        )
