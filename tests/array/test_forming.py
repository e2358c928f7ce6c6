"""Forming: known voltages come back from synthetic sweeps; the array's curves are those of the field solution."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from femristor.array.experiments import forming
from femristor.array.experiments.forming import build_family, form_array, measured_forming, sweep_voltage
from femristor.array.experiments.forming_extract import extract_forming
from femristor.array.results.forming import ArrayForming, FormingFamily
from femristor.core.constants import EV
from femristor.core.curves import IVCurve
from femristor.core.errors import InputError, RangeError
from femristor.core.store import load, save
from femristor.device import load_card
from femristor.device.load_line import current, selector_load
from femristor.report.demo.forming_family import SHIPPED

CARD = load_card("cmo_hfox")
FAMILY = load(SHIPPED, FormingFamily)


def synthetic(form_applied_V, gate_V=1.2, step_V=0.005, device_ohm=4000.0, leak_S=1e-10):
    """A device that jumps to a resistor behind the card's selector; its true forming voltage."""
    line = selector_load(CARD, gate_set_V=gate_V).line(1.0)
    volt = sweep_voltage(3.6, step_V)

    def behind(applied):
        low, high = 0.0, applied
        for _ in range(80):
            middle = 0.5 * (low + high)
            more = current(line, applied, middle) > middle / device_ohm
            low, high = (middle, high) if more else (low, middle)
        return low / device_ohm

    top = int(np.argmax(volt))
    formed = (volt >= form_applied_V) | (np.arange(volt.size) > top)
    amps = np.array([behind(v) if on else leak_S * v for v, on in zip(volt, formed, strict=True)])
    return volt, amps, line.ohm, form_applied_V - line.ohm * behind(form_applied_V)


@pytest.mark.parametrize("gate_V", [0.9, 1.2, 1.6, 3.3])
@pytest.mark.parametrize("step_V", [0.005, 0.01, 0.018])
def test_known_forming_voltage_within_ten_millivolts(gate_V, step_V):
    for applied in (2.0, 2.7312, 3.2):
        volt, amps, ohm, truth = synthetic(applied, gate_V, step_V)
        assert abs(extract_forming(volt, amps, ohm).form_V[0] - truth) < 0.010


@given(seed=st.integers(0, 10_000), applied=st.floats(1.5, 3.4))
@settings(max_examples=25, deadline=None)
def test_noise_spikes_and_compliance_steps_do_not_move_it(seed, applied):
    volt, amps, ohm, truth = synthetic(applied)
    rng = np.random.default_rng(seed)
    noisy = amps * (1 + 0.005 * rng.standard_normal(amps.size)) + 1e-8 * rng.standard_normal(amps.size)
    before = int(np.argmax(volt >= applied))
    noisy[rng.integers(5, before - 10)] = 1e-3  # a glitch, higher than the jump
    if before + 20 < np.argmax(volt):
        noisy[before + 10 :] *= 1.9  # a step of the compliance
    assert abs(extract_forming(volt, noisy, ohm).form_V[0] - truth) < 0.010


def test_a_sample_in_the_middle_of_the_jump():
    volt, amps, ohm, truth = synthetic(2.75)
    at = int(np.argmax(volt >= 2.75))
    amps[at] = 0.6 * amps[at]
    assert abs(extract_forming(volt, amps, ohm).form_V[0] - truth) < 0.010


def test_no_jump_is_no_yield():
    volt = sweep_voltage(3.6, 0.01)
    rng = np.random.default_rng(1)
    flat = 1e-9 * rng.standard_normal((3, volt.size))
    flat[1] += 1e-6 * volt
    flat[2] = volt / 1e4 * np.where(volt > 2, 1.5, 1.0)
    assert not extract_forming(volt, flat, 500.0).formed.any()


def test_bad_sweeps_get_a_sentence():
    volt, amps, ohm, _ = synthetic(2.75)
    at = int(np.argmax(volt >= 2.75))
    broken = amps.copy()
    broken[10] = np.nan
    with pytest.raises(InputError, match="missing \\(NaN\\), in 1 of 2 cells"):
        extract_forming(volt, np.stack([amps, broken]), ohm)
    with pytest.raises(InputError, match="ends at"):
        extract_forming(volt[: at + 1], amps[: at + 1], ohm)
    with pytest.raises(InputError, match="does not rise from point"):
        extract_forming(np.r_[volt[:20], volt[10], volt[20:]], np.r_[amps[:20], 0.0, amps[20:]], ohm)
    with pytest.raises(InputError, match="only 5 points"):
        extract_forming(volt[:5], amps[:5], ohm)
    with pytest.raises(InputError, match="do not fit"):
        extract_forming(volt, amps[:-1], ohm)
    with pytest.raises(InputError, match="below 0 ohm"):
        extract_forming(volt, amps, -1.0)
    with pytest.raises(InputError, match="1 sweeps of lab for 32 cells"):
        measured_forming([IVCurve(volt, amps, 293.0, "a", "lab")], ohm, rows=8, cols=4)


def test_the_array_follows_the_family(tmp_path):
    found = form_array(CARD, FAMILY, rows=20, cols=20, seed=3)
    jumps = np.interp(found.activation_J, FAMILY.activation_J, FAMILY.jump_V)
    inside = np.isfinite(found.form_applied_V)
    assert np.max(np.abs(found.form_applied_V - jumps)[inside]) < 0.004
    assert found.yielded == np.mean(jumps <= 3.6) and found.sigma_V == pytest.approx(0.0866, rel=0.1)
    np.testing.assert_allclose(
        found.form_V, found.form_applied_V - found.triode_ohm * found.form_current_A, rtol=1e-12
    )
    again = form_array(CARD, FAMILY, rows=20, cols=20, seed=3)
    np.testing.assert_array_equal(found.form_V, again.form_V)
    back = load(save(found, tmp_path / "form.h5"), ArrayForming)
    np.testing.assert_array_equal(back.form_V, found.form_V)
    assert back.cost.energy_J == found.cost.energy_J > 0
    assert "paper 3.2 V" in found.sentences()[0]


def test_selectors_and_gates_take_their_part():
    one = form_array(CARD, FAMILY, spread_J=0.0)
    assert one.sigma_V == pytest.approx(0.0, abs=1e-9)
    own = form_array(CARD, FAMILY, spread_J=0.0, threshold_spread_V=0.05)
    assert np.ptp(own.form_current_A) > 1e-5
    low = form_array(CARD, FAMILY, spread_J=0.0, gate_V=0.9)
    assert low.form_current_A[0] < one.form_current_A[0]
    assert low.form_applied_V[0] == one.form_applied_V[0]


def test_late_devices_do_not_form_and_far_ones_are_refused():
    assert 0.2 < form_array(CARD, FAMILY, rows=20, cols=20, peak_V=3.2).yielded < 0.6
    with pytest.raises(RangeError, match="leave the energies"):
        form_array(CARD, FAMILY, spread_J=1.0 * EV)
    with pytest.raises(InputError, match="has no cell"):
        form_array(CARD, FAMILY, rows=0)
    with pytest.raises(InputError, match="no forming sweep"):
        form_array(CARD, FAMILY, step_V=0.0)


def test_an_array_that_never_forms_says_so_and_ends():
    with pytest.raises(
        RangeError, match=r"None of 32 devices forms up to 1 V, the first would at 3\.\d+ V; raise the peak"
    ):
        form_array(CARD, FAMILY, peak_V=1.0)
    with pytest.raises(InputError, match="None of 32 sweeps has the jump of forming"):
        form_array(CARD, FAMILY, noise_A=1.0)
    volt, _, ohm, _ = synthetic(2.75)
    with pytest.raises(InputError, match="None of 2 sweeps has the jump of forming"):
        measured_forming([IVCurve(volt, 1e-9 * volt, 293.0, str(k), "lab") for k in range(2)], ohm)
    one = form_array(CARD, FAMILY, rows=1, cols=1)
    assert (
        np.isfinite(one.mean_V)
        and one.yielded == 1.0
        and "sigma not known of one device" in one.sentences()[1]
    )


def test_an_interrupted_array_is_continued_to_the_bit(tmp_path, monkeypatch):
    path, options = tmp_path / "keep.h5", {"rows": 40, "cols": 40, "noise_A": 1e-7, "seed": 5}
    whole = form_array(CARD, FAMILY, **options)
    extract, left = forming.extract_forming, iter(range(2))

    def breaks(*arguments, **named):
        if next(left, None) is None:
            with pytest.raises(InputError, match="another run works on it"):
                form_array(CARD, FAMILY, **options, checkpoint=path)
            raise KeyboardInterrupt
        return extract(*arguments, **named)

    monkeypatch.setattr(forming, "extract_forming", breaks)
    with pytest.raises(KeyboardInterrupt, match=r"of 1600 cells are kept in .*keep\.h5"):
        form_array(CARD, FAMILY, **options, checkpoint=path)
    monkeypatch.undo()
    resumed = form_array(CARD, FAMILY, **options, checkpoint=path)
    for name in ("form_V", "form_applied_V", "form_current_A", "current_A", "mean_V", "sigma_V"):
        np.testing.assert_array_equal(getattr(resumed, name), getattr(whole, name), err_msg=name)
    assert resumed.cost == whole.cost and [entry.name for entry in tmp_path.iterdir()] == ["keep.h5"]


@pytest.mark.slow
def test_family_equals_a_device_of_the_field_solution():
    from femristor.fem.forming.process import FormingCell, FormingPlan

    cell = FormingCell(CARD)
    solved = [cell.run(FormingPlan(peak_V=4.2), activation_J=e * EV) for e in (4.2, 4.6)]
    small = build_family(CARD, solved)
    assert small.key == FAMILY.key
    jumps = np.interp(small.activation_J, FAMILY.activation_J, FAMILY.jump_V)
    np.testing.assert_allclose(jumps, small.jump_V, atol=0.005)
    for entry in solved:
        own = form_array(CARD, FAMILY, rows=1, cols=1, spread_J=0.0, peak_V=4.2)
        assert entry.formed_S > 1e-5 and own.form_current_A[0] == pytest.approx(
            entry.form_current_A, rel=0.01
        )
