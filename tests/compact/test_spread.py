"""Spread from cell to cell: the draws, the Jacobian, recovery of known spreads, and what one target does not tell."""

import numpy as np
import pytest

from femristor.compact.ibm import IbmModel
from femristor.compact.noise.spread import (
    OBSERVABLES,
    SpreadTrain,
    draw_cells,
    fit_spread,
    jacobian,
    states_target,
)
from femristor.compact.results.stochastic import SpreadFit
from femristor.core import store
from femristor.core.constants import EV
from femristor.core.errors import ConvergenceError, InputError, RangeError
from femristor.core.rng import generator
from femristor.device.load_line import channel_load
from femristor.device.pulse_scheme import PulseScheme
from femristor.device.selector import reference_selector


@pytest.fixture(scope="module")
def train(card):
    load = channel_load(card, reference_selector(card).channel)
    return SpreadTrain(IbmModel(card), PulseScheme(1.45, -1.4, 2.5e-6), load, 7e24, (200, 200, 60))


def test_draws_have_the_deviations_asked_for(train):
    sigma = {"radius": 0.03, "barrier_set": 0.02}
    cells = draw_cells(train.model, sigma, 4000, generator=generator(1))
    assert np.log(cells.radius_m).std() == pytest.approx(0.03, rel=0.05)
    assert (cells.barrier_set_J / EV).std() == pytest.approx(0.02, rel=0.05)
    assert np.ptp(cells.length_m) == 0.0
    again = draw_cells(train.model, sigma, 4000, generator=generator(1))
    np.testing.assert_array_equal(cells.radius_m, again.radius_m)


def test_jacobian_has_the_physics(train):
    """A wider filament conducts more after set and steps faster; only the reset barrier sets the HRS alone."""
    slopes = jacobian(train, ("radius", "barrier_set", "barrier_reset"))
    lrs, hrs, states, _ = slopes
    assert 1 < lrs[0] < 3 and states[0] < -3
    assert abs(lrs[2]) < 0.05 and hrs[2] > 2
    assert abs(hrs[1]) < 0.2 and states[1] > 5


def test_recovers_known_spreads_from_drawn_cells(train):
    true = {"radius": 0.01, "barrier_set": 0.005, "barrier_reset": 0.006}
    cells = 300
    drawn = train.observe(draw_cells(train.model, true, cells, generator=generator(5)))
    targets = dict(zip(OBSERVABLES, drawn.std(axis=0, ddof=1).tolist(), strict=True))
    fit = fit_spread(train, targets, tuple(true), target_cells=cells, check_cells=100, generator=generator(6))
    off = np.abs(fit.sigma - list(true.values()))
    assert fit.rank == 3 and fit.unresolved == ""
    # A fifth: three times the statistics of 300 cells, and 2 % by what is not linear.
    assert np.all(off < 0.2 * np.array(list(true.values())))
    assert np.all(fit.standard_error < 0.15 * fit.sigma)
    np.testing.assert_allclose(fit.checked_std, fit.target_std, rtol=0.3)


def test_one_target_leaves_three_directions_open(train, card, tmp_path):
    """N_states of 22 (16 to 33) alone: each parameter explains it; the answer says so."""
    pulses = card.statistics.pulses
    target = {"ln_states": states_target(pulses.n_states_mean, pulses.n_states_std)}
    fit = fit_spread(train, target)
    assert fit.rank == 1 and np.all(np.isinf(fit.standard_error))
    assert "radius, length, barrier_set, barrier_reset" in fit.unresolved
    np.testing.assert_allclose(fit.alone_rms, 0, atol=1e-9)
    assert fit.predicted_std[0] == pytest.approx(fit.target_std[0], rel=1e-6)
    assert 0.01 < fit.alone[2] < 0.04
    again = store.load(store.save(fit, tmp_path / "spread.h5"), SpreadFit)
    assert again.names == fit.names and again.unresolved == fit.unresolved
    np.testing.assert_array_equal(again.alone, fit.alone)


def test_wrong_input_is_said_in_one_sentence(train):
    with pytest.raises(InputError, match="no spread of 'width'"):
        draw_cells(train.model, {"width": 0.1}, 4, generator=generator(0))
    with pytest.raises(InputError, match="spread of -1"):
        draw_cells(train.model, {"radius": -1.0}, 4, generator=generator(0))
    with pytest.raises(InputError, match="no target 'lrs'"):
        fit_spread(train, {"lrs": 0.1})
    with pytest.raises(InputError, match="above 0"):
        fit_spread(train, {"skew": 0.0})
    with pytest.raises(InputError, match="needs a generator"):
        fit_spread(train, {"skew": 0.1}, ("radius",), check_cells=10)
    with pytest.raises(RangeError, match="not possible"):
        states_target(22.0, -1.0)
    with pytest.raises(InputError, match="No parameter spreads"):
        fit_spread(train, {"skew": 0.1}, ())


def test_a_parameter_without_effect_is_named(train, monkeypatch):
    monkeypatch.setattr("femristor.compact.noise.spread.jacobian", lambda *_: np.array([[1.0, 0.0]] * 4))
    with pytest.raises(ConvergenceError, match="do not depend on length"):
        fit_spread(train, {"skew": 0.1}, ("radius", "length"))
