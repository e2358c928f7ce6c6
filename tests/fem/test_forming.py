"""Forming: against the closed form of an insulator, the load line, the formed cell, the array, and what follows."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from femristor.core.constants import EV, K_B
from femristor.core.errors import InputError
from femristor.core.store import load as load_result
from femristor.core.store import save
from femristor.device import load_card
from femristor.device.load_line import current, selector_load
from femristor.device.state import CellState
from femristor.fem.electrothermal.cell import ElectroThermal
from femristor.fem.forming.ensemble import forming_array
from femristor.fem.forming.history import history, history_steps
from femristor.fem.forming.process import DISCHARGE_S, GRID_V, FormingCell, FormingPlan
from femristor.fem.results.forming import FormingArray, FormingHistory
from femristor.fem.switching.cell import SwitchingCell

RESOLUTION = 0.3


@pytest.fixture(scope="module")
def card():
    return load_card("cmo_hfox")


@pytest.fixture(scope="module")
def cell(card):
    return FormingCell(card, resolution=RESOLUTION)


@pytest.fixture(scope="module")
def formed(cell):
    return cell.run()


def jump_of_an_insulator(card, rate_V_per_s: float) -> float:
    """Voltage at which the 0-D law runs away: the gap holds the applied voltage, the oxide is as warm as the electrodes."""
    law, thickness = card.forming, card.layer("oxide").thickness_m
    plane = law.plane_m / thickness

    def rate(time, share):
        field = rate_V_per_s * time / thickness / (1 - share * (1 - plane))
        barrier = np.maximum(law.activation_J - law.lowering_C_m * field, 0)
        growth = plane * law.attempt_frequency_Hz * np.exp(-barrier / (K_B * card.ambient_K))
        return growth / (1 + growth * DISCHARGE_S)

    def end(_, share):
        return share[0] - 0.5

    end.terminal = True
    run = solve_ivp(rate, (0, 6), [0.0], method="LSODA", rtol=1e-8, atol=1e-10, events=end, max_step=0.02)
    return rate_V_per_s * run.t_events[0][0]


def test_jump_of_the_insulator(card, formed):
    assert formed.form_applied_V == pytest.approx(jump_of_an_insulator(card, 1.0), abs=1.5 * GRID_V)


def test_field_as_deposited_is_voltage_over_thickness(card, formed):
    early = (formed.voltage_applied_V > 0.5) & (formed.formed_share < 1e-12)
    assert early.sum() > 5
    wanted = formed.voltage_applied_V[early] / card.layer("oxide").thickness_m
    assert np.allclose(formed.gap_field_V_per_m[early], wanted, rtol=1e-3)


def test_triode_is_taken_off_and_the_load_line_holds(cell, formed):
    assert formed.form_V == pytest.approx(formed.form_applied_V - formed.triode_ohm * formed.form_current_A)
    line = cell.load.line(1.0)
    after = formed.current_A > 1e-6
    assert after.sum() > 10
    wanted = current(line, formed.voltage_applied_V, formed.voltage_device_V)
    assert np.allclose(formed.current_A[after], wanted[after], rtol=1e-5)
    assert formed.current_A.max() <= line.limit_A


def test_share_only_grows_and_the_filament_is_complete(card, formed):
    assert np.all(np.diff(formed.formed_share) >= -1e-6)
    assert formed.formed_share[-1] == pytest.approx(1.0, abs=0.02)
    assert formed.filament_conductance_S[-1] / formed.filament_conductance_S[0] > 1e10
    assert formed.pristine_S < 1e-9


def test_formed_cell_reads_as_the_cell_with_the_cards_filament(card, formed):
    site = card.hopping.parameters(card.vacancies.surround_density_m3)
    frozen = ElectroThermal(card, resolution=RESOLUTION).sweep([0.2], CellState("as deposited", site, site))
    assert formed.formed_S == pytest.approx(frozen.current_A[0] / 0.2, rel=0.01)


def test_a_sweep_that_does_not_end_is_ended(card, monkeypatch):
    from femristor.core.errors import ConvergenceError
    from femristor.fem.forming import process as forming

    monkeypatch.setattr(forming, "SOLVES_MOST", 20)
    with pytest.raises(
        ConvergenceError, match=r"20 field solutions did not .* the device never forms; lower the gate"
    ):
        FormingCell(card, resolution=RESOLUTION).run()


def test_a_device_that_never_forms_is_one_sentence(card, cell):
    with pytest.raises(
        InputError, match="did not form; raise the peak or check the activation energy of 9 eV"
    ):
        cell.run(activation_J=9 * EV)


@pytest.mark.slow
def test_array_of_a_stated_spread(card, cell):
    found = forming_array(card, devices=32, seed=3, nodes=3, cell=cell)
    direct = cell.run(activation_J=float(found.activation_J[5]), until_formed=True)
    assert found.form_V[5] == pytest.approx(direct.form_V, abs=0.012)
    # Voltage and energy are in proportion: V = (t/b) E_a less what the attempts take.
    thickness, law = card.layer("oxide").thickness_m, card.forming
    assert found.slope_V_per_J == pytest.approx(thickness / law.lowering_C_m, rel=0.1)
    assert found.sigma_V == pytest.approx(found.slope_V_per_J * np.std(found.activation_J, ddof=1), rel=0.02)
    assert 0 < found.yielded <= 1
    assert "paper 3.2 V" in found.sentences()[0] and "paper 75 mV" in found.sentences()[1]


@pytest.fixture(scope="module")
def cells(card):
    gates = (card.selector.gate_forming_V, card.selector.gate_set_V)
    return tuple(
        SwitchingCell(card, load=selector_load(card, gate_set_V=gate), resolution=RESOLUTION)
        for gate in gates
    )


@pytest.mark.slow
def test_history_leaves_a_state_that_a_cell_starts_from(card, cell, cells, tmp_path):
    steps = history_steps(card, plan=FormingPlan(negative_V=-1.3), forming_cell=cell, cells=cells)
    assert steps.as_deposited_S == pytest.approx(steps.formed.formed_S, rel=0.02)
    # The sweep gathers more than the dome holds; the negative one gives some back to its emptied surroundings.
    assert steps.positive.trace.density_m3[-1] > 2 * steps.positive.trace.density_m3[0]
    assert steps.after_S > steps.gathered_S
    assert np.allclose(steps.negative.stored, steps.positive.stored[0], rtol=1e-8)
    save(steps, tmp_path / "history.h5")
    kept = load_result(tmp_path / "history.h5", FormingHistory)
    cells[1].start()
    cells[1].restore(kept.state)
    assert cells[1].read() == pytest.approx(steps.after_S, rel=1e-6)
    assert "paper: it rises" in kept.sentence()
    assert any("negative sweep" in entry for entry in kept.state.history)


def test_history_needs_a_formed_device(card, cell, cells):
    with pytest.raises(InputError, match="did not form"):
        history(card, plan=FormingPlan(peak_V=2.0), forming_cell=cell, cells=cells)


def test_errors_are_sentences(card, cell):
    with pytest.raises(InputError, match="did not form"):
        cell.run(FormingPlan(peak_V=2.0))
    with pytest.raises(InputError, match="no section"):
        FormingCell(replace(card, forming=None))
    with pytest.raises(InputError, match="negative sweep below 0"):
        FormingPlan(negative_V=1.0)
    with pytest.raises(InputError, match="have no spread"):
        forming_array(card, devices=1, cell=cell)


def test_later_with_stronger_bonds(card):
    assert card.forming.lowering_C_m / 1.602176634e-29 == pytest.approx(39.9, rel=0.01)
    weak = replace(card, forming=replace(card.forming, activation_J=card.forming.activation_J - 0.2 * EV))
    assert jump_of_an_insulator(weak, 1.0) < jump_of_an_insulator(card, 1.0)


def test_array_is_stored(tmp_path):
    kept = FormingArray(
        np.array([1.0, 2.0]),
        np.array([3.0, np.nan]),
        np.array([1e-4, 1e-13]),
        3.0,
        0.1,
        0.5,
        0.1,
        1.0,
        3.2,
        0.075,
        0,
    )
    save(kept, tmp_path / "array.h5")
    assert load_result(tmp_path / "array.h5", FormingArray).yielded == 0.5
