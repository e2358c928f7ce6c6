"""Inference over time: intervals, draws over processes and ranks, interruption, files."""

import math
import os
import signal
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch

from femristor.array.weights import weight_arrays
from femristor.cli.nn.infer_run import CardCells
from femristor.core import store
from femristor.core.errors import ConvergenceError, DataError, InputError
from femristor.device import load_card
from femristor.nn.inference.data import LabelledData, TextData
from femristor.nn.inference.draws import DrawJob
from femristor.nn.inference.experiment import InferenceDesign, inference_experiment, interval
from femristor.nn.inference.networks import (
    FitSettings,
    build_network,
    fit_images,
    fit_text,
    labelled,
    text_data,
)
from femristor.nn.inference.program import ProgrammedNetwork
from femristor.nn.inference.settings import InferenceSettings
from femristor.nn.layers.text_network import perplexity
from femristor.nn.results.inference import InferenceDraws, InferenceExperiment
from femristor.nn.train.datasets import Text, load_mnist

CARD = load_card("cmo_hfox")
CELLS = CardCells(CARD)
DESIGN = InferenceDesign(times_s=(0.0, 3600.0, 3e8), draws=4, max_tile=8)


@pytest.fixture(scope="module")
def task():
    """A linear classifier of random vectors, and the vectors."""
    rng = torch.Generator().manual_seed(0)
    model = torch.nn.Linear(12, 4)
    with torch.no_grad():
        for value in model.parameters():
            value.copy_(torch.randn(value.shape, generator=rng))
    x = torch.randn(800, 12, generator=rng)
    return model, LabelledData(x[:600], model(x[:600]).argmax(dim=1), x[600:])


def test_interval_is_student_s():
    mean, half = interval(np.array([[1.0, 2.0, 3.0], [5.0, 5.0, 5.0]]))
    assert mean.tolist() == [2.0, 5.0]
    # t_(0.975, 2) = 4.30265
    assert half == pytest.approx([4.302653 / math.sqrt(3), 0.0])
    assert np.isnan(interval(np.ones((2, 1)))[1]).all()


def test_interval_holds_the_true_mean_in_95_of_100():
    rng = np.random.default_rng(0)
    mean, half = interval(rng.normal(3.0, 2.0, (4000, 10)))
    assert float((np.abs(mean - 3.0) < half).mean()) == pytest.approx(
        0.95, abs=4 * math.sqrt(0.05 * 0.95 / 4000)
    )


def test_experiment_and_its_file(task, tmp_path):
    model, data = task
    found = inference_experiment(model, data, CELLS, design=DESIGN, seed=2, name="linear", card=CARD)
    assert found.floating_point == 1.0 and found.values.shape == (3, 4)
    assert found.mean[0] > found.mean[-1] and 0.7 < found.mean[-1] < 1.0
    store.save(found, tmp_path / "e.h5")
    back = store.load(tmp_path / "e.h5", InferenceExperiment)
    assert np.array_equal(back.values, found.values) and back.settings == found.settings
    assert back.provenance.card_hash == CARD.hash and back.settings["max_tile"] == 8
    ideal = InferenceDesign(DESIGN.times_s, 2, 8, InferenceSettings.ideal())
    assert np.all(inference_experiment(model, data, CELLS, design=ideal).values == 1.0)


@pytest.mark.slow
def test_processes_change_nothing(task):
    model, data = task
    alone = inference_experiment(model, data, CELLS, design=DESIGN, seed=2)
    shared = inference_experiment(model, data, CELLS, design=DESIGN, seed=2, processes=2)
    assert np.array_equal(alone.values, shared.values)


def test_cells_that_cannot_be_sent_say_so(task):
    model, data = task
    with pytest.raises(InputError, match="use one process"):
        inference_experiment(model, data, weight_arrays(CARD), design=DESIGN, processes=2)


class _Dying:
    """Ends its process."""

    def __call__(self, weights, **named):
        os._exit(9)


def test_a_process_that_dies_gives_one_sentence(task):
    model, data = task
    with pytest.raises(InputError, match="ended by itself"):
        inference_experiment(model, data, _Dying(), design=replace(DESIGN, draws=2), processes=2)


def test_draws_of_another_card_are_not_continued(task, tmp_path):
    model, data = task
    path = tmp_path / "draws.h5"
    one = replace(DESIGN, draws=1)
    inference_experiment(model, data, CELLS, design=one, card=CARD, checkpoint=path)
    other = replace(CARD, hash="another card")
    with pytest.raises(InputError, match="made with card"):
        inference_experiment(
            model, data, CardCells(other), design=DESIGN, card=other, checkpoint=path, resume=True
        )


@pytest.mark.parametrize("amount", [0, -5, 10**7])
def test_training_on_what_is_not_there_is_refused(amount):
    network = build_network("mnist", seed=0)
    with pytest.raises(InputError, match=f"{amount} training images"):
        fit_images(network, load_mnist(), FitSettings(epochs=1), train_images=amount)
    codes = np.zeros(1000, dtype=np.uint8)
    text = Text(codes, codes, np.arange(2, dtype=np.uint8), {})
    with pytest.raises(InputError, match=f"{amount} training characters"):
        fit_text(network, text, FitSettings(epochs=1), characters=amount)


class _Interrupting:
    """Presses Ctrl-C in the middle of the second draw."""

    def __init__(self):
        self.count = 0

    def __call__(self, weights, **named):
        self.count += 1
        if self.count == 3:
            os.kill(os.getpid(), signal.SIGINT)
        return CELLS(weights, **named)


def test_interrupted_and_resumed_is_uninterrupted(task, tmp_path):
    model, data = task
    path = tmp_path / "draws.h5"
    with pytest.raises(KeyboardInterrupt, match="2 draws are done and kept"):
        inference_experiment(model, data, _Interrupting(), design=DESIGN, checkpoint=path)
    assert store.load(path, InferenceDraws).numbers.tolist() == [0, 1]
    resumed = inference_experiment(model, data, CELLS, design=DESIGN, checkpoint=path, resume=True)
    assert np.array_equal(resumed.values, inference_experiment(model, data, CELLS, design=DESIGN).values)
    more = replace(DESIGN, draws=5)
    assert np.array_equal(
        inference_experiment(model, data, CELLS, design=more, checkpoint=path, resume=True).values[:, :4],
        resumed.values,
    )
    with pytest.raises(InputError, match="made with seed = 0, this run has 1"):
        inference_experiment(model, data, CELLS, design=DESIGN, seed=1, checkpoint=path, resume=True)
    with pytest.raises(InputError, match="other weights"):
        inference_experiment(torch.nn.Linear(12, 4), data, CELLS, design=DESIGN, checkpoint=path, resume=True)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"draws": 0}, "0 draws"),
        ({"max_tile": 0}, "tiles of 0"),
        ({"times_s": (1.0, 0.5)}, "do not rise"),
        ({"times_s": (-1.0, 0.5)}, "begin at 0 s"),
        ({"times_s": ()}, "begin at 0 s"),
        ({"times_s": (0.0, math.inf)}, "finite"),
    ],
)
def test_designs_that_are_not_possible(changes, sentence):
    with pytest.raises(InputError, match=sentence):
        InferenceDesign(**changes)


def test_images_learn_and_are_measured():
    data = load_mnist()
    network = build_network("cnn", seed=1)
    fit_images(network, data, FitSettings(epochs=2, lr=4e-3), train_images=3000)
    test = labelled(data, test_images=1000)
    value = test.measure(network)
    assert value > 0.8
    assert sum(value.numel() for value in network.parameters()) == 5994
    right = network(test.inputs).argmax(dim=1) == test.labels
    assert value == pytest.approx(float(right.float().mean()))
    with pytest.raises(DataError, match="0 test images"):
        labelled(data, test_images=0)


def test_text_learns_and_ideal_cells_keep_its_perplexity():
    codes = np.tile(np.arange(7, dtype=np.uint8), 900)
    text = Text(codes[:5600], codes[5600:], np.arange(7, dtype=np.uint8), {})
    network = build_network("text", seed=0, symbols=7)
    fit_text(network, text, FitSettings(epochs=6, lr=1e-2, batch=8))
    test = text_data(text, characters=600, streams=6)
    floating = test.measure(network)
    # A cycle of 7 symbols is known after the first one: far below guessing.
    assert 1.0 < floating < 1.5 and floating == perplexity(network, text.test[:600], streams=6)
    ideal = InferenceDesign((0.0,), 1, 64, InferenceSettings.ideal())
    assert inference_experiment(network, test, CELLS, design=ideal).mean[0] == pytest.approx(
        floating, rel=1e-5
    )
    design = InferenceDesign((0.0, 3e8), 1, 64)
    found = inference_experiment(network, test, CELLS, design=design, seed=4)
    laid = ProgrammedNetwork(network, design.settings, max_tile=64, calibration=test.calibration)
    assert np.array_equal(DrawJob(laid, CELLS, test, (0.0, 3e8), 4).run(0), found.values[:, 0])
    with pytest.raises(DataError, match="12 to 700"):
        text_data(text, characters=701, streams=6)
    assert isinstance(test, TextData) and test.metric == "perplexity"


def test_training_that_diverges_says_so():
    network = build_network("mnist", seed=0)
    with torch.no_grad():
        network[0].weight.fill_(math.nan)
    with pytest.raises(ConvergenceError, match="diverged in epoch 1"):
        fit_images(network, load_mnist(), FitSettings(epochs=1), train_images=100)


@pytest.mark.parametrize("changes", [{"epochs": 0}, {"epochs": 1, "batch": 0}, {"epochs": 1, "lr": -1.0}])
def test_fits_that_are_not_possible(changes):
    with pytest.raises(InputError):
        FitSettings(**changes)


@pytest.mark.slow
def test_torchrun_gives_the_values_of_one_process(tmp_path):
    quick = (
        "infer cnn --draws 3 --times 0,3e8 --train-images 600 --epochs 1 --test-images 200 --json --seed 5"
    )
    environment = os.environ | {"OMP_NUM_THREADS": "1", "MASTER_ADDR": "127.0.0.1"}
    values = []
    launch = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    for number, prefix in enumerate((launch, [])):
        run = subprocess.run(
            [sys.executable, *prefix, "-m", "femristor.cli.main", *quick.split(), "--out", str(number)],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert run.returncode == 0, run.stderr[:3000]
        kept = store.load(tmp_path / str(number) / "experiment-single-none-plain.h5", InferenceExperiment)
        values.append(kept.values)
        assert run.stdout.count('"schema"') == 1
    assert np.array_equal(values[0], values[1]) and values[0].shape == (2, 3)
