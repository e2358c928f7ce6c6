"""Distillation gives back a law whose transients are known exactly: IBM's, integrated by SciPy."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from femristor.compact.ibm import IbmModel
from femristor.compact.table.distil import distil
from femristor.compact.table.interpolate import TableModel
from femristor.core.errors import InputError
from femristor.fem.results.switching import Transient, TransientSet

VOLTS = (0.8, 0.9, 1.0, 1.1, 1.2)
LOW, HIGH = 4e24, 3.6e25


def transient(model, volt):
    """ln N at a constant voltage over the bare cell, until it leaves (LOW, HIGH)."""
    start, end = (LOW, HIGH) if volt > 0 else (HIGH, LOW)

    def slope(_, u):
        density = np.exp(u)
        return model.density_rate_per_m3s(volt, density) / density

    def reached(_, u):
        return u[0] - np.log(end)

    reached.terminal = True
    span = 1e9 / abs(slope(0, np.log([end]))[0])
    run = solve_ivp(
        slope,
        (0, span),
        [np.log(start)],
        method="LSODA",
        events=reached,
        rtol=1e-9,
        atol=1e-10,
        dense_output=True,
    )
    u = np.linspace(np.log(start), run.y[0, -1], 160)
    time = np.interp(u * np.sign(volt), run.y[0] * np.sign(volt), run.t)
    fine = np.geomspace(run.t[1], run.t[-1], 4000)
    time = np.interp(u * np.sign(volt), run.sol(fine)[0] * np.sign(volt), fine)
    time[0] = 0.0
    density = np.exp(u)
    return Transient(
        volt,
        time,
        model.conductance_S(density),
        model.current_A(volt, density),
        model.temperature_mean_K(volt, density),
        np.full(u.size, abs(volt) / 12e-9),
        density,
    )


@pytest.fixture(scope="module")
def card():
    from femristor.device import load_card

    return load_card("cmo_hfox")


@pytest.fixture(scope="module")
def found(card):
    model = IbmModel(card)
    held = tuple(transient(model, sign * volt) for volt in VOLTS for sign in (1, -1))
    return TransientSet(held, model.ambient_K, "IBM's law", card.name)


def test_gives_back_the_law_of_its_transients(card, found):
    table, spread = distil(found, card, density_points=40)
    assert spread["worst"] < 1e-5
    derived, law = TableModel(table), IbmModel(card)
    # At held voltages the rate is that of the transient; between them (0.1 V apart) the table's cubic adds 6 %.
    for volt, limit in (
        (-1.1, 0.015),
        (-1.0, 0.015),
        (1.0, 0.015),
        (1.1, 0.015),
        (-1.15, 0.08),
        (0.85, 0.08),
    ):
        density = np.geomspace(6e24, 3e25, 9)
        current = derived.current_A(volt, density) / law.current_A(volt, density)
        rate = derived.density_rate_per_m3s(volt, density) / law.density_rate_per_m3s(volt, density)
        assert np.abs(np.log(current)).max() < 0.01
        assert np.abs(np.log(rate)).max() < limit
    assert table.states["lrs"] == pytest.approx(HIGH, rel=1e-3)
    assert table.states["hrs"] == pytest.approx(LOW, rel=1e-3)
    reads = derived.conductance_S(np.geomspace(6e24, 3e25, 9)) / law.conductance_S(
        np.geomspace(6e24, 3e25, 9)
    )
    assert np.abs(reads - 1).max() < 2e-3


def test_rates_fall_beyond_the_rest_of_a_transient(card, found):
    table, _ = distil(found, card, density_points=40)
    beyond = TableModel(table).hop_rate_per_s(-1.0, np.array([table.density_m3[0] * 1.01, 1e25]))
    assert abs(beyond[0]) < abs(beyond[1])


def test_a_voltage_without_its_opposite_is_refused(card, found):
    half = TransientSet(found.transients[1:], found.ambient_K, found.model, found.card_name)
    with pytest.raises(InputError, match="both signs"):
        distil(half, card)


def test_a_transient_that_stands_still_is_refused(card, found):
    first = found.transients[0]
    still = Transient(
        first.voltage_V,
        *(
            np.repeat(getattr(first, name)[:1], 5)
            for name in (
                "time_s",
                "conductance_S",
                "current_A",
                "temperature_K",
                "field_V_per_m",
                "density_m3",
            )
        ),
    )
    with pytest.raises(InputError, match="does not move"):
        distil(TransientSet((still, *found.transients[1:]), 293.0, "x", card.name), card)
