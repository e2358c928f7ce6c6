"""Inference of a trained network on programmed cells, from the moment of programming to ten years later.

`program` copies a torch model, puts every Linear, Conv2d and LSTM in it on grids of crossbars and leaves the other
layers as they are. Source: the chain of Falcone et al., arXiv 2502.04524, section 2.2.2, from one matrix to networks.
"""

import copy
import math

import torch

from femristor.core.errors import InputError
from femristor.nn.arguments import (
    leave_shortcuts,
    require_cell_maker,
    require_kind,
    require_model,
    require_whole,
    torch_kind,
)
from femristor.nn.inference.layers import KINDS
from femristor.nn.inference.settings import InferenceSettings
from femristor.nn.inference.tiles import TileGrid
from femristor.nn.mvm.product import CellMaker

DEFAULT = InferenceSettings()


class ProgrammedNetwork(torch.nn.Module):
    """A copy of a model whose weights are on crossbars.

    Attributes:
        model: the copy; called as the original.
        settings: periphery and mapping.
        grids: all grids of tiles, in the order of the model's layers.
        time_s: since programming.
    """

    def __init__(
        self,
        model: torch.nn.Module,
        settings: InferenceSettings = DEFAULT,
        *,
        max_tile: int = 512,
        calibration: torch.Tensor | tuple | None = None,
    ) -> None:
        """Lay the weights on tiles and find the ranges; `program` then programs them, as often as wanted.

        Args:
            model: any torch model; it is not changed.
            settings: periphery and mapping.
            max_tile: most rows and columns of a crossbar.
            calibration: input of the model (a tuple for several arguments), for calibrated ranges.

        Raises:
            InputError: no model, no layer that can be put on crossbars, or no calibration batch where one is needed.
        """
        super().__init__()
        require_model(model)
        require_kind(settings, InferenceSettings, name="settings")
        require_whole(max_tile, name="max_tile")
        if settings.needs_calibration and calibration is None:
            raise InputError(
                "Ranges are to be calibrated but there is no calibration batch; give one, or fixed ranges."
            )
        self.settings, self.max_tile = settings, max_tile
        self.grids: list[TileGrid] = []
        self.time_s = math.nan
        self.model = leave_shortcuts(self._convert(copy.deepcopy(model)))
        self.model.eval()
        if not self.grids:
            raise InputError("The model has no Linear, Conv2d or LSTM layer, so there is nothing to program.")
        self._calibrate(calibration)
        self.eval()

    def train(self, mode: bool = True) -> "ProgrammedNetwork":
        """Stays in evaluation: dropout and the like do not act in inference."""
        return super().train(False)

    @property
    def cells(self) -> int:
        """Weights on crossbars, the analog bias included; pairs have two devices for each."""
        return sum(tile.targets.numel() for grid in self.grids for tile in grid.tiles)

    @property
    def tiles(self) -> int:
        """Number of crossbars."""
        return sum(len(grid.tiles) for grid in self.grids)

    def _grid(self, weight: torch.Tensor, bias: torch.Tensor | None) -> TileGrid:
        grid = TileGrid(weight, bias, self.settings, number=len(self.grids), max_tile=self.max_tile)
        self.grids.append(grid)
        return grid

    def _convert(self, model: torch.nn.Module) -> torch.nn.Module:
        made: dict[int, torch.nn.Module] = {}

        def turned(module: torch.nn.Module, place: str) -> torch.nn.Module:
            if id(module) not in made:
                kind = KINDS.get(torch_kind(module, place))
                made[id(module)] = module if kind is None else kind(module, self._grid)
                if kind is not None:
                    made[id(module)].place = place
                else:
                    for name, child in list(module.named_children()):
                        setattr(module, name, turned(child, f"{place}.{name}"))
            return made[id(module)]

        return turned(model, "model")

    def _calibrate(self, calibration) -> None:
        for grid in self.grids:
            grid.note_inputs()
        self._pass(calibration)
        for grid in self.grids:
            grid.note_outputs()
        self._pass(calibration)
        for grid in self.grids:
            grid.noting = None

    def _pass(self, calibration) -> None:
        if self.settings.needs_calibration:
            with torch.no_grad():
                self.model(*(calibration if isinstance(calibration, tuple) else (calibration,)))

    def program(self, make_cells: CellMaker, *, seed: int = 0, draw: int = 0) -> "ProgrammedNetwork":
        """Program fresh cells; the clock starts at 0.

        Args:
            make_cells: puts weights on cells, e.g. `femristor.array.weights.weight_arrays(card)`.
            seed: of the cells.
            draw: number of the programming; the same (seed, draw) gives the same cells, whatever `torch.manual_seed` was.

        Returns:
            The network itself.

        Raises:
            InputError: no cell maker, or a seed or draw that is no whole number.
        """
        require_cell_maker(make_cells)
        require_whole(seed, name="seed")
        require_whole(draw, name="draw")
        for grid in self.grids:
            grid.program(make_cells, seed=seed, draw=draw)
        self.time_s = 0.0
        return self

    def advance(self, to_time_s: float) -> None:
        """Let all cells age to this time after programming; only forward.

        Raises:
            InputError: back in time, not finite, or not programmed.
        """
        if math.isnan(self.time_s):
            raise InputError("The network is not programmed yet; call its program() first.")
        if not (math.isfinite(to_time_s) and to_time_s >= self.time_s):
            raise InputError(
                f"The cells are {self.time_s:g} s old and cannot become {to_time_s:g} s; program again to go back."
            )
        for grid in self.grids:
            grid.advance(float(to_time_s))
        self.time_s = float(to_time_s)

    def to_time(self, time_s: float) -> "ProgrammedNetwork":
        """`advance`, and the network itself: `network.to_time(3600)(images)`."""
        self.advance(time_s)
        return self

    def forward(self, *arguments, **named):
        """The model's result at this time, without gradients."""
        with torch.no_grad():
            return self.model(*arguments, **named)


def program(
    model: torch.nn.Module,
    make_cells: CellMaker,
    settings: InferenceSettings = DEFAULT,
    *,
    seed: int = 0,
    draw: int = 0,
    max_tile: int = 512,
    calibration: torch.Tensor | tuple | None = None,
) -> ProgrammedNetwork:
    """Put a trained model on crossbars and program them.

    Args:
        model: any torch model; Linear, Conv2d and LSTM layers go on crossbars, others stay.
        make_cells: puts weights on cells, e.g. `femristor.array.weights.weight_arrays(card)`.
        settings: periphery and mapping.
        seed: of all cells, each layer having its own; nothing here depends on `torch.manual_seed`.
        draw: number of the programming.
        max_tile: most rows and columns of a crossbar.
        calibration: input of the model, for calibrated ranges.

    Returns:
        The programmed network, at time 0.

    Raises:
        InputError: see `ProgrammedNetwork`.
    """
    network = ProgrammedNetwork(model, settings, max_tile=max_tile, calibration=calibration)
    return network.program(make_cells, seed=seed, draw=draw)
