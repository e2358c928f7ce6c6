"""Read curves out of switching sweeps."""

from pathlib import Path

import numpy as np
import pytest

from femristor.core.curves import IVCurve
from femristor.core.errors import InputError
from femristor.core.io.ivfile import read_iv_csv
from femristor.transport.branches import low_field_branches, signed_curve, split_sweep

SIOX = Path(__file__).parents[2] / "data" / "reram" / "iv_dc_siox_1t1r.csv.gz"


def sweep(volts):
    volts = np.asarray(volts, dtype=float)
    return IVCurve(volts, np.arange(volts.size, dtype=float), label="cell")


def test_split_at_the_turns():
    branches = split_sweep(sweep([0, 0.1, 0.1, 0.2, 0.3, 0.2, 0.1, 0, -0.1, -0.2, -0.2, -0.1, 0]))
    assert [list(branch.voltage_V) for branch in branches] == [
        [0, 0.1, 0.2, 0.3],
        [0.3, 0.2, 0.1, 0, -0.1, -0.2],
        [-0.2, -0.1, 0],
    ]
    assert list(branches[2].current_A) == [10, 11, 12]
    assert all(branch.is_monotonic for branch in branches)


LRS_S, HRS_S = 8e-5, 8e-6
DOWN = np.linspace(0, -1, 21)
CYCLE = np.concatenate([-DOWN[:-1], -DOWN[::-1][:-1], DOWN, DOWN[::-1][1:]])


def loop(volts, *, set_sign, label="cell"):
    """A cell that sets at 0.9 V of one sign and resets at 0.9 V of the other; every branch ohmic; it starts in HRS."""
    state, amps = HRS_S, []
    for volt in volts:
        amps.append(state * volt)
        state = LRS_S if volt * set_sign > 0.9 else HRS_S if volt * set_sign < -0.9 else state
    return IVCurve(volts, np.array(amps), label=label)


@pytest.mark.parametrize("set_sign", [1, -1])
@pytest.mark.parametrize("first", [1, -1])
def test_polarity_follows_from_the_resistances(set_sign, first):
    found = low_field_branches([loop(first * np.concatenate([CYCLE, CYCLE[1:]]), set_sign=set_sign)], 0.2)
    assert found.reset_sign == -set_sign
    lrs, hrs = ([c for c in found.curves if c.label.endswith(state)] for state in ("lrs", "hrs"))
    assert len(lrs) == len(hrs) >= 1
    # a half sweep that meets the cell in HRS already changes nothing and is said
    assert len(found.warnings) == (1 if first != set_sign else 0)
    switched = [k for k, ratio in enumerate(found.ratio) if ratio > 1.1]
    assert [found.ratio[k] for k in switched] == pytest.approx([LRS_S / HRS_S] * len(switched))
    for k in switched:
        assert lrs[k].current_A / lrs[k].voltage_V == pytest.approx(LRS_S)
        assert hrs[k].current_A / hrs[k].voltage_V == pytest.approx(HRS_S)
        assert np.all(np.sign(lrs[k].voltage_V) == -set_sign)


def test_branches_in_order_and_numbered():
    sweeps = [loop(CYCLE, set_sign=1)]
    lrs, hrs = low_field_branches(sweeps, 0.2).curves
    assert (lrs.label, hrs.label) == ("cell lrs", "cell hrs")
    np.testing.assert_allclose(lrs.voltage_V, [-0.05, -0.1, -0.15, -0.2])
    np.testing.assert_allclose(hrs.voltage_V, [-0.05, -0.1, -0.15, -0.2])
    twice = low_field_branches([loop(np.concatenate([CYCLE, CYCLE[1:]]), set_sign=1)], 0.2)
    names = ["cell cycle 1 lrs", "cell cycle 1 hrs", "cell cycle 2 lrs", "cell cycle 2 hrs"]
    assert [curve.label for curve in twice.curves] == names


def test_the_wrong_sign_is_refused_and_a_single_set_is_named():
    with pytest.raises(
        InputError, match=r"to positive voltages raise the conductance .10 times.*negative ones"
    ):
        low_field_branches([loop(CYCLE, set_sign=1)], 0.2, reset_sign=1)
    only_set = CYCLE[: CYCLE.size // 2 + 1]
    with pytest.raises(
        InputError, match=r"No half of the sweeps lowers the conductance .*10 times to positive"
    ):
        low_field_branches([loop(only_set, set_sign=1)], 0.2)
    # one sweep of three goes the wrong way: its branch that conducts more is still the one called lrs
    odd = loop(CYCLE, set_sign=-1, label="odd")
    found = low_field_branches([loop(CYCLE, set_sign=1), odd, loop(CYCLE, set_sign=1)], 0.2)
    assert found.reset_sign == -1
    lrs, hrs = (next(c for c in found.curves if c.label == f"odd {state}") for state in ("lrs", "hrs"))
    assert lrs.current_A[0] / lrs.voltage_V[0] > hrs.current_A[0] / hrs.voltage_V[0]
    assert any(text.startswith("odd: the sweep to negative voltages raised") for text in found.warnings)


def test_measured_siox_cell():
    sweeps = read_iv_csv(SIOX, sweep=True)
    assert len(sweeps) == 121
    found = low_field_branches(sweeps)
    curves = found.curves
    assert found.reset_sign == -1
    assert len(curves) == 242
    lrs = [curve for curve in curves if curve.label.endswith("lrs")]
    hrs = [curve for curve in curves if curve.label.endswith("hrs")]
    conductance = [np.array([np.median(c.current_A / c.voltage_V) for c in part]) for part in (lrs, hrs)]
    assert np.all(conductance[0] > 5e-5)
    assert np.all(conductance[1] < 0.3 * conductance[0])
    assert all(curve.voltage_V.size == 12 and np.all(curve.voltage_V < 0) for curve in curves)
    assert np.all(signed_curve(sweeps[0]).current_A * sweeps[0].voltage_V >= 0)


@pytest.mark.parametrize(
    ("volts", "limit", "words"),
    [
        ([0, 0.5, 1.0], 0.2, "no sweep to a voltage and back"),
        ([0, 0.1, 0.15, 0.2, 1.0, 0.2, 0.15, 0.1, 0], 0.2, "No half of the sweeps lowers"),
        ([0, -0.5, -1.0, -0.5, 0], 0.2, "has 0 points below 0.2 V"),
        ([0, -0.5, -1.0, -0.5, 0], 0.0, "leaves no read curve"),
    ],
)
def test_refusals(volts, limit, words):
    with pytest.raises(InputError, match=words):
        low_field_branches([sweep(volts)], limit)
