"""compact: the cell as a table and as a 0-D law. In: field solutions. Out: current, temperature, state rate.

    sample.py       field solutions over bias, dome density, ambient -> CompactTable
    interpolate.py  CompactTable at one ambient -> TableModel: current(V, N), rate(V, N)
    closed_form.py  CompactTable -> effective area, length, series and thermal resistance
    ibm.py          IBM's published 0-D law, the second model
    integrator.py   model + Waveform + Load -> SweepResult (twin.py: the same by SciPy); trace.py: one cell's trace
    pulses.py       pulse trains, steps from each conductance
    fleet.py        many cells with their own parameters (cells.py) through pulse trains

State: one number, the dome density N. `dN/dt = sign(V) (a/L) N <Gamma> (1 - N/N_max)^n` with the hop rate averaged
over the dome by the field solution; heating is quasi-static; nothing is extrapolated. A model of your own enters
as a callable `sampler(bias_V, density_m3, ambient_K)` (see `sample.Sampler`).
"""

from femristor.core.environment import prepare

# Before numba looks for the folder of its kernels.
prepare()
