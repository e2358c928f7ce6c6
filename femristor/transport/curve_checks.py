"""What a measured curve must be before a cell is fitted to it: currents and temperatures of a cell, no single strays."""

import numpy as np

from femristor.core.curves import IVCurve
from femristor.core.errors import InputError
from femristor.device.temperature import check_ambient

LEAST_S, MOST_S = 1e-13, 10.0
"""I/V outside is no cell's: less than a probe station resolves, more than any contact carries."""
STRAY = 10.0
"""Ratio of I/V to that of the neighbouring voltages from which a point is no part of its curve."""
NEIGHBOURS = 2
"""On either side."""


def check_curve(curve: IVCurve) -> None:
    """Refuse a curve that is no cell's.

    Args:
        curve: measured.

    Raises:
        InputError: no current at all, a conductance out of range, an ambient temperature out of range.
    """
    place = f"Curve '{curve.label}'"
    check_ambient(curve.ambient_K, place)
    biased = np.abs(curve.voltage_V) > 1e-12
    if not np.any(curve.current_A[biased]):
        raise InputError(
            f"{place} has no current at any voltage; check the column of the current and its unit."
        )
    typical = float(np.median(np.abs(curve.current_A[biased] / curve.voltage_V[biased])))
    if not LEAST_S <= typical <= MOST_S:
        raise InputError(
            f"{place} has a conductance of {typical:.3g} S (median of I/V), and a cell has {LEAST_S:g} to {MOST_S:g} S; check "
            "the columns and the units in the header."
        )


def strays(voltage_V: np.ndarray, current_A: np.ndarray) -> np.ndarray:
    """Points whose I/V lies far off that of the neighbouring voltages.

    Args:
        voltage_V: (points,) none at 0.
        current_A: (points,) along the voltage.

    Returns:
        (points,) True where I/V is more than STRAY times larger or smaller than the median of its neighbours.
    """
    order = np.argsort(np.abs(voltage_V), kind="stable")
    level = np.log(current_A[order] / voltage_V[order])
    found = np.zeros(level.size, dtype=bool)
    if level.size <= 2 * NEIGHBOURS:
        return found
    for place in range(level.size):
        first = min(max(place - NEIGHBOURS, 0), level.size - 2 * NEIGHBOURS - 1)
        near = np.delete(np.arange(first, first + 2 * NEIGHBOURS + 1), place - first)
        found[order[place]] = abs(level[place] - np.median(level[near])) > np.log(STRAY)
    return found
