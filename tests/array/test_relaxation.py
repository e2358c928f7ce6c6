"""Relaxation as one process: marginals from every level, memory, temperature, and what hops say beside it."""

import dataclasses
import math
from pathlib import Path

import numpy as np
import pytest
import torch

from femristor import device
from femristor.array.cell_array import CellArray, Effects
from femristor.array.checks import torch_generator
from femristor.array.results.cells import RelaxationTrace
from femristor.array.results.relaxation import BarrierDemand
from femristor.array.retention.barriers import barrier_crossed_J, barrier_demand, equivalent_time_s
from femristor.array.retention.relaxation import RelaxationProcess, relaxation_mean_S, relaxation_sigma_S
from femristor.array.retention.temperature import acceleration, activation_origin, retention_activation_J
from femristor.array.retention.traces import follow_relaxation
from femristor.core.constants import EV, K_B
from femristor.core.errors import InputError
from femristor.core.store import load, save
from femristor.device import load_card

CARD = load_card("cmo_hfox")
LAW = CARD.statistics.relaxation
CELLS = 40_000
TEN_YEARS_S = 3.1536e8
TIMES_S = (1.0, 600.0, 3600.0, 86400.0, TEN_YEARS_S)


@pytest.mark.parametrize("memory", [1.0, 1.84])
@pytest.mark.parametrize("level_uS", [9.0, 50.0, 88.19])
def test_laws_within_two_percent_from_any_level(level_uS, memory):
    trace = follow_relaxation(
        CARD, levels_S=[level_uS * 1e-6], cells=CELLS, times_s=TIMES_S, memory_exponent=memory, seed=3
    )
    np.testing.assert_allclose(trace.sigma_S, 1e-6 * (0.04201137 * np.log(TIMES_S) + 0.41183342), rtol=0.02)
    expected = -0.089e-6 * np.log(TIMES_S)
    # At 1 s the law's mean is 0: there within 2 % of the sigma.
    np.testing.assert_allclose(trace.mean_S[1:], expected[1:], rtol=0.02)
    assert abs(trace.mean_S[0]) < 0.02 * trace.sigma_S[0]


@pytest.mark.parametrize("memory", [0.0, 0.5, 1.0, 1.84, 5.0])
def test_memory_sets_the_correlation_and_leaves_the_marginals(memory):
    process = RelaxationProcess(LAW, (CELLS,), generator=torch_generator(1), memory_exponent=memory)
    seen = []
    for time in TIMES_S:
        process.advance(time)
        seen.append(process.change_S.numpy())
    sigma = np.array([relaxation_sigma_S(LAW, time) for time in TIMES_S])
    expected = (np.minimum.outer(sigma, sigma) / np.maximum.outer(sigma, sigma)) ** memory
    np.testing.assert_allclose(np.corrcoef(seen), expected, atol=5 / math.sqrt(CELLS))
    np.testing.assert_allclose(np.std(seen, axis=1), sigma, rtol=5 / math.sqrt(2 * CELLS))


def test_times_between_change_nothing_at_any_memory():
    seen = []
    for count, seed in ((1, 5), (60, 6)):
        process = RelaxationProcess(LAW, (CELLS,), generator=torch_generator(seed), memory_exponent=1.84)
        process.advance(1.0)
        first = process.change_S.numpy().copy()
        for time in np.geomspace(1.0, 86400.0, count + 1)[1:]:
            process.advance(float(time))
        seen.append((process.change_S.numpy().std(), np.corrcoef(first, process.change_S.numpy())[0, 1]))
    assert seen[0][0] == pytest.approx(seen[1][0], rel=0.02)
    assert seen[0][1] == pytest.approx(seen[1][1], abs=6 / math.sqrt(CELLS))


def test_exponent_one_is_independent_increments_to_the_last_digit():
    process = RelaxationProcess(LAW, (50,), generator=torch_generator(2))
    twin = np.zeros(50)
    draw = torch_generator(2)
    before = 0.0
    for time in TIMES_S:
        process.advance(time)
        sigma = relaxation_sigma_S(LAW, time)
        step = torch.randn((50,), generator=draw, dtype=torch.float64).numpy()
        twin = twin + math.sqrt(sigma**2 - before**2) * step
        before = sigma
        np.testing.assert_array_equal(process.change_S.numpy(), twin + relaxation_mean_S(LAW, time))


@pytest.mark.parametrize("memory", [-0.1, math.nan, math.inf])
def test_impossible_memory(memory):
    with pytest.raises(InputError, match=r"memory exponent of .* is not possible"):
        CellArray(CARD, 1, 2, memory_exponent=memory)


def test_bake_then_room_adds_accelerated_times():
    activation, hot = retention_activation_J(CARD), 358.0
    factor = math.exp(activation / K_B * (1 / CARD.ambient_K - 1 / hot))
    array = CellArray(CARD, 1, CELLS, seed=4, effects=Effects(programming=False, read_noise=False))
    array.program(np.full((1, CELLS), 50e-6))
    array.advance(60.0)
    array.advance(3660.0, temperature_K=hot)
    array.advance(90000.0)
    effective = 60 + 3600 * factor + 86340
    assert array.time_s == 90000.0 and array.effective_time_s == pytest.approx(effective, rel=1e-12)
    change = array.conductance_S.numpy() - 50e-6
    assert change.std() == pytest.approx(relaxation_sigma_S(LAW, effective), rel=0.02)
    assert change.mean() == pytest.approx(relaxation_mean_S(LAW, effective), rel=0.02)


def test_card_ambient_is_no_acceleration_and_cold_is_slower():
    assert acceleration(EV, 293.0, 293.0) == 1.0
    assert acceleration(EV, 273.0, 293.0) < 1.0 < acceleration(EV, 303.0, 293.0)
    same, plain = (CellArray(CARD, 2, 3, seed=5) for _ in range(2))
    for array, options in ((same, {"temperature_K": CARD.ambient_K}), (plain, {})):
        array.program(np.full((2, 3), 4e-5))
        array.advance(0.1, **options)
        array.advance(0.3, **options)
    assert (same.read_conductance_S() == plain.read_conductance_S()).all()
    assert same.effective_time_s == same.time_s


def test_activation_is_the_cards_own_where_it_has_one():
    assert retention_activation_J(CARD) == CARD.ionic.barrier_reset_J
    assert "barrier of reset" in activation_origin(CARD)
    statistics = dataclasses.replace(
        CARD.statistics, relaxation=dataclasses.replace(LAW, activation_J=0.9 * EV, memory_exponent=1.5)
    )
    other = dataclasses.replace(CARD, statistics=statistics)
    assert retention_activation_J(other) == 0.9 * EV
    assert follow_relaxation(other, cells=4, times_s=(1.0,)).memory_exponent == 1.5


def test_card_file_may_give_activation_and_memory(tmp_path):
    toml = (Path(device.__file__).parent / "cards" / "cmo_hfox.toml").read_text(encoding="utf-8")
    line = 'sigma_offset = "0.41183342 uS"\n'
    entry = 'activation = { value = "1.1 eV", source = "E", confidence = "E" }\nmemory_exponent = "1.8"\n'
    assert toml.count(line) == 1
    path = tmp_path / "card.toml"
    path.write_text(toml.replace(line, line + entry), encoding="utf-8")
    card = load_card(path)
    assert card.statistics.relaxation.activation_J == pytest.approx(1.1 * EV)
    assert card.statistics.relaxation.memory_exponent == 1.8
    assert "statistics.relaxation.activation = 1.1 eV" in activation_origin(card)


@pytest.mark.parametrize("kelvin", [0.0, -5.0, math.nan, math.inf])
def test_impossible_temperature_moves_nothing(kelvin):
    array = CellArray(CARD, 1, 2)
    array.program([[4e-5, 5e-5]])
    with pytest.raises(InputError, match="give kelvin above 0"):
        array.advance(1.0, temperature_K=kelvin)
    assert array.time_s == array.effective_time_s == 0.0


def test_temperatures_fit_the_times():
    with pytest.raises(InputError, match="2 temperatures do not fit 3 times"):
        follow_relaxation(CARD, cells=3, times_s=(1.0, 2.0, 3.0), temperature_K=(300.0, 310.0))
    with pytest.raises(InputError, match="lower temperature"):
        acceleration(1.18 * EV, 3000.0, 10.0)


def test_trace_round_trip(tmp_path):
    trace = follow_relaxation(CARD, cells=5, times_s=(1.0, 3600.0), temperature_K=(293.0, 358.0), seed=1)
    again = load(save(trace, tmp_path / "trace.h5"), RelaxationTrace)
    np.testing.assert_array_equal(again.effective_time_s, trace.effective_time_s)
    assert again.memory_exponent == 1.0 and again.provenance == trace.provenance


def test_hops_predict_neither_the_size_nor_the_growth(tmp_path):
    demand = barrier_demand(CARD, times_s=(600.0, TEN_YEARS_S))
    one, six = demand.rest
    np.testing.assert_allclose(one.sigma_set_S, [0.0119e-6, 8.63e-6], rtol=0.01)
    np.testing.assert_allclose(six.sigma_set_S / one.sigma_set_S, math.sqrt(6), rtol=1e-9)
    np.testing.assert_allclose(one.measured_sigma_S, [0.6806e-6, 1.234e-6], rtol=1e-3)
    stored = load(save(demand, tmp_path / "demand.h5"), BarrierDemand)
    np.testing.assert_array_equal(stored.rest[1].sigma_set_S, six.sigma_set_S)


def test_barriers_asked_for_give_the_measured_line_back():
    times = np.geomspace(1e-3, TEN_YEARS_S, 400)
    demand = barrier_demand(CARD, times_s=times)
    energy = demand.barrier_J / EV
    crossed = np.concatenate(
        [[0], np.cumsum(0.5 * np.diff(energy) * (demand.density_per_eV[1:] + demand.density_per_eV[:-1]))]
    )
    np.testing.assert_allclose(demand.hops[0] + crossed, demand.hops, rtol=1e-6)
    assert demand.onset_barrier_J / EV == pytest.approx(0.485, abs=0.001)
    assert demand.hops[-1] < demand.vacancies  # not more hops than there are vacancies


def test_spread_barriers_have_an_equivalent_time():
    nu = CARD.ionic.attempt_frequency_Hz
    same = equivalent_time_s(nu, 3600.0, 358.0, 293.0)
    assert barrier_crossed_J(nu, same, 293.0) == pytest.approx(
        barrier_crossed_J(nu, 3600.0, 358.0), rel=1e-12
    )
    assert equivalent_time_s(nu, 3600.0, 293.0, 293.0) == pytest.approx(3600.0, rel=1e-9)
