"""`TiledLinear`: one layer on a grid of arrays, partial sums in digital.

A layer is cut into equal blocks of at most `max_tile` inputs and outputs (sizes differ by one at most, larger ones
first: aihwkit's `TileModuleArray.get_split_sizes`); the analog bias is the last column of the last input block.
Each sub-tile has its own converters, devices, rule state and pulses:

    y_r = sum_c s_rc ADC(W_rc DAC(x_c)) + b_r          b: digital bias
"""

import numpy as np
import torch

from femristor.core.errors import InputError
from femristor.nn.arguments import real_numbers
from femristor.nn.devices.parameters import Device
from femristor.nn.layers.contract import check_input, vectors
from femristor.nn.layers.crossbar import bias_kind, check_sizes, split_bias
from femristor.nn.layers.linear import AnalogLinear, first_weights
from femristor.nn.layers.numbers import numbered, part_number
from femristor.nn.layers.paired import PairedLinear
from femristor.nn.layers.state import CrossbarState

REFERENCES = {"column": AnalogLinear, "pair": PairedLinear}


def split_sizes(size: int, max_tile: int, *, extra: int = 0) -> list[int]:
    """Equal blocks of at most `max_tile` lines, the larger ones first.

    Args:
        size: lines.
        max_tile: most lines of a block; 0 for no limit.
        extra: further lines that the last block takes beside its own (the bias).

    Returns:
        Sizes that sum to `size`; e.g. 784 with 1 extra at 512 gives [392, 392].

    Raises:
        InputError: a limit below 0, or one that leaves no room for an input beside the bias.
    """
    if int(max_tile) != max_tile or max_tile < 0 or 0 < max_tile <= extra:
        needs = f"{1 + extra} or more" + (" with an analog bias" if extra else "")
        raise InputError(f"A tile of {max_tile} lines is not possible; give {needs}, or 0 for no limit.")
    count = 1 if max_tile == 0 else -(-(size + extra) // int(max_tile))
    base, larger = divmod(size, count)
    return [base + (block < larger) for block in range(count)]


class TiledLinear(CrossbarState):
    """Fully connected layer on a grid of `AnalogLinear` (or `PairedLinear`) sub-tiles.

    Args:
        in_features: inputs.
        out_features: outputs.
        device: what is under each cell.
        max_tile: most inputs (with the bias) and most outputs of a sub-tile; 0 for no limit.
        bias: "analog" (or True) for a column of the last input block, "digital" for a parameter behind the sums, None.
        reference: "column" for one device a weight, "pair" for two.
        seed: of the devices, the first weights and all pulses.
        number: of the layer, as in `AnalogLinear`; sub-tiles take numbers that no other layer has.
        weight: (out_features, in_features + bias) first weights; those of `AnalogLinear` by default.
        output_scale: (out_features,) digital factors of all sub-tiles of a row.
        **options: `rule`, `slow_device`, converters and periphery of `AnalogLinear`.

    Attributes:
        tiles: sub-tiles, row of blocks by row of blocks.
        in_sizes: inputs of the input blocks.
        out_sizes: outputs of the output blocks.

    Raises:
        InputError: a limit that is not possible, or what `AnalogLinear` refuses.
    """

    @numbered
    def __init__(
        self,
        in_features: int,
        out_features: int,
        *,
        device: Device,
        max_tile: int,
        bias: bool | str | None = True,
        reference: str = "column",
        seed: int = 0,
        number: int | None = None,
        weight: np.ndarray | torch.Tensor | None = None,
        output_scale: np.ndarray | torch.Tensor | None = None,
        **options,
    ) -> None:
        super().__init__()
        check_sizes(in_features, out_features)
        self.in_features, self.out_features, self.bias_kind = in_features, out_features, bias_kind(bias)
        self._needs = vectors(in_features)
        analog = self.bias_kind == "analog"
        self.in_sizes = split_sizes(in_features, max_tile, extra=int(analog))
        self.out_sizes = split_sizes(out_features, max_tile)
        shape = (out_features, in_features + self.has_bias)
        whole = first_weights(weight, shape, in_features, seed=seed, number=number)
        self.digital_bias = None
        if self.bias_kind == "digital":
            self.digital_bias = torch.nn.Parameter(torch.zeros(out_features))
            whole = split_bias(whole, self.digital_bias)
        scale = [None] * len(self.out_sizes)
        if output_scale is not None:
            scale = _cut_scale(output_scale, self.out_sizes)
        kind = single_layer(reference)
        tiles = torch.nn.ModuleList()
        one = len(self.in_sizes) * len(self.out_sizes) == 1
        row_ends, col_ends = np.cumsum(self.out_sizes), np.cumsum(self.in_sizes)
        for row, rows in enumerate(self.out_sizes):
            for col, cols in enumerate(self.in_sizes):
                last = analog and col == len(self.in_sizes) - 1
                first_col = col_ends[col] - cols
                block = whole[row_ends[row] - rows : row_ends[row], first_col : first_col + cols + last]
                tiles.append(
                    kind(
                        cols,
                        rows,
                        device=device,
                        bias=last,
                        seed=seed,
                        number=number if one else part_number(number, len(tiles)),
                        weight=block,
                        output_scale=scale[row],
                        **options,
                    )
                )
                tiles[-1].is_part = True
        self.tiles = tiles

    @property
    def where(self) -> torch.device:
        """Torch device of the weights."""
        return self.tiles[0].where

    @property
    def has_bias(self) -> bool:
        """Whether there is a bias of either kind."""
        return self.bias_kind is not None

    def extra_repr(self) -> str:
        """Text inside the layer's repr."""
        return f"{self.in_features}, {self.out_features}, bias={self.bias_kind}, grid={len(self.out_sizes)}x{len(self.in_sizes)}"

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Sum of the sub-tiles' products.

        Args:
            x: (..., in_features).

        Returns:
            (..., out_features).

        Raises:
            InputError: another width, no floating point, an empty batch, another device, NaN or infinity.
        """
        check_input(self, x, self._needs, where=self.where, values=self.training and not self.is_part)
        blocks = x.split(self.in_sizes, dim=-1)
        rows = []
        for row in range(len(self.out_sizes)):
            tiles = self.row(row)
            total = tiles[0](blocks[0])
            for tile, block in zip(tiles[1:], blocks[1:], strict=True):
                total = total + tile(block)
            rows.append(total)
        total = rows[0] if len(rows) == 1 else torch.cat(rows, dim=-1)
        return total if self.digital_bias is None else total + self.digital_bias.to(total.dtype)

    def row(self, row: int) -> list[AnalogLinear | PairedLinear]:
        """Sub-tiles of one block of outputs, inputs in order."""
        cols = len(self.in_sizes)
        return list(self.tiles[row * cols : (row + 1) * cols])

    def effective_weight(self) -> torch.Tensor:
        """(out_features, in_features + bias) weights with their output scales, detached."""
        rows = range(len(self.out_sizes))
        whole = torch.cat([torch.cat([t.effective_weight() for t in self.row(r)], dim=1) for r in rows])
        if self.digital_bias is None:
            return whole
        return torch.cat((whole, self.digital_bias.detach()[:, None]), dim=1)


def single_layer(reference: str) -> type[AnalogLinear] | type[PairedLinear]:
    """Class of one array by its reference: "column" (one device a weight) or "pair".

    Raises:
        InputError: another word.
    """
    if reference not in REFERENCES:
        raise InputError(f"A reference {reference!r} is unknown; choose 'column' or 'pair'.")
    return REFERENCES[reference]


def analog_linear(
    in_features: int,
    out_features: int,
    *,
    device: Device,
    max_tile: int = 0,
    reference: str = "column",
    **options,
):
    """`AnalogLinear` or `PairedLinear`, or `TiledLinear` of them where the layer is larger than a tile.

    Args:
        in_features: inputs.
        out_features: outputs.
        device: what is under each cell.
        max_tile: most inputs (with the bias) and most outputs of a tile; 0 for no limit.
        reference: "column" for one device a weight, "pair" for two.
        **options: of `AnalogLinear`.

    Returns:
        The layer.

    Raises:
        InputError: what they refuse.
    """
    kind = single_layer(reference)
    lines = in_features + (bias_kind(options.get("bias", True)) == "analog")
    if max_tile == 0 or 0 < max(lines, out_features) <= max_tile:
        return kind(in_features, out_features, device=device, **options)
    options |= {"max_tile": max_tile, "reference": reference}
    return TiledLinear(in_features, out_features, device=device, **options)


def _cut_scale(scale, sizes: list[int]) -> list[np.ndarray]:
    values = real_numbers(scale, name="output_scale")
    if values.shape != (sum(sizes),):
        raise InputError(
            f"Output scales of shape {values.shape} do not fit {sum(sizes)} outputs; give one above 0 each."
        )
    return np.split(values, np.cumsum(sizes)[:-1])
