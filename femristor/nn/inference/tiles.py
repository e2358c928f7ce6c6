"""One weight matrix on a grid of crossbars, with digital partial sums.

The matrix (outputs, inputs) is cut into tiles of at most `max_tile` rows (inputs) and columns (outputs). Tile k has
scaled weights W'_k = W_k / s_k with s_k = max|W_k| of each output, or of the tile. With x_k the inputs of its rows:

    y = b + sum_k s_k (A_k(x_k) - c_k sum(x_k))

A_k is the product of `mvm.AnalogMatrix`, c_k the compensation. Relaxation moves all cells by the same mean, which
adds m sum(x) to every output of a tile of single devices. c_k estimates m: right after programming and after each
`advance`, groups of rows are driven at full scale, the outputs are summed over the groups and divided by the number of
rows; c_k is the change since programming, averaged over the tile ("shift") or for each output ("column"). Groups are
the largest whose sums, known from the targets, stay below half the bound of the ADC. The reads pass the converters.
"""

import math
from itertools import pairwise

import torch

from femristor.core.errors import InputError
from femristor.nn.inference.settings import InferenceSettings
from femristor.nn.layers.contract import check_input, vectors
from femristor.nn.mvm.product import AnalogMatrix, CellMaker

SAMPLES_A_CALL = 20_000
STREAM = 31


def pieces(size: int, most: int) -> list[slice]:
    """Cut `size` lines into the fewest nearly equal pieces of at most `most`."""
    count = math.ceil(size / most)
    edges = [size * index // count for index in range(count + 1)]
    return [slice(a, b) for a, b in pairwise(edges)]


class _Quantile:
    """Quantile of |v| over several calls, from evenly spaced samples of each call; the maximum is kept exactly."""

    def __init__(self) -> None:
        self._kept: list[torch.Tensor] = []
        self._largest = 0.0

    def see(self, values: torch.Tensor) -> None:
        size = values.abs().reshape(-1)
        if size.numel():
            self._largest = max(self._largest, float(size.max()))
            self._kept.append(size[:: max(1, size.numel() // SAMPLES_A_CALL)].clone())

    def value(self, quantile: float) -> float:
        if not self._kept:
            raise InputError(
                "A layer was not used in the calibration batch; give one that passes every layer."
            )
        if quantile == 1.0:
            return self._largest or 1.0
        ordered = torch.cat(self._kept).sort().values
        return float(ordered[math.ceil(quantile * (ordered.numel() - 1))]) or self._largest or 1.0


class Tile:
    """One crossbar of a grid: where it lies, its scales and, once programmed, its cells."""

    def __init__(self, weight: torch.Tensor, rows: slice, cols: slice, scaling: str) -> None:
        self.rows, self.cols = rows, cols
        size = weight.abs().amax(dim=1) if scaling == "column" else weight.abs().max().expand(weight.shape[0])
        self.scale = torch.where(size > 0, size, torch.ones_like(size))
        self.targets = weight / self.scale[:, None]
        self.outputs = _Quantile()
        self.matrix: AnalogMatrix | None = None
        self.correction: torch.Tensor | None = None
        self._groups: torch.Tensor | None = None
        self._first: torch.Tensor | None = None

    def program(self, make_cells: CellMaker, settings, stream: tuple[int, ...], *, compensate: bool) -> None:
        """Put the targets on cells; with compensation, read the reference."""
        self.matrix = AnalogMatrix(self.targets, make_cells, settings, stream=stream, dtype=torch.float32)
        self.correction = None
        if compensate:
            self._groups = settings.input_range * _groups(self.targets, settings.output_bound / 2)
            self._first = self._probe()

    def _probe(self) -> torch.Tensor:
        driven = float(self._groups.sum())
        return self.matrix(self._groups).sum(dim=0).double() / driven

    def advance(self, to_time_s: float, compensation: str) -> None:
        """Let time pass and renew the correction."""
        self.matrix.advance(to_time_s)
        if compensation != "none":
            change = self._probe() - self._first
            self.correction = change.mean().expand_as(change) if compensation == "shift" else change

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        """Scaled and corrected outputs of this tile's inputs, float32."""
        y = self.matrix(x)
        if self.correction is not None:
            limit = self.matrix.settings.input_range
            seen = x.clamp(-limit, limit) if self.matrix.settings.input_scale == "fixed" else x
            y -= seen.sum(dim=-1, keepdim=True).to(y) * self.correction.to(y)
        return y.mul_(self.scale.to(y))


def _groups(targets: torch.Tensor, limit: float) -> torch.Tensor:
    """(groups, inputs) of zeros and ones: the largest equal runs of rows whose sums stay within the limit."""
    inputs = targets.shape[1]
    most = inputs
    while True:
        rows = pieces(inputs, most)
        sums = torch.stack([targets[:, part].sum(dim=1) for part in rows])
        if most == 1 or float(sums.abs().max()) <= limit:
            break
        most = math.ceil(most / 2)
    marks = torch.zeros(len(rows), inputs, dtype=torch.float64)
    for index, part in enumerate(rows):
        marks[index, part] = 1.0
    return marks


class TileGrid:
    """Weights and bias of one layer on tiles.

    Attributes:
        outputs: rows of the weight.
        inputs: columns of the weight.
        tiles: in the order of rows, then columns.
        noting: "inputs" or "outputs" while calibrating (products are exact), None otherwise.
    """

    def __init__(
        self,
        weight: torch.Tensor,
        bias: torch.Tensor | None,
        settings: InferenceSettings,
        *,
        number: int,
        max_tile: int,
    ) -> None:
        """Cut and scale; nothing is programmed yet.

        Args:
            weight: (outputs, inputs).
            bias: (outputs,) or None.
            settings: periphery and mapping.
            number: of the grid in its network, part of the seed.
            max_tile: most rows and columns of a crossbar.

        Raises:
            InputError: no weights, or a tile size below 1.
        """
        self.weight = weight.detach().double().cpu()
        if self.weight.numel() == 0 or max_tile < 1:
            raise InputError("A layer on tiles needs weights, and tiles of 1 row and column or more.")
        if not bool(torch.isfinite(self.weight).all()):
            raise InputError("A weight of the network is NaN or infinite; train it again.")
        self.bias = None if bias is None else bias.detach().double().cpu()
        self.settings, self.number, self.max_tile = settings, number, max_tile
        self.outputs, self.inputs = self.weight.shape
        self._needs = vectors(self.inputs)
        self.noting: str | None = None
        self._has_row = self.bias is not None and settings.bias == "analog"
        self._blocks = pieces(self.inputs + int(self._has_row), max_tile)
        self._ranges = [1.0] * len(self._blocks)
        self._seen: list[_Quantile] = []
        self._lay()

    def _lay(self) -> None:
        """Cut the weight; an analog bias is driven at the full scale of its row of tiles."""
        full = self.weight
        self._bias_input = self._ranges[-1] if self.settings.input_range != "absmax" else 1.0
        if self._has_row:
            full = torch.cat((full, self.bias[:, None] / self._bias_input), dim=1)
        self.tiles = [
            Tile(full[cols, rows], rows, cols, self.settings.scaling)
            for rows in self._blocks
            for cols in pieces(self.outputs, self.max_tile)
        ]

    def note_inputs(self) -> None:
        """Products become exact and |x| is noted, until `note_outputs`."""
        self._seen = [_Quantile() for _ in self._blocks]
        self.noting = "inputs"

    def note_outputs(self) -> None:
        """Fix the input ranges; products stay exact and |y| of each tile is noted, until `noting` is None again."""
        if isinstance(self.settings.input_range, str):
            if self.settings.input_range == "calibrated":
                self._ranges = [seen.value(self.settings.quantile) for seen in self._seen]
        else:
            self._ranges = [float(self.settings.input_range)] * len(self._blocks)
        self._lay()
        self.noting = "outputs"

    def program(self, make_cells: CellMaker, *, seed: int, draw: int) -> None:
        """Program all tiles with fresh cells; the clock starts at 0.

        Args:
            make_cells: puts weights on cells.
            seed: of the network.
            draw: number of this programming; others have other cells.
        """
        for index, tile in enumerate(self.tiles):
            bound = 1.0
            if self.settings.output_bound == "calibrated":
                bound = tile.outputs.value(self.settings.quantile)
            tile.program(
                make_cells,
                self.settings.tile(self._ranges[self._blocks.index(tile.rows)], bound),
                (seed, STREAM, draw, self.number, index),
                compensate=self.settings.compensation != "none",
            )

    def advance(self, to_time_s: float) -> None:
        """Let time pass after programming; only forward."""
        for tile in self.tiles:
            tile.advance(to_time_s, self.settings.compensation)

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        """Product with what the tiles hold now.

        Args:
            x: (..., inputs).

        Returns:
            (..., outputs) in the type of x.

        Raises:
            InputError: another width, no floating point, an empty batch, or cells that are not programmed.
        """
        # Values are looked at by the matrices, and by the layer while it calibrates.
        check_input(self, x, self._needs, values=False)
        rows = x.detach()
        if self._has_row:
            # The bias row belongs to no input: it is driven at a level of its own.
            rows = torch.cat((rows, rows.new_full((*rows.shape[:-1], 1), self._bias_input)), dim=-1)
        if self.noting is not None:
            return self._observe(rows).to(x)
        if self.tiles[0].matrix is None:
            raise InputError("The network is not programmed yet; call its program() first.")
        y = torch.zeros(*x.shape[:-1], self.outputs, dtype=torch.float32, device=x.device)
        for tile in self.tiles:
            y[..., tile.cols] += tile(rows[..., tile.rows]).to(x.device)
        if self.bias is not None and not self._has_row:
            y += self.bias.to(y)
        return y.to(x.dtype)

    def _observe(self, rows: torch.Tensor) -> torch.Tensor:
        """Exact product; what passes is noted."""
        values = rows.double().cpu()
        y = torch.zeros(*rows.shape[:-1], self.outputs, dtype=torch.float64)
        if self.noting == "inputs":
            for seen, block in zip(self._seen, self._blocks, strict=True):
                seen.see(values[..., block.start : min(block.stop, self.inputs)])
        for tile in self.tiles:
            x = values[..., tile.rows]
            scaled = x @ tile.targets.T
            y[..., tile.cols] += scaled * tile.scale
            if self.noting == "outputs":
                tile.outputs.see(scaled / self._alpha(x, tile))
        return y if self.bias is None or self._has_row else y + self.bias

    def _alpha(self, x: torch.Tensor, tile: Tile) -> torch.Tensor | float:
        if self.settings.input_range == "absmax":
            return x.abs().amax(dim=-1, keepdim=True).clamp(min=torch.finfo(torch.float64).tiny)
        return self._ranges[self._blocks.index(tile.rows)]
