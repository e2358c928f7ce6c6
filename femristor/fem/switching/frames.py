"""Frames of density, temperature and field in the oxide along a run, cut from the axisymmetric mesh."""

import numpy as np
import ufl

from femristor.core.errors import InputError
from femristor.fem import dolfin
from femristor.fem.electrothermal import forms
from femristor.fem.results.switching import FrameStrip, SwitchingFrame
from femristor.fem.stack import NM
from femristor.fem.switching import vacancy_forms
from femristor.fem.switching.cell import SwitchingCell

CORNERS = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])


class FrameSampler:
    """Takes frames of the fields in place."""

    def __init__(self, cell: SwitchingCell):
        """Compile the expressions.

        Raises:
            InputError: a 3-D cell, or more than one MPI rank.
        """
        problem = cell.problem
        if problem.cell.dim != 2 or problem.comm.size > 1:
            raise InputError(
                "Frames are taken of the axisymmetric cell on one rank; use --dim 2 without mpiexec."
            )
        self._cell = cell
        mesh, (potential, rise, u) = problem.cell.mesh, problem.fields
        part = u.function_space.mesh
        x, slope = ufl.SpatialCoordinate(mesh), ufl.grad(potential)
        field = forms.FIELD_UNIT * ufl.sqrt(ufl.inner(slope, slope))
        values = ufl.as_vector([x[0], x[1], problem.coefficients.ambient + rise, field])
        y = ufl.SpatialCoordinate(part)
        self._fields = dolfin.compile_expression(values, CORNERS, problem.comm)
        self._density = dolfin.compile_expression(ufl.as_vector([y[0], y[1], u]), CORNERS, problem.comm)
        self._parents = problem.oxide_cells
        self._own = np.arange(self._parents.size, dtype=np.int32)

    def __call__(self, time_s: float, applied_V: float) -> SwitchingFrame:
        """The frame of this moment."""
        cell, problem = self._cell, self._cell.problem
        stack = problem.cell.stack
        fields = dolfin.evaluate(self._fields, problem.cell.mesh, self._parents)
        own = dolfin.evaluate(self._density, problem.fields[2].function_space.mesh, self._own)
        # A cell of the part may number its corners in another order than the cell that it is cut from.
        apart = np.linalg.norm(fields[:, :, None, :2] - own[:, None, :, :2], axis=-1)
        u = np.take_along_axis(own[..., 2], apart.argmin(axis=2), axis=1)
        flat = fields.reshape(-1, 4)
        return SwitchingFrame(
            radius_m=NM * flat[:, 0],
            height_m=NM * (flat[:, 1] - stack.dome_height_nm),
            triangles=np.arange(flat.shape[0]).reshape(-1, 3),
            density_m3=vacancy_forms.REFERENCE_M3 * vacancy_forms.density_values(cell.card, u.reshape(-1)),
            temperature_K=flat[:, 2].copy(),
            field_V_per_m=flat[:, 3].copy(),
            time_s=time_s,
            voltage_applied_V=applied_V,
            current_A=problem.current_A(),
            filament_radius_m=NM * stack.filament_radius_nm,
            dome_radius_m=NM * stack.dome_radius_nm,
        )


class FrameRecorder:
    """A callback of a run that keeps the frame after each of some moments."""

    def __init__(self, cell: SwitchingCell, moments_s):
        """Prepare.

        Args:
            cell: the cell that runs.
            moments_s: moments of the waveform, in any order.
        """
        self._sampler = FrameSampler(cell)
        self._left = sorted(float(moment) for moment in moments_s)
        self._frames: list[SwitchingFrame] = []

    def __call__(self, time_s: float, applied_V: float) -> None:
        """Called after each accepted step."""
        taken = False
        while self._left and time_s >= self._left[0] * (1 - 1e-12):
            self._left.pop(0)
            if not taken:
                self._frames.append(self._sampler(time_s, applied_V))
            taken = True

    def frames_of(self, label: str) -> FrameStrip:
        """The frames taken so far."""
        return FrameStrip(tuple(self._frames), label)
