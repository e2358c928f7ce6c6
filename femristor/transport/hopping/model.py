"""The fitted curve as a function of the free parameters: ln I of the field solver and its exact Jacobian.

`d ln I / d x = (dp/dx / I) dI/dp`, with dI/dp from the solver's adjoint. Varied are x = ln N, ln a_e and
dE/kT (k at 293 K): all of order one, and ln I is nearly linear in them.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from femristor.core.errors import ConvergenceError, FemristorError
from femristor.transport.hopping.data import PreparedCurve
from femristor.transport.hopping.parameters import KINDS, Slot, state_of
from femristor.transport.solver import Fields, FieldSolver

KEPT_EVALUATIONS = 3


@dataclass(frozen=True)
class Evaluation:
    """The model at one point.

    Attributes:
        residual: (points,) ln |I measured| - ln |I model| over all curves.
        jacobian: (points, parameters) d residual / d x of ALL parameters of KINDS.
        log_model: (points,) ln |I model|.
        fields: the solver's answer of each curve.
        log_ratio: (bias,) ln(I/V) of each curve where the solver was asked.
    """

    residual: np.ndarray
    jacobian: np.ndarray
    log_model: np.ndarray
    fields: tuple[Fields, ...]
    log_ratio: tuple[np.ndarray, ...]


class HoppingModel:
    """ln I of some curves of one state, by a field solver."""

    def __init__(
        self, solver: FieldSolver, curves: Sequence[PreparedCurve], slots: Sequence[Slot], label: str
    ):
        """Keep what does not change during the fit.

        Args:
            solver: the cell.
            curves: prepared curves of one state, at any ambient temperatures.
            slots: all parameters.
            label: label given to trial states.
        """
        self._solver = solver
        self._curves = tuple(curves)
        self.slots = tuple(slots)
        self._label = label
        self._kept: dict[bytes, Evaluation] = {}
        self.free = tuple(slot for slot in slots if slot.free)
        self.evaluations = 0
        self.on_evaluation: Callable[[Evaluation], None] = lambda evaluation: None

    def start(self) -> np.ndarray:
        """(free,) coordinates of the start values."""
        return np.array([slot.coordinate(slot.value) for slot in self.free])

    def bounds(self) -> tuple[np.ndarray, np.ndarray]:
        """(free,) coordinates of the lower and of the upper bounds."""
        pairs = np.array([slot.coordinate_bounds() for slot in self.free])
        return pairs[:, 0], pairs[:, 1]

    def values(self, theta: np.ndarray) -> dict[str, float]:
        """Free parameters and those that follow them on a line, in their units."""
        pairs = zip(self.free, theta, strict=True)
        values = {slot.name: float(slot.from_coordinate(float(x))) for slot, x in pairs}
        for slot in self.slots:
            if slot.line is not None and slot.line.parent in values:
                values[slot.name] = slot.line.value(values[slot.line.parent])
        return values

    def slopes(self, theta: np.ndarray) -> np.ndarray:
        """(free,) derivatives of the values by their coordinates."""
        values = self.values(theta)
        return np.array([slot.slope(values[slot.name]) for slot in self.free])

    def evaluate(self, theta: np.ndarray) -> Evaluation:
        """Model, residual and Jacobian at a point.

        Args:
            theta: (free,) coordinates of the free parameters.

        Returns:
            Evaluation; the last few are remembered.

        Raises:
            ConvergenceError: the field solver found no solution there.
        """
        key = np.asarray(theta, dtype=float).tobytes()
        if key not in self._kept:
            while len(self._kept) >= KEPT_EVALUATIONS:
                self._kept.pop(next(iter(self._kept)))
            self._kept[key] = self._evaluate(theta)
            self.evaluations += 1
            self.on_evaluation(self._kept[key])
        return self._kept[key]

    def _evaluate(self, theta: np.ndarray) -> Evaluation:
        values = self.values(theta)
        state = state_of(self.slots, values, self._label)
        log_model, slopes, fields, ratios = [], [], [], []
        for prepared in self._curves:
            solution, sensitivity = self._solver.sweep_with_sensitivity(
                prepared.bias_V, state, ambient_K=prepared.curve.ambient_K
            )
            current = np.asarray(solution.current_A, dtype=float)
            if current.shape != prepared.bias_V.shape or not np.all(current > 0):
                raise ConvergenceError(
                    "The field solver gave no positive current at a positive bias; refine its mesh or tolerance."
                )
            ratio = np.log(current / prepared.bias_V)
            log_model.append(prepared.interpolation @ ratio + np.log(np.abs(prepared.curve.voltage_V)))
            slopes.append(prepared.interpolation @ self._log_slopes(values, current, sensitivity))
            fields.append(solution)
            ratios.append(ratio)
        model = np.concatenate(log_model)
        measured = np.concatenate([prepared.log_size for prepared in self._curves])
        return Evaluation(measured - model, -np.vstack(slopes), model, tuple(fields), tuple(ratios))

    def _log_slopes(
        self, values: Mapping[str, float], current: np.ndarray, sensitivity: Mapping[str, np.ndarray]
    ) -> np.ndarray:
        columns: dict[str, np.ndarray] = {}
        for slot in self.slots:
            kind = KINDS[slot.name]
            if kind.solver_key not in sensitivity:
                raise FemristorError(
                    f"The field solver gives no derivative by {kind.solver_key}; use another one."
                )
            si = slot.slope(values.get(slot.name, slot.value)) * kind.factor
            columns[slot.name] = si * np.asarray(sensitivity[kind.solver_key]) / current
        for slot in self.slots:
            if slot.line is not None and slot.line.parent in values:
                density = values[slot.line.parent]
                # densities are varied as ln N, so dp/dx = N dp/dN
                chain = slot.line.slope(density) * density / slot.slope(values[slot.name])
                columns[slot.line.parent] = columns[slot.line.parent] + chain * columns[slot.name]
        return np.column_stack([columns[slot.name] for slot in self.slots])

    def free_columns(self) -> list[int]:
        """Columns of the free parameters in `Evaluation.jacobian`."""
        return [index for index, slot in enumerate(self.slots) if slot.free]

    def fun(self, theta: np.ndarray) -> np.ndarray:
        """Residual for `scipy.optimize.least_squares`.

        A trial outside the plausible range, or one that the solver cannot reach, gives infinities: the
        method then shortens its step.
        """
        try:
            if not self.is_plausible(theta):
                raise ConvergenceError("outside the plausible range")
            return self.evaluate(theta).residual
        except ConvergenceError:
            return np.full(sum(prepared.curve.voltage_V.size for prepared in self._curves), np.inf)

    def is_plausible(self, theta: np.ndarray) -> bool:
        """Whether all free parameters are within their range."""
        return not self.outside(theta)

    def outside(self, theta: np.ndarray) -> list[Slot]:
        """Free parameters without a user's bound that are out of their range, by more than rounding."""
        return [
            slot
            for slot, x in zip(self.free, theta, strict=True)
            if not slot.bounded
            and not slot.coordinate(slot.low) - 1e-9 <= x <= slot.coordinate(slot.high) + 1e-9
        ]

    def jac(self, theta: np.ndarray) -> np.ndarray:
        """Jacobian of `fun`."""
        return self.evaluate(theta).jacobian[:, self.free_columns()]
