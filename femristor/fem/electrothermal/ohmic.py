"""Linear resistance of a cell whose conductive metal oxide has one conductivity: forming and the linear regime.

    div(sigma grad V) = 0,  V = 1 on top, 0 at the bottom,  G = int w sigma |grad V|^2

G is stationary in V, so its derivatives need no further solve: by sigma_CMO the energy in the CMO, by the radius
the distributed shape derivative of the energy for a radial stretch of filament and dome,

    dG/d ln r = int w sigma [ |grad V|^2 (phi' + phi/r) - 2 phi' (dV/dr)^2 ],   v = phi(r) e_r.
"""

from collections import OrderedDict
from dataclasses import dataclass

import ufl

from femristor.core.errors import InputError
from femristor.device.card import DeviceCard
from femristor.fem import dolfin
from femristor.fem.electrothermal import forms
from femristor.fem.electrothermal.problem import MICRO
from femristor.fem.mesh.cell_mesh import CellMesh, build_mesh
from femristor.fem.stack import HOPPING, Electrode, MeshSizes, Region, build_stack

SIZES = MeshSizes(rim=2e-4, dome=0.07, far=0.08, rim_growth=0.2, dome_growth=0.2)
"""Finer at the rim than the coupled problem: the linear field is singular there as the distance to the power -1/2."""
DEGREE = 2
KEPT_MESHES = 12
STRETCH_REACH = 4.0
"""Radii of the filament over which the stretch of the shape derivative fades to zero."""


@dataclass(frozen=True)
class OhmicDerivatives:
    """Resistance and its logarithmic derivatives.

    Attributes:
        resistance_ohm: R.
        log_by_log_conductivity: d ln R / d ln sigma_CMO.
        log_by_log_radius: d ln R / d ln r of the filament; the dome plays no role for a uniform CMO.
    """

    resistance_ohm: float
    log_by_log_conductivity: float
    log_by_log_radius: float


class OhmicCell:
    """Resistance between the electrodes for any filament radius and CMO conductivity."""

    def __init__(self, card: DeviceCard, *, resolution: float = 1.0, comm=None):
        """Nothing is meshed yet; a mesh is made for each radius and the last few are kept.

        Args:
            card: stack and materials; its CMO conductivity and filament radius are not used.
            resolution: divides every edge length; 1 gives R to about 1e-4.
            comm: MPI communicator, all ranks by default.
        """
        self.card = card
        self._resolution = resolution
        self._comm = comm
        self._problems: OrderedDict[float, _OhmicProblem] = OrderedDict()

    def resistance_ohm(self, radius_m: float, sigma_S_per_m: float) -> float:
        """Resistance between the electrodes.

        Args:
            radius_m: filament radius.
            sigma_S_per_m: conductivity of the whole CMO.

        Returns:
            R [ohm].

        Raises:
            InputError: a radius or conductivity that is not above 0, or does not fit into the cell.
        """
        return self.derivatives(radius_m, sigma_S_per_m).resistance_ohm

    def derivatives(self, radius_m: float, sigma_S_per_m: float) -> OhmicDerivatives:
        """Resistance with its derivatives, from the same solve.

        Args:
            radius_m: filament radius.
            sigma_S_per_m: conductivity of the whole CMO.

        Returns:
            OhmicDerivatives.

        Raises:
            InputError: as `resistance_ohm`.
        """
        if not (sigma_S_per_m > 0 and radius_m > 0):
            raise InputError(
                f"A filament radius of {radius_m:g} m with {sigma_S_per_m:g} S/m is no cell; "
                "both must be above 0."
            )
        problem = self._problem(float(radius_m))
        return problem.solve(float(sigma_S_per_m))

    def _problem(self, radius_m: float) -> "_OhmicProblem":
        if radius_m in self._problems:
            self._problems.move_to_end(radius_m)
        else:
            stack = build_stack(self.card, filament_radius_m=radius_m)
            cell = build_mesh(stack, resolution=self._resolution, sizes=SIZES, comm=self._comm)
            self._problems[radius_m] = _OhmicProblem(cell)
            if len(self._problems) > KEPT_MESHES:
                self._problems.popitem(last=False)
        return self._problems[radius_m]


class _OhmicProblem:
    """One mesh: potential for 1 V, energy and its derivatives."""

    def __init__(self, cell: CellMesh):
        mesh, self._comm = cell.mesh, cell.mesh.comm
        self._sigma = dolfin.constant(mesh, 1.0)
        materials = cell.stack.materials()
        ohmic = {int(r): m.conductivity_S_per_m for r, m in materials.items() if r not in HOPPING}
        metal = dolfin.cellwise(mesh, cell.cell_tags, ohmic, "electrical_conductivity")
        dx, w = forms.measure(cell, DEGREE), forms.FLUX_UNIT * forms.weight(cell)
        cmo = dx(tuple(int(region) for region in HOPPING))
        rest = dx(tuple(int(region) for region in Region if region not in HOPPING))
        space = dolfin.scalar_space(mesh, DEGREE)
        potential = dolfin.function(space, "potential")
        conditions = [
            dolfin.dirichlet(
                dolfin.constant(mesh, volts), dolfin.dofs_on(space, cell.facet_tags, [face]), space
            )
            for face, volts in ((Electrode.TOP, 1.0), (Electrode.BOTTOM, 0.0))
        ]

        def conduct(integrand):
            return w * metal * integrand * rest + w * self._sigma * integrand * cmo

        self._solver = dolfin.LinearSolver(
            lambda u, q: conduct(ufl.inner(ufl.grad(u), ufl.grad(q))), potential, conditions
        )
        energy = ufl.inner(ufl.grad(potential), ufl.grad(potential))
        self._conductance = dolfin.compile_form(conduct(energy))
        self._share = dolfin.compile_form(w * self._sigma * energy * cmo)
        self._stretch = dolfin.compile_form(conduct(_stretched_energy(cell, potential)))

    def solve(self, sigma_S_per_m: float) -> OhmicDerivatives:
        """Resistance and derivatives at one conductivity."""
        self._sigma.value = sigma_S_per_m
        self._solver.solve()
        conductance, share, stretch = (
            dolfin.assemble_number(form, self._comm)
            for form in (self._conductance, self._share, self._stretch)
        )
        return OhmicDerivatives(1 / (MICRO * conductance), -share / conductance, -stretch / conductance)


def _stretched_energy(cell: CellMesh, potential):
    """Density of dG/d ln r over sigma: phi = r within 1.5 filament radii, then a smooth step to 0.

    Radii enter as constants of the form, so that it is compiled once for all of them.
    """
    rim, wall = cell.stack.filament_radius_nm, cell.stack.electrode_radius_nm
    outer = min(STRETCH_REACH * rim, wall)
    inner = min(1.5 * rim, (rim + outer) / 2)
    start, width = (dolfin.constant(cell.mesh, value) for value in (inner, outer - inner))
    r = ufl.SpatialCoordinate(cell.mesh)[0]
    t = ufl.max_value(0.0, ufl.min_value(1.0, (r - start) / width))
    kept = 1 - t**2 * (3 - 2 * t)
    growth = kept - r * 6 * t * (1 - t) / width
    slope = ufl.grad(potential)
    return ufl.inner(slope, slope) * (growth + kept) - 2 * growth * slope[0] ** 2
