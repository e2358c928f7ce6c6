"""What a programmed network is measured on: labelled images, or a text."""

from dataclasses import dataclass

import torch

from femristor.core.errors import InputError
from femristor.nn.layers.text_network import perplexity

BATCH = 500


@dataclass(frozen=True)
class LabelledData:
    """Test samples with their classes; the figure of merit is the part that is classified right.

    Attributes:
        inputs: (samples, ...) float32.
        labels: (samples,) int64.
        calibration: (samples, ...) float32 that ranges are found with, not of the test.
    """

    inputs: torch.Tensor
    labels: torch.Tensor
    calibration: torch.Tensor
    metric: str = "accuracy"

    def __post_init__(self) -> None:
        """Check that there is something to classify."""
        if len(self.inputs) != len(self.labels) or not len(self.labels):
            raise InputError(
                f"{len(self.inputs)} samples with {len(self.labels)} labels cannot be tested; give one label each."
            )

    def measure(self, network: torch.nn.Module) -> float:
        """Part of the samples whose largest output is their label."""
        network.eval()
        right = 0
        with torch.no_grad():
            for x, label in zip(self.inputs.split(BATCH), self.labels.split(BATCH), strict=True):
                right += int((network(x).argmax(dim=1) == label).sum())
        return right / len(self.labels)


@dataclass(frozen=True)
class TextData:
    """A test text; the figure of merit is the perplexity of its characters.

    Attributes:
        codes: (characters,) uint8.
        calibration: (time, batch) int64 of the training text.
        streams: pieces of the text that run side by side.
    """

    codes: torch.Tensor
    calibration: torch.Tensor
    streams: int = 100
    metric: str = "perplexity"

    def measure(self, network: torch.nn.Module) -> float:
        """Perplexity, see `text_network.perplexity`."""
        return perplexity(network, self.codes.numpy(), streams=self.streams)
