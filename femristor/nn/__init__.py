"""Networks on the device: matrix products over years, and training by device pulses.

In: a `DeviceCard` (pulse statistics, window), step tables of a cell, torch models and their data.
Out: `TrainingRun` (accuracy, loss, pulses by epoch) and the results of the matrix-product experiments.

Training, in the order in which it is built::

    SoftBoundsDevice, TableDevice   devices/           how far one pulse moves a weight, cell by cell
      -> pulsed outer product       pulsed_update.py   stochastic coincidences of two bit trains
      -> analog SGD, AGAD           rules/             what is written where (one rule a file)
      -> AnalogLinear, AnalogSGD    layers.py, optimiser.py   torch module and optimiser
      -> TrainingRun                training.py        the experiment, with checkpoints

Each rule has a compiled kernel and a plain NumPy twin that agree bit for bit: all random numbers are hashes
of (tile, sample, slot, row, column), so neither the order nor the number of threads matters. To add a
device, return a `DeviceArray` from `sample(rows, cols, seed=...)`; to add a rule, write one file in rules/.
"""

from femristor.core.environment import prepare

# Before numba looks for the folder of its kernels.
prepare()
