"""A cell whose vacancies move: waveforms, reads, states in and out. Physics and numerics: docs/theory/switching.md.

In: DeviceCard, Load, Waveform, SwitchingState. Out: FieldTrace, conductances, SwitchingState.
"""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np

from femristor.core.curves import Waveform
from femristor.core.errors import InputError
from femristor.core.jobs import exclusive_on_root
from femristor.core.messages import NullProgress
from femristor.device.card import DeviceCard
from femristor.device.load_line import BARE, Load
from femristor.device.temperature import check_ambient
from femristor.fem.electrothermal.continuation import march
from femristor.fem.mesh.cell_mesh import build_mesh
from femristor.fem.results.switching import FieldTrace, SwitchingState
from femristor.fem.stack import NM, build_stack
from femristor.fem.switching import vacancy_forms
from femristor.fem.switching.checkpoint import capture, restore
from femristor.fem.switching.problem import SwitchingProblem
from femristor.fem.switching.steps import STEP_MOST_V, Counters, Stepper, frozen_weights
from femristor.fem.switching.work import Work

EDGE_NM = 1.5
"""Width over which the dome of the card's start passes into the oxide around it."""


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
        problem_class: type[SwitchingProblem] = SwitchingProblem,
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
            problem_class: another discretisation of the vacancies, for studies.
            comm: MPI communicator, all ranks by default.

        Raises:
            InputError: a card without vacancies, or an impossible number.
        """
        mesh = build_mesh(build_stack(card), dim=dim, resolution=resolution, comm=comm)
        self.card, self.load = card, load
        self.problem = problem_class(card, mesh, degree=degree, regularisation=regularisation)
        ambient = check_ambient(card.ambient_K if ambient_K is None else ambient_K, "ambient")
        self.problem.coefficients.ambient.value = ambient
        self._last_read: tuple[float, list] = (0.0, [])
        self.stepper = Stepper(self.problem, method=method, tolerance=tolerance)
        self.start()

    @property
    def count(self) -> Counters:
        """Work done so far."""
        return self.stepper.count

    @property
    def counts(self) -> np.ndarray:
        """(4,) steps, rejected, failed and Newton steps so far; restart files set them."""
        return np.array(dataclasses.astuple(self.stepper.count))

    @counts.setter
    def counts(self, values: np.ndarray) -> None:
        self.stepper.count = Counters(*map(int, values))

    @property
    def last_read(self) -> tuple[float, list]:
        """Voltage and fields (V, theta) of the last read, from which the next one starts."""
        return self._last_read

    @property
    def work_name(self) -> str:
        """Card, load and numerics, for restart files."""
        problem, stepper = self.problem, self.stepper
        numerics = f"{stepper.method} {stepper.tolerance:g} {problem.unknowns} {problem.regularisation:g}"
        return f"{self.card.hash[:16]} {self.load} {problem.ambient_K:g} K {numerics}"

    @property
    def is_root(self) -> bool:
        """Whether this rank writes files."""
        return self.problem.comm.rank == 0

    def hottest_K(self) -> float:
        """Highest temperature of the fields in place."""
        return self.problem.hottest_K()

    def current_A(self) -> float:
        """Terminal current of the fields in place."""
        return self.problem.current_A()

    def dome_density_m3(self) -> float:
        """Mean density over the card's dome."""
        return self.problem.dome_density_m3()

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
        self.history: tuple[str, ...] = ()

    def run(
        self,
        waveform: Waveform,
        *,
        most_V: float = STEP_MOST_V,
        on_step: Callable[[float, float], None] | None = None,
        checkpoint: str | Path | None = None,
        progress=None,
    ) -> FieldTrace:
        """Drive the cell through a waveform from the state in place.

        Args:
            waveform: voltage over cell and load; the first value is reached with frozen vacancies.
            most_V: longest step over the applied voltage.
            on_step: called with time and applied voltage after each accepted step, fields in place.
            checkpoint: restart file, written on the way and when the run fails or is interrupted; the same work
                continues from it, and a run that ends removes it.
            progress: where the work is shown.

        Returns:
            FieldTrace.

        Raises:
            ConvergenceError: a step went to nothing; the message has time, bias and cause.
            InputError: a checkpoint of other work, or one that another run works on.
        """
        work = Work(self, waveform, most_V, on_step, checkpoint)
        with exclusive_on_root(checkpoint, self.problem.comm, "wait for it, or give another checkpoint file"):
            return work.run(progress or NullProgress())

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

        def note(*_) -> None:
            found.append(problem.current_A() / problem.device_V())
            self._last_read = volt, problem.get()[:2]

        try:
            # From the fields of the last read where they lead there, else by continuation from 0 V.
            frozen = _Frozen(problem)
            if self._last_read[0] == volt:
                frozen.put_fields(*self._last_read[1])
                if frozen.solve(volt)[0]:
                    note()
            if not found:
                march(frozen, [volt], note)
        finally:
            problem.put(kept)
            problem.set_load(self.load, self.stepper.history.applied_V[0])
            problem.set_applied(self.stepper.history.applied_V[0])
        return found[0]

    def state(self) -> SwitchingState:
        """The present state, to be stored or to start another cell of the same card and mesh from."""
        return capture(
            self.problem,
            self.stepper.history,
            self.stepper.next_s,
            self._last_read,
            rows=np.empty((0, 0)),
            piece=0,
            reached_s=0.0,
            work="",
            history=self.history,
            counts=np.zeros(4, dtype=np.int64),
        )

    def restore(self, state: SwitchingState) -> None:
        """Put a state in place.

        Raises:
            InputError: it belongs to another mesh.
        """
        self._last_read = restore(self.problem, self.stepper, state)
        self.problem.set_load(self.load, self.stepper.history.applied_V[0])
        self.history = state.history

    def ramp_frozen(self, applied_V: float) -> None:
        """Bring V and T to a voltage without moving vacancies."""
        problem, next_s = self.problem, self.stepper.next_s
        problem.set_load(self.load, applied_V)
        frozen_weights(problem)
        reached: list = []
        march(_Frozen(problem), [applied_V], lambda *_: reached.append(problem.get()))
        # The march leaves the fields of 0 V behind.
        problem.put(reached[0])
        problem.set_applied(applied_V)
        self.stepper.begin(applied_V)
        self.stepper.next_s = next_s


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
