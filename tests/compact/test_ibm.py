"""IBM's published law: the recorded read curves, its own equations to rounding, limits, ranges."""

from pathlib import Path

import numpy as np
import pytest

from femristor.compact.ibm import IbmConstants, IbmModel
from femristor.compact.model import CellModel
from femristor.compact.table.closed_form import closed_current, published_form
from femristor.core.constants import K_B, Q_E
from femristor.core.errors import InputError, RangeError

DATA = Path(__file__).parents[1] / "data"


@pytest.fixture(scope="module")
def model(card):
    return IbmModel(card)


def test_is_a_cell_model(model):
    assert isinstance(model, CellModel)


@pytest.mark.parametrize(("name", "density"), [("hrs_7e24", 7e24), ("lrs_3.77e25", 3.77e25)])
def test_recorded_read_curves(model, name, density):
    record = np.genfromtxt(DATA / f"read_iv_{name}.csv", delimiter=",", names=True)
    volt = record["V_V"]
    current = model.current_A(volt, density)
    nonzero = volt != 0
    assert np.max(np.abs(current / record["I_A"] - 1)[nonzero]) < 1e-4
    assert np.max(np.abs(model.temperature_mean_K(volt, density) - record["T_K"])) < 1e-3


def test_satisfies_its_equations_to_rounding(model):
    volt, density = np.meshgrid(np.linspace(-1.6, 1.6, 33), np.geomspace(3e23, 3e26, 31))
    current = model.current_A(volt, density)
    area, length, series, warmth = vars(model.constants).values()
    temperature = 293.0 + warmth * volt * current
    distance, barrier = model.hop_parameters(density)
    field = (volt - current * series) / length
    law = area * Q_E * density * distance * 2e13 * np.exp(-barrier / (K_B * temperature))
    law = law * 2 * np.sinh(Q_E * distance * field / (2 * K_B * temperature))
    np.testing.assert_allclose(law, current, rtol=1e-12, atol=1e-22)
    np.testing.assert_allclose(model.temperature_mean_K(volt, density), temperature, rtol=1e-14)


def test_agrees_with_bisection(model, card):
    volt, density = np.meshgrid(np.linspace(0.1, 1.4, 14), np.geomspace(1e24, 1e26, 9))
    plain = closed_current(published_form(card), card.hopping, volt, density, ambient_K=293.0)
    np.testing.assert_allclose(model.current_A(volt, density), plain, rtol=1e-11)


def test_stated_conductances(model):
    """G at 0.2 V of the four states, as stated in the table of the published law."""
    density = np.array([2e24, 7e24, 1.64e25, 3.77e25])
    np.testing.assert_allclose(
        model.conductance_S(density) * 1e6, [8.04, 26.5, 55.0, 90.3], rtol=5e-3, atol=0.05
    )
    np.testing.assert_allclose(model.density_at(model.conductance_S(density)), density, rtol=1e-9)


def test_ohmic_limit(model):
    assert model.conductance_S(7e24, 0.0) == pytest.approx(model.conductance_S(7e24, 1e-5), rel=1e-6)
    assert model.current_A(0.0, 7e24) == 0.0


def test_ambient_raises_the_read_current(card, model):
    """x1.17 to 1.19 at 328 K, x1.30 to 1.34 at 358 K."""
    for density in (7e24, 3.77e25):
        cold = model.conductance_S(density)
        assert 1.165 < IbmModel(card, 328.0).conductance_S(density) / cold < 1.195
        assert 1.295 < IbmModel(card, 358.0).conductance_S(density) / cold < 1.345


def test_rate_is_the_hop_law(model):
    density, volt = 2e25, np.array([1.0, -1.0])
    rate = model.density_rate_per_m3s(volt, density)
    kt = K_B * model.temperature_mean_K(volt, density)
    field = model.field_mean_V_per_m(volt, density)
    barrier = np.array([0.936 + 1.4286e-26 * density, 1.18]) * Q_E
    hops = 4e12 * np.exp(-barrier / kt) * 2 * np.sinh(2 * Q_E * 1e-9 * field / (2 * kt))
    expected = np.sign(volt) / 12 * density * hops * (1 - density / 1e28) ** 10
    np.testing.assert_allclose(rate, expected, rtol=1e-12)
    assert model.density_rate_per_m3s(0.0, density) == 0.0


def test_without_series_resistance(card):
    """No R_s: the whole voltage drops over the length, no upper bound of the current exists."""
    model = IbmModel(card, constants=IbmConstants(5.474e-16, 12e-9, 0.0, 0.0))
    density, thermal = 7e24, K_B * 293.0
    distance, barrier = model.hop_parameters(density)
    exact = 5.474e-16 * Q_E * density * distance * 2e13 * np.exp(-barrier / thermal)
    exact = exact * 2 * np.sinh(Q_E * distance * 0.5 / 12e-9 / (2 * thermal))
    assert model.current_A(0.5, density) == pytest.approx(exact, rel=1e-12)


@pytest.mark.parametrize("density", [0.0, -1e24, 1e28, np.nan])
def test_density_outside_raises(model, density):
    with pytest.raises(RangeError, match="outside the law"):
        model.current_A(0.2, density)


def test_impossible_conductance_or_ambient(model, card):
    with pytest.raises(RangeError, match="choose levels inside"):
        model.density_at(1e-2)
    with pytest.raises(InputError, match="outside 150 to 1500 K"):
        IbmModel(card, 0.0)
    with pytest.raises(RangeError, match="not a finite number"):
        model.current_A(np.nan, 7e24)
