"""Forming: the filament region goes from insulating to formed, by field and temperature, through the selector.

State: n, the formed part of the oxide's thickness t; the rest is a gap (1 - n) t that holds the voltage of the filament
region. Conductance `sigma = sigma_oxide^(1 - n) sigma_filament^n`, which is exponential in the gap as tunnelling is.
The next plane of bonds breaks at the rate of the thermochemical model in the field of the gap,
`dn/dt = (a/t) nu exp(-(E_a - b F_gap)/kT)`, `F_gap = F/(1 - n (1 - a/t))`, with field F and temperature T averaged over the
filament region of the solved fields. The oxide around it and the conductive metal oxide, as deposited, stand still.
In: DeviceCard with [forming], Load. Out: FormingResult. What follows: forming_history.py. Docs: docs/theory/forming.md.
"""

import math
from dataclasses import dataclass

import numpy as np
import ufl

from femristor.core.constants import EV, K_B
from femristor.core.curves import Waveform
from femristor.core.errors import ConvergenceError, InputError, VoidError
from femristor.core.provenance import Provenance
from femristor.device.card import DeviceCard
from femristor.device.load_line import Load, selector_load
from femristor.device.state import CellState
from femristor.device.temperature import refuse_void, warn_hot
from femristor.fem import dolfin
from femristor.fem.electrothermal import forms
from femristor.fem.mesh.cell_mesh import build_mesh
from femristor.fem.regional.loaded_problem import LoadedProblem
from femristor.fem.regional.scalar_steps import integrate_piece
from femristor.fem.results.forming import FormingResult
from femristor.fem.stack import Region, build_stack
from femristor.fem.switching.work import split_at_zero

PEAK_V = 3.6
"""Default end of the forming sweep (estimate)."""
RATE_V_PER_S = 1.0
"""Default rate of the sweeps (estimate)."""
NEGATIVE_V = -1.4
"""Default of the negative sweep after forming (estimate)."""
DISCHARGE_S = 1e-7
"""Shortest time of a jump: capacitance of the cell (8 pF) discharging through 10 kohm."""
GRID_V = 0.005
"""Step of the sweep, as an instrument takes it, at which the jump is looked for."""
TOLERANCE = 1e-3
STEP_MOST_V = 0.1
FORMED_SHARE = 0.9
"""A device counts as formed from here on."""
LINEAR_S_PER_M = 1e-3
"""Below this conductivity of the filament region the cell is an insulator: its field is that of one linear solve, its
voltage the applied one (to 1e-6), its heating below 0.01 K."""
SOLVES_MOST = 5000
"""Field solutions of one sweep, ten times what forming takes: a cell that needs more will not form, however long it runs."""
NOT_FORMED = 10.0
"""A largest jump below this many times the current before it is no forming."""


@dataclass(frozen=True)
class FormingPlan:
    """The sweeps.

    Attributes:
        peak_V: end of the positive sweep.
        rate_V_per_s: rate of both sweeps.
        negative_V: end of the negative sweep.
    """

    peak_V: float = PEAK_V
    rate_V_per_s: float = RATE_V_PER_S
    negative_V: float = NEGATIVE_V

    def __post_init__(self):
        """Check signs."""
        if not (self.peak_V > 0 and self.rate_V_per_s > 0 and self.negative_V < 0):
            raise InputError(
                f"Forming needs a peak and a rate above 0 and a negative sweep below 0 V, not {self.peak_V:g} V, "
                f"{self.rate_V_per_s:g} V/s and {self.negative_V:g} V."
            )


class _Formed(Exception):
    """The device has formed; what follows is not wanted."""


@dataclass(frozen=True)
class _Point:
    """One solved point."""

    rate_per_s: float
    sigma: float
    field: float
    temperature: float
    device_V: float
    current_A: float
    hottest_K: float


class FormingCell:
    """A meshed cell whose filament region forms; devices differ in their activation energy.

    Attributes:
        problem: the fields.
        load: the selector at the forming gate.
    """

    def __init__(
        self,
        card: DeviceCard,
        *,
        load: Load | None = None,
        resolution: float = 0.5,
        tolerance: float = TOLERANCE,
        comm=None,
    ):
        """Mesh the cell, compile its forms, put the oxide as deposited in place.

        Args:
            card: device card with the sections [forming] and [vacancies].
            load: what is in series; the card's selector at its forming gate by default.
            resolution: divides every edge length.
            tolerance: of n in a step.
            comm: MPI communicator, all ranks by default.

        Raises:
            InputError: a card without these sections.
        """
        if card.forming is None or card.vacancies is None:
            raise InputError(
                f"Card {card.name} has no section [forming] or [vacancies], which forming needs; copy them from cmo_hfox."
            )
        self.card, self.tolerance = card, tolerance
        self.load = load or selector_load(card, gate_set_V=card.selector.gate_forming_V)
        mesh = build_mesh(build_stack(card), dim=2, resolution=resolution, comm=comm)
        self.problem = problem = LoadedProblem(card, mesh, self.load)
        oxide, filament = card.material(card.layer("oxide").material), card.material(card.filament.material)
        self._sigmas = oxide.conductivity_S_per_m, filament.conductivity_S_per_m
        self._heats = oxide.thermal_conductivity_W_per_mK, filament.thermal_conductivity_W_per_mK
        self._thickness_m = card.layer("oxide").thickness_m
        as_deposited = card.hopping.parameters(card.vacancies.surround_density_m3)
        problem.set_state(CellState("as deposited", as_deposited, as_deposited))
        weight, part = problem.weight, problem.dx(int(Region.FILAMENT))
        slope = ufl.grad(problem.potential)
        field = forms.FIELD_UNIT * ufl.sqrt(ufl.inner(slope, slope) + forms.FIELD_FLOOR**2)
        one = dolfin.constant(mesh.mesh, 1.0)
        self._volume = dolfin.assemble_number(dolfin.compile_form(weight * one * part), problem.comm)
        self._means = [dolfin.compile_form(weight * entry * part) for entry in (field, problem.rise)]
        self._length_m = math.pi * card.filament.radius_m**2 / self._thickness_m
        self._activation_J = card.forming.activation_J
        self._solves_before = 0
        self._insulator = self._solve_insulator()

    def sigma(self, formed_share: float) -> float:
        """Conductivity of the filament region [S/m], n from 0 to 1."""
        low, high = self._sigmas
        return low ** (1 - formed_share) * high**formed_share

    def run(
        self,
        plan: FormingPlan | None = None,
        *,
        activation_J: float | None = None,
        until_formed: bool = False,
    ) -> FormingResult:
        """Form one device by the positive sweep.

        Args:
            plan: the sweeps; the defaults if None.
            activation_J: activation energy of this device; the card's by default.
            until_formed: end the sweep two points of the instrument after the jump.

        Returns:
            FormingResult.

        Raises:
            InputError: the device does not form up to the peak.
            ConvergenceError: fields or steps fail; the message has time, bias and cause.
        """
        plan = plan or FormingPlan()
        law = self.card.forming
        self._activation_J = law.activation_J if activation_J is None else activation_J
        wave = Waveform.triangle((plan.peak_V,), plan.rate_V_per_s)
        share, pristine = 0.0, self.pristine_S()
        self._solves_before = self.problem.solves
        self.problem.set_line(1.0)
        rows = [self._row(0.0, 0.0, 0.0)]
        try:
            for piece in split_at_zero(wave):
                share = self._run_piece(piece, share, rows, until_formed)
        except _Formed:
            share = rows[-1][4]
        columns = [np.array(column) for column in zip(*rows, strict=True)]
        triode, found = self.load.line(1.0), _largest_jump(columns[0], columns[1], columns[3])
        if found is None:
            raise InputError(
                f"No jump of the current up to {plan.peak_V:g} V: the device did not form; raise the peak or check "
                f"the activation energy of {self._activation_J / EV:.3g} eV."
            )
        warn_hot(columns[8], self.card, "The cell of the forming sweep")
        ohm = triode.ohm
        return FormingResult(
            *columns,
            form_V=found[0] - ohm * found[1],
            form_applied_V=found[0],
            form_current_A=found[1],
            pristine_S=pristine,
            formed_S=self._read(share),
            activation_J=self._activation_J,
            triode_ohm=ohm,
            load=self.load.label,
            ambient_K=self.problem.ambient_K,
            provenance=Provenance.create("fem.forming", card=self.card),
        )

    def _run_piece(self, piece, share: float, rows: list, until_formed: bool) -> float:
        start, end, low, high = piece
        formed_at: list[float] = []

        def applied(time_s: float) -> float:
            return high if time_s >= end else low + (high - low) * (time_s - start) / (end - start)

        def rate(time_s: float, state: float) -> float:
            return self._solve(applied(time_s), state).rate_per_s

        def visit(time_s: float, state: float) -> None:
            rows.append(self._row(time_s, applied(time_s), min(state, 1.0)))
            refuse_void(rows[-1][8], f"at {time_s:.6g} s and {rows[-1][1]:.4g} V applied")
            if until_formed and state > FORMED_SHARE:
                formed_at.append(applied(time_s))
                if formed_at[-1] > formed_at[0] + 2 * GRID_V:
                    raise _Formed

        most_s = (end - start) * STEP_MOST_V / abs(high - low)
        try:
            return integrate_piece(rate, (start, end), share, visit, tolerance=self.tolerance, most_s=most_s)
        except VoidError:
            raise
        except ConvergenceError as error:
            raise ConvergenceError(
                f"Forming stopped after {rows[-1][0]:.6g} s and {rows[-1][1]:.4g} V applied: {error}; lower the gate, check "
                "the section [forming] of the card, or use a finer mesh."
            ) from error

    def _solve(self, applied_V: float, share: float) -> _Point:
        """Fields at an applied voltage and a formed share, and how fast it grows."""
        held, law, problem = min(max(share, 0.0), 1.0), self.card.forming, self.problem
        sigma, ambient = self.sigma(held), problem.ambient_K
        if sigma < LINEAR_S_PER_M:
            leak = self._insulator[1] + (sigma - self._sigmas[0]) * self._length_m
            field, temperature = self._insulator[0] * applied_V, ambient
            outside = (applied_V, leak * applied_V, ambient)
        else:
            if problem.solves - self._solves_before > SOLVES_MOST:
                raise ConvergenceError(
                    f"{SOLVES_MOST} field solutions did not bring the sweep to its end, so that the device never forms"
                )
            self._put(held)
            problem.reach(applied_V, held)
            field, rise = self._mean(0), self._mean(1)
            temperature = ambient + rise
            top = dolfin.largest(problem.comm, problem.rise.x.array.max())
            outside = (problem.device_V(), problem.current_A(), ambient + top)
        plane = law.plane_m / self._thickness_m
        gap_field = field / (1 - held * (1 - plane))
        barrier = max(self._activation_J - law.lowering_C_m * gap_field, 0.0)
        breaks = law.attempt_frequency_Hz * math.exp(-barrier / (K_B * temperature))
        growth = plane * breaks if share < 1 else 0.0
        return _Point(growth / (1 + growth * DISCHARGE_S), sigma, gap_field, temperature, *outside)

    def _solve_insulator(self) -> tuple[float, float]:
        """(mean field of the filament region over the voltage [1/m], conductance [S]) as deposited, at 1 V."""
        self._put(0.0)
        self.problem.set_line(1.0)
        self.problem.reach(1.0, 0.0)
        return self._mean(0), self.problem.current_A()

    def _mean(self, index: int) -> float:
        return dolfin.assemble_number(self._means[index], self.problem.comm) / self._volume

    def _put(self, share: float) -> None:
        heat = self._heats[0] + share * (self._heats[1] - self._heats[0])
        self.problem.set_filament(self.sigma(share), heat)

    def _row(self, time_s: float, applied_V: float, share: float) -> tuple:
        point = self._solve(applied_V, share)
        return (
            time_s,
            applied_V,
            point.device_V,
            point.current_A,
            share,
            point.sigma,
            point.sigma * self._length_m,
            point.temperature,
            point.hottest_K,
            point.field,
        )

    def pristine_S(self) -> float:
        """Conductance at the read voltage before forming."""
        return self._read(0.0)

    def _read(self, share: float) -> float:
        held = min(max(share, 0.0), 1.0)
        self.problem.set_filament(self.sigma(held), self._heats[0] + held * (self._heats[1] - self._heats[0]))
        return self.problem.conductance_S(self.card.statistics.read_voltage_V)


def _largest_jump(time_s, applied_V, current_A) -> tuple[float, float] | None:
    """(applied voltage, current after it) at the largest jump between points of the rising sweep GRID_V apart."""
    top = int(np.argmax(applied_V))
    count = round(applied_V[top] / GRID_V)
    volt = np.linspace(0.0, applied_V[top], count + 1)
    moment = np.interp(volt, applied_V[: top + 1], time_s[: top + 1])
    current = np.interp(moment, time_s, current_A)
    jump = np.diff(current)
    at = int(np.argmax(jump))
    if jump[at] < NOT_FORMED * abs(current[at]):
        return None
    return float(volt[at + 1]), float(current[at + 1])
