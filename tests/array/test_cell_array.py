import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from femristor.array.cell_array import CellArray, Effects
from femristor.array.checks import torch_generator
from femristor.array.statistics.pulse_model import StepTable
from femristor.core.errors import InputError
from femristor.device import load_card

CARD = load_card("cmo_hfox")
TEN_YEARS_S = 3.1536e8


def programmed(rows=4, cols=3, value_S=50e-6, **options) -> CellArray:
    array = CellArray(CARD, rows, cols, **options)
    array.program(torch.full(array.shape, value_S, dtype=torch.float64))
    return array


class Halving:
    """A pulse model in one line: set halves the way to 80 uS, reset the way to 10 uS."""

    def step(self, conductance_S, direction, count):
        end = 80e-6 if direction > 0 else 10e-6
        return end + (conductance_S - end) * 0.5**count


def test_ideal_cells_keep_their_targets_to_the_bit():
    array = CellArray(CARD, 5, 7, tiles=(2, 3), effects=Effects.none())
    targets = torch.linspace(9e-6, 88e-6, 210, dtype=torch.float64).reshape(2, 3, 5, 7)
    array.program(targets)
    array.advance(TEN_YEARS_S)
    assert torch.equal(array.conductance_S, targets) and torch.equal(array.read_conductance_S(), targets)


@settings(deadline=None, max_examples=25)
@given(rows=st.integers(1, 9), cols=st.integers(1, 9), vectors=st.integers(1, 5), seed=st.integers(0, 99))
def test_read_is_ohm_and_kirchhoff(rows, cols, vectors, seed):
    array = programmed(rows, cols, seed=seed)
    array.advance(10.0)
    voltage = torch.linspace(-0.2, 0.2, vectors * rows, dtype=torch.float64).reshape(vectors, rows)
    conductance = array.read_conductance_S()
    by_hand = torch.zeros(vectors, cols, dtype=torch.float64)
    for row in range(rows):
        by_hand += voltage[:, row, None] * conductance[row]
    torch.testing.assert_close(array.read(voltage), by_hand, atol=1e-18, rtol=1e-12)
    torch.testing.assert_close(array.read(voltage[0]), by_hand[0], atol=1e-18, rtol=1e-12)


def test_tiles_are_read_tile_by_tile():
    array = programmed(4, 3, tiles=(2,))
    voltage = torch.rand(2, 6, 4, dtype=torch.float64, generator=torch_generator(0)) * 0.2
    currents = array.read(voltage)
    assert currents.shape == (2, 6, 3)
    for tile in range(2):
        torch.testing.assert_close(currents[tile], voltage[tile] @ array.read_conductance_S()[tile])


def test_lowest_and_highest_level_stay_unbiased_over_ten_years():
    cells = 100_000
    low, high = programmed(1, cells, 9e-6, seed=1), programmed(1, cells, 88.19e-6, seed=2)
    for time in (0.0, 1.0, 600.0, TEN_YEARS_S):
        for array, target in ((low, 9.0), (high, 88.19)):
            array.advance(time)
            sigma = max(0.011, 0.0420 * math.log(time) + 0.4118 + 0.2 if time else 0.1)
            expected = target - (0.089 * math.log(time) if time else 0.0)
            assert float(array.conductance_S.mean()) * 1e6 == pytest.approx(
                expected, abs=4 * sigma / math.sqrt(cells)
            )
    # Half of the lowest level lies under the window: clipping there would add 0.4 sigma to its mean.
    low = programmed(1, cells, 9e-6, seed=3)
    low.advance(1.0)
    share = float((low.read_conductance_S() < 9e-6).double().mean())
    assert share == pytest.approx(0.5, abs=0.01)


def test_nothing_below_zero_is_read():
    array = CellArray(CARD, 1, 1000, effects=Effects())
    array.set_conductance(torch.zeros(1, 1000))
    array.advance(TEN_YEARS_S)
    assert float(array.conductance_S.min()) == 0.0 and float(array.read_conductance_S().min()) == 0.0
    assert float(array.read(torch.tensor([0.2])).min()) >= 0.0


def test_same_seed_same_bits_other_seed_other_cells():
    def history(**options):
        array = programmed(6, 5, **options)
        for time in (1.0, 60.0, 3600.0):
            array.advance(time)
        return array.read_conductance_S()

    assert torch.equal(history(seed=5), history(seed=5))
    assert torch.equal(history(generator=torch_generator(5, 1)), history(seed=5))
    assert not torch.equal(history(seed=5), history(seed=6))


def test_draws_do_not_touch_the_global_generator():
    state = torch.random.get_rng_state()
    programmed(3, 3).advance(10.0)
    assert torch.equal(torch.random.get_rng_state(), state)


def test_reading_twice_at_one_time_gives_one_answer_and_does_not_change_the_cells():
    array = programmed()
    array.advance(60.0)
    before, revision = array.conductance_S, array.revision
    assert torch.equal(array.read_conductance_S(), array.read_conductance_S())
    assert torch.equal(array.conductance_S, before) and array.revision == revision


def test_programming_again_starts_the_clock_again():
    array = programmed(10, 10)
    array.advance(TEN_YEARS_S)
    array.program(torch.full((10, 10), 20e-6))
    assert array.time_s == 0.0
    assert float(array.conductance_S.mean()) * 1e6 == pytest.approx(20.0, abs=0.02)


def test_pulses_go_through_the_model_and_count():
    array = programmed(2, 2, 40e-6, effects=Effects.none(), pulse_model=Halving())
    array.pulse(+1)
    torch.testing.assert_close(array.conductance_S, torch.full((2, 2), 60e-6, dtype=torch.float64))
    array.pulse(-1, 3)
    torch.testing.assert_close(array.conductance_S, torch.full((2, 2), 16.25e-6, dtype=torch.float64))


def test_pulse_folds_in_what_relaxed_so_far():
    array = programmed(1, 1000, 40e-6, pulse_model=Halving())
    array.advance(86400.0)
    relaxed = array.conductance_S
    array.pulse(+1)
    torch.testing.assert_close(array.conductance_S, 80e-6 + (relaxed - 80e-6) / 2)
    assert array.time_s == 0.0


def test_step_table_in_an_array_agrees_with_one_cell_at_a_time():
    table = StepTable(
        np.array([1e-5, 5e-5, 9e-5]), np.array([4e-6, 2e-6, 0.0]), np.array([0.0, -2e-6, -4e-6])
    )
    array = CellArray(CARD, 2, 3, effects=Effects.none(), pulse_model=table)
    start = np.array([[1e-5, 2e-5, 3e-5], [5e-5, 7e-5, 9e-5]])
    array.set_conductance(start)
    array.pulse(+1, 4)
    for index in np.ndindex(start.shape):
        value = start[index]
        for _ in range(4):
            value += np.interp(value, table.conductance_S, table.step_up_S)
        assert float(array.conductance_S[index]) == pytest.approx(value, rel=1e-13)


class Wrong:
    def __init__(self, answer):
        self.answer = answer

    def step(self, conductance_S, direction, count):
        return self.answer


NAN = float("nan")


@pytest.mark.parametrize(
    ("act", "words"),
    [
        (lambda: CellArray(CARD, 0, 3), "at least 1"),
        (lambda: CellArray(CARD, 2, 2).conductance_S, "program it first"),
        (lambda: CellArray(CARD, 2, 2).advance(1.0), "program it first"),
        (
            lambda: CellArray(CARD, 2, 2).program(np.full((2, 3), 5e-5)),
            r"\(2, 3\) do not fit an array of shape \(2, 2\)",
        ),
        (lambda: CellArray(CARD, 1, 2).program([[5e-5, NAN]]), "1 NaN or infinite entries of 2"),
        (
            lambda: CellArray(CARD, 1, 2).program([[5e-5, 95e-6]]),
            "1 of 2 target conductances lie outside the window of 9",
        ),
        (lambda: CellArray(CARD, 1, 2).program([[5e-5, 50.0]]), "map them into it"),
        (lambda: CellArray(CARD, 1, 2).program([[5e-5, 5e-5]], acceptance=0.1), "use one of 0.002, 0.02"),
        (lambda: CellArray(CARD, 1, 2).set_conductance([[5e-5, -1e-6]]), "0 or more a cell"),
        (lambda: programmed().advance(-1.0), "finite time from 0 s on"),
        (lambda: programmed().advance(NAN), "finite time from 0 s on"),
        (lambda: back_in_time(), "cannot go back to 1 s"),
        (lambda: programmed(4, 3).read(np.zeros(3)), "do not fit 4 rows"),
        (lambda: programmed(4, 3).read(0.2), "do not fit 4 rows"),
        (lambda: programmed(4, 3).read([0.1, 0.1, NAN, 0.1]), "1 NaN"),
        (lambda: programmed(4, 3, tiles=(2,)).read(np.zeros((3, 5, 4))), r"give \(\*tiles, vectors, rows\)"),
        (lambda: programmed().pulse(+1), "no pulse model"),
        (lambda: programmed(pulse_model=Halving()).pulse(0), r"use \+1 for set or -1"),
        (lambda: programmed(pulse_model=Halving()).pulse(1, 0), "whole number from 1 on"),
        (lambda: programmed(pulse_model=Wrong(np.ones(2))).pulse(1), "one conductance of 0 or more"),
        (
            lambda: programmed(pulse_model=Wrong(np.full((4, 3), NAN))).pulse(1),
            "pulsed conductance has 12 NaN",
        ),
    ],
)
def test_bad_input_is_one_sentence(act, words):
    with pytest.raises(InputError, match=words) as error:
        act()
    assert "\n" not in str(error.value) and str(error.value).endswith(".")


def back_in_time():
    array = programmed()
    array.advance(2.0)
    array.advance(1.0)
