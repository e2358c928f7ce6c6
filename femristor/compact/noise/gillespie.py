"""Exact counts: the number of vacancies of each cell as a jump process, pulses in pieces of constant voltage.

A cell with n vacancies gains or loses F of them at the rates `n (a/L) G_f / F` and `n (a/L) G_b / F` of its own state,
so that mean and variance grow as in `stochastic.py`. At constant applied voltage the rates depend on n alone and
Gillespie's direct method (J. Phys. Chem. 81, 2340, 1977) is exact; a piece may end between two events, since waiting
times have no memory. `simulate_plain` is the same process with Python's own loop.
"""

import numpy as np
from numba import njit

from femristor.compact.ibm import IbmModel
from femristor.compact.table.interpolate import TableModel
from femristor.core.constants import K_B, Q_E
from femristor.core.errors import InputError, RangeError
from femristor.device.load_line import BARE, BARE_KIND, Load, current
from femristor.device.pulse_scheme import PulseScheme

BISECTIONS = 60
"""Halvings of the bracket of the device voltage."""


def device_voltages(model: IbmModel | TableModel, density_m3, applied_V: float, load: Load) -> np.ndarray:
    """Voltages over cells of many densities on one load line (bisection).

    Args:
        model: the cell.
        density_m3: (...) states.
        applied_V: over cell and load.
        load: in series.

    Returns:
        (...) signed voltages [V].
    """
    density = np.asarray(density_m3, dtype=float)
    line, sign = load.line(applied_V), 1.0 if applied_V >= 0 else -1.0
    if line.kind == BARE_KIND or applied_V == 0:
        return np.full(density.shape, float(applied_V))
    low = np.zeros(density.shape)
    high = np.full(density.shape, min(abs(applied_V), getattr(model, "voltage_max_V", np.inf)))
    for _ in range(BISECTIONS):
        middle = 0.5 * (low + high)
        through = sign * model.current_A(sign * middle, density)
        more = through > sign * current(line, applied_V, sign * middle)
        low, high = np.where(more, low, middle), np.where(more, middle, high)
    return sign * 0.5 * (low + high)


def hop_counts_per_s(model: IbmModel | TableModel, voltage_V, density_m3, volume_m3: float) -> np.ndarray:
    """Rates at which vacancies enter and leave the switching region.

    Args:
        model: the cell.
        voltage_V: (...) over the cell, not 0 (at rest see `resting_rate_per_s`).
        density_m3: (...) states.
        volume_m3: of the region.

    Returns:
        (2, ...) rates [1/s] of gains and losses.
    """
    volt, density = np.broadcast_arrays(np.asarray(voltage_V, float), np.asarray(density_m3, float))
    net = model.density_rate_per_m3s(volt, density) * volume_m3
    law = _ionic(model)
    field = model.field_mean_V_per_m(volt, density)
    warm = 2 * K_B * model.temperature_mean_K(volt, density)
    both = np.abs(net) / np.tanh(law.charge_number * Q_E * law.hop_distance_m * field / warm)
    return 0.5 * np.stack([both + net, both - net])


def resting_rate_per_s(model: IbmModel | TableModel, density_m3, barrier_J) -> np.ndarray:
    """Rate at which vacancies enter at 0 V, and as many leave: `n (a/L) nu exp(-E/kT)` for each, per n.

    Args:
        model: the cell.
        density_m3: (...) states.
        barrier_J: (...) barrier, that of set or of reset: the law has two and does not say which holds at 0 V.

    Returns:
        (...) rates [1/s] of one vacancy.
    """
    law = _ionic(model)
    free = (1 - np.asarray(density_m3, float) / law.density_max_m3) ** law.saturation_exponent
    hop = law.attempt_frequency_Hz * np.exp(-np.asarray(barrier_J) / (K_B * model.ambient_K))
    return law.hop_distance_m / law.length_m * hop * free


class CountedCells:
    """Cells of whole vacancies.

    Args:
        model: the cell.
        volume_m3: of the switching region.
        load: in series.
    """

    def __init__(
        self,
        model: IbmModel | TableModel,
        volume_m3: float,
        load: Load = BARE,
        *,
        cluster: int = 1,
        most: int,
    ) -> None:
        """Counts from 0 to `most`; `cluster` vacancies move together."""
        if cluster < 1 or cluster != int(cluster) or most <= cluster or not volume_m3 > 0:
            raise InputError(
                f"Clusters of {cluster} of at most {most} vacancies in {volume_m3:g} m^3 are not possible; give whole "
                "numbers above 0."
            )
        self.model, self.volume_m3, self.load = model, volume_m3, load
        self.cluster, self.most = int(cluster), int(most)

    def rates(self, applied_V: float) -> np.ndarray:
        """(2, most + 1) rates [1/s] of events up and down at each count; nothing leaves below one cluster."""
        count = np.arange(1, self.most + 1)
        density = count / self.volume_m3
        table = np.zeros((2, self.most + 1))
        if applied_V != 0:
            volt = device_voltages(self.model, density, applied_V, self.load)
            table[:, 1:] = hop_counts_per_s(self.model, volt, density, self.volume_m3) / self.cluster
        table[1, : self.cluster] = 0.0
        return table

    def run(self, time_s, voltage_V, counts, *, generator: np.random.Generator) -> np.ndarray:
        """Take cells through pieces of constant voltage.

        Args:
            time_s: (pieces,) lengths.
            voltage_V: (pieces,) applied.
            counts: (cells,) whole numbers at the start.
            generator: source of events.

        Returns:
            (cells, pieces) counts after each piece.

        Raises:
            RangeError: a count reached `most`.
            InputError: counts outside 0 to `most`.
        """
        start = np.asarray(counts)
        if (
            start.ndim != 1
            or np.any(start < 0)
            or np.any(start > self.most)
            or np.any(start != start.astype(int))
        ):
            raise InputError(
                f"Counts must be whole numbers from 0 to {self.most} in one dimension; correct them."
            )
        volts, piece = np.unique(np.asarray(voltage_V, dtype=float), return_inverse=True)
        tables = np.stack([self.rates(float(volt)) for volt in volts])
        found = simulate(
            tables, piece, np.asarray(time_s, float), start.astype(np.int64), self.cluster, generator
        )
        if np.any(found < 0):
            raise RangeError(f"A cell reached {self.most} vacancies; raise `most` or lower the voltage.")
        return found


@njit(cache=True)
def simulate(tables, piece, length, start, cluster, rng):
    """Counts of cells after each piece, -1 from where one leaves its table.

    Args:
        tables: (voltages, 2, counts) rates of events up and down.
        piece: (pieces,) index of the voltage.
        length: (pieces,) times.
        start: (cells,) counts.
        cluster: vacancies of an event.
        rng: generator.
    """
    most = tables.shape[2] - 1
    found = np.full((start.size, piece.size), -1)
    for k in range(start.size):
        n = start[k]
        for p in range(piece.size):
            up, down = tables[piece[p], 0], tables[piece[p], 1]
            left = length[p]
            while True:
                total = up[n] + down[n]
                if total <= 0.0:
                    break
                left -= rng.standard_exponential() / total
                if left < 0.0:
                    break
                n += cluster if rng.random() * total < up[n] else -cluster
                if n > most:
                    break
            if n > most:
                break
            found[k, p] = n
    return found


def simulate_plain(tables, piece, length, start, cluster, rng) -> np.ndarray:
    """`simulate` without numba."""
    return simulate.py_func(tables, piece, length, start, cluster, rng)


def staircase(scheme: PulseScheme, direction: int, steps: int = 16) -> tuple[np.ndarray, np.ndarray]:
    """A trapezoid as pieces of constant voltage, midpoints of `steps` equal parts of each edge.

    Args:
        scheme: amplitudes and times.
        direction: above 0 set.
        steps: pieces of an edge.

    Returns:
        Lengths and voltages (2 steps + 1,).
    """
    top = scheme.set_V if direction > 0 else scheme.reset_V
    rise = (np.arange(steps) + 0.5) / steps * top
    lengths = np.full(2 * steps + 1, scheme.edge_s / steps)
    lengths[steps] = scheme.width_s - 2 * scheme.edge_s
    return lengths, np.concatenate([rise, [top], rise[::-1]])


def _ionic(model):
    return model.ionic if isinstance(model, IbmModel) else model.table.ionic
