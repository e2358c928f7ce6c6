"""A trained network on cells that age: programmed once, asked at any later time."""

import torch

from femristor.core.errors import InputError
from femristor.core.units import si
from femristor.nn.arguments import require_model
from femristor.nn.inference.data import LabelledData
from femristor.nn.inference.networks import CALIBRATION_SAMPLES, labelled
from femristor.nn.inference.program import ProgrammedNetwork
from femristor.nn.inference.program import program as program_network
from femristor.nn.inference.settings import InferenceSettings
from femristor.nn.layers.convert import to_digital
from femristor.nn.train.classifier import Trained
from femristor.nn.train.datasets import Mnist

MAPPINGS = {"differential": "pair", "single-ended": "single"}
"""The field's words for `InferenceSettings.mapping`."""


class Programmed:
    """A network on programmed cells that age.

    Attributes:
        network: the torch module; called as the original.
    """

    def __init__(self, network: ProgrammedNetwork) -> None:
        """Take a programmed network."""
        self.network = network

    def __repr__(self) -> str:
        """Size and age in one line."""
        return f"Programmed({self.network.cells} weights on {self.network.tiles} crossbars, {self.network.time_s:g} s old)"

    def __call__(self, *inputs):
        """The network's result at its age."""
        return self.network(*inputs)

    def at(self, time) -> "Programmed":
        """Let the cells age; only forward.

        Args:
            time: since programming, s or text such as "10 years".

        Returns:
            Itself.

        Raises:
            InputError: back in time, or no time.
        """
        self.network.advance(si(time, "s", "time"))
        return self

    def accuracy(self, data) -> float:
        """Part of the test samples that is classified right at this age.

        Args:
            data: of `load_mnist`, or (inputs, labels).

        Returns:
            0 to 1.

        Raises:
            InputError: data of another kind.
        """
        return _labelled(data).measure(self.network)


def programmed(
    network, make_cells, *, mapping: str = "single", calibration=None, seed: int = 0, draw: int = 0, max_tile: int = 512,
    **settings,
) -> Programmed:  # fmt: skip
    """Put a network on crossbars and program them.

    Args:
        network: of `train`, or any torch model; what is on devices is read off them.
        make_cells: puts weights on cells, e.g. `femristor.array.weights.weight_arrays(card)`.
        mapping: "single" ("single-ended") or "pair" ("differential").
        calibration: of `load_mnist` (its last training images), or a batch of inputs; ranges are found with it.
        seed: of the cells.
        draw: number of the programming.
        max_tile: most rows and columns of a crossbar.
        **settings: of `femristor.nn.inference.settings.InferenceSettings`.

    Returns:
        Programmed, at time 0.

    Raises:
        InputError: a network without layers for crossbars, or settings that do not fit.
    """
    model = network.network if isinstance(network, Trained) else network
    require_model(model, name="network")
    unknown = sorted(set(settings) - set(InferenceSettings.__dataclass_fields__))
    if unknown:
        raise InputError(f"program has no setting {unknown[0]}; see femristor.nn.inference.settings.InferenceSettings.")
    if isinstance(calibration, Mnist):
        calibration = labelled(calibration, test_images=1).calibration
    chosen = InferenceSettings(mapping=MAPPINGS.get(mapping, mapping), **settings)
    return Programmed(
        program_network(
            to_digital(model), make_cells, chosen, seed=seed, draw=draw, max_tile=max_tile, calibration=calibration
        )
    )


def _labelled(data) -> LabelledData:
    if isinstance(data, LabelledData):
        return data
    if isinstance(data, Mnist):
        return labelled(data, test_images=len(data.test_images))
    if isinstance(data, tuple | list) and len(data) == 2:
        inputs, labels = (torch.as_tensor(part) for part in data)
        return LabelledData(inputs.float(), labels, inputs[:CALIBRATION_SAMPLES].float())
    raise InputError(f"data= got {type(data).__name__}, but needs what load_mnist gave, or (inputs, labels).")
