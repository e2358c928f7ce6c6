"""nn: networks on the device. In: DeviceCard, devices from pulse trains, torch models, data. Out: TrainingRun, inference.

    devices/     how far one pulse moves a weight, cell by cell
    update/      stochastic coincidences of two bit trains; rules (one a file); AnalogSGD
    layers/      AnalogLinear and the like, convert both ways
    periphery/   converters, ranges, bound management
    train/       jobs with checkpoints; inference/: programmed networks over years; mvm/: matrix products

Each rule has a compiled kernel and a plain NumPy twin that agree bit for bit: all random numbers are hashes of (tile,
sample, slot, row, column), so neither the order nor the number of threads matters. To add a device, return a
`DeviceArray` from `sample(rows, cols, seed=...)`; to add a rule, write one file in update/rules/.
"""

import lazy_loader

from femristor.core.environment import prepare

# Before numba looks for the folder of its kernels.
prepare()

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
