"""Physical constants (CODATA, from `scipy.constants`), defined once for the package."""

from scipy import constants as _codata

Q_E = _codata.e
"""Elementary charge [C]."""
K_B = _codata.k
"""Boltzmann constant [J/K]."""
EV = _codata.eV
"""Joules in one electronvolt."""
EPS_0 = _codata.epsilon_0
"""Vacuum permittivity [F/m]."""
T_SINK_K = 293.0
"""Default temperature of the electrodes far from the cell [K]."""


def thermal_voltage_V(temperature_K: float) -> float:
    """Thermal voltage kT/q.

    Args:
        temperature_K: temperature [K], any shape.

    Returns:
        kT/q [V], same shape.
    """
    return K_B * temperature_K / Q_E
