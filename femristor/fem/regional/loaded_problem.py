"""V and theta with the load line in their Newton system: what models of one number need of the fields.

The top face carries the current of the load, spread evenly over its metal, as a function of the unknown potential
there; the bottom face is grounded. Hopping parameters and the conductivity of the filament are constants from outside.
"""

import numpy as np
import ufl

from femristor.device.card import DeviceCard
from femristor.device.load_line import BARE, BARE_KIND, CHANNEL_KIND, LIMITED_KIND, Load, LoadLine, current
from femristor.device.state import CellState
from femristor.fem import dolfin
from femristor.fem.electrothermal import forms
from femristor.fem.electrothermal.continuation import march
from femristor.fem.electrothermal.problem import MICRO, coefficients_of
from femristor.fem.mesh.cell_mesh import CellMesh
from femristor.fem.stack import HOPPING, Electrode, Region
from femristor.fem.switching.problem import UNLIMITED_A, WIRE_OHM

RESIDUAL = 1e-6
"""Newton stops at this norm of the residual [uA, uW]."""
KEPT = 5
"""Solutions that the predictor looks back on."""
FAR = 6.0
"""Largest weight of an earlier solution in a prediction."""
NEAR_V, NEAR_STATE = 0.05, 0.05
"""Scales of voltage and state of the predictor."""


class LoadedProblem:
    """The coupled problem at an applied voltage.

    Attributes:
        potential: V [V].
        rise: theta [K].
        newton_steps: spent so far.
        solves: of the fields so far.
    """

    def __init__(self, card: DeviceCard, cell: CellMesh, load: Load, *, degree: int = 2):
        """Build and compile the forms.

        Args:
            card: numbers of materials and hopping.
            cell: the meshed cell.
            load: what is in series.
            degree: polynomial degree of V and theta.
        """
        self.card, self.cell, self.load, self.degree = card, cell, load, degree
        mesh = cell.mesh
        self.comm = mesh.comm
        spaces = dolfin.scalar_space(mesh, degree), dolfin.scalar_space(mesh, degree)
        self.potential = dolfin.function(spaces[0], "potential")
        self.rise = dolfin.function(spaces[1], "temperature_rise")
        self.coefficients = coefficients_of(card, cell)
        self.weight, self.dx = forms.weight(cell), forms.measure(cell, degree)
        self._applied = dolfin.constant(mesh)
        # Shares of the resistor with a limit, of the transistor in set, and of the transistor in reset.
        self._shares = [dolfin.constant(mesh) for _ in range(3)]
        self._line = [dolfin.constant(mesh, 1.0) for _ in range(2)]
        self._filament_cells = cell.cell_tags.find(int(Region.FILAMENT))
        self.newton_steps = self.solves = 0
        self._solved: list[tuple[float, float, list[np.ndarray]]] = []
        self._compile(spaces)
        self.set_line(0.0)

    def _compile(self, spaces) -> None:
        cell, w = self.cell, self.weight
        terms = forms.conduction(cell, self.coefficients, self.potential, self.rise, self.dx)
        tests = tuple(ufl.TestFunction(space) for space in spaces)
        electric, thermal = forms.residuals(
            terms,
            self.coefficients.heat,
            w,
            unknowns=(self.potential, self.rise),
            tests=tests,
            dx=self.dx,
        )
        w_metal, top = forms.top_metal(cell, self.degree)
        area = dolfin.assemble_number(dolfin.compile_form(w_metal * top), self.comm)
        through = self._load_current() / (MICRO * area)
        electric -= w_metal * through * tests[0] * top
        zero = dolfin.constant(cell.mesh)
        faces = [(spaces[0], [Electrode.BOTTOM]), (spaces[1], list(Electrode))]
        conditions = [
            dolfin.dirichlet(zero, dolfin.dofs_on(space, cell.facet_tags, tags), space)
            for space, tags in faces
        ]
        self.newton = dolfin.BlockNewton([electric, thermal], [self.potential, self.rise], conditions)
        self._current = dolfin.compile_form(w_metal * MICRO * through * top)
        self._voltage = dolfin.compile_form(w_metal * self.potential / area * top)

    def _load_current(self):
        ohm, limit = self._line
        line = LoadLine(LIMITED_KIND, 1.0, ohm=ohm, limit_A=limit)
        found = self._shares[0] * current(line, self._applied, self.potential, forms.Ops)
        if self.load.channel is not None:
            for direction, share in ((1.0, self._shares[1]), (-1.0, self._shares[2])):
                line = self.load.line(direction)
                numbers = [dolfin.constant(self.cell.mesh, value) for value in line[4:]]
                line = LoadLine(CHANNEL_KIND, line.sign, line.ohm, line.limit_A, *numbers)
                found += share * current(line, self._applied, self.potential, forms.Ops)
        return found

    @property
    def unknowns(self) -> int:
        """Degrees of freedom of V and theta on all ranks."""
        return sum(dolfin.unknowns(field.function_space) for field in (self.potential, self.rise))

    @property
    def ambient_K(self) -> float:
        """Temperature of both electrodes."""
        return float(self.coefficients.ambient.value)

    def set_line(self, direction: float, *, bare: bool = False) -> None:
        """Write the load line of a direction; earlier solutions are forgotten.

        Args:
            direction: 0 or above for set, below for reset.
            bare: without the load, as for reads.
        """
        self._solved = []
        line = (BARE if bare else self.load).line(direction)
        shares = (0.0, float(direction >= 0), float(direction < 0))
        if line.kind != CHANNEL_KIND:
            shares = (1.0, 0.0, 0.0)
            self._line[0].value = WIRE_OHM if line.kind == BARE_KIND else max(line.ohm, WIRE_OHM)
            self._line[1].value = min(line.limit_A, UNLIMITED_A)
        for constant, share in zip(self._shares, shares, strict=True):
            constant.value = share

    def set_state(self, state: CellState) -> None:
        """Write the hopping parameters; the fields stay."""
        for region, site in zip(HOPPING, (state.dome, state.surround), strict=True):
            constants = self.coefficients.hopping[region]
            constants.density.value = site.density_m3 + self.card.hopping.background_density_m3
            constants.distance.value = site.distance_m
            constants.barrier.value = site.barrier_J

    def set_filament(self, conductivity_S_per_m: float, thermal_W_per_mK: float) -> None:
        """Write both conductivities of the filament region."""
        self.coefficients.metal.x.array[self._filament_cells] = conductivity_S_per_m
        self.coefficients.heat.x.array[self._filament_cells] = thermal_W_per_mK

    def get_fields(self) -> tuple[np.ndarray, np.ndarray]:
        """Copies of V and theta on this rank."""
        return self.potential.x.array.copy(), self.rise.x.array.copy()

    def put_fields(self, potential: np.ndarray, rise: np.ndarray) -> None:
        """Write V and theta."""
        self.potential.x.array[:] = potential
        self.rise.x.array[:] = rise

    def set_applied(self, applied_V: float) -> None:
        """Write the voltage over cell and load."""
        self._applied.value = applied_V

    def solve(self, bias_V: float) -> tuple[bool, int, str]:
        """Newton's method at an applied voltage from the present fields, as the continuation wants it."""
        self.set_applied(bias_V)
        converged, steps, reason = self.newton.solve(RESIDUAL)
        self.newton_steps += steps
        self.solves += 1
        return converged, steps, reason

    def reach(self, applied_V: float, place: float) -> None:
        """Solve at an applied voltage and a state whose parameters are in place, from a prediction.

        Args:
            applied_V: over cell and load, in the direction of the line in place.
            place: the state as a number, ln of a density for example.

        Raises:
            ConvergenceError: the fields do not converge even by steps from 0 V.
        """
        for guess in self._guesses(applied_V, place):
            self.put_fields(*guess)
            if self.solve(applied_V)[0]:
                break
        else:
            self._from_zero(applied_V)
        self._solved = [(applied_V, place, list(self.get_fields())), *self._solved][:KEPT]

    def _from_zero(self, applied_V: float) -> None:
        found: list[tuple] = []
        march(self, [applied_V], lambda *_: found.append(self.get_fields()))
        # The continuation goes back to 0 V at its end.
        self.put_fields(*found[0])
        self.set_applied(applied_V)

    def _guesses(self, applied_V: float, place: float):
        """Fields on the plane through earlier solutions over voltage and state, then those of the nearest."""
        if not self._solved:
            return
        volts, places, fields = zip(*self._solved, strict=True)
        run = (np.array(volts) - applied_V) / NEAR_V
        change = (np.array(places) - place) / NEAR_STATE
        if len(fields) > 1:
            # Weights that sum to one and meet voltage and state, the smallest ones that do, near solutions preferred.
            size = 1e-3 + run**2 + change**2
            rows = np.array([np.ones_like(run), run, change]) * np.array([[1e3], [1.0], [1.0]])
            weights = size * np.linalg.lstsq(rows * size, np.array([1e3, 0.0, 0.0]), rcond=1e-10)[0]
            if np.abs(weights).max() < FAR:
                yield [sum(w * f[k] for w, f in zip(weights, fields, strict=True)) for k in range(2)]
        yield fields[int(np.argmin(run**2 + change**2))]

    def current_A(self) -> float:
        """Current of the load, which is that of the cell."""
        return dolfin.assemble_number(self._current, self.comm)

    def device_V(self) -> float:
        """Voltage over the cell: the mean potential of the top face."""
        return dolfin.assemble_number(self._voltage, self.comm)

    def conductance_S(self, read_V: float) -> float:
        """I/V of the bare cell in the state in place; the line of the load must be written again afterwards.

        Args:
            read_V: over the cell.

        Returns:
            Conductance [S].

        Raises:
            ConvergenceError: the fields do not converge.
        """
        self.set_line(read_V, bare=True)
        found: list[float] = []
        march(self, [read_V], lambda *_: found.append(self.current_A() / self.device_V()))
        return found[0]
