"""Cells that melt are no results, whichever solver they come from; hot ones are told of once."""

from dataclasses import replace

import numpy as np
import pytest

from femristor.compact.dynamics.pulses import model_pulse_train
from femristor.compact.dynamics.trace import trace_sweep
from femristor.compact.ibm import IbmConstants, IbmModel
from femristor.compact.table.closed_form import ClosedFormSampler, published_form
from femristor.compact.table.grid import default_grid
from femristor.compact.table.sample import build_table
from femristor.core.curves import Waveform
from femristor.core.errors import VoidError
from femristor.core.messages import gathered
from femristor.core.store import load
from femristor.device import load_card
from femristor.device.load_line import Load
from femristor.fem.electrothermal.cell import ElectroThermal
from femristor.fem.forming.process import FormingCell
from femristor.fem.results.switching import SwitchingState
from femristor.fem.switching.cell import SwitchingCell

CARD = load_card("cmo_hfox")
LIMITED = Load(1000.0, 300e-6, 500.0, 1.5e-3, "selector of the prototype")


def test_fields_of_a_frozen_state():
    """Bare LRS at 2.5 V is above the melting of Ta2O5, at 4 V above that of tungsten."""
    solver = ElectroThermal(CARD, resolution=0.2)
    with gathered(silent=True) as told:
        found = solver.sweep([0.2, 2.5], CARD.states["lrs"])
        solver.sweep([2.6], CARD.states["lrs"])
    assert 2148 < found.temperature_max_K[1] < 3695
    assert len(told) == 1 and "range.temperature_max" in told[0]
    with pytest.raises(VoidError, match=r"ends on [\d.]+ K at 4 V, above 3695 K"):
        solver.sweep([4.0], CARD.states["lrs"])
    with gathered(silent=True) as told:
        solver.sweep([1.3], CARD.states["lrs"])
    assert told == []


def test_moving_vacancies_stop_where_they_melt(tmp_path):
    """The restart file keeps the last step below."""
    cell, path = SwitchingCell(CARD, load=LIMITED, resolution=0.2), tmp_path / "run.h5"
    measured = cell.problem.hottest_K
    cell.problem.hottest_K = lambda: 293 + 20 * (measured() - 293)
    with pytest.raises(VoidError, match=r"ends on .* K at .* s and -\d\.\d+ V applied") as caught:
        cell.run(Waveform.triangle([-1.3], 1.0), checkpoint=path)
    assert "stopped" not in str(caught.value)
    kept = load(path, SwitchingState)
    assert kept.rows.shape[0] > 1 and kept.rows[:, 5].max() <= 3695
    assert kept.reached_s == kept.rows[-1, 0]


def test_forming_stops_where_it_melts(monkeypatch):
    cell = FormingCell(CARD, resolution=0.2)
    solve = cell._solve
    monkeypatch.setattr(cell, "_solve", lambda *place: replace(solve(*place), hottest_K=9000.0))
    with pytest.raises(VoidError, match="9000 K at"):
        cell.run()


def _warm(times: float) -> IbmModel:
    usual = IbmConstants.published(CARD)
    return IbmModel(CARD, constants=replace(usual, thermal_K_per_W=times * usual.thermal_K_per_W))


def test_the_published_law_in_sweeps_and_pulses():
    """The kernels run as before; their result is looked at."""
    wave, start = Waveform.triangle([-1.4], 1.0), 3e25
    base = trace_sweep(IbmModel(CARD), wave, start)
    rise = base.temperature_K.max() - 293
    with gathered(silent=True) as told:
        hot = trace_sweep(_warm(8), Waveform(np.array([0, 1e-9]), np.array([0.0, -1.4]), "jump"), start)
    assert rise > 100 and 2148 < hot.temperature_K.max() < 3695 and len(told) == 1
    jump = Waveform(np.array([0, 1e-15]), np.array([0.0, -3.0]), "jump")
    with pytest.raises(VoidError, match="at -"):
        trace_sweep(_warm(20), jump, start)
    from femristor.device.pulse_scheme import PulseScheme

    with pytest.raises(VoidError, match="at -3 V"):
        model_pulse_train(
            _warm(20), CARD, start_density_m3=start, scheme=PulseScheme(3.0, -3.0, 1e-14), n_up=0, n_down=1,
            n_alternate=0, load=Load.series(1.0),
        )  # fmt: skip


def test_a_table_says_once_how_hot_it_is_and_is_not_made_of_what_melts(tmp_path):
    grid = default_grid(CARD, bias_points=6, density_points=4, ambient_points=1)
    form = published_form(CARD)
    warm = replace(CARD, range=replace(CARD.range, temperature_max_K=500.0))
    with gathered(silent=True) as told:
        build_table(warm, ClosedFormSampler(warm, form), grid, probes=0)
    assert len(told) == 1 and "The table of card cmo_hfox reaches" in told[0]
    hot = replace(form, thermal_K_per_W=20 * form.thermal_K_per_W)
    with pytest.raises(VoidError, match=r"The sweep at dome density .* K at .* V, above 3695 K"):
        build_table(CARD, ClosedFormSampler(CARD, hot), grid, probes=0)
