"""Hopping fit on a closed-form cell: recovery, coverage, bounds, and what one temperature cannot tell."""

from dataclasses import replace

import numpy as np
import pytest

from femristor.core import store
from femristor.core.constants import EV
from femristor.core.curves import IVCurve
from femristor.core.errors import ConvergenceError, InputError
from femristor.device.card.io import parse_card, replaced_card_text
from femristor.device.state import CellState, HoppingParameters
from femristor.transport.estimates import estimate
from femristor.transport.hopping.data import barycentric_matrix, prepare_curve, truncation
from femristor.transport.hopping.fit import fit_hopping
from femristor.transport.hopping.model import HoppingModel
from femristor.transport.hopping.parameters import Choice, card_key, make_slots, named_state
from femristor.transport.result import HoppingFit

AMBIENTS = (293.0, 328.0, 358.0)


@pytest.fixture
def truth(card):
    lrs = card.state("lrs")
    return CellState("lrs", HoppingParameters(3e25, 2.7e-9, lrs.dome.barrier_J), lrs.surround)


def test_exact_curve_gives_exact_numbers_with_dE_held(cell, card, truth):
    fit = fit_hopping([cell.curve(truth, label="lrs", both=True)], card, cell, lines=False)
    state = fit.state("lrs")
    assert state.free == ("N", "a_e")
    assert state.parameter("N").value == pytest.approx(3e25, rel=1e-9)
    assert state.parameter("a_e").value == pytest.approx(2.7e-9, rel=1e-9)
    assert state.parameter("dE").fixed
    assert state.parameter("dE").value == pytest.approx(truth.dome.barrier_eV)
    assert any(
        f"dE is held at {truth.dome.barrier_eV * 1e3:.4g} meV" in note for note in fit.provenance.notes
    )
    assert state.evaluations <= 10


def test_two_sigma_covers_in_most_of_20_draws(cell, card, truth):
    hits = {"N": 0, "a_e": 0, "dE": 0}
    for seed in range(20):
        curves = [
            cell.curve(truth, label="lrs", ambient_K=ambient, noise=0.01, seed=3 * seed + index)
            for index, ambient in enumerate(AMBIENTS)
        ]
        state = fit_hopping(curves, card, cell).state("lrs")
        for name, value in (("N", 3e25), ("a_e", 2.7e-9), ("dE", truth.dome.barrier_eV)):
            found = state.parameter(name)
            hits[name] += abs(found.value - value) < 2 * found.standard_error
    assert min(hits.values()) >= 18


def test_given_sigma_and_scatter_agree(cell, card, truth):
    curve = cell.curve(truth, label="lrs", noise=0.01, seed=4, points=40, both=True)
    scaled = fit_hopping([curve], card, cell).state("lrs")
    given = fit_hopping([curve], card, cell, relative_sigma=0.01).state("lrs")
    assert given.reduced_chi2 == pytest.approx(1.0, abs=0.4)
    ratio = scaled.parameter("N").standard_error / given.parameter("N").standard_error
    assert ratio == pytest.approx(np.sqrt(given.reduced_chi2), rel=1e-6)
    assert np.isnan(scaled.reduced_chi2)


def test_one_temperature_cannot_separate_three_parameters(cell, card, truth):
    curve = cell.curve(truth, label="lrs", noise=0.003, seed=1, points=40)
    with pytest.raises(
        InputError, match=r"dE of state 'lrs' cannot be freed.*--label lrs=FILE.*--ambient FILE=328"
    ):
        fit_hopping([curve], card, cell, free=["dE"])
    with pytest.raises(InputError, match="dE of state 'lrs' cannot be freed"):
        fit_hopping([curve], card, cell, bounds={"dE": (0.05, 0.1)})
    # with N held the barrier is the only number that rescales the current
    held = fit_hopping([curve], card, cell, free=["dE"], fixed={"N": 3e25}).state("lrs")
    assert held.free == ("a_e", "dE")
    assert held.parameter("dE").value == pytest.approx(truth.dome.barrier_eV, rel=0.02)
    several = fit_hopping([cell.curve(truth, label="lrs", ambient_K=t) for t in AMBIENTS], card, cell)
    assert several.state("lrs").free == ("N", "a_e", "dE")
    assert several.warnings == ()


def test_one_curve_is_fitted_on_the_lines_unless_it_is_told_otherwise(cell, card, truth):
    curve = cell.curve(card.state_at(1.1e25), label="hrs")
    assert fit_hopping([curve], card, cell).state("hrs").free == ("N", "N_s")
    assert fit_hopping([curve], card, cell, fixed={"N_s": 9e24}).state("hrs").free == ("N",)
    for own in (
        {"free": ["a_e"]},
        {"fixed": {"dE": 0.07}},
        {"bounds": {"a_e": (1e-9, 5e-9)}},
        {"lines": False},
    ):
        assert fit_hopping([curve], card, cell, **own).state("hrs").free == ("N", "a_e")
    notes = fit_hopping([curve], card, cell).provenance.notes
    assert any("N is local" in note for note in notes)
    assert any("hrs: a_e and dE follow the card's lines" in note for note in notes)


@pytest.mark.parametrize("noise", [0.0, 0.005])
def test_order_and_values_of_known_densities_come_back(cell, card, noise):
    """Four states of the family, each from one curve whose label names none of the card's."""
    known = [1.2e24, 5e24, 1.4e25, 3.1e25]
    curves = [
        cell.curve(card.state_at(density), label=f"cell {k}", noise=noise, seed=k, points=40)
        for k, density in enumerate(known)
    ]
    fit = fit_hopping(curves, card, cell)
    found = [state.parameter("N") for state in fit.states]
    assert all(np.diff([entry.value for entry in found]) > 0)
    for entry, density in zip(found, known, strict=True):
        assert entry.value == pytest.approx(density, rel=1e-6 if noise == 0 else 0.1)
        assert noise == 0 or abs(entry.value - density) < 3 * entry.standard_error
    assert not any("inverted" in text for text in fit.warnings)
    assert any("cell 0: the start state hrs conducts" in text for text in fit.warnings)


def test_inverted_order_range_and_far_start_are_told(cell, card, truth):
    low, high = (cell.curve(card.state_at(n), label=label) for n, label in ((3e24, "a"), (9e24, "b")))
    fit = fit_hopping([low, high], card, cell, fixed={"N": 2e25}, lines=True)
    assert not any("inverted" in text for text in fit.warnings)  # equal densities have no order
    dense = cell.curve(
        CellState("x", card.hopping.parameters(1.2e26), card.hopping.parameters(2e25)), label="lrs"
    )
    told = fit_hopping([dense], card, cell, fixed={"N_s": 2e25}).warnings
    assert any("N of 1.2e+26 1/m^3 is outside the card's range, 3e+23 to 8e+25" in text for text in told)
    far = fit_hopping([low], card, cell, start={"a": "lrs"}, lines=False, fixed={"a_e": 3.6e-9}).warnings
    assert any("a: the start state lrs conducts" in text and "times more" in text for text in far)
    assert any("N_s, a_s, dE_s are held" in text for text in far)
    near = [cell.curve(card.state_at(n), label=label) for n, label in ((6e24, "a"), (7e24, "b"))]
    wrong = fit_hopping(near, card, cell, start={"a": "hrs", "b": "lrs"}, fixed={"a_e": 3.45e-9})
    values = [state.parameter("N").value for state in wrong.states]
    assert values[0] > values[1]
    assert any("order of states is inverted: b conducts more than a" in text for text in wrong.warnings)
    # a state that is written beside the card's other one is compared with it
    swapped = fit_hopping([cell.curve(card.state_at(4e25), label="hrs")], card, cell).warnings
    assert any(
        "N of hrs (4e+25 1/m^3) is not below that of lrs in the card (3.12e+25)" in text for text in swapped
    )


def test_fixed_and_bounded(cell, card, truth):
    curve = cell.curve(truth, label="lrs")
    held = fit_hopping([curve], card, cell, fixed={"a_e": 2.6e-9}).state("lrs")
    assert held.free == ("N",)
    assert held.parameter("a_e").value == 2.6e-9
    assert held.parameter("a_e").fixed
    fit = fit_hopping([curve], card, cell, bounds={"N": (1e25, 2e25)}, lines=False)
    state = fit.state("lrs")
    assert state.bounds_hit == ("N",)
    assert state.parameter("N").value == pytest.approx(2e25, rel=1e-12)
    assert np.isnan(state.parameter("N").standard_error)
    assert state.parameter("a_e").standard_error > 0
    assert any("N stopped at its bound 2e+25" in text for text in fit.warnings)
    loose = fit_hopping([curve], card, cell, bounds={"N": (1e25, 1e26)}, lines=False).state("lrs")
    assert loose.bounds_hit == ()
    assert loose.parameter("N").value == pytest.approx(3e25, rel=1e-6)


def test_lines_fit_two_densities(cell, card):
    law = card.hopping
    true = CellState("x", law.parameters(1.2e25), law.parameters(9e24))
    curve = cell.curve(true, label="hrs", noise=0.002, seed=3, points=40)
    state = fit_hopping([curve], card, cell, lines=True).state("hrs")
    assert state.free == ("N", "N_s")
    for name, value in (("N", 1.2e25), ("N_s", 9e24)):
        found = state.parameter(name)
        assert abs(found.value - value) < 3 * found.standard_error
    distance, density = state.parameter("a_e"), state.parameter("N")
    assert distance.value == pytest.approx(law.distance_m(density.value), rel=1e-12)
    assert distance.standard_error == pytest.approx(law.distance_slope_m4 * density.standard_error)
    model = HoppingModel(
        cell, [prepare_curve(curve)], make_slots(card, "lrs", Choice.of(lines=True), ambients=1), "x"
    )
    theta, step = model.start(), 1e-5
    for index in range(2):
        shift = step * np.eye(2)[index]
        central = (model.fun(theta + shift) - model.fun(theta - shift)) / (2 * step)
        np.testing.assert_allclose(model.jac(theta)[:, index], central, rtol=1e-6, atol=1e-9)


def test_sublinear_curve_puts_a_e_at_the_end_of_its_range(cell, card, truth):
    curve = cell.curve(truth, label="lrs", points=40)
    bent = curve.replace(curve.voltage_V, curve.voltage_V * 8e-5 * (1 - 0.1 * curve.voltage_V))
    fit = fit_hopping([bent], card, cell, lines=False)
    assert fit.state("lrs").bounds_hit == ("a_e",)
    assert fit.state("lrs").parameter("a_e").value == pytest.approx(2e-10)
    assert fit.state("lrs").parameter("N").standard_error > 0
    assert any("a_e stopped at its bound" in text for text in fit.warnings)


def test_runaway_is_an_error_and_not_a_result(cell, card, truth):
    curve = cell.curve(truth, label="lrs")
    fast = curve.replace(curve.voltage_V, 30 * curve.current_A)
    with pytest.raises(ConvergenceError, match="out of the plausible range"):
        fit_hopping([fast], card, cell, fixed={"a_e": 2.7e-9})


def test_held_sensitivity_is_the_shift_of_a_refit(cell, card, truth):
    curve = cell.curve(truth, label="lrs")
    state = fit_hopping([curve], card, cell, lines=False).state("lrs")
    step = 1e-4
    shifted = fit_hopping([curve], card, cell, fixed={"dE": state.parameter("dE").value * (1 + step)}).state(
        "lrs"
    )
    for name in state.free:
        change = np.log(shifted.parameter(name).value / state.parameter(name).value) / step
        assert state.held_sensitivity[f"{name}/dE"] == pytest.approx(change, rel=1e-2, abs=1e-3)


def test_jacobian_equals_central_differences_of_the_residual(cell, card, truth):
    curves = [prepare_curve(cell.curve(truth, label="lrs", ambient_K=t, points=40)) for t in AMBIENTS]
    assert all(item.chebyshev for item in curves)
    every = ("N", "a_e", "dE", "N_s", "a_s", "dE_s")
    model = HoppingModel(cell, curves, make_slots(card, "lrs", Choice.of(free=every), ambients=3), "lrs")
    theta, step = model.start(), 1e-5
    exact = model.jac(theta)
    for index in range(theta.size):
        shift = step * np.eye(theta.size)[index]
        central = (model.fun(theta + shift) - model.fun(theta - shift)) / (2 * step)
        np.testing.assert_allclose(exact[:, index], central, rtol=1e-6, atol=1e-9)


def test_interpolation_is_exact_to_noise(cell, truth):
    curve = cell.curve(truth, label="lrs", points=80)
    prepared = prepare_curve(curve, bias_points=12)
    fields, _ = cell.sweep_with_sensitivity(prepared.bias_V, truth, ambient_K=293.0)
    ratio = np.log(fields.current_A / prepared.bias_V)
    used = prepared.curve
    np.testing.assert_allclose(
        prepared.interpolation @ ratio, np.log(used.current_A / used.voltage_V), atol=1e-9
    )
    assert truncation(ratio) < 1e-8
    assert truncation(np.abs(np.linspace(-1, 1, 12))) > 1e-3
    nodes = prepared.bias_V
    np.testing.assert_allclose(barycentric_matrix(nodes, nodes), np.eye(nodes.size), atol=1e-12)


def test_several_states_and_their_start(cell, card):
    curves = [
        cell.curve(card.state(text), label=label) for text, label in (("lrs", "read_lrs_1"), ("hrs", "hrs"))
    ]
    middle = replace(cell.curve(card.state("N=2.5e24"), label="x"), label="middle state")
    fit = fit_hopping([*curves, middle], card, cell)
    assert [(state.start, state.card_key) for state in fit.states] == [
        ("lrs", "lrs"),
        ("hrs", "hrs"),
        ("hrs", "middle_state"),
    ]
    assert named_state("HRS-7", card) == "hrs"
    assert named_state("shrs", card) is None
    assert card_key("lrs a", card, ["lrs a", "lrs b"]) == "lrs_a"


def test_stored_and_written_to_a_card(cell, card, truth, tmp_path):
    curves = [cell.curve(truth, label="lrs", noise=0.01), cell.curve(card.state("N=9e24"), label="level 3")]
    fit = fit_hopping(curves, card, cell, notes=["synthetic"])
    back = store.load(store.save(fit, tmp_path / "fit.h5"), HoppingFit)
    assert back.changes() == fit.changes()
    np.testing.assert_array_equal(back.states[0].curves[0].fitted_A, fit.states[0].curves[0].fitted_A)
    assert back.state("lrs").correlation[0, 1] == fit.state("lrs").correlation[0, 1]
    changed = parse_card(replaced_card_text("cmo_hfox", fit.changes()), "c.toml")
    for label, key in (("lrs", "lrs"), ("level 3", "level_3")):
        state, curve = changed.state(key), fit.state(label).curves[0]
        fields, _ = cell.sweep_with_sensitivity(curve.bias_V, state, ambient_K=curve.ambient_K)
        np.testing.assert_allclose(fields.current_A, curve.model_A, rtol=1e-6)
    assert changed.sources["states.lrs.dome_density"].confidence == "F"
    assert changed.sources["states.lrs.dome_barrier"].source == "C"
    assert "synthetic" in changed.describe("states.lrs.dome_density")


def test_signs_zero_and_noise_below_zero(cell, card, truth):
    curve = cell.curve(truth, label="lrs", both=True)
    with_zero = curve.replace(np.append(curve.voltage_V, 0.0), np.append(curve.current_A, 7.8e-21))
    fit = fit_hopping([with_zero], card, cell)
    assert "lrs: rows at 0 V left out." in fit.provenance.notes
    assert fit.warnings == ()
    assert np.all(np.sign(fit.states[0].curves[0].fitted_A) == np.sign(fit.states[0].curves[0].voltage_V))
    flipped = curve.current_A.copy()
    flipped[np.argmin(np.abs(curve.voltage_V))] *= -1
    assert any(
        "below the noise" in text
        for text in fit_hopping([curve.replace(curve.voltage_V, flipped)], card, cell).warnings
    )
    with pytest.raises(InputError, match="currents against their voltage at 20 of 40"):
        fit_hopping([curve.replace(curve.voltage_V, np.abs(curve.current_A))], card, cell)


def test_misfit_with_a_pattern_is_named(cell, card, truth):
    curve = cell.curve(truth, label="lrs", points=40)
    bent = curve.replace(curve.voltage_V, curve.current_A * (1 + 0.03 * np.sin(60 * curve.voltage_V)))
    assert any("residuals follow the voltage" in text for text in fit_hopping([bent], card, cell).warnings)


def test_failed_trial_shrinks_the_step_and_failed_start_raises(cell, card, truth):
    class Fragile:
        def __init__(self, limit):
            self.limit = limit

        def sweep_with_sensitivity(self, bias_V, state, *, ambient_K):
            if state.dome.density_m3 > self.limit:
                raise ConvergenceError("Newton did not converge at 0.2 V; use smaller steps.")
            return cell.sweep_with_sensitivity(bias_V, state, ambient_K=ambient_K)

    dense = CellState("lrs", HoppingParameters(5e25, 2.5e-9, truth.dome.barrier_J), truth.surround)
    curve = cell.curve(dense, label="lrs")
    fit = fit_hopping([curve], card, Fragile(8e25), lines=False)
    assert fit.state("lrs").parameter("N").value == pytest.approx(5e25, rel=1e-4)
    with pytest.raises(ConvergenceError, match="Newton did not converge"):
        fit_hopping([curve], card, Fragile(1e25))


def test_estimate_of_a_line():
    x = np.linspace(0, 1, 30)
    jacobian = np.column_stack([np.ones_like(x), x])
    residual = 0.1 * np.cos(40 * x)
    found = estimate(residual, jacobian, np.array([False, False]), None)
    expected = np.linalg.inv(jacobian.T @ jacobian) * (residual @ residual) / 28
    np.testing.assert_allclose(found.covariance, expected, rtol=1e-10)
    np.testing.assert_allclose(np.diag(found.correlation), 1.0)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"fixed": {"Ne": 1.0}}, "No parameter 'Ne'"),
        ({"fixed": {"N": -1.0}}, "N cannot be fixed at -1"),
        ({"fixed": {"N": 1e25, "a_e": 2e-9}}, "nothing to fit"),
        ({"fixed": {"dE": 0.07}, "free": ["dE"]}, "both fixed and fitted"),
        ({"bounds": {"N": (2e25, 1e25)}}, "bounds .* of N are empty"),
        ({"lines": True, "fixed": {"dE": 0.07}}, "dE follows the card's line in N"),
        ({"window_V": (0.2, 0.1)}, "window from 0.2 to 0.1 V is empty"),
        ({"window_V": (0.3, 0.4)}, "Only 0 points of curve 'lrs'"),
        ({"relative_sigma": 2.0}, "relative sigma of 2"),
        ({"start": {"hrs": "lrs"}}, "No curve has the label 'hrs'"),
        ({"start": {"lrs": "nowhere"}}, "No state 'nowhere'"),
        ({"bias_points": 2}, "2 bias points"),
    ],
)
def test_refusals(options, words, cell, card, truth):
    with pytest.raises(InputError, match=words):
        fit_hopping([cell.curve(truth, label="lrs")], card, cell, **options)


def test_too_few_points_and_no_label(cell, card, truth):
    curve = cell.curve(truth, label="lrs", points=3)
    with pytest.raises(InputError, match="3 points cannot determine"):
        fit_hopping([curve], card, cell, free=["N_s"], lines=False)
    with pytest.raises(InputError, match="no label"):
        fit_hopping([IVCurve(curve.voltage_V, curve.current_A)], card, cell)
    with pytest.raises(InputError, match="no curve to fit"):
        fit_hopping([], card, cell)


def test_barrier_unit_is_eV(card):
    slots = {slot.name: slot for slot in make_slots(card, "hrs", Choice.of(), ambients=2)}
    assert slots["dE"].value == pytest.approx(card.state("hrs").dome.barrier_J / EV)


def test_a_stray_point_is_left_out_and_told(cell, truth):
    curve = cell.curve(truth, label="lrs", points=40)
    amps = curve.current_A.copy()
    amps[31] *= 1e5
    ready = prepare_curve(curve.replace(curve.voltage_V, amps))
    assert ready.curve.voltage_V.size == prepare_curve(curve).curve.voltage_V.size - 1
    assert curve.voltage_V[31] not in ready.curve.voltage_V
    (told,) = ready.warnings
    assert "lrs: 1 of" in told and f"{curve.voltage_V[31]:g} V" in told and "left out" in told
    # the lowest voltages of a noisy curve, and the steepest ones, are no strays
    assert prepare_curve(curve).warnings == ()
