"""`femristor array form`, `cycle`, `pulses --model` and `pulses --measured`: one JSON object, files, one sentence."""

import json

import numpy as np
import pytest

from femristor.array.results.cycling import ArrayCycling
from femristor.array.results.forming import ArrayForming
from femristor.array.results.open_loop import OpenLoopArray
from femristor.cli.main import main
from femristor.core.store import load


def run(capsys, *words) -> dict:
    assert main(["array", *words, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_form(capsys, tmp_path):
    out, figure = str(tmp_path / "f.h5"), tmp_path / "f.png"
    found = run(capsys, "form", "--out", out, "--figure", str(figure))
    assert len(found["form_V"]) == 32 and found["paper_mean_V"] == 3.2 and found["yielded"] == 1.0
    assert figure.read_bytes()[:4] == b"\x89PNG"
    stored = load(out, ArrayForming)
    text = "label,voltage_V,current_A\n" + "".join(
        f"c{k},{v!r},{float(i)!r}\n"
        for k in range(3)
        for v, i in zip(stored.voltage_V.tolist(), stored.current_A[k], strict=True)
    )
    path = tmp_path / "lab.csv"
    path.write_text(text)
    again = run(capsys, "form", "--measured", str(path))
    np.testing.assert_allclose(again["form_V"], found["form_V"][:3], atol=1e-6)
    assert main(["array", "form", "--measured", str(path), "--rows", "8", "--cols", "4"]) == 2
    assert "3 sweeps of lab.csv for 32 cells" in capsys.readouterr().err


def test_cycle(capsys, tmp_path):
    out, figure = str(tmp_path / "c.h5"), tmp_path / "c.png"
    words = ("--rows", "2", "--cols", "2", "--cycles", "2", "--checkpoint", str(tmp_path / "k.h5"))
    found = run(capsys, "cycle", *words, "--out", out, "--figure", str(figure))
    assert np.shape(found["lrs_S"]) == (4, 2) and found["paper_ratio"] == 15 and found["ratio"] > 3
    assert run(capsys, "cycle", *words)["hrs_S"] == found["hrs_S"]
    assert load(out, ArrayCycling).cycles == 2 and figure.exists()


def test_pulses(capsys, tmp_path):
    out, figure = str(tmp_path / "p.h5"), tmp_path / "p.png"
    words = ("--model", "ibm", "--rows", "2", "--cols", "2", "--protocol", "60,60,80", "--set", "1.45")
    found = run(capsys, "pulses", *words, "--out", out, "--figure", str(figure), "--spread", "none")
    assert len(found["n_states"]) == 4 and found["set_V"] == 1.45 and found["spread"] == {}
    assert load(out, OpenLoopArray).seed == 0 and figure.exists()


def test_measured_pulses(capsys, tmp_path):
    path = tmp_path / "pulses.csv"
    path.write_text(
        "conductance_up,conductance_down\n" + "".join(f"{i / 40},{1 - i / 40}\n" for i in range(40))
    )
    found = run(capsys, "pulses", "--measured", str(path), "--figure", str(tmp_path / "m.png"))
    assert found["unit"] == "1" and found["skew"] is None and found["n_states"] > 10


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["form", "--measured", "absent.csv"], "no such file"),
        (["form", "--step", "0"], "no forming sweep"),
        (["form", "--spread-eV", "2"], "lower the spread"),
        (["form", "--out", "form.txt"], "ending .h5"),
        (["cycle", "--spread", "radius"], "--spread"),
        (["cycle", "--spread", "colour=1"], "colour"),
        (["cycle", "--reset", "1"], "reset peak below 0"),
        (["cycle", "--model", "table"], "needs a table"),
        (["cycle", "--cluster", "-1"], "cluster"),
        (["pulses", "--model", "ibm", "--protocol", "4,4,4"], "too short"),
        (["pulses", "--model", "ibm", "--set", "-1"], "above 0"),
        (["pulses", "--model", "ibm", "--match-skew", "2"], "skew between 0 and 1"),
        (["pulses", "--model", "ibm", "--steps", "x.csv"], "--model does not go with --steps"),
        (["pulses", "--measured", "absent.csv"], "no such file"),
    ],
)
def test_bad_input_gets_one_sentence(capsys, tmp_path, monkeypatch, words, sentence):
    monkeypatch.chdir(tmp_path)
    assert main(["array", *words]) == 2
    said = capsys.readouterr().err
    assert sentence in said and "Traceback" not in said
    assert list(tmp_path.iterdir()) == []


def test_measured_forming_of_numbered_and_named_columns(capsys, tmp_path):
    """Two cells in numbered columns, or one of any name; a cell that is missing in the file is named."""
    path = tmp_path / "sweeps.csv"
    volts = np.linspace(0.0, 3.5, 71)
    one, two = (np.where(volts < jump, 1e-10 * volts, 1e-4) for jump in (2.9, 3.1))
    table = np.stack([volts, one, two], axis=1)
    np.savetxt(path, table, delimiter=",", header="voltage_V,current_1_A,current_2_A", comments="")
    found = run(capsys, "form", "--measured", str(path), "--triode-ohm", "0")
    assert found["form_V"] == pytest.approx([2.9, 3.1], abs=0.051)
    path.write_text(path.read_text().replace("current_1_A,current_2_A", "left_A,right_A"))
    named = run(capsys, "form", "--measured", str(path), "--triode-ohm", "0", "--column", "current=right_A")
    assert named["form_V"] == pytest.approx(found["form_V"][1:], abs=1e-12)
    lines = path.read_text().splitlines()
    lines[5] = lines[5].rpartition(",")[0] + ","
    path.write_text("\n".join(lines) + "\n")
    assert main(["array", "form", "--measured", str(path), "--column", "current=right_A"]) == 2
    assert "line 6, column right_A" in capsys.readouterr().err


def test_an_array_that_never_forms_says_so_and_ends(capsys, tmp_path, monkeypatch):
    """By the sweep's peak, and by a card whose devices do not form at any."""
    from femristor.device.card.io import shipped_cards

    assert main(["array", "form", "--peak", "1"]) == 2
    assert "None of 32 devices forms up to 1 V, the first would at" in capsys.readouterr().err
    monkeypatch.setenv("FEMRISTOR_CACHE", str(tmp_path / "cache"))
    text = shipped_cards()["cmo_hfox"].read_text(encoding="utf-8")
    hard = text.replace('activation_energy = { value = "4.4 eV"', 'activation_energy = { value = "9 eV"')
    assert hard != text
    (tmp_path / "hard.toml").write_text(hard)
    assert main(["array", "form", "--card", str(tmp_path / "hard.toml")]) == 2
    error = capsys.readouterr().err
    assert "its device of 8.5 eV does not form up to 5 V" in error and "forming.activation_energy" in error
