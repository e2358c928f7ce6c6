"""The plain twin of the Langevin kernel: Euler-Maruyama in N with NumPy, many cells of any model at once.

`dN = f dt + sqrt(F s/volume) dW`, f the net rate of the density and s the sum of forward and backward rates.
Short equal steps in time; no error control.
"""

import numpy as np

from femristor.compact.ibm import IbmModel
from femristor.compact.noise.gillespie import device_voltages, hop_counts_per_s
from femristor.compact.noise.stochastic import HopNoise
from femristor.compact.table.interpolate import TableModel
from femristor.device.load_line import BARE, Load


def langevin_plain(
    model: IbmModel | TableModel,
    noise: HopNoise,
    time_s,
    voltage_V,
    density_m3,
    *,
    generator: np.random.Generator,
    load: Load = BARE,
    steps: int = 200,
) -> np.ndarray:
    """Take cells through a waveform of straight pieces.

    Args:
        model: the cell.
        noise: volume and cluster.
        time_s: (corners,).
        voltage_V: (corners,) applied.
        density_m3: (cells,) at the start.
        generator: source of the noise.
        load: in series.
        steps: of each piece.

    Returns:
        (cells,) densities at the end.
    """
    density = np.array(density_m3, dtype=float)
    for t0, t1, v0, v1 in zip(time_s[:-1], time_s[1:], voltage_V[:-1], voltage_V[1:], strict=True):
        h = (t1 - t0) / steps
        for k in range(steps):
            applied = v0 + (v1 - v0) * (k + 0.5) / steps
            if applied == 0:
                continue
            volt = device_voltages(model, density, applied, load)
            gain, loss = hop_counts_per_s(model, volt, density, noise.volume_m3) / noise.volume_m3
            kick = np.sqrt(noise.cluster * (gain + loss) * h / noise.volume_m3)
            density += (gain - loss) * h + kick * generator.standard_normal(density.size)
    return density
