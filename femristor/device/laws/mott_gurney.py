"""Mott-Gurney trap-to-trap hopping: the conductivity of the conductive metal oxide.

`J = e N a nu exp(-dE/kT) 2 sinh(e a E/2kT)`, `sigma = J/E` (Falcone et al., arXiv 2502.04524, eq. 6).
"""

import numpy as np

from femristor.core.constants import K_B, Q_E

ARGUMENT_MAX = 30.0
"""Clamp of the sinh argument, inside sigma only: keeps a Newton iterate finite."""
TEMPERATURE_MIN_K = 150.0
"""Clamp of the temperature, inside sigma only."""


def conductivity(field, temperature_K, density_m3, distance_m, barrier_J, *, attempt_Hz, ops=np):
    """Conductivity J/E of trap-to-trap hopping.

    Args:
        field: |E| [V/m], above 0 (use sqrt(E^2 + eps^2)); any shape or a UFL expression.
        temperature_K: local temperature [K].
        density_m3: density of hopping sites.
        distance_m: hopping distance a_e.
        barrier_J: barrier dE.
        attempt_Hz: attempt frequency nu.
        ops: module with exp, sinh, minimum, maximum (numpy, torch, or the UFL ones of `fem`).

    Returns:
        sigma [S/m], shape of the arguments.
    """
    thermal = K_B * ops.maximum(temperature_K, TEMPERATURE_MIN_K)
    argument = ops.minimum(Q_E * distance_m * field / (2 * thermal), ARGUMENT_MAX)
    return (
        Q_E
        * density_m3
        * distance_m
        * attempt_Hz
        * ops.exp(-barrier_J / thermal)
        * 2
        * ops.sinh(argument)
        / field
    )


def low_field_conductivity(temperature_K, density_m3, distance_m, barrier_J, *, attempt_Hz, ops=np):
    """Limit of `conductivity` for a vanishing field, `e^2 N a^2 nu exp(-dE/kT)/kT`.

    Args:
        temperature_K: local temperature [K].
        density_m3: density of hopping sites.
        distance_m: hopping distance.
        barrier_J: barrier.
        attempt_Hz: attempt frequency.
        ops: as in `conductivity`.

    Returns:
        sigma [S/m].
    """
    thermal = K_B * temperature_K
    return Q_E**2 * density_m3 * distance_m**2 * attempt_Hz * ops.exp(-barrier_J / thermal) / thermal
