"""Sweep loop and pulse response of the compact room on the published 0-D law, kept as text."""

import numpy as np
import pytest

from femristor.compact.dynamics.integrator import sweep
from femristor.compact.dynamics.pulses import pulse_train
from femristor.compact.table.closed_form import ClosedFormSampler, published_form
from femristor.compact.table.grid import default_grid
from femristor.compact.table.sample import build_table
from femristor.core.curves import Waveform
from femristor.device import load_card
from femristor.device.load_line import selector_load

CARD = load_card()


@pytest.fixture(scope="module")
def table():
    grid = default_grid(CARD, ambient_points=1)
    return build_table(CARD, ClosedFormSampler(CARD, published_form(CARD)), grid, probes=0)


def test_loop_with_the_selector(table, golden):
    wave = Waveform.triangle((1.3, -1.3), 1.0)
    found = sweep(table, wave, table.states["hrs"], load=selector_load(CARD), points=14)
    golden(
        "loop_1t1r",
        {
            "time_s": found.time_s,
            "voltage_applied_V": found.voltage_applied_V,
            "current_A": found.current_A[0],
            "density_m3": found.density_m3[0],
        },
        rtol=1e-4,
        atol=1e-12,
    )


def test_pulse_train_with_the_selector(table, golden):
    found = pulse_train(table, CARD, n_up=40, n_down=40, n_alternate=20, load=selector_load(CARD))
    golden(
        "pulses_1t1r",
        {"pulse": np.arange(found.conductance_S.size), "conductance_S": found.conductance_S},
        rtol=1e-4,
    )
