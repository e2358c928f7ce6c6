"""fem: the cell by finite elements. In: DeviceCard, CellState, bias. Out: `result.FieldSolution`, `result.FieldMap`.

    stack.py           DeviceCard -> Stack, one geometry recipe for every dimension
    mesh.py            Stack -> CellMesh (mesh2d.py axisymmetric, mesh3d.py quarter or full cylinder)
    forms.py           weak form of continuity and Joule heat
    problem.py         forms on a mesh with the card's numbers; one Newton solve at one bias
    continuation.py    bias after bias with predictor and cutback
    electrothermal.py  ElectroThermal: sweep, sweep_with_sensitivity, fields
    sensitivity.py     dI/dp by one transposed solve a bias
    ohmic.py           OhmicCell: linear resistance for any filament radius
    export.py          fields for ParaView

Equations: `div(sigma grad V) = 0`, `-div(k grad T) = sigma |grad V|^2` with sigma(E, T) of Mott-Gurney hopping in the
conductive metal oxide; V and T are held on the outer faces of both electrodes. Assumptions: frozen state,
quasi-static heat, temperature-independent k and metal conductivities. `dolfin.py` is the only module that names
DOLFINx or PETSc functions. A law of your own goes into `femristor/device/laws` and replaces the one in `forms.py`.
"""

from femristor.core.environment import prepare

# h5py before DOLFINx: both bring a HDF5 library, and h5py fails when it meets the other one's symbols.
import h5py  # noqa: F401  isort: skip

# Before the libraries look for the folders of their caches.
prepare()
