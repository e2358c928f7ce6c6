"""Relaxation by vacancy hops at 0 V beside the measured lines.

Hops over the card's two barriers are one rate each: the spread grows as the root of t and the mean stays, which is not
what is measured. Barriers spread evenly in energy give ln t instead: until t all barriers below kT ln(nu t) have been
crossed once. If a hop changes the conductance by one vacancy's worth, delta, then sigma^2 = n delta^2 with n hops so
far, and the measured line asks for

    g(E) = dn/dE = 2 sigma s1/(delta^2 kT),    E = kT ln(nu t),

hops an energy. That is how many would be needed, not how many there are.
"""

import math

import numpy as np

from femristor.array.results.relaxation import BarrierDemand
from femristor.array.retention.relaxation import relaxation_mean_S, relaxation_sigma_S
from femristor.array.retention.traces import DEFAULT_TIMES_S
from femristor.compact.ibm import IbmModel
from femristor.compact.noise.programming import relaxation_at_rest
from femristor.compact.noise.stochastic import HopNoise, NoisyCells, switching_volume_m3
from femristor.core.constants import EV, K_B
from femristor.core.provenance import Provenance, Status
from femristor.device.card import DeviceCard

CLUSTERS = (1.0, 6.0)
"""Single vacancies, and the clusters that the measured noise of pulses asks for (docs/theory/noise.md)."""


def barrier_crossed_J(attempt_frequency_Hz: float, time_s: float, temperature_K: float) -> float:
    """Barrier that is crossed once in a time, kT ln(nu t), at least 0 [J].

    Args:
        attempt_frequency_Hz: nu.
        time_s: t, above 0.
        temperature_K: T.
    """
    return K_B * temperature_K * max(0.0, math.log(attempt_frequency_Hz * time_s))


def equivalent_time_s(
    attempt_frequency_Hz: float, time_s: float, temperature_K: float, reference_K: float
) -> float:
    """Time at T_0 that crosses the same barriers as t at T, (nu t)^(T/T_0)/nu.

    What replaces Arrhenius' law where barriers are spread: each time has its own activation energy, kT ln(nu t).

    Args:
        attempt_frequency_Hz: nu.
        time_s: t, above 1/nu.
        temperature_K: T.
        reference_K: T_0.
    """
    exponent = temperature_K / reference_K * math.log(attempt_frequency_Hz * time_s)
    return math.exp(exponent - math.log(attempt_frequency_Hz))


def barrier_demand(
    card: DeviceCard,
    *,
    conductance_S: float = 50e-6,
    times_s=DEFAULT_TIMES_S,
    clusters: tuple[float, ...] = CLUSTERS,
) -> BarrierDemand:
    """What hops over the card's barriers predict for a level, and which barriers the measured lines ask for.

    The number of vacancies and the step of one are those of the published 0-D law with the card's constants.

    Args:
        card: device card.
        conductance_S: level.
        times_s: (times,) above 0.
        clusters: vacancies that hop together.

    Returns:
        BarrierDemand.

    Raises:
        RangeError: a level outside the range of the law.
    """
    model, times = IbmModel(card), np.asarray(times_s, dtype=float)
    volume, law, line = switching_volume_m3(model), card.ionic, card.statistics.relaxation
    density = float(model.density_at(conductance_S, card.statistics.read_voltage_V))
    one = 0.5 / (density * volume)
    near = model.conductance_S(density * np.array([1 - one, 1 + one]), card.statistics.read_voltage_V)
    step, heat = float(near[1] - near[0]), K_B * card.ambient_K
    sigma = np.array([relaxation_sigma_S(line, time) for time in times])
    mean = np.array([relaxation_mean_S(line, time) for time in times])
    slow = line.sigma_slope_S > 0
    onset = math.exp(-line.sigma_offset_S / line.sigma_slope_S) if slow else 0.0
    rest = tuple(
        relaxation_at_rest(
            NoisyCells(model, HopNoise(volume, cluster), read_V=card.statistics.read_voltage_V),
            card,
            times,
            conductance_S,
        )
        for cluster in clusters
    )
    return BarrierDemand(
        conductance_S=conductance_S,
        ambient_K=card.ambient_K,
        vacancies=density * volume,
        step_S=step,
        time_s=times,
        barrier_J=np.array(
            [barrier_crossed_J(law.attempt_frequency_Hz, time, card.ambient_K) for time in times]
        ),
        hops=(sigma / step) ** 2,
        lost=-mean / step,
        density_per_eV=2 * sigma * line.sigma_slope_S / step**2 / heat * EV,
        onset_s=onset,
        onset_barrier_J=barrier_crossed_J(law.attempt_frequency_Hz, onset, card.ambient_K) if slow else 0.0,
        set_barrier_J=law.set_barrier_J(density),
        reset_barrier_J=law.barrier_reset_J,
        cluster=np.array(clusters),
        rest=rest,
        status=Status.CONVERGED,
        provenance=Provenance.create("array.relaxation_barriers", card=card),
    )
