"""Pulses of cells whose vacancies hop at random: Langevin trains, their figures of merit, program-verify.

The rate law is the mean of forward and backward hops across the border of the switching region,
`dn/dt = n (a/L)(G_f - G_b)`; they are independent events, so that the count's variance grows by their sum,
`n (a/L)(G_f + G_b) = |dn/dt| coth(z e a E/2kT)`. Hops in clusters of F multiply it by F (the Fano factor), whatever
makes them come together. At rest (0 V) nothing moves within a train; see `relaxation_at_rest`.
Kernel: `kernels.noise.py`; twin: `stochastic_twin.py`; exact counts: `gillespie.py`.
"""

from dataclasses import dataclass

import numpy as np

from femristor.compact.dynamics.cells import IbmCells, TableCells, one_each
from femristor.compact.dynamics.integrator import Cells, check_tolerance, raise_failure
from femristor.compact.ibm import IbmModel
from femristor.compact.table.interpolate import TableModel
from femristor.core.bounds import CELLS, PULSES, check_memory
from femristor.core.constants import K_B, Q_E
from femristor.core.errors import InputError
from femristor.core.messages import NullProgress
from femristor.device.load_line import BARE, Load
from femristor.device.pulse_scheme import PulseScheme

TOLERANCE = 1e-5
"""Default tolerance of ln N in a drift step."""
BATCH = 16
"""Cells between two looks at the keyboard."""
END_FRACTION = 0.05
"""Share of a batch of pulses whose mean is its end."""

PULSED_HRS_M3 = 7e24
"""HRS of the published 0-D law under pulses, IBM compact model."""


def switching_volume_m3(model: IbmModel | TableModel, dome_radius_m: float | None = None) -> float:
    """Volume whose vacancies the state counts: A L of IBM's law, the half sphere over the filament of a table.

    Args:
        model: the cell.
        dome_radius_m: radius of the half sphere, needed for a table only.

    Returns:
        Volume [m^3]; 6.6e-24 with the published constants.

    Raises:
        InputError: a table without a radius.
    """
    if isinstance(model, IbmModel):
        return model.constants.area_m2 * model.constants.length_m
    if dome_radius_m is None or not dome_radius_m > 0:
        raise InputError("A table does not know its switching volume; give the radius of the dome.")
    return 2 / 3 * np.pi * dome_radius_m**3


@dataclass(frozen=True)
class HopNoise:
    """How hops make noise.

    Attributes:
        volume_m3: see `switching_volume_m3`.
        cluster: vacancies that hop together, the Fano factor F; 0 is the law without noise.
    """

    volume_m3: float
    cluster: float = 1.0

    def __post_init__(self):
        """Check signs."""
        if not (0 < self.volume_m3 < np.inf and 0 <= self.cluster < np.inf):
            raise InputError(
                f"Clusters of {self.cluster:g} vacancies in {self.volume_m3:g} m^3 are not possible; give a volume "
                "above 0 and a cluster of 0 or more."
            )


@dataclass(frozen=True)
class NoisyTrain:
    """Cells along a pulse train.

    Attributes:
        directions: (pulses,) 1 set, -1 reset.
        density_m3: (cells, pulses + 1) state before and after each pulse.
        conductance_S: (cells, pulses + 1) read with the read line in series.
    """

    directions: np.ndarray
    density_m3: np.ndarray
    conductance_S: np.ndarray


class NoisyCells:
    """Cells of one model with a load and hop noise.

    Args:
        model: IBM's law, or a table at one ambient.
        noise: volume and cluster.
        load: in series with every cell.
    """

    def __init__(
        self,
        model: IbmModel | TableModel,
        noise: HopNoise,
        load: Load = BARE,
        *,
        spread: IbmCells | TableCells | None = None,
        read_V: float = 0.2,
        tolerance: float = TOLERANCE,
    ) -> None:
        """Keep what every run needs; `spread` gives each cell its own parameters."""
        check_tolerance(tolerance)
        if not read_V > 0:
            raise InputError(f"A read at {read_V:g} V tells no conductance; give a voltage above 0.")
        self.model, self.noise, self.load, self.spread = model, noise, load, spread
        self.read_V, self.tolerance = read_V, tolerance

    def with_cluster(self, cluster: float) -> "NoisyCells":
        """The same cells with another cluster size."""
        noise = HopNoise(self.noise.volume_m3, cluster)
        return NoisyCells(
            self.model, noise, self.load, spread=self.spread, read_V=self.read_V, tolerance=self.tolerance
        )

    def pulses(
        self,
        scheme: PulseScheme,
        directions,
        start_density_m3,
        *,
        generator: np.random.Generator,
        cells: int = 1,
        progress=None,
    ) -> NoisyTrain:
        """Take cells through a pulse train.

        Args:
            scheme: amplitudes and times.
            directions: (pulses,) above 0 set, below 0 reset.
            start_density_m3: state at the start, one or (cells,).
            generator: source of the noise.
            cells: how many.
            progress: where batches are shown.

        Returns:
            NoisyTrain.

        Raises:
            RangeError: a cell leaves its model.
            ConvergenceError: a step went to nothing.
            InputError: impossible pulses or lengths.
        """
        from femristor.compact.kernels.noise import train

        shots = np.sign(np.asarray(directions, dtype=float)).astype(np.int8)
        if shots.ndim != 1 or shots.size == 0 or np.any(shots == 0):
            raise InputError("A noisy train needs directions of +1 or -1 in one dimension; give one a pulse.")
        CELLS.check(cells, "cells (--cells)")
        check_memory(
            32.0 * cells * (shots.size + 1),
            f"{shots.size} pulses on {cells} cells",
            "give fewer cells or pulses",
        )
        shapes = np.tile(_shape(scheme), (cells, 1))
        parts = []

        def run(part: slice, common: tuple, start: np.ndarray, per_hop: np.ndarray):
            state, found, status, where = train(
                *common, shapes[part], shots, start, self.tolerance, self.read_V, per_hop, generator
            )
            parts.append((state, found))
            return status, where

        self._batches(run, cells, start_density_m3, progress, "noisy pulses")
        state, found = (np.concatenate([part[k] for part in parts]) for k in (0, 1))
        return NoisyTrain(shots, np.exp(state), found)

    def program(
        self,
        schemes: list[PulseScheme],
        targets_S,
        start_density_m3,
        *,
        acceptance: float,
        generator: np.random.Generator,
        most: int = 1000,
        progress=None,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Program-verify: a set pulse below, a reset pulse above, until the read is accepted.

        Args:
            schemes: amplitudes and times of each cell.
            targets_S: (cells,) conductances.
            start_density_m3: state at the start, one or (cells,).
            acceptance: accepted distance, of the target.
            generator: source of the noise.
            most: most pulses for a cell.
            progress: where batches are shown.

        Returns:
            Pulses (cells,), -1 or -2 where they were used up above or below the target; conductances (cells,).

        Raises:
            RangeError: a cell leaves its model.
            InputError: impossible targets or lengths.
        """
        from femristor.compact.kernels.noise import verify

        targets = np.asarray(targets_S, dtype=float)
        if targets.ndim != 1 or len(schemes) != targets.size or not np.all(targets > 0):
            raise InputError(f"{len(schemes)} schemes for {targets.size} targets; give one each.")
        if not 0 < acceptance < 1 or most < 1:
            raise InputError(
                f"An acceptance of {acceptance:g} within {most} pulses is not possible; give 0.02 and 1 or more pulses."
            )
        shapes = np.stack([_shape(scheme) for scheme in schemes])
        parts = []

        def run(part: slice, common: tuple, start: np.ndarray, per_hop: np.ndarray):
            used, found, status, where = verify(
                *common, shapes[part], targets[part], start, self.tolerance, self.read_V, per_hop, generator,
                acceptance, most,
            )  # fmt: skip
            parts.append((used, found))
            return status, where

        self._batches(run, targets.size, start_density_m3, progress, "program-verify")
        return tuple(np.concatenate([part[k] for part in parts]) for k in (0, 1))

    def _batches(self, run, count: int, start_density_m3, progress, name: str) -> None:
        """Run a kernel on a few cells at a time; a failure becomes one sentence."""
        cells = Cells.of_model(self.model, count, self.load, spread=self.spread)
        kind, (patches, rows, columns), ionic = cells.packed
        field = self.field(patches)
        state = cells.start(start_density_m3).copy()
        per_hop = one_each(self.noise.cluster / self.noise.volume_m3, count, "cluster sizes")
        with (progress or NullProgress()).task(name, count) as shown:
            for first in range(0, count, BATCH):
                part = slice(first, min(first + BATCH, count))
                common = (kind, (patches[0], rows, columns), field, ionic, cells.parameters[part])
                status, where = run(part, (*common, cells.loads[part]), state[part], per_hop[part])
                failed = np.flatnonzero(status)
                if failed.size:
                    cell = int(failed[0])
                    shot, time_s, volt = where[cell]
                    place = f"cell {first + cell} in pulse {int(shot) + 1} at {time_s:.4g} s and {volt:.4g} V applied"
                    raise_failure(int(status[cell]), place, float(np.exp(state[first + cell])), self.model)
                shown.advance(status.size)

    def field(self, patches: np.ndarray) -> tuple[np.ndarray, float]:
        """What `kernels.noise.activity` needs of a table."""
        if isinstance(self.model, IbmModel):
            return patches[0, 0], 0.0
        law = self.model.table.ionic
        reach = law.charge_number * Q_E * law.hop_distance_m / (2 * K_B)
        return np.ascontiguousarray(self.model.patches("field_mean_V_per_m")), reach


def start_density(model) -> float:
    """HRS from which trains and programming start: the table's, or the pulsed HRS of the published law."""
    return PULSED_HRS_M3 if isinstance(model, IbmModel) else float(model.table.states["hrs"])


def protocol(up: int = 400, down: int = 400, alternating: int = 500) -> np.ndarray:
    """(pulses,) directions of the open-loop experiment (Falcone et al., arXiv 2502.04524).

    Raises:
        InputError: too few pulses for the figures of merit, or too many.
    """
    for name, count in (("set", up), ("reset", down), ("alternating", alternating)):
        PULSES.check(count, f"{name} pulses (--protocol)")
    if min(up, down) < 1 or alternating < 8:
        raise InputError(
            f"A protocol of {up}/{down}/{alternating} pulses is too short; use 1 or more set and reset pulses and 8 or "
            "more alternating ones."
        )
    turns = np.where(np.arange(alternating) % 2 == 0, 1, -1)
    return np.concatenate([np.ones(up, int), -np.ones(down, int), turns])


def merits(conductance_S: np.ndarray, directions: np.ndarray, alternating: int) -> dict[str, np.ndarray]:
    """N_states, SP skew and NSR of traces, defined as in the array room (Falcone et al., eqs. 1-3).

    Args:
        conductance_S: (cells, pulses + 1), first before any pulse.
        directions: (pulses,) 1 or -1; the batch up, the batch down, the alternating ones.
        alternating: how many of the last alternate.

    Returns:
        g_min_S, g_max_S, g_symmetry_S, n_states, skew, nsr: (cells,) each; the symmetry point is the mean over the
        second half of the alternating pulses. NaN where a cell has no range or no steps.
    """
    trace = np.asarray(conductance_S)
    down_end = directions.size - alternating
    up_end = int(np.argmax(directions[:down_end] < 0))
    half = down_end + alternating // 2
    half += (half - down_end) % 2
    g_max, g_min = _end(trace[:, 1 : up_end + 1]), _end(trace[:, up_end + 1 : down_end + 1])
    signed = np.diff(trace[:, half:], axis=1) * directions[half:]
    size = np.mean(np.abs(signed), axis=1)
    symmetry, span = trace[:, half:].mean(axis=1), g_max - g_min
    return {
        "g_min_S": g_min,
        "g_max_S": g_max,
        "g_symmetry_S": symmetry,
        "n_states": _ratio(span, size),
        "skew": _ratio(g_max - symmetry, span),
        "nsr": _ratio(signed.std(axis=1, ddof=1), size),
    }


def _ratio(top: np.ndarray, bottom: np.ndarray) -> np.ndarray:
    return np.divide(top, bottom, out=np.full_like(top, np.nan), where=bottom > 0)


def _end(batch: np.ndarray) -> np.ndarray:
    return batch[:, -max(1, round(END_FRACTION * batch.shape[1])) :].mean(axis=1)


def _shape(scheme: PulseScheme) -> np.ndarray:
    return np.array([scheme.set_V, scheme.reset_V, scheme.edge_s, scheme.width_s - 2 * scheme.edge_s])
