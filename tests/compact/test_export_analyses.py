"""The exported cell in `.op`, `.dc`, `.ac`, at other temperatures and with parameters of an instance, against our model."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import brentq

from femristor.compact.export.ambient import AmbientLine
from femristor.compact.export.check import bench, check_spice, deck
from femristor.compact.export.ngspice import run_ngspice
from femristor.compact.export.spice import OPTIONS, spice
from femristor.compact.export.text import STATE_UNIT_M3, WrittenTable, ibm_numbers
from femristor.compact.ibm import IbmConstants, IbmModel
from femristor.compact.table.grid import default_grid
from femristor.compact.table.interpolate import TableModel
from femristor.compact.table.sample import build_table
from femristor.core.constants import Q_E
from femristor.core.curves import Waveform
from femristor.core.errors import InputError
from femristor.device.load_line import channel_load, current, selector_load
from femristor.device.pulse_scheme import PulseScheme
from femristor.device.selector import reference_selector

WITHIN = 5e-3
"""Of the current: what every analysis of a circuit holds."""
STATE = 2e25
VOLTS = np.linspace(-1.2, 1.2, 13)


@pytest.fixture(scope="module")
def table_small(card, sampler):
    """Few patches, so that ngspice reads it quickly; three ambients."""
    return build_table(card, sampler, default_grid(card, bias_points=8, density_points=6))


@pytest.fixture(scope="module")
def models(card, table_small):
    return {"ibm": IbmModel(card), "table": TableModel(table_small)}


@pytest.fixture(params=["ibm", "table"])
def model(models, request):
    return models[request.param]


@pytest.fixture(scope="module")
def transistor(card):
    return channel_load(card, reference_selector(card).channel)


@pytest.fixture(params=["1R", "1T1R"])
def load(request, transistor):
    return None if request.param == "1R" else transistor


def warm(model, kelvin: float):
    """The same model at another ambient."""
    return TableModel(model.table, kelvin) if isinstance(model, TableModel) else IbmModel(model.card, kelvin)


def analysis(model, load, line: str, source: str = "0", *, kelvin=293.0, parameters=None, read=False, **more):
    """What ngspice saves of a cell at STATE in one analysis."""
    lines = [
        "* femristor",
        spice(model, load=load, **more),
        f"Vin top 0 {source}",
        *bench(load, STATE, parameters, read=read),
        f".temp {kelvin - 273.15:.15g}",
        f".options {OPTIONS}",
        f".save v(top) i(va) {'v(x1.u)' if load is None else 'v(x1.xc.u)'}",
        line,
        ".end",
    ]
    found = run_ngspice("\n".join(lines) + "\n")
    state = found["v(x1.u)" if load is None else "v(x1.xc.u)"]
    return found["v(top)"], found["i(va)"], state


def static_A(model, load, volt: float, *, read=False) -> float:
    """Our current at STATE, behind the load."""
    if load is None or volt == 0:
        return float(model.current_A(volt, STATE))
    line = load.line(volt, read=read and volt > 0)
    device = brentq(
        lambda inner: float(model.current_A(inner, STATE) - current(line, volt, inner)), 0, volt, xtol=1e-13
    )
    return float(model.current_A(device, STATE))


def holds(state) -> None:
    np.testing.assert_allclose(STATE_UNIT_M3 * np.exp(np.real(state)), STATE, rtol=1e-9)


@pytest.mark.parametrize("volt", [-0.9, 0.2, 1.1])
def test_operating_point(ngspice, model, load, volt):
    _, amp, state = analysis(model, load, ".op", f"{volt}")
    holds(state)
    np.testing.assert_allclose(amp, static_A(model, load, volt), rtol=WITHIN)


@pytest.mark.parametrize("kelvin", [280.0, 293.0, 350.0])
def test_dc_sweep_at_temperatures(ngspice, model, load, kelvin):
    volt, amp, state = analysis(model, load, f".dc Vin {VOLTS[0]} {VOLTS[-1]} 0.2", kelvin=kelvin)
    holds(state)
    ours = np.array([static_A(warm(model, kelvin), load, v) for v in volt])
    assert volt.size == VOLTS.size
    np.testing.assert_allclose(amp, ours, rtol=WITHIN, atol=1e-13)


def test_sweep_of_the_temperature(ngspice, model):
    """`.dc temp`: the swept temperature, not the one of `.temp`."""
    _, amp, _ = analysis(model, None, ".dc temp 0 80 20", "0.3")
    ours = [static_A(warm(model, 273.15 + degrees), None, 0.3) for degrees in (0, 20, 40, 60, 80)]
    np.testing.assert_allclose(amp, ours, rtol=WITHIN)
    assert ours[-1] / ours[0] > 1.1, "the temperature changes nothing"


@pytest.mark.parametrize("volt", [-1.0, 0.2, 1.1])
def test_small_signal(ngspice, model, load, volt):
    """The conductance at a held state, at any frequency."""
    _, amp, _ = analysis(model, load, ".ac dec 1 1m 1meg", f"dc {volt} ac 1")
    step = 1e-4
    slope = (static_A(model, load, volt + step) - static_A(model, load, volt - step)) / (2 * step)
    # The bench of a 1T1R turns a negative voltage into a raised source line; the current into the top is the same.
    np.testing.assert_allclose(amp.real, slope, rtol=WITHIN)
    assert np.max(np.abs(amp.imag)) < WITHIN * slope


def test_gate_pin(ngspice, models, transistor):
    """A read has its own gate; a low gate chokes the cell; without a transistor the gate changes nothing."""
    model = models["ibm"]
    _, amp, _ = analysis(model, transistor, ".op", "0.2", read=True)
    np.testing.assert_allclose(amp, static_A(model, transistor, 0.2, read=True), rtol=WITHIN)
    for gate in (0.2, 0.9, 1.5, 3.0):
        load = replace(transistor, gate_set_V=gate)
        _, amp, _ = analysis(model, load, ".op", "1.0")
        np.testing.assert_allclose(amp, static_A(model, load, 1.0), rtol=WITHIN)
    tanh = selector_load(model.card)
    found = {gate: analysis(model, replace(tanh, gate_set_V=gate), ".op", "1.0")[1][0] for gate in (0.0, 3.0)}
    assert found[0.0] == pytest.approx(static_A(model, tanh, 1.0), rel=WITHIN)
    assert found[0.0] == pytest.approx(found[3.0], rel=1e-9)


def test_source_and_drain_change_places(ngspice, models, transistor):
    """Reset by a raised source line is the load's line of reset; the bulk stays at 0 V."""
    model = models["ibm"]
    for volt in (-0.4, -0.8, -1.2):
        _, amp, _ = analysis(model, transistor, ".op", f"{volt}")
        np.testing.assert_allclose(amp, static_A(model, transistor, volt), rtol=WITHIN)


CHANGES = {
    "ambient": 330.0 / 293.0,
    "rth": 0.5,
    "rs": 4.0,
    "aemin": 1.7,
    "nmax": 0.05,
    "nexp": 200.0,
    "z": 1.1,
    "eset0": 0.97,
    "eset1": 2.0,
    "ereset": 0.97,
    "len": 1.1,
    "ae0": 1.05,
    "ae1": 2.0,
}
"""Factors of parameters; 1.2 for all others."""


def changed(model: IbmModel, name: str, value: float) -> IbmModel:
    """Our law with one of the circuit's parameters."""
    constants, hopping, ionic = model.constants, model.hopping, model.ionic
    fields = {
        "rs": (constants, "series_ohm", 1.0),
        "rth": (constants, "thermal_K_per_W", 1.0),
        "area": (constants, "area_m2", 1.0),
        "len": (constants, "length_m", 1.0),
        "nu": (hopping, "attempt_frequency_Hz", 1.0),
        "ae0": (hopping, "distance_0_m", 1.0),
        "ae1": (hopping, "distance_slope_m4", 1.0),
        "aemin": (hopping, "distance_min_m", 1.0),
        "de0": (hopping, "barrier_0_J", Q_E),
        "de1": (hopping, "barrier_slope_J_m3", Q_E),
        "nui": (ionic, "attempt_frequency_Hz", 1.0),
        "hop": (ionic, "hop_distance_m", 1.0),
        "z": (ionic, "charge_number", 1.0),
        "eset0": (ionic, "barrier_set_J", Q_E),
        "eset1": (ionic, "barrier_set_slope_J_m3", Q_E),
        "ereset": (ionic, "barrier_reset_J", Q_E),
        "nmax": (ionic, "density_max_m3", 1.0),
        "nexp": (ionic, "saturation_exponent", 1.0),
    }
    if name == "ambient":
        return IbmModel(model.card, value)
    part, field, unit = fields[name]
    new = replace(part, **{field: value * unit})
    card = replace(model.card, hopping=new) if part is hopping else model.card
    kept = new if isinstance(new, IbmConstants) else constants
    return IbmModel(card, model.ambient_K, constants=kept, ionic=new if part is ionic else None)


@pytest.fixture(scope="module")
def pulses():
    return Waveform(*PulseScheme(1.5, -1.5, 2.5e-6).waveform([1, 1, -1, -1]))


@pytest.mark.parametrize(
    "name",
    [
        "ambient",
        "rs",
        "rth",
        "area",
        "len",
        "nu",
        "ae0",
        "ae1",
        "aemin",
        "de0",
        "de1",
        "nui",
        "hop",
        "z",
        "eset0",
        "eset1",
        "ereset",
        "nmax",
        "nexp",
    ],
)
def test_parameters_of_an_instance(ngspice, models, transistor, pulses, name):
    """Each reaches the cell through the 1T1R, and does there what it does in our law."""
    nominal = models["ibm"]
    value = ibm_numbers(nominal, fixed=True)[name] * CHANGES.get(name, 1.2)
    ours = changed(nominal, name, value)
    found = check_spice(
        ours, pulses, STATE, load=transistor, step_s=1e-7, exported=nominal, parameters={name: value}
    )
    assert np.max(found.current_error) < WITHIN
    assert np.max(found.density_error) < WITHIN
    as_before = check_spice(nominal, pulses, STATE, load=transistor, step_s=1e-7)
    moved = np.log(found.density_ngspice_m3[-1] / as_before.density_ngspice_m3[-1])
    assert abs(moved) > 1e-3, "the parameter changes nothing"


def test_every_parameter_is_tested(models):
    (marked,) = [m for m in test_parameters_of_an_instance.pytestmark if m.name == "parametrize"]
    assert set(marked.args[1]) == set(ibm_numbers(models["ibm"]))


@pytest.mark.parametrize("kelvin", [278.0, 340.0])
def test_transient_at_temperatures(ngspice, model, load, kelvin, pulses):
    there = warm(model, kelvin)
    found = check_spice(there, pulses, STATE, load=load, step_s=1e-7, exported=model)
    assert np.max(found.current_error) < WITHIN
    assert np.max(found.density_error) < WITHIN


@pytest.mark.parametrize("uic", [True, False])
def test_hold_ends_with_the_operating_point(ngspice, models, uic):
    """Hours at a small voltage: nothing that holds the state in `.op` pulls at it in `.tran`."""
    model = models["ibm"]
    waveform = Waveform(np.array([0, 1e4]), np.array([0.45, 0.45]))
    found = check_spice(model, waveform, STATE, step_s=1e3, uic=uic)
    moved = np.log(found.density_m3[-1] / STATE)
    assert moved > 1e-3
    assert np.max(found.density_error) < WITHIN * moved


def test_ambient_of_a_file(ngspice, model):
    """A file of one ambient keeps it; `ambient=` goes before the circuit's temperature where the file follows it."""
    hot = warm(model, 350.0)
    _, amp, _ = analysis(hot, None, ".op", "0.3", kelvin=280.0, fixed=True)
    np.testing.assert_allclose(amp, static_A(hot, None, 0.3), rtol=WITHIN)
    _, amp, _ = analysis(model, None, ".op", "0.3", kelvin=280.0, parameters={"ambient": 350.0})
    np.testing.assert_allclose(amp, static_A(hot, None, 0.3), rtol=WITHIN)


def test_parabola_of_a_table(table, table_small, card, sampler):
    """At its own ambient a table is exact; the header states how far it is off elsewhere."""
    for kelvin in (273.0, 293.0, 373.0):
        model = TableModel(table, kelvin)
        written = WrittenTable.of(model, 10)
        assert written.terms == 3 and written.error < 1e-6
        assert f"within {written.ambient_error:.1e}" in spice(model)
        line = AmbientLine.of(model)
        assert line.place(kelvin) == 0
        for name in ("current_A", "hop_rate_reset_per_s"):
            np.testing.assert_allclose(line.terms(model, name)[0], model.patches(name), rtol=1e-12)
    fixed = WrittenTable.of(TableModel(table_small), 10, fixed=True)
    assert (fixed.terms, fixed.line, fixed.ambient_error) == (1, None, 0.0)
    two = build_table(card, sampler, default_grid(card, bias_points=8, density_points=6, ambient_points=2))
    assert WrittenTable.of(TableModel(two), 10).terms == 2
    one = build_table(card, sampler, default_grid(card, bias_points=8, density_points=6, ambient_points=1))
    text = spice(TableModel(one))
    assert WrittenTable.of(TableModel(one), 10).terms == 1 and "changes nothing" in text
    factor = np.array([1.0, 30.0, 1.0])[:, None, None]
    bent = replace(table_small, hop_rate_set_per_s=table_small.hop_rate_set_per_s * factor)
    with pytest.raises(InputError, match=r"from a parabola in 1/T.*--ambient"):
        spice(TableModel(bent))


def test_deck_has_no_place_left(models):
    """Braces of the netlist are not places of `format`."""
    text = deck(spice(models["ibm"]), Waveform.triangle([1.0], 1.0), STATE, ambient_K=293.0)
    assert "{rs}" in text.format(options=OPTIONS, uic="")
