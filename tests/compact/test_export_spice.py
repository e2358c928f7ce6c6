"""Exported subcircuits in ngspice give what our integrator gives, at any time step."""

import re

import numpy as np
import pytest

from femristor.compact.dynamics.twin import sweep_plain
from femristor.compact.export.check import check_spice, deck
from femristor.compact.export.load import spice_load
from femristor.compact.export.ngspice import run_ngspice
from femristor.compact.export.spice import OPTIONS, spice
from femristor.compact.export.text import EDGE, STATE_UNIT_M3, WrittenTable
from femristor.compact.ibm import IbmModel
from femristor.compact.table.interpolate import TableModel
from femristor.core.curves import Waveform
from femristor.core.errors import InputError
from femristor.device.laws.channel import Channel
from femristor.device.load_line import BARE, Load, channel_load, current, selector_load
from femristor.device.pulse_scheme import PulseScheme

CHANNEL = Channel(1e-3, 0.5, 1.3, 0.1, 1.0)
TRIANGLE = Waveform.triangle([1.1, -1.2], 1.0)
WORST, MEDIAN = 5e-3, 1e-4
"""Of the current: everywhere, also where the state runs away within microseconds of seconds; and typically."""


@pytest.fixture(scope="module")
def models(card, table):
    return {"ibm": IbmModel(card), "table": TableModel(table)}


@pytest.fixture(params=["ibm", "table"])
def model(models, request):
    return models[request.param]


def agrees(found):
    assert np.max(found.current_error) < WORST
    assert np.median(found.current_error) < MEDIAN
    moved = np.log(np.max(found.density_m3) / np.min(found.density_m3))
    assert moved > 0.5, "the waveform moves nothing"


@pytest.mark.parametrize("step_s", [0.5, 2e-3])
def test_sweep_of_the_bare_cell(ngspice, model, step_s):
    agrees(check_spice(model, TRIANGLE, 2e24, step_s=step_s))


@pytest.mark.parametrize("step_s", [1e-5, 1e-7])
def test_pulse_train(ngspice, model, card, step_s):
    waveform = Waveform(*PulseScheme(1.5, -1.5, 2.5e-6).waveform([1] * 10 + [-1] * 10))
    agrees(check_spice(model, waveform, 2e25, load=selector_load(card), step_s=step_s))


def test_1t1r_with_the_selector(ngspice, model, card):
    agrees(check_spice(model, Waveform.triangle([1.3, -1.4], 1.0), 2e24, load=selector_load(card)))


def test_1t1r_with_a_transistor(ngspice, models, card):
    load = channel_load(card, CHANNEL)
    agrees(check_spice(models["ibm"], Waveform.triangle([1.2, -1.4], 1.0), 2e24, load=load))


def test_operating_point_holds_the_state(ngspice, model):
    found = check_spice(model, Waveform.triangle([0.9], 1.0), 2e25, uic=False)
    assert found.density_ngspice_m3[0] == pytest.approx(2e25, rel=1e-6)
    assert np.max(found.current_error) < WORST


def test_against_scipy(ngspice, models, card):
    load = selector_load(card)
    waveform = Waveform.triangle([1.3, -1.4], 1.0)
    found = check_spice(models["ibm"], waveform, 2e24, load=load)
    time, density = sweep_plain(models["ibm"], waveform, 2e24, load=load)
    theirs = np.interp(time, found.time_s, found.density_ngspice_m3)
    np.testing.assert_allclose(theirs, density, rtol=1e-3)


def test_beyond_the_table(ngspice, models):
    model = models["table"]
    highest = model.voltage_max_V
    waveform = Waveform(np.array([0, 1e-12, 2e-12]), np.array([0, 1.2 * highest, 1.2 * highest]))
    text = deck(spice(model), waveform, 1e24, step_s=1e-13, ambient_K=293.0)
    found = run_ngspice(text.format(options=OPTIONS, uic=" uic") + "\n.end\n")
    conductance = model.current_A(highest, 1e24) / highest
    assert found["i(va)"][-1] == pytest.approx(1.2 * highest * conductance, rel=1e-5)
    # Set at the highest density: the state stops within EDGE of the table's end.
    top = model.table.density_m3[-1]
    text = deck(spice(model), Waveform.triangle([1.2], 10.0), 0.99 * top, step_s=1e-3, ambient_K=293.0)
    found = run_ngspice(text.format(options=OPTIONS, uic=" uic") + "\n.end\n")
    last = STATE_UNIT_M3 * np.exp(found["v(x1.u)"][-1])
    assert top < last <= top * np.exp(EDGE) * (1 + 1e-6)


LOADS = {
    "bare": BARE,
    "resistor": Load.series(1e3),
    "compliance": Load.limited(3e-4, 500.0),
    "both": Load(1000, 3e-4, 500, 1.5e-3),
}


@pytest.mark.parametrize("name", [*LOADS, "transistor"])
def test_load_lines(ngspice, card, name):
    """Below a cell that keeps 0.3 V: set with the drain above the source line, reset with the source line raised."""
    load = LOADS.get(name) or channel_load(card, CHANNEL)
    for sign in (1, -1):
        held, gate = 0.3, load.gate_set_V if sign > 0 else load.gate_reset_V
        if sign > 0:
            bench, place = ["Vs s 0 0", f"Vd a d {held}", "Va a 0 0"], "Va"
        else:
            bench, place = [f"Vd d 0 {held}", "Vs s 0 0"], "Vs"
        lines = [
            "* load",
            spice_load(load),
            "Xl d g s 0 femristor_load",
            f"Vg g 0 {gate}",
            *bench,
            f".options {OPTIONS}",
            f".save v(a) v(s) i({place.lower()})",
            f".dc {place} {held} 1.5 0.1",
            ".end",
        ]
        found = run_ngspice("\n".join(lines) + "\n")
        line = load.line(sign)
        applied = sign * (found["v(a)"] if sign > 0 else found["v(s)"])
        assert applied.size == 13
        ours = (applied - sign * held) / 1e-3 if name == "bare" else current(line, applied, sign * held)
        # Into the top electrode; the source line takes it in reset.
        into_top = -sign * found[f"i({place.lower()})"]
        np.testing.assert_allclose(into_top, ours, rtol=1e-6, atol=1e-12)


def test_current_is_odd(ngspice, model):
    currents = []
    for volt in (0.4, -0.4):
        waveform = Waveform(np.array([0, 1e-9, 2e-9]), np.array([0, volt, volt]))
        text = deck(spice(model), waveform, 1e25, step_s=1e-10, ambient_K=293.0)
        found = run_ngspice(text.format(options=OPTIONS, uic=" uic") + "\n.end\n")
        currents.append(found["i(va)"][-1])
    assert currents[0] == pytest.approx(-currents[1], rel=1e-9)
    assert currents[0] == pytest.approx(float(model.current_A(0.4, 1e25)), rel=1e-6)


def test_error_stands_in_the_header(models):
    written = WrittenTable.of(models["table"], 10)
    assert 0 < written.error < 1e-6
    text = spice(models["table"])
    stated = float(re.search(r"largest error (\S+)", text)[1])
    assert stated == pytest.approx(written.error, rel=0.1)
    assert WrittenTable.of(models["table"], 17).error < 1e-12
    with pytest.raises(InputError, match=r"more than 0\.003; give more --digits"):
        spice(models["table"], digits=3)
    with pytest.raises(InputError, match="from 1 to 17"):
        spice(models["table"], digits=0)


def test_lines_are_short_enough_to_read(models, card):
    load = channel_load(card, CHANNEL)
    for model in models.values():
        assert max(map(len, spice(model, load=load).splitlines())) < 1000
