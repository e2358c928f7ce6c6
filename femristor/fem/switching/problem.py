"""Moving vacancies on one mesh: V, theta and u = ln(N/N_ref) in one Newton system, with the load line inside it.

The top face carries the current of the load, spread evenly over its metal, as a function of the unknown potential
there; the bottom face is grounded. Compiled once; only constants change afterwards.
"""

import numpy as np
import ufl

from femristor.core.errors import InputError
from femristor.device import load_line
from femristor.device.card import DeviceCard
from femristor.device.laws.channel import channel_current
from femristor.device.load_line import BARE, Load
from femristor.fem import dolfin
from femristor.fem.electrothermal import forms
from femristor.fem.electrothermal.problem import MICRO, coefficients_of
from femristor.fem.mesh.cell_mesh import CellMesh
from femristor.fem.stack import HOPPING, NM, Electrode, Region
from femristor.fem.switching import vacancy_forms

WIRE_OHM = 0.1
"""What a bare cell has in series: moves its voltage by microvolts and keeps the terminal law regular."""
UNLIMITED_A = 1e3
"""Limit of a load without compliance: the tanh is a straight line there."""
RESIDUAL = 1e-6
"""Newton stops at this norm of the residual [uA, uW, scaled vacancies]."""
NEWTON_STEPS = 10


class SwitchingProblem:
    """The coupled problem.

    Attributes:
        fields: V [V], theta [K], u.
        earlier: u of the last two steps.
        step: constants of the time step.
        regularisation: share of the regularising flux.
        places: (nodes, 3) coordinates of u's nodes [nm].
        oxide_cells: (cells,) cells of the oxide, in the order of the mesh that u lives on.
    """

    def __init__(
        self, card: DeviceCard, cell: CellMesh, *, degree: int = 2, regularisation: float | None = None
    ):
        """Build and compile the forms.

        Args:
            card: device card with a section [vacancies].
            cell: the meshed cell.
            degree: polynomial degree of V and theta; u is linear.
            regularisation: another share than `vacancy_forms.REGULARISATION`.

        Raises:
            InputError: the card has no vacancies, or polarity C8W without the filament's density.
        """
        check_card(card)
        self.card, self.cell, self.degree = card, cell, degree
        mesh = cell.mesh
        self.comm = mesh.comm
        self._part, entities, self.oxide_cells = dolfin.part_of(mesh, cell.cell_tags, HOPPING)
        self._maps = [entities]
        spaces = [
            dolfin.scalar_space(mesh, degree),
            dolfin.scalar_space(mesh, degree),
            self._oxide_space(),
        ]
        names = ("potential", "temperature_rise", "ln_density")
        self.fields = [dolfin.function(space, name) for space, name in zip(spaces, names, strict=True)]
        self.earlier = [dolfin.function(spaces[2], name) for name in ("last", "before")]
        self.coefficients = coefficients_of(card, cell)
        self.step = vacancy_forms.VacancyConstants(*(dolfin.constant(mesh) for _ in range(5)))
        self._applied, self._share, self._set = (dolfin.constant(mesh) for _ in range(3))
        # A unit transistor, whose current the share of 0 removes, until a load with one is set.
        self._line = [dolfin.constant(mesh, value) for value in load_line.LoadLine(0, 1.0, 1.0, 1.0)[1:]]
        self.regularisation = vacancy_forms.REGULARISATION if regularisation is None else regularisation
        self.weight, self.dx = forms.weight(cell), forms.measure(cell, degree)
        self.places = dolfin.node_places(spaces[2])
        self._compile(spaces)
        self.set_load(BARE, 0.0)

    def _compile(self, spaces) -> None:
        card, cell, w = self.card, self.cell, self.weight
        potential, rise, u = self.fields
        temperature = self.coefficients.ambient + rise
        oxide = self.dx(tuple(int(region) for region in HOPPING))
        ohmic = self.dx(tuple(int(region) for region in Region if region not in HOPPING))
        sigma = vacancy_forms.hopping_conductivity(card, u, potential, temperature)
        terms = [(forms.FLUX_UNIT * self.coefficients.metal, ohmic), (forms.FLUX_UNIT * sigma, oxide)]
        tests = [ufl.TestFunction(space) for space in spaces]
        electric, thermal = forms.residuals(
            terms, self.coefficients.heat, w, unknowns=(potential, rise), tests=tests[:2], dx=self.dx
        )
        face, top = forms.top_metal(cell, self.degree)
        area = dolfin.assemble_number(dolfin.compile_form(face * top), self.comm)
        current = self._terminal_current(potential) / (MICRO * area)
        electric -= face * current * tests[0] * top
        moving = self._vacancy_residual(tests[2], oxide)
        self.newton = dolfin.BlockNewton(
            [electric, thermal, moving],
            self.fields,
            self._conditions(spaces),
            max_steps=NEWTON_STEPS,
            maps=self._maps,
        )
        self._current = dolfin.compile_form(face * MICRO * current * top)
        self._voltage = dolfin.compile_form(face * potential / area * top)
        n = vacancy_forms.density(card, u)
        dome = self.dx(int(Region.DOME))
        self._stored = dolfin.compile_form(w * n * oxide, self._maps)
        self._in_dome = dolfin.compile_form(w * n * dome, self._maps)
        one = dolfin.constant(cell.mesh, 1.0)
        self.dome_volume_nm3 = dolfin.assemble_number(dolfin.compile_form(w * one * dome), self.comm)
        shares = dolfin.compile_form(w * one * tests[2] * dome, self._maps)
        slope = ufl.grad(potential)
        self._heat = dolfin.compile_form(
            w * terms[1][0] * ufl.inner(slope, slope) * tests[2] * oxide, self._maps
        )
        self._power = dolfin.compile_form(forms.joule_power(terms, w, potential), self._maps)
        field = w * forms.field_magnitude(potential) * dome
        self._field = dolfin.compile_form(field)
        self.background = card.hopping.background_density_m3 / vacancy_forms.REFERENCE_M3
        self.dome_shares = dolfin.assemble_array(shares)[: dolfin.owned(spaces[2])].copy()

    def _oxide_space(self):
        return dolfin.scalar_space(self._part, 1)

    def _vacancy_residual(self, test, oxide):
        """Residual of the vacancies; a study of other fluxes replaces it and the space."""
        potential, rise, u = self.fields
        temperature = self.coefficients.ambient + rise
        flow = vacancy_forms.flux(
            self.card, u, potential, temperature, self.step, regularisation=self.regularisation
        )
        return vacancy_forms.residual(self.card, u, self.earlier, flow, self.step, self.weight, test, oxide)

    def _terminal_current(self, potential):
        """Current of the load [A] as an expression of the potential of the top face: a tanh or a transistor."""
        sign, ohm, limit, gate, *channel = self._line
        tanh = limit * ufl.tanh((self._applied - potential) / (ohm * limit))
        applied, device = sign * self._applied, sign * potential
        drain, source = applied - self._set * device, (1 - self._set) * device
        through = sign * channel_current(channel, gate, drain, source, ops=forms.Ops)
        return (1 - self._share) * tanh + self._share * through

    def _conditions(self, spaces) -> list:
        mesh, facets = self.cell.mesh, self.cell.facet_tags
        zero = dolfin.constant(mesh)
        faces = [(spaces[0], [Electrode.BOTTOM]), (spaces[1], list(Electrode))]
        found = [dolfin.dirichlet(zero, dolfin.dofs_on(space, facets, tags), space) for space, tags in faces]
        if self.card.polarity == "C8W":
            held = vacancy_forms.unknown_values(self.card, self.card.vacancies.filament_density_m3)
            value = dolfin.constant(self._part, held)
            found.append(dolfin.dirichlet(value, self.filament_nodes(), spaces[2]))
        return found

    def filament_nodes(self) -> np.ndarray:
        """Nodes of u on the face of the filament."""
        stack = self.cell.stack
        radius = np.linalg.norm(self.places[:, : self.cell.dim - 1], axis=1)
        height = self.places[:, self.cell.dim - 1]
        on_face = (np.abs(height - stack.dome_height_nm) < 1e-6) & (radius <= stack.filament_radius_nm + 1e-6)
        return np.flatnonzero(on_face).astype(np.int32)

    @property
    def unknowns(self) -> int:
        """Degrees of freedom on all ranks."""
        return sum(dolfin.unknowns(field.function_space) for field in self.fields)

    @property
    def ambient_K(self) -> float:
        """Temperature of both electrodes."""
        return float(self.coefficients.ambient.value)

    def set_load(self, load: Load, applied_V: float) -> None:
        """Write the load line for the direction of a voltage."""
        line = load.line(applied_V)
        is_channel = line.kind == load_line.CHANNEL_KIND
        self._share.value, self._set.value = float(is_channel), float(line.sign > 0)
        values = line._replace(
            ohm=1.0 if is_channel else max(line.ohm, WIRE_OHM), limit_A=min(line.limit_A, UNLIMITED_A)
        )
        for constant, value in zip(self._line, values[1:], strict=True):
            constant.value = value

    def set_applied(self, applied_V: float) -> None:
        """Write the voltage over cell and load."""
        self._applied.value = applied_V

    def set_weights(self, dt_s: float, weights: tuple[float, float, float], set_share: float) -> None:
        """Write the time step, the weights of the formula and the direction."""
        step = self.step
        step.dt.value, step.set_share.value = dt_s, set_share
        step.c0.value, step.c1.value, step.c2.value = weights

    def get(self) -> list[np.ndarray]:
        """Copies of the fields on this rank."""
        return [field.x.array.copy() for field in self.fields]

    def put(self, values) -> None:
        """Write the fields."""
        for field, array in zip(self.fields, values, strict=True):
            field.x.array[:] = array

    def solve(self) -> tuple[bool, int, str]:
        """Newton's method from the present fields: converged, steps, reason in words."""
        return self.newton.solve(RESIDUAL)

    def current_A(self) -> float:
        """Current of the load, which is that of the cell."""
        return dolfin.assemble_number(self._current, self.comm)

    def device_V(self) -> float:
        """Voltage over the cell: the mean potential of the metal of the top face."""
        return dolfin.assemble_number(self._voltage, self.comm)

    def hottest_K(self) -> float:
        """Highest temperature of a node."""
        return self.ambient_K + dolfin.largest(self.comm, self.fields[1].x.array.max())

    def heat_shares(self) -> np.ndarray:
        """(owned nodes,) share of the cell's heat that falls on each node of the oxide; 0 without current."""
        power = dolfin.assemble_number(self._power, self.comm)
        found = dolfin.assemble_array(self._heat)[: self.dome_shares.size]
        return found / power if power > 1e-12 else np.zeros_like(found)

    def stored(self) -> float:
        """Vacancies in the oxide."""
        unit = vacancy_forms.REFERENCE_M3 * NM**3
        return unit * dolfin.assemble_number(self._stored, self.comm)

    def dome_density_m3(self) -> float:
        """Mean density over the card's dome."""
        total = dolfin.assemble_number(self._in_dome, self.comm)
        return vacancy_forms.REFERENCE_M3 * total / self.dome_volume_nm3

    def dome_field_V_per_m(self) -> float:
        """Mean |E| over the card's dome."""
        return dolfin.assemble_number(self._field, self.comm) / self.dome_volume_nm3

    def extremes_m3(self) -> tuple[float, float]:
        """Lowest and highest density of a node."""
        values = self.density_values()
        low, high = values.min(initial=np.inf), values.max(initial=-np.inf)
        unit = vacancy_forms.REFERENCE_M3
        return -unit * dolfin.largest(self.comm, -low), unit * dolfin.largest(self.comm, high)

    def density_values(self) -> np.ndarray:
        """(nodes,) N/N_ref of the oxide's nodes on this rank."""
        return vacancy_forms.density_values(self.card, self.fields[2].x.array)


def check_card(card: DeviceCard) -> None:
    """Whether a card has what moving vacancies need.

    Raises:
        InputError: it has not.
    """
    if card.vacancies is None:
        raise InputError(
            f"Card {card.name} has no section [vacancies], which moving vacancies need; copy it from cmo_hfox."
        )
    if card.polarity == "C8W" and card.vacancies.filament_density_m3 is None:
        raise InputError(
            f"Card {card.name} has polarity C8W, whose filament is a reservoir; add vacancies.filament_density."
        )
