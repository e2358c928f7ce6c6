"""The coupled problem on one mesh: fields, constants of the state, one Newton solve, terminal quantities."""

import numpy as np

from femristor.device.card import DeviceCard
from femristor.device.state import CellState
from femristor.fem import dolfin
from femristor.fem.electrothermal import forms
from femristor.fem.mesh.cell_mesh import CellMesh
from femristor.fem.stack import HOPPING, Electrode, Region

MICRO = 1e-6
"""Amperes and watts in the internal units of current and power."""
RESIDUAL_PER_VOLT = 5e-8
"""Newton stops at this norm of the residual [uA/V], just above the rounding of the metal layers (2e-8)."""
PARAMETERS = ("density_m3", "distance_m", "barrier_J")
"""Names of the hopping parameters, in the order of `HoppingParameters`."""


class CellProblem:
    """V and theta on a meshed cell; compiled once, then only constants change.

    Attributes:
        cell: the meshed cell.
        potential: V [V].
        rise: theta = T - T_ambient [K].
        newton: the solver.
    """

    def __init__(self, card: DeviceCard, cell: CellMesh, *, degree: int):
        """Build and compile the forms.

        Args:
            card: numbers of materials and hopping.
            cell: the meshed cell.
            degree: polynomial degree of V and theta.
        """
        self.card, self.cell, self.degree = card, cell, degree
        mesh = cell.mesh
        self.comm = mesh.comm
        # One space object each: a shared one would apply every Dirichlet condition to both fields.
        spaces = dolfin.scalar_space(mesh, degree), dolfin.scalar_space(mesh, degree)
        self.potential = dolfin.function(spaces[0], "potential")
        self.rise = dolfin.function(spaces[1], "temperature_rise")
        self.bias = dolfin.constant(mesh)
        self.coefficients = coefficients_of(card, cell)
        self.dx = forms.measure(cell, degree)
        self.weight = forms.weight(cell)
        self.terms = forms.conduction(cell, self.coefficients, self.potential, self.rise, self.dx)
        tests = tuple(_test(space) for space in spaces)
        residuals = forms.residuals(
            self.terms,
            self.coefficients.heat,
            self.weight,
            unknowns=(self.potential, self.rise),
            tests=tests,
            dx=self.dx,
        )
        self._dofs = [
            {face: dolfin.dofs_on(space, cell.facet_tags, [face]) for face in Electrode} for space in spaces
        ]
        self.newton = dolfin.BlockNewton(residuals, [self.potential, self.rise], self._conditions(spaces))
        self._power = dolfin.compile_form(forms.joule_power(self.terms, self.weight, self.potential))

    @property
    def unknowns(self) -> int:
        """Degrees of freedom of V and theta on all ranks."""
        return sum(dolfin.unknowns(field.function_space) for field in (self.potential, self.rise))

    @property
    def ambient_K(self) -> float:
        """Temperature of both electrodes."""
        return float(self.coefficients.ambient.value)

    def set_state(self, state: CellState, ambient_K: float) -> None:
        """Write a state and an ambient temperature into the constants of the forms, and go to 0 V."""
        self.bias.value = 0.0
        self.put_fields(*(np.zeros_like(values) for values in self.get_fields()))
        self.coefficients.ambient.value = ambient_K
        for region, site in zip(HOPPING, (state.dome, state.surround), strict=True):
            constants = self.coefficients.hopping[region]
            constants.density.value = site.density_m3 + self.card.hopping.background_density_m3
            constants.distance.value = site.distance_m
            constants.barrier.value = site.barrier_J

    def get_fields(self) -> tuple[np.ndarray, np.ndarray]:
        """Copies of the values of V and theta on this rank."""
        return self.potential.x.array.copy(), self.rise.x.array.copy()

    def put_fields(self, potential: np.ndarray, rise: np.ndarray) -> None:
        """Write values of V and theta, from `get_fields` or a predictor."""
        self.potential.x.array[:] = potential
        self.rise.x.array[:] = rise

    def solve(self, bias_V: float) -> tuple[bool, int, str]:
        """Newton's method at one bias from the present fields.

        Returns:
            Whether it converged, steps, reason in words.
        """
        self.bias.value = bias_V
        top = self._dofs[0][Electrode.TOP]
        self.potential.x.array[top] = bias_V
        return self.newton.solve(RESIDUAL_PER_VOLT * abs(bias_V))

    def terminals(self) -> dict[str, float]:
        """Terminal currents [A], Joule heat and heat through the electrodes [W].

        The residual tested with the indicator of an electrode's nodes is the flux that is consistent with the
        discrete equations: currents sum to zero and V I = P up to the solver's tolerance.
        """
        current, heat = (dolfin.assemble_array(form) for form in self.newton.residual_forms)
        flow = {face: self._sum_over(current, 0, face) for face in Electrode}
        out = -sum(self._sum_over(heat, 1, face) for face in Electrode)
        return {
            "current_A": MICRO * flow[Electrode.TOP],
            "current_bottom_A": -MICRO * flow[Electrode.BOTTOM],
            "power_W": MICRO * dolfin.assemble_number(self._power, self.comm),
            "heat_out_W": MICRO * out,
        }

    def electrode_dofs(self, field: int, face: Electrode) -> np.ndarray:
        """Degrees of freedom of V (0) or theta (1) on an electrode, ghosts included."""
        return self._dofs[field][face]

    def _sum_over(self, vector: np.ndarray, field: int, face: Electrode) -> float:
        dofs = self._dofs[field][face]
        mine = dofs[dofs < dolfin.owned((self.potential, self.rise)[field])]
        return dolfin.total(self.comm, vector[mine].sum())

    def _conditions(self, spaces) -> list:
        zero = dolfin.constant(self.cell.mesh)
        conditions = [
            dolfin.dirichlet(self.bias, self._dofs[0][Electrode.TOP], spaces[0]),
            dolfin.dirichlet(zero, self._dofs[0][Electrode.BOTTOM], spaces[0]),
        ]
        return conditions + [dolfin.dirichlet(zero, self._dofs[1][face], spaces[1]) for face in Electrode]


def coefficients_of(card: DeviceCard, cell: CellMesh) -> forms.Coefficients:
    """Numbers of the weak form from the card's materials; the hopping constants are 1 until a state is set."""
    materials = cell.stack.materials()
    metal = {int(region): m.conductivity_S_per_m for region, m in materials.items() if region not in HOPPING}
    heat = {int(region): m.thermal_conductivity_W_per_mK for region, m in materials.items()}
    mesh = cell.mesh
    return forms.Coefficients(
        metal=dolfin.cellwise(mesh, cell.cell_tags, metal, "electrical_conductivity"),
        heat=dolfin.cellwise(mesh, cell.cell_tags, heat, "thermal_conductivity"),
        ambient=dolfin.constant(mesh, card.ambient_K),
        attempt_Hz=card.hopping.attempt_frequency_Hz,
        hopping={
            Region(region): forms.HoppingConstants(*(dolfin.constant(mesh, 1.0) for _ in PARAMETERS))
            for region in HOPPING
        },
    )


def _test(space):
    import ufl

    return ufl.TestFunction(space)
