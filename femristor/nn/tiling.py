"""`TiledLinear`: one layer on a grid of arrays, partial sums in digital.

A layer is cut into equal blocks of at most `max_tile` inputs and outputs (sizes differ by one at most, larger ones
first: aihwkit's `TileModuleArray.get_split_sizes`); the analog bias is the last column of the last input block.
Each sub-tile has its own converters, devices, rule state and pulses:

    y_r = sum_c scale_rc ADC(W_rc DAC(x_c))
"""

import numpy as np
import torch

from femristor.core.errors import InputError
from femristor.nn.devices.parameters import Device
from femristor.nn.layers import AnalogLinear, first_weights

PARTS = 2**16


def part_number(number: int, index: int) -> int:
    """Tile number of a part of a layer; no two parts, and no part and whole layer, share one.

    Args:
        number: of the whole, below 2^16 (or itself a part's number).
        index: of the part, below 2^16.

    Returns:
        (number + 1) 2^16 + index.

    Raises:
        InputError: numbers below 0, or more than 2^16 parts.
    """
    if number < 0 or not 0 <= index < PARTS:
        raise InputError(
            f"Part {index} of layer {number} has no number; use layers from 0 on, of at most {PARTS} tiles."
        )
    return (number + 1) * PARTS + index


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


class TiledLinear(torch.nn.Module):
    """Fully connected layer on a grid of `AnalogLinear` sub-tiles.

    Args:
        in_features: inputs.
        out_features: outputs.
        device: what is under each cell.
        max_tile: most inputs (with the bias) and most outputs of a sub-tile; 0 for no limit.
        bias: add an analog bias column, on the last input block.
        seed: of the devices, the first weights and all pulses.
        number: of the layer; sub-tiles take numbers that no other layer has.
        weight: (out_features, in_features + bias) first weights; those of `AnalogLinear` by default.
        output_scale: (out_features,) digital factors of all sub-tiles of a row.
        **options: `rule`, `slow_device` and converters of `AnalogLinear`.

    Attributes:
        tiles: sub-tiles, row of blocks by row of blocks.
        in_sizes: inputs of the input blocks.
        out_sizes: outputs of the output blocks.

    Raises:
        InputError: a limit that is not possible, or what `AnalogLinear` refuses.
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        *,
        device: Device,
        max_tile: int,
        bias: bool = True,
        seed: int = 0,
        number: int = 0,
        weight: np.ndarray | torch.Tensor | None = None,
        output_scale: np.ndarray | torch.Tensor | None = None,
        **options,
    ) -> None:
        super().__init__()
        if in_features < 1 or out_features < 1:
            raise InputError(
                f"A layer of {in_features} inputs and {out_features} outputs has no weight; give at least one of each."
            )
        self.in_features, self.out_features, self.has_bias = in_features, out_features, bool(bias)
        self.in_sizes = split_sizes(in_features, max_tile, extra=int(self.has_bias))
        self.out_sizes = split_sizes(out_features, max_tile)
        shape = (out_features, in_features + self.has_bias)
        whole = first_weights(weight, shape, in_features, seed=seed, number=number)
        scale = [None] * len(self.out_sizes)
        if output_scale is not None:
            scale = _cut_scale(output_scale, self.out_sizes)
        self.tiles = torch.nn.ModuleList()
        one = len(self.in_sizes) * len(self.out_sizes) == 1
        row_ends, col_ends = np.cumsum(self.out_sizes), np.cumsum(self.in_sizes)
        for row, rows in enumerate(self.out_sizes):
            for col, cols in enumerate(self.in_sizes):
                last = self.has_bias and col == len(self.in_sizes) - 1
                first_col = col_ends[col] - cols
                block = whole[row_ends[row] - rows : row_ends[row], first_col : first_col + cols + last]
                self.tiles.append(
                    AnalogLinear(
                        cols,
                        rows,
                        device=device,
                        bias=last,
                        seed=seed,
                        number=number if one else part_number(number, len(self.tiles)),
                        weight=block,
                        output_scale=scale[row],
                        **options,
                    )
                )

    def extra_repr(self) -> str:
        """Text inside the layer's repr."""
        return f"{self.in_features}, {self.out_features}, bias={self.has_bias}, grid={len(self.out_sizes)}x{len(self.in_sizes)}"

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Sum of the sub-tiles' products.

        Args:
            x: (..., in_features).

        Returns:
            (..., out_features).

        Raises:
            InputError: the last axis is not in_features.
        """
        if x.shape[-1] != self.in_features:
            raise InputError(
                f"The last axis of the input is {x.shape[-1]}, but the layer has {self.in_features} inputs."
            )
        blocks = x.split(self.in_sizes, dim=-1)
        rows = []
        for row in range(len(self.out_sizes)):
            tiles = self.row(row)
            total = tiles[0](blocks[0])
            for tile, block in zip(tiles[1:], blocks[1:], strict=True):
                total = total + tile(block)
            rows.append(total)
        return rows[0] if len(rows) == 1 else torch.cat(rows, dim=-1)

    def row(self, row: int) -> list[AnalogLinear]:
        """Sub-tiles of one block of outputs, inputs in order."""
        cols = len(self.in_sizes)
        return list(self.tiles[row * cols : (row + 1) * cols])

    def effective_weight(self) -> torch.Tensor:
        """(out_features, in_features + bias) weights with their output scales, detached."""
        rows = range(len(self.out_sizes))
        return torch.cat([torch.cat([t.effective_weight() for t in self.row(r)], dim=1) for r in rows])


def analog_linear(in_features: int, out_features: int, *, device: Device, max_tile: int = 0, **options):
    """`AnalogLinear`, or `TiledLinear` where the layer is larger than a tile.

    Args:
        in_features: inputs.
        out_features: outputs.
        device: what is under each cell.
        max_tile: most inputs (with the bias) and most outputs of a tile; 0 for no limit.
        **options: of `AnalogLinear`.

    Returns:
        The layer.

    Raises:
        InputError: what they refuse.
    """
    lines = in_features + bool(options.get("bias", True))
    if max_tile == 0 or 0 < max(lines, out_features) <= max_tile:
        return AnalogLinear(in_features, out_features, device=device, **options)
    return TiledLinear(in_features, out_features, device=device, max_tile=max_tile, **options)


def _cut_scale(scale, sizes: list[int]) -> list[np.ndarray]:
    values = np.asarray(scale, dtype=np.float32)
    if values.shape != (sum(sizes),):
        raise InputError(
            f"Output scales of shape {values.shape} do not fit {sum(sizes)} outputs; give one above 0 each."
        )
    return np.split(values, np.cumsum(sizes)[:-1])
