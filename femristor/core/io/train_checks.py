"""What a measured pulse train must be before anything is fitted to it: conductances of a cell that its pulses move."""

import math

import numpy as np

from femristor.core.errors import DataError, InputError
from femristor.core.io.csvio import Table

LEAST_S, MOST_S = 1e-15, 1.0
"""Conductances outside are no cell's, but a wrong unit: a teraohm leaks 1e-12 S, a via has 1 S."""
FAR_SPANS = 10.0
"""Distance of an outlier from the middle 90 % of a train, in their span; measured trains stay within one or two."""
FAR_LN = math.log(30.0)
"""Distance in ln G, beyond three spans in ln G."""
REVERSED = 3.0
"""Standard errors by which mean steps must go against their pulses."""


def check_conductances(values: np.ndarray, source: str, *, unit: str = "S") -> None:
    """Refuse conductances that no cell has, that do not change, or of which one lies far off all others.

    Args:
        values: (pulses,) one a pulse.
        source: file or record, for the message.
        unit: "S"; a normalised record ("1") may hold any finite numbers.

    Raises:
        InputError: one sentence that names the first such pulse.
    """
    values = np.asarray(values, dtype=float)
    _refuse(values, ~np.isfinite(values), source, "is missing (NaN)", "measure again or leave the cell out")
    if unit == "S":
        _refuse(values, values <= 0, source, "is not above 0", "remove it, or check sign and column")
    if values.size < 2 or not np.ptp(values) > 1e-12 * np.max(np.abs(values)):
        raise InputError(
            f"{source}: the conductance does not change over {values.size} pulses; give a train whose pulses move the cell."
        )
    far = _far(values, FAR_SPANS, 0.0)
    if unit == "S":
        far |= _far(np.log(values), 3.0, FAR_LN)
    _refuse(
        values,
        far,
        source,
        "lies far off all others",
        "put the mean of its neighbours, or leave the cell out",
    )
    if unit == "S":
        wrong = (values < LEAST_S) | (values > MOST_S)
        _refuse(values, wrong, source, f"is outside {LEAST_S:g} to {MOST_S:g} S", "check the header's unit")


def check_ways(values: np.ndarray, ways: np.ndarray, source: str) -> None:
    """Refuse a train whose pulses move the conductance the other way than they are said to.

    Args:
        values: (pulses + 1,) before the first and after each pulse.
        ways: (pulses,) 1 up, -1 down, 0 not used.
        source: for the message.

    Raises:
        InputError: up pulses lower and down pulses raise it, by more than the scatter of the steps.
    """
    step = np.diff(np.asarray(values, dtype=float))
    up, down = step[ways > 0], step[ways < 0]
    if min(up.size, down.size) < 2:
        return
    error = math.sqrt(np.var(up, ddof=1) / up.size + np.var(down, ddof=1) / down.size)
    if up.mean() - down.mean() < -REVERSED * error:
        raise InputError(
            f"{source}: set (up) pulses lower and reset (down) pulses raise the conductance, {up.mean():.3g} and "
            f"{down.mean():+.3g} a pulse on average; exchange the directions."
        )


def check_pulse_numbers(table: Table) -> None:
    """Refuse a gap in the pulse numbers, where the table has them (columns pulse_number or pulse).

    Args:
        table: of a train.

    Raises:
        DataError: the line, and the numbers around it.
    """
    named = {header.strip().lower().replace(" ", "_"): header for header in table.columns}
    name = next((named[key] for key in ("pulse_number", "pulse") if key in named), None)
    if name is None:
        return
    number = table.numbers(name, "")
    gap = np.flatnonzero(np.diff(number) != 1)
    if gap.size:
        row = int(gap[0])
        raise DataError(
            f"{table.path}: line {table.lines[row + 1]}: pulse {number[row + 1]:g} follows pulse {number[row]:g}; a missing "
            "pulse spoils the steps, complete the record."
        )


def _far(values: np.ndarray, spans: float, least: float) -> np.ndarray:
    low, high = np.percentile(values, (5, 95))
    reach = spans * (high - low) + least
    # A train that stands still but for a few pulses has no span to measure by.
    return (
        (values < low - reach) | (values > high + reach) if high > low else np.zeros(values.shape, dtype=bool)
    )


def _refuse(values: np.ndarray, wrong: np.ndarray, source: str, what: str, remedy: str) -> None:
    if np.any(wrong):
        row = int(np.argmax(wrong))
        shown = f" ({values[row]:.3g})" if np.isfinite(values[row]) else ""
        raise InputError(f"{source}: the conductance after pulse {row + 1} {what}{shown}; {remedy}.")
