"""Weak form of moving oxygen vacancies in the conductive metal oxide, on a part of the cell's mesh.

    dN/dt = -div J,   J = -D grad N + v N (1 - N/N_max) - D N Q/(k T^2) grad T (1 - N/N_max)
    D = a^2 Gamma,  Gamma = nu exp(-E_m/kT),  v = 2 a Gamma sinh(z e a |E|/2kT) E/|E|

Unknown: u = ln(N/(N_max - N)), so that 0 < N < N_max always, and D grad N = D N (1 - N/N_max) grad u. The test functions
sum to one, so that the stored number of vacancies changes by nothing but the tolerance of Newton's method in a closed
box. `REGULARISATION` D N_ref grad u is added to the diffusive flux: it is conservative, and gives depleted cells, whose
own diffusion vanishes with N, an equation for u.

Time: c0 N - c1 N_1 - c2 N_2 = dt (-div J) with constants c for backward Euler (1, 1, 0) or the second-order
backward formula of variable step, so that one compiled form serves both, and dt = 0 freezes the vacancies.
Units: nanometres, volts, kelvins, N_ref = 1e25 1/m^3.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import ufl

from femristor.core.constants import K_B, Q_E
from femristor.device.card import DeviceCard
from femristor.device.laws import mott_gurney
from femristor.fem.electrothermal import forms

REFERENCE_M3 = 1e25
"""N_ref."""
SCALE = 0.1
"""Of the residual, against that of the current: with less, Newton's last step loses more than 1e-9 of the vacancies."""
REGULARISATION = 1e-3
"""Share of D grad u in the flux where N = N_ref."""
ARGUMENT_MAX = 30.0
"""Clamp of the sinh argument of a Newton iterate."""
BARRIER_MAX_J = 3.0 * Q_E
"""Clamp of a barrier that grows with N."""
DIRECTION_WIDTH = 0.1
"""Share of |E| over which a barrier that follows the field's direction changes."""
NM = 1e-9


@dataclass(frozen=True)
class VacancyConstants:
    """Numbers of the form that change from step to step, as constants on the cell's mesh.

    Attributes:
        dt: step [s].
        c0: weight of the new density.
        c1: weight of the last one.
        c2: weight of the one before.
        set_share: 1 where the applied voltage drives set, 0 for reset; read by the barrier law "voltage" only.
    """

    dt: Any
    c0: Any
    c1: Any
    c2: Any
    set_share: Any


def density(card: DeviceCard, u):
    """N/N_ref of the unknown, between 0 and the steric limit."""
    return card.vacancies.density_max_m3 / REFERENCE_M3 / (1 + ufl.exp(-u))


def density_values(card: DeviceCard, u: np.ndarray) -> np.ndarray:
    """N/N_ref of values of the unknown."""
    return card.vacancies.density_max_m3 / REFERENCE_M3 / (1 + np.exp(-u))


def unknown_values(card: DeviceCard, density_m3: np.ndarray) -> np.ndarray:
    """Values of the unknown of densities."""
    return -np.log(card.vacancies.density_max_m3 / density_m3 - 1)


def hopping_conductivity(card: DeviceCard, u, potential, temperature):
    """Conductivity [S/m] of the oxide with mobile density N: the card's lines a_e(N), dE(N), and its fixed background."""
    law = card.hopping
    mobile = REFERENCE_M3 * density(card, u)
    distance = ufl.max_value(law.distance_min_m, law.distance_0_m - law.distance_slope_m4 * mobile)
    barrier = ufl.max_value(0.0, law.barrier_0_J - law.barrier_slope_J_m3 * mobile)
    return mott_gurney.conductivity(
        forms.field_magnitude(potential),
        temperature,
        mobile + law.background_density_m3,
        distance,
        barrier,
        attempt_Hz=law.attempt_frequency_Hz,
        ops=forms.Ops,
    )


def barrier(card: DeviceCard, u, potential, constants: VacancyConstants):
    """Migration barrier [J] by the card's barrier law.

    "voltage": the published switch on the sign of the applied voltage. "field": between both by the direction of the
    local field along the stack. "gradient": by the direction of the drift along the gradient of N (gathering against
    spreading). "single": the mean of both.
    """
    law = card.ionic
    gather = law.barrier_set_J + law.barrier_set_slope_J_m3 * REFERENCE_M3 * density(card, u)
    gather, spread = ufl.min_value(gather, BARRIER_MAX_J), law.barrier_reset_J
    kind = card.vacancies.barrier_law
    if kind == "voltage":
        share = constants.set_share
    elif kind == "single":
        share = 0.5
    else:
        share = 0.5 * (1 + ufl.tanh(_direction(kind, u, potential) / DIRECTION_WIDTH))
    return spread + share * (gather - spread)


def _direction(kind: str, u, potential):
    """Cosine between the drift and the way to the filament ("field") or up the gradient of N ("gradient")."""
    slope = ufl.grad(potential)
    size = forms.field_magnitude(potential) / forms.FIELD_UNIT
    if kind == "field":
        return slope[slope.ufl_shape[0] - 1] / size
    rise = ufl.grad(u)
    return -ufl.inner(slope, rise) / (size * ufl.sqrt(ufl.inner(rise, rise) + 1e-6))


def flux(
    card: DeviceCard, u, potential, temperature, constants: VacancyConstants, *, regularisation=REGULARISATION
):
    """J/N_ref [nm/s], pointing where vacancies go."""
    law, room = card.ionic, card.vacancies
    step = law.hop_distance_m / NM
    thermal = K_B * ufl.max_value(temperature, mott_gurney.TEMPERATURE_MIN_K)
    rate = law.attempt_frequency_Hz * ufl.exp(-barrier(card, u, potential, constants) / thermal)
    field = forms.field_magnitude(potential)
    argument = ufl.min_value(
        law.charge_number * Q_E * law.hop_distance_m * field / (2 * thermal), ARGUMENT_MAX
    )
    speed = 2 * step * rate * ufl.sinh(argument)
    along = -forms.FIELD_UNIT * ufl.grad(potential) / field
    here = density(card, u)
    free = 1 - here * REFERENCE_M3 / room.density_max_m3
    diffusion = step**2 * rate
    result = -diffusion * (here * free + regularisation) * ufl.grad(u) + speed * here * free * along
    if room.soret_J:
        result -= diffusion * here * free * room.soret_J / (thermal * temperature) * ufl.grad(temperature)
    return result


def residual(card: DeviceCard, u, earlier, flow, constants: VacancyConstants, w, test, dx, source=None):
    """Residual of the vacancies.

    Args:
        card: device card.
        u: the unknown.
        earlier: (u of the last step, u of the one before).
        flow: from `flux`.
        constants: step and weights.
        w: weight of every integral.
        test: test function on the part.
        dx: measure of the conductive metal oxide.
        source: extra rate of N/N_ref [1/s] of a manufactured solution.

    Returns:
        UFL form.
    """
    last, before = earlier
    change = (
        constants.c0 * density(card, u)
        - constants.c1 * density(card, last)
        - constants.c2 * density(card, before)
    )
    growth = ufl.inner(flow, ufl.grad(test))
    if source is not None:
        growth += source * test
    return w * SCALE * (change * test - constants.dt * growth) * dx
