"""What `femristor fit` assumes of its files is said, and `fit branches` finds the polarity."""

import json

import numpy as np
import pytest

from femristor.cli.fit.inputs import read_curves
from femristor.cli.main import main
from femristor.core.io.ivfile import read_iv_csv

VOLT = np.linspace(0.02, 0.2, 10)


def write(path, head, columns):
    rows = zip(*columns, strict=True)
    path.write_text(head + "\n" + "".join(",".join(f"{x:g}" for x in row) + "\n" for row in rows))
    return str(path)


def test_assumed_ambient_and_separate_states_are_said(tmp_path):
    cold = write(tmp_path / "A.csv", "V_V,I_A", (VOLT, 5e-5 * VOLT))
    warm = write(tmp_path / "B.csv", "V_V,I_A", (VOLT, 6e-5 * VOLT))
    told = write(tmp_path / "C.csv", "V_V,I_A,T_ambient_K", (VOLT, 6e-5 * VOLT, np.full(10, 328.0)))
    given = read_curves([cold, warm, told], [], [], [])
    assert [curve.ambient_K for curve in given.curves] == [293.0, 293.0, 328.0]
    ambient, states = given.assumed
    assert "293 K is assumed for A.csv, B.csv: no column and no --ambient" in ambient
    assert (
        "Each of A.csv, B.csv, C.csv is taken as a state of its own" in states
        and "--label lrs=FILE" in states
    )
    labels = [f"lrs={path}" for path in (cold, warm, told)]
    assert read_curves([], labels, [f"{cold}=293", f"{warm}=310"], []).assumed == ()


@pytest.mark.parametrize("sign", [1, -1])
def test_branches_command_names_the_branch_that_conducts_more_lrs(sign, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    half = np.concatenate([np.linspace(0, 1, 21), np.linspace(1, 0, 21)[1:]])
    # reset (sign of the voltage as given) from 80 to 8 uS, then set back
    amps = np.where(np.arange(half.size) <= 20, 8e-5, 8e-6) * half * sign
    back = np.where(np.arange(half.size) <= 20, 8e-6, 8e-5) * half * -sign
    volts, amps = np.concatenate([half * sign, -half[1:] * sign]), np.concatenate([amps, back[1:]])
    write(tmp_path / "sweep.csv", "V_V,I_A", (volts, amps))
    assert main(["fit", "branches", "sweep.csv", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["reset"] == ("positive" if sign > 0 else "negative")
    assert answer["ratio"] == pytest.approx([10.0]) and answer["warnings"] == []
    found = {
        curve.label: np.median(curve.current_A / curve.voltage_V) for curve in read_iv_csv("read_curves.csv")
    }
    assert found["sweep lrs"] == pytest.approx(8e-5, rel=1e-3) and found["sweep hrs"] == pytest.approx(
        8e-6, rel=1e-3
    )
    wrong = "negative" if sign > 0 else "positive"
    assert main(["fit", "branches", "sweep.csv", "--reset", wrong]) == 2
    assert f"Sweeps to {wrong} voltages raise the conductance (10 times" in capsys.readouterr().err
