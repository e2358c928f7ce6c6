"""Tables that need no finite elements: IBM's published 0-D law, and laws whose ODE has an exact solution."""

import os
import shutil

import numpy as np
import pytest

from femristor.compact.results.table import CompactTable
from femristor.compact.table.closed_form import ClosedFormSampler, published_form
from femristor.compact.table.grid import default_grid
from femristor.compact.table.sample import build_table
from femristor.device import load_card
from femristor.device.card import IonicLaw


@pytest.fixture(scope="session")
def card():
    return load_card("cmo_hfox")


@pytest.fixture(scope="session")
def sampler(card):
    return ClosedFormSampler(card, published_form(card))


@pytest.fixture(scope="session")
def table(card, sampler):
    """The published 0-D law on the default grid."""
    return build_table(card, sampler, default_grid(card))


@pytest.fixture
def power_table():
    """Make a table with I = g V N and hop rate = c V N^p: ln N(t) is then known exactly."""

    def make(conductance_S_m3=1e-30, rate_per_Vs=40.0, power=0.0, reference=1e25, ambients=(293.0,)):
        bias = np.linspace(0.1, 1.5, 8)
        density = np.geomspace(1e23, 1e27, 9)
        ambient = np.array(ambients)
        shape = (ambient.size, density.size, bias.size)
        volt, dens = np.broadcast_to(bias, shape), np.broadcast_to(density[:, None], shape)
        warm = ambient[:, None, None] * (1 + 0.01 * volt**2)
        rate = rate_per_Vs * volt * (dens / reference) ** power
        return CompactTable(
            bias_V=bias,
            density_m3=density,
            ambient_K=ambient,
            current_A=conductance_S_m3 * dens * volt,
            temperature_mean_K=warm,
            temperature_max_K=warm,
            field_mean_V_per_m=1e8 * volt,
            hop_rate_set_per_s=rate,
            hop_rate_reset_per_s=rate,
            density_breaks_m3=np.array([]),
            nominal_ambient_K=float(ambient[0]),
            ionic=IonicLaw(1e12, 1e-9, 10e-9, 2.0, 1e-19, 0.0, 1e-19, 1e40, 0.0),
            states={"lrs": 4e25, "hrs": 2e24},
            card_name="power law",
            model="exact power laws",
        )

    return make


@pytest.fixture(scope="session")
def ngspice():
    """Path of ngspice; without it tests fail where CI is set, and are skipped elsewhere."""
    program = shutil.which("ngspice")
    if program is None:
        reason = "ngspice is not installed: sudo apt-get install ngspice"
        if os.environ.get("CI"):
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)
    return program
