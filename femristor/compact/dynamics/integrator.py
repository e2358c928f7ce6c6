"""Sweeps and pulses of cells on either model: implicit steps with error control, the load line solved inside.

The state is u = ln N, `du/dt = sign(V) (a/L) <Gamma>(V, N) (1 - N/N_max)^n`; the voltage over the cell solves
`I_cell(V, N) = I_load(V_applied, V)` at every stage. Steps end at the corners of the waveform and where it
crosses 0 V. The fast path is `kernels.steps.py`; the plain twin is `twin.py`.
"""

from dataclasses import dataclass

import numpy as np

from femristor.compact.dynamics.cells import IbmCells, TableCells, one_each
from femristor.compact.ibm import IbmModel
from femristor.compact.results.table import CompactTable, SweepResult
from femristor.compact.table.interpolate import TableModel
from femristor.core.bounds import SWEEP_POINTS, SWEEP_STEPS, check_memory
from femristor.core.curves import Waveform
from femristor.core.errors import ConvergenceError, InputError, RangeError
from femristor.core.jobs import kernel_interrupts
from femristor.core.messages import NullProgress
from femristor.core.provenance import Provenance, Status
from femristor.device.load_line import BARE, Load
from femristor.device.temperature import check_temperatures

TOLERANCE = 1e-6
"""Default tolerance of ln N in a step."""
POINTS = 101
"""Default number of points on each straight piece of a waveform."""
SWEEP_FIELDS = 6
"""Arrays (cells, points) of a sweep."""
BATCH = 256
"""Cells integrated between two looks at the keyboard."""


@dataclass(frozen=True)
class Cells:
    """Cells ready to be integrated.

    Attributes:
        models: the table at each distinct ambient, or IBM's law alone.
        slices: (cells,) index of each cell's model.
        parameters: (cells, numbers) of each cell, as the kernels take them.
        loads: (cells, 3, 11) of `Load.lines`.
        coefficients: (ambients, 4, densities - 1, biases, 4, 4) patches of the models, empty for IBM's law.
    """

    models: tuple[TableModel, ...] | tuple[IbmModel]
    slices: np.ndarray
    parameters: np.ndarray
    loads: np.ndarray
    coefficients: np.ndarray

    @classmethod
    def of(
        cls,
        table: CompactTable,
        cells: int,
        ambient_K=None,
        load: Load | list[Load] = BARE,
        *,
        spread: TableCells | None = None,
    ) -> "Cells":
        """Cells of one table.

        Args:
            table: the sampled cell.
            cells: how many.
            ambient_K: one ambient, or (cells,); the card's by default.
            load: one load, or a list with one for each cell.
            spread: what tells the cells from their table; nothing by default.

        Returns:
            Cells.

        Raises:
            RangeError: an ambient outside the table.
            InputError: a list of another length.
        """
        wanted = table.nominal_ambient_K if ambient_K is None else ambient_K
        ambients = one_each(wanted, cells, "ambients")
        distinct, slices = np.unique(ambients, return_inverse=True)
        models = tuple(TableModel(table, float(ambient)) for ambient in distinct)
        patches = np.stack([model.kernel_coefficients for model in models])
        numbers = (spread or TableCells.of(models[0], cells)).pack(ambients)
        return cls(models, slices, numbers, load_lines(load, cells), patches)

    @classmethod
    def of_model(
        cls,
        model: TableModel | IbmModel,
        cells: int,
        load: Load | list[Load] = BARE,
        *,
        spread: TableCells | IbmCells | None = None,
    ) -> "Cells":
        """Cells of one model.

        Args:
            model: the table at one ambient, or IBM's law.
            cells: how many.
            load: one load, or a list with one for each cell.
            spread: parameters of each cell; those of the model by default.

        Returns:
            Cells.

        Raises:
            InputError: a list or a spread of another length, or the spread of the other model.
        """
        kind = IbmCells if isinstance(model, IbmModel) else TableCells
        spread = spread or kind.of(model, cells)
        if not isinstance(spread, kind) or spread.count != cells:
            raise InputError(
                f"The parameters are {type(spread).__name__} of {spread.count} cells; give {kind.__name__} of {cells}."
            )
        if isinstance(model, TableModel):
            return cls.of(model.table, cells, model.ambient_K, load, spread=spread)
        none = np.zeros((1, 4, 1, 1, 4, 4))
        return cls((model,), np.zeros(cells, np.int64), spread.pack(model), load_lines(load, cells), none)

    @property
    def packed(self) -> tuple:
        """(kind, tables, ionic) as `kernels.steps` takes them."""
        from femristor.compact.kernels import steps as step_kernels

        model = self.models[0]
        if isinstance(model, IbmModel):
            knots = np.array([0.0, 1.0])
            return step_kernels.IBM, (self.coefficients, knots, knots), (0.0, 1.0, 0.0)
        law = model.table.ionic
        ionic = (law.hop_distance_m / law.length_m, law.density_max_m3, law.saturation_exponent)
        return step_kernels.TABLE, (self.coefficients, model.knots_ln_density, model.knots_V), ionic

    def start(self, density_m3) -> np.ndarray:
        """(cells,) ln N of start densities, one or (cells,).

        Raises:
            RangeError: outside the model.
        """
        model = self.models[0]
        density = one_each(density_m3, self.slices.size, "start densities")
        model.conductance_S(density, 0.0)
        return self.inside(np.log(density))

    def inside(self, ln_density) -> np.ndarray:
        """Rounding beyond the ends of the table taken off."""
        model = self.models[0]
        if isinstance(model, IbmModel):
            return ln_density
        return np.clip(ln_density, model.knots_ln_density[0], model.knots_ln_density[-1])

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
        from femristor.compact.kernels.steps import integrate

        check_tolerance(tolerance)
        kind, tables, ionic = self.packed
        start = self.start(density_m3)
        waveform = np.asarray(time_s, dtype=float), np.asarray(voltage_V, dtype=float)
        states, volts = [], []
        with (progress or NullProgress()).task("compact sweep", start.size) as shown:
            for first in range(0, start.size, BATCH):
                part = slice(first, first + BATCH)
                own = self.parameters[part], self.loads[part]
                with kernel_interrupts():
                    state, device, status, where, _ = integrate(
                        kind, tables, self.slices[part], ionic, *own, *waveform, start[part], tolerance
                    )
                failed = np.flatnonzero(status)
                if failed.size:
                    cell = int(failed[0])
                    reached = float(np.exp(state[cell][np.isfinite(state[cell])][-1]))
                    place = (
                        f"cell {first + cell} at {where[cell, 0]:.6g} s and {where[cell, 1]:.4g} V applied"
                    )
                    raise_failure(int(status[cell]), place, reached, self.models[0])
                states.append(state)
                volts.append(device)
                shown.advance(status.size)
        return np.exp(self.inside(np.concatenate(states))), np.concatenate(volts)


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
        ConvergenceError: the step went to nothing, or the cell melts.
        InputError: an impossible tolerance, number of points or number of cells.
    """
    start = np.atleast_1d(np.asarray(density_m3, dtype=float))
    cells = Cells.of(table, start.size, ambient_K, load)
    time, volt = refine(waveform, points)
    held = 8.0 * SWEEP_FIELDS * start.size * time.size
    check_memory(held, f"a sweep of {start.size} cells at {time.size} points", "give fewer cells or points")
    density, device = cells.advance(time, volt, start, tolerance=tolerance, progress=progress)
    current, temperature, rate = (np.empty_like(density) for _ in range(3))
    for index, model in enumerate(cells.models):
        here = cells.slices == index
        current[here] = model.current_A(device[here], density[here])
        temperature[here] = model.temperature_mean_K(device[here], density[here])
        rate[here] = model.density_rate_per_m3s(device[here], density[here])
    check_temperatures(temperature, None, "The cell of the sweep", volt)
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
        InputError: fewer than two points, or more than the bounds.
    """
    SWEEP_POINTS.check(points, "points on a piece of the waveform (--points)")
    pieces = waveform.time_s.size - 1
    SWEEP_STEPS.check(points * pieces, f"{points} points on each of {pieces} pieces (--points, --cycles)")
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


def load_lines(load: Load | list[Load], cells: int) -> np.ndarray:
    """(cells, 3, 11) lines of one load, or of a list with one for each cell.

    Raises:
        InputError: a list of another length.
    """
    if isinstance(load, Load):
        return np.ascontiguousarray(np.broadcast_to(load.lines(), (cells, *load.lines().shape)))
    if len(load) != cells:
        raise InputError(f"{len(load)} loads for {cells} cells; give one load or one for each cell.")
    return np.array([entry.lines() for entry in load])


def check_tolerance(tolerance: float) -> None:
    """Whether steps can meet a tolerance of ln N.

    Raises:
        InputError: they cannot.
    """
    if not 1e-12 <= tolerance <= 0.1:
        raise InputError(f"A tolerance of {tolerance:g} cannot be met; give one from 1e-12 to 0.1.")


def raise_failure(status: int, place: str, density_m3: float, model: TableModel | IbmModel) -> None:
    """Say in one sentence why a cell stopped.

    Args:
        status: outcome of the kernels.
        place: cell, time and bias.
        density_m3: last density reached.
        model: the cell's model.

    Raises:
        RangeError: the table does not reach.
        ConvergenceError: the step went to nothing.
    """
    from femristor.compact.kernels import table as kernels

    if status == kernels.DENSITY_RANGE:
        first, last = model.table.density_m3[[0, -1]]
        raise RangeError(
            f"The dome density of {place} reaches {density_m3:.3g} 1/m^3 and leaves the table ({first:.3g} to "
            f"{last:.3g} 1/m^3); lower the amplitude, add a compliance or build a table over a wider range of densities."
        )
    if status == kernels.VOLTAGE_RANGE:
        raise RangeError(
            f"The device voltage of {place} leaves the table (up to {model.voltage_max_V:g} V either way); "
            "lower the amplitude or build a table from a card with a wider range.voltage_max."
        )
    raise ConvergenceError(
        f"The step of {place} shrank to nothing at N = {density_m3:.3g} 1/m^3; "
        "loosen the tolerance or lower the amplitude."
    )
