"""What random hops predict: NSR along a train, the cluster size a measured NSR asks for, programming, rest."""

import itertools
import math

import numpy as np

from femristor.compact.cells import IbmCells, TableCells
from femristor.compact.fleet import pulse_fleet
from femristor.compact.gillespie import resting_rate_per_s
from femristor.compact.ibm import IbmModel
from femristor.compact.stochastic import NoisyCells, merits, protocol
from femristor.compact.stochastic_result import NoisePrediction, ProgramPrediction, RestPrediction
from femristor.core.errors import ConvergenceError, InputError, RangeError
from femristor.core.progress import NullProgress
from femristor.core.provenance import Provenance
from femristor.core.rng import generator
from femristor.device.card import DeviceCard
from femristor.device.pulse_scheme import PulseScheme

CLUSTER_MIN, CLUSTER_MAX = 0.1, 100.0
"""Sizes beyond which no larger or smaller cluster is tried."""
CLOSE = 0.02
"""Relative distance of NSR at which a search ends, twice that of N_states; about the error of 16 cells."""
TRIES = 12
"""Most trains of a search."""
RANGES_S = (10e-6, 30e-6, 60e-6, 90e-6)
"""Ranges with their own amplitudes (Falcone et al., arXiv 2502.04524)."""
PULSED_HRS_M3 = 7e24
"""HRS of the published 0-D law under pulses, IBM compact model."""
LEVELS = 35
"""Levels of the measured programming."""
STEP_MAX = 0.05
"""Largest step of a programming pulse, of the conductance."""
SCAN_V = np.arange(0.9, 1.8001, 0.01)
"""Amplitudes tried for programming."""


class OpenLoop:
    """The open-loop experiment of some cells, averaged over seeds.

    Args:
        cells: model, load and noise.
        count: cells a seed.
        seeds: how many.
    """

    def __init__(
        self,
        cells: NoisyCells,
        count: int,
        seeds: int,
        *,
        seed: int = 0,
        alternating: int = 500,
        progress=None,
    ) -> None:
        """Keep the experiment; `seed` is the first of the seeds."""
        if count < 2 or seeds < 1:
            raise InputError(f"{count} cells and {seeds} seeds have no mean; use 2 or more cells and a seed.")
        self.cells, self.count, self.seeds, self.seed = cells, count, seeds, seed
        self.alternating, self.progress = alternating, progress or NullProgress()
        self.directions = protocol(alternating=alternating)
        self.start = start_density(cells.model)

    def run(self, scheme: PulseScheme, cluster: float) -> dict[str, np.ndarray]:
        """Figures of merit (seeds, cells) of `stochastic.merits`."""
        cells, rows = self.cells.with_cluster(cluster), []
        for index in range(self.seeds):
            rng = generator(self.seed, 31, index)
            trace = cells.pulses(scheme, self.directions, self.start, generator=rng, cells=self.count)
            rows.append(merits(trace.conductance_S, self.directions, self.alternating))
        return {name: np.stack([row[name] for row in rows]) for name in rows[0]}

    def cluster_for(self, scheme: PulseScheme, nsr: float) -> tuple[np.ndarray, np.ndarray, float, float]:
        """Cluster size that gives an NSR (median over cells, mean over seeds) at fixed amplitudes.

        Args:
            scheme: amplitudes and times.
            nsr: wanted.

        Returns:
            Sizes tried, rising, and their NSR; the size wanted and its standard error over seeds, NaN where no size
            between CLUSTER_MIN and CLUSTER_MAX has this NSR.
        """
        tried: dict[float, np.ndarray] = {}

        def ask(size: float) -> float:
            tried[size] = np.median(self.run(scheme, size)["nsr"], axis=1)
            task.advance(1)
            return float(np.mean(tried[size]))

        with self.progress.task("cluster size", 6) as task:
            factor, size = 2.0 if ask(1.0) < nsr else 0.5, 1.0
            while (np.mean(tried[size]) < nsr) == (factor > 1) and CLUSTER_MIN < size < CLUSTER_MAX:
                size *= factor
                ask(size)
            if (
                np.min([np.mean(x) for x in tried.values()])
                < nsr
                <= np.max([np.mean(x) for x in tried.values()])
            ):
                ask(_crossing(tried, nsr))
        sizes = np.array(sorted(tried))
        reached = np.array([np.mean(tried[size]) for size in sizes])
        each = [_crossing(tried, nsr, index) for index in range(self.seeds)]
        error = float(np.std(each, ddof=1) / math.sqrt(self.seeds)) if self.seeds > 1 else math.nan
        return sizes, reached, _crossing(tried, nsr), error

    def match(
        self, scheme: PulseScheme, n_states: float, nsr: float
    ) -> tuple[PulseScheme, float, float, float]:
        """Shift both amplitudes and choose the cluster until N_states and NSR are both as wanted (medians).

        Args:
            scheme: where the search starts.
            n_states: wanted.
            nsr: wanted.

        Returns:
            Scheme, cluster, N_states and NSR reached.

        Raises:
            ConvergenceError: not found.
        """
        cluster, steep = 4.0, 12.0
        with self.progress.task("amplitudes and cluster size", TRIES) as task:
            for _ in range(TRIES):
                found = self.run(scheme, cluster)
                states, noise = float(np.median(found["n_states"])), float(np.median(found["nsr"]))
                task.advance(1)
                if abs(states / n_states - 1) < 2 * CLOSE and abs(noise / nsr - 1) < CLOSE:
                    return scheme, cluster, states, noise
                shift = float(np.clip(math.log(states / n_states) / steep, -0.05, 0.05))
                scheme = PulseScheme(
                    scheme.set_V + shift, scheme.reset_V - shift, scheme.width_s, scheme.edge_s
                )
                # Larger amplitudes quieten: NSR falls about as the root of the step, clusters raise it as theirs.
                cluster *= float(np.clip((nsr / noise) ** 2 * math.exp(0.5 * steep * shift), 0.4, 2.5))
                cluster = min(cluster, CLUSTER_MAX)
        raise ConvergenceError(
            f"No amplitudes and cluster give {n_states:g} states and an NSR of {nsr:g} (last {states:.3g} and "
            f"{noise:.3g}); use more cells or amplitudes nearer to {n_states:g} states."
        )


def _crossing(tried: dict[float, np.ndarray], nsr: float, seed: int | None = None) -> float:
    """Size where ln NSR over ln F first crosses a value, NaN where it does not; of one seed or of their mean."""
    sizes = sorted(tried)
    reached = [float(np.mean(tried[size]) if seed is None else tried[size][seed]) for size in sizes]
    for k in range(len(sizes) - 1):
        if reached[k] < nsr <= reached[k + 1]:
            share = math.log(nsr / reached[k]) / math.log(reached[k + 1] / reached[k])
            return sizes[k] * (sizes[k + 1] / sizes[k]) ** share
    return math.nan


def start_density(model) -> float:
    """HRS from which trains and programming start: the table's, or the pulsed HRS of the published law."""
    return PULSED_HRS_M3 if isinstance(model, IbmModel) else float(model.table.states["hrs"])


def predict_noise(
    cells: NoisyCells,
    card: DeviceCard,
    scheme: PulseScheme,
    *,
    count: int = 16,
    seeds: int = 3,
    seed: int = 0,
    search: bool = True,
    match: bool = False,
    programming: tuple[ProgramPrediction, ...] = (),
    rest: tuple[RestPrediction, ...] = (),
    progress=None,
) -> NoisePrediction:
    """Noise of the open-loop train, and the cluster size that the card's measured NSR asks for.

    Args:
        cells: model, load and noise.
        card: its card (what was measured).
        scheme: amplitudes and times.
        count: cells a seed.
        seeds: how many.
        seed: the first of them.
        search: look for the cluster size at these amplitudes.
        match: look for amplitudes and cluster size that give both N_states and NSR of the card.
        programming: kept with the result.
        rest: kept with the result.
        progress: where the searches are shown.

    Returns:
        NoisePrediction.

    Raises:
        RangeError: a cell leaves its model.
        ConvergenceError: `match` finds nothing.
    """
    loop = OpenLoop(cells, count, seeds, seed=seed, progress=progress)
    quiet = cells.with_cluster(0.0).pulses(
        scheme, loop.directions, loop.start, generator=generator(seed), cells=1
    )
    still = merits(quiet.conductance_S, loop.directions, loop.alternating)
    ends = [float(still[name][0]) for name in ("g_min_S", "g_symmetry_S", "g_max_S")]
    found = loop.run(scheme, cells.noise.cluster)
    pulses, nan = card.statistics.pulses, math.nan
    tried, reached, wanted, error = np.empty(0), np.empty(0), nan, nan
    if search:
        tried, reached, wanted, error = loop.cluster_for(scheme, pulses.noise_to_signal)
    set_V = reset_V = cluster = states = nsr = nan
    if match:
        best, cluster, states, nsr = loop.match(scheme, pulses.n_states_mean, pulses.noise_to_signal)
        set_V, reset_V = best.set_V, best.reset_V
    return NoisePrediction(
        model="ibm" if isinstance(cells.model, IbmModel) else "table",
        load=cells.load.label,
        set_V=scheme.set_V,
        reset_V=scheme.reset_V,
        width_s=scheme.width_s,
        volume_m3=cells.noise.volume_m3,
        cluster=cells.noise.cluster,
        vacancies=_densities(cells, quiet, ends) * cells.noise.volume_m3,
        **{name: values.ravel() for name, values in found.items()},
        quiet_n_states=float(still["n_states"][0]),
        quiet_skew=float(still["skew"][0]),
        measured_n_states=pulses.n_states_mean,
        measured_nsr=pulses.noise_to_signal,
        tried_cluster=tried,
        tried_nsr=reached,
        cluster_for_nsr=wanted,
        cluster_error=error,
        matched_set_V=set_V,
        matched_reset_V=reset_V,
        matched_cluster=cluster,
        matched_n_states=states,
        matched_nsr=nsr,
        seeds=seeds,
        programming=programming,
        rest=rest,
        provenance=Provenance.create("compact.predict_noise", card=card, seed=seed),
    )


def _densities(cells: NoisyCells, quiet, levels_S) -> np.ndarray:
    """Densities along a noise-free train nearest to conductances."""
    reads, density = quiet.conductance_S[0], quiet.density_m3[0]
    return np.array([density[int(np.argmin(np.abs(reads - level)))] for level in levels_S])


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
