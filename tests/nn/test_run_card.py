"""Run cards: what they say, and one sentence for each way of being wrong."""

import math
from pathlib import Path

import pytest

from femristor.core.errors import CardError, DataError
from femristor.nn.train.run_card import load_run_card

EXPERIMENTS = Path(__file__).parents[2] / "experiments"
GOOD = """
schema = 1
task = "mnist"
title = "A title"
seeds = [3, 4]
[settings]
epochs = 7
lr = 0.01
[quick]
epochs = 1
[[run]]
name = "a"
device = "paper"
device_settings = { n_states = 100, nsr = "20 %" }
rule = "ttv2"
rule_settings = { fast_lr = 0.05 }
settings = { lr = 0.02, layers = [784, 20, 10] }
paper = "96.9 %"
[[run]]
name = "b"
device = "fp"
[[grid]]
name = "g"
key = "skew"
values = ["50 %", 0.61]
"""


def write(folder, text):
    path = folder / "card.toml"
    path.write_text(text)
    return path


def test_a_card_says_what_to_train(tmp_path):
    card = load_run_card(write(tmp_path, GOOD))
    assert card.seeds == (3, 4) and card.title == "A title" and card.task == "mnist"
    first, second, *grid = card.runs
    assert first.settings.epochs == 7 and first.settings.lr == 0.02 and first.settings.layers == (784, 20, 10)
    assert first.device_settings == {"n_states_mean": 100.0, "noise_to_signal": pytest.approx(0.2)}
    assert first.rule.name == "ttv2" and first.rule.fast_lr == 0.05
    assert first.paper == pytest.approx(0.969)
    assert second.rule is None and second.settings.lr == 0.01 and second.paper is None
    assert [run.name for run in grid] == ["g-0.5", "g-0.61"]
    assert [run.value for run in grid] == pytest.approx([0.5, 0.61])
    assert grid[0].axis == "skew" and math.isnan(first.value)


def test_quick_replaces_settings(tmp_path):
    card = load_run_card(write(tmp_path, GOOD), quick=True)
    assert [run.settings.epochs for run in card.runs] == [1, 1, 1, 1]


@pytest.mark.parametrize("name", ["mnist", "text", "table1", "ablation"])
def test_cards_of_the_project_are_good(name):
    card = load_run_card(EXPERIMENTS / f"{name}.toml")
    assert card.runs and card.seeds
    for run in card.runs:
        assert run.device in ("paper", "symmetric", "fp") or Path(run.device).is_file()


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("schema = 1", "schema = 2", "schema is 2"),
        ("schema = 1", "", "schema is None"),
        ('task = "mnist"', 'task = "cifar"', "task is 'cifar'"),
        ("seeds = [3, 4]", "seeds = [-1]", "seeds"),
        ("seeds = [3, 4]", "seeds = [3, 3]", "a seed twice"),
        ('device = "fp"', 'device = "fp"\ndevice_settings = { n_states = 9 }', "device_settings has no use"),
        ('paper = "96.9 %"', "paper = 96.9", "run a: paper is 96.9; an accuracy is a share"),
        ("seeds = [3, 4]", "sed = [3]", "unknown key sed; did you mean seeds?"),
        ("epochs = 7", "epoch = 7", "run a: settings: unknown key epoch; did you mean epochs?"),
        ("epochs = 7", 'epochs = "7"', "settings.epochs is '7'"),
        ("epochs = 7", "epochs = 0", "at least 1"),
        ("epochs = 7", "seed = 7", "unknown key seed"),
        ("lr = 0.02", "lr = true", "settings.lr is True"),
        ("layers = [784, 20, 10]", "layers = 784", "settings.layers"),
        ('nsr = "20 %"', 'nsr = "20 V"', "run a: device_settings.nsr.*wrong unit"),
        ('nsr = "20 %"', 'nsr = "20,5 %"', r"run a: device_settings.nsr.*20\.5 %"),
        ('nsr = "20 %"', "nsr = nan", "run a: device_settings.nsr is nan; give a finite number"),
        ("n_states = 100", "n_states = inf", "run a: device_settings.n_states is inf; give a finite number"),
        ('nsr = "20 %"', "nsr = [1]", "run a: device_settings.nsr"),
        ("n_states = 100", "states = 100", "unknown key device_settings.states; did you mean n_states"),
        ("n_states = 100", 'n_states = "many"', "device_settings.n_states is 'many'"),
        ('rule = "ttv2"', 'rule = "ttv9"', "no update rule 'ttv9'"),
        ("fast_lr = 0.05", "fastlr = 0.05", "unknown key rule_settings.fastlr; did you mean fast_lr"),
        ("fast_lr = 0.05", "fast_lr = -1.0", "fast_lr"),
        ('paper = "96.9 %"', 'paper = "high"', "run a: paper"),
        ('device = "fp"', 'device = "fp"\nrule = "agad"', "run b: rule has no use"),
        ('device = "fp"', "device = 3", "run b: device is 3"),
        ('name = "b"', 'name = "a"', "a name of its own"),
        ('name = "b"', 'name = "../b"', "name is"),
        ('key = "skew"', 'key = "colour"', "grid g: key is 'colour'"),
        ('values = ["50 %", 0.61]', "values = []", "grid g: values"),
        ("[quick]", "[quick", "not valid TOML"),
    ],
)
def test_a_wrong_card_is_one_sentence(tmp_path, old, new, words):
    assert old in GOOD
    path = write(tmp_path, GOOD.replace(old, new))
    with pytest.raises(CardError, match=words) as caught:
        load_run_card(path)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


def test_a_missing_card(tmp_path):
    with pytest.raises(DataError, match="no such file"):
        load_run_card(tmp_path / "none.toml")


@pytest.mark.parametrize("paper", ['"97 %"', "0.9", "true"])
def test_a_perplexity_is_no_share(tmp_path, paper):
    text = f'schema = 1\ntask = "text"\n[[run]]\nname = "a"\npaper = {paper}\n'
    with pytest.raises(CardError, match="a perplexity is a plain number"):
        load_run_card(write(tmp_path, text))
    assert load_run_card(write(tmp_path, text.replace(paper, "4.7"))).runs[0].paper == 4.7
