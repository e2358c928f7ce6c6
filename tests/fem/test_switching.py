"""Loops of a cell with moving vacancies: reads, barrier laws, thermodiffusion, reservoir, sweep rates, studies."""

from dataclasses import replace

import numpy as np
import pytest

from femristor.core.curves import Waveform
from femristor.core.errors import CardError, InputError
from femristor.device import load_card
from femristor.device.card.io import parse_card, replaced_card_text
from femristor.device.load_line import Load
from femristor.fem.mesh import cell_mesh as mesh
from femristor.fem.switching.cell import SwitchingCell
from femristor.fem.switching.vacancy_forms import REFERENCE_M3, density_values

LOAD = Load(1000.0, 300e-6, 500.0, 1.5e-3, "selector of the prototype")
RESET_V, SET_V = -1.45, 1.4


def _card(**changes):
    """The shipped card with other entries of [vacancies]."""
    entries = {f"vacancies.{key}": value for key, value in changes.items() if key != "polarity"}
    if "polarity" in changes:
        entries["device.polarity"] = changes["polarity"]
    return parse_card(replaced_card_text("cmo_hfox", entries), "card of a test")


def _loop(cell, rate: float = 1.0):
    """Reset and set triangle, from the state in place."""
    return [cell.run(Waveform.triangle([peak], rate)) for peak in (RESET_V, SET_V)]


def _states(halves) -> np.ndarray:
    """HRS and LRS at the read voltage [S]."""
    return np.array([half.end_S for half in halves])


@pytest.fixture(scope="module")
def base():
    """The default loop, and its cell in the HRS."""
    cell = SwitchingCell(load_card(), load=LOAD, resolution=0.3)
    reset = cell.run(Waveform.triangle([RESET_V], 1.0))
    hrs = cell.state()
    halves = [reset, cell.run(Waveform.triangle([SET_V], 1.0))]
    return cell, hrs, halves


def test_loop_is_that_of_the_device(base):
    hrs, lrs = _states(base[2])
    reset, rise = (half.trace for half in base[2])
    print(f"HRS {hrs * 1e6:.3f} uS, LRS {lrs * 1e6:.3f} uS, hottest {reset.temperature_K.max():.0f} K")
    assert lrs > 10 * hrs
    assert max(reset.temperature_K.max(), rise.temperature_K.max()) < 1000
    assert rise.current_A.max() < LOAD.set_limit_A
    # The load line holds at every step: it is solved with the fields.
    ohm, limit = np.where(rise.voltage_applied_V >= 0, LOAD.set_ohm, LOAD.reset_ohm), LOAD.set_limit_A
    line = limit * np.tanh((rise.voltage_applied_V - rise.voltage_device_V) / (ohm * limit))
    # The metal of the face is at one potential but for its sheet resistance, whose square enters here.
    np.testing.assert_allclose(rise.current_A, line, rtol=1e-6, atol=1e-12)


def _assert_same_state(one, two) -> None:
    for name in ("potential_V", "rise_K", "unknown", "applied_V", "steps_s"):
        np.testing.assert_array_equal(getattr(one, name), getattr(two, name), err_msg=name)
    assert one.next_s == two.next_s


def test_read_leaves_a_depleted_state_untouched(base):
    cell, hrs, halves = base
    cell.restore(hrs)
    assert cell.problem.extremes_m3()[0] < 1e-6 * REFERENCE_M3
    before = cell.state()
    # 1e-6 uA of residual on 1.7 uA are 6e-7.
    assert cell.read() == pytest.approx(halves[0].end_S, rel=1e-7)
    found = [cell.read(volt) for volt in (0.2, -0.2, 1.0, -1.3, 0.01)]
    _assert_same_state(before, cell.state())
    # Hopping rises with the field, and the cell is the same from both sides.
    assert found[1] == pytest.approx(found[0], rel=1e-6)
    assert found[4] < found[0] < found[2] < found[3]


def test_reads_at_every_step_do_not_change_the_run(base):
    cell, hrs, _ = base
    runs = []
    for reading in (False, True):
        cell.restore(hrs)
        reads: list[float] = []
        visit = (lambda *_, reads=reads: reads.append(cell.read())) if reading else None
        runs.append(cell.run(Waveform.triangle([1.1], 1.0), on_step=visit))
    assert len(reads) == runs[1].trace.time_s.size - 1
    assert reads[-1] == pytest.approx(runs[1].end_S, rel=1e-7)
    for name in ("time_s", "current_A", "density_m3", "temperature_K"):
        np.testing.assert_array_equal(getattr(runs[0].trace, name), getattr(runs[1].trace, name), name)


def test_barriers_by_the_local_field_give_the_loop_of_the_switched_ones(base):
    switched = _states(_loop(SwitchingCell(_card(barrier_law="voltage"), load=LOAD, resolution=0.3)))
    print(f"voltage law: {switched * 1e6} uS, field law: {_states(base[2]) * 1e6} uS")
    np.testing.assert_allclose(_states(base[2]), switched, rtol=0.02)


def test_single_barrier_closes_a_narrower_loop(base):
    halves = _loop(SwitchingCell(_card(barrier_law="single"), load=LOAD, resolution=0.3))
    hrs, lrs = _states(halves)
    print(f"single barrier: HRS {hrs * 1e6:.2f} uS, LRS {lrs * 1e6:.2f} uS")
    assert lrs > 3 * hrs
    assert lrs / hrs < 0.8 * np.divide(*_states(base[2])[::-1])
    assert np.abs(halves[1].stored / halves[0].stored[0] - 1).max() < 1e-9


def test_thermodiffusion_changes_the_loop(base):
    """A flux down the gradient of T drives vacancies out of the hot dome: a deeper HRS."""
    halves = _loop(SwitchingCell(_card(soret_energy={"value": "0.5 eV"}), load=LOAD, resolution=0.3))
    plain, moved = _states(base[2]), _states(halves)
    print(f"Q = 0.5 eV: {moved * 1e6} uS against {plain * 1e6} uS")
    assert moved[0] < 0.95 * plain[0]
    assert moved[1] > 5 * moved[0]
    assert np.abs(halves[1].stored / halves[0].stored[0] - 1).max() < 1e-9


def test_reservoir_holds_the_density_at_the_filament(base):
    held = 3e25
    card = _card(polarity="C8W", filament_density={"value": f"{held:g} 1/m^3"})
    cell = SwitchingCell(card, load=LOAD, resolution=0.3)
    nodes = cell.problem.filament_nodes()
    radius = cell.problem.places[nodes, 0]
    assert radius.min() == 0
    assert radius.max() == pytest.approx(cell.problem.cell.stack.filament_radius_nm)
    seen: list[np.ndarray] = []

    def visit(*_):
        seen.append(density_values(card, cell.problem.fields[2].x.array[nodes]))

    halves = [cell.run(Waveform.triangle([peak], 1.0), on_step=visit) for peak in (-1.1, 1.0)]
    np.testing.assert_allclose(np.array(seen) * REFERENCE_M3, held, rtol=1e-9)
    exchanged = np.concatenate([half.stored for half in halves])
    print(f"C8W: {_states(halves) * 1e6} uS, stored {exchanged.min():.5g} to {exchanged.max():.5g}")
    assert np.ptp(exchanged) > 1e-4 * exchanged[0]
    with pytest.raises((CardError, InputError), match="filament"):
        SwitchingCell(_card(polarity="C8W"), resolution=0.3)


@pytest.mark.proof
def test_sweep_rates_over_seven_decades(base):
    """Slower sweeps reset deeper; the fastest ones leave the state nearly alone."""
    cell, found = base[0], []
    for rate in (0.1, 1e2, 1e4, 1e6):
        cell.start()
        cell.stepper.next_s = 0.0
        halves = _loop(cell, rate)
        assert all(np.isfinite(half.trace.current_A).all() for half in halves)
        found.append(_states(halves)[0])
    print(f"HRS at 0.1, 1e2, 1e4, 1e6 V/s: {np.array(found) * 1e6} uS")
    assert np.all(np.diff(found) > 0)
    assert found[0] < _states(base[2])[0] < found[1]


def test_tolerance_study(base):
    half = _states(_loop(SwitchingCell(load_card(), load=LOAD, resolution=0.3, tolerance=0.01)))
    print(f"tolerance 0.02: {_states(base[2]) * 1e6} uS, 0.01: {half * 1e6} uS")
    np.testing.assert_allclose(half, _states(base[2]), rtol=0.02)


@pytest.mark.proof
def test_mesh_study(base, monkeypatch):
    """Every edge halved: `resolution` divides the sizes, and the growth away from them is halved too."""
    coarse = mesh.SIZES[2]
    finer = replace(coarse, rim_growth=coarse.rim_growth / 2, dome_growth=coarse.dome_growth / 2)
    monkeypatch.setitem(mesh.SIZES, 2, finer)
    cell = SwitchingCell(load_card(), load=LOAD, resolution=0.6)
    assert cell.problem.unknowns > 3 * base[0].problem.unknowns
    fine = _states(_loop(cell))
    print(
        f"{base[0].problem.unknowns}: {_states(base[2]) * 1e6} uS, {cell.problem.unknowns}: {fine * 1e6} uS"
    )
    np.testing.assert_allclose(fine, _states(base[2]), rtol=0.02)


def test_impossible_starts_and_cards_are_refused():
    cell = SwitchingCell(load_card(), resolution=0.2)
    with pytest.raises(InputError, match="outside"):
        cell.start(7e25)
    with pytest.raises(InputError, match="no time stepping"):
        SwitchingCell(load_card(), resolution=0.2, method="rk4")
    with pytest.raises(InputError, match="section \\[vacancies\\]"):
        SwitchingCell(replace(load_card(), vacancies=None), resolution=0.2)
