"""Sweeps of the shipped card: balances, symmetry, independence of history, and what bad input is told."""

import numpy as np
import pytest

from femristor.core.errors import ConvergenceError, InputError
from femristor.core.provenance import Status
from femristor.device import load_card
from femristor.fem.electrothermal.cell import ElectroThermal

CARD = load_card()
BIAS = np.array([-1.0, -0.3, 0.0, 0.005, 0.2, 0.3, 1.0, 1.3])


@pytest.fixture(scope="module")
def solver():
    return ElectroThermal(CARD, resolution=0.5)


@pytest.fixture(scope="module", params=["lrs", "hrs"])
def solution(request, solver):
    return solver.sweep(BIAS, CARD.state(request.param))


def test_terminal_currents_sum_to_zero(solution):
    assert np.all(np.abs(solution.current_A - solution.current_bottom_A) <= 1e-9 * np.abs(solution.current_A))


def test_joule_heat_is_voltage_times_current(solution):
    given = solution.bias_V * solution.current_A
    assert np.all(np.abs(solution.power_W - given) <= 1e-9 * given)


def test_heat_leaves_through_the_electrodes(solution):
    assert np.all(np.abs(solution.heat_out_W - solution.power_W) <= 1e-6 * solution.power_W)


def test_current_is_odd_and_temperature_even_in_bias(solution):
    minus, plus = [0, 1], [6, 5]
    np.testing.assert_allclose(solution.current_A[minus], -solution.current_A[plus], rtol=1e-9)
    for name in ("dome_temperature_mean_K", "temperature_max_K", "dome_field_mean_V_per_m"):
        values = getattr(solution, name)
        np.testing.assert_allclose(values[minus], values[plus], rtol=1e-9)


def test_no_bias_is_equilibrium(solution):
    assert solution.current_A[2] == 0.0
    assert solution.power_W[2] == 0.0
    assert solution.dome_temperature_mean_K[2] == CARD.ambient_K
    assert solution.hop_rate_set_per_s[2] == 0.0


def test_fields_and_temperatures_are_physical(solution):
    order = np.argsort(np.abs(BIAS), kind="stable")
    hottest = solution.temperature_max_K[order]
    assert np.all(np.diff(hottest) >= -1e-9)
    assert np.all(solution.temperature_max_K >= solution.dome_temperature_max_K)
    assert np.all(solution.dome_temperature_max_K >= solution.dome_temperature_mean_K)
    assert np.all(solution.dome_temperature_mean_K >= CARD.ambient_K)
    assert solution.temperature_max_K.max() < 2000
    # The mean field in the dome cannot exceed the whole bias over a tenth of the dome's radius.
    assert np.all(solution.dome_field_mean_V_per_m <= np.abs(BIAS) / (0.1 * CARD.dome.radius_m) + 1e-9)
    assert np.all(solution.dome_field_max_V_per_m >= solution.dome_field_mean_V_per_m)
    conductance = solution.current_A[[3, 4, 5, 6, 7]] / BIAS[[3, 4, 5, 6, 7]]
    assert np.all(np.diff(conductance) > 0)


def test_dome_temperature_rise_follows_power_at_low_bias(solution):
    # k is constant; only the place of the heat moves, as hopping grows with the field.
    rise = solution.dome_temperature_mean_K - CARD.ambient_K
    low, high = (rise[k] / solution.power_W[k] for k in (3, 4))
    assert low == pytest.approx(high, rel=0.1)


def test_lrs_conducts_more_than_hrs(solver):
    low, high = (solver.sweep([0.2], CARD.state(label)).current_A[0] for label in ("lrs", "hrs"))
    assert low > 2 * high


def test_result_does_not_depend_on_history_or_order(solver):
    state = CARD.state("lrs")
    bias = np.array([0.2, 0.7, 1.0])
    first = solver.sweep(bias, state)
    solver.sweep([1.3, -0.4], CARD.state("hrs"), ambient_K=350.0)
    again = solver.sweep(bias, state)
    np.testing.assert_array_equal(first.current_A, again.current_A)
    np.testing.assert_array_equal(first.dome_temperature_mean_K, again.dome_temperature_mean_K)
    turned = solver.sweep(bias[::-1], state)
    np.testing.assert_array_equal(turned.bias_V, bias[::-1])
    np.testing.assert_allclose(turned.current_A[::-1], first.current_A, rtol=1e-9)
    alone = [solver.sweep([volts], state).current_A[0] for volts in bias]
    np.testing.assert_allclose(alone, first.current_A, rtol=1e-9)


def test_repeated_and_scalar_bias(solver):
    found = solver.sweep([0.2, 0.2], CARD.state("lrs"))
    assert found.current_A[0] == found.current_A[1]
    one = solver.sweep(0.2, CARD.state("lrs"))
    assert one.current_A.shape == (1,)
    assert one.status is Status.CONVERGED


def test_ambient_temperature_raises_the_current(solver):
    # Hopping is thermally activated; the electrodes hold the ambient temperature.
    cold, hot = (solver.sweep([0.05], CARD.state("hrs"), ambient_K=T) for T in (293.0, 330.0))
    assert hot.current_A[0] > cold.current_A[0]
    assert hot.ambient_K == 330.0
    assert hot.dome_temperature_mean_K[0] > 330.0


def test_mesh_error_of_the_current():
    state, bias = CARD.state("lrs"), [0.2, 1.0]
    coarse, fine = (ElectroThermal(CARD, resolution=res).sweep(bias, state).current_A for res in (0.5, 1.0))
    np.testing.assert_allclose(coarse, fine, rtol=1e-3)


def test_linear_elements_agree_with_quadratic_ones(solver):
    linear = ElectroThermal(CARD, resolution=0.5, degree=1)
    assert linear.unknowns < solver.unknowns
    state = CARD.state("lrs")
    one, two = (s.sweep([0.2], state).current_A[0] for s in (linear, solver))
    assert one == pytest.approx(two, rel=0.02)
    # Ritz: the coarser space gives the larger energy.
    assert one > two


def test_fields_that_do_not_converge_are_told():
    # Within 10 V every bias has a solution; one Newton step for each bias is too few to find any.
    solver = ElectroThermal(CARD, resolution=0.5)
    solver.problem.newton._max_steps = 1
    with pytest.raises(ConvergenceError, match=r"did not converge at .* V, .*lower the bias"):
        solver.sweep([10.0], CARD.state("lrs"))


def test_solver_works_after_a_failure():
    solver, state = ElectroThermal(CARD, resolution=0.5), CARD.state("lrs")
    before = solver.sweep([0.3], state)
    solver.problem.newton._max_steps = 1
    with pytest.raises(ConvergenceError):
        solver.sweep([1.0], state)
    solver.problem.newton._max_steps = 12
    np.testing.assert_array_equal(solver.sweep([0.3], state).current_A, before.current_A)


@pytest.mark.parametrize(
    ("bias", "words"),
    [
        ([float("nan")], "within 10 V of 0; correct the list"),
        ([float("inf")], "within 10 V of 0"),
        ([11.0], "within 10 V of 0"),
        ([], "must be a list of voltages"),
        ([[0.1, 0.2]], "must be a list of voltages"),
    ],
)
def test_bad_bias_is_told(solver, bias, words):
    with pytest.raises(InputError, match=words):
        solver.sweep(bias, CARD.state("lrs"))


@pytest.mark.parametrize("ambient", [20.0, float("nan"), 5000.0])
def test_bad_ambient_is_told(solver, ambient):
    with pytest.raises(InputError, match="give kelvin"):
        solver.sweep([0.1], CARD.state("lrs"), ambient_K=ambient)


def test_unknown_state_is_told():
    with pytest.raises(InputError, match="nowhere"):
        CARD.state("nowhere")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"resolution": 0.0}, "resolution of 0 is outside"),
        ({"resolution": float("nan")}, "resolution of nan is outside"),
        ({"dim": 1}, "dimension of 1 is neither"),
        ({"degree": 3}, "degree of 3 is neither"),
        ({"full": True}, "needs dimension 3"),
    ],
)
def test_bad_options_are_told(options, words):
    with pytest.raises(InputError, match=words):
        ElectroThermal(CARD, **options)
