"""`femristor array` and `femristor mvm`: one JSON object, stored results, one sentence for bad input."""

import json

import numpy as np
import pytest

from femristor.array.results.cells import LevelDistribution, PulseResponse, RelaxationTrace
from femristor.cli.main import main
from femristor.compact.table.closed_form import ClosedFormSampler, published_form
from femristor.compact.table.grid import default_grid
from femristor.compact.table.sample import build_table
from femristor.core.store import load, save
from femristor.device import load_card
from femristor.nn.results.mvm import MvmExperiment

STEPS = "conductance_uS,step_up_uS,step_down_uS\n10,4,0\n50,2,-2\n90,0,-4\n"


@pytest.fixture
def steps(tmp_path):
    path = tmp_path / "steps.csv"
    path.write_text(STEPS)
    return str(path)


def run(capsys, *words) -> dict:
    assert main([*words, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_array_program(capsys, tmp_path):
    out = str(tmp_path / "levels.h5")
    found = run(capsys, "array", "program", "--cells", "40", "--times", "0,600", "--out", out, "--seed", "3")
    assert len(found["target_S"]) == 35 and [one["time_s"] for one in found["times"]] == [0.0, 600.0]
    assert 0.05 < found["times"][1]["overlap_law"] < 0.12
    assert load(out, LevelDistribution).time_s == 600.0
    assert (
        run(capsys, "array", "program", "--cells", "40", "--times", "0,600", "--seed", "3")["times"]
        == found["times"]
    )


def test_array_relax(capsys, tmp_path):
    out = str(tmp_path / "trace.h5")
    found = run(
        capsys, "array", "relax", "--cells", "50", "--levels-uS", "20,40", "--times", "1,3600", "--out", out
    )
    assert found["law_mean_S"][1] == pytest.approx(-0.729e-6, abs=1e-9)
    assert load(out, RelaxationTrace).change_S.shape == (2, 2, 50)


def test_array_pulses(capsys, tmp_path, steps):
    out = str(tmp_path / "pulses.h5")
    words = ("array", "pulses", "--steps", steps, "--cells", "4", "--out", out)
    found = run(capsys, *words)
    np.testing.assert_allclose(found["symmetry_skew"], 0.5, atol=0.02)
    stored = load(out, PulseResponse)
    assert stored.model == "steps.csv" and list(stored.provenance.inputs) == [steps]


def test_mvm(capsys, tmp_path):
    out = str(tmp_path / "mvm.h5")
    found = run(capsys, "mvm", "--draws", "2", "--seed", "1", "--out", out)
    assert found["rmse_mean"][1] == pytest.approx(0.063, rel=0.06)
    assert found["reference_rmse"] == [0.049, 0.063, 0.112, 0.142, 0.2]
    np.testing.assert_array_equal(load(out, MvmExperiment).rmse, found["rmse"])
    assert run(capsys, "mvm", "--draws", "2", "--seed", "1")["rmse"] == found["rmse"]


def test_mvm_without_converters_and_for_pairs(capsys):
    found = run(
        capsys,
        "mvm",
        "--draws",
        "2",
        "--size",
        "8",
        "--input-bits",
        "0",
        "--output-bits",
        "0",
        "--times",
        "0",
    )
    assert found["settings"]["input_bits"] is None and found["reference_rmse"] == []
    assert run(capsys, "mvm", "--draws", "2", "--mapping", "pair")["settings"]["mapping"] == "pair"


def test_text_names_the_distribution_and_the_paper(capsys, steps):
    assert main(["mvm", "--draws", "2"]) == 0
    text = capsys.readouterr().out
    assert "standard deviation 0.5, clipped to +-1" in text and "paper" in text and "0.200" in text
    assert main(["array", "program", "--times", "600", "--cells", "5"]) == 0
    assert "9.6 %" in capsys.readouterr().out
    assert main(["array", "relax", "--cells", "5"]) == 0
    assert main(["array", "pulses", "--steps", steps, "--cells", "2", "--protocol", "9,9,9"]) == 0


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["array", "program", "--acceptance", "0.5"], "use one of 0.002, 0.02"),
        (["array", "program", "--times", "600,1"], "cannot go back"),
        (["array", "program", "--times", "soon"], "no list of numbers"),
        (["array", "program", "--levels", "1"], "2 or more"),
        (["array", "relax", "--levels-uS", "5"], "outside the window"),
        (["array", "relax", "--levels-uS", "nan"], "finite"),
        (["array", "pulses"], "one of --steps"),
        (["array", "pulses", "--steps", "absent.csv"], "no such file"),
        (["array", "pulses", "--table", "absent.h5"], "no such file"),
        (["mvm", "--times", "1,a"], "no list of numbers"),
        (["mvm", "--times", "-1"], "begin at 0 s"),
        (["mvm", "--input-bits", "1"], "2 to 24"),
        (["mvm", "--size", "0"], "1 or more"),
        (["mvm", "--mapping", "triple"], "triple"),
        (["mvm", "--card", "absent.toml"], "absent.toml"),
    ],
)
def test_bad_input_is_one_sentence_and_exit_code_2(capsys, words, sentence):
    assert main(words) == 2
    printed = capsys.readouterr()
    lines = [line for line in printed.err.splitlines() if line.startswith("femristor: error:")]
    assert printed.out == "" and len(lines) == 1 and sentence in lines[0]
    assert "Traceback" not in printed.err


def test_read_only_output_keeps_what_was_there(capsys, tmp_path):
    out = tmp_path / "file" / "mvm.h5"
    (tmp_path / "file").write_text("not a folder")
    assert main(["mvm", "--draws", "1", "--size", "4", "--out", str(out)]) == 2
    assert (tmp_path / "file").read_text() == "not a folder"


def test_step_table_with_a_hole(capsys, steps):
    with open(steps, "a") as stream:
        stream.write("95,,1\n")
    assert main(["array", "pulses", "--steps", steps]) == 2
    assert "line 5" in capsys.readouterr().err


def test_array_pulses_from_a_compact_table(capsys, tmp_path):
    card = load_card("cmo_hfox")
    table = build_table(card, ClosedFormSampler(card, published_form(card)), default_grid(card), probes=0)
    path = str(save(table, tmp_path / "compact.h5"))
    found = run(capsys, "array", "pulses", "--table", path, "--cells", "3", "--noise", "0.3", "--seed", "2")
    assert "1.35/-1.3 V" in found["model"]
    assert 0.2 < np.mean(found["noise_to_signal"]) < 0.4 and np.mean(found["n_states"]) > 2
    assert main(["array", "pulses", "--table", path, "--reset", "1.0"]) == 2
    assert "reset one below" in capsys.readouterr().err
