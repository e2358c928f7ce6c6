"""Training on MNIST: accuracy on a slice, resume equals uninterrupted, stops and failures, the data files."""

import gzip
import os
import signal

import numpy as np
import pytest
import torch

from femristor.core import store
from femristor.core.errors import ConvergenceError, DataError, InputError, StoreError
from femristor.nn.devices.soft_bounds import SoftBoundsDevice
from femristor.nn.layers.networks import perceptron
from femristor.nn.results.training import TrainingCheckpoint, TrainingRun
from femristor.nn.train import datasets
from femristor.nn.train import mnist as training
from femristor.nn.train.checkpoint import network_arrays, restore_network
from femristor.nn.train.datasets import MNIST_FILES, load_mnist, read_idx
from femristor.nn.train.mnist import TrainSettings, train_mnist
from femristor.nn.train.threads import InterruptFlag
from femristor.nn.update.rules.agad import AgadSettings
from femristor.nn.update.rules.analog_sgd import AnalogSgdSettings

DEVICE = SoftBoundsDevice()
QUICK = AgadSettings(transfer_every=1, chop_probability=0.5)


@pytest.fixture(scope="module")
def data():
    return load_mnist()


def small(**changes) -> TrainSettings:
    options = {"epochs": 2, "train_images": 640, "test_images": 200, "layers": (784, 16, 10)}
    return TrainSettings(**(options | changes))


def test_the_digits_are_those_of_the_release(data):
    assert data.train_images.shape == (60000, 784) and data.test_images.shape == (10000, 784)
    counts = [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    assert list(np.bincount(data.train_labels)) == counts
    assert list(np.bincount(data.test_labels)) == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]


def test_agad_learns_a_slice_on_the_papers_device(data):
    """4,000 images, faster transfer than the paper's settings so that each column is read often enough."""
    rule = AgadSettings(transfer_every=1, chop_probability=0.5)
    settings = TrainSettings(epochs=12, train_images=4000, test_images=2000, lr=0.02, layers=(784, 64, 10))
    run = train_mnist(data, settings, device=DEVICE, rule=rule)
    assert run.accuracy[-1] > 0.85
    assert run.loss[-1] < 0.5 * run.loss[0]
    assert run.epochs == 12 and run.rule == "agad" and run.device == "soft bounds"
    assert np.all(run.fast_pulses > 1e5) and np.all(run.slow_pulses > 0)


def test_analog_sgd_and_floating_point_learn(data):
    linear = SoftBoundsDevice(
        n_states_mean=2000, n_states_std=0, gamma_mean=0, gamma_std=0, skew_mean=0.5, skew_std=0
    )
    settings = small(epochs=8, train_images=2000, test_images=1000, lr=0.3)
    analog = train_mnist(data, settings, device=linear, rule=AnalogSgdSettings())
    digital = train_mnist(data, settings, device=None)
    assert digital.rule == "floating point" and digital.fast_pulses.sum() == 0
    assert digital.accuracy[-1] > 0.8
    assert analog.accuracy[-1] > digital.accuracy[-1] - 0.05


@pytest.mark.parametrize("threads", [1, 2])
def test_same_seed_same_run_at_any_thread_count(data, threads):
    settings = small(layers=(784, 96, 10), threads=threads)
    run = train_mnist(data, settings, device=DEVICE, rule=QUICK)
    base = train_mnist(data, small(layers=(784, 96, 10)), device=DEVICE, rule=QUICK)
    assert np.array_equal(run.loss, base.loss) and np.array_equal(run.fast_pulses, base.fast_pulses)


class StopAfter:
    """Stands in for the user: presses Ctrl-C while the n-th batch is shown."""

    def __init__(self, batches: int) -> None:
        self.left = batches

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


@pytest.mark.parametrize("rule", [QUICK, AnalogSgdSettings(), None], ids=["agad", "sgd", "fp"])
@pytest.mark.parametrize("stop", [7, 20, 33])
def test_interrupted_and_resumed_equals_uninterrupted(data, tmp_path, rule, stop):
    device = None if rule is None else DEVICE
    whole_file, part_file = tmp_path / "whole.h5", tmp_path / "part.h5"
    whole = train_mnist(data, small(), device=device, rule=rule, checkpoint=whole_file)
    with pytest.raises(KeyboardInterrupt, match="--resume"):
        train_mnist(data, small(), device=device, rule=rule, checkpoint=part_file, progress=StopAfter(stop))
    kept = store.load(part_file, TrainingCheckpoint)
    assert kept.epoch * 20 + kept.batch == stop
    again = train_mnist(data, small(), device=device, rule=rule, checkpoint=part_file, resume=True)
    for name in ("accuracy", "loss", "fast_pulses", "slow_pulses"):
        assert np.array_equal(getattr(whole, name), getattr(again, name)), name
    ends = [store.load(file, TrainingCheckpoint).tensors for file in (whole_file, part_file)]
    for one, other in zip(*ends, strict=True):
        assert one.name == other.name and np.array_equal(one.values, other.values), one.name


def test_more_epochs_continue_a_finished_run(data, tmp_path):
    file = tmp_path / "run.h5"
    train_mnist(data, small(epochs=1), device=DEVICE, rule=QUICK, checkpoint=file)
    longer = train_mnist(data, small(epochs=2), device=DEVICE, rule=QUICK, checkpoint=file, resume=True)
    whole = train_mnist(data, small(epochs=2), device=DEVICE, rule=QUICK)
    assert np.array_equal(longer.loss, whole.loss)


def test_run_is_stored_and_comes_back(data, tmp_path):
    run = train_mnist(data, small(epochs=1), device=DEVICE, rule=QUICK)
    again = store.load(store.save(run, tmp_path / "run.h5"), TrainingRun)
    assert np.array_equal(again.accuracy, run.accuracy) and again.settings == run.settings
    assert again.provenance.inputs == MNIST_FILES and again.provenance.seed == 0


def test_divergence_is_an_error(data):
    with pytest.raises(ConvergenceError, match="diverged") as caught:
        train_mnist(data, small(lr=1e4), device=None)
    assert "lower --lr" in str(caught.value)


def test_not_finite_loss_is_an_error(data, monkeypatch):
    monkeypatch.setattr(
        training, "perceptron", lambda *_, **__: torch.nn.Sequential(torch.nn.Linear(784, 10), _Broken())
    )
    with pytest.raises(ConvergenceError, match="nan"):
        train_mnist(data, small(), device=None)


class _Broken(torch.nn.Module):
    def forward(self, x):
        return x * float("nan")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"train_images": 60001}, "60001"),
        ({"epochs": 0}, "at least 1"),
        ({"batch": 0}, "at least 1"),
        ({"lr": -1.0}, "learning rate"),
    ],
)
def test_bad_settings(data, change, words):
    with pytest.raises(InputError, match=words):
        train_mnist(data, small(**change), device=None)


def test_checkpoints_of_other_runs_are_refused(data, tmp_path):
    file = tmp_path / "run.h5"
    train_mnist(data, small(epochs=1), device=DEVICE, rule=QUICK, checkpoint=file)
    cases = [
        (small(layers=(784, 12, 10)), DEVICE, QUICK, "layers"),
        (small(seed=1), DEVICE, QUICK, "seed|devices"),
        (small(lr=0.02), DEVICE, QUICK, "lr"),
        (small(), SoftBoundsDevice(n_states_mean=30.0), QUICK, "device.n_states_mean"),
        (small(), DEVICE, AnalogSgdSettings(), "rule"),
        (small(), None, None, "device"),
    ]
    for settings, device, rule, words in cases:
        with pytest.raises(InputError, match=words):
            train_mnist(data, settings, device=device, rule=rule, checkpoint=file, resume=True)
    with pytest.raises(InputError, match="checkpoint"):
        train_mnist(data, small(), device=None, resume=True)


def test_broken_checkpoints_are_named(data, tmp_path):
    file = tmp_path / "run.h5"
    with pytest.raises(StoreError, match="no such file"):
        train_mnist(data, small(), device=None, checkpoint=file, resume=True)
    train_mnist(data, small(epochs=1), device=None, checkpoint=file)
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 3])
    with pytest.raises(StoreError, match=r"run\.h5"):
        train_mnist(data, small(), device=None, checkpoint=file, resume=True)
    other = store.save(train_mnist(data, small(epochs=1), device=None), tmp_path / "other.h5")
    with pytest.raises(StoreError, match="TrainingRun"):
        train_mnist(data, small(), device=None, checkpoint=other, resume=True)


def test_another_architecture_is_named():
    tensors = network_arrays(perceptron((4, 3), device=None))
    with pytest.raises(InputError, match="another architecture"):
        restore_network(perceptron((4, 5), device=None), tensors, origin="x.h5")


def test_second_ctrl_c_interrupts_at_once():
    with pytest.raises(KeyboardInterrupt), InterruptFlag() as flag:
        signal.raise_signal(signal.SIGINT)
        assert flag.raised
        signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def copy_mnist(folder, *, skip=None):
    source = datasets.find_folder("mnist", tuple(MNIST_FILES))
    folder.mkdir(parents=True)
    for name in MNIST_FILES:
        if name != skip:
            os.symlink(source / name, folder / name)
    return folder


def test_folders_are_looked_up_in_order(tmp_path, monkeypatch):
    mine = copy_mnist(tmp_path / "data" / "mnist")
    assert datasets.find_folder("mnist", tuple(MNIST_FILES), mine) == mine
    assert datasets.find_folder("mnist", tuple(MNIST_FILES), mine.parent) == mine
    monkeypatch.setenv("FEMRISTOR_DATA", str(mine.parent))
    assert datasets.find_folder("mnist", tuple(MNIST_FILES)) == mine
    monkeypatch.setenv("FEMRISTOR_DATA", str(tmp_path / "nowhere"))
    assert datasets.find_folder("mnist", tuple(MNIST_FILES)).name == "mnist"


def test_missing_and_wrong_files_are_named(tmp_path):
    with pytest.raises(DataError, match="--data"):
        load_mnist(tmp_path)
    name = "t10k-labels-idx1-ubyte.gz"
    wrong = copy_mnist(tmp_path / "wrong", skip=name)
    (wrong / name).write_bytes(gzip.compress(b"something else"))
    with pytest.raises(DataError, match="SHA-256"):
        load_mnist(wrong)
    partial = copy_mnist(tmp_path / "partial", skip=name)
    with pytest.raises(DataError, match=name):
        load_mnist(partial)


def test_idx_files_are_checked(tmp_path):
    file = tmp_path / "a.idx"
    header = b"\0\0\x08\x02" + np.array([2, 3], dtype=">u4").tobytes()
    file.write_bytes(header + bytes(range(6)))
    assert np.array_equal(read_idx(file), np.arange(6, dtype=np.uint8).reshape(2, 3))
    for content, words in (
        (header + bytes(5), "header says"),
        (b"\0\0\x0d\x01\0\0\0\1\0\0\0\0", "unsigned bytes"),
        (b"text", "unsigned bytes"),
        (gzip.compress(header)[:-6], "gzipped"),
    ):
        file.write_bytes(content)
        with pytest.raises(DataError, match=words):
            read_idx(file)


def test_learning_rate_decays_after_its_hold_and_resumes():
    settings = TrainSettings(lr=0.1, lr_decay=0.5, lr_hold=2)
    assert [settings.rate(epoch) for epoch in range(5)] == [0.1, 0.1, 0.1, 0.05, 0.025]
    with pytest.raises(InputError, match="factor above 0"):
        TrainSettings(lr_decay=0.0)


def test_a_network_is_restored_as_a_whole_or_not_at_all():
    first, last = (perceptron((4, 3, 2), device=DEVICE, seed=seed) for seed in (0, 1))
    mixed = network_arrays(torch.nn.Sequential(first[0], first[1], last[2], first[3]))
    with torch.no_grad():
        first[0].weight.zero_()
    with pytest.raises(InputError, match=r"x\.h5: The checkpoint belongs to other devices"):
        restore_network(first, mixed, origin="x.h5")
    assert not first[0].weight.any(), "its own layer fits, but must wait for the others"
