"""Train a classifier on MNIST with analog layers; epochs, checkpoints and Ctrl-C are those of `train.job`.

The order of the images is a permutation of (seed, epoch).
"""

import math
from dataclasses import dataclass
from pathlib import Path

import torch

from femristor.core.errors import InputError
from femristor.core.messages import Progress
from femristor.core.provenance import Provenance, Status
from femristor.core.rng import generator
from femristor.nn.devices.parameters import Device
from femristor.nn.layers.linear import Rule
from femristor.nn.layers.networks import MNIST_LAYERS, perceptron
from femristor.nn.results.training import TrainingRun
from femristor.nn.train.datasets import Mnist
from femristor.nn.train.job import TrainingJob
from femristor.nn.train.settings import JobSettings
from femristor.nn.update.optimiser import AnalogSGD
from femristor.nn.update.rules.agad import AgadSettings


@dataclass(frozen=True, kw_only=True)
class TrainSettings(JobSettings):
    """Settings of a training on MNIST, beside those of `JobSettings`.

    Attributes:
        train_images: how many of the 60,000 are used, from the front.
        test_images: how many of the 10,000.
        layers: widths of the network.
        activation: between layers: "sigmoid", "tanh" or "relu".
    """

    train_images: int = 60000
    test_images: int = 10000
    layers: tuple[int, ...] = MNIST_LAYERS
    activation: str = "sigmoid"

    def __post_init__(self) -> None:
        super().__post_init__()
        if min(self.train_images, self.test_images) < 1:
            raise InputError("Training: train images and test images must each be at least 1.")


def train_mnist(
    data: Mnist,
    settings: TrainSettings,
    *,
    device: Device | None,
    rule: Rule | None = None,
    card=None,
    checkpoint: str | Path | None = None,
    resume: bool = False,
    progress: Progress | None = None,
) -> TrainingRun:
    """Train a perceptron and test it after each epoch.

    Args:
        data: the digits.
        settings: of the run.
        device: under the weights, or None for floating point.
        rule: how the devices are updated; AGAD by default.
        card: device card, for the provenance.
        checkpoint: file that is written after each epoch and on Ctrl-C.
        resume: continue that file.
        progress: where it is shown.

    Returns:
        The run.

    Raises:
        ConvergenceError: the loss is not finite, or grows far beyond that of guessing.
        InputError: settings that do not fit the data, a checkpoint of another run.
        KeyboardInterrupt: Ctrl-C; the message says what was kept.
    """
    run, _ = trained_mnist(
        data, settings, device=device, rule=rule, card=card, checkpoint=checkpoint, resume=resume, progress=progress
    )
    return run


def trained_mnist(
    data: Mnist,
    settings: TrainSettings,
    *,
    device: Device | None,
    rule: Rule | None = None,
    card=None,
    checkpoint: str | Path | None = None,
    resume: bool = False,
    progress: Progress | None = None,
) -> tuple[TrainingRun, torch.nn.Module]:
    """As `train_mnist`, with the network that was trained.

    Args:
        data: as in `train_mnist`.
        settings: the same.
        device: the same.
        rule: the same.
        card: the same.
        checkpoint: the same.
        resume: the same.
        progress: the same.

    Returns:
        The run, and the network.

    Raises:
        ConvergenceError: as in `train_mnist`.
        InputError: as in `train_mnist`.
    """
    job = _MnistJob(data, settings, device, rule, card=card, checkpoint=checkpoint)
    job.run(resume=resume, progress=progress)
    return job.result(), job.network


class _MnistJob(TrainingJob):
    """Digits in batches."""

    def __init__(self, data: Mnist, settings: TrainSettings, device, rule, *, card, checkpoint) -> None:
        if settings.train_images > len(data.train_images) or settings.test_images > len(data.test_images):
            raise InputError(
                f"{settings.train_images} training and {settings.test_images} test images are wanted, but there are "
                f"{len(data.train_images)} and {len(data.test_images)}."
            )
        rule = None if device is None else (rule or AgadSettings())
        network = perceptron(
            settings.layers,
            device=device,
            rule=rule,
            seed=settings.seed,
            converters=settings.converters,
            max_tile=settings.max_tile,
            activation=settings.activation,
        )
        optimiser = AnalogSGD(network, settings.lr, threads=settings.threads)
        super().__init__(network, optimiser, settings, device=device, rule=rule, checkpoint=checkpoint)
        self.card, self.hashes, self.classes = card, data.hashes, settings.layers[-1]
        self.images = data.train_images[: settings.train_images]
        self.labels = torch.from_numpy(data.train_labels[: settings.train_images])
        self.test_images = data.test_images[: settings.test_images]
        self.test_labels = torch.from_numpy(data.test_labels[: settings.test_images])
        self.samples = len(self.images)
        self.batches = math.ceil(self.samples / settings.batch)

    def begin_epoch(self, epoch: int) -> None:
        """Draw the order of the images."""
        self.order = generator(self.settings.seed, 104, epoch).permutation(self.samples)

    def loss_of(self, batch: int) -> tuple[torch.Tensor, int]:
        """Mean negative log-likelihood of a batch of images."""
        size = self.settings.batch
        chosen = self.order[batch * size : (batch + 1) * size]
        x = torch.from_numpy(self.images[chosen]).to(torch.float32).mul_(1.0 / 255.0)
        return torch.nn.functional.nll_loss(self.network(x), self.labels[torch.from_numpy(chosen)]), len(
            chosen
        )

    def score(self) -> float:
        """Part of the test images that is classified right."""
        self.network.eval()
        right = 0
        with torch.no_grad():
            for first in range(0, len(self.test_images), 1000):
                x = torch.from_numpy(self.test_images[first : first + 1000]).to(torch.float32)
                found = self.network(x.mul_(1.0 / 255.0)).argmax(dim=1)
                right += int((found == self.test_labels[first : first + 1000]).sum())
        self.network.train()
        return right / len(self.test_images)

    def shown(self, score: float) -> str:
        """The score for people."""
        return f"{100 * score:.2f} %"

    def provenance(self) -> Provenance:
        """Origin of what this job makes."""
        return Provenance.create(
            "nn.train_mnist", card=self.card, seed=self.settings.seed, inputs=self.hashes
        )

    def result(self) -> TrainingRun:
        """The run so far as a result."""
        curves = self.curves()
        described = self.described()
        return TrainingRun(
            data_set="mnist",
            device=str(described["device"]),
            rule=str(described["rule"]),
            layers=torch.tensor(self.settings.layers).numpy(),
            accuracy=curves.pop("score"),
            **curves,
            train_images=self.samples,
            test_images=len(self.test_images),
            settings=described,
            status=Status.SAMPLED,
            provenance=self.provenance(),
        )
