"""Experiments: every training once, resumable, the same over processes, and what the lines amount to."""

import json
import math
import os
import signal
import threading
import time

import numpy as np
import pytest

from femristor.core.errors import ConvergenceError, DataError, InputError, StoreError
from femristor.nn.devices.soft_bounds import SoftBoundsDevice
from femristor.nn.results.experiment import read_results, summarise
from femristor.nn.train import experiment
from femristor.nn.train.experiment import plan_jobs, run_experiment
from femristor.nn.train.run_card import load_run_card

CARD = """
schema = 1
task = "mnist"
seeds = [0, 1]
[settings]
epochs = 2
train_images = 320
test_images = 100
layers = [784, 12, 10]
[[run]]
name = "agad"
settings = { lr = 0.05 }
rule_settings = { transfer_every = 1 }
paper = "96.9 %"
[[run]]
name = "fp"
device = "fp"
settings = { lr = 0.5 }
"""


def make_device(plan, card):
    return None if plan.device == "fp" else SoftBoundsDevice()


def write(folder, text=CARD):
    path = folder / "card.toml"
    path.write_text(text)
    return load_run_card(path)


def run(card, folder, **options):
    return run_experiment(card, None, folder, make_device=make_device, **options)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("finished")
    card = write(folder)
    run(card, folder / "out")
    return card, folder / "out"


def strip(lines):
    return [{k: v for k, v in line.items() if k not in ("samples_per_s", "created")} for line in lines]


def test_one_line_for_each_epoch_of_each_training(finished):
    _, folder = finished
    lines = read_results(folder)
    assert [(x["run"], x["seed"], x["epoch"]) for x in lines] == [
        (name, seed, epoch) for name in ("agad", "fp") for seed in (0, 1) for epoch in (1, 2)
    ]
    first = lines[0]
    assert first["measure"] == "accuracy" and 0 < first["score"] < 1 and first["fast_pulses"] > 0
    assert first["settings"]["rule.transfer_every"] == 1 and first["settings"]["device.n_states_mean"] == 22
    assert first["versions"]["torch"] and first["data"] and first["paper"] == pytest.approx(0.969)
    assert lines[-1]["fast_pulses"] == 0 and lines[-1]["settings"]["rule"] == "floating point"


def test_finished_trainings_are_not_repeated(finished, monkeypatch):
    card, folder = finished
    before = (folder / "results.jsonl").read_text()
    monkeypatch.setattr(experiment, "train_job", lambda *_: pytest.fail("trained again"))
    run(card, folder)
    assert (folder / "results.jsonl").read_text() == before


def test_processes_give_the_same_lines(finished, tmp_path):
    card, folder = finished
    run(card, tmp_path, processes=2, only=["fp"])
    wanted = [line for line in read_results(folder) if line["run"] == "fp"]
    assert strip(read_results(tmp_path)) == strip(wanted)


def test_runs_can_be_added_one_by_one(finished, tmp_path):
    card, folder = finished
    run(card, tmp_path, only=["fp"], seeds=[1])
    run(card, tmp_path, only=["fp"], seeds=[0])
    wanted = [line for line in read_results(folder) if line["run"] == "fp"]
    assert strip(read_results(tmp_path)) == strip(wanted)
    with pytest.raises(InputError, match="no run 'none'; use agad, fp"):
        run(card, tmp_path, only=["none"])


def test_kept_results_are_taken_as_done(finished, tmp_path, monkeypatch):
    card, folder = finished
    monkeypatch.setattr(experiment, "train_job", lambda *_: pytest.fail("trained again"))
    run(card, tmp_path, kept=folder / "results.jsonl")
    assert read_results(tmp_path) == read_results(folder)
    changed = write(tmp_path, CARD.replace("transfer_every = 1", "transfer_every = 2"))
    jobs = plan_jobs(changed, None, tmp_path, make_device=make_device)
    taken = experiment.kept_lines(jobs, folder / "results.jsonl")
    assert {line["run"] for line in taken} == {"fp"}
    assert experiment.kept_lines(jobs, tmp_path / "none.jsonl") == []


def test_fewer_epochs_than_a_checkpoint_has(finished):
    _, folder = finished
    card = write(folder, CARD.replace("epochs = 2", "epochs = 1"))
    (job, *_) = plan_jobs(card, None, folder, make_device=make_device, only=["fp"])
    assert [(x["epoch"], x["epochs"]) for x in experiment.job_lines(card, job)] == [(1, 1)]


class Stop:
    """Ctrl-C at the n-th note of progress."""

    def __init__(self, count):
        self.left = count

    def task(self, description, total):
        return self

    def __enter__(self):
        return self

    def __exit__(self, *_):
        return False

    def advance(self, amount=1.0, note=""):
        self.left -= amount == 32
        if self.left == 0:
            signal.raise_signal(signal.SIGINT)


def test_interrupted_and_continued_equals_uninterrupted(finished, tmp_path):
    card, folder = finished
    with pytest.raises(KeyboardInterrupt, match="run the same command again"):
        run(card, tmp_path, only=["agad"], progress=Stop(13))
    assert [x["epoch"] for x in read_results(tmp_path)] == [1]
    run(card, tmp_path, only=["agad"])
    wanted = [line for line in read_results(folder) if line["run"] == "agad"]
    assert strip(read_results(tmp_path)) == strip(wanted)


def test_ctrl_c_reaches_processes_and_they_keep_checkpoints(tmp_path):
    text = CARD.replace("epochs = 2", "epochs = 500").replace(
        "layers = [784, 12, 10]", "layers = [784, 64, 10]"
    )
    card = write(tmp_path, text)

    def press():
        deadline = time.monotonic() + 60
        files = [tmp_path / "out" / f"fp-seed{k}" / "checkpoint.h5" for k in (0, 1)]
        while time.monotonic() < deadline and not all(file.exists() for file in files):
            time.sleep(0.1)
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=press)
    thread.start()
    with pytest.raises(KeyboardInterrupt, match="kept"):
        run(card, tmp_path / "out", processes=2, only=["fp"])
    thread.join()
    lines = read_results(tmp_path / "out")
    assert {line["seed"] for line in lines} == {0, 1} and 0 < len(lines) < 1000


def test_a_diverged_training_leaves_the_others(tmp_path):
    card = write(tmp_path, CARD.replace("lr = 0.5", "lr = 1e5"))
    with pytest.raises(ConvergenceError, match=r"1 of 2 trainings failed.*fp, seed 0.*diverged"):
        run(card, tmp_path / "out", seeds=[0])
    assert {line["run"] for line in read_results(tmp_path / "out")} == {"agad"}


def test_a_changed_card_does_not_go_on_with_old_checkpoints(finished, tmp_path):
    _, folder = finished
    for old, new, words in (
        ("transfer_every = 1", "transfer_every = 2", "transfer_every"),
        ("0.05", "0.04", "lr"),
    ):
        with pytest.raises(InputError, match=rf"checkpoint\.h5: made with .*{words}"):
            run(write(tmp_path, CARD.replace(old, new)), folder)
    with pytest.raises(InputError, match="device"):
        run_experiment(
            write(tmp_path),
            None,
            folder,
            make_device=lambda plan, _: None if plan.device == "fp" else SoftBoundsDevice(n_states_mean=30),
        )


def test_broken_files_are_named(finished, tmp_path):
    card, _ = finished
    place = tmp_path / "agad-seed0"
    place.mkdir()
    (place / "checkpoint.h5").write_bytes(b"half a file")
    with pytest.raises(StoreError, match=r"checkpoint\.h5"):
        run(card, tmp_path)
    with pytest.raises(DataError, match="no such file"):
        read_results(tmp_path / "nowhere")
    results = tmp_path / "results.jsonl"
    for text, words in (
        ("{", "line 1 is not JSON"),
        ('{"schema": 9}', "another schema"),
        ('{"schema": 1}', "has no"),
        (json.dumps(line("a", 0, 1, "high")), "line 1 has score = 'high'"),
        (json.dumps(line("a", 0, 0, 0.9)), "line 1 has epoch = 0"),
    ):
        results.write_text(text + "\n")
        with pytest.raises(DataError, match=words):
            read_results(tmp_path)
    with pytest.raises(DataError, match="no finished epoch"):
        summarise([])


def test_no_seed_and_no_process(finished, tmp_path):
    card, _ = finished
    with pytest.raises(InputError, match="--seeds"):
        plan_jobs(card, None, tmp_path, make_device=make_device, seeds=[-1])
    with pytest.raises(InputError, match="A seed twice"):
        plan_jobs(card, None, tmp_path, make_device=make_device, seeds=[0, 1, 0])
    with pytest.raises(InputError, match="--processes"):
        run(card, tmp_path, processes=0)


def line(run_name, seed, epoch, score):
    base = {
        "schema": 1,
        "experiment": "e",
        "title": "t",
        "label": run_name,
        "epochs": 2,
        "measure": "accuracy",
    }
    more = {"paper": 0.9, "settings": {}, "samples_per_s": 10.0, "fast_pulses": 3, "slow_pulses": 1}
    return {**base, **more, "run": run_name, "seed": seed, "epoch": epoch, "score": score}


def test_mean_and_spread_over_seeds(tmp_path):
    scores = {0: (0.5, 0.8), 1: (0.6, 0.9), 2: (0.7, 0.97)}
    lines = [
        line("a", seed, epoch + 1, value) for seed, pair in scores.items() for epoch, value in enumerate(pair)
    ]
    lines += [line("b", 0, 1, 0.4), line("b", 0, 2, 0.5), line("b", 1, 1, 0.6)]
    (tmp_path / "results.jsonl").write_text("".join(json.dumps(x) + "\n" for x in lines))
    first, second = summarise(read_results(tmp_path)).runs
    assert first.mean == pytest.approx(0.89) and first.spread == pytest.approx(
        np.std([0.8, 0.9, 0.97], ddof=1)
    )
    assert first.pulses == 8 and first.done == 2
    assert second.done == 1 and second.mean == pytest.approx(0.5), "only epochs that all seeds have count"
    assert math.isnan(summarise([line("c", 0, 1, 0.4)]).runs[0].spread)
