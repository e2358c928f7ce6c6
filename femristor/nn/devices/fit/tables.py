"""Step tables dG(G, up or down) of each cell from its pulse trace: no law in between.

Mean step of a direction at conductance G: local line through the cell's single steps with Gaussian weights in G, of the
width `bandwidth` (of the cell's window), wider where fewer than `neighbours` steps lie within it. Deviation: root
of the weighted mean square of the residuals, less the lag-1 part that reads make. States are even between the lowest and
the highest conductance of a cell, so that its own fluctuations fit in; weight -1 and 1 are the means over cells of the
ends of the down and up runs. Noisy reads (lag-1 correlation below -0.2): the trace is smoothed along each run first,
and the deviation is the slope of Var(r_(t+k) - r_t) of what smoothing leaves.

What smoothing does is measured on soft bounds of the same protocol, N_states, skew and NSR: see `smoothing_bias`.
"""

import numpy as np

from femristor.core.errors import InputError
from femristor.core.messages import NullProgress, Progress
from femristor.core.provenance import Provenance
from femristor.core.rng import generator
from femristor.nn.devices.crossing import main_crossing
from femristor.nn.devices.device_result import StepTables
from femristor.nn.devices.fit.law import path
from femristor.nn.devices.fit.traces import PulseTraces

BANDWIDTH = 0.04
NEIGHBOURS = 16
STATES = 65
NOISY_READS = -0.2
RUN_SHARE = 0.12
"""Half width of the smoothing along a run of noisy reads, of the run."""
LEAST_SYMMETRIC = 0.5
"""Share of cells with a symmetry point below which a set of traces is refused."""


def step_tables(
    traces: PulseTraces,
    *,
    states: int = STATES,
    bandwidth: float = BANDWIDTH,
    neighbours: int = NEIGHBOURS,
    progress: Progress | None = None,
) -> StepTables:
    """A table for each cell that has a symmetry point.

    Args:
        traces: pulse trains of one or more cells.
        states: of a table.
        bandwidth: least width of the smoothing, of a cell's window.
        neighbours: steps that it reaches at least.
        progress: where cells are shown.

    Returns:
        StepTables.

    Raises:
        InputError: half of the cells or more have no symmetry point, or settings that are not possible.
    """
    if states < 5 or not 0 < bandwidth < 1 or neighbours < 4:
        raise InputError(
            "Step tables need 5 or more states, a bandwidth between 0 and 1 and 4 or more neighbours."
        )
    g_min, g_max = (float(np.mean(ends)) for ends in traces.batch_ends())
    if not g_max > g_min:
        raise InputError(
            f"{traces.source}: down runs end at or above up runs, so that there is no window; check the directions."
        )
    made, refused = {}, []
    with (progress or NullProgress()).task("step tables", traces.cells) as task:
        for cell in range(traces.cells):
            table = _cell_table(traces, cell, (states, bandwidth, neighbours))
            where = _crossing(table[1], table[0])
            if where is None:
                refused.append(
                    f"{traces.source}, cell {cell}: mean up and down steps never balance inside its window: no symmetry point"
                )
            else:
                made[cell] = (*table, where)
            task.advance(1)
    if len(made) < LEAST_SYMMETRIC * traces.cells or not made:
        raise InputError(
            f"{traces.source}: {len(refused)} of {traces.cells} cells have no symmetry point, as up and down steps never "
            "balance inside their window; choose other pulse amplitudes, or fit soft bounds (--law soft-bounds)."
        )
    return _packed(traces, made, refused, (g_min, g_max), (states, bandwidth, neighbours))


def _packed(traces, made, refused, ends, settings) -> StepTables:
    g_min, g_max = ends
    scale = 2.0 / (g_max - g_min)
    tables = list(made.values())
    library = np.array([table[0] for table in tables]) * scale
    windows = np.array([-1.0 + scale * (table[1][[0, -1]] - g_min) for table in tables])
    point = np.array([-1.0 + scale * (table[2] - g_min) for table in tables])
    step, nsr = _at(library, windows, point)
    figures = (2.0 / float(np.median(step)), 0.5 * (1 - float(np.median(point))), float(np.median(nsr)))
    return StepTables(
        source=traces.source,
        unit=traces.unit,
        cell=np.array(list(made)),
        library=library.astype(np.float32),
        windows=windows,
        n_states=2.0 / step,
        symmetry=point,
        nsr=nsr,
        g_min=g_min,
        g_max=g_max,
        bandwidth=settings[1],
        neighbours=settings[2],
        bias=smoothing_bias(traces.direction, figures, settings),
        set_V=traces.set_V,
        reset_V=traces.reset_V,
        refused=tuple(refused),
        notes=traces.notes,
        provenance=Provenance.create(
            "nn.devices.trace_tables", inputs=traces.inputs, notes=traces.notes + tuple(refused[:3])
        ),
    )


def smoothing_bias(direction: np.ndarray, figures, settings, *, cells: int = 8) -> np.ndarray:
    """Relative error of the tables of known soft bounds (exponent 1) under the same protocol and smoothing.

    Args:
        direction: (pulses,) of the protocol.
        figures: N_states, skew and NSR of the soft bounds.
        settings: states, bandwidth, neighbours.
        cells: over which mean steps are averaged.

    Returns:
        (3,) mean over directions at the symmetry point, worst and root mean square over the middle 80 % of the window.
    """
    n_states, skew = max(figures[0], 4.0), float(np.clip(figures[1], 0.1, 0.9))
    nsr = min(figures[2], 2.0)
    theta = np.array([0.0, 1.0, -np.log(n_states * skew), -np.log(n_states * (1 - skew)), 0.0, 0.0])
    rng, ways = generator(0, 106), np.asarray(direction, dtype=np.int64)
    breaks = int(np.sum(ways == 0))
    start = np.concatenate([[0.1], np.tile([0.95, 0.05], breaks)])[: breaks + 1]
    grid = np.linspace(0.1, 0.9, 33)
    found = np.zeros((cells, 2, grid.size))
    for cell in range(cells):
        out = np.empty(ways.size + 1)
        path(theta, start, ways, out, nsr, rng.standard_normal(ways.size))
        table, states = _cell_table(PulseTraces("soft bounds", "1", out[None], ways), 0, settings)
        for side in (0, 1):
            found[cell, side] = np.interp(grid, states, table[side, :, 0])
    true = np.stack([(1 - grid) / skew, grid / (1 - skew)]) / n_states
    error = found.mean(axis=0) / true - 1.0
    at = [np.interp(1 - skew, grid, side) for side in error]
    return np.array([np.mean(at), error.flat[np.argmax(np.abs(error))], np.sqrt(np.mean(error**2))])


def _cell_table(traces: PulseTraces, cell: int, settings) -> tuple[np.ndarray, np.ndarray]:
    """(2, states, 2) steps of a cell, down counted positive when it lowers G, and its (states,) conductances."""
    states, bandwidth, neighbours = settings
    x, y, ways = traces.steps(cell)
    raw = 0.0
    smooth = _smoothed(traces, cell)
    if smooth is not None:
        x, y, raw = smooth
    span = float(np.ptp(x))
    grid = np.linspace(x.min(), x.max(), states)
    table = np.empty((2, states, 2))
    for side, way in enumerate((1, -1)):
        own = ways == way
        mean, deviation = _local_line(x[own], way * y[own], grid, bandwidth * span, neighbours)
        table[side, :, 0] = mean
        table[side, :, 1] = np.hypot(deviation, raw)
    return table, grid


def _local_line(x, y, grid, width: float, neighbours: int) -> tuple[np.ndarray, np.ndarray]:
    """Mean and deviation of y on the grid; beyond the data the nearest value is kept."""
    count = min(neighbours, x.size)
    distance = np.sort(np.abs(grid[:, None] - x[None, :]), axis=1)[:, count - 1]
    h = np.maximum(width, distance)[:, None]
    away = x[None, :] - grid[:, None]
    weight = np.exp(-0.5 * (away / h) ** 2)
    total = weight.sum(axis=1)
    first, second = (weight * away).sum(axis=1) / total, (weight * away**2).sum(axis=1) / total
    level, moment = (weight @ y) / total, (weight * away) @ y / total
    # The ridge keeps a clump of equal conductances from making a slope out of noise.
    variance = second - first**2 + (0.1 * h[:, 0]) ** 2
    slope = (moment - first * level) / variance
    inside = np.clip(grid, x.min(), x.max())
    mean = level + slope * (inside - grid - first)
    fitted = mean[:, None] + slope[:, None] * (x[None, :] - inside[:, None])
    spread = (weight * (y[None, :] - fitted) ** 2).sum(axis=1)
    # A line takes about two of the effective observations.
    effective = total**2 / (weight**2).sum(axis=1)
    share = np.maximum(1.0 - 2.0 / np.maximum(effective, 2.5), 0.2)
    return mean, np.sqrt(spread / total / share)


def _smoothed(traces: PulseTraces, cell: int) -> tuple[np.ndarray, np.ndarray, float] | None:
    """Conductance and step of each pulse along smoothed runs, deviation of single steps; None where reads are quiet or runs are short."""
    trace, ways = traces.conductance[cell], traces.direction
    runs = [run for run in np.split(np.arange(ways.size), np.flatnonzero(np.diff(ways)) + 1) if ways[run[0]]]
    if min(run.size for run in runs) < 20:
        return None
    x, slope, rest = np.empty(ways.size), np.empty(ways.size), []
    for run in runs:
        number = np.concatenate([run, [run[-1] + 1]]).astype(float)
        half = max(6.0, RUN_SHARE * run.size)
        weight = np.exp(-0.5 * ((number[None, :] - number[:, None]) / (0.5 * half)) ** 2)
        away = number[None, :] - number[:, None]
        total, one, two = weight.sum(1), (weight * away).sum(1), (weight * away**2).sum(1)
        values = trace[run[0] : run[-1] + 2]
        level, moment = weight @ values, (weight * away) @ values
        ground = total * two - one**2
        fitted = (two * level - one * moment) / ground
        x[run], slope[run] = fitted[:-1], np.diff(fitted)
        rest.append(values - fitted)
    steps = [np.diff(one) for one in rest]
    variance = np.mean(np.concatenate(steps) ** 2)
    if np.mean(np.concatenate([one[1:] * one[:-1] for one in steps])) > NOISY_READS * variance:
        return None
    used = ways != 0
    return x[used], slope[used], _process_deviation(rest)


def _process_deviation(runs: list[np.ndarray]) -> float:
    """Deviation of steps without that of reads: Var(r_(t+k) - r_t) = 2 read^2 + k deviation^2."""
    lags = np.arange(1, max(3, min(20, min(run.size for run in runs) // 10)) + 1)
    grown = [np.mean(np.concatenate([(run[k:] - run[:-k]) ** 2 for run in runs])) for k in lags]
    return float(np.sqrt(max(np.polyfit(lags, grown, 1)[0], 0.0)))


def _crossing(grid: np.ndarray, table: np.ndarray) -> float | None:
    """Conductance where mean up steps fall below mean down steps; of several crossings the one of the longest lead."""
    excess = table[0, :, 0] - table[1, :, 0]
    found = main_crossing(excess)
    if found is None:
        return None
    k, part = found
    return float(grid[k] + part * (grid[k + 1] - grid[k]))


def _at(library, windows, point) -> tuple[np.ndarray, np.ndarray]:
    """Mean step and NSR of both directions at the symmetry points, (tables,) each."""
    steps, ratios = [], []
    for table, (low, high), where in zip(library, windows, point, strict=True):
        grid = np.linspace(low, high, table.shape[1])
        values = np.array([[np.interp(where, grid, table[side, :, k]) for k in (0, 1)] for side in (0, 1)])
        steps.append(values[:, 0].mean())
        ratios.append(values[:, 1].mean() / values[:, 0].mean())
    return np.maximum(np.array(steps), 1e-12), np.array(ratios)
