"""Derivatives of the current: the transposed solve against differences of sweeps."""

from dataclasses import replace

import numpy as np
import pytest

from femristor.device import load_card
from femristor.fem.electrothermal.cell import ElectroThermal
from femristor.fem.electrothermal.sensitivity import NAMES

CARD = load_card()
BIAS = np.array([-0.6, 0.0, 0.2])
AMBIENT_K = 300.0
RELATIVE_STEP = 1e-3


@pytest.fixture(scope="module")
def solver():
    return ElectroThermal(CARD, resolution=0.5)


@pytest.fixture(scope="module", params=["lrs", "hrs"])
def derived(request, solver):
    state = CARD.state(request.param)
    return state, *solver.sweep_with_sensitivity(BIAS, state, ambient_K=AMBIENT_K)


def _current(solver, state, name, factor):
    if name == "ambient_K":
        return solver.sweep(BIAS, state, ambient_K=AMBIENT_K * factor).current_A, AMBIENT_K
    region, parameter = name.split(".")
    site = getattr(state, region)
    value = getattr(site, parameter)
    moved = replace(state, **{region: replace(site, **{parameter: value * factor})})
    return solver.sweep(BIAS, moved, ambient_K=AMBIENT_K).current_A, value


def _difference(solver, state, name, step):
    """Fourth-order central difference, so that a step far above the solver's rounding has no error of its own."""
    slopes = []
    for count, weight in ((1, 4 / 3), (2, -1 / 6)):
        (up, value), (down, _) = (_current(solver, state, name, 1 + sign * count * step) for sign in (1, -1))
        slopes.append(weight * (up - down) / (2 * step * value))
    return sum(slopes)


@pytest.mark.parametrize("name", NAMES)
def test_adjoint_equals_differences(solver, derived, name):
    state, _, slopes = derived
    expected = _difference(solver, state, name, RELATIVE_STEP)
    active = BIAS != 0
    np.testing.assert_allclose(slopes[name][active], expected[active], rtol=1e-6)
    assert np.all(slopes[name][~active] == 0)


def test_sensitivity_leaves_the_sweep_alone(solver, derived):
    state, solution, _ = derived
    plain = solver.sweep(BIAS, state, ambient_K=AMBIENT_K)
    np.testing.assert_allclose(solution.current_A, plain.current_A, rtol=1e-10)


def test_signs(derived):
    _, solution, slopes = derived
    along = np.sign(solution.current_A)
    active = along != 0
    for region in ("dome", "surround"):
        # More sites conduct more, a higher barrier less.
        assert np.all((along * slopes[f"{region}.density_m3"])[active] > 0)
        assert np.all((along * slopes[f"{region}.barrier_J"])[active] < 0)
