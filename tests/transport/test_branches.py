"""Read curves out of switching sweeps."""

from pathlib import Path

import numpy as np
import pytest

from femristor.core.curves import IVCurve
from femristor.core.errors import InputError
from femristor.core.ivfile import read_iv_csv
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


def test_reset_branches_in_order():
    down = np.linspace(0, -1, 21)
    volts = np.concatenate([np.linspace(0, 1, 21)[:-1], np.linspace(1, 0, 21)[:-1], down, down[::-1][1:]])
    lrs, hrs = low_field_branches([sweep(volts)], 0.2)
    assert (lrs.label, hrs.label) == ("cell lrs", "cell hrs")
    np.testing.assert_allclose(lrs.voltage_V, [-0.05, -0.1, -0.15, -0.2])
    np.testing.assert_allclose(hrs.voltage_V, [-0.05, -0.1, -0.15, -0.2])
    assert abs(lrs.current_A[0]) < abs(hrs.current_A[0])  # the current here counts the rows
    twice = low_field_branches([sweep(np.concatenate([volts, volts[1:]]))], 0.2)
    assert [curve.label for curve in twice] == [
        "cell cycle 1 lrs",
        "cell cycle 1 hrs",
        "cell cycle 2 lrs",
        "cell cycle 2 hrs",
    ]
    assert low_field_branches([sweep(-volts)], 0.2, reset_sign=1)[0].voltage_V[0] == pytest.approx(0.05)


def test_measured_siox_cell():
    sweeps = read_iv_csv(SIOX, sweep=True)
    assert len(sweeps) == 121
    curves = low_field_branches(sweeps)
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
        ([0, 0.5, 1.0, 0.5, 0], 0.2, "no sweep to negative voltages"),
        ([0, -0.5, -1.0, -0.5, 0], 0.2, "has 0 points below 0.2 V"),
        ([0, -0.5, -1.0, -0.5, 0], 0.0, "leaves no read curve"),
    ],
)
def test_refusals(volts, limit, words):
    with pytest.raises(InputError, match=words):
        low_field_branches([sweep(volts)], limit)
