"""Open-loop pulses on a cell with moving vacancies, each followed by a read; long trains resume."""

from pathlib import Path

import numpy as np

from femristor.core.curves import Waveform
from femristor.core.errors import InputError
from femristor.core.io.files import remove_file
from femristor.core.jobs import exclusive_on_root
from femristor.core.messages import NullProgress
from femristor.core.provenance import Provenance
from femristor.core.store import load, save
from femristor.core.traces import PulseTrace, figures_of_merit, pulse_phases
from femristor.device.pulse_scheme import PulseScheme
from femristor.fem.results.switching import PulseProgress

PULSE_STEP_V = 0.25
"""Longest step over the voltage in an edge."""
SAVE_EVERY = 5
"""Pulses between two writes of the restart file."""


def pulse_train(
    cell,
    scheme: PulseScheme,
    *,
    n_up: int = 400,
    n_down: int = 400,
    n_alternate: int = 500,
    checkpoint: str | Path | None = None,
    progress=None,
) -> PulseTrace:
    """Identical set pulses, then reset pulses, then one of each in turn, from the state in place.

    Args:
        cell: `SwitchingCell`, or anything with its run, read, state, restore.
        scheme: amplitudes and times.
        n_up: set pulses.
        n_down: reset pulses.
        n_alternate: alternating pulses, the first is set.
        checkpoint: restart file; the same train continues from it, and a train that ends removes it.
        progress: where the work is shown.

    Returns:
        PulseTrace.

    Raises:
        ConvergenceError: a pulse failed; the restart file holds the state before it.
        InputError: a checkpoint of another train or one that another run works on, or impossible counts.
    """
    phase, direction = pulse_phases(n_up, n_down, n_alternate)
    path = None if checkpoint is None else Path(checkpoint)
    work = f"{scheme} {n_up} {n_down} {n_alternate} {cell.work_name}"
    with exclusive_on_root(path, cell.problem.comm, "wait for it, or give another checkpoint file"):
        rows, start = _pulses(cell, scheme, direction, path, work, progress or NullProgress())
    columns = np.array(rows).T
    n_states, skew = figures_of_merit(columns[0], phase)
    return PulseTrace(
        phase=phase,
        direction=direction,
        conductance_S=columns[0],
        density_m3=columns[1],
        temperature_K=columns[2],
        current_A=columns[3],
        start_conductance_S=start,
        set_V=scheme.set_V,
        reset_V=scheme.reset_V,
        width_s=scheme.width_s,
        edge_s=scheme.edge_s,
        read_V=cell.card.statistics.read_voltage_V,
        load=cell.load.label,
        n_states=n_states,
        skew=skew,
        provenance=Provenance.create("fem.switching_pulses", card=cell.card),
    )


def _pulses(
    cell, scheme: PulseScheme, direction, path: Path | None, work: str, progress
) -> tuple[list, float]:
    """Rows of all pulses and the conductance before them."""
    begun = cell.counts
    rows, start = _resume(cell, path, work)
    if start is None:
        start = cell.read()
    with progress.task("pulses", direction.size) as task:
        task.advance(len(rows))
        while len(rows) < direction.size:
            rows.append(_pulse(cell, scheme, int(direction[len(rows)])))
            task.advance(1, f"{rows[-1][0] * 1e6:.4g} uS")
            if path is not None and len(rows) % SAVE_EVERY == 0:
                _save(cell, path, work, rows, start, cell.counts - begun)
    if path is not None and cell.is_root:
        remove_file(path)
    return rows, start


def _pulse(cell, scheme: PulseScheme, direction: int) -> tuple[float, float, float, float]:
    """Conductance after one pulse, dome density, and temperature and current at the end of the plateau."""
    time, volt = scheme.waveform([direction])
    plateau: list[tuple[float, float]] = []

    def at_plateau(moment: float, _: float) -> None:
        if moment <= time[2] * (1 + 1e-12):
            plateau[:] = [(cell.hottest_K(), cell.current_A())]

    cell.run(Waveform(time, volt, "pulse"), most_V=PULSE_STEP_V, on_step=at_plateau)
    return cell.read(), cell.dome_density_m3(), *plateau[0]


def _resume(cell, path: Path | None, work: str) -> tuple[list, float | None]:
    if path is None or not path.is_file():
        return [], None
    kept = load(path, PulseProgress)
    if kept.work != work:
        raise InputError(
            f"{path}: a restart file of another pulse train, card or load; give another path or remove it."
        )
    counts = cell.counts + kept.counts
    cell.restore(kept.state)
    cell.counts = counts
    return [tuple(row) for row in kept.rows], kept.start_S


def _save(cell, path: Path, work: str, rows: list, start: float, counts: np.ndarray) -> None:
    state = cell.state()
    if cell.is_root:
        save(PulseProgress(state, np.array(rows), float(start), counts, work), path)
