"""What random hops predict for single levels: pulses of program-verify, and the spread at rest."""

import itertools

import numpy as np

from femristor.compact.dynamics.cells import IbmCells, TableCells
from femristor.compact.dynamics.fleet import pulse_fleet
from femristor.compact.ibm import IbmModel
from femristor.compact.noise.gillespie import resting_rate_per_s
from femristor.compact.noise.stochastic import NoisyCells, start_density
from femristor.compact.results.stochastic import ProgramPrediction, RestPrediction
from femristor.core.errors import ConvergenceError, RangeError
from femristor.core.rng import generator
from femristor.device.card import DeviceCard
from femristor.device.pulse_scheme import PulseScheme

RANGES_S = (10e-6, 30e-6, 60e-6, 90e-6)
"""Ranges with their own amplitudes (Falcone et al., arXiv 2502.04524)."""
LEVELS = 35
"""Levels of the measured programming."""
STEP_MAX = 0.05
"""Largest step of a programming pulse, of the conductance."""
SCAN_V = np.arange(0.9, 1.8001, 0.01)
"""Amplitudes tried for programming."""


def programming_schemes(
    cells: NoisyCells, card: DeviceCard, *, states: float | None = None
) -> list[PulseScheme]:
    """Amplitudes for each of RANGES_S, from the step of one pulse at its middle.

    The step is the window over the number of states, but no more than STEP_MAX of the conductance.

    Args:
        cells: model and load.
        card: window, states, width of a pulse.
        states: number of states; the card's by default.

    Returns:
        One scheme a range.

    Raises:
        RangeError: no amplitude of SCAN_V makes this step.
    """
    statistics = card.statistics
    even = (statistics.g_max_S - statistics.g_min_S) / (states or statistics.pulses.n_states_mean)
    kind = IbmCells if isinstance(cells.model, IbmModel) else TableCells
    width, found = statistics.pulses.pulse_width_s, []
    for low, high in itertools.pairwise(RANGES_S):
        middle = 0.5 * (low + high)
        step = min(even, STEP_MAX * middle)
        pair = []
        for direction in (1, -1):
            for top in range(SCAN_V.size, 8, -8):
                schemes = [PulseScheme(v, -v, width) for v in SCAN_V[:top]]
                try:
                    run = pulse_fleet(
                        cells.model,
                        kind.of(cells.model, top),
                        schemes,
                        [direction],
                        cells.load,
                        start_density_m3=cells.model.density_at(middle, cells.read_V),
                        reads=[0, 1],
                    )
                except (RangeError, ConvergenceError):
                    continue
                move = direction * (run.conductance_S[:, 1] - run.conductance_S[:, 0])
                break
            if not np.any(move >= step):
                raise RangeError(
                    f"No pulse up to {SCAN_V[top - 1]:.3g} V moves {middle * 1e6:.3g} uS by {step * 1e6:.3g} uS in "
                    f"direction {direction}; ask for more states."
                )
            k = int(np.argmax(move >= step))
            share = (step - move[k - 1]) / (move[k] - move[k - 1]) if k else 0.0
            pair.append(direction * float(SCAN_V[k - 1] + share * 0.01 if k else SCAN_V[0]))
        found.append(PulseScheme(pair[0], pair[1], width))
    return found


def program_levels(
    cells: NoisyCells,
    card: DeviceCard,
    schemes: list[PulseScheme],
    *,
    acceptance: float,
    start_density_m3: float | None = None,
    repeats: int = 8,
    most: int = 2000,
    seed: int = 0,
    progress=None,
) -> ProgramPrediction:
    """Program LEVELS levels over RANGES_S from HRS, some cells each.

    Args:
        cells: model, load, noise.
        card: the window.
        schemes: amplitudes of each range.
        acceptance: accepted distance, of the target.
        start_density_m3: state at the start; `start_density` by default.
        repeats: cells a level.
        most: most pulses.
        seed: of the noise.
        progress: where batches are shown.

    Returns:
        ProgramPrediction.
    """
    levels = np.repeat(np.linspace(RANGES_S[0], min(RANGES_S[-1], card.statistics.g_max_S), LEVELS), repeats)
    place = np.clip(np.searchsorted(RANGES_S, levels, side="right") - 1, 0, len(schemes) - 1)
    start = start_density_m3 or start_density(cells.model)
    pulses, reached = cells.program(
        [schemes[k] for k in place],
        levels,
        start,
        acceptance=acceptance,
        generator=generator(seed, 32),
        most=most,
        progress=progress,
    )
    return ProgramPrediction(
        acceptance,
        levels,
        pulses,
        reached,
        np.array(RANGES_S),
        np.array([scheme.set_V for scheme in schemes]),
        np.array([scheme.reset_V for scheme in schemes]),
        most,
        float(cells.model.conductance_S(start, cells.read_V)),
    )


def relaxation_at_rest(
    cells: NoisyCells, card: DeviceCard, time_s, conductance_S: float = 50e-6
) -> RestPrediction:
    """Spread of a level by thermal hops without field: F n 2 (a/L) nu exp(-E/kT) t in the count, the mean stays.

    Args:
        cells: model and noise.
        card: its measured lines in ln t.
        time_s: (times,) above 0.
        conductance_S: level.

    Returns:
        RestPrediction.
    """
    model, times = cells.model, np.asarray(time_s, dtype=float)
    density = float(model.density_at(conductance_S, cells.read_V))
    near = model.conductance_S(density * np.array([0.999, 1.001]), cells.read_V)
    per_ln = float(near[1] - near[0]) / 0.002
    law = model.ionic if isinstance(model, IbmModel) else model.table.ionic
    count = density * cells.noise.volume_m3
    sigma = []
    for barrier in (law.set_barrier_J(density), law.barrier_reset_J):
        rate = 2 * float(resting_rate_per_s(model, density, barrier))
        sigma.append(per_ln * np.sqrt(cells.noise.cluster * rate * times / count))
    lines, late = card.statistics.relaxation, np.maximum(np.log(times), 0.0)
    measured = np.maximum(lines.sigma_slope_S * np.log(times) + lines.sigma_offset_S, 0.0)
    return RestPrediction(conductance_S, model.ambient_K, times, *sigma, measured, lines.mean_slope_S * late)
