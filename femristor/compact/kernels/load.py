"""numba: the current of one load line and its derivative; the twin of `device.load_line.current`, for magnitudes.

A line is a row of `Load.lines()`: kind, sign, ohm, limit, gate, and the numbers of the channel.
"""

import math

import numpy as np
from numba import njit

from femristor.device.laws.channel import CHARGE_MIN_V2
from femristor.device.load_line import BARE_KIND, LIMITED_KIND, OHMIC_KIND

BARE, OHMIC, LIMITED = float(BARE_KIND), float(OHMIC_KIND), float(LIMITED_KIND)
SET, RESET, READ = 0, 1, 2
"""Rows of `Load.lines()`."""
LARGE, HUGE = 17.0, 36.0
"""Beyond them ln(1 + exp(x)) is x + exp(-x), and x, to rounding."""


@njit(cache=True, error_model="numpy")
def soft(x):
    """ln(1 + exp(x)) and its derivative."""
    if x > HUGE:
        return x, 1.0
    if x > LARGE:
        rest = math.exp(-x)
        return x + rest, 1 - rest
    grown = math.exp(x)
    return math.log1p(grown), grown / (1 + grown)


@njit(cache=True, error_model="numpy")
def line_current(line, applied, v):
    """|I| of a line at |V| applied and |V| = v over the cell, and its derivative by v (below 0).

    A bare cell (kind 0) has no line: the caller sets v to the applied voltage.
    """
    kind = line[0]
    if kind == OHMIC:
        return (applied - v) / line[2], -1 / line[2]
    if kind == LIMITED:
        ohm, limit = line[2], line[3]
        bend = math.tanh((applied - v) / (ohm * limit))
        return limit * bend, (bend * bend - 1) / ohm
    if line[1] > 0:
        current, by_drain, _ = channel(line, applied - v, 0.0)
        return current, -by_drain
    current, _, by_source = channel(line, applied, v)
    return current, by_source


@njit(cache=True, error_model="numpy")
def channel(line, drain, source):
    """Current of the transistor, its derivatives by drain and source."""
    beta, threshold, slope, loss, critical, thermal = line[5], line[6], line[7], line[8], line[9], line[10]
    pinch = (line[4] - threshold) / slope
    qs, ds = soft((pinch - source) / (2 * thermal))
    qd, dd = soft((pinch - drain) / (2 * thermal))
    qs, qd = 2 * thermal * qs, 2 * thermal * qd
    half = 0.5 * (qs - qd) * (qs + qd)
    s2, d2 = qs * qs, qd * qd
    s8, d8 = s2 * s2 * s2 * s2, d2 * d2 * d2 * d2
    root = math.sqrt(math.sqrt(s8 + d8))
    larger = root + CHARGE_MIN_V2
    lost = 1 + 0.5 * loss * (qs + qd)
    ratio = half * half / (critical * critical * larger)
    current = slope * beta * half / (lost * math.sqrt(1 + ratio))
    # Logarithmic derivatives by q_s and q_d; (s8 + d8)^(1/4) grows with q_s as 2 q_s^7/(s8 + d8) of itself.
    plain = slope * beta / (lost * math.sqrt(1 + ratio))
    share = 0.5 * ratio / (1 + ratio)
    total = s8 + d8
    up = 2 * s8 / total * root / larger if total > 0 else 0.0
    down = 2 * d8 / total * root / larger if total > 0 else 0.0
    by_qs = plain * qs * (1 - 2 * share) - current * 0.5 * loss / lost
    by_qd = -plain * qd * (1 - 2 * share) - current * 0.5 * loss / lost
    if qs > 0:
        by_qs += current * share * up / qs
    if qd > 0:
        by_qd += current * share * down / qd
    return current, -by_qd * dd, -by_qs * ds


def line_currents(line: np.ndarray, applied_V: float, device_V) -> tuple[np.ndarray, np.ndarray]:
    """`line_current` over device voltages (points,), for tests: currents and derivatives."""
    pairs = [line_current(np.asarray(line, dtype=float), applied_V, float(v)) for v in device_V]
    return np.array([p[0] for p in pairs]), np.array([p[1] for p in pairs])
