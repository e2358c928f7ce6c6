"""Pulses of a compact table in an array: the table of the published 0-D law, no finite elements."""

import numpy as np
import pytest

from femristor.array.cell_array import CellArray, Effects
from femristor.array.statistics.pulse_model import StepTable
from femristor.array.statistics.pulse_protocol import PulseProtocol, pulse_response
from femristor.compact.dynamics.pulses import CompactPulses, PulseScheme, pulse_steps
from femristor.compact.table.closed_form import ClosedFormSampler, published_form
from femristor.compact.table.grid import default_grid
from femristor.compact.table.sample import build_table
from femristor.device import load_card
from femristor.device.load_line import selector_load
from femristor.device.selector import default_load

CARD = load_card("cmo_hfox")


@pytest.fixture(scope="module")
def table():
    sampler = ClosedFormSampler(CARD, published_form(CARD))
    return build_table(CARD, sampler, default_grid(CARD), probes=0)


def test_array_under_compact_pulses_is_the_compact_model_cell_by_cell(table):
    model = CompactPulses(table, PulseScheme.of_card(CARD), selector_load(CARD))
    array = CellArray(CARD, 2, 3, effects=Effects.none(), pulse_model=model)
    start = np.linspace(20e-6, 70e-6, 6).reshape(2, 3)
    array.set_conductance(start)
    array.pulse(+1)
    array.pulse(-1, 2)
    for index in np.ndindex(start.shape):
        alone = model.step(model.step(start[index], +1, 1), -1, 2)
        assert float(array.conductance_S[index]) == pytest.approx(float(alone), rel=1e-4)


def test_step_table_agrees_with_the_pulses_it_was_made_from(table):
    steps = pulse_steps(table, CARD)
    model = CompactPulses(table, PulseScheme.of_card(CARD), default_load(CARD))
    fast = StepTable.of(steps)
    between = np.array([17.3e-6, 33.3e-6, 61.7e-6])
    for direction in (+1, -1):
        exact = model.step(between, direction, 1) - between
        np.testing.assert_allclose(fast.step(between, direction, 1) - between, exact, rtol=0.05, atol=2e-9)


def test_figures_of_merit_of_the_step_table(table):
    fast = StepTable.of(pulse_steps(table, CARD))
    found = pulse_response(CARD, fast, start_S=40e-6, cells=2, protocol=PulseProtocol(200, 200, 100))
    assert np.all(found.g_max_S > found.g_symmetry_S) and np.all(found.g_symmetry_S > found.g_min_S)
    assert np.all(found.n_states > 2) and np.all((found.symmetry_skew > 0) & (found.symmetry_skew < 1))
