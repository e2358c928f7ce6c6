"""Compensation of the relaxation: each removes what it says, at its price."""

import math

import numpy as np
import pytest
import torch

from femristor.array.statistics.other_memories import weight_arrays_pcm
from femristor.array.weights import weight_arrays
from femristor.array.wires.grid import WireGrid
from femristor.array.wires.ir_drop import closed_form_arrays
from femristor.core.errors import InputError
from femristor.device import load_card
from femristor.nn.mvm.compensation import MEAN_PULSES, Refreshed, compensated, refresh_cost, refreshed
from femristor.nn.mvm.experiment import TEN_YEARS_S, MvmDesign, mvm_experiment, output_bound
from femristor.nn.mvm.product import EFFECTS, MvmSettings

CARD = load_card("cmo_hfox")
CELLS = weight_arrays(CARD)
WEIGHTS = np.clip(np.random.default_rng(0).normal(0, 0.5, (64, 64)), -1, 1)
SHIFT = -0.08900206 * math.log(TEN_YEARS_S) * 2 / 79.19


def program(make, *, effects=EFFECTS, seed=1, weights=WEIGHTS):
    return make(weights, mapping="single", acceptance=0.002, effects=effects, stream=(seed,))


@pytest.fixture(scope="module")
def experiment():
    variants = {"none": CELLS}
    variants |= {how: compensated(CELLS, how) for how in ("law", "reference", "calibration")}
    variants["refreshed"] = refreshed(CELLS, 86400.0)
    return mvm_experiment(CARD, CELLS, design=MvmDesign(draws=20), variants=variants, seed=2)


def test_mean_shift_of_ten_years_is_taken_off(experiment):
    """Without its common term the law leaves sqrt(rmse^2 - 64 <x^2> m^2): 0.132 of 0.215."""
    rmse = dict(zip(experiment.variants, experiment.rmse_by_variant.mean(axis=2), strict=True))
    np.testing.assert_array_equal(experiment.rmse_mean, rmse["none"])
    left = math.sqrt(0.2146**2 - 64 * 0.23012 * SHIFT**2)
    for how in ("law", "calibration", "reference"):
        assert rmse[how][-1] == pytest.approx(left, rel=0.02)
        np.testing.assert_allclose(rmse[how][:1], rmse["none"][:1], rtol=0.01)
    # The reference column's mean is that of 64 cells, the calibration's of 4096.
    assert rmse["calibration"][-1] <= rmse["reference"][-1] < 1.03 * rmse["calibration"][-1]


def test_daily_refresh_keeps_the_error_of_a_day(experiment):
    rmse = experiment.rmse_by_variant[experiment.variants.index("refreshed")].mean(axis=1)
    assert rmse[-1] == pytest.approx(rmse[3], rel=0.02) and rmse[3] == pytest.approx(0.141, rel=0.03)


@pytest.mark.parametrize("how", ["law", "reference", "calibration"])
def test_the_rest_of_the_shift_is_within_its_estimate(how):
    cells = program(compensated(CELLS, how), effects=("relaxation",))
    cells.advance(TEN_YEARS_S)
    spread = 2 / 79.19 * (0.04201137 * math.log(TEN_YEARS_S) + 0.41183342)
    count = 64 if how == "reference" else 4096
    left = float((cells.weights() - torch.from_numpy(WEIGHTS)).mean())
    assert abs(left) < 4 * spread / math.sqrt(count) < abs(SHIFT)
    mean, variance = cells.moments(TEN_YEARS_S)
    assert variance.shape == (64, 64)
    assert mean == pytest.approx(0.0 if how == "law" else spread / math.sqrt(count), rel=0.05)


def test_reference_holds_for_weights_of_one_sign():
    cells = program(compensated(CELLS, "reference"), weights=np.abs(WEIGHTS) + 0.5, effects=())
    torch.testing.assert_close(cells.weights(), torch.from_numpy(np.abs(WEIGHTS) + 0.5))


def test_gain_undoes_the_mean_drift_of_phase_change():
    pcm = weight_arrays_pcm()
    design, settings = MvmDesign(draws=4), MvmSettings(mapping="pair")
    variants = {"none": pcm, "gain": compensated(pcm, "gain")}
    found = mvm_experiment(CARD, pcm, design=design, settings=settings, variants=variants, cells="PCM")
    none, gain = found.rmse_by_variant[:, -1].mean(axis=1)
    assert gain < 0.5 * none and found.reference_rmse.size == 0


def test_calibration_takes_the_shift_off_behind_wires():
    grid = WireGrid(0.35)
    wired = weight_arrays(CARD, wires=grid)
    cells, corrected = (program(make) for make in (wired, compensated(wired, "calibration")))
    for one in (cells, corrected):
        one.advance(TEN_YEARS_S)
    assert float((cells.weights() - corrected.weights()).mean()) == pytest.approx(SHIFT, rel=0.1)


def test_refresh_counts_and_ages():
    calls = []

    def make(weights, *, mapping, acceptance, effects, stream):
        calls.append(stream)
        return CELLS(weights, mapping=mapping, acceptance=acceptance, effects=effects, stream=stream)

    cells = program(refreshed(make, 100.0))
    assert isinstance(cells, Refreshed)
    for time, count, age in ((0.0, 0, 0.0), (100.0, 0, 100.0), (150.0, 1, 50.0), (1000.0, 9, 100.0)):
        cells.advance(time)
        assert cells.count == count and cells.cells.array.time_s == age
    assert calls == [(1, 0), (1, 1), (1, 9)]
    assert (
        cells.moments(1000.0)[0]
        == CELLS(WEIGHTS, mapping="single", acceptance=0.002, effects=EFFECTS, stream=(0,)).moments(100.0)[0]
    )
    assert refresh_cost(100.0, 1000.0, 4096, 0.002) == (9, 9 * 4096 * MEAN_PULSES[0.002])
    assert refresh_cost(100.0, 50.0, 4096, 0.05) == (0, None)


def test_closed_form_and_exact_wires_side_by_side():
    """The closed form ignores the common mode: 0.051 at time 0 beside 0.25."""
    variants = {
        "exact": weight_arrays(CARD, wires=WireGrid(0.35)),
        "closed": closed_form_arrays(CARD, 0.35),
        "no wires": CELLS,
    }
    design = MvmDesign(draws=3, times_s=(0.0, TEN_YEARS_S))
    found = mvm_experiment(CARD, CELLS, design=design, variants=variants, wires="exact, 0.35 ohm", seed=1)
    exact, closed, bare = found.rmse_by_variant.mean(axis=2)
    assert exact[0] == pytest.approx(0.25, rel=0.1) and closed[0] == pytest.approx(0.051, rel=0.05)
    assert bare[0] == pytest.approx(0.049, rel=0.03)
    alone = found.rmse_by_cause[found.causes.index("wires")]
    assert alone[0] == alone[1] and math.hypot(alone[0], bare[0]) == pytest.approx(exact[0], rel=0.05)
    assert not np.isfinite(found.rmse_law).any() and found.reference_rmse.size == 0


def test_bound_grows_with_the_outputs():
    assert [output_bound(size) for size in (64, 256)] == [15.0, 30.0]


@pytest.mark.parametrize(
    ("act", "words"),
    [
        (lambda: compensated(CELLS, "hope"), "use one of none, law"),
        (lambda: refreshed(CELLS, 0.0), "above 0"),
        (lambda: refreshed(CELLS, math.inf), "above 0"),
        (lambda: refresh_cost(1e-300, 1e8, 1, 0.002), "give a longer interval"),
        (lambda: program(compensated(weight_arrays_pcm(), "law")), "no law of a mean change"),
        (lambda: program(compensated(closed_form_arrays(CARD, 0.35), "law")), "only give products"),
        (lambda: closed_form_arrays(CARD, 0.0), "more than 0 ohm"),
    ],
)
def test_bad_input_is_one_sentence(act, words):
    with pytest.raises(InputError, match=words) as error:
        act()
    assert "\n" not in str(error.value) and str(error.value).endswith(".")
