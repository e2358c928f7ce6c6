"""The multilayer perceptron of the experiments, on devices or in floating point."""

from itertools import pairwise

import torch

from femristor.core.errors import InputError
from femristor.core.rng import generator
from femristor.nn.devices.parameters import Device
from femristor.nn.layers.numbers import Offered
from femristor.nn.layers.tiling import analog_linear
from femristor.nn.periphery.converters import Quantiser
from femristor.nn.periphery.management import PeripherySettings

MNIST_LAYERS = (784, 256, 128, 10)
INPUT_BITS, OUTPUT_BITS, OUTPUT_BOUND = 6, 8, 15.0
TRAINING_PERIPHERY = PeripherySettings(
    dac=Quantiser(INPUT_BITS, 1.0), adc=Quantiser(OUTPUT_BITS, OUTPUT_BOUND), bound_management=True
)
"""The paper's converters with bound management: clipped outputs would pass gradients that nothing can follow."""
ACTIVATIONS = {"sigmoid": torch.nn.Sigmoid, "tanh": torch.nn.Tanh, "relu": torch.nn.ReLU}


def perceptron(
    layers: tuple[int, ...] = MNIST_LAYERS,
    *,
    device: Device | None,
    rule=None,
    seed: int = 0,
    converters: bool = True,
    max_tile: int = 0,
    activation: str = "sigmoid",
    **options,
) -> torch.nn.Sequential:
    """Linear layers with bias, sigmoid between them, log-softmax at the end.

    Args:
        layers: widths, inputs first.
        device: under the weights; None gives digital floating-point layers.
        rule: `AgadSettings` or `AnalogSgdSettings` of all analog layers.
        seed: of devices, first weights and pulses.
        converters: `TRAINING_PERIPHERY` around the forward products of analog layers.
        max_tile: most inputs and outputs of a tile; 0 puts each layer on one.
        activation: one of `ACTIVATIONS`, in place of the sigmoid.
        **options: `bias`, `reference` or `periphery` (instead of the converters) of analog layers.

    Returns:
        The network.

    Raises:
        InputError: fewer than two widths, a width below one, an unknown activation.
    """
    if activation not in ACTIVATIONS:
        raise InputError(f"There is no activation '{activation}'; use {', '.join(ACTIVATIONS)}.")
    if len(layers) < 2 or min(layers) < 1:
        raise InputError(f"Layer widths {layers}: give at least two numbers, each 1 or more.")
    parts: list[torch.nn.Module] = []
    edge = {}
    if converters and options.get("periphery") is None:
        edge = {"periphery": TRAINING_PERIPHERY}
        options = {name: value for name, value in options.items() if name != "periphery"}
    for number, (inputs, outputs) in enumerate(pairwise(layers)):
        if number:
            parts.append(ACTIVATIONS[activation]())
        if device is None:
            parts.append(_digital_layer(inputs, outputs, seed=seed, number=number))
            continue
        parts.append(
            analog_linear(
                inputs,
                outputs,
                device=device,
                max_tile=max_tile,
                rule=rule,
                seed=seed,
                number=Offered(number),
                **edge,
                **options,
            )
        )
    parts.append(torch.nn.LogSoftmax(dim=-1))
    return torch.nn.Sequential(*parts)


def _digital_layer(inputs: int, outputs: int, *, seed: int, number: int) -> torch.nn.Linear:
    """A torch layer with the first weights that the analog layer of this number would have."""
    layer = torch.nn.Linear(inputs, outputs)
    limit = inputs**-0.5
    first = generator(seed, 103, number).uniform(-limit, limit, (outputs, inputs + 1)).astype("float32")
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(first[:, :-1]))
        layer.bias.copy_(torch.from_numpy(first[:, -1]))
    return layer
