"""Pulse trains and steps: figures of merit by hand, the published law near its circuit simulation, consistency."""

import gzip
import math
from importlib import resources

import numpy as np
import pytest

from femristor.compact.dynamics.integrator import sweep
from femristor.compact.dynamics.pulses import (
    CompactPulses,
    PulseScheme,
    figures_of_merit,
    model_pulse_train,
    pulse_steps,
    pulse_train,
)
from femristor.compact.ibm import IbmModel
from femristor.compact.results.table import PulseSteps, PulseTrace
from femristor.compact.table.interpolate import TableModel
from femristor.core import store
from femristor.core.constants import EPS_0
from femristor.core.curves import Waveform
from femristor.device.load_line import BARE, Load, selector_load
from femristor.device.selector import default_load


def test_figures_of_merit_by_hand():
    up, down = np.linspace(20, 90, 8) * 1e-6, np.linspace(80, 10, 8) * 1e-6
    turns = np.tile([52e-6, 48e-6], 4)
    phase = np.repeat([0, 1, 2], 8)
    n_states, skew = figures_of_merit(np.concatenate([up, down, turns]), phase)
    assert n_states == pytest.approx(80 / 4)
    assert skew == pytest.approx((90 - 50) / 80)
    assert all(math.isnan(value) for value in figures_of_merit(up, phase[:8]))


def test_train_is_the_sweep_of_its_waveform(table, card):
    scheme, load = PulseScheme(1.3, -1.3, 2e-6), default_load(card)
    trace = pulse_train(table, card, scheme=scheme, n_up=2, n_down=1, n_alternate=2, start_density_m3=1.2e25)
    assert trace.direction.tolist() == [1, 1, -1, 1, -1]
    density = 1.2e25
    for pulse, direction in enumerate(trace.direction):
        amplitude = 1.3 * direction
        wave = Waveform.pulse(amplitude, 0.8e-6, 0.6e-6)
        result = sweep(table, wave, density, load=load, points=2)
        density = result.density_m3[0, -1]
        assert trace.density_m3[pulse] == pytest.approx(density, rel=1e-5)
        assert trace.current_A[pulse] == pytest.approx(result.current_A[0, 2], rel=1e-4)
    model = TableModel(table)
    np.testing.assert_allclose(trace.conductance_S, model.conductance_S(trace.density_m3))
    assert np.all(np.diff(trace.conductance_S) * trace.direction[1:] > 0)


def test_published_law_is_gradual_and_soft_bounded(table, card):
    """400 up, 400 down, 500 in turn from the symmetry point; the published circuit simulation gives 79 states and 52 %."""
    trace = pulse_train(table, card, start_density_m3=1.64e25)
    assert trace.conductance_S.size == 1300
    steps = np.diff(trace.conductance_S[:400])
    assert np.all(steps > 0) and steps[0] > 5 * steps[-1]
    falls = -np.diff(trace.conductance_S[400:800])
    assert np.all(falls > 0) and falls[:40].max() > 20 * falls[-1]
    assert 10 < trace.n_states < 100
    assert 0.4 < trace.skew < 0.7
    assert trace.temperature_K.max() < 1000


def test_start_is_forgotten_by_the_alternating_phase(table, card):
    ends = [
        pulse_train(table, card, start_density_m3=start, n_up=400, n_down=400).conductance_S[-1]
        for start in (3e24, 2.5e25)
    ]
    assert ends[0] == pytest.approx(ends[1], rel=1e-3)


def test_steps_match_pulses(table, card):
    scheme = PulseScheme.of_card(card)
    steps = pulse_steps(table, card)
    assert steps.conductance_S[0] == pytest.approx(9e-6) and steps.conductance_S[-1] == pytest.approx(
        88.19e-6
    )
    assert np.all(steps.step_up_S > 0) and np.all(steps.step_down_S < 0)
    pulses = CompactPulses(table, scheme, default_load(card))
    some = steps.conductance_S[5:30:8].reshape(2, 2)
    moved = pulses.step(some, 1, 1)
    np.testing.assert_allclose(moved - some, steps.step_up_S[5:30:8].reshape(2, 2), rtol=1e-6)
    twice = pulses.step(pulses.step(some, -1, 1), -1, 1)
    np.testing.assert_allclose(pulses.step(some, -1, 2), twice, rtol=1e-5)
    np.testing.assert_array_equal(pulses.step(some, 1, 0), some)


def test_default_load_meets_the_recorded_train(card):
    """G along IBM's 1,300 pulses in ngspice with BSIM4: the default to 1 %, the card's tanh law to 5 % (medians)."""
    path = resources.files("femristor") / "data" / "reference" / "pulses_1t1r_set1.35V_reset1.3V.csv.gz"
    with gzip.open(str(path), "rt") as stream:
        train = np.genfromtxt(stream, delimiter=",", names=True)
    off = {
        name: np.abs(
            model_pulse_train(IbmModel(card), card, start_density_m3=1.64e25, load=load).conductance_S
            / train["G_device_S"]
            - 1
        )
        for name, load in (("default", None), ("card", selector_load(card)))
    }
    assert np.median(off["default"]) < 1e-2 and off["default"].max() < 2e-2
    assert np.median(off["card"]) > 4 * np.median(off["default"])


def test_results_are_stored(table, card, tmp_path):
    trace = pulse_train(table, card, n_up=3, n_down=3, n_alternate=4)
    again = store.load(store.save(trace, tmp_path / "trace.h5"), PulseTrace)
    np.testing.assert_array_equal(again.conductance_S, trace.conductance_S)
    assert (again.n_states, again.skew, again.load) == (trace.n_states, trace.skew, trace.load)
    steps = pulse_steps(table, card, conductance_S=np.array([2e-5, 4e-5]))
    again = store.load(store.save(steps, tmp_path / "steps.h5"), PulseSteps)
    np.testing.assert_array_equal(again.step_down_S, steps.step_down_S)


def test_selector_load_from_the_card(card):
    """Square-law limit with velocity saturation, worked by hand; the published filament resistance is taken off."""
    load = selector_load(card)
    sheet = 2e-6 * 3.9 * EPS_0 / 4e-9
    assert load.set_limit_A == pytest.approx(sheet * 1e5 * 0.9**2 / (0.9 + 2 * 1e5 * 250e-9 / 0.04))
    assert load.reset_limit_A == pytest.approx(sheet * 1e5 * 1.5**2 / (1.5 + 1.25))
    filament = 3.5e-9 / (4.2e4 * np.pi * (11e-9) ** 2)
    assert filament == pytest.approx(219.22, rel=1e-4)
    assert load.set_ohm == pytest.approx(250e-9 / (sheet * 0.04 * 0.9) + 223.22 - filament)
    assert selector_load(card, gate_set_V=1.2).set_limit_A < load.set_limit_A
    assert Load.series(0.0).numbers() == BARE.numbers()


def test_long_trains_are_fast(table, card):
    """1300 pulses of one cell in about a second once compiled (measured: well below)."""
    import time

    pulse_train(table, card, n_up=1, n_down=1, n_alternate=4)
    begun = time.perf_counter()
    pulse_train(table, card)
    assert time.perf_counter() - begun < 2.0
