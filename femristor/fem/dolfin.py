"""Every call into DOLFINx, petsc4py and basix whose name moves between releases (written for DOLFINx 0.11)."""

import contextlib
import ctypes
import itertools
import os
import re
from unittest import mock

from femristor.core.io.files import check_file_size_limit
from femristor.core.jobs import kernel_interrupts

with contextlib.suppress(ModuleNotFoundError):
    # MPI's shared memory counts as a file; without room for it MPI ends the process when it starts.
    check_file_size_limit(1 << 23, "MPI")
    import dolfinx_solver  # noqa: F401  the wheel orders MPI before its compiled modules

from mpi4py import MPI  # isort: skip
import basix

# dolfinx.fem.petsc loads PETSc for the whole process, for kernels of numba that we do not have: torch would then call PETSc's
# BLAS, crash in its factorisations or give other bits, where it is imported later.
with mock.patch("llvmlite.binding.load_library_permanently"):
    import dolfinx.fem.petsc as _petsc

import dolfinx.io.gmsh as _gmsh
import numpy as np
import ufl
from dolfinx import fem
from petsc4py import PETSc

from femristor.core.errors import ConvergenceError, MissingDependencyError

JIT_OPTIONS = {"timeout": 300}
"""Seconds to wait for a form that another process is compiling; the cache is the default one of the user."""
# A step is forced: a predicted field within the tolerance is no solution, and extrapolated vacancies are not conserved.
SNES_OPTIONS = {
    "snes_type": "newtonls",
    "snes_force_iteration": True,
    "snes_linesearch_type": "bt",
    "ksp_type": "preonly",
    "pc_type": "lu",
    "pc_factor_mat_solver_type": "mumps",
}
LINE_SEARCH_FAILED = -6
TRANSPOSED_TOLERANCE = 1e-10
REFINEMENTS = 6
_counter = itertools.count()


def world() -> MPI.Comm:
    """Communicator of all ranks."""
    return MPI.COMM_WORLD


def import_model(model, comm, dim: int):
    """Mesh, cell tags and facet tags from the gmsh model on rank 0."""
    data = _gmsh.model_to_mesh(model, comm, 0, gdim=dim)
    return data.mesh, data.cell_tags, data.facet_tags


def scalar_space(mesh, degree: int):
    """Continuous Lagrange space."""
    return fem.functionspace(mesh, ("Lagrange", degree))


def function(space, name: str):
    """Finite-element function of zeros."""
    return fem.Function(space, name=name)


def constant(mesh, value: float = 0.0):
    """A number that compiled forms read at each assembly."""
    return fem.Constant(mesh, float(value))


def cellwise(mesh, cell_tags, values: dict[int, float], name: str):
    """Piecewise constant function with one value for each cell tag."""
    result = fem.Function(fem.functionspace(mesh, ("DG", 0)), name=name)
    for tag, value in values.items():
        result.x.array[cell_tags.find(tag)] = value
    result.x.scatter_forward()
    return result


def dofs_on(space, facet_tags, tags) -> np.ndarray:
    """Degrees of freedom on facets with one of these tags."""
    mesh = space.mesh
    facets = np.concatenate([facet_tags.find(tag) for tag in tags])
    return fem.locate_dofs_topological(space, mesh.topology.dim - 1, facets)


def dirichlet(value, dofs, space):
    """Dirichlet condition with a constant value."""
    return fem.dirichletbc(value, dofs, space)


def owned(function_or_space) -> int:
    """Number of degrees of freedom that this rank owns."""
    space = getattr(function_or_space, "function_space", function_or_space)
    return space.dofmap.index_map.size_local


def unknowns(space) -> int:
    """Number of degrees of freedom on all ranks."""
    return space.dofmap.index_map.size_global


def owned_cells(mesh) -> int:
    """Number of cells that this rank owns; the others are copies of a neighbour's."""
    return mesh.topology.index_map(mesh.topology.dim).size_local


def compile_form(form, maps=None):
    """Compiled form; `maps` as in `BlockNewton`."""
    return fem.form(form, jit_options=JIT_OPTIONS, entity_maps=maps)


def part_of(mesh, cell_tags, tags):
    """Mesh of the cells with one of these tags, the map that forms on both meshes need, and the cells it is cut from."""
    from dolfinx.mesh import create_submesh

    cells = np.sort(np.concatenate([cell_tags.find(int(tag)) for tag in tags]))
    dim = mesh.topology.dim
    part, entities, *_ = create_submesh(mesh, dim, cells)
    here = part.topology.index_map(dim)
    own = np.arange(here.size_local + here.num_ghosts, dtype=np.int32)
    return part, entities, entities.sub_topology_to_topology(own, inverse=False)


def node_places(space) -> np.ndarray:
    """Coordinates of the degrees of freedom of a Lagrange space as (dofs, 3), ghosts included."""
    return space.tabulate_dof_coordinates()


def assemble_number(compiled, comm) -> float:
    """Integral over all ranks."""
    return comm.allreduce(fem.assemble_scalar(compiled), op=MPI.SUM)


def assemble_array(compiled) -> np.ndarray:
    """Vector of a linear form as (dofs,), complete for the owned ones, which come first."""
    from dolfinx.la import InsertMode

    vector = fem.assemble_vector(compiled)
    vector.scatter_reverse(InsertMode.add)
    return vector.array


def total(comm, value: float) -> float:
    """Sum over ranks."""
    return comm.allreduce(float(value), op=MPI.SUM)


def largest(comm, value: float) -> float:
    """Maximum over ranks."""
    return comm.allreduce(float(value), op=MPI.MAX)


def quadrature(mesh, degree: int) -> tuple[np.ndarray, np.ndarray]:
    """Points (points, dim) and weights (points,) on the reference cell, those that forms of this degree use."""
    return basix.make_quadrature(getattr(basix.CellType, mesh.topology.cell_name()), degree)


def compile_expression(expression, points: np.ndarray, comm):
    """Expression to be evaluated at reference points by `evaluate`."""
    return fem.Expression(expression, points, comm=comm, jit_options=JIT_OPTIONS)


def evaluate(compiled, mesh, entities: np.ndarray) -> np.ndarray:
    """Values (entities, points, ...) on cells, or on facets given as (facets, 2) of cell and local facet."""
    return compiled.eval(mesh, entities)


def facet_pairs(mesh, midpoint_test) -> np.ndarray:
    """One (cell, local facet) for each facet of owned cells whose midpoint passes a test.

    Args:
        mesh: the mesh.
        midpoint_test: function of coordinates (3, points) to booleans, for all vertices of a facet.

    Returns:
        (facets, 2) with the owned cell of lowest number.
    """
    from dolfinx.mesh import locate_entities

    dim = mesh.topology.dim
    mesh.topology.create_entities(dim - 1)
    mesh.topology.create_connectivity(dim - 1, dim)
    mesh.topology.create_connectivity(dim, dim - 1)
    to_cells = mesh.topology.connectivity(dim - 1, dim)
    to_facets = mesh.topology.connectivity(dim, dim - 1)
    cells_here = owned_cells(mesh)
    facets_here = mesh.topology.index_map(dim - 1).size_local
    pairs = []
    for facet in locate_entities(mesh, dim - 1, midpoint_test):
        mine = [cell for cell in to_cells.links(facet) if cell < cells_here]
        if mine and facet < facets_here:
            cell = min(mine)
            pairs.append((cell, int(np.flatnonzero(to_facets.links(cell) == facet)[0])))
    return np.array(pairs, dtype=np.int32).reshape(-1, 2)


def tag_of_cells(cell_tags) -> np.ndarray:
    """Tag of each cell of this rank as (cells,)."""
    tags = np.zeros(cell_tags.indices.max(initial=-1) + 1, dtype=np.int32)
    tags[cell_tags.indices] = cell_tags.values
    return tags


class VtxOutput:
    """Writes UFL expressions as discontinuous functions into one VTX folder."""

    def __init__(self, mesh, degree: int, expressions: dict, path):
        """Open the folder.

        Args:
            mesh: the mesh.
            degree: polynomial degree of what is written.
            expressions: name to UFL expression.
            path: the folder.

        Raises:
            MissingDependencyError: this DOLFINx has no ADIOS2.
        """
        from dolfinx import has_adios2, io

        if not has_adios2:
            raise MissingDependencyError(
                "This DOLFINx was built without ADIOS2, which ParaView export needs; run 'make setup' or "
                "leave --fields out."
            )
        space = fem.functionspace(mesh, ("DG", degree))
        points = space.element.interpolation_points
        self._functions = [fem.Function(space, name=name) for name in expressions]
        self._expressions = [compile_expression(entry, points, mesh.comm) for entry in expressions.values()]
        self._writer = io.VTXWriter(mesh.comm, path, self._functions, engine="BP4")
        # Its destructor writes what is left, and where that fails it ends the process: only `close` may reach it.
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(self._writer))

    def write(self, time: float) -> None:
        """Write a step with the present values.

        Raises:
            RuntimeError: ADIOS2 cannot write; the folder is then unfinished and nothing more can be written.
        """
        for target, expression in zip(self._functions, self._expressions, strict=True):
            target.interpolate(expression)
        self._writer.write(time)

    def close(self) -> None:
        """Finish the files; does nothing the second time.

        Raises:
            RuntimeError: as in `write`.
        """
        if self._writer is not None:
            writer, self._writer = self._writer, None
            writer.close()
            ctypes.pythonapi.Py_DecRef(ctypes.py_object(writer))


def reason_of(error: RuntimeError) -> str:
    """The system's words in an error of ADIOS2, such as "No space left on device"."""
    found = re.search(r"errno = (\d+)", str(error))
    return os.strerror(int(found[1])) if found else "ADIOS2 could not write it"


class _LinearProblem(_petsc.LinearProblem):
    """Its destructor works also when the constructor was interrupted."""

    _solver = _A = _b = _x = _P_mat = None


class _NonlinearProblem(_petsc.NonlinearProblem):
    """As `_LinearProblem`."""

    _snes = _A = _b = _x = _P_mat = None


class BlockNewton:
    """Newton's method with line search on several fields at once; the Jacobian is factorised by MUMPS."""

    def __init__(self, residuals, fields, conditions, *, max_steps: int = 12, maps=None):
        """Compile the residuals and their derivative.

        Args:
            residuals: one UFL form for each field.
            fields: the unknown functions, each in a space object of its own.
            conditions: Dirichlet conditions.
            max_steps: Newton steps before a solve counts as failed.
            maps: entity maps between the mesh and parts of it, where fields live on both.
        """
        self._problem = _NonlinearProblem(
            residuals,
            fields,
            bcs=conditions,
            petsc_options_prefix=f"femristor_{next(_counter)}_",
            petsc_options=SNES_OPTIONS,
            kind="mpi",
            jit_options=JIT_OPTIONS,
            entity_maps=maps,
        )
        self._conditions = conditions
        self._max_steps = max_steps
        self.residual_forms = self._problem.F
        self.snes = self._problem.solver

    def solve(self, tolerance: float) -> tuple[bool, int, str]:
        """Solve from the present values of the fields.

        Args:
            tolerance: the Euclidean norm of the residual at which to stop.

        Returns:
            Whether it converged, Newton steps, PETSc's reason in words.
        """
        self.snes.setTolerances(rtol=0.0, atol=tolerance, stol=0.0, max_it=self._max_steps)
        try:
            with kernel_interrupts():
                self._problem.solve()
        except PETSc.Error as error:
            self.reset()
            return False, self._max_steps, f"PETSc error {error.ierr}"
        reason, steps = self.snes.getConvergedReason(), self.snes.getIterationNumber()
        # Below ten tolerances a line search without descent has reached the rounding of the residual.
        at_rounding = reason == LINE_SEARCH_FAILED and self.snes.getFunctionNorm() < 10 * tolerance
        if reason > 0 or at_rounding:
            return True, steps, "converged"
        self.reset()
        return False, steps, _reason_words(reason)

    def solve_transposed(self, right: list[np.ndarray], result: list) -> None:
        """Solve J^T result = right with J at the present fields.

        The factors are those of the last Newton step; refinement with the present J makes the answer exact.

        Args:
            right: one array for each field, complete for owned degrees of freedom and 0 on Dirichlet ones.
            result: functions that receive the answer, ghosts included.

        Raises:
            ConvergenceError: refinement stalls even with new factors.
        """
        matrix, preconditioner = self._problem.A, self.snes.getKSP().getPC()
        matrix.zeroEntries()
        _petsc.assemble_matrix(matrix, self._problem.J, bcs=self._conditions, diag=1.0)
        matrix.assemble()
        for field, values in zip(result, right, strict=True):
            field.x.array[:] = values
        wanted, answer, rest, change = (self._problem.x.duplicate() for _ in range(4))
        _petsc.assign(result, wanted)
        preconditioner.setReusePreconditioner(True)
        for new_factors in (False, True):
            preconditioner.setReusePreconditioner(not new_factors)
            answer.set(0.0)
            wanted.copy(rest)
            for _ in range(REFINEMENTS):
                preconditioner.applyTranspose(rest, change)
                answer.axpy(1.0, change)
                matrix.multTranspose(answer, rest)
                rest.aypx(-1.0, wanted)
                if rest.norm() <= TRANSPOSED_TOLERANCE * wanted.norm():
                    break
            else:
                continue
            break
        else:
            raise ConvergenceError("The transposed solve for derivatives stalled; use a finer mesh.")
        preconditioner.setReusePreconditioner(False)
        _petsc.assign(answer, result)
        for field in result:
            field.x.scatter_forward()
        for vector in (wanted, answer, rest, change):
            vector.destroy()

    def reset(self) -> None:
        """Drop the factors: a NaN in them would spoil every later solve."""
        self.snes.getKSP().reset()


class LinearSolver:
    """A symmetric linear problem without sources, solved directly for its Dirichlet values."""

    def __init__(self, bilinear, solution, conditions):
        """Compile the bilinear form.

        Args:
            bilinear: function of trial and test function to a UFL form.
            solution: function that receives the answer.
            conditions: Dirichlet conditions.
        """
        space = solution.function_space
        trial, test = ufl.TrialFunction(space), ufl.TestFunction(space)
        no_source = constant(space.mesh) * test * ufl.dx(domain=space.mesh)
        options = {name: value for name, value in SNES_OPTIONS.items() if not name.startswith("snes_")}
        self._problem = _LinearProblem(
            bilinear(trial, test),
            no_source,
            bcs=conditions,
            u=solution,
            petsc_options_prefix=f"femristor_{next(_counter)}_",
            petsc_options=options,
            jit_options=JIT_OPTIONS,
        )

    def solve(self) -> None:
        """Assemble, factorise, solve.

        Raises:
            ConvergenceError: the factorisation fails.
        """
        self._problem.solve()
        reason = self._problem.solver.getConvergedReason()
        if reason <= 0:
            raise ConvergenceError(
                f"The linear resistance could not be solved ({_reason_words(-3)}); check the conductivities."
            )


def _reason_words(reason: int) -> str:
    words = {
        -3: "the linear solve failed",
        -4: "the residual is not a number",
        -5: "too many Newton steps",
        LINE_SEARCH_FAILED: "the line search found no descent",
        -9: "the residual grew without bound",
    }
    return words.get(reason, f"PETSc reason {reason}")
