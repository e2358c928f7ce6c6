"""Fields for ParaView: one VTX folder (ADIOS2) with a step for each bias, and a table of the steps.

Potential, temperature, |E| and the region number are written on discontinuous elements of the solver's degree, so
that |E| keeps its jump between materials. Open `fields.bp` with ParaView's ADIOS2 VTX reader.
"""

import shutil
from contextlib import nullcontext
from pathlib import Path

import ufl

from femristor.core.errors import OutputError
from femristor.core.io.files import atomic_write, output_folder, replace_folder
from femristor.device.state import CellState
from femristor.fem import dolfin
from femristor.fem.electrothermal import forms
from femristor.fem.electrothermal.cell import ElectroThermal
from femristor.fem.results.fields import FieldSolution

FIELDS = "fields.bp"
STEPS = "steps.csv"


def export_fields(
    solver: ElectroThermal,
    folder: str | Path,
    bias_V,
    *,
    state: CellState,
    ambient_K: float | None = None,
    progress=None,
) -> FieldSolution:
    """Sweep and write the fields of each bias.

    Args:
        solver: the meshed cell.
        folder: receives `fields.bp` and `steps.csv`; earlier ones are replaced when all is written.
        bias_V: as in `ElectroThermal.sweep`.
        state: as there.
        ambient_K: as there.
        progress: as there.

    Returns:
        The FieldSolution of the sweep.

    Raises:
        OutputError: the folder cannot be written, or the disk is full; earlier fields stay as they were.
        MissingDependencyError: this DOLFINx has no ADIOS2.
    """
    comm = solver.problem.comm
    target = Path(folder)
    partial = target / f".{FIELDS}.partial"
    visited: list[int] = []
    with output_folder(target) if comm.rank == 0 else nullcontext():
        comm.Barrier()
        writer = _Writer(solver, partial)
        try:

            def write(index: int) -> None:
                visited.append(index)
                writer.write(len(visited))

            solution = solver.sweep(bias_V, state, ambient_K=ambient_K, progress=progress, on_point=write)
            writer.close()
            comm.Barrier()
            if comm.rank == 0:
                replace_folder(partial, target / FIELDS)
                _write_steps(target / STEPS, solution, visited)
        finally:
            if comm.rank == 0:
                shutil.rmtree(partial, ignore_errors=True)
    return solution


class _Writer:
    def __init__(self, solver: ElectroThermal, path: Path):
        problem = solver.problem
        mesh = problem.cell.mesh
        slope = ufl.grad(problem.potential)
        expressions = {
            "potential_V": problem.potential,
            "temperature_K": problem.coefficients.ambient + problem.rise,
            "field_V_per_m": forms.FIELD_UNIT * ufl.sqrt(ufl.inner(slope, slope)),
            "region": dolfin.cellwise(
                mesh, problem.cell.cell_tags, {tag: tag for tag in range(20)}, "region"
            ),
        }
        self._folder = path.parent
        self._output = self._told(lambda: dolfin.VtxOutput(mesh, problem.degree, expressions, path))

    def write(self, step: int) -> None:
        self._told(lambda: self._output.write(float(step)))

    def close(self) -> None:
        self._told(self._output.close)

    def _told(self, call):
        try:
            return call()
        except RuntimeError as error:
            raise OutputError(
                f"Cannot write {self._folder / FIELDS}: {dolfin.reason_of(error)}; choose another output path."
            ) from None


def _write_steps(path: Path, solution: FieldSolution, visited: list[int]) -> None:
    with atomic_write(path) as stream:
        stream.write("step,bias_V,current_A,temperature_max_K\n")
        for step, index in enumerate(visited, start=1):
            row = (solution.bias_V[index], solution.current_A[index], solution.temperature_max_K[index])
            stream.write(f"{step}," + ",".join(f"{value:.12g}" for value in row) + "\n")
