"""Disturb: nothing behind an ideal switch, a closed transistor, half select against SciPy, reads over ten years."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from femristor.array.programming.disturb import (
    TEN_YEARS_S,
    Exposure,
    apply_disturb,
    gate_off,
    programming_disturb,
    read_disturb,
    shifted_lnN,
)
from femristor.array.programming.plan import VerifyPlan
from femristor.array.programming.verify import Verify, program_array
from femristor.array.results.verify import DisturbReport
from femristor.compact.ibm import IbmModel
from femristor.compact.noise.stochastic import HopNoise, NoisyCells, switching_volume_m3
from femristor.compact.table.closed_form import ClosedFormSampler, published_form
from femristor.compact.table.grid import default_grid
from femristor.compact.table.interpolate import TableModel
from femristor.compact.table.sample import build_table
from femristor.core.errors import InputError
from femristor.core.store import load, save
from femristor.device import load_card
from femristor.device.load_line import BARE, channel_load
from femristor.device.pulse_scheme import PulseScheme
from femristor.device.selector import reference_selector

LEVELS = np.array([10e-6, 26e-6, 50e-6, 88e-6])
WORK = {
    "level_S": LEVELS,
    "set_V": 1.56,
    "reset_V": -1.63,
    "set_pulses": 60.0,
    "reset_pulses": 25.0,
    "neighbours": 255,
    "plateau_s": 1.75e-6,
}


@pytest.fixture(scope="module")
def card():
    return load_card("cmo_hfox")


@pytest.fixture(scope="module")
def ibm(card):
    return IbmModel(card)


@pytest.fixture(scope="module")
def table(card):
    return TableModel(
        build_table(card, ClosedFormSampler(card, published_form(card)), default_grid(card)), None
    )


@pytest.fixture(scope="module")
def selector(card):
    return channel_load(card, reference_selector(card).channel)


def test_ideal_switch_and_row_disturb_nothing(ibm, table, selector):
    for model in (ibm, table):
        for scheme in ("ideal", "row"):
            found = programming_disturb(model, selector, scheme=scheme, **WORK)
            assert np.all(found.change == 0.0) and found.worst == 0.0 and found.mean == 0.0


def test_closed_transistor_keeps_the_column(ibm, table, selector):
    """Below 1e-11 for a column of 256 by both laws: cells may be programmed one without the other."""
    for model in (ibm, table):
        found = programming_disturb(model, selector, scheme="column", **WORK)
        assert 0 < abs(found.worst) < 1e-11
        assert np.all((found.set_V > 0) & (found.set_V < 1e-5)) and np.all(found.reset_V < 0)


def test_half_select_is_the_integral_of_the_law(ibm):
    """V/2 without transistor against SciPy at a tight tolerance; a third is a thousand times less."""
    half = programming_disturb(ibm, BARE, scheme="half", **WORK)
    seconds = 255 * 1.75e-6 * np.array([60.0, 25.0])

    def slope(_, u):
        density = np.exp(u)
        rates = [float(ibm.density_rate_per_m3s(v, density[0])) for v in (0.78, -0.815)]
        return [(seconds[0] * rates[0] + seconds[1] * rates[1]) / density[0]]

    for level, change in zip(LEVELS, half.change, strict=True):
        start = np.log(float(ibm.density_at(level)))
        end = solve_ivp(slope, (0, 1), [start], method="Radau", rtol=1e-9, atol=1e-11).y[0, -1]
        wanted = float(ibm.conductance_S(np.exp(end))) / level - 1
        assert change == pytest.approx(wanted, rel=1e-3, abs=1e-9)
    third = programming_disturb(ibm, BARE, scheme="third", **WORK)
    assert abs(half.worst) > 1e-3 and abs(third.worst) < 1e-2 * abs(half.worst)


def test_small_and_large_changes_join(ibm):
    """The direct formula of small changes and the integrator agree where they meet, and both are linear in time."""
    density = float(ibm.density_at(50e-6))
    small, more = (shifted_lnN(ibm, BARE, density, [Exposure(0.6, 0.0, t, 0.0)])[0] for t in (0.5, 1.0))
    rate = float(ibm.density_rate_per_m3s(0.6, density)) / density
    at = 0.9e-4 / rate, 1.1e-4 / rate
    below, above = (shifted_lnN(ibm, BARE, density, [Exposure(0.6, 0.0, t, 0.0)])[0] for t in at)
    assert above / below == pytest.approx(11 / 9, rel=1e-3)
    assert more / small == pytest.approx(2, rel=0.05)


def test_reads_disturb_low_conductances_by_both_laws(ibm, table, selector):
    """Set direction: up, most at low G, linear while small; the table of the law agrees with it to 2 %."""
    both = [read_disturb(m, selector, level_S=LEVELS, reads=1e6, read_s=300e-6) for m in (ibm, table)]
    assert np.all(both[0].change > 0) and np.all(np.diff(both[0].change) < 0)
    np.testing.assert_allclose(both[0].change[:3], both[1].change[:3], rtol=0.02)
    tenth = read_disturb(ibm, selector, level_S=LEVELS, reads=1e5, read_s=300e-6)
    np.testing.assert_allclose(both[0].change / tenth.change, 10, rtol=0.05)
    years = read_disturb(ibm, selector, level_S=LEVELS, reads=TEN_YEARS_S / 300e-6, read_s=300e-6)
    assert years.seconds == pytest.approx(TEN_YEARS_S) and np.all(years.change > both[0].change)


def test_shift_of_a_programmed_array(card, ibm, selector, tmp_path):
    """The last row sees no later pulse; behind transistors nothing moves, with V/2 the first rows do."""
    cells = NoisyCells(ibm, HopNoise(switching_volume_m3(ibm), 8.6), selector)
    plan = VerifyPlan((PulseScheme(1.42, -1.43, 2.5e-6),), (10e-6, 90e-6))
    found = program_array(cells, card, np.full((6, 4), 40e-6), plan, Verify(0.02), seed=1)
    safe = apply_disturb(found, ibm, selector)
    np.testing.assert_allclose(safe, found.conductance_S, rtol=1e-11)
    half = apply_disturb(found, ibm, BARE, scheme="half")
    np.testing.assert_array_equal(half[-1], found.conductance_S[-1])
    assert np.all(half[:-1] != found.conductance_S[:-1])
    np.testing.assert_array_equal(apply_disturb(found, ibm, BARE, scheme="ideal"), found.conductance_S)
    report = programming_disturb(ibm, selector, **WORK)
    back = load(save(report, tmp_path / "report.h5"), DisturbReport)
    np.testing.assert_array_equal(back.change, report.change)


def test_bad_input(ibm):
    with pytest.raises(InputError, match="no gate to close"):
        gate_off(BARE)
    with pytest.raises(InputError, match="no disturb scheme"):
        programming_disturb(ibm, BARE, scheme="diagonal", **WORK)
