"""The character network of the experiments: LSTM layers and a linear layer, on devices or in floating point.

87 symbols one-hot, two LSTM layers of 64 with one bias column each, a linear layer back to the symbols: 77,591
weights (Falcone et al., arXiv 2502.04524, section 2.3.2; Gokmen et al., Front. Neurosci. 12, 745 (2018)).
"""

import math

import numpy as np
import torch

from femristor.core.errors import InputError
from femristor.core.rng import generator
from femristor.nn.devices.parameters import Device
from femristor.nn.layers.networks import TRAINING_PERIPHERY
from femristor.nn.layers.numbers import Offered
from femristor.nn.layers.recurrent import AnalogLSTM
from femristor.nn.layers.tiling import analog_linear

State = tuple[torch.Tensor, torch.Tensor]
HIDDEN, LAYERS = 64, 2


class CharacterLSTM(torch.nn.Module):
    """Predicts the next character.

    Args:
        symbols: different characters.
        hidden: outputs of each LSTM layer.
        layers: LSTM layers.
        device: under the weights; None gives `torch.nn.LSTM` and `torch.nn.Linear` with the same first weights.
        dropout: between LSTM layers and before the linear layer, in training.
        seed: of devices, first weights and pulses.
        rule: update rule of the analog layers.
        max_tile: most rows or columns of one crossbar; 0 takes one crossbar a layer.
        converters: `networks.TRAINING_PERIPHERY` around the forward products of analog layers.
        weight_scale: digital factor behind each crossbar, which widens the range of weights to
            weight_scale [w_min, w_max]; in floating point it does nothing.

    Raises:
        InputError: sizes below 1, or a scale that is not positive.
    """

    def __init__(
        self,
        symbols: int,
        hidden: int = HIDDEN,
        layers: int = LAYERS,
        *,
        device: Device | None = None,
        dropout: float = 0.0,
        seed: int = 0,
        rule=None,
        max_tile: int = 0,
        converters: bool = True,
        weight_scale: float = 1.0,
    ) -> None:
        super().__init__()
        if min(symbols, hidden, layers) < 1 or not 0 <= dropout < 1:
            raise InputError(
                "A character network needs symbols, hidden units and layers of 1 or more and a dropout from 0 to below 1."
            )
        if not 0 < weight_scale < math.inf:
            raise InputError(f"A weight scale of {weight_scale:g} is not possible; give a positive number.")
        self.symbols, self.hidden, self.layers = symbols, hidden, layers
        first = first_weights(symbols, hidden, layers, seed=seed)
        if device is None:
            self.lstm, self.readout = _digital(symbols, hidden, layers, dropout, first)
        else:
            options = {"device": device, "rule": rule, "seed": seed, "max_tile": max_tile}
            self.lstm, self.readout = _analog(
                symbols, hidden, first, options, dropout=dropout, converters=converters, scale=weight_scale
            )
        self.dropout = torch.nn.Dropout(dropout)

    def forward(self, codes: torch.Tensor, state: State | None = None) -> tuple[torch.Tensor, State]:
        """Log-probabilities of the next character after each one.

        Args:
            codes: (time, batch) int64.
            state: (h, c), each (layers, batch, hidden); zeros by default.

        Returns:
            (time, batch, symbols) log-probabilities and the last state.
        """
        x = torch.nn.functional.one_hot(codes, self.symbols).to(torch.float32)
        y, state = self.lstm(x, state)
        return torch.log_softmax(self.readout(self.dropout(y)), dim=-1), state


def first_weights(symbols: int, hidden: int, layers: int, *, seed: int) -> list[np.ndarray]:
    """Uniform first weights of every layer, the readout last, bias as last column.

    Args:
        symbols: inputs of the first layer.
        hidden: units.
        layers: LSTM layers.
        seed: of the network.

    Returns:
        (4 hidden, inputs + hidden + 1) each and (symbols, hidden + 1), float32, within +-1/sqrt(inputs of the crossbar).
    """
    inputs = [symbols + hidden, *[2 * hidden] * (layers - 1), hidden]
    outputs = [4 * hidden] * layers + [symbols]
    return [
        generator(seed, 103, number).uniform(-(n**-0.5), n**-0.5, (m, n + 1)).astype(np.float32)
        for number, (n, m) in enumerate(zip(inputs, outputs, strict=True))
    ]


def _analog(symbols, hidden, first, options, *, dropout, converters, scale):
    layers = len(first) - 1
    if converters:
        options = options | {"periphery": TRAINING_PERIPHERY}
    scales = None if scale == 1.0 else [np.full(len(w), scale, dtype=np.float32) for w in first]
    lstm = AnalogLSTM(
        symbols,
        hidden,
        layers,
        dropout=dropout,
        weights=[w / np.float32(scale) for w in first[:-1]],
        output_scales=None if scales is None else scales[:-1],
        **options,
    )
    readout = analog_linear(
        hidden,
        symbols,
        number=Offered(layers),
        weight=first[-1] / np.float32(scale),
        output_scale=None if scales is None else scales[-1],
        **options,
    )
    return lstm, readout


def _digital(symbols, hidden, layers, dropout, first):
    """Torch layers with the first weights of the analog ones; the second bias of torch's LSTM stays zero."""
    lstm = torch.nn.LSTM(symbols, hidden, layers, dropout=dropout)
    readout = torch.nn.Linear(hidden, symbols)
    with torch.no_grad():
        for layer, weight in enumerate(first[:-1]):
            size = weight.shape[1] - hidden - 1
            values = torch.from_numpy(weight)
            getattr(lstm, f"weight_ih_l{layer}").copy_(values[:, :size])
            getattr(lstm, f"weight_hh_l{layer}").copy_(values[:, size:-1])
            getattr(lstm, f"bias_ih_l{layer}").copy_(values[:, -1])
            getattr(lstm, f"bias_hh_l{layer}").zero_().requires_grad_(False)
        values = torch.from_numpy(first[-1])
        readout.weight.copy_(values[:, :-1])
        readout.bias.copy_(values[:, -1])
    return lstm, readout


def perplexity(network: torch.nn.Module, codes, *, streams: int = 50, chunk: int = 100) -> float:
    """The exponential of the mean negative log-likelihood of each next character.

    Args:
        network: maps (codes (time, batch), state) to (log-probabilities, state), as `CharacterLSTM` does.
        codes: (n,) characters.
        streams: equal pieces of the text that run side by side, each from a zero state; what is left over is not used.
        chunk: time steps a call.

    Returns:
        Perplexity; guessing gives the number of symbols.

    Raises:
        InputError: fewer than two characters a piece.
    """
    length = len(codes) // max(streams, 1)
    if streams < 1 or length < 2:
        raise InputError(
            f"{len(codes)} characters in {streams} pieces leave nothing to predict; give more text or fewer pieces."
        )
    table = np.asarray(codes)[: length * streams].reshape(streams, length).T.astype(np.int64)
    sequence = torch.from_numpy(np.ascontiguousarray(table))
    training = network.training
    network.eval()
    total, state = 0.0, None
    with torch.no_grad():
        for first in range(0, length - 1, chunk):
            last = min(first + chunk, length - 1)
            logs, state = network(sequence[first:last], state)
            target = sequence[first + 1 : last + 1]
            picked = torch.gather(logs, 2, target[..., None])
            total -= float(picked.to(torch.float64).sum())
    network.train(training)
    return math.exp(total / (streams * (length - 1)))
