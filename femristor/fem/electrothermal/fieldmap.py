"""Fields in the half plane (r, z) as NumPy arrays, cut from the axisymmetric mesh or from a 3-D one at y = 0."""

import numpy as np
import ufl

from femristor.core.provenance import Provenance
from femristor.device.state import CellState
from femristor.fem import dolfin
from femristor.fem.electrothermal import forms
from femristor.fem.electrothermal.problem import CellProblem
from femristor.fem.results.fields import FieldMap
from femristor.fem.stack import NM, Region

NODES = np.array([[0, 0], [1, 0], [0, 1], [0.5, 0.5], [0, 0.5], [0.5, 0]], dtype=float)
"""Corners of the reference triangle, then midpoints of its edges 1-2, 0-2, 0-1."""
PARTS = np.array([[0, 5, 4], [1, 3, 5], [2, 4, 3], [3, 4, 5]])
"""Four small triangles on those nodes."""


class FieldSampler:
    """Evaluates the fields in place on every triangle of the half plane."""

    def __init__(self, problem: CellProblem):
        """Find the triangles and compile the expression once."""
        self._problem = problem
        cell = problem.cell
        mesh, is_flat = cell.mesh, cell.dim == 2
        x = ufl.SpatialCoordinate(mesh)
        slope = ufl.grad(problem.potential)
        field = forms.FIELD_UNIT * ufl.sqrt(ufl.inner(slope, slope))
        temperature = problem.coefficients.ambient + problem.rise
        values = ufl.as_vector([x[0], x[cell.dim - 1], problem.potential, temperature, field])
        self._values = dolfin.compile_expression(values, NODES, problem.comm)
        tags = dolfin.tag_of_cells(cell.cell_tags)
        if is_flat:
            self._entities = np.arange(dolfin.owned_cells(mesh), dtype=np.int32)
            self._region = tags[self._entities]
        else:
            near = 1e-6 * cell.stack.radius_nm
            self._entities = dolfin.facet_pairs(mesh, lambda p: (np.abs(p[1]) < near) & (p[0] > -near))
            self._region = tags[self._entities[:, 0]]

    def __call__(self, state: CellState) -> FieldMap:
        """Fields in place, the same on every rank."""
        problem = self._problem
        stack = problem.cell.stack
        local = dolfin.evaluate(self._values, problem.cell.mesh, self._entities)
        values = np.concatenate(problem.comm.allgather(local)).reshape(-1, 5)
        region = np.concatenate(problem.comm.allgather(self._region))
        first = len(NODES) * np.arange(region.size)[:, None, None]
        return FieldMap(
            radius_m=NM * values[:, 0],
            height_m=NM * values[:, 1],
            potential_V=values[:, 2].copy(),
            temperature_K=values[:, 3].copy(),
            field_V_per_m=values[:, 4].copy(),
            triangles=(first + PARTS).reshape(-1, 3),
            region=np.repeat(region, len(PARTS)),
            region_names={str(int(entry)): entry.name.lower() for entry in Region},
            bias_V=float(problem.bias.value),
            current_A=problem.terminals()["current_A"],
            state=state,
            ambient_K=problem.ambient_K,
            dim=problem.cell.dim,
            filament_radius_m=NM * stack.filament_radius_nm,
            dome_radius_m=NM * stack.dome_radius_nm,
            dome_height_m=NM * stack.dome_height_nm,
            provenance=Provenance.create("fem.fieldmap", card=problem.card),
        )
