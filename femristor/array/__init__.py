"""array: many cells at once. In: DeviceCard, targets, a pulse model. Out: CellArray and the results in `result`.

Equations: G = target + sigma_p(G) xi after program-verify; relaxation with independent increments in time,
mean m ln t and sigma s1 ln t + s0; 1/f read noise as a sum of Lorentzians; column currents I = V G.
Assumptions: linear cells at the read voltage, no wire resistance, all cells of an array programmed at time 0.
Yours instead: numbers in the card's `statistics`, or any object with `step` as the pulse model.
"""

from femristor.core.environment import prepare

# Before numba looks for the folder of its kernels.
prepare()
