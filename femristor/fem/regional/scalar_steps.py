"""SciPy's backward differentiation formulas on a state of one number, through one straight piece of a waveform."""

import numpy as np
from scipy.integrate import BDF

from femristor.core.errors import ConvergenceError

SHARE = 1e-3
"""Step of the state for the derivative of its rate."""
FIRST_SHARE = 1e-3
"""First step, of the piece's length."""
STEPS_MOST = 20000


def integrate_piece(rate, span, start: float, on_step, *, tolerance: float, most_s: float) -> float:
    """Integrate du/dt = rate(t, u).

    Args:
        rate: function of time and state.
        span: (start, end) of the piece.
        start: state at its start.
        on_step: called with time and state of each accepted step; it may raise.
        tolerance: relative and absolute, of u in a step.
        most_s: longest step.

    Returns:
        State at the end.

    Raises:
        ConvergenceError: the step went to nothing.
    """

    def slope(time: float, state: np.ndarray) -> np.ndarray:
        return np.array([rate(time, float(state[0]))])

    def jacobian(time: float, state: np.ndarray) -> np.ndarray:
        middle = float(state[0])
        return np.array([[(rate(time, middle + SHARE) - rate(time, middle - SHARE)) / (2 * SHARE)]])

    begin, end = span
    solver = BDF(
        slope,
        begin,
        np.array([start]),
        end,
        max_step=min(most_s, end - begin),
        rtol=tolerance,
        atol=tolerance,
        jac=jacobian,
        first_step=min(most_s, FIRST_SHARE * (end - begin)),
    )
    for _ in range(STEPS_MOST):
        message = solver.step()
        if solver.status == "failed":
            raise ConvergenceError(f"the step went to nothing ({message.rstrip('.').lower()})")
        on_step(float(solver.t), float(solver.y[0]))
        if solver.status == "finished":
            return float(solver.y[0])
    raise ConvergenceError(f"{STEPS_MOST} steps did not reach the end of the piece")
