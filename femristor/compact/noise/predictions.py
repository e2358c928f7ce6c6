"""What random hops predict along a train: its NSR, and the cluster size that a measured one asks for."""

import math

import numpy as np

from femristor.compact.ibm import IbmModel
from femristor.compact.noise.stochastic import NoisyCells, merits, protocol, start_density
from femristor.compact.results.stochastic import NoisePrediction, ProgramPrediction, RestPrediction
from femristor.core.bounds import CELLS, SEEDS
from femristor.core.errors import ConvergenceError, InputError
from femristor.core.messages import NullProgress
from femristor.core.provenance import Provenance
from femristor.core.rng import generator
from femristor.device.card import DeviceCard
from femristor.device.pulse_scheme import PulseScheme

CLUSTER_MIN, CLUSTER_MAX = 0.1, 100.0
"""Sizes beyond which no larger or smaller cluster is tried."""
CLOSE = 0.02
"""Relative distance of NSR at which a search ends, twice that of N_states; about the error of 16 cells."""
LEAST_WINDOW = 1.05
"""Least ratio of the conductances after set and reset for which figures of merit mean something."""
TRIES = 12
"""Most trains of a search."""


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
        CELLS.check(count, "cells a seed (--cells)")
        SEEDS.check(seeds, "seeds (--seeds)")
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
    pulses = card.statistics.pulses
    quiet = _quiet(loop, scheme)
    found = {name: values.ravel() for name, values in loop.run(scheme, cells.noise.cluster).items()}
    return NoisePrediction(
        model="ibm" if isinstance(cells.model, IbmModel) else "table",
        load=cells.load.label,
        set_V=scheme.set_V,
        reset_V=scheme.reset_V,
        width_s=scheme.width_s,
        volume_m3=cells.noise.volume_m3,
        cluster=cells.noise.cluster,
        measured_n_states=pulses.n_states_mean,
        measured_nsr=pulses.noise_to_signal,
        seeds=seeds,
        programming=programming,
        rest=rest,
        provenance=Provenance.create("compact.predict_noise", card=card, seed=seed),
        **quiet,
        **found,
        **_searched(loop, scheme, pulses if search else None),
        **_matched(loop, scheme, pulses if match else None),
    )


def _quiet(loop: OpenLoop, scheme: PulseScheme) -> dict:
    """Figures of the law without noise."""
    cells = loop.cells.with_cluster(0.0)
    train = cells.pulses(scheme, loop.directions, loop.start, generator=generator(loop.seed), cells=1)
    still = merits(train.conductance_S, loop.directions, loop.alternating)
    if not (still["n_states"][0] > 1 and still["g_max_S"][0] > LEAST_WINDOW * still["g_min_S"][0]):
        low, high = (float(still[name][0]) * 1e6 for name in ("g_min_S", "g_max_S"))
        raise InputError(
            f"Pulses of {scheme.set_V:g} / {scheme.reset_V:g} V hardly switch this cell ({low:.4g} uS after reset, "
            f"{high:.4g} uS after set); raise the amplitudes or the width."
        )
    ends = [float(still[name][0]) for name in ("g_min_S", "g_symmetry_S", "g_max_S")]
    return {
        "quiet_n_states": float(still["n_states"][0]),
        "quiet_skew": float(still["skew"][0]),
        "vacancies": _densities(train, ends) * cells.noise.volume_m3,
    }


def _searched(loop: OpenLoop, scheme: PulseScheme, pulses) -> dict:
    """Cluster size at fixed amplitudes; NaN where not asked for (no `pulses`)."""
    found = np.empty(0), np.empty(0), math.nan, math.nan
    if pulses is not None:
        found = loop.cluster_for(scheme, pulses.noise_to_signal)
    return dict(zip(("tried_cluster", "tried_nsr", "cluster_for_nsr", "cluster_error"), found, strict=True))


def _matched(loop: OpenLoop, scheme: PulseScheme, pulses) -> dict:
    """Amplitudes and cluster size with both figures as measured; NaN where not asked for (no `pulses`)."""
    found = (math.nan,) * 5
    if pulses is not None:
        best, *rest = loop.match(scheme, pulses.n_states_mean, pulses.noise_to_signal)
        found = best.set_V, best.reset_V, *rest
    names = ("set_V", "reset_V", "cluster", "n_states", "nsr")
    return {f"matched_{name}": value for name, value in zip(names, found, strict=True)}


def _densities(quiet, levels_S) -> np.ndarray:
    """Densities along a noise-free train nearest to conductances."""
    reads, density = quiet.conductance_S[0], quiet.density_m3[0]
    return np.array([density[int(np.argmin(np.abs(reads - level)))] for level in levels_S])
