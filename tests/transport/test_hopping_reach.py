"""What a hopping fit changes in every model of the cell: through the states, and through new lines a_e(N), dE(N)."""

import json

import numpy as np
import pytest

from femristor.cli.main import main
from femristor.compact.ibm import IbmModel
from femristor.compact.table.closed_form import ClosedFormSampler, published_form
from femristor.core.errors import InputError
from femristor.core.io.ivfile import write_iv_csv
from femristor.device.card.io import parse_card, replaced_card_text
from femristor.device.state import CellState, HoppingParameters
from femristor.transport.hopping.fit import fit_hopping
from femristor.transport.hopping.reach import changes_with_lines, lines_through, off_lines, reach_warning

EV = 1.602176634e-19
OFF = {"lrs": (2.9e25, 2.4e-9, 0.055), "hrs": (6e24, 3.1e-9, 0.068)}
"""N, a_e, dE of domes that lie off the card's lines."""


@pytest.fixture
def fit(cell, card):
    """Both states at three temperatures, so that all three numbers are fitted."""
    curves = []
    for label, (density, distance, barrier) in OFF.items():
        state = CellState(
            label, HoppingParameters(density, distance, barrier * EV), card.states[label].surround
        )
        curves += [cell.curve(state, label=label, ambient_K=t, points=20) for t in (273.0, 300.0, 350.0)]
    return fit_hopping(curves, card, cell)


@pytest.fixture
def fitted(fit, card):
    return parse_card(replaced_card_text("cmo_hfox", changes_with_lines(fit, card), "fitted"), "fitted.toml")


@pytest.fixture
def states_only(fit):
    return parse_card(replaced_card_text("cmo_hfox", fit.changes(), "fitted"), "fitted.toml")


def test_new_lines_pass_through_the_states(fit, fitted, card):
    assert off_lines(fit, card.hopping) == ("lrs", "hrs") and off_lines(fit, fitted.hopping) == ()
    for density, distance, barrier in OFF.values():
        assert fitted.hopping.distance_m(density) == pytest.approx(distance, rel=1e-5)
        assert fitted.hopping.barrier_J(density) == pytest.approx(barrier * EV, rel=1e-5)
    # The family of states is then the lines alone: the one-dome model and the table have no kink at the states.
    middle = fitted.state_at(1.4e25)
    assert middle.dome.distance_m == pytest.approx(fitted.hopping.distance_m(1.4e25), rel=1e-6)
    assert fitted.hopping.background_density_m3 == card.hopping.background_density_m3


def test_states_conduct_as_fitted_with_new_lines(cell, fit, fitted, states_only):
    """The surroundings of the fitted states stay where they were, though their line moves."""
    bias = np.array([0.05, 0.2])
    for label in OFF:
        found, before = (
            cell.sweep_with_sensitivity(bias, made.states[label], ambient_K=293.0)[0].current_A
            for made in (fitted, states_only)
        )
        np.testing.assert_allclose(found, before, rtol=1e-6)


def test_models_of_the_lines_change_with_new_lines_only(card, states_only, fitted):
    def currents(made):
        closed = ClosedFormSampler(made, published_form(made))(np.array([0.2]), 2e25, 293.0)
        return np.array([float(IbmModel(made).current_A(0.2, 2e25)), closed.current_A[0]])

    np.testing.assert_array_equal(currents(states_only), currents(card))
    assert np.all(np.abs(np.log(currents(fitted) / currents(card))) > 0.05)


@pytest.mark.slow
def test_fields_with_moving_vacancies_and_the_dome_read_the_card(card, states_only, fitted):
    """Moving vacancies: lines and background; one dome: its states as well."""
    from femristor.fem.regional.cell import DomeCell
    from femristor.fem.switching.cell import SwitchingCell

    dense = parse_card(
        replaced_card_text("cmo_hfox", {"hopping.background_density": {"value": "8e24 1/m^3", "source": "E", "confidence": "E"}}),
        "dense.toml",
    )  # fmt: skip
    cards = (card, states_only, fitted, dense)
    pde, dome = (
        np.array([made(one, resolution=0.3).read() for one in cards]) for made in (SwitchingCell, DomeCell)
    )
    assert pde[1] == pytest.approx(pde[0], rel=1e-9)
    assert abs(np.log(pde[2] / pde[0])) > 0.05 and np.log(pde[3] / pde[0]) > 0.03
    assert abs(np.log(dome[1] / dome[0])) > 0.05 and np.log(dome[3] / dome[0]) > 0.03
    assert dome[2] == pytest.approx(dome[1], rel=1e-6)


def test_what_is_unseen_is_told(fit, card, cell):
    told = reach_warning(fit, card, new_lines=False)
    assert "lrs, hrs off the lines" in told and "--model pde" in told and "--new-lines" in told
    assert reach_warning(fit, card, new_lines=True) == ""
    tied = fit_hopping([cell.curve(card.state("lrs"), label="lrs")], card, cell)
    assert reach_warning(tied, card, new_lines=False) == ""
    with pytest.raises(InputError, match="lie on the card's lines"):
        lines_through(tied, card.hopping)
    one = fit_hopping([cell.curve(card.state("lrs"), label="lrs")], card, cell, fixed={"a_e": 2.5e-9})
    with pytest.raises(InputError, match="two states of different N"):
        lines_through(one, card.hopping)


def test_command_says_who_reads_and_writes_lines(cell, card, monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("femristor.fem.electrothermal.cell.ElectroThermal", lambda card, *, resolution: cell)
    curves = []
    for label, (density, distance, barrier) in OFF.items():
        state = CellState(
            label, HoppingParameters(density, distance, barrier * EV), card.states[label].surround
        )
        curves += [cell.curve(state, label=label, ambient_K=t, points=20) for t in (273.0, 350.0)]
    write_iv_csv(curves, "iv.csv")
    assert main(["fit", "hopping", "iv.csv", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert any("--new-lines" in text for text in answer["warnings"])
    assert "hopping.distance_0" not in answer["changes"] and "--model pde" in answer["reach"]
    assert main(["fit", "hopping", "iv.csv", "--new-lines"]) == 2
    assert "--card OUT.toml" in capsys.readouterr().err
    assert main(["fit", "hopping", "iv.csv", "--new-lines", "--card", "mine.toml", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert not any("--new-lines" in text for text in answer["warnings"])
    assert answer["changes"]["hopping.distance_0"]["confidence"] == "F"
    assert main(["card", "check", "mine.toml", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert "vacancies.dome_density" in said["cards"][0]["stale"], "modelled with the old lines"
    assert "states.lrs.dome_density" not in said["cards"][0]["stale"]
