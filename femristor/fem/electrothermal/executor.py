"""What a table is sampled from, and on which processes: field solutions side by side, one cell each.

`DomeSampler` is what a worker calls; it keeps one solver per process. `mpi_executor` spreads the calls over the
ranks of an MPI job, on one machine or many: `mpiexec -n 9 femristor compact build --mpi`.
"""

from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from femristor.device.card import DeviceCard
from femristor.fem.results.fields import FieldSolution

_SOLVERS: dict[tuple, object] = {}


@dataclass(frozen=True)
class DomeSampler:
    """Bias sweeps of a card's cell by finite elements, at any dome density and ambient.

    Attributes:
        card: device card.
        dim: 2 or 3.
        resolution: of the mesh.
        degree: polynomial degree.
    """

    card: DeviceCard
    dim: int = 2
    resolution: float = 1.0
    degree: int = 2

    @property
    def settings(self) -> dict[str, float | str]:
        """What, besides the card, the answers depend on."""
        from importlib import metadata

        return {
            "model": f"finite elements {self.dim}-D",
            "resolution": self.resolution,
            "degree": self.degree,
            "dolfinx": metadata.version("dolfinx-solver-real"),
        }

    def __call__(self, bias_V: np.ndarray, density_m3: float, ambient_K: float) -> FieldSolution:
        """One bias sweep.

        Args:
            bias_V: (bias,) rising.
            density_m3: dome density.
            ambient_K: temperature of the electrodes.

        Returns:
            FieldSolution.

        Raises:
            ConvergenceError: a bias cannot be solved.
        """
        solver = self._solver()
        return solver.sweep(bias_V, self.card.state_at(density_m3), ambient_K=ambient_K)

    def _solver(self):
        """The solver of this process; meshing and compiling happen once."""
        key = (self.card.hash, self.dim, self.resolution, self.degree)
        if key not in _SOLVERS:
            from femristor.fem.dolfin import MPI
            from femristor.fem.electrothermal.cell import ElectroThermal

            _SOLVERS.clear()
            _SOLVERS[key] = ElectroThermal(
                self.card, dim=self.dim, resolution=self.resolution, degree=self.degree, comm=MPI.COMM_SELF
            )
        return _SOLVERS[key]


@contextmanager
def mpi_executor() -> Iterator[Executor | None]:
    """Workers on all ranks but the first.

    Yields:
        Executor on rank 0; None on the other ranks, after they have served, and on the only rank of a serial job.
    """
    import h5py  # noqa: F401  loaded after dolfinx it would bind to the HDF5 library of that wheel

    from femristor.fem.dolfin import world

    from mpi4py.futures import MPICommExecutor  # isort: skip  the solver's wheel must load MPI first

    if world().size == 1:
        yield None
        return
    with MPICommExecutor(world(), root=0) as executor:
        yield executor
