"""femristor array program --by pulses|ispp: one JSON object, resume, figure, one sentence for bad input."""

import json

import numpy as np
import pytest

from femristor.array.results.verify import ProgramVerify
from femristor.cli.main import main
from femristor.core.store import load

FEW = ("array", "program", "--by", "pulses", "--acceptance", "0.02", "--seed", "2")


def run(capsys, *words) -> dict:
    assert main([*words, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_levels_by_pulses(capsys, tmp_path):
    out, figure = tmp_path / "array.h5", tmp_path / "array.png"
    words = (*FEW, "--cells", "10", "--disturb", "--out", str(out), "--figure", str(figure))
    found = run(capsys, *words)
    one = found["runs"][0]
    assert (found["rows"], found["cols"]) == (35, 10) and one["paper_pulses"] == 11
    assert 8 < one["mean_pulses"] < 25
    assert one["sigma_slope"] == pytest.approx(one["card_slope"], rel=0.25)
    assert abs(found["disturb"]["array_worst"]) < 1e-9 and found["disturb"]["cases"][0]["worst"] != 0
    stored = load(out, ProgramVerify)
    np.testing.assert_array_equal(stored.pulses, one["pulses"])
    assert figure.read_bytes()[:4] == b"\x89PNG"
    assert run(capsys, *words)["runs"] == found["runs"]


def test_incremental_and_compare(capsys):
    found = run(
        capsys,
        "array",
        "program",
        "--by",
        "ispp",
        "--levels",
        "6",
        "--cells",
        "8",
        "--compare",
        "--no-read-noise",
    )
    kinds = [(one["by"], one["acceptance"]) for one in found["runs"]]
    assert kinds[0] == ("incremental", 0.002) and set(kinds) == {
        (by, value) for by in ("identical", "incremental") for value in (0.02, 0.002)
    }
    assert found["runs"][0]["paper_pulses"] is None and found["runs"][0]["read_noise"] == "off"


def test_targets_of_a_file_and_checkpoint(capsys, tmp_path):
    path, checkpoint = tmp_path / "targets.csv", tmp_path / "job.h5"
    path.write_text("c0_uS,c1_uS\n20,30\n40,80\n")
    words = (*FEW, "--targets", str(path), "--checkpoint", str(checkpoint), "--spread", "radius=0.02")
    found = run(capsys, *words)
    np.testing.assert_allclose(found["runs"][0]["target_S"], [[20e-6, 30e-6], [40e-6, 80e-6]])
    assert checkpoint.exists() and run(capsys, *words)["runs"] == found["runs"]
    path.write_text("c0,c1\n2e-5,3e-5\n4e-5,8e-5\n")
    words = (*FEW, "--targets", str(path), "--unit", "S", "--spread", "radius=0.02")
    again = run(capsys, *words)["runs"][0]
    assert again["pulses"] == found["runs"][0]["pulses"]
    np.testing.assert_allclose(again["conductance_S"], found["runs"][0]["conductance_S"], rtol=1e-9)


def test_text_has_the_papers_numbers(capsys):
    assert main([*FEW, "--rows", "8", "--cols", "8"]) == 0
    text = capsys.readouterr().out
    assert "paper" in text and "11" in text and "card's slope" in text and "8 x 8 cells" in text


@pytest.mark.parametrize(
    ("words", "file", "said"),
    [
        (("--targets", "FILE"), "c0_uS\n200\n", "outside the window"),
        (("--targets", "FILE"), "c0,c1\n20,30\n", "names no single unit"),
        (("--targets", "FILE"), "c0_uS,c1_uS\n20\n", "line 2"),
        (("--targets", "FILE"), "c0_uS\nx\n", "line 2, column 1: 'x' is not a number"),
        (("--targets", "FILE"), "c0_uS\nnan\n", "line 2, column 1: nan is not finite"),
        (("--targets", "FILE"), "c0_uS\n", "no targets"),
        (("--targets", "missing.csv"), "", "no such file"),
        (("--rows", "4"), "", "--rows and --cols"),
        (("--spread", "radius"), "", "no deviation"),
        (("--spread", "colour=0.1"), "", "no spread"),
        (("--max-pulses", "0"), "", "1 or more pulses"),
        (("--model", "table"), "", "--table FILE"),
        (("--cluster", "-1"), "", "cluster"),
        (("--cells", "0"), "", "--cells: 0 is too few"),
        (("--out", "array.csv"), "", ".h5"),
    ],
)
def test_bad_input(capsys, tmp_path, monkeypatch, words, file, said):
    monkeypatch.chdir(tmp_path)
    if file:
        (tmp_path / "targets.csv").write_text(file)
    before = sorted(tmp_path.iterdir())
    assert main([*FEW, *("targets.csv" if word == "FILE" else word for word in words)]) == 2
    captured = capsys.readouterr()
    assert said in captured.err and "Traceback" not in captured.err and captured.out == ""
    assert sorted(tmp_path.iterdir()) == before


def test_pulse_options_need_pulses(capsys):
    assert main(["array", "program", "--rows", "4", "--cols", "4"]) == 2
    assert "--by pulses" in capsys.readouterr().err
