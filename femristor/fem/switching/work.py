"""One waveform on a cell with moving vacancies: its pieces, its rows, its restart file."""

import hashlib
import time
from pathlib import Path

import numpy as np

from femristor.core.curves import Waveform
from femristor.core.errors import ConvergenceError, InputError, VoidError
from femristor.core.io.files import remove_file
from femristor.core.provenance import Provenance
from femristor.core.store import load, save
from femristor.core.traces import SwitchingTrace
from femristor.device.temperature import refuse_void, warn_hot
from femristor.fem.results.switching import FieldTrace, SwitchingState
from femristor.fem.switching.checkpoint import capture
from femristor.fem.switching.steps import History

CHECKPOINT_S = 20.0
"""Seconds between two writes of the restart file."""


class Work:
    """One waveform on one cell: pieces, rows, restart file."""

    def __init__(self, cell, waveform: Waveform, most_V: float, on_step, checkpoint):
        self._cell, self._waveform, self._most_V, self._on_step = cell, waveform, most_V, on_step
        self._path = None if checkpoint is None else Path(checkpoint)
        self._rows: list[tuple] = []
        self._piece, self._reached, self._saved = 0, 0.0, time.monotonic()
        self._start_S = 0.0
        self._begun = cell.counts
        self._point: tuple | None = None
        corners = np.concatenate([waveform.time_s, waveform.voltage_V, [most_V]])
        self._name = f"{hashlib.sha256(corners.tobytes()).hexdigest()[:16]} {cell.work_name}"

    def run(self, progress) -> FieldTrace:
        """All pieces that are left."""
        cell, stepper = self._cell, self._cell.stepper
        pieces = split_at_zero(self._waveform)
        if not self._resume():
            self._start_S = cell.read()
            if abs(pieces[0][2] - stepper.history.applied_V[0]) > 1e-6:
                cell.ramp_frozen(pieces[0][2])
            self._rows.append(self._row(float(self._waveform.time_s[0]), pieces[0][2], 0.0))
        self._mark()
        try:
            with progress.task(self._waveform.label or "moving vacancies", len(pieces)) as task:
                task.advance(self._piece)
                while self._piece < len(pieces):
                    self._run_piece(pieces[self._piece], task)
        except (KeyboardInterrupt, ConvergenceError):
            self._save()
            raise
        found = self._result()
        if self._path is not None and cell.problem.comm.rank == 0:
            remove_file(self._path)
        cell.history = (
            *cell.history,
            f"{self._waveform.label}: {self._waveform.voltage_V.min():g} to "
            f"{self._waveform.voltage_V.max():g} V in {self._waveform.time_s[-1]:g} s",
        )
        return found

    def _run_piece(self, piece, task) -> None:
        cell, stepper = self._cell, self._cell.stepper
        start, end, low, high = piece
        cell.problem.set_load(cell.load, low + high)
        if self._reached == 0.0:
            stepper.history.forget()

        def visit(reached: float, volt: float) -> None:
            row = self._row(start + reached, volt, stepper.history.steps_s[0])
            refuse_void(row[5], f"at {row[0]:.6g} s and {volt:.4g} V applied")
            self._reached = reached
            self._rows.append(row)
            if self._on_step is not None:
                self._on_step(start + reached, volt)
            self._mark()
            task.advance(0, f"{volt:.3g} V")
            if self._path is not None and time.monotonic() - self._saved > CHECKPOINT_S:
                self._save()

        try:
            stepper.piece(end - start, (low, high), visit, most_V=self._most_V, reached_s=self._reached)
        except VoidError:
            raise
        except ConvergenceError as error:
            raise ConvergenceError(
                f"The moving vacancies stopped at {self._rows[-1][0]:.6g} s: {error}; lower the amplitude, raise "
                "the series resistance, or use a finer mesh."
            ) from error
        self._piece, self._reached = self._piece + 1, 0.0
        self._mark()
        task.advance(1, f"{high:.3g} V")

    def _row(self, time_s: float, applied_V: float, step_s: float) -> tuple:
        problem = self._cell.problem
        low, high = problem.extremes_m3()
        return (
            time_s,
            applied_V,
            problem.device_V(),
            problem.current_A(),
            problem.dome_density_m3(),
            problem.hottest_K(),
            problem.stored(),
            low,
            high,
            step_s,
        )

    def _resume(self) -> bool:
        if self._path is None or not self._path.is_file():
            return False
        state = load(self._path, SwitchingState)
        if state.work != self._name:
            raise InputError(
                f"{self._path}: a restart file of another waveform, card, load or tolerance; give another path or "
                "remove it."
            )
        self._cell.restore(state)
        self._cell.counts = self._begun + state.counts
        self._rows = [tuple(row) for row in state.rows]
        self._piece, self._reached, self._start_S = state.piece, state.reached_s, state.start_S
        return True

    def _mark(self) -> None:
        """Note, in one assignment, where an interrupted run is taken up: an interrupt may come between any two lines."""
        cell, past = self._cell, self._cell.stepper.history
        self._point = (
            (History(past.applied_V, past.fields, past.steps_s), cell.stepper.next_s, cell.last_read),
            (self._piece, self._reached, len(self._rows), cell.counts - self._begun),
        )

    def _save(self) -> None:
        if self._path is None:
            return
        self._saved = time.monotonic()
        cell = self._cell
        (past, *others), (piece, reached, rows, counts) = self._point
        cell.problem.put(past.fields[0])
        state = capture(
            cell.problem,
            past,
            *others,
            rows=np.array(self._rows[:rows]),
            piece=piece,
            reached_s=reached,
            work=self._name,
            history=cell.history,
            counts=counts,
            start_S=self._start_S,
        )
        if cell.problem.comm.rank == 0:
            save(state, self._path)

    def _result(self) -> FieldTrace:
        cell = self._cell
        columns = [np.array(column) for column in zip(*self._rows, strict=True)]
        model = f"pde {cell.problem.cell.dim}-D, {cell.problem.unknowns} unknowns, barriers by {cell.card.vacancies.barrier_law}"
        trace = SwitchingTrace(
            *columns[:6],
            model=model,
            load=cell.load.label,
            ambient_K=cell.problem.ambient_K,
            provenance=Provenance.create("fem.switching", card=cell.card),
        )
        warn_hot(trace.temperature_K, cell.card, "The cell of the moving vacancies")
        return FieldTrace(
            trace,
            *columns[6:],
            start_S=self._start_S,
            end_S=cell.read(),
            newton_steps=int((cell.counts - self._begun)[3]),
            unknowns=cell.problem.unknowns,
            dim=cell.problem.cell.dim,
        )


def split_at_zero(waveform: Waveform) -> list[tuple[float, float, float, float]]:
    """Straight pieces (start, end, voltage at start, at end), cut where they cross 0 V."""
    pieces = []
    corners = zip(waveform.time_s, waveform.voltage_V, strict=True)
    before = next(corners)
    for now in corners:
        (t0, v0), (t1, v1) = (tuple(map(float, point)) for point in (before, now))
        if v0 * v1 < 0:
            middle = t0 + (t1 - t0) * v0 / (v0 - v1)
            pieces += [(t0, middle, v0, 0.0), (middle, t1, 0.0, v1)]
        else:
            pieces.append((t0, t1, v0, v1))
        before = now
    return pieces
