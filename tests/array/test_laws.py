"""Programming, relaxation and read noise against the lines of the card, within sampling error."""

import dataclasses
import math

import numpy as np
import pytest
import torch

from femristor.array.checks import torch_generator
from femristor.array.programming.law import programmed_S, programming_line, programming_sigma_S
from femristor.array.retention.read_noise import ReadNoiseProcess, read_noise_sigma_S
from femristor.array.retention.relaxation import RelaxationProcess, relaxation_mean_S, relaxation_sigma_S
from femristor.core.errors import InputError
from femristor.device import load_card
from femristor.device.card import RelaxationLaw

LAWS = load_card("cmo_hfox").statistics
CELLS = 200_000
TEN_YEARS_S = 3.1536e8
TIMES_S = (1e-3, 0.1, 1.0, 600.0, 3600.0, 86400.0, TEN_YEARS_S)


@pytest.mark.parametrize(
    ("acceptance", "slope", "offset_uS"), [(0.002, 0.00106879, 0.00081107), (0.02, 0.01129027, 0.01121854)]
)
@pytest.mark.parametrize("target_uS", [9.0, 50.0, 88.19])
def test_programming_sigma_is_the_line(acceptance, slope, offset_uS, target_uS):
    line = programming_line(LAWS, acceptance)
    target = torch.full((CELLS,), target_uS * 1e-6, dtype=torch.float64)
    values = programmed_S(line, target, generator=torch_generator(3)) * 1e6
    sigma = slope * target_uS + offset_uS
    assert float(programming_sigma_S(line, target)[0]) * 1e6 == pytest.approx(sigma, rel=1e-12)
    assert float(values.mean()) == pytest.approx(target_uS, abs=4 * sigma / math.sqrt(CELLS))
    assert float(values.std()) == pytest.approx(sigma, rel=4 / math.sqrt(2 * CELLS))


def test_unknown_acceptance_names_the_known_ones():
    with pytest.raises(InputError, match=r"acceptance of 0\.01; use one of 0\.002, 0\.02"):
        programming_line(LAWS, 0.01)


def test_relaxation_follows_both_laws_at_every_time():
    process = RelaxationProcess(LAWS.relaxation, (CELLS,), generator=torch_generator(4))
    for time in TIMES_S:
        process.advance(time)
        change = process.change_S * 1e6
        mean = -0.08900 * math.log(time) if time > 1 else 0.0
        sigma = 0.04201137 * math.log(time) + 0.41183342
        assert float(change.mean()) == pytest.approx(mean, abs=4 * sigma / math.sqrt(CELLS)), time
        assert float(change.std()) == pytest.approx(sigma, rel=4 / math.sqrt(2 * CELLS)), time


def test_relaxation_does_not_depend_on_the_times_between():
    direct = RelaxationProcess(LAWS.relaxation, (CELLS,), generator=torch_generator(5))
    direct.advance(3600.0)
    stepped = RelaxationProcess(LAWS.relaxation, (CELLS,), generator=torch_generator(6))
    for time in np.geomspace(1e-5, 3600.0, 57):
        stepped.advance(float(time))
    a, b = direct.change_S, stepped.change_S
    assert float((a.mean() - b.mean()).abs()) < 4 * math.sqrt(2 / CELLS) * float(a.std())
    assert float(a.std() / b.std()) == pytest.approx(1.0, abs=4 / math.sqrt(CELLS))
    # The same normal law, not just the same two moments.
    quantiles = torch.tensor([0.01, 0.1, 0.5, 0.9, 0.99], dtype=torch.float64)
    torch.testing.assert_close(
        a.quantile(quantiles), b.quantile(quantiles), atol=0.03 * float(a.std()), rtol=0
    )


def test_two_times_are_one_trajectory_and_no_redraw():
    process = RelaxationProcess(LAWS.relaxation, (CELLS,), generator=torch_generator(7))
    seen = []
    for time in TIMES_S:
        process.advance(time)
        seen.append(process.change_S)
        process.advance(time)
        assert torch.equal(process.change_S, seen[-1])
    correlation = np.corrcoef(torch.stack(seen).numpy())
    sigma = np.array([relaxation_sigma_S(LAWS.relaxation, time) for time in TIMES_S])
    expected = np.minimum.outer(sigma, sigma) / np.maximum.outer(sigma, sigma)
    np.testing.assert_allclose(correlation, expected, atol=5 / math.sqrt(CELLS))
    increments = np.diff(torch.stack(seen).numpy(), axis=0)
    assert np.abs(np.corrcoef(increments) - np.eye(len(increments))).max() < 5 / math.sqrt(CELLS)


def test_nothing_moves_before_the_onset():
    onset = math.exp(-0.41183342 / 0.04201137)
    assert onset == pytest.approx(55e-6, rel=0.02)
    process = RelaxationProcess(LAWS.relaxation, (8,), generator=torch_generator(8))
    process.advance(0.99 * onset)
    assert not process.change_S.any()
    process.advance(1.01 * onset)
    assert process.change_S.all()


def test_laws_are_continuous_at_one_second_and_zero_at_the_start():
    law = LAWS.relaxation
    assert relaxation_mean_S(law, 0.0) == relaxation_mean_S(law, 1.0) == relaxation_sigma_S(law, 0.0) == 0.0
    assert relaxation_mean_S(law, 1 + 1e-9) == pytest.approx(0.0, abs=1e-15)
    assert relaxation_sigma_S(law, 1 - 1e-9) == pytest.approx(relaxation_sigma_S(law, 1 + 1e-9), rel=1e-8)


@pytest.mark.parametrize("time_s", [-1.0, float("nan"), float("inf")])
def test_impossible_times(time_s):
    process = RelaxationProcess(LAWS.relaxation, (2,), generator=torch_generator(0))
    noise = ReadNoiseProcess(LAWS.read_noise, (2,), generator=torch_generator(0))
    for act in (process.advance, noise.advance):
        with pytest.raises(InputError, match="give a finite time from 0 s on"):
            act(time_s)


def test_going_back_in_time_and_falling_sigma():
    process = RelaxationProcess(LAWS.relaxation, (2,), generator=torch_generator(0))
    noise = ReadNoiseProcess(LAWS.read_noise, (2,), generator=torch_generator(0))
    for one in (process, noise):
        one.advance(10.0)
        with pytest.raises(InputError, match="cannot go back to 5 s"):
            one.advance(5.0)
    with pytest.raises(InputError, match="give a slope of 0 or more"):
        RelaxationProcess(RelaxationLaw(-1e-7, -1e-8, 1e-6), (2,), generator=torch_generator(0))


def test_constant_sigma_law_is_reached_at_once_and_kept():
    law = dataclasses.replace(LAWS.relaxation, sigma_slope_S=0.0)
    process = RelaxationProcess(law, (CELLS,), generator=torch_generator(9))
    process.advance(1e-6)
    first = process.change_S.clone()
    assert float(first.std()) * 1e6 == pytest.approx(0.41183342, rel=0.01)
    process.advance(1.0)
    assert torch.equal(process.change_S, first)


@pytest.mark.parametrize("conductance_uS", [10.0, 50.0])
def test_read_noise_has_the_sigma_of_the_law(conductance_uS):
    cells = 40_000
    process = ReadNoiseProcess(LAWS.read_noise, (cells,), generator=torch_generator(10))
    conductance = torch.full((cells,), conductance_uS * 1e-6, dtype=torch.float64)
    assert not process.noise_S(conductance).any()
    for time in (1e-3, 1.0, 3600.0, TEN_YEARS_S):
        process.advance(time)
        law = 0.02773165 * math.log10(conductance_uS) * math.sqrt(math.log((time + 1e-6) / 2e-6))
        noise = process.noise_S(conductance) * 1e6
        assert float(read_noise_sigma_S(LAWS.read_noise, conductance, time)[0]) * 1e6 == pytest.approx(law)
        assert float(noise.std()) == pytest.approx(law, rel=4 / math.sqrt(2 * cells)), time
        assert float(noise.mean()) == pytest.approx(0.0, abs=4 * law / math.sqrt(cells))
        assert 0.002 < law / conductance_uS < 0.02 or time > 3600  # 0.2-2 % of G overall


def test_read_noise_model_equals_the_law_to_a_thousandth():
    process = ReadNoiseProcess(LAWS.read_noise, (1,), generator=torch_generator(0))
    for time in (1e-4, 1e-2, 1.0, 1e5, TEN_YEARS_S):
        model = sum(-math.expm1(-time / tau) for tau in process._tau_s)
        law = math.log((time + 1e-6) / 2e-6)
        assert math.sqrt(model / law) == pytest.approx(1.0, abs=1e-3 if time > 1e-3 else 5e-3), time


def test_read_noise_forgets_by_time_difference():
    cells = 20_000
    process = ReadNoiseProcess(LAWS.read_noise, (cells,), generator=torch_generator(11))
    conductance = torch.full((cells,), 50e-6, dtype=torch.float64)
    process.advance(86400.0)
    first = process.noise_S(conductance)
    assert torch.equal(process.noise_S(conductance), first)
    spread = []
    for later in (1e-8, 1e-3, 1.0):
        process.advance(86400.0 + later)
        spread.append(float((process.noise_S(conductance) - first).std()))
    # 1/f noise: what it moves by depends on the time between reads, ln(dt/2 t_r) again.
    amplitude = 0.02773165e-6 * math.log10(50.0)
    assert spread[0] < 0.1 * amplitude
    for moved, later in zip(spread[1:], (1e-3, 1.0), strict=True):
        assert moved == pytest.approx(amplitude * math.sqrt(math.log(later / 2e-6)), rel=0.03)


def test_read_noise_vanishes_below_a_microsiemens():
    low = torch.tensor([0.0, 0.5e-6, 1e-6], dtype=torch.float64)
    assert not read_noise_sigma_S(LAWS.read_noise, low, 1.0).any()
