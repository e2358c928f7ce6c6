"""Restart files of moving vacancies: interrupted and failed runs continue as if nothing had happened."""

import re

import numpy as np
import pytest

from femristor.core.curves import Waveform
from femristor.core.errors import ConvergenceError, FemristorError, InputError
from femristor.core.store import load
from femristor.device import load_card
from femristor.device.load_line import Load
from femristor.device.pulse_scheme import PulseScheme
from femristor.fem.results.switching import SwitchingState
from femristor.fem.switching.cell import SwitchingCell
from femristor.fem.switching.pulses import pulse_train

LOAD = Load(1000.0, 300e-6, 500.0, 1.5e-3, "selector of the prototype")
WAVE = Waveform.triangle([-1.2, 1.0], 1.0)
COLUMNS = ("time_s", "voltage_applied_V", "voltage_device_V", "current_A", "density_m3", "temperature_K")


def _cell(**options) -> SwitchingCell:
    return SwitchingCell(load_card(), **{"load": LOAD, "resolution": 0.2} | options)


@pytest.fixture(scope="module")
def whole():
    """The curve of a run that nothing disturbs."""
    return _cell().run(WAVE)


@pytest.fixture(scope="module")
def whole_counts():
    """What the cell of such a run counts."""
    cell = _cell()
    cell.run(WAVE)
    return cell.counts


def _assert_same(found, expected) -> None:
    """Every number, to the bit: curve, reads before and after, and the work counted."""
    for name in COLUMNS:
        np.testing.assert_array_equal(getattr(found.trace, name), getattr(expected.trace, name), err_msg=name)
    for name in ("stored", "density_min_m3", "density_max_m3", "step_s"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name), err_msg=name)
    assert (found.start_S, found.end_S, found.newton_steps) == (
        expected.start_S,
        expected.end_S,
        expected.newton_steps,
    )


def _interrupt_after(steps: int):
    left = iter(range(steps))

    def visit(*_):
        if next(left, None) is None:
            raise KeyboardInterrupt

    return visit


def test_interrupted_runs_continue_on_the_same_curve(whole, tmp_path):
    """Interrupted in the falling reset and at the very end of a piece, each time taken up by a new cell."""
    path = tmp_path / "run.h5"
    corner = int(np.flatnonzero(np.isclose(whole.trace.time_s, 1.2, atol=1e-12))[0])
    with pytest.raises(KeyboardInterrupt):
        _cell().run(WAVE, on_step=_interrupt_after(corner), checkpoint=path)
    kept = load(path, SwitchingState)
    assert kept.rows.shape[0] == corner + 1
    with pytest.raises(KeyboardInterrupt):
        _cell().run(WAVE, on_step=_interrupt_after(20), checkpoint=path)
    assert load(path, SwitchingState).rows.shape[0] == corner + 21
    _assert_same(_cell().run(WAVE, checkpoint=path), whole)
    assert not path.exists()


def _break_in(owner, name: str, calls: int) -> None:
    """Interrupt a method after so many calls."""
    method, left = getattr(owner, name), iter(range(calls))

    def breaks(*arguments):
        if next(left, None) is None:
            raise KeyboardInterrupt
        return method(*arguments)

    setattr(owner, name, breaks)


@pytest.mark.parametrize("seed", range(2))
def test_random_interrupts_leave_no_trace(whole, whole_counts, tmp_path, seed):
    """Anywhere: before, in and after the solve of a step, between the step and its row; each time a new cell."""
    rng, path = np.random.default_rng(seed), tmp_path / "run.h5"
    for name in ("solve", "hottest_K", "density_values"):
        cell = _cell()
        _break_in(cell.problem, name, int(rng.integers(1, 60)))
        with pytest.raises(KeyboardInterrupt):
            cell.run(WAVE, checkpoint=path)
    cell = _cell()
    _assert_same(cell.run(WAVE, checkpoint=path), whole)
    np.testing.assert_array_equal(cell.counts, whole_counts)


def test_a_second_run_on_one_restart_file_is_refused(tmp_path):
    path, cell, said = tmp_path / "run.h5", _cell(), []

    def visit(*_):
        if not said:
            with pytest.raises(InputError, match="another run works on it") as caught:
                _cell().run(WAVE, checkpoint=path)
            said.append(str(caught.value))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cell.run(WAVE, on_step=visit, checkpoint=path)
    assert str(path) in said[0] and "another checkpoint" in said[0]
    assert [entry.name for entry in tmp_path.iterdir()] == ["run.h5"]  # the lock went with the run


def test_resumed_run_of_a_used_cell_keeps_its_start(tmp_path):
    """The conductance before the run is that of the state it began from, not of the cell that takes it up."""
    cell = _cell()
    cell.run(Waveform.triangle([-1.2], 1.0))
    used, wave, path = cell.state(), Waveform.triangle([1.0], 1.0), tmp_path / "run.h5"
    expected = cell.run(wave)
    cell.restore(used)
    with pytest.raises(KeyboardInterrupt):
        cell.run(wave, on_step=_interrupt_after(10), checkpoint=path)
    _assert_same(_cell().run(wave, checkpoint=path), expected)


def test_failing_run_tells_when_and_why_and_can_be_taken_up(whole, tmp_path, monkeypatch):
    path, cell = tmp_path / "run.h5", _cell()
    solve = cell.problem.solve

    def fails_above_half_a_volt():
        volt = float(cell.stepper.problem._applied.value)
        return (False, 10, "the line search found no descent") if volt < -0.5 else solve()

    monkeypatch.setattr(cell.problem, "solve", fails_above_half_a_volt)
    with pytest.raises(ConvergenceError) as caught:
        cell.run(WAVE, checkpoint=path)
    message = str(caught.value)
    found = re.search(r"stopped at (\S+) s: .* from 0 to -1.2 V, at (\S+) V applied", message)
    assert found, message
    assert float(found[1]) == pytest.approx(0.5, abs=1e-3)
    assert float(found[2]) == pytest.approx(-0.5, abs=1e-3)
    assert "the line search found no descent" in message
    assert "raise the series resistance" in message
    monkeypatch.undo()
    found = _cell().run(WAVE, checkpoint=path)
    # The steps before the failure were cut, so the curve has other steps but the same course.
    np.testing.assert_allclose(found.end_S, whole.end_S, rtol=0.02)
    assert not path.exists()


OTHERS = {
    "waveform": ({}, Waveform.triangle([-1.1, 1.0], 1.0)),
    "load": ({"load": Load(2000.0, 300e-6, 500.0, 1.5e-3, LOAD.label)}, WAVE),
    "tolerance": ({"tolerance": 0.01}, WAVE),
    "method": ({"method": "euler"}, WAVE),
    "mesh": ({"resolution": 0.3}, WAVE),
    "ambient": ({"ambient_K": 350.0}, WAVE),
    "regularisation": ({"regularisation": 1e-4}, WAVE),
}


@pytest.fixture(scope="module")
def interrupted(tmp_path_factory):
    """A restart file."""
    path = tmp_path_factory.mktemp("restart") / "run.h5"
    with pytest.raises(KeyboardInterrupt):
        _cell().run(WAVE, on_step=_interrupt_after(3), checkpoint=path)
    return path


@pytest.mark.parametrize("what", OTHERS)
def test_restart_file_of_other_work_is_refused(interrupted, what):
    options, wave = OTHERS[what]
    with pytest.raises(InputError, match="a restart file of another") as caught:
        _cell(**options).run(wave, checkpoint=interrupted)
    assert str(caught.value).count(". ") == 0
    assert str(interrupted) in str(caught.value)
    assert interrupted.exists()


def test_damaged_restart_file_is_refused(tmp_path):
    path = tmp_path / "run.h5"
    path.write_bytes(b"not a store")
    with pytest.raises(FemristorError, match=r"run\.h5"):
        _cell().run(WAVE, checkpoint=path)


def test_pulse_train_continues_after_an_interrupt(tmp_path, monkeypatch):
    """Restart files are written every five pulses."""
    scheme, counts, path = (
        PulseScheme(1.5, -1.5, 2.5e-6),
        {"n_up": 4, "n_down": 3, "n_alternate": 0},
        tmp_path / "t.h5",
    )
    cell, counted, again = _cell(), _cell(), _cell()
    expected = pulse_train(counted, scheme, **counts)
    run, done = cell.run, []

    def breaks_in_the_sixth(*arguments, **options):
        if len(done) == 5:
            raise KeyboardInterrupt
        done.append(1)
        return run(*arguments, **options)

    monkeypatch.setattr(cell, "run", breaks_in_the_sixth)
    with pytest.raises(KeyboardInterrupt):
        pulse_train(cell, scheme, **counts, checkpoint=path)
    found = pulse_train(again, scheme, **counts, checkpoint=path)
    for name in ("conductance_S", "density_m3", "temperature_K", "current_A"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name), err_msg=name)
    assert found.start_conductance_S == expected.start_conductance_S
    np.testing.assert_array_equal(again.counts, counted.counts)
    with pytest.raises(KeyboardInterrupt):
        pulse_train(cell, scheme, **counts, checkpoint=path)
    assert not path.exists()
