"""Cycling: without noise the sweep of the deterministic integrator; noise grows with clusters; resume changes nothing."""

from dataclasses import replace

import numpy as np
import pytest

from femristor.array.cell.hop_cells import HopArray
from femristor.array.experiments.cycling import cycle_array, reset_voltage, set_voltage
from femristor.array.results.cycling import ArrayCycling
from femristor.compact.dynamics.trace import trace_sweep
from femristor.compact.ibm import IbmModel
from femristor.compact.noise.stochastic import HopNoise, switching_volume_m3
from femristor.compact.table.closed_form import ClosedFormSampler, published_form
from femristor.compact.table.grid import default_grid
from femristor.compact.table.interpolate import TableModel
from femristor.compact.table.sample import build_table
from femristor.core.curves import Waveform
from femristor.core.errors import InputError
from femristor.core.store import load, save
from femristor.device import load_card
from femristor.device.load_line import channel_load, selector_load
from femristor.device.selector import reference_selector

CARD = load_card("cmo_hfox")
MODEL = IbmModel(CARD)
LOAD = channel_load(CARD, reference_selector(CARD).channel)
QUIET = HopArray(MODEL, HopNoise(switching_volume_m3(MODEL), 0.0), LOAD, {})
NOISY = HopArray(
    MODEL, HopNoise(switching_volume_m3(MODEL), 1.0), LOAD, {"radius": 0.01, "barrier_set": 0.005}
)


def test_without_noise_it_is_the_deterministic_sweep():
    found = cycle_array(CARD, QUIET, rows=1, cols=2, cycles=2, tolerance=1e-6)
    trace = trace_sweep(
        MODEL, Waveform.triangle((1.2, -1.2, 1.2, -1.2, 1.2), 1.0), 7e24, load=LOAD, points=71
    )
    first = trace.current_A.size - found.voltage_V.size
    np.testing.assert_allclose(found.voltage_V, trace.voltage_applied_V[first:], atol=1e-12)
    top = np.max(np.abs(trace.current_A))
    np.testing.assert_allclose(found.current_A[0], trace.current_A[first:], atol=2e-4 * top)
    np.testing.assert_array_equal(found.hrs_S[0], found.hrs_S[1])


def test_noise_grows_as_the_root_of_the_cluster():
    spread = []
    for cluster in (0.5, 2.0):
        array = HopArray(MODEL, HopNoise(switching_volume_m3(MODEL), cluster), LOAD, {}, seed=2)
        spread.append(np.std(np.log(cycle_array(CARD, array, rows=16, cols=8, cycles=2).hrs_S)))
    assert spread[1] / spread[0] == pytest.approx(2.0, rel=0.2)


def test_distributions_and_round_trip(tmp_path):
    found = cycle_array(CARD, NOISY, cycles=3)
    assert found.hrs_S.shape == (32, 3) and np.all(found.lrs_S > 3 * found.hrs_S)
    assert found.ratio == pytest.approx(np.median(found.lrs_S) / np.median(found.hrs_S))
    assert np.all((found.set_voltage_V > 0.5) & (found.set_voltage_V < 1.2))
    assert np.all((found.reset_voltage_V < -0.5) & (found.reset_voltage_V > -1.2))
    assert found.hrs_S.std(axis=1).mean() > 0 and found.cost.energy_J > 0
    back = load(save(found, tmp_path / "cycles.h5"), ArrayCycling)
    np.testing.assert_array_equal(back.lrs_S, found.lrs_S)
    assert back.spread == found.spread
    other = cycle_array(CARD, replace(NOISY, seed=1), rows=1, cols=4, cycles=3)
    assert np.all(other.hrs_S != found.hrs_S[:4])


def test_a_deeper_reset_gives_a_larger_ratio():
    shallow, deep = (
        cycle_array(CARD, QUIET, rows=1, cols=1, cycles=1, peak_reset_V=v).ratio for v in (-1.1, -1.3)
    )
    assert deep > 1.5 * shallow


def test_checkpoint_gives_the_same_cells(tmp_path):
    path = tmp_path / "cycles.h5"
    whole = cycle_array(CARD, NOISY, cycles=1)

    class Stop:
        def task(self, description, total):
            return self

        def __enter__(self):
            return self

        def __exit__(self, *error):
            return None

        def advance(self, amount, note=""):
            if amount:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt, match="of 32 cells are kept"):
        cycle_array(CARD, NOISY, cycles=1, checkpoint=path, progress=Stop())
    again = cycle_array(CARD, NOISY, cycles=1, checkpoint=path)
    np.testing.assert_array_equal(again.hrs_S, whole.hrs_S)
    with pytest.raises(InputError, match="belongs to another experiment"):
        cycle_array(CARD, replace(NOISY, seed=9), cycles=1, checkpoint=path)


def test_cells_of_a_table_follow_it():
    table = build_table(CARD, ClosedFormSampler(CARD, published_form(CARD)), default_grid(CARD), probes=0)
    law, load_line = TableModel(table), selector_load(CARD)
    quiet = HopArray(law, HopNoise(6.6e-24, 0.0), load_line, {})
    found = cycle_array(
        CARD, quiet, rows=1, cols=1, cycles=1, peak_set_V=1.1, peak_reset_V=-1.1, tolerance=1e-6
    )
    wave = Waveform.triangle((1.1, -1.1, 1.1), 1.0)
    trace = trace_sweep(law, wave, float(table.states["hrs"]), load=load_line, points=71)
    first = trace.current_A.size - found.voltage_V.size
    np.testing.assert_allclose(found.current_A[0], trace.current_A[first:], atol=1e-3 * trace.current_A.max())
    spread = {"current": 0.05, "barrier_set": 0.005}
    wide = cycle_array(
        CARD, replace(quiet, spread=spread), cycles=1, peak_set_V=1.1, peak_reset_V=-1.1, rows=2, cols=2
    )
    assert np.std(wide.lrs_S) > 0.01 * np.mean(wide.lrs_S)
    with pytest.raises(InputError, match="A table has no spread"):
        replace(quiet, spread={"radius": 0.1}).draw(2)


def test_switching_voltages_of_known_curves():
    up = np.linspace(0, 1.4, 141)
    volt = np.r_[up, up[-2::-1]]
    flow = 1e-5 * volt + 1e-4 * (1 / (1 + np.exp(-(volt - 0.9) / 0.02)))
    assert set_voltage(volt, flow)[0] == pytest.approx(0.9, abs=0.011)
    drop = -1e-4 * volt * np.where(volt > 1.1, np.exp(-(volt - 1.1) / 0.1), 1.0)
    assert reset_voltage(-volt, drop)[0] == pytest.approx(-1.1, abs=0.031)
    with pytest.raises(InputError, match="missing points"):
        set_voltage(volt, np.where(volt == volt[5], np.nan, flow))
    with pytest.raises(InputError, match="set half"):
        set_voltage(-volt, flow)


def test_impossible_experiments():
    for bad in ({"cycles": 0}, {"peak_reset_V": 1.0}, {"rate_V_per_s": 0.0}, {"points": 3}):
        with pytest.raises(InputError):
            cycle_array(CARD, QUIET, **bad)
