"""Training on text: it learns, resumes bit for bit, clips, and says what is wrong."""

import signal

import numpy as np
import pytest
import torch

from femristor.core import store
from femristor.core.errors import ConvergenceError, InputError
from femristor.nn.devices.soft_bounds import SoftBoundsDevice
from femristor.nn.results.training import TextRun, TrainingCheckpoint
from femristor.nn.train import text as text_training
from femristor.nn.train.datasets import Text
from femristor.nn.train.text import TextSettings, clip_gradient, train_text
from femristor.nn.update.rules.agad import AgadSettings
from femristor.nn.update.rules.analog_sgd import AnalogSgdSettings

DEVICE = SoftBoundsDevice(n_states_mean=100, noise_to_signal=0.2)
LINEAR = DEVICE.ideal()
QUICK = AgadSettings(transfer_every=1, chop_probability=0.5)


def cycle(length: int, symbols: int = 6) -> np.ndarray:
    """A text of which each character follows from the one before, but for one in ten."""
    rng = np.random.default_rng(5)
    jump = rng.random(length) < 0.1
    steps = np.where(jump, rng.integers(0, symbols, length), 1)
    return (np.cumsum(steps) % symbols).astype(np.uint8)


TEXT = Text(cycle(6000), cycle(2000), np.arange(6, dtype=np.uint8), {"cycle": "made"})


def small(**changes) -> TextSettings:
    options = {"epochs": 2, "batch": 4, "sequence": 10, "hidden": 8, "layers": 2, "train_characters": 1000}
    return TextSettings(**(options | changes))


@pytest.mark.parametrize(
    ("device", "rule", "changes"),
    [
        (None, None, {"lr": 0.02, "epochs": 3}),
        (None, None, {"lr": 2.0, "optimiser": "sgd", "epochs": 6}),
        (DEVICE, QUICK, {"lr": 0.1, "layers": 1, "epochs": 2, "weight_scale": 4.0}),
    ],
    ids=["adam", "sgd", "agad"],
)
def test_it_learns_what_follows(device, rule, changes):
    """Guessing gives 6; the best is exp of the entropy, 0.917 log(1/0.917) + 0.083 log(5/0.083) = 0.42: 1.52."""
    run = train_text(TEXT, small(train_characters=0, dropout=0.0, **changes), device=device, rule=rule)
    assert 1.45 < run.perplexity[-1] < (2.2 if device is None else 1.8)
    assert run.loss[-1] < 0.7 * run.loss[0]
    assert run.symbols == 6 and run.epochs == changes["epochs"]


class StopAfter:
    """Presses Ctrl-C while the n-th batch is shown."""

    def __init__(self, batches: int) -> None:
        self.left = batches

    def task(self, description, total):
        return self

    def __enter__(self):
        return self

    def __exit__(self, *_):
        return False

    def advance(self, amount=1.0, note=""):
        self.left -= amount == 40
        if self.left == 0:
            signal.raise_signal(signal.SIGINT)


@pytest.mark.parametrize("case", ["agad", "adam", "sgd"])
def test_interrupted_and_resumed_equals_uninterrupted(tmp_path, case):
    device, rule = (DEVICE, QUICK) if case == "agad" else (None, None)
    settings = small(lr=0.01, optimiser="sgd" if case == "sgd" else "adam")
    whole_file, part_file = tmp_path / "whole.h5", tmp_path / "part.h5"
    options = {"device": device, "rule": rule}
    whole = train_text(TEXT, settings, checkpoint=whole_file, **options)
    for stop in (7, 24):
        with pytest.raises(KeyboardInterrupt, match="--resume"):
            train_text(
                TEXT,
                settings,
                checkpoint=part_file,
                resume=part_file.exists(),
                progress=StopAfter(stop),
                **options,
            )
    again = train_text(TEXT, settings, checkpoint=part_file, resume=True, **options)
    for name in ("perplexity", "loss", "fast_pulses", "slow_pulses"):
        assert np.array_equal(getattr(whole, name), getattr(again, name)), name
    ends = [store.load(file, TrainingCheckpoint).tensors for file in (whole_file, part_file)]
    for one, other in zip(*ends, strict=True):
        assert one.name == other.name and np.array_equal(one.values, other.values), one.name


def test_threads_do_not_change_the_run():
    runs = [train_text(TEXT, small(epochs=1, threads=n), device=DEVICE, rule=QUICK) for n in (1, 2)]
    assert np.array_equal(runs[0].loss, runs[1].loss)
    assert np.array_equal(runs[0].fast_pulses, runs[1].fast_pulses) and runs[0].fast_pulses[0] > 0


@pytest.mark.parametrize("device", [None, LINEAR], ids=["digital", "analog"])
def test_clipping_limits_the_norm_over_all_weights(device):
    job = text_training._TextJob(
        TEXT, small(dropout=0.0, converters=False), device, AnalogSgdSettings(), card=None, checkpoint=None
    )
    loss, _ = job.loss_of(0)
    loss.backward()
    norm = clip_gradient(job.network, 1e9)
    assert 0.01 < norm < 100
    clip_gradient(job.network, norm / 2)
    assert clip_gradient(job.network, 1e9) == pytest.approx(norm / 2, rel=1e-5)


def test_both_kinds_have_one_gradient():
    norms = []
    for device in (None, LINEAR):
        job = text_training._TextJob(
            TEXT, small(dropout=0.0, converters=False), device, None, card=None, checkpoint=None
        )
        job.loss_of(0)[0].backward()
        norms.append(clip_gradient(job.network, 1e9))
    assert norms[0] == pytest.approx(norms[1], rel=1e-4)


def test_streams_follow_the_text():
    streams = text_training._streams(TEXT.train, 4, 10).numpy()
    length = len(streams) - 1
    assert length == (len(TEXT.train) - 1) // 4
    for k in range(4):
        assert np.array_equal(streams[:, k], TEXT.train[k * length : (k + 1) * length + 1])


def test_run_is_stored_and_comes_back(tmp_path):
    run = train_text(TEXT, small(epochs=1), device=None)
    again = store.load(store.save(run, tmp_path / "run.h5"), TextRun)
    assert np.array_equal(again.perplexity, run.perplexity) and again.settings == run.settings


def test_divergence_is_an_error():
    with pytest.raises(ConvergenceError, match="diverged"):
        train_text(TEXT, small(lr=1e5, optimiser="sgd", clip=0.0), device=None)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"epochs": 0}, "at least 1"),
        ({"clip": -1.0}, "0 or more"),
        ({"clip": float("nan")}, "0 or more"),
        ({"test_characters": 1}, "2 or more"),
        ({"lr": float("nan")}, "learning rate"),
        ({"lr_decay": 2.0}, "factor above 0"),
        ({"optimiser": "lbfgs"}, "adam or sgd"),
        ({"train_characters": 9000}, "9000 training characters"),
        ({"sequence": 500}, "less than a sequence"),
        ({"dropout": 1.0}, "dropout"),
    ],
)
def test_bad_settings_are_one_sentence(changes, words):
    with pytest.raises(InputError, match=words):
        train_text(TEXT, small(**changes), device=None)


def test_a_checkpoint_of_another_network_is_refused(tmp_path):
    file = tmp_path / "run.h5"
    train_text(TEXT, small(epochs=1), device=None, checkpoint=file)
    for settings, words in ((small(hidden=9), "hidden"), (small(seed=1), "seed"), (small(lr=0.5), "lr")):
        with pytest.raises(InputError, match=words):
            train_text(TEXT, settings, device=None, checkpoint=file, resume=True)
    with pytest.raises(InputError, match="device"):
        train_text(TEXT, small(), device=DEVICE, checkpoint=file, resume=True)


def test_dropout_does_not_touch_the_global_generator():
    torch.manual_seed(3)
    before = torch.random.get_rng_state()
    train_text(TEXT, small(epochs=1), device=None)
    assert torch.equal(before, torch.random.get_rng_state())
