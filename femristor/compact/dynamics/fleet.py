"""Pulse trains of many cells at once, each with its own parameters, load, start and pulses; on either model.

`fleet(model, spread, scheme, directions, load)` keeps the conductances asked for and the last state of each cell.
100,000 cells by 1,300 pulses by one read each are 520 MB; ask for fewer reads, or take batches by `sink`.
"""

from collections.abc import Callable

import numpy as np

from femristor.compact.dynamics.cells import IbmCells, TableCells
from femristor.compact.dynamics.integrator import Cells, check_tolerance, raise_failure
from femristor.compact.dynamics.pulses import PulseScheme
from femristor.compact.ibm import IbmModel
from femristor.compact.results.table import FleetTrace
from femristor.compact.table.interpolate import TableModel
from femristor.core.errors import InputError
from femristor.core.jobs import kernel_interrupts
from femristor.core.messages import NullProgress
from femristor.core.provenance import Provenance
from femristor.device.load_line import BARE, Load

TOLERANCE = 1e-5
"""Default tolerance of ln N in a step: conductances along 1,300 pulses within 0.2 % of those at 1e-8."""
BATCH = 512
"""Cells advanced between two looks at the keyboard."""


def pulse_fleet(
    model: TableModel | IbmModel,
    parameters: TableCells | IbmCells,
    scheme: PulseScheme | list[PulseScheme],
    directions,
    load: Load | list[Load] = BARE,
    *,
    start_density_m3,
    reads=None,
    read_V: float = 0.2,
    tolerance: float = TOLERANCE,
    sink: Callable[[slice, np.ndarray], None] | None = None,
    progress=None,
) -> FleetTrace:
    """Take cells through a pulse train.

    Args:
        model: the nominal cell: IBM's law, or a table at one ambient.
        parameters: what each cell is: `IbmCells.of(model, cells, ...)` or `TableCells.of(model, cells, ...)`.
        scheme: amplitudes and times, one or a list with one for each cell.
        directions: (pulses,) or (cells, pulses): above 0 set, below 0 reset, 0 none.
        load: what is in series, one or a list with one for each cell.
        start_density_m3: state at the start, one or (cells,).
        reads: (reads,) rising numbers of pulses before each read, from 0; after every pulse by default.
        read_V: applied to cell and load in a read; the conductance is I/V of the cell itself.
        tolerance: of ln N in a step.
        sink: takes (cells of the batch, conductance of the batch) in place of keeping them.
        progress: where batches of cells are shown.

    Returns:
        FleetTrace; without conductances where a sink took them.

    Raises:
        InputError: impossible pulses, reads or lengths.
        RangeError: a cell leaves its model; the message has cell, pulse and bias.
        ConvergenceError: a step went to nothing.
    """
    check_tolerance(tolerance)
    count = parameters.count
    cells = Cells.of_model(model, count, load, spread=parameters)
    shots = _directions(directions, count)
    shapes, asked = _shapes(scheme, count), _reads(reads, shots.shape[1])
    if not read_V > 0:
        raise InputError(f"A read at {read_V:g} V tells no conductance; give a voltage above 0.")
    state = cells.start(start_density_m3).copy()
    kept = np.empty((0 if sink else count, asked.size), dtype=np.float32)
    settings = (tolerance, read_V, asked)
    with (progress or NullProgress()).task("pulse fleet", count) as shown:
        steps = _advance(cells, shapes, shots, state, settings, sink or kept.__setitem__, shown)
    labels = sorted({load.label} if isinstance(load, Load) else {entry.label for entry in load})
    return FleetTrace(
        reads=asked,
        conductance_S=kept,
        density_m3=np.exp(cells.inside(state)),
        read_V=read_V,
        load="; ".join(labels),
        model=type(model).__name__,
        tolerance=tolerance,
        steps=steps,
        provenance=Provenance.create("compact.pulse_fleet", card=getattr(model, "card", None)),
    )


def _advance(cells: Cells, shapes, shots, state, settings, take, shown) -> np.ndarray:
    """(cells,) steps taken; `state` is advanced in place, reads of each batch go to `take`."""
    from femristor.compact.kernels.steps import train

    kind, tables, ionic = cells.packed
    steps = np.empty(state.size, dtype=np.int64)
    for first in range(0, state.size, BATCH):
        part = slice(first, min(first + BATCH, state.size))
        with kernel_interrupts():
            found, status, where, steps[part] = train(
                kind,
                tables,
                cells.slices[part],
                ionic,
                cells.parameters[part],
                cells.loads[part],
                shapes[part] if shapes.shape[0] > 1 else shapes,
                shots[part] if shots.shape[0] > 1 else shots,
                state[part],
                *settings,
            )
        _raise_first(status, where, state[part], first, cells.models[0])
        take(part, found)
        shown.advance(status.size)
    return steps


def _directions(directions, cells: int) -> np.ndarray:
    """(1 or cells, pulses) int8."""
    shots = np.atleast_2d(np.asarray(directions, dtype=float))
    if shots.ndim != 2 or shots.shape[0] not in (1, cells) or shots.shape[1] == 0:
        raise InputError(
            f"Directions of shape {np.shape(directions)} do not fit {cells} cells; give (pulses,) or (cells, pulses)."
        )
    return np.ascontiguousarray(np.sign(shots).astype(np.int8))


def _shapes(scheme: PulseScheme | list[PulseScheme], cells: int) -> np.ndarray:
    """(1 or cells, 4) set V, reset V, edge, hold."""
    schemes = [scheme] if isinstance(scheme, PulseScheme) else list(scheme)
    if not isinstance(scheme, PulseScheme) and len(schemes) != cells:
        raise InputError(f"{len(schemes)} schemes for {cells} cells; give one or one for each cell.")
    return np.array([(s.set_V, s.reset_V, s.edge_s, s.width_s - 2 * s.edge_s) for s in schemes])


def _reads(reads, pulses: int) -> np.ndarray:
    asked = np.arange(1, pulses + 1) if reads is None else np.asarray(reads, dtype=np.int64)
    fits = asked.ndim == 1 and np.all(np.diff(asked) > 0) and np.all((asked >= 0) & (asked <= pulses))
    if not fits:
        raise InputError(f"Reads must be rising numbers of pulses from 0 to {pulses}; correct them.")
    return asked


def _raise_first(status, where, state, offset: int, model) -> None:
    failed = np.flatnonzero(status)
    if failed.size:
        cell = int(failed[0])
        shot, time_s, volt = where[cell]
        place = f"cell {offset + cell} in pulse {int(shot) + 1} at {time_s:.4g} s and {volt:.4g} V applied"
        raise_failure(int(status[cell]), place, float(np.exp(state[cell])), model)
