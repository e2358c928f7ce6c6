"""A device given by its steps: dG(G) of an up and of a down pulse, with their spread, no law in between.

Made from the compact model's pulse response, or from a measured pulse train. [G_min, G_max] is mapped to
[-1, 1]: `w = 2 (G - G_min)/(G_max - G_min) - 1`, and steps are scaled alike.
"""

from dataclasses import dataclass

import numpy as np

from femristor.core.errors import InputError
from femristor.core.rng import generator
from femristor.core.store import storable
from femristor.nn.devices.crossing import main_crossing
from femristor.nn.devices.device_result import StepTables
from femristor.nn.devices.parameters import FIELDS, TABLE, DeviceArray, check_library, require_cells


@storable("TableDevice", version=1, undefined=("g_min_S", "g_max_S"))
@dataclass(frozen=True)
class TableDevice:
    """Step tables of one or several measured or computed cells; an array draws among them.

    Attributes:
        library: (tables, 2, states, 2) float32 steps on even weight states of the table's window,
            [table, up or down, state, mean or std]; a down step counts as positive when it lowers the weight.
        step_spread: relative spread of a cell's steps around its table, from device to device.
        g_min_S: conductance at weight -1; NaN of a normalised record.
        g_max_S: conductance at weight 1; NaN there too.
        label: for people.
        w_min: lower end of the window.
        w_max: upper end.
        windows: (tables, 2) lowest and highest weight of each table's cell, None for w_min and w_max.
    """

    library: np.ndarray
    step_spread: float
    g_min_S: float
    g_max_S: float
    label: str = "step table"
    w_min: float = -1.0
    w_max: float = 1.0
    windows: np.ndarray | None = None

    def __post_init__(self) -> None:
        check_library(self.library, self.label)
        if not 0 <= self.step_spread < 1:
            raise InputError(
                f"Step table: a spread of {self.step_spread} is not possible; give 0 to below 1."
            )
        windows = np.array([[self.w_min, self.w_max]]) if self.windows is None else self.windows
        tables = len(windows if self.windows is None else self.library)
        fits = windows.shape == (tables, 2) and windows.dtype.kind == "f"
        if not fits or not np.isfinite(windows).all() or not (windows[:, 0] < windows[:, 1]).all():
            raise InputError(
                f"Step table: windows of '{self.label}' are no finite (tables, 2) with the lower end first; correct w_min and w_max."
            )

    @classmethod
    def from_tables(cls, tables: StepTables) -> "TableDevice":
        """The library of `devices.fit.tables.step_tables`; each cell of an array takes one of its cells as it is.

        Args:
            tables: step tables of one or more cells.

        Returns:
            The device, without any further spread.
        """
        ends = (tables.g_min, tables.g_max) if tables.unit == "S" else (np.nan, np.nan)
        return cls(tables.library, 0.0, *ends, label=f"{tables.source}, step tables", windows=tables.windows)

    @classmethod
    def from_traces(cls, traces, **settings) -> "TableDevice":
        """Step tables of pulse trains, cell by cell.

        Args:
            traces: `PulseTraces`, or what `PulseTraces.of` takes (`OpenLoopArray`, `PulseTrace`, `MeasuredPulses`).
            **settings: of `devices.fit.tables.step_tables`.

        Returns:
            The device.

        Raises:
            InputError: traces without a symmetry point, and what `step_tables` refuses.
        """
        from femristor.nn.devices.fit.tables import step_tables
        from femristor.nn.devices.fit.traces import PulseTraces

        given = traces if isinstance(traces, PulseTraces) else PulseTraces.of(traces)
        return cls.from_tables(step_tables(given, **settings))

    @classmethod
    def from_steps(
        cls,
        conductance_S: np.ndarray,
        step_up_S: np.ndarray,
        step_down_S: np.ndarray,
        nsr: float | np.ndarray,
        *,
        states: int = 33,
        step_spread: float = 0.0,
        label: str = "step table",
    ) -> "TableDevice":
        """Device from steps against conductance.

        Args:
            conductance_S: (states,) increasing conductances; the ends become the window.
            step_up_S: (states,) or (tables, states), mean rise of G by one up pulse.
            step_down_S: same shape, mean change by one down pulse (negative where it lowers G).
            nsr: standard deviation over mean of the steps, one number or the steps' shape.
            states: weight states that the tables are resampled to.
            step_spread: relative spread of the steps from cell to cell.
            label: for people.

        Returns:
            The device.

        Raises:
            InputError: not finite, unsorted, shapes that do not fit, a step that grows neither way in
                mid-window, or curves without a symmetry point.
        """
        grid, up, down = _check_steps(conductance_S, step_up_S, step_down_S)
        ratio = np.broadcast_to(np.asarray(nsr, dtype=float), up.shape)
        if not np.all(np.isfinite(ratio)) or np.any(ratio < 0) or not 0 <= step_spread < 1 or states < 2:
            raise InputError(
                "Step table: nsr must be 0 or more, step_spread between 0 and 1, and states at least 2."
            )
        scale = 2.0 / (grid[-1] - grid[0])
        even = np.linspace(grid[0], grid[-1], states)
        library = np.empty((up.shape[0], 2, states, 2), dtype=np.float32)
        for table in range(up.shape[0]):
            for side, steps in enumerate((up[table], -down[table])):
                library[table, side, :, 0] = scale * np.interp(even, grid, steps)
                library[table, side, :, 1] = scale * np.interp(even, grid, np.abs(steps) * ratio[table])
        device = cls(library, step_spread, float(grid[0]), float(grid[-1]), label)
        for table in range(up.shape[0]):
            device.symmetry_point(table)
        return device

    def symmetry_point(self, table: int = 0) -> float:
        """Weight at which the mean up and down steps of a table balance.

        Args:
            table: number in the library.

        Returns:
            The crossing, of several the one of the longest lead (see `main_crossing`); the middle of the window where both
            steps are equal everywhere.

        Raises:
            InputError: the steps never balance inside the window.
        """
        low, high = (self.w_min, self.w_max) if self.windows is None else self.windows[table]
        w = np.linspace(low, high, self.library.shape[2])
        excess = (self.library[table, 0, :, 0] - self.library[table, 1, :, 0]).astype(float)
        if np.allclose(excess, 0.0, atol=1e-9):
            return 0.5 * float(low + high)
        found = main_crossing(excess)
        if found is None:
            raise InputError(
                f"Step table {table} of '{self.label}' has no symmetry point: up and down steps never balance inside the window; "
                "choose other pulse amplitudes or another window."
            )
        k, part = found
        return float(w[k] + part * (w[k + 1] - w[k]))

    def sample(self, rows: int, cols: int, *, seed: int, stream: int = 0) -> DeviceArray:
        """Give each cell one of the tables and its own step factor.

        Args:
            rows: outputs.
            cols: inputs.
            seed: the user's seed.
            stream: number of the array below this seed.

        Returns:
            `DeviceArray` of (rows, cols).

        Raises:
            InputError: an empty array.
        """
        require_cells(rows, cols)
        rng = generator(seed, 102, stream)
        size = rows * cols
        number = rng.integers(0, self.library.shape[0], size)
        factor = np.maximum(1.0 + self.step_spread * rng.standard_normal(size), 0.05)
        ones = np.ones(size)
        low, high = self.w_min * ones, self.w_max * ones
        if self.windows is not None:
            low, high = self.windows[number].T
        fields = (low, high, factor, factor, number, 0 * ones, 1.0 / (high - low), ones)
        states = self.library.shape[2]
        middle = self.library[:, :, [(states - 1) // 2, states // 2], 0]
        return DeviceArray(
            kind=TABLE,
            parameters=np.stack(fields, axis=-1).astype(np.float32).reshape(rows, cols, FIELDS),
            library=np.ascontiguousarray(self.library),
            granularity=float(np.mean(middle, dtype=float)),
            label=self.label,
        )


def _check_steps(conductance_S, step_up_S, step_down_S) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    grid = np.asarray(conductance_S, dtype=float)
    up, down = (np.atleast_2d(np.asarray(steps, dtype=float)) for steps in (step_up_S, step_down_S))
    if grid.ndim != 1 or grid.size < 2 or up.shape != down.shape or up.ndim != 2 or up.shape[1] != grid.size:
        raise InputError(
            f"Step table: {grid.size} conductances, up steps {up.shape} and down steps {down.shape} do not fit; "
            "give (states,) or (tables, states) with at least two states."
        )
    if not all(np.all(np.isfinite(values)) for values in (grid, up, down)):
        raise InputError(
            "Step table: a conductance or step is not a number; remove that state from the table."
        )
    if np.any(np.diff(grid) <= 0):
        raise InputError("Step table: conductances must increase strictly; sort them and remove duplicates.")
    middle = np.array(
        [[np.interp(0.5 * (grid[0] + grid[-1]), grid, row) for row in side] for side in (up, down)]
    )
    if np.any(middle[0] <= 0) or np.any(middle[1] >= 0):
        raise InputError(
            "Step table: in mid-window an up pulse must raise and a down pulse lower the conductance; give down steps as negative changes."
        )
    return grid, up, down


StepDevice = TableDevice
"""The short name, as the front door has it."""
