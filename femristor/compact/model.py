"""The interface that every distilled model has: what sweeps, pulses, arrays and exports ask of it."""

from typing import Protocol, runtime_checkable

import numpy as np


@runtime_checkable
class CellModel(Protocol):
    """Current, temperature and state rate of a bare cell at one ambient; quasi-static in temperature.

    Attributes:
        ambient_K: temperature of both electrodes.
    """

    ambient_K: float

    def current_A(self, voltage_V, density_m3) -> np.ndarray:
        """Current [A] with the sign of the voltage over the cell; arguments broadcast."""

    def conductance_S(self, density_m3, read_V: float = 0.2) -> np.ndarray:
        """Conductance I/V [S] at a read voltage."""

    def temperature_mean_K(self, voltage_V, density_m3) -> np.ndarray:
        """Temperature of the switching region [K]."""

    def density_rate_per_m3s(self, voltage_V, density_m3) -> np.ndarray:
        """dN/dt [1/(m^3 s)], above 0 in set (V > 0), below 0 in reset."""

    def density_at(self, conductance_S, read_V: float = 0.2) -> np.ndarray:
        """Density [1/m^3] that reads as a conductance."""
