"""The networks of the inference experiments, trained in floating point, then if wanted for their crossbars.

- mnist: 784-256-128-10, sigmoid (`networks.perceptron`)
- cnn: two convolutions 5 x 5 of stride 2 with 8 and 16 channels, ReLU, a linear layer; 5,960 weights
- text: `text_network.CharacterLSTM`, two LSTM layers of 64

All with Adam; the rate falls to zero over the epochs as (1 + cos)/2. Hardware-aware training is a second one that
starts from the floating-point weights.
"""

import math
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass

import numpy as np
import torch

from femristor.core.errors import ConvergenceError, DataError, InputError
from femristor.core.messages import NullProgress, Progress
from femristor.core.rng import generator
from femristor.nn.inference.data import LabelledData, TextData
from femristor.nn.layers.networks import perceptron
from femristor.nn.layers.text_network import CharacterLSTM
from femristor.nn.train.datasets import Mnist, Text
from femristor.nn.train.hardware_aware import HardwareAwareSettings, hardware_aware
from femristor.nn.train.threads import one_thread

NETWORKS = ("mnist", "cnn", "text")
CALIBRATION_SAMPLES = 500
SEQUENCE = 50
CLIP_GRADIENT = 1.0
Batch = tuple[torch.Tensor, torch.Tensor]


@dataclass(frozen=True)
class FitSettings:
    """How a network is trained.

    Attributes:
        epochs: over the training data.
        lr: first rate.
        batch: samples, or pieces of text side by side, a step.
    """

    epochs: int
    lr: float = 2e-3
    batch: int = 50

    def __post_init__(self) -> None:
        """Check counts and rate."""
        if self.epochs < 1 or self.batch < 1:
            raise InputError("Training needs 1 epoch and a batch of 1 or more.")
        if not 0 < self.lr < math.inf:
            raise InputError(f"A learning rate of {self.lr} is not possible; give a positive one.")


DEFAULT_FIT = {
    "mnist": FitSettings(epochs=10),
    "cnn": FitSettings(epochs=10),
    "text": FitSettings(epochs=4, lr=5e-3, batch=32),
}
DEFAULT_AWARE_FIT = {
    "mnist": FitSettings(epochs=5),
    "cnn": FitSettings(epochs=5),
    "text": FitSettings(epochs=2, lr=2.5e-3, batch=32),
}


def build_network(name: str, *, seed: int, symbols: int = 87) -> torch.nn.Module:
    """A network with its first weights.

    Args:
        name: one of NETWORKS.
        seed: of the first weights.
        symbols: characters of the text network.

    Returns:
        The network.

    Raises:
        InputError: unknown name.
    """
    if name == "mnist":
        return perceptron(device=None, seed=seed)
    if name == "text":
        return CharacterLSTM(symbols, seed=seed)
    if name != "cnn":
        raise InputError(f"A network '{name}' is unknown; use one of {', '.join(NETWORKS)}.")
    network = torch.nn.Sequential(
        torch.nn.Unflatten(1, (1, 28, 28)),
        torch.nn.Conv2d(1, 8, 5, stride=2),
        torch.nn.ReLU(),
        torch.nn.Conv2d(8, 16, 5, stride=2),
        torch.nn.ReLU(),
        torch.nn.Flatten(),
        torch.nn.Linear(256, 10),
        torch.nn.LogSoftmax(dim=-1),
    )
    rng = generator(seed, 105)
    with torch.no_grad():
        for value in network.parameters():
            limit = math.prod(value.shape[1:]) ** -0.5 if value.ndim > 1 else 0.0
            value.copy_(torch.from_numpy(rng.uniform(-limit, limit, tuple(value.shape))))
    return network


def labelled(data: Mnist, *, test_images: int) -> LabelledData:
    """The first test images, calibrated with the last training images.

    Raises:
        DataError: fewer images than are wanted.
    """
    if not 1 <= test_images <= len(data.test_images):
        raise DataError(f"{test_images} test images are wanted, but there are 1 to {len(data.test_images)}.")
    return LabelledData(
        _pixels(data.test_images[:test_images]),
        torch.from_numpy(data.test_labels[:test_images]),
        _pixels(data.train_images[-CALIBRATION_SAMPLES:]),
    )


def text_data(data: Text, *, characters: int, streams: int = 200) -> TextData:
    """The first characters of the test text, calibrated with the end of the training text.

    Raises:
        DataError: more characters than there are.
    """
    if not 2 * streams <= characters <= len(data.test):
        raise DataError(f"{characters} characters are wanted; give {2 * streams} to {len(data.test)}.")
    rows = CALIBRATION_SAMPLES // 5
    calibration = torch.from_numpy(data.train[-rows * SEQUENCE :].astype(np.int64)).reshape(rows, SEQUENCE).T
    return TextData(torch.from_numpy(data.test[:characters].copy()), calibration.contiguous(), streams)


def _pixels(images: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(images).to(torch.float32).mul_(1.0 / 255.0)


def fit_images(
    network: torch.nn.Module,
    data: Mnist,
    settings: FitSettings,
    *,
    train_images: int = 60000,
    aware: HardwareAwareSettings | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> None:
    """Train a classifier in place.

    Args:
        network: images (batch, 784) to log-probabilities.
        data: the digits.
        settings: epochs and rates.
        train_images: how many are used, from the front.
        aware: what it is trained under, for hardware-aware training.
        seed: of the order and the noise.
        progress: where epochs are shown.

    Raises:
        ConvergenceError: the loss is not finite.
        InputError: no image, or more than there are.
    """
    count = train_images
    if not 1 <= count <= len(data.train_images):
        raise InputError(f"{count} training images are wanted; give 1 to {len(data.train_images)}.")
    images, labels = data.train_images[:count], torch.from_numpy(data.train_labels[:count])

    def batches(epoch: int) -> Iterator[Batch]:
        order = generator(seed, 106, epoch).permutation(count)
        for first in range(0, count, settings.batch):
            chosen = order[first : first + settings.batch]
            yield _pixels(images[chosen]), labels[torch.from_numpy(chosen)]

    def loss(x: torch.Tensor, target: torch.Tensor, _state):
        return torch.nn.functional.nll_loss(network(x), target), None

    steps = -(-count // settings.batch)
    _Fit(network, settings, batches, loss, steps, seed).run(aware, progress or NullProgress())


def fit_text(
    network: torch.nn.Module,
    data: Text,
    settings: FitSettings,
    *,
    characters: int | None = None,
    aware: HardwareAwareSettings | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> None:
    """Train a character network in place, by truncated backpropagation over 50 characters with the state carried on.

    Args:
        network: (codes, state) to (log-probabilities, state).
        data: the text.
        settings: epochs and rates; `batch` pieces of the text run side by side.
        characters: how many are used, from the front; all by default.
        aware: what it is trained under, for hardware-aware training.
        seed: of the noise.
        progress: where epochs are shown.

    Raises:
        ConvergenceError: the loss is not finite.
        InputError: too few characters, or more than there are.
    """
    if characters is not None and not 1 <= characters <= len(data.train):
        raise InputError(f"{characters} training characters are wanted; give 1 to {len(data.train)}.")
    text = data.train if characters is None else data.train[:characters]
    length = len(text) // settings.batch
    if length < 2:
        raise InputError(
            f"{len(text)} characters do not fill {settings.batch} pieces; give more, or a smaller batch."
        )
    table = (
        torch.from_numpy(text[: length * settings.batch].astype(np.int64)).reshape(settings.batch, length).T
    )

    def batches(_epoch: int) -> Iterator[Batch]:
        for first in range(0, length - 1, SEQUENCE):
            last = min(first + SEQUENCE, length - 1)
            yield table[first:last], table[first + 1 : last + 1]

    def loss(x: torch.Tensor, target: torch.Tensor, state):
        logs, state = network(x, state)
        value = torch.nn.functional.nll_loss(logs.flatten(0, 1), target.flatten())
        return value, tuple(part.detach() for part in state)

    steps = -(-(length - 1) // SEQUENCE)
    _Fit(network, settings, batches, loss, steps, seed).run(aware, progress or NullProgress())


@dataclass
class _Fit:
    """One training."""

    network: torch.nn.Module
    settings: FitSettings
    batches: Callable[[int], Iterator[Batch]]
    loss: Callable
    steps: int
    seed: int

    def run(self, aware: HardwareAwareSettings | None, progress: Progress) -> None:
        trained = [value for value in self.network.parameters() if value.requires_grad]
        optimiser = torch.optim.Adam(trained, self.settings.lr)
        total = self.settings.epochs * self.steps
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, total)
        noisy = (
            nullcontext() if aware is None else hardware_aware(self.network, optimiser, aware, seed=self.seed)
        )
        words = "training" if aware is None else "hardware-aware training"
        self.network.train()
        with one_thread(), noisy, progress.task(words, total) as task:
            for epoch in range(self.settings.epochs):
                state = None
                for number, (x, target) in enumerate(self.batches(epoch)):
                    optimiser.zero_grad()
                    loss, state = self.loss(x, target, state)
                    value = float(loss.detach())
                    if not math.isfinite(value):
                        raise ConvergenceError(
                            f"Training diverged in epoch {epoch + 1}: the loss is {value}; lower the learning rate "
                            f"(now {self.settings.lr:g})."
                        )
                    loss.backward()
                    torch.nn.utils.clip_grad_norm_(trained, CLIP_GRADIENT)
                    optimiser.step()
                    schedule.step()
                    task.advance(1, note=f"epoch {epoch + 1}, loss {value:.3f}" if number % 20 == 0 else "")
        self.network.eval()
