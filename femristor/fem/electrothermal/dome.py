"""Averages and maxima over the dome, from the fields at its quadrature points."""

import numpy as np
import ufl

from femristor.device.laws import vacancy
from femristor.device.state import CellState
from femristor.fem import dolfin
from femristor.fem.electrothermal import forms
from femristor.fem.electrothermal.problem import CellProblem
from femristor.fem.stack import Region


class DomeSampler:
    """Evaluates T and |E| at the quadrature points of the dome; laws then run in NumPy."""

    def __init__(self, problem: CellProblem):
        """Compile the expression once."""
        self._problem = problem
        mesh = problem.cell.mesh
        points, weights = dolfin.quadrature(mesh, 2 * problem.degree)
        found = problem.cell.cell_tags.find(int(Region.DOME))
        self._cells = found[found < dolfin.owned_cells(mesh)]
        size = abs(ufl.JacobianDeterminant(mesh)) * problem.weight
        temperature = problem.coefficients.ambient + problem.rise
        slope = ufl.grad(problem.potential)
        field = forms.FIELD_UNIT * ufl.sqrt(ufl.inner(slope, slope))
        values = ufl.as_vector([temperature, field, size])
        self._values = dolfin.compile_expression(values, points, problem.comm)
        self._weights = weights

    def __call__(self, state: CellState) -> dict[str, float]:
        """Dome quantities of the present fields.

        Args:
            state: its dome density sets the barrier of the set direction.

        Returns:
            Name of each field of `FieldSolution` that belongs to the dome to its value.
        """
        problem = self._problem
        values = dolfin.evaluate(self._values, problem.cell.mesh, self._cells)
        temperature, field, size = (values[..., k] for k in range(3))
        volume = size * self._weights
        total = dolfin.total(problem.comm, volume.sum())

        def mean(quantity: np.ndarray) -> float:
            return dolfin.total(problem.comm, (quantity * volume).sum()) / total

        def top(quantity: np.ndarray) -> float:
            return dolfin.largest(problem.comm, quantity.max(initial=0.0))

        law = problem.card.ionic
        rates = [
            vacancy.hop_rate(
                field,
                temperature,
                barrier,
                attempt_Hz=law.attempt_frequency_Hz,
                distance_m=law.hop_distance_m,
                charge_number=law.charge_number,
            )
            for barrier in (law.set_barrier_J(state.dome.density_m3), law.barrier_reset_J)
        ]
        return {
            "dome_temperature_mean_K": mean(temperature),
            "dome_temperature_max_K": top(temperature),
            # Nodes of the cell and points of the dome: the hottest point may lie inside an element.
            "temperature_max_K": max(
                problem.ambient_K + dolfin.largest(problem.comm, problem.rise.x.array.max()), top(temperature)
            ),
            "dome_field_mean_V_per_m": mean(field),
            "dome_field_max_V_per_m": top(field),
            "hop_rate_set_per_s": mean(rates[0]),
            "hop_rate_reset_per_s": mean(rates[1]),
        }
