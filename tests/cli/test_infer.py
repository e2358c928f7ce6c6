"""femristor infer: runs, files, resume, figure, and wrong input."""

import json

import pytest

from femristor.cli.main import main
from femristor.core import store
from femristor.nn.results.inference import InferenceExperiment, NetworkWeights

QUICK = "--draws 2 --times 0,3e8 --train-images 600 --epochs 1 --aware-epochs 1 --test-images 200"
GIVEN = "--draws 2 --times 0,3e8 --test-images 200"


def run(capsys, line: str) -> tuple[int, str, str]:
    code = main(f"infer {line}".split())
    captured = capsys.readouterr()
    return code, captured.out, captured.err


@pytest.fixture(autouse=True)
def _folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_every_case_with_its_files_and_resume(capsys, tmp_path):
    line = f"cnn {QUICK} --every-case --out o --figure f.png --report r.json"
    code, out, err = run(capsys, line)
    assert code == 0, err
    assert "95 % confidence" in out and out.count("hardware-aware") == 4 and "9.51 y" in out
    report = json.loads((tmp_path / "r.json").read_text())
    assert report["schema"] == 1 and report["seed"] == 0 and len(report["cases"]) == 8
    assert {"command", "date", "machine", "interval"} <= set(report)
    assert (tmp_path / "f.png").read_bytes()[:4] == b"\x89PNG"
    case = report["cases"][0]
    kept = store.load(tmp_path / "o" / "experiment-single-none-plain.h5", InferenceExperiment)
    assert case["values"] == kept.values.tolist() and case["settings"]["test_images"] == 200
    aware = store.load(tmp_path / "o" / "weights-aware-single-shift.h5", NetworkWeights)
    # Only uncompensated single devices are trained under the common shift.
    assert aware.settings["aware.shift"] < 0 and aware.settings["before.epochs"] == 1
    assert store.load(tmp_path / "o" / "weights-aware-pair.h5", NetworkWeights).settings["aware.shift"] == 0
    code, _, err = run(capsys, f"{line} --resume")
    assert code == 0 and "training" not in err
    again = json.loads((tmp_path / "r.json").read_text())
    assert [entry["values"] for entry in again["cases"]] == [entry["values"] for entry in report["cases"]]


def test_weights_of_an_earlier_run_and_json(capsys, tmp_path):
    code, out, _ = run(capsys, f"cnn {QUICK} --hardware-aware --mapping pair --out a --json --seed 3")
    assert code == 0
    said = json.loads(out)
    assert said["cases"][0]["hardware_aware"] and said["network"] == "cnn" and said["out"] == "a"
    code, again, err = run(
        capsys, f"cnn {GIVEN} --weights a/weights-aware-pair.h5 --mapping pair --out b --json --seed 3"
    )
    assert code == 0 and "training" not in err
    assert json.loads(again)["cases"][0]["values"] == said["cases"][0]["values"]
    code, _, err = run(capsys, f"mnist {GIVEN} --weights a/weights-plain.h5 --out c")
    assert code == 2 and "holds the network cnn, but mnist is wanted" in err


def test_text(capsys):
    code, out, err = run(
        capsys,
        "text --draws 1 --times 0,3e8 --train-characters 6000 --epochs 1 --test-characters 1000 --max-tile 64",
    )
    assert code == 0, err
    assert "perplexity" in out and "76992 weights on 22 crossbars" in out


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("mnist --draws 0", "--draws: 0 is too few"),
        ("mnist --times 3,1", "do not rise"),
        ("mnist --times now", "no list of numbers"),
        ("cnn --max-tile 0", "tiles of 0"),
        ("cnn --epochs 0", "--epochs: 0 is too few"),
        ("cnn --processes 0", "--processes: 0 is too few"),
        ("cnn --input-bits 1", "converter of 1 bits"),
        ("cnn --acceptance 0.3", "0.3"),
        ("cnn --hardware-aware --aware-time -1", "-1"),
        ("cnn --test-images 0", "0 test images"),
        ("cnn --train-images 0", "0 training images"),
        ("cnn --card nowhere", "nowhere"),
        ("cnn --data missing", "not found in missing"),
        ("text --test-characters 3", "3 characters"),
        ("cnn --weights missing.h5", "no such file"),
        ("cnn --mapping triple", "triple"),
    ],
)
def test_wrong_input_gets_one_sentence_and_leaves_nothing(capsys, tmp_path, line, sentence):
    code, out, err = run(capsys, f"{line} --out o")
    assert code == 2 and out == ""
    assert sentence in err and "Traceback" not in err and err.count("femristor: error:") == 1
    assert not list(tmp_path.rglob("*.h5"))
