"""fem: the cell by finite elements. In: DeviceCard, CellState, bias, waveforms. Out: FieldSolution, traces, states.

    stack, mesh/       DeviceCard -> Stack, one geometry recipe for every dimension -> CellMesh
    electrothermal/    frozen states: `div(sigma grad V) = 0`, `-div(k grad T) = sigma |grad V|^2`
    regional/          one density for the dome, fields in the loop
    switching/         vacancies that move in the fields
    forming/           from the insulating oxide to the filament
    results/           what is handed on; export.py: fields for ParaView

Assumptions: quasi-static heat, temperature-independent k and metal conductivities, V and T held on the outer faces of
both electrodes. `dolfin.py` is the only module that names DOLFINx or PETSc functions. A law of your own goes into
`femristor/device/laws` and replaces the one in `electrothermal/forms.py`.
"""

# h5py before DOLFINx: both bring a HDF5 library, and h5py fails when it meets the other one's symbols.
import h5py  # noqa: F401
import lazy_loader

from femristor.core.environment import prepare

# Before the libraries look for the folders of their caches.
prepare()

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
