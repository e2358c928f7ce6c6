"""What training hands on: the run's curves, and the checkpoint that continues it bit for bit."""

from dataclasses import dataclass

import numpy as np

from femristor.core.provenance import Provenance, Status
from femristor.core.store import storable


@storable("TrainingRun", version=1)
@dataclass(frozen=True)
class TrainingRun:
    """A finished training.

    Attributes:
        data_set: what was learnt, "mnist".
        device: label of the device.
        rule: "agad", "sgd" or "floating point".
        layers: (layers + 1,) int64, widths.
        accuracy: (epochs,) part of the test images that is classified right after each epoch.
        loss: (epochs,) mean training loss during each epoch.
        samples_per_s: (epochs,) training samples per wall-clock second.
        fast_pulses: (epochs,) int64, pulses on the fast arrays.
        slow_pulses: (epochs,) int64, pulses on the weights.
        train_images: samples per epoch.
        test_images: number of test images.
        settings: everything that the result depends on, name to text, number or None.
        status: SAMPLED.
        provenance: card, seed, data hashes, versions.
    """

    data_set: str
    device: str
    rule: str
    layers: np.ndarray
    accuracy: np.ndarray
    loss: np.ndarray
    samples_per_s: np.ndarray
    fast_pulses: np.ndarray
    slow_pulses: np.ndarray
    train_images: int
    test_images: int
    settings: dict[str, str | int | float | bool | None]
    status: Status
    provenance: Provenance

    @property
    def epochs(self) -> int:
        """Epochs done."""
        return int(self.accuracy.size)


@storable("TextRun", version=1)
@dataclass(frozen=True)
class TextRun:
    """A finished training on text.

    Attributes:
        data_set: what was learnt, "war and peace".
        device: label of the device.
        rule: "agad", "sgd" or "floating point".
        symbols: different characters.
        perplexity: (epochs,) of the test text after each epoch.
        loss: (epochs,) mean training loss during each epoch.
        tokens_per_s: (epochs,) training characters per wall-clock second.
        fast_pulses: (epochs,) int64, pulses on the fast arrays.
        slow_pulses: (epochs,) int64, pulses on the weights.
        train_characters: characters that one epoch predicts.
        test_characters: length of the test text.
        settings: everything that the result depends on, name to text, number or None.
        status: SAMPLED.
        provenance: card, seed, data hashes, versions.
    """

    data_set: str
    device: str
    rule: str
    symbols: int
    perplexity: np.ndarray
    loss: np.ndarray
    tokens_per_s: np.ndarray
    fast_pulses: np.ndarray
    slow_pulses: np.ndarray
    train_characters: int
    test_characters: int
    settings: dict[str, str | int | float | bool | None]
    status: Status
    provenance: Provenance

    @property
    def epochs(self) -> int:
        """Epochs done."""
        return int(self.perplexity.size)


@storable("NamedArray", version=1)
@dataclass(frozen=True)
class NamedArray:
    """One tensor of a network's state.

    Attributes:
        name: key in the state_dict.
        values: the numbers.
    """

    name: str
    values: np.ndarray


@storable("TrainingCheckpoint", version=1, shapes={"partial": "3", "pulses": "2", "history": "epochs 5"})
@dataclass(frozen=True)
class TrainingCheckpoint:
    """A training in the middle.

    Attributes:
        settings: of the run; another run cannot continue it.
        epoch: epoch that it is in, from 0.
        batch: batches of this epoch that are done.
        tensors: the network's state.
        partial: (3,) float64: sum of losses, seconds and samples of this epoch so far.
        pulses: (2,) int64: fast and slow pulses of this epoch so far.
        history: (epochs done, 5) float64: accuracy, loss, samples/s, fast and slow pulses.
        provenance: where it comes from.
    """

    settings: dict[str, str | int | float | bool | None]
    epoch: int
    batch: int
    tensors: tuple[NamedArray, ...]
    partial: np.ndarray
    pulses: np.ndarray
    history: np.ndarray
    provenance: Provenance
