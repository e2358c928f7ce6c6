"""A small slice of each experiment is computed again and compared with the one that is kept; kept results fit their cards."""

import json
from pathlib import Path

import pytest

from femristor.cli.nn.training_devices import plan_device
from femristor.device import load_card
from femristor.nn.results.experiment import read_results
from femristor.nn.train.experiment import plan_jobs, run_experiment
from femristor.nn.train.job import describe
from femristor.nn.train.run_card import load_run_card

ROOT = Path(__file__).parents[2]
KEPT = ROOT / "docs" / "results"
SLICES = read_results(KEPT / "slices.jsonl")


@pytest.mark.parametrize("line", SLICES, ids=[f"{line['experiment']}-{line['run']}" for line in SLICES])
def test_slice_is_as_it_was(tmp_path, line):
    """Equal to rounding on another processor; to the bit on one machine (other tests)."""
    card = load_run_card(ROOT / "experiments" / f"{line['experiment']}.toml", quick=True)
    only, seeds = [line["run"]], [line["seed"]]
    device_card = load_card(card.card)
    run_experiment(card, device_card, tmp_path, make_device=plan_device, only=only, seeds=seeds)
    (again,) = read_results(tmp_path)
    assert again["settings"] == line["settings"]
    assert again["loss"] == pytest.approx(line["loss"], rel=5e-3)
    for name in ("fast_pulses", "slow_pulses"):
        assert again[name] == pytest.approx(line[name], rel=0.02, abs=50), name
    assert again["score"] == pytest.approx(line["score"], rel=0.05)


@pytest.mark.parametrize("name", ["mnist", "text", "table1", "ablation"])
def test_kept_results_are_those_of_the_card(tmp_path, name):
    """Whoever changes a card or a default sees which trainings have to be run again (`make experiments`)."""
    path = KEPT / f"{name}.jsonl"
    if not path.exists():
        pytest.skip("not run in full yet: make experiments")
    card = load_run_card(ROOT / "experiments" / f"{name}.toml")
    jobs = plan_jobs(card, load_card(card.card), tmp_path, make_device=plan_device)
    known = {(job.plan.name, job.plan.settings.seed): job for job in jobs}
    for line in read_results(path):
        job = known[line["run"], line["seed"]]
        wanted = json.loads(json.dumps(describe(job.plan.settings, job.device, job.plan.rule)))
        differ = {key for key, value in wanted.items() if line["settings"].get(key) != value}
        assert not differ, f"{line['run']}: {differ}"
