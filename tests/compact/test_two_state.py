"""Two distilled states: on the curves they are one state, off them they follow transients that start half way."""

from pathlib import Path

import numpy as np
import pytest

from femristor.compact.dynamics.trace import trace_sweep
from femristor.compact.dynamics.two_state import fit_two_states
from femristor.compact.table.distil import distil
from femristor.core import store
from femristor.core.curves import Waveform
from femristor.core.errors import InputError
from femristor.device import load_card
from femristor.device.load_line import Load
from femristor.fem.results.switching import TransientSet

DATA = Path(__file__).parents[2] / "docs" / "data"
LOAD = Load(406.0, 650e-6, 245.0, 1.4e-3, "selector")


@pytest.fixture(scope="module")
def found():
    return store.load(DATA / "transients.h5", TransientSet)


@pytest.fixture(scope="module")
def crossing():
    return store.load(DATA / "crossing.h5", TransientSet)


@pytest.fixture(scope="module")
def model(found, crossing):
    table, _ = distil(found, load_card("cmo_hfox"))
    return fit_two_states(table, found, crossing)


def test_the_curves_keep_more_vacancies_on_the_way_down(model):
    x = np.log(model.table.density_at(np.array([20e-6, 40e-6, 60e-6])))
    assert np.all(np.exp(model.down(x)) > 1.2 * np.exp(model.up(x)))


def test_rates_off_the_curve_are_higher_in_both_directions(model):
    assert model.set_off.rate > 5 * model.set_off.rate_error > 0
    assert model.reset_off.rate > 5 * model.reset_off.rate_error > 0
    assert model.set_off.approach > 0 and model.reset_off.approach > 0


def test_on_its_curve_two_states_are_one(model):
    start = 80e-6
    x = float(np.log(model.table.density_at(start)))
    wave = Waveform.triangle([-1.1], 1.0)
    trace, dome = model.sweep(wave, start, float(np.exp(model.down(x))), load=LOAD, tolerance=1e-8)
    single = trace_sweep(model.table, wave, float(np.exp(x)), load=LOAD, tolerance=1e-8)
    assert single.density_m3[-1] < 0.5 * single.density_m3[0]
    assert trace.density_m3[-1] == pytest.approx(single.density_m3[-1], rel=2e-3)
    assert dome[-1] == pytest.approx(np.exp(model.down(np.log(trace.density_m3[-1]))), rel=2e-3)


def test_half_way_transients_are_nearer_with_two_states(model, crossing):
    """Time from start to end of each transient: decades off by one state, less by two."""
    off = {"one": [], "two": []}
    for entry in crossing.transients:
        if entry.time_s.size < 20:
            continue
        places = np.log(model.table.density_at(entry.conductance_S[[0, -1]]))
        path = np.linspace(*places, 400)
        for name, gap in (("one", 0.0), ("two", None)):
            y = np.log(entry.density_m3[0])
            curve = model.up if entry.voltage_V > 0 else model.down
            away = model.set_off if entry.voltage_V > 0 else model.reset_off
            held = curve(path) + (y - curve(path[0]) if gap is None else 0.0) * np.exp(
                -away.approach * np.abs(path - path[0])
            )
            rates = [
                abs(model.slopes(entry.voltage_V, x, level)[0]) for x, level in zip(path, held, strict=True)
            ]
            taken = np.trapezoid(1 / np.array(rates), path) * np.sign(entry.voltage_V)
            off[name].append(abs(np.log10(taken / entry.time_s[-1])))
    assert len(off["one"]) >= 4
    assert np.median(off["two"]) < 0.5 * np.median(off["one"])


def test_both_signs_are_needed(found, crossing):
    table, _ = distil(found, load_card("cmo_hfox"))
    half = TransientSet(
        tuple(entry for entry in crossing.transients if entry.voltage_V > 0), 293.0, "x", crossing.card_name
    )
    with pytest.raises(InputError, match="half way"):
        fit_two_states(table, found, half)
