"""scikit-fem as an oracle: the linear axisymmetric resistance on the same mesh, assembled by another library."""

import numpy as np
import pytest

from femristor.device import load_card
from femristor.fem.electrothermal.ohmic import SIZES, OhmicCell
from femristor.fem.mesh.cell_mesh import build_mesh
from femristor.fem.stack import HOPPING, NM, Region, build_stack

skfem = pytest.importorskip("skfem")

CARD = load_card()
RESOLUTION = 0.5


def _oracle_resistance(radius_m: float, sigma: float) -> float:
    """R from scikit-fem: P2 elements, energy of the potential for 1 V."""
    from skfem.helpers import dot, grad

    stack = build_stack(CARD, filament_radius_m=radius_m)
    cell = build_mesh(stack, resolution=RESOLUTION, sizes=SIZES)
    points = cell.mesh.geometry.x[:, :2].T.copy()
    mesh = skfem.MeshTri(points, np.array(cell.mesh.geometry.dofmaps[0]).T.copy())
    by_cell = np.empty(mesh.nelements)
    materials = stack.materials()
    for region in Region:
        if region in materials:
            value = sigma if region in HOPPING else materials[region].conductivity_S_per_m
            by_cell[cell.cell_tags.find(int(region))] = value
    basis = skfem.Basis(mesh, skfem.ElementTriP2(), intorder=4)
    conductivity = basis.with_element(skfem.ElementTriP0()).interpolate(by_cell)

    @skfem.BilinearForm
    def energy(u, v, w):
        return 2 * np.pi * w.x[0] * w.sigma * dot(grad(u), grad(v))

    matrix = energy.assemble(basis, sigma=conductivity)
    height = points[1].max()
    top = basis.get_dofs(lambda x: np.isclose(x[1], height)).all()
    bottom = basis.get_dofs(lambda x: np.isclose(x[1], 0.0)).all()
    start = basis.zeros()
    start[top] = 1.0
    potential = skfem.solve(*skfem.condense(matrix, x=start, D=np.concatenate([top, bottom])))
    return 1 / (NM * (potential @ (matrix @ potential)))


@pytest.mark.parametrize(("radius_m", "sigma"), [(11e-9, 3e3), (11e-9, 40.0), (25e-9, 1e5)])
def test_linear_resistance(radius_m, sigma):
    found = OhmicCell(CARD, resolution=RESOLUTION).resistance_ohm(radius_m, sigma)
    assert found == pytest.approx(_oracle_resistance(radius_m, sigma), rel=1e-8)
