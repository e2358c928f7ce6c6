"""Sweeps and pulses of cells on a table: implicit steps with error control, the load line solved inside.

The state is u = ln N, `du/dt = sign(V) (a/L) <Gamma>(V, N) (1 - N/N_max)^n`; the voltage over the cell solves
`I_cell(V, N) = I_load(V_applied - V)` at every stage. Steps end at the corners of the waveform and where it
crosses 0 V. The fast path is `kernels.py`; the plain twin is `twin.py`.
"""

from dataclasses import dataclass

import numpy as np

from femristor.compact.interpolate import TableModel
from femristor.compact.result import CompactTable, SweepResult
from femristor.core.curves import Waveform
from femristor.core.errors import ConvergenceError, InputError, RangeError
from femristor.core.progress import NullProgress
from femristor.core.provenance import Provenance
from femristor.core.status import Status
from femristor.device.load_line import BARE, Load

TOLERANCE = 1e-6
"""Default tolerance of ln N in a step."""
POINTS = 101
"""Default number of points on each straight piece of a waveform."""
BATCH = 256
"""Cells integrated between two looks at the keyboard."""


@dataclass(frozen=True)
class Cells:
    """Cells ready to be integrated.

    Attributes:
        models: the table at each distinct ambient.
        slices: (cells,) index of each cell's model.
        loads: (cells, 4) of `Load.numbers`.
        coefficients: (ambients, 3, densities - 1, biases, 4, 4) patches of the models.
    """

    models: tuple[TableModel, ...]
    slices: np.ndarray
    loads: np.ndarray
    coefficients: np.ndarray

    @classmethod
    def of(cls, table: CompactTable, cells: int, ambient_K=None, load: Load | list[Load] = BARE) -> "Cells":
        """Cells of one table.

        Args:
            table: the sampled cell.
            cells: how many.
            ambient_K: one ambient, or (cells,); the card's by default.
            load: one load, or a list with one for each cell.

        Returns:
            Cells.

        Raises:
            RangeError: an ambient outside the table.
            InputError: a list of another length.
        """
        wanted = table.nominal_ambient_K if ambient_K is None else ambient_K
        ambients = _one_each(np.asarray(wanted, dtype=float), cells, "ambients")
        distinct, slices = np.unique(ambients, return_inverse=True)
        loads = [load] * cells if isinstance(load, Load) else list(load)
        if len(loads) != cells:
            raise InputError(f"{len(loads)} loads for {cells} cells; give one load or one for each cell.")
        models = tuple(TableModel(table, float(ambient)) for ambient in distinct)
        numbers = np.array([entry.numbers() for entry in loads])
        return cls(models, slices, numbers, np.stack([model.kernel_coefficients for model in models]))

    def advance(self, time_s, voltage_V, density_m3, *, tolerance: float = TOLERANCE, progress=None):
        """Integrate all cells through straight pieces that do not cross 0 V.

        Args:
            time_s: (corners,) rising.
            voltage_V: (corners,) applied to cell and load.
            density_m3: (cells,) state at the first corner.
            tolerance: of ln N in a step.
            progress: where batches of cells are shown.

        Returns:
            Densities (cells, corners) and device voltages (cells, corners).

        Raises:
            RangeError: voltage or density leave the table, with time and bias.
            ConvergenceError: the step went to nothing, with time and bias.
            InputError: an impossible tolerance.
        """
        from femristor.compact.kernels import integrate

        if not 1e-12 <= tolerance <= 0.1:
            raise InputError(f"A tolerance of {tolerance:g} cannot be met; give one from 1e-12 to 0.1.")
        table, model = self.models[0].table, self.models[0]
        model.conductance_S(density_m3, 0.0)
        law = table.ionic
        ionic = (law.hop_distance_m / law.length_m, law.density_max_m3, law.saturation_exponent)
        knots = model.knots_ln_density
        start = np.clip(np.log(density_m3), knots[0], knots[-1])
        states, volts = [], []
        with (progress or NullProgress()).task("compact sweep", start.size) as shown:
            for first in range(0, start.size, BATCH):
                part = slice(first, first + BATCH)
                state, device, status, where, _ = integrate(
                    self.coefficients,
                    self.slices[part],
                    knots,
                    model.knots_V,
                    ionic,
                    self.loads[part],
                    np.asarray(time_s, dtype=float),
                    np.asarray(voltage_V, dtype=float),
                    start[part],
                    tolerance,
                )
                _raise_first(status, where, state, first, model)
                states.append(state)
                volts.append(device)
                shown.advance(status.size)
        return np.exp(np.clip(np.concatenate(states), knots[0], knots[-1])), np.concatenate(volts)


def sweep(
    table: CompactTable,
    waveform: Waveform,
    density_m3,
    *,
    ambient_K=None,
    load: Load | list[Load] = BARE,
    tolerance: float = TOLERANCE,
    points: int = POINTS,
    progress=None,
) -> SweepResult:
    """Sweep cells through one waveform.

    Args:
        table: the sampled cell.
        waveform: voltage over cell and load.
        density_m3: dome density at the start, one or (cells,).
        ambient_K: one ambient, or (cells,); the card's by default.
        load: what is in series, one or a list with one for each cell.
        tolerance: of ln N in a step.
        points: points stored on each straight piece of the waveform, at least 2.
        progress: where batches of cells are shown.

    Returns:
        SweepResult.

    Raises:
        RangeError: voltage, density or ambient leave the table; the message has time and bias.
        ConvergenceError: the step went to nothing.
        InputError: an impossible tolerance, number of points or number of cells.
    """
    start = np.atleast_1d(np.asarray(density_m3, dtype=float))
    cells = Cells.of(table, start.size, ambient_K, load)
    time, volt = refine(waveform, points)
    density, device = cells.advance(time, volt, start, tolerance=tolerance, progress=progress)
    current, temperature, rate = (np.empty_like(density) for _ in range(3))
    for index, model in enumerate(cells.models):
        here = cells.slices == index
        current[here] = model.current_A(device[here], density[here])
        temperature[here] = model.temperature_mean_K(device[here], density[here])
        rate[here] = model.density_rate_per_m3s(device[here], density[here])
    labels = sorted({load.label} if isinstance(load, Load) else {entry.label for entry in load})
    ambients = np.array([cells.models[index].ambient_K for index in cells.slices])
    made = table.provenance
    provenance = Provenance(
        "compact.sweep",
        card_hash="" if made is None else made.card_hash,
        versions={} if made is None else made.versions,
        created="" if made is None else made.created,
        notes=(f"table of {table.card_name} sampled from {table.model}", waveform.label),
    )
    return SweepResult(
        time,
        volt,
        device,
        current,
        density,
        temperature,
        rate,
        ambients,
        "; ".join(labels),
        tolerance,
        Status.CONVERGED,
        provenance,
    )


def refine(waveform: Waveform, points: int) -> tuple[np.ndarray, np.ndarray]:
    """Corners of a waveform, points between them, and its crossings of 0 V.

    Args:
        waveform: the waveform.
        points: points on each straight piece with both ends, at least 2.

    Returns:
        Times and voltages (corners,); no piece changes sign.

    Raises:
        InputError: fewer than two points.
    """
    if points < 2:
        raise InputError(f"{points} points on a piece of the waveform are too few; give 2 or more.")
    time, volt = [waveform.time_s[:1]], [waveform.voltage_V[:1]]
    for t0, t1, v0, v1 in zip(
        waveform.time_s[:-1],
        waveform.time_s[1:],
        waveform.voltage_V[:-1],
        waveform.voltage_V[1:],
        strict=True,
    ):
        share = np.linspace(0, 1, points)[1:]
        if v0 * v1 < 0:
            share = np.union1d(share, v0 / (v0 - v1))
        here = v0 + (v1 - v0) * share
        here[np.abs(here) < 1e-14 * max(abs(v0), abs(v1))] = 0.0
        here[-1] = v1
        time.append(np.append(t0 + (t1 - t0) * share[:-1], t1))
        volt.append(here)
    return np.concatenate(time), np.concatenate(volt)


def _one_each(values: np.ndarray, cells: int, name: str) -> np.ndarray:
    if values.ndim > 1 or (values.ndim == 1 and values.size not in (1, cells)):
        raise InputError(f"{values.size} {name} for {cells} cells; give one or one for each cell.")
    return np.broadcast_to(values, (cells,))


def _raise_first(status, where, state, offset: int, model: TableModel) -> None:
    from femristor.compact import kernels

    failed = np.flatnonzero(status)
    if failed.size == 0:
        return
    cell = int(failed[0])
    time_s, volt = where[cell]
    reached = np.exp(state[cell][np.isfinite(state[cell])][-1])
    place = f"cell {offset + cell} at {time_s:.6g} s and {volt:.4g} V applied"
    first, last = model.table.density_m3[[0, -1]]
    if status[cell] == kernels.DENSITY_RANGE:
        raise RangeError(
            f"The dome density of {place} reaches {reached:.3g} 1/m^3 and leaves the table ({first:.3g} to {last:.3g} "
            "1/m^3); lower the amplitude, add a compliance or build a table over a wider range of densities."
        )
    if status[cell] == kernels.VOLTAGE_RANGE:
        raise RangeError(
            f"The device voltage of {place} leaves the table (up to {model.voltage_max_V:g} V either way); "
            "lower the amplitude or build a table from a card with a wider range.voltage_max."
        )
    raise ConvergenceError(
        f"The step of {place} shrank to nothing at N = {reached:.3g} 1/m^3; "
        "loosen the tolerance or lower the amplitude."
    )
