"""femristor experiment: quick runs of the project's cards, reports, figures, and wrong input."""

import json
from pathlib import Path

import pytest

from femristor.cli.main import main
from femristor.nn.devices.files import save_device
from femristor.nn.devices.soft_bounds import SoftBoundsDevice

EXPERIMENTS = Path(__file__).parents[2] / "experiments"
CARD = """
schema = 1
task = "mnist"
title = "A small experiment"
seeds = [0, 1]
[settings]
epochs = 1
train_images = 200
test_images = 100
layers = [784, 8, 10]
[[run]]
name = "fp"
label = "floating point"
device = "fp"
settings = { lr = 0.5 }
paper = "98.3 %"
"""


def call(capsys, *words) -> tuple[int, str, str]:
    code = main(["experiment", *map(str, words)])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


@pytest.fixture(autouse=True)
def _folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "small.toml").write_text(CARD)


def test_run_and_report(capsys, tmp_path):
    code, out, _ = call(capsys, "run", "small.toml", "--json")
    assert code == 0
    said = json.loads(out)
    (row,) = said["runs"]
    assert row["seeds"] == [0, 1] and row["epochs"] == 1 and row["paper"] == pytest.approx(0.983)
    assert row["accuracy"] == pytest.approx(sum(row["by_seed"]) / 2)
    folder = tmp_path / "femristor-experiment" / "small"
    assert Path(said["results"]) == folder.relative_to(tmp_path) / "results.jsonl"
    code, out, _ = call(capsys, "report", folder, "--figure", "small.png")
    assert code == 0 and "98.30" in out and "A small experiment" in out
    assert (tmp_path / "small.png").stat().st_size > 10_000


@pytest.mark.parametrize(("card", "only"), [("text", "good"), ("mnist", "derived"), ("ablation", "skew-0.7")])
def test_quick_runs_of_the_projects_cards(capsys, card, only):
    words = ("--quick", "--only", only, "--seeds", "0", "--out", "out", "--json")
    code, out, err = call(capsys, "run", EXPERIMENTS / f"{card}.toml", *words)
    assert code == 0, err
    (row,) = json.loads(out)["runs"]
    assert row["run"] == only and row["epochs"] == 1 and row["pulses"] > 0
    code, _, _ = call(capsys, "report", "out", "--figure", "out/figure.png")
    assert code == 0 and Path("out/figure.png").exists()


@pytest.mark.parametrize(
    ("line", "said"),
    [("--device fp --nsr 0.2", "--nsr belongs to --device paper"), ("--device paper --table a.csv", "--table belongs to --device table")],
)
def test_options_of_another_device_are_refused(capsys, line, said):
    code = main(["train", "mnist", *line.split()])
    err = capsys.readouterr().err
    assert code == 2 and said in err and len(err.strip().splitlines()) == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("run", "none.toml"), "none.toml: no such file"),
        (("run", "small.toml", "--only", "x"), "no run 'x'"),
        (("run", "small.toml", "--seeds", "0,a"), "--seeds '0,a' is no list of whole numbers"),
        (("run", "small.toml", "--processes", "0"), "--processes"),
        (("run", "small.toml", "--data", "nowhere"), "nowhere"),
        (("report", "nowhere"), "nowhere/results.jsonl: no such file"),
        (("run", "bad.toml"), "bad.toml: unknown key epochs"),
        (("run", "lost.toml"), "steps.csv"),
        (("run", "lame.toml"), "symmetry point"),
        (("run", "mixed.toml"), "keep nsr only"),
        (("run", "noisy.toml"), "this device has its own noise"),
        (("run", "small.toml", "--seeds", "1,1"), "A seed twice"),
    ],
)
def test_wrong_input_is_one_sentence(capsys, tmp_path, words, said):
    (tmp_path / "bad.toml").write_text("epochs = 3\n" + CARD)
    (tmp_path / "lost.toml").write_text(CARD.replace('"fp"\nsettings', '"steps.csv"\nsettings'))
    (tmp_path / "lame.toml").write_text(CARD.replace('"fp"\nsettings', '"lame.csv"\nsettings'))
    rows = [f"{g},{0.5},{-2 - 0.01 * g}" for g in range(10, 90, 8)]
    (tmp_path / "lame.csv").write_text("\n".join(["conductance_uS,step_up_uS,step_down_uS", *rows]) + "\n")
    mixed = "device_settings = { n_states = 10 }\nsettings"
    (tmp_path / "mixed.toml").write_text(CARD.replace('"fp"\nsettings', f'"lame.csv"\n{mixed}'))
    save_device(SoftBoundsDevice(), tmp_path / "own.h5")
    noisy = 'device_settings = { nsr = "20 %" }\nsettings'
    (tmp_path / "noisy.toml").write_text(CARD.replace('"fp"\nsettings', f'"own.h5"\n{noisy}'))
    code, out, err = call(capsys, *words)
    assert code == 2 and out == "" and said in err
    assert len(err.strip().splitlines()) == 1 and "Traceback" not in err


@pytest.mark.parametrize("name", ["table1", "mnist"])
def test_the_report_of_kept_results_says_null_where_a_run_has_no_number(capsys, name):
    """Runs by themselves have no axis, and some no number in the paper."""
    code, out, _ = call(capsys, "report", EXPERIMENTS.parent / f"docs/results/{name}.jsonl", "--json")
    assert code == 0
    runs = json.loads(out)["runs"]
    assert any(run["value"] is None for run in runs)
    assert all(run["value"] is not None for run in runs if run["axis"])


@pytest.mark.parametrize(
    ("key", "value", "word"),
    [
        ("score", float("inf"), "score"),
        ("epoch", 10**9, "epoch"),
        ("epoch", 10**400, "epoch"),
        ("fast_pulses", "many", "fast_pulses"),
        ("samples_per_s", [1], "samples_per_s"),
        ("value", float("nan"), "value"),
        ("run", ["a"], "run"),
        ("settings", 3, "settings"),
        ("measure", "luck", "measure"),
        ("note", 7, "note"),
    ],
)
def test_results_with_entries_of_a_wrong_kind_are_refused(capsys, tmp_path, key, value, word):
    first = (EXPERIMENTS.parent / "docs/results/ablation.jsonl").read_text().splitlines()[0]
    (tmp_path / "r.jsonl").write_text(json.dumps(json.loads(first) | {key: value}) + "\n")
    code, _, err = call(capsys, "report", "r.jsonl", "--figure", "f.png")
    assert code == 2 and "r.jsonl: line 1 has " + word in err
    assert not (tmp_path / "f.png").exists()
