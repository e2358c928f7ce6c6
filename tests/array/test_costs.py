"""Energy and latency against V I t by hand, additivity, counts of an array, storage, bad numbers."""

import numpy as np
import pytest

from femristor.array.costs import (
    Converters,
    matrix_read_cost,
    program_cost,
    pulse_cost,
    read_cost,
    update_cost,
    wired_read_cost,
)
from femristor.array.results.costs import Cost
from femristor.array.wires.grid import WireGrid
from femristor.array.wires.solver import solve_wires
from femristor.core.errors import InputError
from femristor.core.store import load, save


def test_a_read_is_v_i_t():
    cost = read_cost(0.2, 50e-6 * 0.2)
    assert cost.energy_J == pytest.approx(0.2**2 * 50e-6 * 300e-6, rel=1e-14)
    assert cost.latency_s == pytest.approx(300e-6)


def test_a_reset_pulse_counts_as_energy_whatever_its_sign():
    cost = pulse_cost(-1.3, -200e-6, pulses=4, part="reset")
    assert cost.parts == {"reset": pytest.approx(1.3 * 200e-6 * 2.5e-6 * 4)}
    assert cost.latency_s == pytest.approx(1e-5)


@pytest.mark.parametrize(("at_once", "turns"), [(1, 10), (2, 3 + 5), (None, 5), (3, 3 + 5)])
def test_groups_wait_for_their_slowest_cell(at_once, turns):
    cost = pulse_cost(1.0, 1e-4, width_s=1e-6, pulses=[1, 3, 1, 5], at_once=at_once)
    assert cost.latency_s == pytest.approx(turns * 1e-6)
    assert cost.energy_J == pytest.approx(10 * 1e-10)


def test_program_verify_reads_once_more_than_it_pulses():
    pulses = np.array([[11, 0], [89, 4]])
    cost = program_cost(1.3, 150e-6, 0.2 * 40e-6, pulses=pulses)
    assert cost.parts["pulses"] == pytest.approx(104 * 1.3 * 150e-6 * 2.5e-6)
    assert cost.parts["read"] == pytest.approx(108 * 0.2**2 * 40e-6 * 300e-6)
    assert cost.latency_s == pytest.approx(104 * 2.5e-6 + 108 * 300e-6)
    all_at_once = program_cost(1.3, 150e-6, 0.2 * 40e-6, pulses=pulses, at_once=None)
    assert all_at_once.energy_J == pytest.approx(cost.energy_J)
    assert all_at_once.latency_s == pytest.approx(89 * 2.5e-6 + 90 * 300e-6)


def test_an_update_takes_its_slots_and_pays_half_selected_cells():
    cost = update_cost(
        1.4, 1e-4, np.array([[2, 0], [1, 5]]), slots=5, half_selects=2 * np.eye(2)[::-1], half_current_A=3e-5
    )
    assert cost.latency_s == pytest.approx(5 * 2.5e-6)
    assert cost.parts["update"] == pytest.approx(8 * 1.4e-4 * 2.5e-6)
    assert cost.parts["half_select"] == pytest.approx(4 * 0.7 * 3e-5 * 2.5e-6)
    with pytest.raises(InputError, match="do not fit 4 slots"):
        update_cost(1.4, 1e-4, np.array([[5.0]]), slots=4)


def test_a_matrix_read_is_the_sum_of_its_cells():
    rng = np.random.default_rng(3)
    conductance, volt = rng.uniform(9e-6, 88e-6, (5, 3)), rng.uniform(-0.2, 0.2, (4, 5))
    by_hand = sum(
        volt[v, i] ** 2 * conductance[i, j] * 300e-6 for v in range(4) for i in range(5) for j in range(3)
    )
    plain = matrix_read_cost(conductance, volt)
    assert plain.energy_J == pytest.approx(by_hand, rel=1e-12)
    assert plain.latency_s == pytest.approx(4 * 300e-6)
    single = sum(read_cost(volt[v][:, None], volt[v][:, None] * conductance, at_once=None) for v in range(4))
    assert single.energy_J == pytest.approx(plain.energy_J, rel=1e-12)
    shared = Converters(1e-13, 2e-12, 1e-8, columns_per_output=8)
    full = matrix_read_cost(conductance, volt, converters=shared)
    assert full.parts["dac"] == pytest.approx(4 * 5 * 1e-13)
    assert full.parts["adc"] == pytest.approx(4 * 3 * 2e-12)
    assert full.latency_s == pytest.approx(4 * (300e-6 + 3 * 1e-8)), "three columns wait, not eight"


def test_a_doubled_array_costs_twice_in_energy_and_nothing_in_latency():
    small, large = (matrix_read_cost(np.full((8, n), 5e-5), np.full(8, 0.2)) for n in (8, 16))
    assert large.energy_J == pytest.approx(2 * small.energy_J)
    assert large.latency_s == small.latency_s


def test_wires_take_what_the_cells_do_not():
    # One row, one column: 0.2 V over 0.35 + 0.35 ohm and 50 uS.
    resistance = 0.7 + 1 / 50e-6
    current = 0.2 / resistance
    cost = wired_read_cost([[0.2]], [[current]], current**2 / 50e-6, width_s=1e-6)
    assert cost.parts["wires"] == pytest.approx(current**2 * 0.7 * 1e-6, rel=1e-9)
    assert cost.energy_J == pytest.approx(0.2 * current * 1e-6, rel=1e-12)
    with pytest.raises(InputError, match="one solution"):
        wired_read_cost([[0.2]], [[1e-6]], 1.0)


def test_a_wire_solution_pays_for_segments_and_cells():
    rng = np.random.default_rng(5)
    conductance, volts = rng.uniform(9e-6, 88e-6, (6, 4)), rng.uniform(-0.2, 0.2, (3, 6))
    run = solve_wires(conductance, volts, WireGrid(30.0, 20.0))
    rows = np.diff(np.concatenate([volts[:, :, None], run.row_V], axis=2), axis=2)
    columns = np.diff(np.concatenate([run.column_V, np.zeros((3, 1, 4))], axis=1), axis=1)
    heat = (rows**2).sum() / 30.0 + (columns**2).sum() / 20.0
    power = (run.cell_V**2 * conductance).sum(axis=(1, 2))
    cost = wired_read_cost(volts, run.driver_current_A, power, width_s=1e-6)
    assert cost.energy_J == pytest.approx((heat + power.sum()) * 1e-6, rel=1e-9)
    assert cost.parts["wires"] == pytest.approx(heat * 1e-6, rel=1e-6)
    assert cost.energy_J < matrix_read_cost(conductance, volts, width_s=1e-6).energy_J
    assert cost.latency_s == pytest.approx(3e-6)


def test_costs_add_one_after_the_other_and_side_by_side():
    a, b = Cost.of(2.0, read=1.0, set=3.0), Cost.of(5.0, read=0.5, wires=0.25)
    assert a + b == Cost(4.75, 7.0, {"read": 1.5, "set": 3.0, "wires": 0.25})
    assert a.beside(b).latency_s == 5.0
    assert a.times(3) == sum([a, a, a])
    assert sum([]) == 0
    assert a + Cost() == a


def test_sentence_names_energy_latency_and_parts():
    assert (
        Cost.of(3e-4, read=1.2e-9, wires=4e-14).sentence() == "1.2 nJ in 300 us (read 1.2 nJ, wires 40 fJ)."
    )
    assert Cost().sentence() == "0 J in 0 s."


def test_stored_and_read_back(tmp_path):
    cost = Cost.of(3e-4, read=1.2e-9, wires=4e-14)
    save(cost, tmp_path / "cost.h5")
    assert load(tmp_path / "cost.h5") == cost


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Cost(1.0, 0.0, {"read": 0.5}), "do not make"),
        (lambda: Cost(-1.0, 0.0, {"read": -1.0}), "not possible"),
        (lambda: read_cost(np.nan, 1.0), "finite"),
        (lambda: pulse_cost(1.0, 1.0, pulses=[-1]), "from 0 on"),
        (lambda: pulse_cost([1.0, 2.0], [1.0, 2.0, 3.0]), "do not fit"),
        (lambda: read_cost(0.2, 1e-6, at_once=0), "cells at once"),
        (lambda: Converters(columns_per_output=0), "at least one column"),
        (lambda: matrix_read_cost(np.ones((3, 2)), np.ones(2)), "do not fit"),
    ],
)
def test_bad_numbers_get_a_sentence(make, words):
    with pytest.raises(InputError, match=words):
        make()
