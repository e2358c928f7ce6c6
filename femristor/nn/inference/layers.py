"""Linear, Conv2d and LSTM layers on programmed tiles; they take the place of torch's layers of the same name.

Results carry no gradient: these layers are for inference. A convolution is the product of unfolded patches with
the (channels, patch) matrix, one grid a group. An LSTM layer and direction has its four gates on one grid, with inputs
[x_t, h_(t-1)]; products on tiles, everything behind them digital:

    i, f, o = sigmoid, g = tanh of W [x_t, h_(t-1)] + b;   c_t = f c_(t-1) + i g;   h_t = o tanh(c_t)
"""

from collections.abc import Callable

import torch

from femristor.core.errors import InputError
from femristor.nn.inference.tiles import TileGrid
from femristor.nn.layers.contract import Needs, check_input, check_state, patch_counts, vectors

GridMaker = Callable[[torch.Tensor, torch.Tensor | None], TileGrid]


def _calibrating(layer) -> bool:
    """Whether values are noted as ranges; in a product the matrices look at them themselves."""
    return layer.grids[0].noting is not None


class ProgrammedLinear(torch.nn.Module):
    """A torch.nn.Linear on tiles."""

    def __init__(self, layer: torch.nn.Linear, make_grid: GridMaker) -> None:
        super().__init__()
        self.in_features, self.out_features = layer.in_features, layer.out_features
        self.grids = [make_grid(layer.weight, layer.bias)]
        self._needs = vectors(layer.in_features)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(..., in_features) to (..., out_features).

        Raises:
            InputError: another width, no floating point, an empty batch, NaN or infinity.
        """
        check_input(self, x, self._needs, values=_calibrating(self))
        return self.grids[0](x)


class ProgrammedConv2d(torch.nn.Module):
    """A torch.nn.Conv2d on tiles; stride, padding (also by words and modes), dilation and groups as there."""

    def __init__(self, layer: torch.nn.Conv2d, make_grid: GridMaker) -> None:
        super().__init__()
        self.kernel, self.stride, self.dilation = layer.kernel_size, layer.stride, layer.dilation
        self.groups, self.mode = layer.groups, layer.padding_mode
        self.in_channels, self.out_channels = layer.in_channels, layer.out_channels
        shape = f"(batch, {layer.in_channels}, height, width), or without batch"
        self._needs = Needs(layer.in_channels, axis=-3, ranks=(3, 4), words=shape, what="channels")
        self.pads = list(layer._reversed_padding_repeated_twice)
        weights = layer.weight.flatten(1).chunk(self.groups)
        biases = [None] * self.groups if layer.bias is None else layer.bias.chunk(self.groups)
        self.grids = [make_grid(weight, bias) for weight, bias in zip(weights, biases, strict=True)]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(batch, in, height, width) or without batch, to the channels out.

        Raises:
            InputError: other axes or channels, no floating point, an empty batch, NaN or infinity, a small image.
        """
        check_input(self, x, self._needs, values=_calibrating(self))
        batched = x if x.ndim == 4 else x[None]
        if any(self.pads):
            mode = "constant" if self.mode == "zeros" else self.mode
            batched = torch.nn.functional.pad(batched, self.pads, mode=mode)
        window = {"kernel": self.kernel, "stride": self.stride, "dilation": self.dilation}
        size = patch_counts(self, batched.shape[2:], padding=(0, 0), **window)
        parts = []
        for part, grid in zip(batched.chunk(self.groups, dim=1), self.grids, strict=True):
            patches = torch.nn.functional.unfold(part, self.kernel, self.dilation, 0, self.stride)
            parts.append(grid(patches.transpose(1, 2)).transpose(1, 2))
        y = torch.cat(parts, dim=1).unflatten(2, size)
        return y if x.ndim == 4 else y[0]


class ProgrammedLSTM(torch.nn.Module):
    """A torch.nn.LSTM on tiles; dropout does not act, as in evaluation.

    Raises:
        InputError: projections (proj_size).
    """

    def __init__(self, layer: torch.nn.LSTM, make_grid: GridMaker) -> None:
        super().__init__()
        if layer.proj_size:
            raise InputError("An LSTM with proj_size cannot be put on tiles; use one without projections.")
        self.input_size, self.hidden_size, self.layers = layer.input_size, layer.hidden_size, layer.num_layers
        self.batch_first, self.directions = layer.batch_first, 1 + int(layer.bidirectional)
        axes = "batch, time" if layer.batch_first else "time, batch"
        shape = f"({axes}, {layer.input_size}), or without batch"
        self._needs = Needs(layer.input_size, ranks=(2, 3), words=shape)
        self.grids = []
        for number in range(self.layers):
            for way in ("", "_reverse")[: self.directions]:
                name = f"l{number}{way}"
                both = (getattr(layer, f"weight_ih_{name}"), getattr(layer, f"weight_hh_{name}"))
                bias = (
                    getattr(layer, f"bias_ih_{name}") + getattr(layer, f"bias_hh_{name}")
                    if layer.bias
                    else None
                )
                self.grids.append(make_grid(torch.cat(both, dim=1), bias))

    def forward(self, x: torch.Tensor, state=None):
        """As torch.nn.LSTM: (time, batch, inputs), or batch first, or without batch; returns outputs and (h, c).

        Raises:
            InputError: a packed sequence, shapes that do not fit, no floating point, an empty batch, NaN or infinity.
        """
        check_input(self, x, self._needs, values=_calibrating(self))
        alone = x.ndim == 2
        y = x[:, None] if alone else x.transpose(0, 1) if self.batch_first else x
        if state is not None:
            batch = () if alone else (y.shape[1],)
            check_state(self, state, (self.layers * self.directions, *batch, self.hidden_size))
            state = tuple((part[:, None] if alone else part).to(x.device) for part in state)
        last: list[tuple[torch.Tensor, torch.Tensor]] = []
        for number in range(self.layers):
            ways = []
            for way in range(self.directions):
                index = number * self.directions + way
                start = None if state is None else (state[0][index], state[1][index])
                out, end = self._run(self.grids[index], y.flip(0) if way else y, start)
                ways.append(out.flip(0) if way else out)
                last.append(end)
            y = torch.cat(ways, dim=-1)
        h, c = (torch.stack([end[k] for end in last]) for k in (0, 1))
        if alone:
            return y[:, 0], (h[:, 0], c[:, 0])
        return (y.transpose(0, 1) if self.batch_first else y), (h, c)

    def _run(self, grid: TileGrid, x: torch.Tensor, start):
        zeros = x.new_zeros(x.shape[1], self.hidden_size)
        h, c = (zeros, zeros) if start is None else start
        outputs = []
        for step in x:
            i, f, g, o = grid(torch.cat((step, h), dim=-1)).chunk(4, dim=-1)
            c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
            h = torch.sigmoid(o) * torch.tanh(c)
            outputs.append(h)
        return torch.stack(outputs), (h, c)


KINDS = {
    torch.nn.Linear: ProgrammedLinear,
    torch.nn.Conv2d: ProgrammedConv2d,
    torch.nn.LSTM: ProgrammedLSTM,
}
