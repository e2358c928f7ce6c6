import math

import numpy as np
import pytest

from femristor.array.results.cells import LevelDistribution, PulseResponse, RelaxationTrace
from femristor.array.retention.traces import follow_relaxation
from femristor.array.statistics.levels import level_overlap, level_sigma_S, program_levels
from femristor.array.statistics.pulse_model import StepTable, read_step_table
from femristor.array.statistics.pulse_protocol import PulseProtocol, figures_of_merit, pulse_response
from femristor.core.errors import DataError, InputError, RangeError
from femristor.core.rng import generator
from femristor.core.store import load, save
from femristor.device import load_card

CARD = load_card("cmo_hfox")


def soft_bounds(states=20, skew=0.5, noise=0.0) -> StepTable:
    """Linear soft bounds between 10 and 90 uS with known states and skew."""
    points = np.linspace(10e-6, 90e-6, 9)
    level = (points - points[0]) / (points[-1] - points[0])
    symmetric = 1 - skew
    size = 80e-6 / states
    return StepTable(
        points,
        size * (1 - level) / (1 - symmetric),
        -size * level / symmetric,
        noise_to_signal=noise,
        rng=generator(1),
    )


def test_overlap_of_equal_normals_is_the_error_function():
    for ratio in (0.5, 1.0, 2.0, 4.0):
        found = level_overlap(np.array([0.0, ratio, 2 * ratio]), np.ones(3))
        assert found == pytest.approx(math.erfc(ratio / (2 * math.sqrt(2))), rel=1e-5)


def test_overlap_with_unequal_sigmas_against_a_monte_carlo_of_the_smaller_density():
    rng = generator(2)
    a = rng.normal(0.0, 0.5, 400_000)

    def density(x, mean, sigma):
        return np.exp(-0.5 * ((x - mean) / sigma) ** 2) / sigma

    importance = np.minimum(1.0, density(a, 1.0, 1.0) / density(a, 0.0, 0.5))
    assert level_overlap(np.array([0.0, 1.0]), np.array([0.5, 1.0])) == pytest.approx(
        importance.mean(), abs=3e-3
    )


def test_levels_after_ten_minutes():
    start, later = program_levels(CARD, cells=1500, times_s=(0.0, 600.0), seed=4)
    assert start.target_S.size == 35 and start.conductance_S.shape == (35, 1500)
    assert start.overlap_law < 1e-12 and start.misread_fraction == 0.0
    sigma = math.hypot(0.0420 * math.log(600) + 0.4118, 0.053)
    by_hand = math.erfc(79.19 / 34 / sigma / (2 * math.sqrt(2)))
    assert later.overlap_law == pytest.approx(by_hand, rel=0.03)
    assert later.overlap_sampled == pytest.approx(later.overlap_law, rel=0.05)
    assert later.misread_fraction == pytest.approx(later.overlap_law * 34 / 35, rel=0.08)
    assert later.overlap_law == pytest.approx(0.096, abs=0.012)  # the paper's 9.6 %
    # All levels, the lowest included, move by the same mean.
    shift = (later.mean_S - later.target_S) * 1e6
    np.testing.assert_allclose(shift, -0.089 * math.log(600), atol=4.5 * sigma / math.sqrt(1500))


def test_read_noise_widens_the_levels_as_its_law_says():
    (quiet,) = program_levels(CARD, cells=1500, times_s=(600.0,), seed=4)
    (noisy,) = program_levels(CARD, cells=1500, times_s=(600.0,), seed=4, read_noise=True)
    assert noisy.overlap_law > quiet.overlap_law
    law = level_sigma_S(CARD, noisy.target_S, acceptance=0.002, time_s=600.0, read_noise=True)
    np.testing.assert_allclose(noisy.sigma_S, law, rtol=5 / math.sqrt(2 * 1500))


def test_relaxation_trace_beside_its_laws():
    trace = follow_relaxation(CARD, levels_S=(9e-6, 50e-6, 88e-6), cells=4000, seed=2)
    count = 12_000
    np.testing.assert_allclose(trace.mean_S, trace.law_mean_S, atol=4 * 1.3e-6 / math.sqrt(count))
    np.testing.assert_allclose(trace.sigma_S, trace.law_sigma_S, rtol=4.5 / math.sqrt(2 * count))
    np.testing.assert_allclose(trace.correlation, trace.law_correlation, atol=5 / math.sqrt(count))
    hour = list(trace.time_s).index(3600.0)
    assert trace.mean_S[hour] * 1e6 == pytest.approx(-0.7, abs=0.06)  # the paper's error after an hour
    by_level = trace.change_S[-1].mean(axis=1)
    assert np.ptp(by_level) * 1e6 < 4 * 1.3 * math.sqrt(2 / 4000)


def test_relaxation_trace_with_read_noise_is_wider():
    quiet = follow_relaxation(CARD, cells=4000, seed=2)
    noisy = follow_relaxation(CARD, cells=4000, seed=2, read_noise=True)
    assert np.all(noisy.sigma_S > quiet.sigma_S)


def test_results_are_stored_and_read_back(tmp_path):
    (levels,) = program_levels(CARD, levels=4, cells=3, times_s=(1.0,))
    trace = follow_relaxation(CARD, cells=3)
    pulses = pulse_response(CARD, soft_bounds(), start_S=50e-6, cells=2, protocol=PulseProtocol(5, 5, 8))
    for result, kind in ((levels, LevelDistribution), (trace, RelaxationTrace), (pulses, PulseResponse)):
        again = load(save(result, tmp_path / "result.h5"), kind)
        assert again.provenance == result.provenance and again.provenance.card_hash == CARD.hash
        assert again.status == result.status
        for name, value in vars(result).items():
            if isinstance(value, np.ndarray):
                np.testing.assert_array_equal(getattr(again, name), value)


@pytest.mark.parametrize(("states", "skew"), [(22, 0.61), (40, 0.5), (80, 0.4)])
def test_protocol_finds_the_states_and_skew_that_a_device_was_made_with(states, skew):
    found = pulse_response(CARD, soft_bounds(states, skew), start_S=50e-6, cells=3)
    span = found.g_max_S - found.g_min_S
    # Pulses alternate around the symmetry point: linear steps there are larger by N/(N - 1), exactly.
    np.testing.assert_allclose(found.n_states, (states - 1) * span / 80e-6, rtol=1e-4)
    np.testing.assert_allclose(found.symmetry_skew, skew, atol=0.015)
    assert np.all(found.noise_to_signal < 0.05)
    assert found.conductance_S.shape == (1301, 3) and found.direction.sum() == 0


def test_protocol_finds_the_noise_that_a_device_was_made_with():
    found = pulse_response(CARD, soft_bounds(60, 0.5, noise=0.3), start_S=50e-6, cells=200)
    assert float(np.mean(found.noise_to_signal)) == pytest.approx(0.3, abs=0.02)


def test_dead_cells_give_nan_and_no_warning():
    merits = figures_of_merit(np.full((1301, 2), 5e-5), PulseProtocol())
    assert np.isnan(merits["n_states"]).all() and np.isnan(merits["noise_to_signal"]).all()


def test_step_table_file_with_units(tmp_path):
    path = tmp_path / "steps.csv"
    path.write_text("# measured\nconductance_uS,step_up_uS,step_down [uS]\n10,4,0\n50,2,2\n90,0,4\n")
    table = read_step_table(path)
    np.testing.assert_allclose(table.conductance_S, [1e-5, 5e-5, 9e-5])
    np.testing.assert_allclose(table.step_down_S, [0, -2e-6, -4e-6])
    np.testing.assert_allclose(table.step(np.array([1e-5, 7e-5]), -1, 1), [1e-5, 6.7e-5])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("conductance_uS,step_up_uS\n10,1\n20,1\n", "no column step_down"),
        ("conductance_uS,step_up_uS,step_down_uS\n10,1,0\n10,1,1\n", "must rise"),
        ("conductance_uS,step_up_uS,step_down_uS\n10,-1,0\n20,1,1\n", "check the signs"),
        ("conductance_uS,step_up_uS,step_down_uS\n10,1,0\n20,one,1\n", "'one' is not a number"),
        ("conductance_uS,step_up_uS,step_down_uS\n10,nan,0\n20,1,1\n", "not finite"),
        ("conductance_V,step_up_uS,step_down_uS\n10,1,0\n20,1,1\n", "wrong unit"),
        ("", "empty"),
    ],
)
def test_bad_step_tables(tmp_path, text, words):
    path = tmp_path / "steps.csv"
    path.write_text(text)
    with pytest.raises(InputError, match=words) as error:
        read_step_table(path)
    assert "steps.csv" in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("act", "kind", "words"),
    [
        (lambda: program_levels(CARD, cells=1), InputError, "use 2 or more"),
        (lambda: program_levels(CARD, levels=1), InputError, "2 or more"),
        (lambda: program_levels(CARD, times_s=(5.0, 1.0)), InputError, "cannot go back"),
        (lambda: follow_relaxation(CARD, times_s=(0.0, 1.0)), InputError, "do not rise"),
        (lambda: follow_relaxation(CARD, times_s=(2.0, 1.0)), InputError, "do not rise"),
        (lambda: follow_relaxation(CARD, levels_S=(5.0,)), InputError, "outside the window"),
        (lambda: follow_relaxation(CARD, cells=1), InputError, "use 2 or more"),
        (lambda: level_overlap(np.array([1.0]), np.array([1.0])), InputError, "two levels"),
        (lambda: PulseProtocol(0, 1, 8), InputError, "too short"),
        (lambda: figures_of_merit(np.zeros((5, 2)), PulseProtocol()), InputError, "does not fit 1300 pulses"),
        (lambda: soft_bounds().step(np.array([95e-6]), 1, 1), RangeError, "start inside it"),
        (lambda: StepTable(np.array([1.0]), np.array([1.0]), np.array([1.0])), InputError, "at least 2"),
        (lambda: read_step_table("no-such.csv"), DataError, "no such file"),
    ],
)
def test_bad_input_is_one_sentence(act, kind, words):
    with pytest.raises(kind, match=words) as error:
        act()
    assert "\n" not in str(error.value) and str(error.value).endswith(".")
