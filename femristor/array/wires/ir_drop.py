"""aihwkit's closed form of the voltage drop along wires, to be set beside the exact solution.

Source: IBM aihwkit 1.2.0 (MIT), C++ tile, `IOParameters.ir_drop` and `ir_drop_g_ratio`, whose documentation puts the
first input farthest from the output. It drops voltage along the columns only, from the weights' magnitudes, so it does
not know the common-mode current of cells that hold one weight each.
"""

import torch

from femristor.array.weights import WeightArray, WeightArrayMaker, weight_arrays
from femristor.core.errors import InputError
from femristor.device.card import DeviceCard

DEVICE_MAX_S = 100e-6
"""Largest conductance in aihwkit's example 34, for the ratio of its formula."""


def aihwkit_ir_drop(weights: torch.Tensor, inputs: torch.Tensor, wire_ratio: float) -> torch.Tensor:
    """Products with the closed form (aihwkit's applyIrDrop, `ir_drop` = 1).

    `a_j = n/ratio sum_i |w_ij x_i|`, `c = a (a (0.05 a - 0.2) + 0.5)`,
    `y_j = sum_i w_ij x_i - c_j sum_i w_ij x_i (1 - (1 - i/n)^2)`.

    Args:
        weights: (rows, cols), scaled so that 1 is the largest conductance.
        inputs: (vectors, rows).
        wire_ratio: conductance of a segment over the largest one of a device.

    Returns:
        (vectors, cols).
    """
    rows = weights.shape[0]
    a = rows / wire_ratio * (inputs.abs() @ weights.abs())
    c = a * (a * (0.05 * a - 0.2) + 0.5)
    place = 1 - torch.arange(rows, dtype=weights.dtype, device=weights.device) / rows
    return inputs @ weights - c * ((inputs * (1 - place**2)) @ weights)


class ClosedFormCells:
    """Programmed cells whose products carry the closed form: its factor depends on the inputs."""

    def __init__(self, cells: WeightArray, wire_ratio: float) -> None:
        """Put the formula behind cells.

        Args:
            cells: they give weights in [-1, 1].
            wire_ratio: conductance of a segment over the largest one of a device.
        """
        self.cells, self.wire_ratio = cells, wire_ratio
        self.device = cells.device

    @property
    def revision(self) -> int:
        """Rises with every change of the cells."""
        return self.cells.revision

    def advance(self, to_time_s: float) -> None:
        """Let time pass; only forward."""
        self.cells.advance(to_time_s)

    def weights(self) -> torch.Tensor:
        """Weights without the drop, (rows, cols)."""
        return self.cells.weights()

    def product(self, inputs: torch.Tensor) -> torch.Tensor:
        """Products with the drop: (vectors, rows) to (vectors, cols)."""
        return aihwkit_ir_drop(self.cells.weights(), inputs, self.wire_ratio)

    def moments(self, time_s: float) -> tuple[float, torch.Tensor]:
        """Of the cells alone."""
        return self.cells.moments(time_s)


def closed_form_arrays(card: DeviceCard, segment_ohm: float, *, device: str = "cpu") -> WeightArrayMaker:
    """A CellMaker as `weight_arrays`, with the closed form of the drop.

    Args:
        card: device card.
        segment_ohm: resistance of a segment of a column, above 0.
        device: torch device of the cells.

    Raises:
        InputError: a resistance that is not above 0.
    """
    if not 0 < segment_ohm < float("inf"):
        raise InputError(f"A segment of {segment_ohm:g} ohm has no closed form; give more than 0 ohm.")
    plain = weight_arrays(card, device=device)

    def make(weights, *, mapping: str, acceptance: float, effects: tuple[str, ...], stream: tuple[int, ...]):
        cells = plain(weights, mapping=mapping, acceptance=acceptance, effects=effects, stream=stream)
        return ClosedFormCells(cells, 1.0 / (segment_ohm * DEVICE_MAX_S))

    return make
