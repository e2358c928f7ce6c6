"""Derivatives of the terminal current by the adjoint: one transposed solve, then any number of parameters.

The current is the residual R of continuity tested with the indicator chi of the top electrode. With
`J^T lambda = d(chi . R)/du` and m = (chi, 0) - lambda,

    dI/dp = int w dsigma/dp (grad V . grad m_V - |grad V|^2 m_theta)

over the region that p belongs to. The top electrode touches ohmic material only, so d(chi . R)/du is constant.
"""

import numpy as np
import ufl

from femristor.device.laws import mott_gurney
from femristor.fem import dolfin
from femristor.fem.electrothermal import forms
from femristor.fem.electrothermal.problem import MICRO, PARAMETERS, CellProblem
from femristor.fem.stack import HOPPING, Electrode, Region

AMBIENT = "ambient_K"
NAMES = (*(f"{region.name.lower()}.{name}" for region in HOPPING for name in PARAMETERS), AMBIENT)
"""Parameters that the current is derived by."""


class CurrentSensitivity:
    """dI/dp of a solved problem."""

    def __init__(self, problem: CellProblem):
        """Compile the constant right-hand side and the integrands."""
        self._problem = problem
        spaces = problem.potential.function_space, problem.rise.function_space
        self._weights = tuple(dolfin.function(space, f"weight_{k}") for k, space in enumerate(spaces))
        self._indicator = dolfin.function(spaces[0], "indicator")
        self._indicator.x.array[problem.electrode_dofs(0, Electrode.TOP)] = 1.0
        self._right = self._right_hand_side()
        points, self._quadrature = dolfin.quadrature(problem.cell.mesh, 2 * problem.degree)
        self._regions = [(region, self._cells(region), self._integrand(region, points)) for region in HOPPING]

    def __call__(self) -> dict[str, float]:
        """Derivatives at the fields in place.

        Returns:
            dI/dp in SI units for each of `NAMES`; all zero at 0 V.

        Raises:
            ConvergenceError: the transposed solve stalls.
        """
        problem = self._problem
        if float(problem.bias.value) == 0.0:
            return dict.fromkeys(NAMES, 0.0)
        problem.newton.solve_transposed(self._right, list(self._weights))
        for weight in self._weights:
            weight.x.array[:] *= -1.0
        self._weights[0].x.array[:] += self._indicator.x.array
        found, ambient = {}, 0.0
        for region, cells, integrand in self._regions:
            values = dolfin.evaluate(integrand, problem.cell.mesh, cells)
            sums = np.einsum("cqk,q->k", values, self._quadrature)
            sums = [MICRO * dolfin.total(problem.comm, entry) for entry in sums]
            for name, value in zip(PARAMETERS, sums, strict=False):
                found[f"{region.name.lower()}.{name}"] = value
            ambient += sums[-1]
        return found | {AMBIENT: ambient}

    def _right_hand_side(self) -> list[np.ndarray]:
        problem = self._problem
        q = ufl.TestFunction(problem.potential.function_space)
        sigma, part = problem.terms[0]
        slope = ufl.inner(ufl.grad(self._indicator), ufl.grad(q))
        potential = dolfin.assemble_array(dolfin.compile_form(problem.weight * sigma * slope * part)).copy()
        for face in Electrode:
            potential[problem.electrode_dofs(0, face)] = 0.0
        return [potential, np.zeros_like(problem.rise.x.array)]

    def _cells(self, region: Region) -> np.ndarray:
        found = self._problem.cell.cell_tags.find(int(region))
        return found[found < dolfin.owned_cells(self._problem.cell.mesh)]

    def _integrand(self, region: Region, points: np.ndarray):
        problem = self._problem
        site = problem.coefficients.hopping[region]
        names = [ufl.variable(entry) for entry in (site.density, site.distance, site.barrier)]
        temperature = ufl.variable(problem.coefficients.ambient + problem.rise)
        sigma = mott_gurney.conductivity(
            forms.field_magnitude(problem.potential),
            temperature,
            *names,
            attempt_Hz=problem.coefficients.attempt_Hz,
            ops=forms.Ops,
        )
        slope = ufl.grad(problem.potential)
        by_potential, by_rise = self._weights
        pairing = ufl.inner(slope, ufl.grad(by_potential)) - ufl.inner(slope, slope) * by_rise
        size = forms.FLUX_UNIT * problem.weight * abs(ufl.JacobianDeterminant(problem.cell.mesh))
        derivatives = [ufl.diff(sigma, entry) * pairing * size for entry in (*names, temperature)]
        return dolfin.compile_expression(ufl.as_vector(derivatives), points, problem.comm)
