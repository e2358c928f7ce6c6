"""Moving vacancies against exact answers: closed box, Boltzmann profile, spreading, manufactured transients."""

from dataclasses import replace
from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest
import ufl

from femristor.core.constants import EV, K_B, Q_E
from femristor.core.curves import Waveform
from femristor.device import load_card
from femristor.device.card.io import parse_card, replaced_card_text
from femristor.device.load_line import Load
from femristor.fem import dolfin
from femristor.fem.electrothermal import forms
from femristor.fem.switching import vacancy_forms as vf
from femristor.fem.switching.cell import SwitchingCell
from femristor.fem.switching.steps import Stepper

LOAD = Load(1000.0, 300e-6, 500.0, 1.5e-3, "selector of the prototype")
SIDE_NM = 10.0
RING_NM = 5.0
MICROSECOND = 1e-6


def _card(**changes):
    """The shipped card with other entries; `section__key="text"`."""
    entries = {key.replace("__", "."): {"value": value} for key, value in changes.items()}
    entries = {key: entry["value"] if "barrier_law" in key else entry for key, entry in entries.items()}
    return parse_card(replaced_card_text("cmo_hfox", entries), "card of a test")


def _place(cell, density_m3) -> None:
    """Put a density of (radius, height above the filament) [nm] in place, at 0 V."""
    state = cell.state()
    radius = np.linalg.norm(state.oxide_places_nm[:, : cell.problem.cell.dim - 1], axis=1)
    height = state.oxide_places_nm[:, cell.problem.cell.dim - 1] - cell.problem.cell.stack.dome_height_nm
    unknown = vf.unknown_values(cell.card, density_m3(radius, height))
    cell.restore(replace(state, unknown=unknown[None, :]))


def _hold(volt: float, length_s: float) -> Waveform:
    return Waveform(np.array([0.0, length_s]), np.array([volt, volt]), "hold")


def test_closed_box_keeps_every_vacancy_through_a_loop():
    cell = SwitchingCell(load_card(), load=LOAD, resolution=0.3)
    found = cell.run(Waveform.triangle([-1.45, 1.4], 1.0))
    drift = np.abs(found.stored / found.stored[0] - 1).max()
    print(f"largest change of the stored vacancies: {drift:.2e} of them in {found.stored.size} steps")
    assert drift < 1e-9
    # The loop is a real one: a third of the dome's vacancies leave it and return.
    assert np.ptp(found.trace.density_m3) > 0.33 * found.trace.density_m3.max()
    assert found.density_min_m3.min() > 0
    assert found.density_max_m3.max() < cell.card.vacancies.density_max_m3
    # The number is the integral of the density that was put in place, here a uniform one: pi R^2 d N.
    cell.start(2e25)
    stack = cell.problem.cell.stack
    volume_m3 = np.pi * stack.electrode_radius_nm**2 * stack.cmo_thickness_nm * 1e-27
    assert cell.problem.stored() == pytest.approx(2e25 * volume_m3, rel=1e-9)


def test_boltzmann_profile_of_the_cell():
    """No flux means grad u = -(z e/kT) grad V for small fields, whatever the shape of the cell and the barriers."""
    temperature = 1000.0
    # Linear V like u, so that the profile holds node by node, at the singular rim of the filament too.
    cell = SwitchingCell(load_card(), resolution=0.5, degree=1, ambient_K=temperature, regularisation=0.0)
    cell.start(2e25)
    cell.run(_hold(0.02, 1e3))
    state = cell.state()
    place = {tuple(point): index for index, point in enumerate(np.round(state.places_nm, 6))}
    nodes = [place[tuple(point)] for point in np.round(state.oxide_places_nm, 6)]
    potential = state.potential_V[0][nodes]
    height = cell.card.ionic.charge_number * Q_E * potential / (K_B * temperature)
    rest = state.unknown[0] + height
    print(f"u spans {np.ptp(state.unknown[0]):.4f}, u + zeV/kT only {np.ptp(rest):.1e}")
    assert np.ptp(state.unknown[0]) > 0.2
    np.testing.assert_allclose(rest, rest.mean(), atol=2e-3 * np.ptp(height))


def _gaussian(amplitude_m3, base_m3, width_nm, thickness_nm):
    """Sum of the images of a ball over the filament, which lets no flux through the faces of the oxide."""

    def density(radius, height):
        images = sum(
            np.exp(-((height - 2 * k * thickness_nm) ** 2) / (2 * width_nm**2)) for k in range(-8, 9)
        )
        return base_m3 + amplitude_m3 * np.exp(-(radius**2) / (2 * width_nm**2)) * images

    return density


def test_relaxation_to_uniform():
    """With one barrier a heap spreads as the heat kernel: width^2 grows by 2 D t, height falls as width^-3."""
    card = _card(ionic__barrier_set_slope="0 eV m^3", vacancies__barrier_law="single")
    temperature, law = 1000.0, card.ionic
    cell = SwitchingCell(card, resolution=1.0, ambient_K=temperature, tolerance=1e-5, regularisation=0.0)
    thickness, first, last = cell.problem.cell.stack.cmo_thickness_nm, 5.0, 12.0
    _place(cell, _gaussian(2e25, 1e25, first, thickness))
    stored = cell.problem.stored()
    barrier = 0.5 * (law.barrier_set_J + law.barrier_reset_J)
    rate = law.attempt_frequency_Hz * np.exp(-barrier / (K_B * temperature))
    diffusion_nm2 = (law.hop_distance_m * 1e9) ** 2 * rate
    found = cell.run(_hold(0.0, (last**2 - first**2) / (2 * diffusion_nm2)))
    state = cell.state()
    expected = _gaussian(2e25 * (first / last) ** 3, 1e25, last, thickness)
    height = state.oxide_places_nm[:, 1] - cell.problem.cell.stack.dome_height_nm
    exact = expected(state.oxide_places_nm[:, 0], height)
    got = vf.REFERENCE_M3 * vf.density_values(card, state.unknown[0])
    miss = np.abs(got - exact).max() / (exact.max() - 1e25)
    print(f"heap of {exact.max():.4g} 1/m^3 off by {miss:.2%} of its height after {found.stored.size} steps")
    assert miss < 0.01
    assert np.abs(found.stored / stored - 1).max() < 1e-9
    cell.run(_hold(0.0, 1.0))
    low, high = cell.problem.extremes_m3()
    stack = cell.problem.cell.stack
    mean = stored / (np.pi * stack.electrode_radius_nm**2 * stack.cmo_thickness_nm * 1e-27)
    assert (low, high) == (pytest.approx(mean, rel=1e-6), pytest.approx(mean, rel=1e-6))


class _Manufactured:
    """Vacancies alone in a given field and temperature on a square, as the stepper wants its problem.

    The applied voltage of the stepper is the time in microseconds.
    """

    def __init__(
        self, card, exact, divisions: int, *, inner_nm: float = RING_NM, regularisation=vf.REGULARISATION
    ):
        from dolfinx import fem
        from dolfinx import mesh as meshes

        box = [[inner_nm, 0.0], [inner_nm + SIDE_NM, SIDE_NM]]
        self.mesh = meshes.create_rectangle(dolfin.world(), box, [divisions, divisions])
        self.card, self.comm, self.background = card, self.mesh.comm, 0.0
        x = ufl.SpatialCoordinate(self.mesh)
        self.w = forms.weight(SimpleNamespace(dim=2, mesh=self.mesh))
        dx = ufl.dx(domain=self.mesh, metadata={"quadrature_degree": 6})
        space = dolfin.scalar_space(self.mesh, 1)
        self.u = dolfin.function(space, "u")
        self.earlier = [dolfin.function(space, name) for name in ("last", "before")]
        self.step = vf.VacancyConstants(*(dolfin.constant(self.mesh) for _ in range(5)))
        self.time = dolfin.constant(self.mesh)
        moment = ufl.variable(self.time)
        self.exact = exact(x, moment)
        potential, temperature = _surroundings(x, across=inner_nm > 0)
        options = {"regularisation": regularisation}
        wanted = vf.flux(card, self.exact, potential, temperature, self.step, **options)
        rate = ufl.diff(vf.density(card, self.exact), moment) / MICROSECOND
        source = rate + ufl.div(self.w * wanted) / self.w
        flow = vf.flux(card, self.u, potential, temperature, self.step, **options)
        test = ufl.TestFunction(space)
        residual = vf.residual(card, self.u, self.earlier, flow, self.step, self.w, test, dx, source)
        self.wall = fem.Function(space)
        self._exact = dolfin.compile_expression(self.exact, space.element.interpolation_points, self.comm)
        self.mesh.topology.create_connectivity(1, 2)
        outer = meshes.exterior_facet_indices(self.mesh.topology)
        if inner_nm == 0:
            axis = meshes.locate_entities_boundary(self.mesh, 1, lambda p: np.isclose(p[0], 0.0))
            outer = np.setdiff1d(outer, axis)
        condition = fem.dirichletbc(self.wall, fem.locate_dofs_topological(space, 1, outer))
        self.newton = dolfin.BlockNewton([residual], [self.u], [condition])
        self.dome_shares = np.ones(dolfin.owned(space))
        self.set_applied(0.0)
        self.u.x.array[:] = self.wall.x.array

    def set_applied(self, volt: float) -> None:
        self.time.value = volt
        self.wall.interpolate(self._exact)

    def set_weights(self, dt_s, weights, set_share) -> None:
        self.step.dt.value, self.step.set_share.value = dt_s, set_share
        self.step.c0.value, self.step.c1.value, self.step.c2.value = weights

    def get(self):
        return [np.zeros(1), np.zeros(1), self.u.x.array.copy()]

    def put(self, fields) -> None:
        self.u.x.array[:] = fields[2]

    def solve(self):
        return self.newton.solve(1e-10)

    def density_values(self):
        return vf.density_values(self.card, self.u.x.array)

    def heat_shares(self):
        return np.zeros_like(self.dome_shares)

    def errors(self) -> np.ndarray:
        """Weighted L2 and H1 error of u."""
        miss, dx = self.u - self.exact, ufl.dx(domain=self.mesh, metadata={"quadrature_degree": 6})
        squares = (miss**2, ufl.inner(ufl.grad(miss), ufl.grad(miss)))
        forms_ = [dolfin.compile_form(self.w * square * dx) for square in squares]
        return np.sqrt([dolfin.assemble_number(form, self.comm) for form in forms_])


def _surroundings(x, *, across: bool):
    """Potential and temperature, even in r; across the axis the field turns, so that set and reset barriers both count."""
    r, z = x[0] / SIDE_NM, x[1] / SIDE_NM
    along = 0.2 * z + 0.05 * ufl.cos(r) * ufl.sin(2 * z)
    turning = 0.2 * r + 0.02 * ufl.sin(2 * z)
    return turning if across else along, 950 + 60 * ufl.cos(r) * ufl.cos(z)


def _advance(problem, method: str, steps, length_us: float) -> Stepper:
    """Drive the production stepper over steps in these proportions, as long as it may take them."""
    stepper = Stepper(problem, method=method, tolerance=0.5)
    stepper.begin(0.0)
    ends = np.concatenate([[0.0], np.cumsum(steps) * length_us / np.sum(steps)])
    for start, end in pairwise(ends):
        stepper.next_s = (end - start) * MICROSECOND
        stepper.piece((end - start) * MICROSECOND, (start, end), lambda *_: None, most_V=10.0)
    assert stepper.count.steps == len(steps)
    assert stepper.count.failed == 0
    return stepper


FULL_LAW = {"vacancies__barrier_law": "field", "vacancies__soret_energy": "0.3 eV"}


@pytest.mark.parametrize(("method", "order"), [("euler", 1), ("bdf2", 2)])
@pytest.mark.parametrize("pattern", [(1.0,), (1.0, 2.0, 1.5)], ids=["equal", "unequal"])
def test_order_in_time(method, order, pattern):
    """u is linear in space, so that its elements add no error of their own."""
    card = _card(**FULL_LAW)

    def exact(x, t):
        return 0.8 * ufl.sin(t) + ufl.cos(t) * (0.3 * (x[0] - RING_NM) - 0.4 * x[1]) / SIDE_NM

    errors = []
    for repeats in (24, 48, 96):
        steps = np.resize(pattern, repeats)
        problem = _Manufactured(card, exact, 6)
        _advance(problem, method, steps, 2.0)
        errors.append(problem.errors()[0])
    slopes = np.log2(np.array(errors[:-1]) / errors[1:])
    print(f"{method}: errors {errors}, slopes {slopes}")
    assert slopes[-1] == pytest.approx(order, abs=0.1)


@pytest.mark.parametrize("inner_nm", [0.0, RING_NM], ids=["axis", "ring"])
@pytest.mark.parametrize("law", ["field", "voltage"])
def test_order_in_space(inner_nm, law):
    """N is linear in time, so that both formulas are exact there."""
    card = _card(**FULL_LAW | {"vacancies__barrier_law": law})
    limit = card.vacancies.density_max_m3 / vf.REFERENCE_M3

    def exact(x, t):
        r, z = x[0] / SIDE_NM, x[1] / SIDE_NM
        n = 2.5 + ufl.cos(2 * r) * ufl.sin(2 * z + 0.5) + 0.4 * t * ufl.cos(r) * ufl.cos(z)
        return ufl.ln(n / (limit - n))

    errors = []
    for divisions in (8, 16, 32):
        problem = _Manufactured(card, exact, divisions, inner_nm=inner_nm)
        _advance(problem, "bdf2", np.ones(4), 1.0)
        errors.append(problem.errors())
    slopes = np.log2(np.array(errors[:-1]) / errors[1:])
    print(f"{law}, inner radius {inner_nm} nm: L2(u) H1(u)\n{slopes}")
    np.testing.assert_allclose(slopes[-1], [2, 1], atol=0.1)


def test_discrete_boltzmann_profile():
    """In a uniform field no flux means the slope 2 sinh(z e a E/2kT)/a of u, exactly; zeE/kT where the field is small."""
    card, field, temperature = load_card(), 1e-3, 600.0
    law, step_nm = card.ionic, card.ionic.hop_distance_m * 1e9
    boltzmann = law.charge_number * Q_E * field / (K_B * temperature)
    hopping = 2 * np.sinh(0.5 * boltzmann * step_nm) / step_nm
    assert hopping == pytest.approx(boltzmann, rel=1e-3)
    slope, _ = _steady_slopes(card, field, temperature, 0.0)
    np.testing.assert_allclose(slope, hopping, rtol=1e-6)
    # The regularising flux takes the share eps/(n (1 - n/n_max)) off, 0.1 % where a cell is not depleted.
    regular, room = _steady_slopes(card, field, temperature, vf.REGULARISATION)
    np.testing.assert_allclose(regular, hopping / (1 + vf.REGULARISATION / room), rtol=1e-5)
    np.testing.assert_allclose(regular, hopping, rtol=1e-3)


def _steady_slopes(card, field: float, temperature: float, regularisation: float):
    """Slope of u [1/nm] of each layer of a closed box in a uniform field [V/nm], and its n (1 - n/n_max)."""
    from dolfinx import mesh as meshes

    mesh = meshes.create_rectangle(dolfin.world(), [[0.0, 0.0], [SIDE_NM, SIDE_NM]], [2, 16])
    space, dx = dolfin.scalar_space(mesh, 1), ufl.dx(domain=mesh, metadata={"quadrature_degree": 6})
    u, *earlier = (dolfin.function(space, name) for name in ("u", "last", "before"))
    constants = vf.VacancyConstants(*(dolfin.constant(mesh) for _ in range(5)))
    x = ufl.SpatialCoordinate(mesh)
    # The constant alone has no domain of its own: 0 r ties the temperature to the mesh.
    flow = vf.flux(card, u, -field * x[1], temperature + 0 * x[0], constants, regularisation=regularisation)
    residual = vf.residual(card, u, earlier, flow, constants, 2 * ufl.pi * x[0], ufl.TestFunction(space), dx)
    newton = dolfin.BlockNewton([residual], [u], [])
    u.x.array[:] = vf.unknown_values(card, 2e25)
    constants.c0.value = constants.c1.value = 1.0
    constants.dt.value = 1e6 / card.ionic.attempt_frequency_Hz * np.exp(1.2 * EV / (K_B * temperature))
    for _ in range(4):
        earlier[0].x.array[:] = u.x.array
        converged, _, reason = newton.solve(1e-7)
        assert converged, reason
    height = dolfin.node_places(space)[:, 1]
    levels = np.unique(height.round(9))
    layers = [u.x.array[np.isclose(height, level)] for level in levels]
    assert max(np.ptp(layer) for layer in layers) < 1e-6
    means = np.array([layer.mean() for layer in layers])
    limit = card.vacancies.density_max_m3 / vf.REFERENCE_M3
    n = vf.density_values(card, 0.5 * (means[1:] + means[:-1]))
    return np.diff(means) / np.diff(levels), n * (1 - n / limit)
