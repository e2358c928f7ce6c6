"""The dome-averaged state with the fields in the loop: one density moves, everything else is solved.

In: DeviceCard, Load, Waveform. Out: SwitchingTrace. The state is N, the density of the dome, on the card's line of
states; `dN/dt = (a/L) N <Gamma> (1 - N/N_max)^n` with the hop rate averaged over the dome of the solved fields. It is
the model whose table the compact room samples, without the table: between it and moving vacancies lies what one number
cannot tell, between it and the table what interpolation loses. Docs: docs/theory/switching.md.
"""

import hashlib
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np

from femristor.core.curves import Waveform
from femristor.core.errors import ConvergenceError, InputError, RangeError, VoidError
from femristor.core.io.files import remove_file
from femristor.core.jobs import exclusive_on_root
from femristor.core.messages import NullProgress
from femristor.core.provenance import Provenance
from femristor.core.store import load as load_result
from femristor.core.store import save
from femristor.core.traces import SwitchingTrace
from femristor.device.card import DeviceCard
from femristor.device.laws.vacancy import density_rate
from femristor.device.load_line import BARE, Load
from femristor.device.temperature import check_ambient, refuse_void, warn_hot
from femristor.fem.electrothermal.dome import DomeSampler
from femristor.fem.mesh.cell_mesh import build_mesh
from femristor.fem.regional.loaded_problem import LoadedProblem
from femristor.fem.regional.scalar_steps import integrate_piece
from femristor.fem.results.dome import DomeState
from femristor.fem.stack import build_stack
from femristor.fem.switching.work import split_at_zero

REFERENCE_M3 = 1e25
"""The state integrated is u = ln(N/REFERENCE_M3)."""
TOLERANCE = 1e-3
"""Default tolerance of u in a step."""
STEP_MOST_V = 0.05
"""Default of the longest step over the applied voltage."""
TRIAL_SPAN = 1.0
"""How far beyond the card's range (in ln N) a trial step may look before it is held at the edge."""


class DomeCell:
    """A meshed cell whose state is the density of its dome.

    Attributes:
        problem: the fields.
        load: what is in series.
    """

    def __init__(
        self,
        card: DeviceCard,
        *,
        load: Load = BARE,
        dim: int = 2,
        resolution: float = 0.7,
        degree: int = 2,
        ambient_K: float | None = None,
        tolerance: float = TOLERANCE,
        comm=None,
    ):
        """Mesh the cell, compile its forms, put LRS in place.

        Args:
            card: device card.
            load: what is in series, solved with the fields.
            dim: 2 for the axisymmetric half plane, 3 for a quarter of the cylinder.
            resolution: divides every edge length.
            degree: polynomial degree of V and T.
            ambient_K: temperature of the electrodes; that of the card by default.
            tolerance: of ln N in a step.
            comm: MPI communicator, all ranks by default.

        Raises:
            InputError: an impossible number.
        """
        if not 1e-8 <= tolerance <= 0.1:
            raise InputError(
                f"A tolerance of {tolerance:g} is outside 1e-8 to 0.1; {TOLERANCE:g} is the default."
            )
        mesh = build_mesh(build_stack(card), dim=dim, resolution=resolution, comm=comm)
        self.card, self.load, self.tolerance = card, load, tolerance
        self.problem = LoadedProblem(card, mesh, load, degree=degree)
        ambient = check_ambient(card.ambient_K if ambient_K is None else ambient_K, "ambient")
        self.problem.coefficients.ambient.value = ambient
        self._dome = DomeSampler(self.problem)
        self._applied_V = 0.0
        self.start()

    @property
    def work_name(self) -> str:
        """Card, load and numerics, for restart files."""
        return f"dome {self.card.hash[:16]} {self.load.label} {self.tolerance:g} {self.problem.unknowns}"

    @property
    def is_root(self) -> bool:
        """Whether this rank writes files."""
        return self.problem.comm.rank == 0

    @property
    def counts(self) -> np.ndarray:
        """(2,) field solutions and Newton steps so far; restart files set them."""
        return np.array([self.problem.solves, self.problem.newton_steps])

    @counts.setter
    def counts(self, values: np.ndarray) -> None:
        self.problem.solves, self.problem.newton_steps = map(int, values)

    def hottest_K(self) -> float:
        """Highest temperature of the fields in place."""
        return self._sampled["temperature_max_K"]

    def current_A(self) -> float:
        """Terminal current of the fields in place."""
        return self.problem.current_A()

    def dome_density_m3(self) -> float:
        """The state."""
        return self._density_m3

    def start(self, density_m3: float | None = None) -> None:
        """Put a state in place, at 0 V.

        Args:
            density_m3: dome density; that of LRS by default.

        Raises:
            RangeError: outside the card's range.
        """
        wanted = self.card.states["lrs"].dome.density_m3 if density_m3 is None else float(density_m3)
        self._check_density(wanted)
        self._density_m3, self._applied_V = wanted, 0.0
        self.problem.set_line(0.0)
        self._solve(0.0, math.log(wanted / REFERENCE_M3))

    def run(
        self,
        waveform: Waveform,
        *,
        density_m3: float | None = None,
        most_V: float = STEP_MOST_V,
        on_step: Callable[[float, float], None] | None = None,
        checkpoint: str | Path | None = None,
        progress=None,
    ) -> SwitchingTrace:
        """Drive the cell through a waveform.

        Args:
            waveform: voltage over cell and load.
            density_m3: dome density at the start; the state in place by default.
            most_V: longest step over the applied voltage.
            on_step: called with time and applied voltage after each accepted step, fields in place.
            checkpoint: restart file, written after each straight piece of the waveform; the same work continues from
                it with the same curve, and a run that ends removes it.
            progress: where the work is shown.

        Returns:
            SwitchingTrace.

        Raises:
            RangeError: the density leaves the card's range; the message has time and bias.
            ConvergenceError: fields or steps fail; the message has time, bias and cause.
            InputError: a checkpoint of other work, or one that another run works on.
        """
        if density_m3 is not None:
            self.start(density_m3)
        corners = np.concatenate([waveform.time_s, waveform.voltage_V, [most_V, self._density_m3]])
        work = f"{hashlib.sha256(corners.tobytes()).hexdigest()[:16]} {self.work_name}"
        path = None if checkpoint is None else Path(checkpoint)
        with exclusive_on_root(path, self.problem.comm, "wait for it, or give another checkpoint file"):
            rows = self._pieces(waveform, most_V, on_step, path, work, progress or NullProgress())
        columns = [np.array(column) for column in zip(*rows, strict=True)]
        warn_hot(columns[5], self.card, "The cell of the dome model")
        return SwitchingTrace(
            *columns,
            model=f"dome, {self.problem.cell.dim}-D fields in the loop, {self.problem.unknowns} unknowns",
            load=self.load.label,
            ambient_K=self.problem.ambient_K,
            provenance=Provenance.create("fem.dome_model", card=self.card),
        )

    def _pieces(
        self, waveform: Waveform, most_V: float, on_step, path: Path | None, work: str, progress
    ) -> list:
        """Rows of the waveform, continued from its restart file where there is one."""
        pieces, begun = split_at_zero(waveform), self.counts
        rows, done = self._resume(path, work)
        if not rows:
            rows.append(self._first_row(pieces[0]))
        with progress.task(waveform.label or "dome model", len(pieces)) as task:
            task.advance(done)
            for count, piece in enumerate(pieces[done:], done + 1):
                self._run_piece(piece, rows, most_V, on_step)
                task.advance(1, f"{piece[3]:.3g} V")
                if path is not None and count < len(pieces) and self.is_root:
                    save(self._captured(rows, count, work, self.counts - begun), path)
        if path is not None and self.is_root:
            remove_file(path)
        return rows

    def _first_row(self, piece) -> tuple:
        start, _, low, high = piece
        self.problem.set_line(low + high)
        u = math.log(self._density_m3 / REFERENCE_M3)
        self._solve(low, u)
        return self._row(start, low)

    def _run_piece(self, piece, rows: list, most_V: float, on_step) -> None:
        start, end, low, high = piece
        self.problem.set_line(low + high)
        sign = math.copysign(1.0, low + high)
        length, run = end - start, abs(high - low)
        u = math.log(self._density_m3 / REFERENCE_M3)

        def applied(time_s: float) -> float:
            return high if time_s >= end else low + (high - low) * (time_s - start) / length

        def rate(time_s: float, state: float) -> float:
            return self._rate(applied(time_s), self._held(state), sign)

        def visit(time_s: float, state: float) -> None:
            density = REFERENCE_M3 * math.exp(state)
            self._check_density(density)
            self._solve(applied(time_s), state)
            self._density_m3 = density
            rows.append(self._row(time_s, applied(time_s)))
            refuse_void(rows[-1][5], f"at {time_s:.6g} s and {rows[-1][1]:.4g} V applied")
            if on_step is not None:
                on_step(*rows[-1][:2])

        most_s = length * min(0.1, most_V / run) if run > 0 else 0.1 * length
        try:
            integrate_piece(rate, (start, end), u, visit, tolerance=self.tolerance, most_s=most_s)
        except VoidError:
            raise
        except (ConvergenceError, RangeError) as error:
            where = (
                f"The dome model stopped after {rows[-1][0]:.6g} s and {rows[-1][1]:.4g} V applied: {error}"
            )
            remedy = "" if isinstance(error, RangeError) else "; lower the amplitude or use a finer mesh."
            raise type(error)(where.rstrip(".") + (remedy or ".")) from error

    def _rate(self, applied_V: float, u: float, sign: float) -> float:
        """du/dt of the fields at a voltage and a state."""
        if applied_V == 0.0:
            return 0.0
        self._solve(applied_V, u)
        hops = self._sampled["hop_rate_set_per_s" if sign > 0 else "hop_rate_reset_per_s"]
        density = REFERENCE_M3 * math.exp(u)
        return density_rate(density, sign * hops, self.card.ionic) / density

    def _solve(self, applied_V: float, u: float) -> None:
        state = self.card.state_at(REFERENCE_M3 * math.exp(u))
        self.problem.set_state(state)
        self.problem.reach(applied_V, u)
        self._applied_V, self._sampled = applied_V, self._dome(state)

    def _row(self, time_s: float, applied_V: float) -> tuple:
        problem = self.problem
        return (
            time_s,
            applied_V,
            problem.device_V(),
            problem.current_A(),
            self._density_m3,
            self._sampled["temperature_max_K"],
        )

    def _held(self, u: float) -> float:
        span = self.card.range
        low = math.log(span.density_min_m3 / REFERENCE_M3) - TRIAL_SPAN
        high = math.log(span.density_max_m3 / REFERENCE_M3) + TRIAL_SPAN
        return min(max(u, low), high)

    def _check_density(self, density_m3: float) -> None:
        span = self.card.range
        if not span.density_min_m3 <= density_m3 <= span.density_max_m3:
            raise RangeError(
                f"a dome density of {density_m3:.4g} 1/m^3 is outside {span.density_min_m3:g} to "
                f"{span.density_max_m3:g}, the range of card {self.card.name}; change the amplitude or the range."
            )

    def read(self, density_m3: float | None = None, read_V: float | None = None) -> float:
        """Conductance I/V of the cell alone; the state in place stays as it was.

        Args:
            density_m3: another dome density than that in place.
            read_V: over the cell; the card's read voltage by default.

        Returns:
            Conductance [S].

        Raises:
            RangeError: outside the card's range.
        """
        density = self._density_m3 if density_m3 is None else float(density_m3)
        self._check_density(density)
        problem, kept = self.problem, self.problem.get_fields()
        volt = self.card.statistics.read_voltage_V if read_V is None else read_V
        problem.set_state(self.card.state_at(density))
        try:
            return problem.conductance_S(volt)
        finally:
            problem.put_fields(*kept)
            problem.set_line(self._applied_V)
            problem.set_applied(self._applied_V)
            problem.set_state(self.card.state_at(self._density_m3))

    def state(self) -> DomeState:
        """The present state, for restart files."""
        return self._captured([], 0, "", np.zeros(2, dtype=np.int64))

    def restore(self, state: DomeState) -> None:
        """Put a state in place.

        Args:
            state: from `state`.

        Raises:
            RangeError: a density outside the card's range.
        """
        self.problem.coefficients.ambient.value = state.ambient_K
        self.start(state.density_m3)
        if state.applied_V:
            self.problem.set_line(state.applied_V)
            self._solve(state.applied_V, math.log(state.density_m3 / REFERENCE_M3))

    def _captured(self, rows: list, piece: int, work: str, counts: np.ndarray) -> DomeState:
        return DomeState(
            self._density_m3,
            self._applied_V,
            self.problem.ambient_K,
            np.array(rows),
            piece,
            work,
            counts,
            Provenance.create("fem.dome_model", card=self.card),
        )

    def _resume(self, path: Path | None, work: str) -> tuple[list, int]:
        if path is None or not path.is_file():
            return [], 0
        state = load_result(path, DomeState)
        if state.work != work:
            raise InputError(
                f"{path}: a restart file of another waveform, card, load or tolerance; give another path or remove it."
            )
        counts = self.counts + state.counts
        self.restore(state)
        self.counts = counts
        return [tuple(row) for row in state.rows], state.piece
