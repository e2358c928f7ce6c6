"""The 0-D law: its implicit current, recovery of known constants, the published read currents."""

from dataclasses import replace

import numpy as np
import pytest

from femristor.compact.table.closed_form import (
    PARAMETERS,
    ClosedFormSampler,
    closed_current,
    fit_closed_form,
    published_form,
)
from femristor.compact.table.grid import default_grid
from femristor.compact.table.sample import build_table
from femristor.core.errors import InputError
from femristor.device.laws.mott_gurney import conductivity


def test_current_solves_the_implicit_law(card):
    form = published_form(card)
    volt = np.array([0.01, 0.2, 0.8, 1.3, 1.5])[:, None]
    density = np.array([3e23, 7e24, 3.77e25, 8e25])
    current = closed_current(form, card.hopping, volt, density, ambient_K=330.0)
    field = (volt - current * form.series_ohm) / form.length_m
    parameters = [card.hopping.parameters(n) for n in density]
    sigma = conductivity(
        field,
        330.0 + form.thermal_K_per_W * volt * current,
        density,
        np.array([p.distance_m for p in parameters]),
        np.array([p.barrier_J for p in parameters]),
        attempt_Hz=card.hopping.attempt_frequency_Hz,
    )
    np.testing.assert_allclose(current, form.area_m2 * sigma * field, rtol=1e-10)


@pytest.mark.parametrize(
    ("density", "low_uS", "read_uS"),
    [(2e24, 6.43, 8.04), (7e24, 21.5, 26.5), (1.64e25, 45.8, 55.0), (3.77e25, 79.4, 90.3)],
)
def test_published_read_conductances(card, density, low_uS, read_uS):
    """G at 5 mV and 0.2 V of the published model, recomputed from its equations."""
    form = published_form(card)
    volt = np.array([5e-3, 0.2])
    got = closed_current(form, card.hopping, volt, density, ambient_K=293.0) / volt * 1e6
    np.testing.assert_allclose(got, [low_uS, read_uS], rtol=6e-3)


def test_fit_recovers_known_constants(card):
    truth = replace(
        published_form(card), area_m2=9e-16, length_m=17e-9, series_ohm=700.0, thermal_K_per_W=8e5
    )
    grid = default_grid(card, bias_points=8, density_points=6, ambient_points=2)
    table = build_table(card, ClosedFormSampler(card, truth), grid, probes=0)
    for name in PARAMETERS:
        assert getattr(table.closed_form, name) == pytest.approx(getattr(truth, name), rel=1e-6)
    assert table.closed_form.rms_ln_current < 1e-8


def test_standard_errors_cover_noise(card, sampler):
    grid = default_grid(card, bias_points=8, density_points=6, ambient_points=2)
    table = build_table(card, sampler, grid, probes=0)
    noise = np.exp(0.01 * np.random.default_rng(3).standard_normal(table.current_A.shape))
    fitted = fit_closed_form(replace(table, current_A=table.current_A * noise), card)
    truth = published_form(card)
    assert 0.005 < fitted.rms_ln_current < 0.015
    for name in PARAMETERS:
        off = abs(np.log(getattr(fitted, name) / getattr(truth, name)))
        assert 0 < off < 4 * fitted.standard_error[name]


def test_impossible_constants(card):
    with pytest.raises(InputError, match="area and length above 0"):
        replace(published_form(card), length_m=-1e-9)
