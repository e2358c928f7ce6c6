"""Fits with the finite-element cell: other mesh, known parameters, the reference read curves."""

import json
from pathlib import Path

import numpy as np
import pytest

from femristor.cli.main import main
from femristor.compact.ibm import IbmModel
from femristor.core.curves import IVCurve
from femristor.core.io.ivfile import read_iv_csv
from femristor.core.rng import generator
from femristor.device.card.io import load_card
from femristor.device.state import CellState, HoppingParameters
from femristor.fem.electrothermal.cell import ElectroThermal
from femristor.fem.electrothermal.ohmic import OhmicCell
from femristor.transport.branches import low_field_branches
from femristor.transport.forming.fit import fit_forming
from femristor.transport.forming.synthetic import synthetic_forming_curves
from femristor.transport.hopping.data import prepare_curve
from femristor.transport.hopping.fit import fit_hopping
from femristor.transport.hopping.model import HoppingModel
from femristor.transport.hopping.parameters import Choice, make_slots

DATA = Path(__file__).parents[1] / "data"
SIOX = Path(__file__).parents[2] / "data" / "reram" / "iv_dc_siox_1t1r.csv.gz"
FILES = {"lrs": DATA / "read_iv_lrs_3.77e25.csv", "hrs": DATA / "read_iv_hrs_7e24.csv"}

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def solver(card):
    return ElectroThermal(card)


@pytest.fixture(scope="module")
def coarse(card):
    return ElectroThermal(card, resolution=0.5)


@pytest.fixture(scope="module")
def ohmic_pair(card):
    return OhmicCell(card), OhmicCell(card, resolution=1.7)


def test_radius_from_another_mesh(card, ohmic_pair):
    fitting, other = ohmic_pair
    fit = fit_forming(synthetic_forming_curves(other, noise=0.0), card, fitting)
    assert fit.parameter("radius").value == pytest.approx(11e-9, rel=1e-3)
    assert fit.parameter("sigma_CMO").value == pytest.approx(5e3, rel=2e-3)


def test_error_bar_covers_the_radius_with_noise(card, ohmic_pair):
    fitting, other = ohmic_pair
    clean = synthetic_forming_curves(other, noise=0.0)[:1]
    hits = 0
    for seed in range(8):
        factor = np.exp(0.01 * generator(seed).standard_normal(clean[0].voltage_V.size))
        noisy = clean[0].replace(clean[0].voltage_V, clean[0].current_A * factor)
        found = fit_forming([noisy], card, fitting, pristine_range_S_per_m=(2.9e3, 3.1e3)).parameter("radius")
        hits += abs(found.value - 11e-9) < 2 * found.standard_error
        assert found.relative_error < 0.01
    assert hits >= 7


def noisy_curve(solver, state, seed):
    bias = np.linspace(0.01, 0.2, 20)
    clean = solver.sweep(bias, state, ambient_K=293.0)
    factor = np.exp(0.005 * generator(seed).standard_normal(bias.size))
    return IVCurve(bias, clean.current_A * factor, 293.0, "lrs", "finite elements with 0.5 % noise")


def test_hopping_parameters_come_back(card, coarse):
    lrs = card.state("lrs")
    true = CellState("x", HoppingParameters(2.4e25, 2.9e-9, lrs.dome.barrier_J), lrs.surround)
    state = fit_hopping([noisy_curve(coarse, true, 1)], card, coarse, lines=False).state("lrs")
    for name, truth in (("N", 2.4e25), ("a_e", 2.9e-9)):
        found = state.parameter(name)
        assert abs(found.value - truth) < 3 * found.standard_error
        assert found.relative_error < 0.2
    assert state.rms_ln < 0.007


@pytest.mark.proof
def test_two_sigma_covers_in_most_of_20_draws(card, coarse):
    """Three ambient temperatures, 1 % noise, N, a_e and dE free, by the fields at every trial point."""
    state = card.state("lrs")
    bias = np.linspace(0.02, 0.2, 10)
    clean = {t: coarse.sweep(bias, state, ambient_K=t).current_A for t in (293.0, 328.0, 358.0)}
    truth = {"N": state.dome.density_m3, "a_e": state.dome.distance_m, "dE": state.dome.barrier_eV}
    hits = dict.fromkeys(truth, 0)
    for seed in range(20):
        curves = [
            IVCurve(bias, amp * np.exp(0.01 * generator(seed, i).standard_normal(bias.size)), t, "lrs")
            for i, (t, amp) in enumerate(clean.items())
        ]
        found = fit_hopping(curves, card, coarse, bias_points=4).state("lrs")
        for name, value in truth.items():
            entry = found.parameter(name)
            hits[name] += abs(entry.value - value) < 2 * entry.standard_error
    assert min(hits.values()) >= 18, hits


def test_measured_cell_of_another_stack(card, coarse):
    """The SiOx cell: an equivalent CMO cell follows its LRS within 3 %, and the fit says what it is."""
    sweep = [c for c in read_iv_csv(SIOX, sweep=True) if c.label.endswith("A_001")]
    lrs, _ = low_field_branches(sweep).curves
    note = "Measured SiOx cell with its transistor, fitted as an equivalent CMO/HfOx cell."
    fit = fit_hopping([lrs], card, coarse, lines=True, fixed={"N": 1e26}, bias_points=6, notes=[note])
    (state,) = fit.states
    assert state.rms_ln < 0.03
    assert note in fit.provenance.notes
    assert any("residuals follow the voltage" in text for text in fit.warnings)
    assert state.card_key == "lrs"


def test_densities_on_the_lines_come_back(card, coarse):
    law = card.hopping
    true = CellState("x", law.parameters(1.5e25), law.parameters(1.1e25))
    state = fit_hopping([noisy_curve(coarse, true, 2)], card, coarse, lines=True).state("lrs")
    for name, truth in (("N", 1.5e25), ("N_s", 1.1e25)):
        found = state.parameter(name)
        assert abs(found.value - truth) < 3 * found.standard_error


def test_known_densities_and_order_come_back_from_curves_without_a_name(card, coarse):
    """Four cells of the family by the fields, 0.5 % noise, no label that names a state: order kept, N within 10 %."""
    known, bias = [1.5e24, 5e24, 1.3e25, 3.1e25], np.linspace(0.01, 0.2, 20)
    curves = []
    for seed, density in enumerate(known):
        clean = coarse.sweep(bias, card.state_at(density), ambient_K=293.0)
        factor = np.exp(0.005 * generator(seed).standard_normal(bias.size))
        curves.append(IVCurve(bias, clean.current_A * factor, 293.0, f"cell {seed}"))
    fit = fit_hopping(curves, card, coarse, bias_points=6)
    for state, density in zip(fit.states, known, strict=True):
        found = state.parameter("N")
        assert found.value == pytest.approx(density, rel=0.1)
        assert abs(found.value - density) < 3 * found.standard_error
    assert not any("inverted" in text for text in fit.warnings)


def test_published_law_keeps_its_order_and_held_surroundings_are_told(card, coarse):
    """Curves of the 0-D law at 2e24 and 7e24: on the lines N rises with them; off the lines it falls and that is said."""
    bias, law = np.linspace(0.01, 0.2, 20), IbmModel(card)
    curves = [
        IVCurve(bias, law.current_A(bias, n), 293.0, f"cell {n:g}") for n in (2e24, 7e24, 1.64e25, 3.77e25)
    ]
    fit = fit_hopping(curves, card, coarse, bias_points=6)
    local = [state.parameter("N").value for state in fit.states]
    assert np.all(np.diff(local) > 0)
    # local and 0-D numbers differ, by less than a factor of 1.6 for this stack
    assert np.all(
        (np.array(local) < [2e24, 7e24, 1.64e25, 3.77e25])
        & (1.6 * np.array(local) > [2e24, 7e24, 1.64e25, 3.77e25])
    )
    assert not any("inverted" in text for text in fit.warnings)
    held = fit_hopping(curves[:2], card, coarse, bias_points=6, lines=False)
    first, second = (state.parameter("N").value for state in held.states)
    assert first > second
    assert any("The order of states is inverted: cell 7e+24 conducts more" in text for text in held.warnings)
    assert any("cell 2e+24: the start state hrs conducts 3.3" in text for text in held.warnings)


def test_jacobian_equals_central_differences(card, coarse):
    curve = read_iv_csv(FILES["lrs"], label="lrs")[0]
    ready = [prepare_curve(curve, bias_points=4)]
    every = ("N", "a_e", "dE", "N_s", "a_s", "dE_s")
    model = HoppingModel(coarse, ready, make_slots(card, "lrs", Choice.of(free=every), ambients=1), "lrs")
    theta, step = model.start(), 1e-4
    exact = model.jac(theta)
    for index in range(theta.size):
        shift = step * np.eye(theta.size)[index]
        central = (model.fun(theta + shift) - model.fun(theta - shift)) / (2 * step)
        np.testing.assert_allclose(exact[:, index], central, rtol=1e-6, atol=2e-7)


@pytest.mark.parametrize("state", ["lrs", "hrs"])
def test_reference_read_curve(state, solver, card):
    curves = read_iv_csv(FILES[state], label=state)
    fit = fit_hopping(curves, card, solver)
    found = fit.state(state)
    assert found.rms_ln < 0.02
    assert found.bounds_hit == ()
    curve = found.curves[0]
    assert curve.voltage_V.size == 80
    assert curve.dome_temperature_mean_K[0] == pytest.approx(293.0, abs=0.1)
    assert 293.0 < curve.dome_temperature_mean_K[-1] < curve.dome_temperature_max_K[-1] < 310.0
    # the mean field of the dome lies between V over all of the CMO and V over the dome
    assert 0.2 * 0.2 / 20e-9 < curve.dome_field_mean_V_per_m[-1] < 0.2 / 13.2e-9
    assert np.all(np.diff(curve.dome_field_mean_V_per_m) > 0)


def test_command_writes_card_and_result(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    argv = ["fit", "hopping", "--label", f"lrs={FILES['lrs']}", "--window", "0.02:0.1", "--bias-points", "4"]
    assert main([*argv, "--resolution", "0.5", "--card", "mine.toml", "--out", "fit.h5", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["kind"] == "hopping"
    (state,) = answer["states"]
    assert state["label"] == "lrs"
    assert state["free"] == ["N", "N_s"]
    assert len(state["covariance"]) == 2
    assert state["rms_ln"] < 0.02
    card = load_card("mine.toml")
    assert card.state("lrs").dome.density_m3 == pytest.approx(state["parameters"][0]["value"], rel=1e-8)
    assert "read_iv_lrs_3.77e25.csv" in card.describe("states.lrs.dome_density")
    assert (tmp_path / "fit.h5").is_file()
