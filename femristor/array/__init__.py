"""array: many cells at once. In: DeviceCard, compact cells, targets. Out: CellArray, and results of experiments.

    cell_array, weights, mapping, costs    cells that are programmed, relax and are read
    cell/, experiments/                    one cell at its terminals; forming, cycling, open-loop pulses
    programming/, retention/, statistics/  program-verify, cells over time, what pulses do
    wires/                                 exact currents with resistive wires, remedies

Equations: G = target + sigma_p(G) xi after program-verify; relaxation with mean m ln t and sigma s1 ln t + s0; 1/f read
noise as a sum of Lorentzians; I = V G, or the nodal equations of the wires. Yours instead: numbers in the card's
`statistics`, or any object with `step` as the pulse model.
"""

import lazy_loader

from femristor.core.environment import prepare

# Before numba looks for the folder of its kernels.
prepare()

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
