"""Checks of the finite-element libraries: MPI, PETSc with MUMPS, form compilation, gmsh.

In: nothing. Out: `Check` lines for `femristor doctor`. Each check does a tiny piece of real work.
"""

import tempfile
import time
from pathlib import Path

from femristor.core.environment import Check, probe, run_check
from femristor.core.errors import MissingDependencyError

INSTALL = "run 'make setup' to install the tested versions"
STALE_AFTER_S = 120.0


def checks() -> list[Check]:
    """Check everything that the fem room needs.

    Returns:
        One `Check` for each of MPI, dolfinx, PETSc and MUMPS, the form compiler, its cache, gmsh.
    """
    compiler = "install a C compiler (gcc) and the Python headers, or set CC to a working one"
    blocked = "run 'femristor doctor --repair' to remove what blocks it, or make the named folder writable"
    libraries = "install the shared library that is named; 'make setup' prints the package that has it"
    return [
        run_check("MPI", _mpi, remedy=INSTALL),
        run_check("dolfinx", _dolfinx, remedy=INSTALL),
        run_check("PETSc and MUMPS", _mumps, remedy=INSTALL),
        run_check("form compilation", _compile, remedy=compiler),
        run_check("form cache", _cache, remedy=blocked),
        run_check("gmsh", _gmsh, remedy=libraries),
    ]


def cache_folder() -> Path:
    """Folder in which compiled forms are kept."""
    from dolfinx.jit import get_options

    return Path(get_options()["cache_dir"])


def stale_forms() -> list[Path]:
    """Form files whose compilation was interrupted; later runs would wait for them in vain.

    Returns:
        C files without their finished mark that are older than two minutes.
    """
    now = time.time()
    return [
        path
        for path in sorted(cache_folder().glob("libffcx_*.c"))
        if not path.with_suffix(".c.cached").exists() and now - path.stat().st_mtime > STALE_AFTER_S
    ]


def remove_stale_forms() -> list[Path]:
    """Remove what `stale_forms` finds.

    Returns:
        The files that were removed.
    """
    stale = stale_forms()
    for path in stale:
        path.unlink(missing_ok=True)
    return stale


def _mpi() -> str:
    from mpi4py import MPI

    total = MPI.COMM_WORLD.allreduce(1)
    if total != MPI.COMM_WORLD.size:
        raise MissingDependencyError(f"a sum over {MPI.COMM_WORLD.size} ranks gave {total}")
    library = MPI.Get_library_version().strip().splitlines()[0].replace("\t", " ")
    return f"{' '.join(library.split())}, {total} rank{'s' if total > 1 else ''}"


def _dolfinx() -> str:
    import basix
    import dolfinx
    import ffcx
    import ufl

    if dolfinx.default_scalar_type().dtype.kind != "f":
        raise MissingDependencyError("this dolfinx computes with complex numbers; the real build is needed")
    return (
        f"{dolfinx.__version__} (basix {basix.__version__}, ffcx {ffcx.__version__}, ufl {ufl.__version__})"
    )


def _mumps() -> str:
    from petsc4py import PETSc

    version = ".".join(map(str, PETSc.Sys.getVersion()))
    if not PETSc.Sys.hasExternalPackage("mumps"):
        raise MissingDependencyError(f"PETSc {version} was built without MUMPS")
    matrix = PETSc.Mat().createAIJ((3, 3), nnz=1, comm=PETSc.COMM_SELF)
    for row in range(3):
        matrix.setValue(row, row, 2.0)
    matrix.assemble()
    right, solution = matrix.createVecs()
    right.set(1.0)
    solver = PETSc.KSP().create(PETSc.COMM_SELF)
    solver.setType("preonly")
    solver.getPC().setType("lu")
    solver.getPC().setFactorSolverType("mumps")
    solver.setOperators(matrix)
    solver.solve(right, solution)
    value = float(solution.sum())
    for item in (solver, right, solution, matrix):
        item.destroy()
    if abs(value - 1.5) > 1e-12:
        raise MissingDependencyError(f"MUMPS solved 2 x = 1 three times and the sum is {value:g}, not 1.5")
    return f"PETSc {version}, real scalars, direct solver MUMPS"


def _compile() -> str:
    import ufl
    from dolfinx import fem, mesh
    from mpi4py import MPI

    square = mesh.create_unit_square(MPI.COMM_SELF, 2, 2)
    point = ufl.SpatialCoordinate(square)
    begun = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        form = fem.form(6.0 * point[0] ** 2 * ufl.dx(domain=square), jit_options={"cache_dir": folder})
        value = fem.assemble_scalar(form)
        elapsed = time.perf_counter() - begun
        del form
    if abs(value - 2.0) > 1e-12:
        raise MissingDependencyError(
            f"the compiled integral of 6 x^2 over the unit square is {value:g}, not 2"
        )
    return f"a form was compiled and integrated in {elapsed:.2f} s"


def _cache() -> str:
    folder = cache_folder()
    probe(folder)
    stale = stale_forms()
    if stale:
        raise MissingDependencyError(f"{len(stale)} interrupted compilations block {folder}")
    return f"{folder}, {len(list(folder.glob('libffcx_*.c')))} compiled modules"


def _gmsh() -> str:
    import gmsh

    gmsh.initialize(interruptible=False)
    try:
        gmsh.option.setNumber("General.Terminal", 0)
        gmsh.model.add("doctor")
        gmsh.model.occ.addRectangle(0, 0, 0, 1, 1)
        gmsh.model.occ.synchronize()
        gmsh.model.mesh.generate(2)
        cells = len(gmsh.model.mesh.getElements(2)[1][0])
    finally:
        gmsh.finalize()
    return f"{gmsh.__version__}, a square meshed with {cells} triangles"
