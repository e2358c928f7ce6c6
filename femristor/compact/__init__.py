"""compact: the cell as a model for circuits. In: field solutions. Out: current, temperature, state rate; files for others.

    table/      field solutions -> CompactTable -> TableModel; its 0-D form; tables of moving vacancies
    ibm         IBM's published 0-D law, the control beside everything derived
    dynamics/   model + Waveform + Load -> traces, pulse trains, many cells at once
    noise/      random hops, spread from device to device
    fit/, export/, kernels/, results/

State: one number, the dome density N. `dN/dt = sign(V) (a/L) N <Gamma> (1 - N/N_max)^n` with the hop rate averaged over
the dome by the field solution; heating is quasi-static; nothing is extrapolated. A model of your own enters as a
callable `sampler(bias_V, density_m3, ambient_K)` (see `table/sample.py`).
"""

import lazy_loader

from femristor.core.environment import prepare

# Before numba looks for the folder of its kernels.
prepare()

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
