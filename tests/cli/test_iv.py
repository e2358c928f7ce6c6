"""femristor iv: the printed numbers and what it writes; wrong input is in test_bad_input.py."""

import json

import numpy as np

from femristor.cli.main import main
from femristor.core import store
from femristor.core.io.ivfile import read_iv_csv
from femristor.fem.results.fields import FieldSolution

COARSE = "--resolution 0.4"


def test_json_csv_and_hdf5_hold_the_same_curve(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    line = f"iv --state hrs --vmax -0.4 --points 5 {COARSE} --json"
    assert main([*line.split(), "--out", "a.csv"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert main([*line.split(), "--out", "a.h5"]) == 0
    capsys.readouterr()
    (curve,) = read_iv_csv("a.csv")
    stored = store.load("a.h5", FieldSolution)
    np.testing.assert_array_equal(curve.current_A, printed["current_A"])
    np.testing.assert_array_equal(stored.current_A, printed["current_A"])
    assert printed["bias_V"] == [0.0, -0.1, -0.2, -0.30000000000000004, -0.4]
    assert np.all(np.array(printed["current_A"][1:]) < 0)
    assert stored.state.label == "hrs"


def test_fields_for_paraview_and_a_picture(tmp_path, capsys):
    folder = tmp_path / "fields"
    assert main(f"iv --vmax 0.6 --points 3 {COARSE} --fields {folder}".split()) == 0
    assert "T dome [K]" in capsys.readouterr().out
    assert (folder / "map.png").read_bytes().startswith(b"\x89PNG")
    assert list((folder / "fields.bp").iterdir())
    steps = (folder / "steps.csv").read_text().splitlines()
    assert len([row for row in steps if row and not row.startswith("#")]) == 4
    assert {path.name for path in folder.iterdir()} == {"map.png", "fields.bp", "steps.csv"}
