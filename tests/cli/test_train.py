"""femristor train mnist: the run, --json, resume, a table device, and wrong input."""

import json

import numpy as np
import pytest

from femristor.cli.main import main
from femristor.core import store
from femristor.nn.results.training import TrainingCheckpoint, TrainingRun

QUICK = "--train-images 320 --test-images 100 --epochs 1"


def run(capsys, line: str) -> tuple[int, str, str]:
    code = main(f"train mnist {line}".split())
    captured = capsys.readouterr()
    return code, captured.out, captured.err


@pytest.fixture(autouse=True)
def _folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def steps_csv(path, sign=-1):
    g = np.linspace(9, 88, 30)
    w = (g - g[0]) / (g[-1] - g[0])
    rows = [f"{a:.4f},{3 * (1.02 - b):.4f},{sign * 3.5 * (0.02 + b):.4f}" for a, b in zip(g, w, strict=True)]
    path.write_text("conductance_uS,step_up_uS,step_down_uS\n" + "\n".join(rows) + "\n")


@pytest.mark.parametrize("device", ["paper", "symmetric", "fp"])
def test_trains_and_writes_its_files(capsys, tmp_path, device):
    code, out, _ = run(capsys, f"{QUICK} --device {device} --out run --json --seed 3")
    assert code == 0
    said = json.loads(out)
    kept = store.load(tmp_path / "run" / "run.h5", TrainingRun)
    assert said["accuracy"] == list(kept.accuracy) and said["epochs"] == 1
    assert said["settings"]["seed"] == 3 and kept.provenance.card_hash
    assert (said["fast_pulses"][0] > 0) == (device != "fp")
    assert store.load(tmp_path / "run" / "checkpoint.h5", TrainingCheckpoint).epoch == 1


def test_text_has_the_paper_beside_ours(capsys):
    code, out, _ = run(capsys, f"{QUICK} --out run")
    assert code == 0
    assert "paper 96.9 %" in out and "difference" in out and "784-256-128-10" in out


def test_table_from_a_csv_and_resume(capsys, tmp_path):
    steps_csv(tmp_path / "steps.csv")
    line = "--train-images 320 --test-images 100 --device table --table steps.csv --rule sgd --json"
    code, _, _ = run(capsys, f"{line} --epochs 1 --out run")
    assert code == 0
    code, resumed, _ = run(capsys, f"{line} --epochs 2 --out run --resume")
    assert code == 0
    code, whole, _ = run(capsys, f"{line} --epochs 2 --out other")
    assert json.loads(resumed)["loss"] == json.loads(whole)["loss"]
    assert json.loads(whole)["device"] == "steps of steps.csv"


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("--device table", "--table FILE"),
        ("--device table --table none.csv", "none.csv"),
        ("--device table --table none.h5", "none.h5"),
        ("--epochs 0", "--epochs: 0 is too few; give 1 or more"),
        ("--device fp --transfer-every 3", "--transfer-every belongs to --device paper"),
        ("--train-images 70000", "70000"),
        ("--lr -1", "learning rate"),
        ("--nsr -1", "noise_to_signal"),
        ("--data nowhere", "nowhere"),
        ("--resume --out empty", "checkpoint.h5: no such file"),
        ("--threads 0", "threads"),
        ("--card missing_card", "missing_card"),
    ],
)
def test_wrong_input_is_one_sentence(capsys, line, words):
    code, out, err = run(capsys, line)
    assert code == 2 and out == ""
    assert words in err and len(err.strip().splitlines()) == 1


def test_a_run_of_something_else_is_no_table(capsys, tmp_path):
    assert run(capsys, f"{QUICK} --device fp --out run")[0] == 0
    code, _, err = run(capsys, "--device table --table run/run.h5")
    assert code == 2 and "neither a compact table nor pulse steps" in err


def test_diverging_training_says_so(capsys):
    code, _, err = run(capsys, f"{QUICK} --device fp --lr 1e5 --out run")
    assert code == 2 and "diverged" in err


def test_layers_on_tiles_and_a_resume_of_others(capsys):
    code, out, _ = run(capsys, f"{QUICK} --max-tile 512 --out run --json")
    assert code == 0 and json.loads(out)["settings"]["max_tile"] == 512
    code, out, err = run(capsys, f"{QUICK} --epochs 2 --max-tile 256 --out run --resume --json")
    assert code == 2 and "max_tile = 512" in err and "Traceback" not in err
    code, _, err = run(capsys, f"{QUICK} --max-tile 1 --out other")
    assert code == 2 and "0 for no limit" in err


def test_a_training_that_can_go_on_is_not_started_over(capsys, tmp_path):
    line = f"--device fp {QUICK} --out run"
    assert run(capsys, line)[0] == 0
    assert run(capsys, line)[0] == 0
    (tmp_path / "run" / "run.h5").unlink()
    before = (tmp_path / "run" / "checkpoint.h5").read_bytes()
    code, _, err = run(capsys, line)
    assert code == 2 and "--resume" in err and err.strip().count("\n") == 0
    assert (tmp_path / "run" / "checkpoint.h5").read_bytes() == before
    assert run(capsys, f"{line} --resume")[0] == 0


TEXT = "--hidden 8 --sequence 20 --train-characters 6500 --test-characters 1000"


@pytest.mark.parametrize("device", ["fp", "paper"])
def test_text_trains_and_resumes(capsys, tmp_path, device):
    def text(line):
        code = main(f"train text --device {device} {TEXT} --json {line}".split())
        return code, json.loads(capsys.readouterr().out)

    assert text("--epochs 1 --out run")[0] == 0
    resumed, whole = text("--epochs 2 --out run --resume")[1], text("--epochs 2 --out other")[1]
    assert resumed["perplexity"] == whole["perplexity"] and len(whole["perplexity"]) == 2
    assert whole["settings"]["weight_scale"] == (1.0 if device == "fp" else 6.0)
    assert device == "fp" or whole["settings"]["rule.transfer_every"] == 32
