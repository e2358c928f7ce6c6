"""Open-loop pulses: the fast train beside the plain one, known figures from synthetic records, measured records."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from femristor.array.cell.hop_cells import HopArray, fitted_spread
from femristor.array.experiments.open_loop import pulse_array, search_amplitudes
from femristor.array.results.open_loop import MeasuredPulses, OpenLoopArray
from femristor.array.statistics.pulse_extract import extract_pulses, measured_pulses
from femristor.compact.ibm import IbmModel
from femristor.compact.noise.stochastic import HopNoise, merits, protocol, switching_volume_m3
from femristor.core.errors import ConvergenceError, DataError, InputError
from femristor.core.rng import generator
from femristor.core.store import load, save
from femristor.device import load_card
from femristor.device.load_line import channel_load
from femristor.device.pulse_scheme import PulseScheme
from femristor.device.selector import reference_selector

DATA = Path(__file__).parents[2] / "data" / "reram"
CARD = load_card("cmo_hfox")
MODEL = IbmModel(CARD)
LOAD = channel_load(CARD, reference_selector(CARD).channel)
SCHEME = PulseScheme(1.45, -1.4, 2.5e-6)
NOISY = HopArray(MODEL, HopNoise(switching_volume_m3(MODEL), 1.0), LOAD, {}, seed=4)
SHORT = (60, 60, 80)


def test_the_fast_train_is_the_plain_one():
    quiet = replace(NOISY, noise=HopNoise(NOISY.noise.volume_m3, 0.0))
    found = pulse_array(CARD, quiet, SCHEME, rows=1, cols=1, pulses=SHORT, tolerance=1e-6)
    cells = quiet.noisy(quiet.draw(1))
    plain = cells.pulses(SCHEME, protocol(*SHORT), quiet.start_m3(), generator=generator(0))
    np.testing.assert_allclose(found.conductance_S, plain.conductance_S, rtol=5e-4)


def test_noise_is_that_of_short_steps():
    found = pulse_array(CARD, NOISY, SCHEME, rows=8, cols=8, pulses=SHORT)
    own = NOISY.noisy(NOISY.draw(64)).pulses(
        SCHEME, protocol(*SHORT), NOISY.start_m3(), generator=generator(9), cells=64
    )
    plain = merits(own.conductance_S, protocol(*SHORT), SHORT[2])
    assert np.mean(found.nsr) == pytest.approx(np.mean(plain["nsr"]), rel=0.08)
    assert np.mean(found.n_states) == pytest.approx(np.mean(plain["n_states"]), rel=0.05)


def test_spread_widens_and_first_cells_stay(tmp_path):
    spread = fitted_spread(CARD, MODEL, LOAD)
    assert spread and all(sigma > 0 for sigma in spread.values())
    array = replace(NOISY, spread={"radius": 0.03, "barrier_set": 0.02})
    wide = pulse_array(CARD, array, SCHEME, rows=8, cols=4, pulses=SHORT)
    same = pulse_array(CARD, NOISY, SCHEME, rows=8, cols=4, pulses=SHORT)
    assert np.std(wide.g_max_S) > 2 * np.std(same.g_max_S)
    few = pulse_array(CARD, array, SCHEME, rows=4, cols=4, pulses=SHORT, checkpoint=tmp_path / "c.h5")
    np.testing.assert_array_equal(few.n_states, wide.n_states[:16])
    back = load(save(wide, tmp_path / "p.h5"), OpenLoopArray)
    np.testing.assert_array_equal(back.nsr, wide.nsr)
    assert back.cost.energy_J == wide.cost.energy_J > 0


def test_search_finds_amplitudes():
    found = search_amplitudes(CARD, NOISY, SCHEME, n_states=18.0, cells=8, pulses=(100, 100, 100))
    run = pulse_array(CARD, NOISY, found, rows=1, cols=8, pulses=(100, 100, 100))
    assert np.median(run.n_states) == pytest.approx(18.0, rel=0.031)
    with pytest.raises(ConvergenceError, match="No amplitudes give n_states"):
        search_amplitudes(CARD, NOISY, SCHEME, n_states=1e5, cells=2, pulses=SHORT)
    with pytest.raises(InputError, match="skew between 0 and 1"):
        search_amplitudes(CARD, NOISY, SCHEME)


def soft_bounds(directions, n_states, skew, noise, rng):
    """Steps of a cell with linear soft bounds on [0, 1] and a symmetry point 1 - skew."""
    centre, step = 1 - skew, 1 / n_states
    up, down = step / (1 - centre), step / centre
    trace = [0.0]
    for way in directions:
        now = trace[-1]
        mean = up * (1 - now) if way > 0 else -down * now
        trace.append(now + mean * (1 + noise * rng.standard_normal()))
    return np.array(trace)


def test_known_figures_come_back():
    ways = protocol()
    trace = 1e-5 + 8e-5 * soft_bounds(ways, 22, 0.61, 0.3, np.random.default_rng(0))
    found = extract_pulses(trace, ways)
    assert found.method == "alternating"
    assert found.n_states == pytest.approx(22, rel=0.08) and found.skew == pytest.approx(0.61, abs=0.02)
    assert found.nsr == pytest.approx(0.3, abs=0.05)


def test_batches_alone_cross_at_the_symmetry_point():
    ways = np.tile(np.r_[np.ones(150, int), -np.ones(150, int)], 6)
    trace = soft_bounds(ways, 40, 0.6, 0.1, np.random.default_rng(1))
    found = extract_pulses(trace, ways, unit="1")
    assert found.method == "crossing" and found.skew == pytest.approx(0.6, abs=0.04)
    assert found.n_states == pytest.approx(40, rel=0.15)


def test_measured_records(tmp_path):
    gong = measured_pulses(DATA / "pulses_gong2018_normalised.csv")
    assert gong.unit == "1" and gong.method == "crossing" and 5 < gong.n_states < 50
    tsinghua = measured_pulses(DATA / "pulses_tsinghua_1t1r.csv")
    assert tsinghua.unit == "S" and 5e-6 < tsinghua.g_min < tsinghua.g_max < 6e-5
    assert any("polarity" in note for note in tsinghua.notes)
    assert np.sum(np.diff(tsinghua.direction) != 0) == 3  # two cycles
    assert load(save(gong, tmp_path / "g.h5"), MeasuredPulses).n_states == gong.n_states


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("pulse_number,conductance_uS\n1,10\n2,nan\n", "line 3"),
        ("pulse_number,conductance_uS\n1,10\n2,\n", "line 3.*missing"),
        ("pulse_number,conductance_uS\n1,10\n2,11\n3,12\n", "too few"),
        ("pulse_number,conductance_uS\n" + "".join(f"{2 * i},{i}\n" for i in range(30)), "missing pulse"),
        ("pulse_number,current_A\n1,2\n2,3\n", "no conductance column"),
        ("1,2\n3,\n", "line 2"),
        ("1,2,3\n4,5,6\n", "3 columns"),
        ("conductance_uS,direction\n" + "".join(f"{i},1\n" for i in range(30)), "only up pulses"),
    ],
)
def test_bad_records(tmp_path, text, sentence):
    path = tmp_path / "pulses.csv"
    path.write_text(text)
    with pytest.raises(DataError, match=sentence):
        measured_pulses(path)


def test_missing_points_of_arrays():
    ways = protocol(30, 30, 20)
    trace = soft_bounds(ways, 10, 0.5, 0.0, np.random.default_rng(0))
    trace[7] = np.nan
    with pytest.raises(InputError, match="conductance 7 is missing"):
        extract_pulses(trace, ways)
    with pytest.raises(InputError, match="do not fit"):
        extract_pulses(trace, ways[:-1])
