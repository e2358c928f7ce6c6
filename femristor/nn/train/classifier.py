"""Train a classifier: a recipe is built on its device and trained; what comes back has the network and its curves."""

from dataclasses import dataclass, field

import numpy as np
import torch

from femristor.core.errors import InputError
from femristor.core.messages import Progress
from femristor.device.card import DeviceCard
from femristor.nn.layers.networks import MNIST_LAYERS
from femristor.nn.results.training import TrainingRun
from femristor.nn.train.datasets import Mnist
from femristor.nn.train.mnist import TrainSettings, trained_mnist
from femristor.nn.update.rules.mixed_precision import MixedPrecisionSettings


def default_lr(device, rule) -> float:
    """Learning rate where none is given.

    Args:
        device: under the weights; None in floating point.
        rule: settings of the update rule, None for AGAD.

    Returns:
        0.5 in floating point, 0.1 for mixed precision, 0.01 for all other rules.
    """
    if device is None:
        return 0.5
    return 0.1 if isinstance(rule, MixedPrecisionSettings) else 0.01


@dataclass(frozen=True)
class Perceptron:
    """A recipe: linear layers with bias, log-softmax at the end; `train` builds it on its device.

    Attributes:
        layers: widths, inputs first.
        activation: between layers: "sigmoid", "tanh" or "relu".
    """

    layers: tuple[int, ...] = MNIST_LAYERS
    activation: str = "sigmoid"


def perceptron(*layers: int, activation: str = "sigmoid") -> Perceptron:
    """The multilayer perceptron of the experiments.

    Args:
        *layers: widths, inputs first; 784-256-128-10 by default.
        activation: between layers: "sigmoid", "tanh" or "relu".

    Returns:
        Its recipe for `train`.
    """
    return Perceptron(layers or MNIST_LAYERS, activation)


@dataclass(frozen=True)
class Trained:
    """A trained network with the curves of its training.

    Attributes:
        run: accuracy, loss and pulses by epoch, settings, provenance; what `femristor.save` keeps.
        network: torch module, with its devices where it has some.
    """

    run: TrainingRun
    network: torch.nn.Module = field(repr=False)

    @property
    def accuracy(self) -> np.ndarray:
        """(epochs,) part of the test samples that is classified right."""
        return self.run.accuracy

    @property
    def loss(self) -> np.ndarray:
        """(epochs,) mean loss."""
        return self.run.loss

    def __repr__(self) -> str:
        """Device, rule and last accuracy in one line."""
        last = f"{100 * self.run.accuracy[-1]:.2f} % after {self.run.epochs} epochs"
        return f"Trained({self.run.device}, {self.run.rule}: {last})"


def train(
    network: Perceptron,
    data: Mnist,
    *,
    device=None,
    rule=None,
    card: DeviceCard | None = None,
    lr: float | None = None,
    checkpoint=None,
    resume: bool = False,
    progress: Progress | None = None,
    **settings,
) -> Trained:
    """Train a classifier and test it after each epoch.

    Args:
        network: of `perceptron`.
        data: of `load_mnist`.
        device: under the weights, e.g. `StepDevice.from_trace(train)`; None trains in floating point.
        rule: how pulses move it; `Agad()` by default.
        card: device card, for the provenance.
        lr: learning rate; 0.01, 0.1 for mixed precision, 0.5 in floating point.
        checkpoint: file that is written after each epoch and on Ctrl-C.
        resume: continue that file.
        progress: where the work is shown.
        **settings: of `femristor.nn.train.mnist.TrainSettings`, e.g. epochs, batch, max_tile, seed, train_images.

    Returns:
        Trained.

    Raises:
        ConvergenceError: the training diverges.
        InputError: settings or a device that do not fit.
    """
    if not isinstance(network, Perceptron):
        raise InputError(
            f"network= got {type(network).__name__}, but needs a recipe: give femristor.perceptron(784, 256, 128, 10); a torch model "
            "of your own is trained with femristor.nn.to_analog and femristor.nn.AnalogSGD."
        )
    if lr is None:
        lr = default_lr(device, rule)
    unknown = sorted(set(settings) - {*TrainSettings.__dataclass_fields__} | {"layers", "activation"} & set(settings))
    if unknown:
        raise InputError(f"train has no setting {unknown[0]}; see femristor.nn.train.mnist.TrainSettings.")
    plan = TrainSettings(lr=lr, layers=network.layers, activation=network.activation, **settings)
    run, made = trained_mnist(
        data, plan, device=device, rule=rule, card=card, checkpoint=checkpoint, resume=resume, progress=progress
    )
    return Trained(run, made)
