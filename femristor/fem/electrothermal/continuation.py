"""From 0 V to each wanted bias: a predictor, steps that are halved where Newton's method fails, and no history.

In: a problem with `solve`, `get_fields`, `put_fields`. Out: its fields at each bias, by a callback.
"""

import math
from collections.abc import Callable
from typing import Protocol

import numpy as np

from femristor.core.errors import ConvergenceError

FIRST_STEP_V = 5e-3
"""The first bias solved: the hopping law is nearly linear there, so zero fields are a good guess."""
STEP_MAX_V = 0.2
"""Longest step between two solved biases."""
GROWTH = 4.0
"""Longest step over the one before it."""
STEP_MIN_V = 1e-4
"""A step that had to be halved below this counts as failed."""


class Steppable(Protocol):
    """What the continuation needs of a problem."""

    def solve(self, bias_V: float) -> tuple[bool, int, str]:
        """Solve from the present fields; converged, Newton steps, reason."""

    def get_fields(self) -> tuple[np.ndarray, ...]:
        """Copies of the fields."""

    def put_fields(self, *fields: np.ndarray) -> None:
        """Write the fields."""


class Continuation:
    """Walks along one sign of the bias, away from 0 V."""

    def __init__(self, problem: Steppable):
        """Start from zero fields at 0 V."""
        self._problem = problem
        self._zero = tuple(np.zeros_like(field) for field in problem.get_fields())
        self._solved: list[tuple[float, tuple[np.ndarray, ...]]] = [(0.0, self._zero)]
        self._step_V = FIRST_STEP_V / GROWTH

    def rewind(self) -> None:
        """Put the fields of 0 V in place."""
        self._problem.put_fields(*self._zero)

    def advance(self, target_V: float) -> int:
        """Solve at a bias, by way of others where it is far.

        Args:
            target_V: of the same sign as those before and not nearer to 0 V.

        Returns:
            Newton steps spent.

        Raises:
            ConvergenceError: Newton's method fails however short the step.
        """
        spent = 0
        while self._solved[-1][0] != target_V:
            now = self._solved[-1][0]
            distance = target_V - now
            count = math.ceil(abs(distance) / min(STEP_MAX_V, GROWTH * self._step_V) - 1e-9)
            spent += self._step(now, target_V if count <= 1 else now + distance / count)
        return spent

    def _step(self, now: float, trial_V: float) -> int:
        spent = 0
        while True:
            self._problem.put_fields(*self._predict(trial_V))
            converged, steps, reason = self._problem.solve(trial_V)
            spent += steps
            if converged:
                self._step_V = abs(trial_V - now)
                self._solved = [self._solved[-1], (trial_V, self._problem.get_fields())]
                return spent
            self._problem.put_fields(*self._solved[-1][1])
            trial_V = now + (trial_V - now) / 2
            if abs(trial_V - now) < STEP_MIN_V:
                raise ConvergenceError(
                    f"The fields did not converge at {trial_V:g} V, {abs(trial_V - now):.2g} V above the last "
                    f"solved bias: {reason}; lower the bias, or use a finer mesh with --resolution 2."
                )

    def _predict(self, bias_V: float) -> tuple[np.ndarray, ...]:
        """Fields on the straight line through the last two solutions (the first of all is 0 at 0 V)."""
        if len(self._solved) < 2:
            return self._zero
        (before, old), (now, last) = self._solved[-2:]
        fraction = (bias_V - now) / (now - before)
        return tuple(new + fraction * (new - previous) for new, previous in zip(last, old, strict=True))


def march(problem: Steppable, targets_V, visit: Callable[[int, int], None]) -> None:
    """Solve at each bias, each sign on its own from 0 V outwards, so that the order asked for does not matter.

    Args:
        problem: what is solved.
        targets_V: (bias,) in any order, with 0 and repeated values allowed.
        visit: called at each of them with its index and the Newton steps spent, fields in place.

    Raises:
        ConvergenceError: see `Continuation.advance`.
    """
    targets = np.asarray(targets_V, dtype=float)
    order = np.argsort(np.abs(targets), kind="stable")
    for sign in (1.0, -1.0):
        path = Continuation(problem)
        path.rewind()
        for index in order:
            if np.sign(targets[index]) == sign or (sign > 0 and targets[index] == 0.0):
                visit(int(index), path.advance(float(targets[index])))
