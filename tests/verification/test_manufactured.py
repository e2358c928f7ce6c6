"""A manufactured solution of the coupled problem: orders of convergence with the weight of the axisymmetric form.

V and theta are chosen, the sources f and g follow from the strong form with the hopping law, and the production
residuals and solver must return V and theta with the order of the elements.
"""

from types import SimpleNamespace

import numpy as np
import pytest
import ufl

from femristor.core.constants import EV
from femristor.device.laws import mott_gurney
from femristor.fem import dolfin
from femristor.fem.electrothermal import forms

SIDE_NM = 10.0
AMBIENT_K = 300.0
HEAT = 1.3
DIVISIONS = (8, 16, 32)


def _manufactured(x):
    """(V, theta): 0.5 V over 10 nm and a rise of up to 160 K, even in r at the axis."""
    r, z = x[0] / SIDE_NM, x[1] / SIDE_NM
    potential = 0.5 * z + 0.1 * ufl.cos(ufl.pi * r) * ufl.sin(ufl.pi * z)
    rise = 120 * ufl.cos(1.2 * r) * ufl.sin(ufl.pi * z) + 40 * z**2
    return potential, rise


def _flux_conductivity(potential, rise):
    return forms.FLUX_UNIT * mott_gurney.conductivity(
        forms.field_magnitude(potential),
        AMBIENT_K + rise,
        2e26,
        1.2e-9,
        0.08 * EV,
        attempt_Hz=7e12,
        ops=forms.Ops,
    )


def _strong_sources(x, w):
    """(f, g) of w f = -div(w sigma grad V) and w g = -div(w k grad theta) - w sigma |grad V|^2."""
    potential, rise = _manufactured(x)
    sigma = _flux_conductivity(potential, rise)
    slope = ufl.grad(potential)
    f = -ufl.div(w * sigma * slope) / w
    g = -ufl.div(w * forms.FLUX_UNIT * HEAT * ufl.grad(rise)) / w - sigma * ufl.inner(slope, slope)
    return f, g


def _errors(degree: int, divisions: int, inner_nm: float) -> np.ndarray:
    """Weighted L2 and H1 errors of V, then of theta."""
    from dolfinx import fem
    from dolfinx import mesh as meshes

    box = [[inner_nm, 0.0], [inner_nm + SIDE_NM, SIDE_NM]]
    mesh = meshes.create_rectangle(dolfin.world(), box, [divisions, divisions])
    cell = SimpleNamespace(dim=2, mesh=mesh, cell_tags=None)
    w, dx, x = forms.weight(cell), forms.measure(cell, degree), ufl.SpatialCoordinate(mesh)
    fields = [dolfin.function(dolfin.scalar_space(mesh, degree), name) for name in ("potential", "rise")]
    tests = tuple(ufl.TestFunction(field.function_space) for field in fields)

    def held(points):
        near = [np.isclose(points[1], 0), np.isclose(points[1], SIDE_NM)]
        near.append(np.isclose(points[0], inner_nm + SIDE_NM))
        if inner_nm > 0:
            near.append(np.isclose(points[0], inner_nm))
        return np.any(near, axis=0)

    facets = meshes.locate_entities_boundary(mesh, 1, held)
    conditions = []
    for field, exact in zip(fields, _manufactured(x), strict=True):
        space = field.function_space
        wall = fem.Function(space)
        wall.interpolate(dolfin.compile_expression(exact, space.element.interpolation_points, mesh.comm))
        conditions.append(fem.dirichletbc(wall, fem.locate_dofs_topological(space, 1, facets)))
        field.x.array[:] = wall.x.array * (1 + 0.02 * np.sin(np.arange(wall.x.array.size)))
    terms = [(_flux_conductivity(*fields), dx)]
    residuals = forms.residuals(
        terms, HEAT, w, unknowns=tuple(fields), tests=tests, dx=dx, sources=_strong_sources(x, w)
    )
    converged, _, reason = dolfin.BlockNewton(residuals, fields, conditions).solve(1e-9)
    assert converged, reason
    fine, found = ufl.dx(domain=mesh, metadata={"quadrature_degree": 8}), []
    for field, exact in zip(fields, _manufactured(x), strict=True):
        miss = field - exact
        for density in (miss**2, ufl.inner(ufl.grad(miss), ufl.grad(miss))):
            found.append(np.sqrt(dolfin.assemble_number(dolfin.compile_form(w * density * fine), mesh.comm)))
    return np.array(found)


@pytest.mark.parametrize("inner_nm", [0.0, 7.0], ids=["axis", "ring"])
@pytest.mark.parametrize("degree", [1, 2])
def test_orders_of_convergence(degree, inner_nm):
    errors = np.array([_errors(degree, divisions, inner_nm) for divisions in DIVISIONS])
    slopes = np.log2(errors[:-1] / errors[1:])
    print(f"P{degree}, inner radius {inner_nm} nm: L2(V) H1(V) L2(theta) H1(theta)\n{slopes}")
    expected = [degree + 1, degree] * 2
    np.testing.assert_allclose(slopes[-1], expected, atol=0.1)


def test_coupling_is_real():
    """The manufactured fields spread sigma by a third and more with either, so a form that forgets E or T cannot pass."""
    law = {"attempt_Hz": 7e12}
    low = mott_gurney.conductivity(2e7, AMBIENT_K, 2e26, 1.2e-9, 0.08 * EV, **law)
    assert mott_gurney.conductivity(2e7, AMBIENT_K + 160, 2e26, 1.2e-9, 0.08 * EV, **law) > 1.3 * low
    assert mott_gurney.conductivity(8e7, AMBIENT_K, 2e26, 1.2e-9, 0.08 * EV, **law) > 1.3 * low
