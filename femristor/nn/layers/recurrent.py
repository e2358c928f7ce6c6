"""`AnalogLSTM`: the four gates of a layer on one crossbar.

    (i, f, g, o) = W [x_t; h_(t-1); 1],  c_t = sigmoid(f) c_(t-1) + sigmoid(i) tanh(g),  h_t = sigmoid(o) tanh(c_t)

W is (4 hidden, inputs + hidden + bias), gates in torch's order. One product a time step; the pulsed update sees the
time steps as the backward pass meets them, the last one first.
Source: Gokmen et al., Front. Neurosci. 12, 745 (2018).
"""

import torch

from femristor.core.errors import InputError
from femristor.nn.devices.parameters import Device
from femristor.nn.layers.contract import Needs, check_input, check_state
from femristor.nn.layers.numbers import numbered
from femristor.nn.layers.state import CrossbarState
from femristor.nn.layers.tiling import analog_linear

State = tuple[torch.Tensor, torch.Tensor]


class AnalogLSTM(CrossbarState):
    """LSTM of one or more layers, each on one crossbar; shapes and states as in `torch.nn.LSTM`.

    Args:
        input_size: inputs of the first layer.
        hidden_size: outputs of each layer.
        num_layers: layers.
        device: what is under each cell.
        batch_first: sequences come as (batch, time, inputs).
        dropout: between layers, in training.
        number: of the first tile, as in `AnalogLinear`; layer k takes number + k.
        weights: (4 hidden, inputs + hidden + bias) of each layer.
        output_scales: (4 hidden,) of each layer.
        **options: `max_tile`, `reference`, `rule`, `bias`, `seed` and converters or periphery of `AnalogLinear`.

    Raises:
        InputError: sizes below 1, a dropout outside [0, 1), or what `AnalogLinear` refuses.
    """

    @numbered
    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        *,
        device: Device,
        batch_first: bool = False,
        dropout: float = 0.0,
        number: int | None = None,
        weights: list | None = None,
        output_scales: list | None = None,
        **options,
    ) -> None:
        super().__init__()
        if min(input_size, hidden_size, num_layers) < 1 or not 0 <= dropout < 1:
            raise InputError(
                "An LSTM needs inputs, hidden units and layers of 1 or more and a dropout from 0 to below 1; correct them."
            )
        self.input_size, self.hidden_size, self.num_layers = input_size, hidden_size, num_layers
        self.batch_first, self.dropout = batch_first, dropout
        sizes = [input_size, *[hidden_size] * (num_layers - 1)]
        self.tiles = torch.nn.ModuleList(
            analog_linear(
                size + hidden_size,
                4 * hidden_size,
                device=device,
                number=number + layer,
                weight=None if weights is None else weights[layer],
                output_scale=None if output_scales is None else output_scales[layer],
                **options,
            )
            for layer, size in enumerate(sizes)
        )
        for tile in self.tiles:
            tile.is_part = True
        axes = "batch, time" if batch_first else "time, batch"
        self._needs = Needs(input_size, ranks=(3,), words=f"({axes}, {input_size})")

    def extra_repr(self) -> str:
        """Text inside the layer's repr."""
        return f"{self.input_size}, {self.hidden_size}, num_layers={self.num_layers}"

    def forward(self, x: torch.Tensor, state: State | None = None) -> tuple[torch.Tensor, State]:
        """Run a sequence.

        Args:
            x: (time, batch, input_size), or (batch, time, input_size) with `batch_first`.
            state: (h, c), each (num_layers, batch, hidden_size); zeros by default.

        Returns:
            Outputs of the last layer, shaped like x, and the last state.

        Raises:
            InputError: shapes that do not fit, no floating point, an empty batch, another device, NaN or infinity.
        """
        where = self.tiles[0].where
        check_input(self, x, self._needs, where=where, values=self.training)
        sequence = x.transpose(0, 1) if self.batch_first else x
        shape = (self.num_layers, sequence.shape[1], self.hidden_size)
        if state is None:
            state = (x.new_zeros(shape), x.new_zeros(shape))
        else:
            check_state(self, state, shape, where=where)
        hidden, cell = [], []
        for layer, tile in enumerate(self.tiles):
            if layer and self.dropout:
                sequence = torch.nn.functional.dropout(sequence, self.dropout, self.training)
            sequence, h, c = _layer(tile, sequence, state[0][layer], state[1][layer])
            hidden.append(h)
            cell.append(c)
        out = sequence.transpose(0, 1) if self.batch_first else sequence
        return out, (torch.stack(hidden), torch.stack(cell))


def _layer(tile: torch.nn.Module, sequence: torch.Tensor, h: torch.Tensor, c: torch.Tensor):
    """(time, batch, hidden) outputs of one layer and its last h and c."""
    outputs = []
    for step in sequence:
        i, f, g, o = tile(torch.cat((step, h), dim=-1)).chunk(4, dim=-1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        h = torch.sigmoid(o) * torch.tanh(c)
        outputs.append(h)
    return torch.stack(outputs), h, c
