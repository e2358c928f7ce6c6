"""Coupled continuity and Joule heat of a cell in a frozen state: the solver that other rooms are handed.

In: DeviceCard, CellState, bias. Out: FieldSolution. Physics and numerics: docs/theory/fem.md.
"""

from collections.abc import Callable

import numpy as np

from femristor.core.errors import InputError
from femristor.core.messages import NullProgress, Progress
from femristor.core.provenance import Provenance, Status
from femristor.device.card import DeviceCard
from femristor.device.state import CellState
from femristor.device.temperature import check_ambient, refuse_void, warn_hot
from femristor.fem.electrothermal.continuation import march
from femristor.fem.electrothermal.dome import DomeSampler
from femristor.fem.electrothermal.fieldmap import FieldSampler
from femristor.fem.electrothermal.problem import CellProblem
from femristor.fem.electrothermal.sensitivity import NAMES, CurrentSensitivity
from femristor.fem.mesh.cell_mesh import build_mesh
from femristor.fem.results.fields import FieldMap, FieldSolution
from femristor.fem.stack import build_stack

BIAS_LIMIT_V = 10.0


class ElectroThermal:
    """A meshed cell that is solved for many states, biases and ambient temperatures."""

    def __init__(
        self,
        card: DeviceCard,
        *,
        dim: int = 2,
        resolution: float = 1.0,
        degree: int = 2,
        full: bool = False,
        comm=None,
    ):
        """Mesh the cell and compile its forms (seconds the first time on a machine, then cached).

        Args:
            card: the device card.
            dim: 2 for the axisymmetric half plane, 3 for a quarter of the cylinder.
            resolution: divides every edge length; 1 gives the current to about 5e-4.
            degree: polynomial degree of V and T; 2, or 1 for comparison.
            full: in 3-D the whole cylinder instead of a quarter.
            comm: MPI communicator, all ranks by default; every rank gets the same result.

        Raises:
            InputError: an impossible dimension, degree, resolution or geometry.
        """
        if degree not in (1, 2):
            raise InputError(f"A polynomial degree of {degree} is neither 1 nor 2; use 2.")
        self.card = card
        cell = build_mesh(build_stack(card), dim=dim, resolution=resolution, full=full, comm=comm)
        self.problem = CellProblem(card, cell, degree=degree)
        self._dome = DomeSampler(self.problem)
        self._adjoint: CurrentSensitivity | None = None
        self._sampler: FieldSampler | None = None

    @property
    def unknowns(self) -> int:
        """Degrees of freedom of V and T together."""
        return self.problem.unknowns

    def sweep(
        self,
        bias_V,
        state: CellState,
        *,
        ambient_K: float | None = None,
        progress: Progress | None = None,
        on_point: Callable[[int], None] | None = None,
    ) -> FieldSolution:
        """Solve one state over bias.

        Each call starts from 0 V and its own zero fields, so that it does not depend on earlier calls.

        Args:
            bias_V: (bias,) top minus bottom electrode, in any order; a number counts as one bias.
            state: frozen hopping parameters of dome and surroundings.
            ambient_K: temperature of both electrodes; that of the card by default.
            progress: where the work is shown.
            on_point: called with the index of each solved bias while its fields are in place.

        Returns:
            FieldSolution in the order of `bias_V`.

        Raises:
            InputError: a bias or temperature that is not usable.
            ConvergenceError: the fields do not converge, or melt the cell.
        """
        bias = _check_bias(bias_V)
        ambient = check_ambient(self.card.ambient_K if ambient_K is None else ambient_K, "ambient")
        self.problem.set_state(state, ambient)
        rows: list[dict | None] = [None] * bias.size
        show = progress or NullProgress()
        with show.task(f"fields, state {state.label}", bias.size) as task:

            def visit(index: int, steps: int) -> None:
                rows[index] = self.problem.terminals() | self._dome(state) | {"newton_iterations": steps}
                refuse_void(rows[index]["temperature_max_K"], f"at {bias[index]:.4g} V")
                if on_point is not None:
                    on_point(index)
                task.advance(1, f"{bias[index]:.3g} V")

            march(self.problem, bias, visit)
        columns = {name: np.array([row[name] for row in rows]) for name in rows[0]}
        warn_hot(columns["temperature_max_K"], self.card, "The cell of the fields")
        return FieldSolution(
            bias_V=bias,
            **columns,
            state=state,
            ambient_K=ambient,
            dim=self.problem.cell.dim,
            unknowns=self.unknowns,
            status=Status.CONVERGED,
            provenance=Provenance.create("fem.electrothermal", card=self.card),
        )

    def fields(self, bias_V: float, state: CellState, *, ambient_K: float | None = None) -> FieldMap:
        """Solve at one bias and cut the half plane (r, z) out of the fields.

        Args:
            bias_V: top minus bottom electrode.
            state: as in `sweep`.
            ambient_K: as in `sweep`.

        Returns:
            FieldMap, on every rank the same.

        Raises:
            InputError: a bias or temperature that is not usable.
            ConvergenceError: the fields do not converge.
        """
        if self._sampler is None:
            self._sampler = FieldSampler(self.problem)
        maps: list[FieldMap] = []
        self.sweep([bias_V], state, ambient_K=ambient_K, on_point=lambda _: maps.append(self._sampler(state)))
        return maps[0]

    def sweep_with_sensitivity(
        self,
        bias_V,
        state: CellState,
        *,
        ambient_K: float | None = None,
        progress: Progress | None = None,
    ) -> tuple[FieldSolution, dict[str, np.ndarray]]:
        """Solve one state over bias, with the derivatives of the current by one transposed solve a bias.

        Args:
            bias_V: as in `sweep`.
            state: as in `sweep`.
            ambient_K: as in `sweep`.
            progress: as in `sweep`.

        Returns:
            FieldSolution, and dI/dp as (bias,) for each p of `sensitivity.NAMES`: "dome.density_m3",
            "dome.distance_m", "dome.barrier_J", the same of "surround", and "ambient_K".

        Raises:
            InputError: a bias or temperature that is not usable.
            ConvergenceError: the fields or the transposed solve do not converge.
        """
        if self._adjoint is None:
            self._adjoint = CurrentSensitivity(self.problem)
        found: dict[int, dict[str, float]] = {}

        def derive(index: int) -> None:
            found[index] = self._adjoint()

        solution = self.sweep(bias_V, state, ambient_K=ambient_K, progress=progress, on_point=derive)
        return solution, {
            name: np.array([found[index][name] for index in range(solution.bias_V.size)]) for name in NAMES
        }


def _check_bias(bias_V) -> np.ndarray:
    bias = np.atleast_1d(np.array(bias_V, dtype=float))
    if bias.ndim != 1 or bias.size == 0:
        raise InputError(f"Bias must be a list of voltages, not an array of shape {bias.shape}.")
    if not np.all(np.isfinite(bias)) or np.abs(bias).max() > BIAS_LIMIT_V:
        raise InputError(f"Every bias must be a number within {BIAS_LIMIT_V:g} V of 0; correct the list.")
    return bias
