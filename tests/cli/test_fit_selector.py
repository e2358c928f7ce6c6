"""femristor fit selector: the printed and stored transistor; wrong input is one sentence and exit code 2."""

import json
from importlib import resources

import numpy as np

from femristor.cli.main import main
from femristor.core import store
from femristor.device.selector import SelectorFit

RECORD = resources.files("femristor") / "data" / "reference" / "sweep_1t1r_1e00Vps_hrs_1.3V.csv.gz"


def test_fit_of_the_carried_sweep(tmp_path, capsys):
    path = tmp_path / "selector.h5"
    assert main(["fit", "selector", str(RECORD), "--out", str(path), "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    stored = store.load(path, SelectorFit)
    np.testing.assert_array_equal(stored.value, printed["value"])
    assert printed["gates_V"] == [1.4, 3.3] and printed["max_error"] < 0.025
    assert printed["provenance"]["inputs"]
    assert main(["fit", "selector", str(RECORD)]) == 0
    text = capsys.readouterr().out
    assert "threshold" in text and "gates 1.4, 3.3 V" in text


def test_wrong_input(tmp_path, capsys):
    data = tmp_path / "mine.csv"
    data.write_text("V_DS_V,I_D_uA\n0,0\n0.1,20\n")
    for line, said in (
        (f"fit selector {tmp_path}/none.csv", "no such file"),
        (f"fit selector {data}", "no gate column"),
        (f"fit selector {data} --gate 1.4", "do not tell a transistor"),
        (f"fit selector {data} --column source=x", "no column source=x"),
    ):
        assert main(line.split()) == 2
        error = capsys.readouterr().err
        assert said in error and "Traceback" not in error
