"""Oxygen-vacancy hopping: how fast the state of the conductive metal oxide moves.

`dN/dt = (a/L) N Gamma(F, T) (1 - N/N_max)^n` with the hop rate
`Gamma = nu exp(-E_m/kT) 2 sinh(z e a F/2kT)`; set (V > 0) and reset have their own barrier
(IBM compact model; Galetta et al., Adv. Electron. Mater. 2025, e00373).
"""

import numpy as np

from femristor.core.constants import K_B, Q_E


def hop_rate(field, temperature_K, barrier_J, *, attempt_Hz, distance_m, charge_number, ops=np):
    """Net hop rate along the field, forward minus backward.

    Args:
        field: |E| [V/m], any shape or a UFL expression.
        temperature_K: local temperature [K].
        barrier_J: migration barrier E_m.
        attempt_Hz: attempt frequency nu_i.
        distance_m: hop distance a.
        charge_number: z.
        ops: module with exp and sinh.

    Returns:
        Rate [1/s], shape of the arguments.
    """
    thermal = K_B * temperature_K
    argument = charge_number * Q_E * distance_m * field / (2 * thermal)
    return attempt_Hz * ops.exp(-barrier_J / thermal) * 2 * ops.sinh(argument)


def density_rate(density_m3, hop_rate_per_s, law):
    """Rate of the 0-D density for a given mean hop rate (signed: set above 0, reset below).

    Args:
        density_m3: density N.
        hop_rate_per_s: signed mean hop rate.
        law: IonicLaw of the card.

    Returns:
        dN/dt [1/(m^3 s)].
    """
    blocking = (1 - density_m3 / law.density_max_m3) ** law.saturation_exponent
    return law.hop_distance_m / law.length_m * density_m3 * hop_rate_per_s * blocking
