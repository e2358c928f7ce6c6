"""A cell whose vacancies move: waveforms, reads, states in and out. Physics and numerics: docs/theory/switching.md.

In: DeviceCard, Load, Waveform, VacancyState. Out: SwitchingTrace, conductances, VacancyState.
"""

from collections.abc import Callable

import numpy as np

from femristor.core.curves import Waveform
from femristor.core.errors import ConvergenceError, InputError
from femristor.core.progress import NullProgress
from femristor.device.card import DeviceCard
from femristor.device.load_line import BARE, Load
from femristor.fem import dolfin, vacancy_forms
from femristor.fem.continuation import march
from femristor.fem.mesh import build_mesh
from femristor.fem.stack import NM, build_stack
from femristor.fem.switching_problem import SwitchingProblem
from femristor.fem.time_steps import STEP_MOST_V, Counters, Stepper, frozen_weights

EDGE_NM = 1.5
"""Width over which the dome of the card's start passes into the oxide around it."""
COLUMNS = ("time_s", "voltage_applied_V", "voltage_device_V", "current_A", "density_m3", "temperature_K")
EXTRA = ("stored", "density_min_m3", "density_max_m3", "step_s")


class SwitchingCell:
    """A meshed cell with moving vacancies.

    Attributes:
        problem: the coupled problem.
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
        method: str = "bdf2",
        tolerance: float = 0.02,
        regularisation: float | None = None,
        comm=None,
    ):
        """Mesh the cell, compile its forms, put the card's start in place.

        Args:
            card: device card with a section [vacancies].
            load: what is in series, solved with the fields.
            dim: 2 for the axisymmetric half plane, 3 for a quarter of the cylinder.
            resolution: divides every edge length.
            degree: polynomial degree of V and T.
            ambient_K: temperature of the electrodes; that of the card by default.
            method: "bdf2" or "euler".
            tolerance: relative local error of a step.
            regularisation: share of the regularising flux; the default of `vacancy_forms` if None.
            comm: MPI communicator, all ranks by default.

        Raises:
            InputError: a card without vacancies, or an impossible number.
        """
        mesh = build_mesh(build_stack(card), dim=dim, resolution=resolution, comm=comm)
        self.card, self.load = card, load
        self.problem = SwitchingProblem(card, mesh, degree=degree, regularisation=regularisation)
        self.problem.coefficients.ambient.value = card.ambient_K if ambient_K is None else ambient_K
        self.stepper = Stepper(self.problem, method=method, tolerance=tolerance)
        self.start()

    @property
    def count(self) -> Counters:
        """Work done so far."""
        return self.stepper.count

    def start(self, density_m3: float | None = None) -> None:
        """Put a state in place, at 0 V.

        Args:
            density_m3: one density everywhere; by default the card's enriched dome in its surroundings.

        Raises:
            InputError: a density that is not between 0 and the steric limit.
        """
        room = self.card.vacancies
        if density_m3 is not None:
            if not 0 < density_m3 < room.density_max_m3:
                raise InputError(
                    f"A density of {density_m3:g} 1/m^3 is outside (0, {room.density_max_m3:g}); choose another."
                )
            self._put_density(np.full(len(self.problem.places), density_m3))
            return
        dim, stack = self.problem.cell.dim, self.problem.cell.stack
        places = self.problem.places[:, :dim].copy()
        places[:, -1] -= stack.dome_height_nm
        distance = np.linalg.norm(places, axis=1)
        share = 0.5 * (1 - np.tanh((distance - room.dome_radius_m / NM) / EDGE_NM))
        self._put_density(
            room.surround_density_m3 + share * (room.dome_density_m3 - room.surround_density_m3)
        )

    def _put_density(self, density_m3: np.ndarray) -> None:
        problem = self.problem
        u = vacancy_forms.unknown_values(self.card, density_m3)
        if self.card.polarity == "C8W":
            held = self.card.vacancies.filament_density_m3
            u[problem.filament_nodes()] = vacancy_forms.unknown_values(self.card, held)
        fields = [np.zeros_like(values) for values in problem.get()[:2]]
        problem.put([*fields, u])
        problem.set_applied(0.0)
        self.stepper.begin(0.0)
        self.stepper.next_s = 0.0

    def run(
        self,
        waveform: Waveform,
        *,
        most_V: float = STEP_MOST_V,
        on_step: Callable[[float, float], None] | None = None,
        progress=None,
        label: str = "waveform",
    ) -> dict[str, np.ndarray]:
        """Drive the cell through a waveform from the state in place.

        Args:
            waveform: voltage over cell and load; it starts and continues from the present state.
            most_V: longest step over the applied voltage.
            on_step: called with time and applied voltage after each accepted step, fields in place.
            progress: where the work is shown.
            label: name of the work.

        Returns:
            Columns (time,) by name: COLUMNS and EXTRA.

        Raises:
            ConvergenceError: a step went to nothing; the message has time, bias and cause.
        """
        problem, stepper = self.problem, self.stepper
        rows: list[tuple] = []
        pieces = split_at_zero(waveform)
        if abs(pieces[0][2] - stepper.history.applied_V[0]) > 1e-6:
            self._ramp_frozen(pieces[0][2])
        with (progress or NullProgress()).task(label, len(pieces)) as task:
            rows.append(self._row(waveform.time_s[0], pieces[0][2], 0.0))
            for start, end, low, high in pieces:
                problem.set_load(self.load, low + high)
                stepper.history.forget()

                def visit(reached: float, volt: float, start=start) -> None:
                    rows.append(self._row(start + reached, volt, stepper.history.steps_s[0]))
                    if on_step is not None:
                        on_step(start + reached, volt)

                try:
                    stepper.piece(end - start, (low, high), visit, most_V=most_V)
                except ConvergenceError as error:
                    raise ConvergenceError(
                        f"The moving vacancies stopped at {rows[-1][0]:.6g} s: {error}; "
                        "lower the amplitude or add a load."
                    ) from error
                task.advance(1, f"{high:.3g} V")
        return {
            name: np.array(column)
            for name, column in zip((*COLUMNS, *EXTRA), zip(*rows, strict=True), strict=True)
        }

    def read(self, voltage_V: float | None = None) -> float:
        """Conductance I/V of the cell alone with frozen vacancies; the state stays as it was.

        Args:
            voltage_V: over the cell; the card's read voltage by default.

        Returns:
            Conductance [S].
        """
        problem = self.problem
        volt = self.card.statistics.read_voltage_V if voltage_V is None else voltage_V
        kept, found = problem.get(), []
        problem.set_load(BARE, volt)
        frozen_weights(problem)
        try:
            march(_Frozen(problem), [volt], lambda *_: found.append(problem.current_A() / problem.device_V()))
        finally:
            problem.put(kept)
            problem.set_load(self.load, self.stepper.history.applied_V[0])
            problem.set_applied(self.stepper.history.applied_V[0])
        return found[0]

    def _ramp_frozen(self, volt: float) -> None:
        """Bring V and T to the first voltage of a waveform without moving vacancies."""
        problem = self.problem
        problem.set_load(self.load, volt)
        frozen_weights(problem)
        march(_Frozen(problem), [volt], lambda *_: None)
        self.stepper.begin(volt)

    def _row(self, time_s: float, applied_V: float, step_s: float) -> tuple:
        problem = self.problem
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


class _Frozen:
    """The problem with frozen vacancies, as the continuation over bias wants it."""

    def __init__(self, problem: SwitchingProblem):
        self._problem = problem
        self._density = problem.fields[2].x.array.copy()

    def solve(self, bias_V: float) -> tuple[bool, int, str]:
        """Solve from the present fields."""
        self._problem.set_applied(bias_V)
        return self._problem.solve()

    def get_fields(self) -> tuple[np.ndarray, ...]:
        """V and theta."""
        return tuple(self._problem.get()[:2])

    def put_fields(self, *fields: np.ndarray) -> None:
        """Write V and theta; the density is the frozen one."""
        self._problem.put([*fields, self._density])


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


__all__ = ["COLUMNS", "EXTRA", "SwitchingCell", "dolfin", "split_at_zero"]
