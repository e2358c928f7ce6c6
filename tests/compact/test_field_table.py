"""The table of real field solutions holds its promise off the grid, over the card's whole range."""

import numpy as np
import pytest

from femristor.compact.table.grid import default_grid
from femristor.compact.table.interpolate import TableModel
from femristor.compact.table.sample import build_table, process_executor


@pytest.mark.proof
def test_off_grid_errors_of_field_solutions(card):
    from femristor.fem.electrothermal.executor import DomeSampler

    grid = default_grid(card)
    assert (grid.density_m3[0], grid.density_m3[-1]) == (card.range.density_min_m3, card.range.density_max_m3)
    assert grid.bias_V[-1] == card.range.voltage_max_V
    with process_executor(2) as executor:
        table = build_table(
            card, DomeSampler(card, resolution=0.5), grid, executor=executor, probes=6, seed=3
        )
    worst = table.errors.worst()
    assert worst["ln_current"] < 0.01
    assert worst["ln_rate"] < 0.05
    model = TableModel(table)
    volt = np.linspace(-1.5, 1.5, 301)
    for density in table.density_m3:
        power = volt * model.current_A(volt, density)
        assert np.all(power >= 0)
        assert np.all(np.diff(model.current_A(volt, density)) > 0)
    # the states that were fitted are states of the table
    for label, (low, high) in {"lrs": (85e-6, 95e-6), "hrs": (24e-6, 28e-6)}.items():
        assert low < model.conductance_S(table.states[label], 0.2) < high
