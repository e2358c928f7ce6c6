"""Closed forms: uniform cylinder, Joule-heated slab, Kohlrausch's relation, Holm's spreading resistance, scaling."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import ufl
from scipy.integrate import quad

from femristor.core.constants import EV
from femristor.device import load_card
from femristor.device.laws import mott_gurney
from femristor.fem import dolfin
from femristor.fem.electrothermal import forms
from femristor.fem.electrothermal.cell import ElectroThermal
from femristor.fem.electrothermal.ohmic import OhmicCell

CARD = load_card()
RADIUS_M = 11e-9
AMBIENT_K = 300.0
HEAT = 2.0


def _same_everywhere(sigma: float):
    """The card with one conductivity in everything that is not CMO."""
    materials = {
        name: entry if entry.is_hopping else replace(entry, conductivity_S_per_m=sigma)
        for name, entry in CARD.materials.items()
    }
    return replace(CARD, materials=materials)


@pytest.mark.parametrize("sigma", [2.0, 4e5])
def test_uniform_cylinder(sigma):
    card = _same_everywhere(sigma)
    found = OhmicCell(card, resolution=0.5).derivatives(RADIUS_M, sigma)
    height = sum(layer.thickness_m for layer in card.layers)
    area = np.pi * card.domain.radius_m**2
    assert found.resistance_ohm == pytest.approx(height / (sigma * area), rel=1e-9)
    # No filament in effect: only the quadrature of the stretch is left, 1e-4 of the shipped cell's -1.3.
    assert found.log_by_log_radius == pytest.approx(0.0, abs=5e-4)
    # The CMO carries its share of the height, and of the area where a dielectric of the same stuff surrounds it.
    share = (
        card.layer("cmo").thickness_m * card.domain.electrode_radius_m**2 / card.domain.radius_m**2 / height
    )
    assert -found.log_by_log_conductivity == pytest.approx(share, rel=1e-9)


def _slab(bias_V: float, conductivity, *, divisions=16, height_nm=40.0):
    """V and theta between plates at 0 and bias, both at ambient, by the production residuals (P2).

    Returns:
        z of the nodes over the height, V, theta.
    """
    from dolfinx import fem
    from dolfinx import mesh as meshes

    mesh = meshes.create_rectangle(dolfin.world(), [[0.0, 0.0], [15.0, height_nm]], [3, divisions])
    cell = SimpleNamespace(dim=2, mesh=mesh, cell_tags=None)
    w, dx = forms.weight(cell), forms.measure(cell, 2)
    fields = [dolfin.function(dolfin.scalar_space(mesh, 2), name) for name in ("potential", "rise")]
    conditions = []
    for field, top in zip(fields, (bias_V, 0.0), strict=True):
        for place, value in ((0.0, 0.0), (height_nm, top)):
            facets = meshes.locate_entities_boundary(mesh, 1, lambda x, z=place: np.isclose(x[1], z))
            dofs = fem.locate_dofs_topological(field.function_space, 1, facets)
            conditions.append(dolfin.dirichlet(dolfin.constant(mesh, value), dofs, field.function_space))
    residuals = forms.residuals(
        [(forms.FLUX_UNIT * conductivity(*fields), dx)],
        HEAT,
        w,
        unknowns=tuple(fields),
        tests=tuple(ufl.TestFunction(field.function_space) for field in fields),
        dx=dx,
    )
    z = fields[0].function_space.tabulate_dof_coordinates()[:, 1] / height_nm
    fields[0].x.array[:] = bias_V * z
    converged, _, reason = dolfin.BlockNewton(residuals, fields, conditions).solve(1e-11)
    assert converged, reason
    return z, fields[0].x.array.copy(), fields[1].x.array.copy()


def test_joule_heated_slab():
    """theta = sigma V^2 / (2k) x (1 - x), x = z/L: quadratic elements hold it exactly."""
    bias, sigma = 0.7, 900.0
    z, potential, rise = _slab(bias, lambda _v, _t: sigma)
    np.testing.assert_allclose(potential, bias * z, atol=1e-10)
    exact = sigma * bias**2 / (2 * HEAT) * z * (1 - z)
    np.testing.assert_allclose(rise, exact, atol=1e-9 * exact.max())


def test_kohlrausch_relation_with_hopping_conductivity():
    """int k/sigma(T) dT from ambient to the hottest point is V^2/8, whatever the shape (low-field hopping)."""
    law = {"density_m3": 2e26, "distance_m": 1e-12, "barrier_J": 0.1 * EV, "attempt_Hz": 3e19}

    def sigma(temperature, field=1e5):
        return mott_gurney.conductivity(field, temperature, **law)

    def in_form(potential, rise):
        # The law with a hopping distance so short that sinh is linear: sigma of T alone.
        return mott_gurney.conductivity(
            forms.field_magnitude(potential), AMBIENT_K + rise, **law, ops=forms.Ops
        )

    bias = np.sqrt(8 * quad(lambda t: HEAT / sigma(t), AMBIENT_K, AMBIENT_K + 120)[0])
    z, potential, rise = _slab(bias, in_form, divisions=64)
    middle = np.isclose(z, 0.5)
    assert rise.max() == pytest.approx(120.0, rel=1e-5)
    np.testing.assert_allclose(rise[middle], rise.max(), rtol=1e-6)
    np.testing.assert_allclose(potential[middle], bias / 2, rtol=1e-6)


@pytest.mark.parametrize("ratio", [0.02, 0.05])
def test_holm_spreading_resistance(ratio):
    """A perfect disc of radius a at the foot of a cylinder of radius b and height 3b.

    The half space gives Holm's R = 1/(4 sigma a); a finite cylinder adds its own L/(sigma pi b^2) and turns the
    constriction into psi(a/b)/(4 sigma a), psi the series of Negus and Yovanovich for a disc at one potential.
    The cylinder is far wider than the disc, but at 0.2 % its wall is still seen, hence the series.
    """
    sigma, contrast = 1.0, 1e8
    wide = RADIUS_M / ratio
    materials = {
        name: entry if entry.is_hopping else replace(entry, conductivity_S_per_m=contrast)
        for name, entry in CARD.materials.items()
    }
    oxide = CARD.layer("oxide").material
    materials[oxide] = replace(materials[oxide], conductivity_S_per_m=1 / contrast)
    layers = tuple(
        replace(layer, thickness_m=3 * wide) if layer.role == "cmo" else layer for layer in CARD.layers
    )
    domain = replace(CARD.domain, radius_m=wide, electrode_radius_m=wide)
    card = replace(CARD, materials=materials, layers=layers, domain=domain)
    found = OhmicCell(card).resistance_ohm(RADIUS_M, sigma)
    psi = 1 - 1.40978 * ratio + 0.34406 * ratio**3 + 0.0435 * ratio**5
    constriction = found - 3 * wide / (sigma * np.pi * wide**2)
    holm = 1 / (4 * sigma * RADIUS_M)
    print(f"a/b {ratio}: R/(Holm psi) - 1 = {constriction / (holm * psi) - 1:.2e}")
    assert constriction == pytest.approx(psi * holm, rel=2e-3)
    # The half space is approached as the cylinder widens.
    assert constriction / holm == pytest.approx(1.0, abs=1.45 * ratio)


def _scaled(card, factor: float):
    return replace(
        card,
        layers=tuple(replace(layer, thickness_m=factor * layer.thickness_m) for layer in card.layers),
        filament=replace(card.filament, radius_m=factor * card.filament.radius_m),
        dome=replace(card.dome, radius_m=factor * card.dome.radius_m),
        domain=replace(
            card.domain,
            radius_m=factor * card.domain.radius_m,
            electrode_radius_m=factor * card.domain.electrode_radius_m,
        ),
        materials={
            name: replace(
                entry, thermal_conductivity_W_per_mK=factor**2 * entry.thermal_conductivity_W_per_mK
            )
            for name, entry in card.materials.items()
        },
    )


@pytest.mark.parametrize("factor", [2.0, 0.5])
def test_scaled_cell_has_scaled_fields(factor):
    """Lengths and bias times s, k times s^2: the same E and T at each place, the current times s^2."""
    bias, state = np.array([0.2, 0.8]), CARD.state("lrs")
    plain = ElectroThermal(CARD, resolution=0.5).sweep(bias, state)
    scaled = ElectroThermal(_scaled(CARD, factor), resolution=0.5).sweep(factor * bias, state)
    np.testing.assert_allclose(scaled.current_A, factor**2 * plain.current_A, rtol=1e-7)
    for name in ("dome_temperature_mean_K", "dome_field_mean_V_per_m", "hop_rate_reset_per_s"):
        np.testing.assert_allclose(getattr(scaled, name), getattr(plain, name), rtol=1e-6)


@pytest.mark.parametrize("factor", [3.0, 0.4])
def test_scaled_ohmic_cell(factor):
    plain = OhmicCell(CARD, resolution=0.5).derivatives(RADIUS_M, 3e3)
    scaled = OhmicCell(_scaled(CARD, factor), resolution=0.5).derivatives(factor * RADIUS_M, 3e3)
    assert scaled.resistance_ohm * factor == pytest.approx(plain.resistance_ohm, rel=1e-5)
    assert scaled.log_by_log_radius == pytest.approx(plain.log_by_log_radius, rel=1e-3)
