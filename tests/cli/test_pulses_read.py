"""Which conductance the trains hold: I/V of the cell alone at the read voltage, in words, in numbers, and when read back."""

import json

import numpy as np
import pytest

from femristor.cli.main import main
from femristor.compact.fit.data import read_pulses_csv
from femristor.compact.ibm import IbmModel
from femristor.device import load_card


def test_conductances_of_a_train_are_those_of_the_cell_alone(tmp_path, capsys):
    path = tmp_path / "train.csv"
    argv = "pulses --model ibm --start N=1.64e25 --up 20 --down 20 --alternate 20 --csv".split()
    assert main([*argv, str(path), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    model, card = IbmModel(load_card()), load_card()
    table = np.genfromtxt(path, delimiter=",", names=True)
    assert table.dtype.names == ("pulse", "phase", "direction", "G_S", "N_m3", "T_K", "I_A")
    alone = model.conductance_S(table["N_m3"], card.statistics.read_voltage_V)
    np.testing.assert_allclose(table["G_S"], alone, rtol=1e-6)
    assert "cell alone at 0.2 V, nothing in series" in found["conductance"]
    assert main([*argv, str(path)]) == 0
    assert "cell alone at 0.2 V, nothing in series" in capsys.readouterr().out
    # Taken as read at the terminals, the same numbers would be those of cells up to 2 % more conductive.
    assert read_pulses_csv(path).read_at == "device"


@pytest.mark.parametrize("model", ["ibm", "compact"])
def test_points_of_a_sweep(model, tmp_path, capsys):
    table = tmp_path / "table.h5"
    argv = ["sweep", "--model", model, "--vmax", "1.2", "--vmin", "-1.2"]
    if model == "compact":
        assert (
            main(
                ["compact", "build", "--model", "published", "--jobs", "1", "--no-cache", "--out", str(table)]
            )
            == 0
        )
        argv += ["--table", str(table)]
    capsys.readouterr()
    ends = {}
    for points in (11, 101):
        assert main([*argv, "--points", str(points), "--json"]) == 0
        found = json.loads(capsys.readouterr().out)
        assert len(found["time_s"]) == 4 * (points - 1) + 1
        ends[points] = found["density_m3"][-1]
    # Points are where the answer is given, not how well it is solved.
    assert ends[11] == pytest.approx(ends[101], rel=1e-3)
    if model == "compact":
        alone = ["compact", "sweep", "--cell", "1T1R", "--table", str(table), "--points", "11", "--json"]
        assert main(alone) == 0
        assert len(json.loads(capsys.readouterr().out)["time_s"]) == 41
