"""Hops at random: exact counts, mean and variance of Langevin pulses, their twin, predictions, storage."""

import json

import numpy as np
import pytest

from femristor.array.statistics.pulse_protocol import PulseProtocol, figures_of_merit
from femristor.cli.main import main
from femristor.compact.dynamics.cells import IbmCells
from femristor.compact.dynamics.fleet import pulse_fleet
from femristor.compact.dynamics.twin import device_voltage
from femristor.compact.ibm import IbmModel
from femristor.compact.noise.gillespie import (
    CountedCells,
    device_voltages,
    hop_counts_per_s,
    simulate,
    simulate_plain,
    staircase,
)
from femristor.compact.noise.predictions import OpenLoop, predict_noise
from femristor.compact.noise.programming import program_levels, programming_schemes, relaxation_at_rest
from femristor.compact.noise.stochastic import HopNoise, NoisyCells, merits, protocol, switching_volume_m3
from femristor.compact.noise.stochastic_twin import langevin_plain
from femristor.compact.results.stochastic import NoisePrediction
from femristor.compact.table.interpolate import TableModel
from femristor.core import store
from femristor.core.constants import K_B, Q_E
from femristor.core.errors import InputError, RangeError
from femristor.core.rng import generator
from femristor.device.load_line import BARE, channel_load
from femristor.device.pulse_scheme import PulseScheme
from femristor.device.selector import reference_selector

WIDTH = 2.5e-6


@pytest.fixture(scope="module")
def model(card):
    return IbmModel(card)


@pytest.fixture(scope="module")
def volume(model):
    return switching_volume_m3(model)


@pytest.fixture(scope="module")
def selector(card):
    return channel_load(card, reference_selector(card).channel)


def near_square(volt, width):
    """A pulse whose edges are too short to matter."""
    return PulseScheme(abs(volt), -abs(volt), width * (1 + 2e-4), width * 1e-4)


def standard_errors(sample):
    centred = sample - sample.mean()
    fourth = np.mean(centred**4) - sample.var() ** 2
    return sample.std() / np.sqrt(sample.size), np.sqrt(fourth / sample.size)


def test_volume_holds_the_stated_vacancies(volume):
    assert volume == pytest.approx(6.6e-24, rel=0.01)
    np.testing.assert_allclose(volume * np.array([7e24, 1.64e25, 3.77e25]), [46, 108, 248], rtol=0.005)


def test_rates_are_those_of_the_law(model, volume):
    """Forward and backward hops over the same barrier, tilted by -+ z e a F/2; their difference is the net law."""
    density, volt = 1.64e25, np.array([1.2, -1.2])
    gain, loss = hop_counts_per_s(model, volt, density, volume)
    kt = K_B * model.temperature_mean_K(volt, density)
    tilt = 2 * Q_E * 1e-9 * model.field_mean_V_per_m(volt, density) / 2
    barrier = np.array([0.936 + 1.4286e-26 * density, 1.18]) * Q_E
    free = (1 - density / 1e28) ** 10
    along, against = (
        free * density * volume / 12 * 4e12 * np.exp(-(barrier + s * tilt) / kt) for s in (-1, 1)
    )
    np.testing.assert_allclose(gain, [along[0], against[1]], rtol=1e-6)
    np.testing.assert_allclose(loss, [against[0], along[1]], rtol=1e-6)


@pytest.mark.parametrize("cluster", [1, 6])
@pytest.mark.parametrize(("volt", "count", "width"), [(1.25, 108, 1e-6), (-1.25, 108, 1e-6), (1.3, 46, 6e-7)])
def test_langevin_has_mean_and_variance_of_the_counts(model, volume, volt, count, width, cluster):
    cells = 30000
    counted = CountedCells(model, volume, cluster=cluster, most=2000)
    exact = counted.run([width], [volt], np.full(cells, count), generator=generator(11))[:, -1]
    noisy = NoisyCells(model, HopNoise(volume, cluster)).pulses(
        near_square(volt, width), [np.sign(volt)], count / volume, generator=generator(12), cells=cells
    )
    ours = noisy.density_m3[:, -1] * volume
    (mean_1, var_1), (mean_2, var_2) = standard_errors(exact), standard_errors(ours)
    assert abs(exact.mean() - ours.mean()) < 4 * np.hypot(mean_1, mean_2)
    assert abs(exact.var() - ours.var()) < 4 * np.hypot(var_1, var_2)
    # The move itself is many standard errors, and counting forward hops alone would miss the variance.
    assert abs(exact.mean() - count) > 50 * mean_1


def test_variance_is_net_times_coth_for_a_small_move(model, volume):
    """Short pulse: var(n) = F |mean(n) - n0| coth(z e a F/2kT)."""
    density, volt, cluster = 1.64e25, 1.2, 3.0
    width, cells = 1e-7, 40000
    noisy = NoisyCells(model, HopNoise(volume, cluster)).pulses(
        near_square(volt, width), [1], density, generator=generator(3), cells=cells
    )
    count = noisy.density_m3[:, -1] * volume
    net = float(model.density_rate_per_m3s(volt, density)) * volume * width
    argument = 2 * Q_E * 1e-9 * model.field_mean_V_per_m(volt, density)
    coth = 1 / np.tanh(argument / (2 * K_B * model.temperature_mean_K(volt, density)))
    assert coth > 1.05
    assert count.var() == pytest.approx(cluster * net * coth, rel=0.03)
    assert count.mean() - density * volume == pytest.approx(net, abs=4 * count.std() / 200)


def test_whole_pulse_behind_the_selector(model, volume, selector):
    """Trapezoid on the load line against a staircase of exact counts."""
    scheme, cells = PulseScheme(1.45, -1.4, WIDTH), 8000
    counted = CountedCells(model, volume, selector, most=1000)
    for direction, start in ((1, 108), (-1, 248)):
        exact = counted.run(*staircase(scheme, direction, 48), np.full(cells, start), generator=generator(5))
        noisy = NoisyCells(model, HopNoise(volume, 1.0), selector).pulses(
            scheme, [direction], start / volume, generator=generator(6), cells=cells
        )
        ours, exact = noisy.density_m3[:, -1] * volume, exact[:, -1]
        (mean_1, var_1), (mean_2, var_2) = standard_errors(exact), standard_errors(ours)
        assert abs(exact.mean() - ours.mean()) < 4 * np.hypot(mean_1, mean_2) + 0.01
        assert abs(exact.var() - ours.var()) < 4 * np.hypot(var_1, var_2)


def test_kernels_and_their_plain_twins(model, volume):
    tables = CountedCells(model, volume, most=400).rates(1.25)[None]
    arguments = (tables, np.zeros(2, np.int64), np.array([5e-7, 5e-7]), np.full(40, 108))
    fast, plain = simulate(*arguments, 1, generator(1)), simulate_plain(*arguments, 1, generator(1))
    np.testing.assert_array_equal(fast, plain)
    noise, scheme, cells = HopNoise(volume, 2.0), PulseScheme(1.25, -1.25, WIDTH), 6000
    kernel = NoisyCells(model, noise).pulses(scheme, [-1], 1.64e25, generator=generator(2), cells=cells)
    time, volt = scheme.waveform([-1])
    twin = langevin_plain(model, noise, time, volt, np.full(cells, 1.64e25), generator=generator(3), steps=80)
    ours, twin = kernel.density_m3[:, -1] * volume, twin * volume
    (mean_1, var_1), (mean_2, var_2) = standard_errors(ours), standard_errors(twin)
    assert abs(ours.mean() - twin.mean()) < 4 * np.hypot(mean_1, mean_2) + 0.05
    assert abs(ours.var() - twin.var()) < 4 * np.hypot(var_1, var_2)


def test_device_voltages_are_those_of_the_load_line(model, selector):
    density = np.array([5e24, 2e25])
    for applied in (1.35, -1.3):
        found = device_voltages(model, density, applied, selector)
        exact = [device_voltage(model, float(n), applied, selector) for n in density]
        np.testing.assert_allclose(found, exact, rtol=1e-9)


def test_without_noise_it_is_the_fleet(model, volume, selector):
    shots = protocol(20, 20, 10)
    scheme = PulseScheme(1.45, -1.4, WIDTH)
    still = NoisyCells(model, HopNoise(volume, 0.0), selector, tolerance=1e-8)
    ours = still.pulses(scheme, shots, 7e24, generator=generator(0))
    fleet = pulse_fleet(
        model, IbmCells.of(model, 1), scheme, shots, selector, start_density_m3=7e24, tolerance=1e-8
    )
    np.testing.assert_allclose(ours.conductance_S[0, 1:], fleet.conductance_S[0], rtol=2e-5)


def test_seed_decides(model, volume):
    cells = NoisyCells(model, HopNoise(volume, 1.0))
    runs = [
        cells.pulses(PulseScheme(1.22, -1.25, WIDTH), [1, -1, 1], 1.64e25, generator=generator(s), cells=20)
        for s in (4, 4, 5)
    ]
    np.testing.assert_array_equal(runs[0].density_m3, runs[1].density_m3)
    assert np.all(runs[0].density_m3[:, 1:] != runs[2].density_m3[:, 1:])


def test_table_hops_like_the_law_it_was_sampled_from(model, table, card, volume):
    """The table of IBM's law: same pulses, same noise (dome averages of one field and temperature)."""
    scheme, shots, cells = PulseScheme(1.22, -1.25, WIDTH), [1, 1, -1, -1], 2000
    found = []
    for law in (model, TableModel(table)):
        noisy = NoisyCells(law, HopNoise(volume, 1.0))
        train = noisy.pulses(scheme, shots, 1.64e25, generator=generator(8), cells=cells)
        found.append(train.density_m3[:, -1] * volume)
    assert found[0].mean() == pytest.approx(found[1].mean(), rel=0.01)
    assert found[0].var() == pytest.approx(found[1].var(), rel=0.12)
    assert switching_volume_m3(TableModel(table), card.dome.radius_m) == pytest.approx(4.82e-24, rel=0.01)
    with pytest.raises(InputError, match="radius of the dome"):
        switching_volume_m3(TableModel(table))


def test_merits_are_those_of_the_array_room():
    rng, shots = generator(1), protocol(40, 40, 20)
    trace = 5e-5 + 1e-6 * rng.standard_normal((3, shots.size + 1))
    ours, theirs = merits(trace, shots, 20), figures_of_merit(trace.T, PulseProtocol(40, 40, 20))
    for name, other in (("n_states", "n_states"), ("skew", "symmetry_skew"), ("nsr", "noise_to_signal")):
        np.testing.assert_allclose(ours[name], theirs[other], rtol=1e-12)


def test_nsr_of_counting_alone(model, volume):
    """Bare cell, 35 states without noise: counting gives about half of the measured 90 %."""
    loop = OpenLoop(NoisyCells(model, HopNoise(volume)), 8, 2)
    scheme = PulseScheme(1.25, -1.25, WIDTH)
    still, one = loop.run(scheme, 0.0), loop.run(scheme, 1.0)
    assert np.median(still["n_states"]) == pytest.approx(35.5, abs=1.5)
    assert np.median(one["nsr"]) == pytest.approx(0.45, abs=0.03)
    # F = 4 at most doubles it: the mean |dG| grows with the noise, too.
    assert 1.5 < np.median(loop.run(scheme, 4.0)["nsr"]) / np.median(one["nsr"]) < 2.0


def test_prediction_and_its_store(model, volume, card, selector, tmp_path):
    cells = NoisyCells(model, HopNoise(volume, 1.0), selector)
    programming = (
        program_levels(cells, card, programming_schemes(cells, card), acceptance=0.02, repeats=2, seed=1),
    )
    rest = (relaxation_at_rest(cells, card, [600.0, 604800.0]),)
    scheme = PulseScheme(1.45, -1.4, WIDTH)
    found = predict_noise(cells, card, scheme, count=6, seeds=2, programming=programming, rest=rest)
    assert found.quiet_n_states == pytest.approx(23.5, abs=0.5)
    assert np.median(found.nsr) == pytest.approx(0.35, abs=0.03)
    # The measured 90 % need clusters of nearly ten vacancies here.
    assert 6 < found.cluster_for_nsr < 14
    assert np.all(np.diff(found.tried_cluster) > 0)
    assert found.vacancies[1] == pytest.approx(107, abs=6)
    assert programming[0].failed == 0 and 4 < programming[0].mean_pulses < 30
    again = store.load(store.save(found, tmp_path / "noise.h5"), NoisePrediction)
    np.testing.assert_array_equal(again.nsr, found.nsr)
    assert again.programming[0].mean_pulses == programming[0].mean_pulses
    np.testing.assert_array_equal(again.rest[0].sigma_set_S, rest[0].sigma_set_S)


def test_relaxation_grows_as_the_root_of_time(model, volume, card):
    """Single barriers give the root of time; the measured law is a line in ln t: too small early, too large late."""
    rest = relaxation_at_rest(NoisyCells(model, HopNoise(volume)), card, [600.0, 2400.0, 3.15e8])
    assert rest.sigma_set_S[1] == pytest.approx(2 * rest.sigma_set_S[0], rel=1e-12)
    assert rest.sigma_set_S[0] < 0.03 * rest.measured_sigma_S[0]
    assert rest.sigma_set_S[-1] > 3 * rest.measured_sigma_S[-1]


def test_counts_at_rest_and_below_a_cluster_do_not_move(model, volume):
    counted = CountedCells(model, volume, cluster=5, most=100)
    np.testing.assert_array_equal(counted.run([1.0], [0.0], [7, 40], generator=generator(0)), [[7], [40]])
    assert np.all(counted.rates(-1.2)[1, :5] == 0)


def test_wrong_input_is_said_in_one_sentence(model, volume, card):
    with pytest.raises(InputError, match="cluster of 0 or more"):
        HopNoise(volume, -1.0)
    cells = NoisyCells(model, HopNoise(volume))
    with pytest.raises(InputError, match="one a pulse"):
        cells.pulses(PulseScheme(1.2, -1.2, WIDTH), [1, 0], 1e25, generator=generator(0))
    with pytest.raises(InputError, match="give one each"):
        cells.program([], [5e-5], 1e25, acceptance=0.02, generator=generator(0))
    with pytest.raises(InputError, match="acceptance of 2"):
        cells.program([PulseScheme(1.2, -1.2, WIDTH)], [5e-5], 1e25, acceptance=2.0, generator=generator(0))
    with pytest.raises(InputError, match="read at 0 V"):
        NoisyCells(model, HopNoise(volume), BARE, read_V=0.0)
    with pytest.raises(InputError, match="too short"):
        protocol(1, 0, 8)
    with pytest.raises(InputError, match="2 or more cells"):
        OpenLoop(cells, 1, 1)
    with pytest.raises(InputError, match="whole numbers"):
        CountedCells(model, volume, cluster=0, most=10)
    with pytest.raises(InputError, match="whole numbers from 0 to 400"):
        CountedCells(model, volume, most=400).run([1e-6], [1.2], [500], generator=generator(0))
    with pytest.raises(RangeError, match="reached 110 vacancies"):
        CountedCells(model, volume, most=110).run([1e-5], [1.3], [108], generator=generator(0))


def test_command_line(tmp_path, capsys):
    out = tmp_path / "noise.h5"
    arguments = ["compact", "noise", "--cell", "1R", "--set-voltage", "1.28", "--reset-voltage=-1.28"]
    arguments += ["--cells", "2", "--seeds", "1", "--no-search", "--rest", "--out", str(out)]
    assert main(arguments) == 0
    text = capsys.readouterr().out
    for words in ("NSR", "measured", "vacancies after reset", "at rest, 50 uS, 293 K", "6.57e-24"):
        assert words in text
    assert np.isnan(store.load(out, NoisePrediction).cluster_for_nsr)
    assert main([*arguments, "--json"]) == 0
    payload = json.loads(capsys.readouterr().out)
    assert payload["cluster_for_nsr"] is None and len(payload["nsr"]) == 2 and payload["measured_nsr"] == 0.9
