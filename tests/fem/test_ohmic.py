"""Linear resistance: derivatives, mesh error, and how it moves with conductivity and radius."""

import numpy as np
import pytest

from femristor.core.errors import InputError
from femristor.device import load_card
from femristor.fem.electrothermal.ohmic import OhmicCell

CARD = load_card()
RADIUS_M, SIGMA = 11e-9, 3e3


@pytest.fixture(scope="module")
def cell():
    return OhmicCell(CARD)


@pytest.mark.parametrize("sigma", [30.0, SIGMA, 3e5])
def test_derivative_by_conductivity(cell, sigma):
    found = cell.derivatives(RADIUS_M, sigma).log_by_log_conductivity
    step = 1e-3
    logs = [np.log(cell.resistance_ohm(RADIUS_M, sigma * np.exp(k * step))) for k in (-2, -1, 1, 2)]
    expected = (logs[0] - 8 * logs[1] + 8 * logs[2] - logs[3]) / (12 * step)
    assert found == pytest.approx(expected, rel=1e-7)


@pytest.mark.parametrize("radius", [6e-9, RADIUS_M, 30e-9])
def test_derivative_by_radius(cell, radius):
    # Each radius has its own mesh, so that the difference carries the mesh error over the step.
    step = 0.04
    logs = [np.log(cell.resistance_ohm(radius * np.exp(k * step), SIGMA)) for k in (-2, -1, 1, 2)]
    expected = (logs[0] - 8 * logs[1] + 8 * logs[2] - logs[3]) / (12 * step)
    assert cell.derivatives(radius, SIGMA).log_by_log_radius == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize("radius", [6e-9, RADIUS_M, 30e-9])
@pytest.mark.parametrize("sigma", [30.0, 3e5])
def test_mesh_error(cell, radius, sigma):
    fine = OhmicCell(CARD, resolution=2.0).resistance_ohm(radius, sigma)
    assert cell.resistance_ohm(radius, sigma) == pytest.approx(fine, rel=5e-4)


def test_resistance_falls_with_radius_and_conductivity(cell):
    by_radius = [cell.resistance_ohm(radius, SIGMA) for radius in (5e-9, 8e-9, 11e-9, 20e-9, 40e-9)]
    by_sigma = [cell.resistance_ohm(RADIUS_M, sigma) for sigma in (10.0, 1e2, 1e3, 1e4, 1e5)]
    assert np.all(np.diff(by_radius) < 0)
    assert np.all(np.diff(by_sigma) < 0)


def test_same_numbers_again_from_kept_meshes(cell):
    first = cell.resistance_ohm(RADIUS_M, SIGMA)
    cell.resistance_ohm(RADIUS_M, 2 * SIGMA)
    assert cell.resistance_ohm(RADIUS_M, SIGMA) == pytest.approx(first, rel=1e-12)
    assert OhmicCell(CARD).resistance_ohm(RADIUS_M, SIGMA) == pytest.approx(first, rel=1e-12)


def test_share_of_the_oxide_grows_as_the_cmo_conducts_better(cell):
    share = [-cell.derivatives(RADIUS_M, sigma).log_by_log_conductivity for sigma in (10.0, 1e3, 1e5)]
    assert 1 > share[0] > share[1] > share[2] > 0


@pytest.mark.parametrize(
    ("radius", "sigma", "words"),
    [
        (-1e-9, SIGMA, "must be above 0"),
        (RADIUS_M, 0.0, "must be above 0"),
        (float("nan"), SIGMA, "must be above 0"),
        (1e-6, SIGMA, "does not fit into electrodes"),
    ],
)
def test_bad_input_is_told(cell, radius, sigma, words):
    with pytest.raises(InputError, match=words):
        cell.resistance_ohm(radius, sigma)
