"""Generalised soft bounds in the form that is fitted: means of steps, their derivatives, paths, figures of merit.

Parameters are theta = (b-, b+, ln s+, ln s-, ln g+, ln g-), conductances in units of a record's range.
"""

import numba
import numpy as np

STEP_LIMITS = (1e-6, 5.0)
GAMMA_LIMITS = (0.05, 8.0)
BOUND_SLACK = 0.5
"""A bound may lie so far outside the record, in units of its range."""
_TINY = 1e-9


def limits() -> tuple[np.ndarray, np.ndarray]:
    """Lowest and highest theta, both (6,)."""
    logs = [np.log(pair) for pair in (STEP_LIMITS, STEP_LIMITS, GAMMA_LIMITS, GAMMA_LIMITS)]
    low = np.array([-BOUND_SLACK, 0.55, *(pair[0] for pair in logs)])
    high = np.array([0.45, 1.0 + BOUND_SLACK, *(pair[1] for pair in logs)])
    return low, high


def mean_step(theta: np.ndarray, x: np.ndarray, up: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean of each step and its derivatives.

    Args:
        theta: (6,).
        x: (steps,) conductance before the pulse; outside the window a step is taken from the bound.
        up: (steps,) bool.

    Returns:
        (steps,) means, negative for down pulses, and (steps, 6) derivatives.
    """
    low, high, s_up, s_down, g_up, g_down = theta
    span = high - low
    u = (high - x) / span
    away = np.where(up, u, 1.0 - u)
    inside = (away > _TINY) & (away < 1.0)
    base = np.clip(away, _TINY, 1.0)
    gamma = np.exp(np.where(up, g_up, g_down))
    sign = np.where(up, 1.0, -1.0)
    mean = sign * np.exp(np.where(up, s_up, s_down)) * base**gamma
    # Up: du/db+ = (1-u)/R, du/db- = u/R. Down: the same of 1-u with the other sign.
    slope = np.where(inside, np.abs(mean) * gamma / base, 0.0) / span
    turn = mean * gamma * np.log(base)
    grads = np.stack(
        [
            slope * u,
            slope * (1.0 - u),
            np.where(up, mean, 0.0),
            np.where(up, 0.0, mean),
            np.where(up, turn, 0.0),
            np.where(up, 0.0, turn),
        ],
        axis=1,
    )
    return mean, grads


@numba.njit(cache=True, error_model="numpy")
def path(theta, start, direction, out, noise, xi):
    """Conductances along a train; a direction of 0 leaves the place to the next start.

    Args:
        theta: (6,).
        start: (segments,) first conductance of each segment.
        direction: (pulses,) +1, -1, or 0 before a new segment.
        out: (pulses + 1,) filled.
        noise: relative deviation of a step, 0 for the noise-free path.
        xi: (pulses,) standard normal numbers, not read where noise is 0.
    """
    low, high = theta[0], theta[1]
    step_up, step_down = np.exp(theta[2]), np.exp(theta[3])
    gamma_up, gamma_down = np.exp(theta[4]), np.exp(theta[5])
    segment, now = 0, start[0]
    out[0] = now
    for k in range(direction.size):
        if direction[k] == 0:
            segment += 1
            now = start[segment]
        else:
            u = (high - now) / (high - low)
            u = min(max(u, 0.0), 1.0)
            factor = 1.0 + noise * xi[k] if noise > 0 else 1.0
            if direction[k] > 0:
                now += step_up * u**gamma_up * factor
            else:
                now -= step_down * (1.0 - u) ** gamma_down * factor
            now = min(max(now, low), high)
        out[k + 1] = now


def crossing(theta: np.ndarray) -> tuple[float, float]:
    """Skew and step at the symmetry point: up and down means are equal there, at exactly one place."""
    s_up, s_down, up, down = theta[2], theta[3], np.exp(theta[4]), np.exp(theta[5])
    a, b = _TINY, 1.0 - _TINY
    for _ in range(60):
        middle = 0.5 * (a + b)
        excess = s_up + up * np.log(middle) - s_down - down * np.log1p(-middle)
        a, b = (middle, b) if excess < 0 else (a, middle)
    skew = 0.5 * (a + b)
    return skew, float(np.exp(s_up) * skew**up)


def figures(values: np.ndarray) -> np.ndarray:
    """N_states, skew, exponent, asymmetry, NSR of (8,) theta, noise and floor."""
    skew, step = crossing(values[:6])
    up, down = np.exp(values[4]), np.exp(values[5])
    nsr = np.sqrt(values[6] ** 2 + (values[7] / step) ** 2)
    return np.array([(values[1] - values[0]) / step, skew, 0.5 * (up + down), (up - down) / (up + down), nsr])
