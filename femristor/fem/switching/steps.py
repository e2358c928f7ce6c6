"""Adaptive implicit steps of the moving vacancies through one straight piece of a waveform.

Formulas: backward Euler, or the backward differentiation formula of second order with variable step (Hairer, Norsett,
Wanner, Solving Ordinary Differential Equations I, section III.5), which falls back to backward Euler where it has no
history and where Newton's method fails. The local error is the difference to the extrapolated past, scaled by the
error constants of predictor and formula; it is controlled in what is read from outside: the current, and the
vacancies stored in the dome.
"""

from dataclasses import dataclass, field

import numpy as np

from femristor.core.errors import ConvergenceError, InputError
from femristor.fem import dolfin
from femristor.fem.switching.problem import SwitchingProblem
from femristor.fem.switching.vacancy_forms import density_values

METHODS = ("bdf2", "euler")
SHRINK, GROW = 0.3, 2.0
"""Of the step after a failed solve, and at most after an accepted one."""
REJECT = 2.0
"""An error above this many tolerances repeats the step."""
STEP_MOST_V = 0.05
"""Default of the longest step over the applied voltage."""
FIRST_SHARE = 0.01
"""First step of all, of its piece's length."""
STEP_LEAST = 1e-9
"""Shortest step, of the piece's length."""


@dataclass
class History:
    """Accepted steps, newest first: what the formulas and predictors need.

    Attributes:
        applied_V: of each.
        fields: of each, (V, theta, u).
        steps_s: lengths of the steps between them.
    """

    applied_V: list[float] = field(default_factory=list)
    fields: list[list[np.ndarray]] = field(default_factory=list)
    steps_s: list[float] = field(default_factory=list)

    def push(self, applied_V: float, fields, step_s: float | None) -> None:
        """Add an accepted step; the fourth one back is dropped."""
        self.applied_V = [applied_V, *self.applied_V][:3]
        self.fields = [fields, *self.fields][:3]
        if step_s is not None:
            self.steps_s = [step_s, *self.steps_s][:2]

    def forget(self) -> None:
        """Keep the newest only, as after a corner of the waveform."""
        self.applied_V, self.fields = self.applied_V[:1], self.fields[:1]
        self.steps_s = []


@dataclass
class Counters:
    """Work done."""

    steps: int = 0
    rejected: int = 0
    failed: int = 0
    newton: int = 0


class Stepper:
    """Takes steps on a problem and keeps its history."""

    def __init__(self, problem: SwitchingProblem, *, method: str = "bdf2", tolerance: float = 0.02):
        """Prepare.

        Args:
            problem: the coupled problem, with fields and load in place.
            method: one of METHODS.
            tolerance: relative local error of current and stored vacancies in one step.

        Raises:
            InputError: an unknown method or an impossible tolerance.
        """
        if method not in METHODS:
            raise InputError(f"'{method}' is no time stepping; use one of {', '.join(METHODS)}.")
        if not 1e-6 <= tolerance <= 0.5:
            raise InputError(f"A tolerance of {tolerance:g} is outside 1e-6 to 0.5; 0.02 is the default.")
        self.problem, self.method, self.tolerance = problem, method, tolerance
        self.history, self.count = History(), Counters()
        self.next_s = 0.0

    def begin(self, applied_V: float) -> None:
        """Take the fields in place as the first point of the history."""
        self.history = History()
        self.history.push(applied_V, self.problem.get(), None)

    def piece(
        self,
        length_s: float,
        volts: tuple[float, float],
        on_step,
        *,
        most_V: float = STEP_MOST_V,
        reached_s: float = 0.0,
    ) -> None:
        """Advance through one piece.

        Args:
            length_s: its length.
            volts: applied voltage at its ends.
            on_step: called with the time since the start of the piece and the voltage after each accepted step.
            most_V: longest step over the voltage.
            reached_s: where to continue from.

        Raises:
            ConvergenceError: the step went to nothing; fields are those of the last accepted step.
        """
        direction = volts[0] + volts[1] >= 0
        reached, step = reached_s, self.next_s or FIRST_SHARE * length_s
        run = abs(volts[1] - volts[0])
        most = length_s * min(1.0, most_V / run) if run > 0 else length_s
        while reached < length_s:
            left, step = length_s - reached, min(step, most)
            # The last two steps share what is left, so that none is far shorter than the one before.
            step = left if step >= left * (1 - 1e-9) else min(step, 0.5 * left)
            volt = volts[0] + (volts[1] - volts[0]) * (reached + step) / length_s
            if step == left:
                volt = volts[1]
            error, cause = self._attempt(step, volt, 1.0 if direction else 0.0)
            if error > REJECT * self.tolerance:
                self.count.rejected += 1
                self.problem.put(self.history.fields[0])
                step *= SHRINK if np.isinf(error) else max(SHRINK, 0.8 * self._scale(error))
                if step < STEP_LEAST * length_s:
                    raise ConvergenceError(
                        f"{reached:.4g} s into a piece from {volts[0]:g} to {volts[1]:g} V, at {volt:.4g} V applied, "
                        f"the step shrank to {step:.2g} s: {cause}"
                    )
                continue
            reached = length_s if step == left else reached + step
            self.history.push(volt, self.problem.get(), step)
            self.count.steps += 1
            step *= float(np.clip(0.9 * self._scale(max(error, 1e-12)), SHRINK, GROW))
            self.next_s = step
            on_step(reached, volt)

    def _scale(self, error: float) -> float:
        order = 3 if len(self.history.steps_s) == 2 and self.method == "bdf2" else 2
        return (self.tolerance / error) ** (1 / order)

    def _attempt(self, step: float, volt: float, set_share: float) -> tuple[float, str]:
        """One step: its error (infinite where Newton's method fails) and the cause in words."""
        self.problem.set_applied(volt)
        cause = ""
        for second in (True, False) if self._has_second() else (False,):
            self._write_formula(step, set_share, second)
            for guess in self._guesses(step, volt):
                self.problem.put(guess)
                converged, steps, cause = self.problem.solve()
                self.count.newton += steps
                if converged:
                    return self._error(step, volt, second), "the error stays above the tolerance"
                self.count.failed += 1
        return np.inf, f"Newton's method failed ({cause})"

    def _has_second(self) -> bool:
        return self.method == "bdf2" and len(self.history.steps_s) >= 1

    def _write_formula(self, step: float, set_share: float, second: bool) -> None:
        past, problem = self.history, self.problem
        problem.earlier[0].x.array[:] = past.fields[0][2]
        weights = (1.0, 1.0, 0.0)
        if second:
            r = step / past.steps_s[0]
            problem.earlier[1].x.array[:] = past.fields[1][2]
            weights = ((1 + 2 * r) / (1 + r), 1 + r, -(r**2) / (1 + r))
        problem.set_weights(step, weights, set_share)

    def _guesses(self, step: float, volt: float):
        """Fields extrapolated along the voltage (V, theta) and time (u), then those of the last step."""
        past = self.history
        if past.steps_s:
            new, old = past.fields[0], past.fields[1]
            time_ratio = step / past.steps_s[0]
            run = past.applied_V[0] - past.applied_V[1]
            ratio = (volt - past.applied_V[0]) / run if abs(run) > 1e-9 else time_ratio
            if abs(ratio) > 4:
                ratio = time_ratio
            shares = (ratio, ratio, min(time_ratio, 2.0))
            yield [a + share * (a - b) for a, b, share in zip(new, old, shares, strict=True)]
        scale = volt / past.applied_V[0] if abs(past.applied_V[0]) > 1e-3 else 1.0
        scale = scale if 0 < scale < 2 else 1.0
        last = past.fields[0]
        yield [scale * last[0], scale**2 * last[1], last[2].copy()]

    def _error(self, step: float, volt: float, second: bool) -> float:
        """Local error, relative, of the vacancies in the dome and of the current.

        A change of conductivity moves the current by its mean weighted with the heat, dI/I = int (ds/s) p / int p
        (exact to first order for a linear conductor), and s follows the density.
        """
        past, problem = self.history, self.problem
        now = problem.density_values()
        points = [density_values(problem.card, entry[2]) for entry in past.fields]
        ages = np.cumsum([step, *past.steps_s])
        if len(points) == 1:
            change, factor = now - points[0], 0.5
        elif len(points) == 2 or not second:
            slope = (points[0] - points[1]) / past.steps_s[0]
            change, factor = now - points[0] - step * slope, step / ages[1]
        else:
            h1, h2 = past.steps_s
            first, earlier = (points[0] - points[1]) / h1, (points[1] - points[2]) / h2
            bend = (first - earlier) / (h1 + h2)
            change = now - points[0] - step * first - step * (step + h1) * bend
            factor = step * (step + h1) / ((2 * step + h1) * ages[2])
        moved = np.abs(change[: problem.dome_shares.size])
        now = now[: moved.size]
        total = dolfin.total(problem.comm, now @ problem.dome_shares)
        stored = dolfin.total(problem.comm, moved @ problem.dome_shares) / total
        current = dolfin.total(problem.comm, (moved / (now + problem.background)) @ problem.heat_shares())
        return factor * max(stored, current, 1e-14)


def frozen_weights(problem: SwitchingProblem) -> None:
    """Hold the vacancies where they are: dt = 0 and the present density as the last one."""
    problem.earlier[0].x.array[:] = problem.fields[2].x.array
    problem.set_weights(0.0, (1.0, 1.0, 0.0), 1.0)
