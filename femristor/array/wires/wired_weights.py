"""Weights on live cells behind resistive wires, with a remedy: what the digital side makes of the columns' currents.

At each time the cells' conductances G go through the exact transfer matrix Y of their wires, and the weights are read
out of Y as the remedy says (see `remedies`). What is fixed when the array is programmed, from quantities known then:

- wire-aware targets, from the wanted weights;
- reference columns, programmed with the rest and ageing with it;
- the common mode of a uniform tile, from the mean target;
- gains of the columns, from one calibration at time 0 with the cells as they came out.
"""

from collections.abc import Callable

import torch

from femristor.array.cell_array import CellArray, Effects
from femristor.array.mapping import ConductanceWindow
from femristor.array.wires.grid import WireGrid
from femristor.array.wires.remedies import (
    REMEDIES,
    References,
    Remedy,
    calibration,
    common_mode_error,
    pre_distorted,
    zero_column,
)
from femristor.array.wires.solver import transfer_matrix
from femristor.core.errors import InputError
from femristor.device.card import DeviceCard

NONE = REMEDIES[0]


class WiredWeights:
    """A weight matrix on a CellArray whose rows and columns are resistive.

    Attributes:
        array: the cells, (rows, cols) with reference columns, (2, rows, cols) for pairs.
        mapping: between weights and conductances.
        remedy: what is done against the wires.
        span: share of the window that the weights use (below 1 for wire-aware targets).
        clipped: share of cells held at the top of the window.
    """

    def __init__(
        self,
        weights: torch.Tensor,
        mapping,
        card: DeviceCard,
        *,
        wires: WireGrid,
        remedy: Remedy = NONE,
        acceptance: float = 0.002,
        effects: Effects,
        generator: torch.Generator,
        transfer: Callable[[torch.Tensor, WireGrid], torch.Tensor] = transfer_matrix,
    ) -> None:
        """Program the cells; the clock starts at 0.

        Args:
            weights: (rows, cols) float64, rows are the inputs.
            mapping: fitted to them; a pair where the remedy is one.
            card: device card.
            wires: resistances and sides; the remedy may change the sides.
            remedy: what is done against the wires.
            acceptance: of program-verify.
            effects: non-idealities of the cells that act.
            generator: source of all randomness and torch device.
            transfer: solver of the wires.

        Raises:
            InputError: a topology whose columns are no products, or reference columns for pairs.
        """
        if wires.parallel:
            raise InputError(
                "Parallel bit and source lines give no matrix product; use the crosspoint topology."
            )
        if remedy.references and mapping.devices == 2:
            raise InputError(
                "A pair has no common offset to take off; use a reference column with single devices."
            )
        self.mapping, self.remedy, self._wires = mapping, remedy, remedy.grid(wires)
        self._window, self._transfer = ConductanceWindow.of(card.statistics), transfer
        target, self.span, self.clipped = mapping.to_conductance(weights), 1.0, 0.0
        self._common: torch.Tensor | float = 0.0
        if remedy.common_mode:
            self._common = common_mode_error(target, self._wires, transfer) * mapping.weight_per_S
        if remedy.wire_aware:
            target, _, self.span, self.clipped = pre_distorted(target, self._window, self._wires, transfer)
        self._references: References | None = None
        if remedy.references:
            self._references = References(weights.shape[1], remedy.spacing)
            self._zero, reference = zero_column(mapping, target)
            target = self._references.inserted(target, reference)
        tiles = () if mapping.devices == 1 else (mapping.devices,)
        self.array = CellArray(card, *target.shape[-2:], tiles=tiles, generator=generator, effects=effects)
        self.array.program(target, acceptance=acceptance)
        self._gain: tuple[torch.Tensor, torch.Tensor] | None = None
        self._known: tuple[int, torch.Tensor] | None = None
        if remedy.gains:
            self._gain = calibration(self.weights(), weights)
            self._known = None

    def weights(self) -> torch.Tensor:
        """Weights that the columns have now, (rows, cols) float64."""
        if self._known is None or self._known[0] != self.array.revision:
            self._known = (self.array.revision, self._read())
        return self._known[1]

    def _read(self) -> torch.Tensor:
        low, slope = self._window.g_min_S, self.mapping.weight_per_S
        effective = self._transfer(self.array.read_conductance_S(), self._wires)
        effective = low + (effective - low) / self.span
        if self._references is not None:
            return self._zero + self._references.taken_off(effective) * slope
        found = self.mapping.to_weights(effective) - self._common
        return found if self._gain is None else self._gain[0] * found + self._gain[1]


SHORT = {
    "reference": "reference-column",
    "pair": "differential-pair",
    "two-sided": "two-sided-drive-and-sense",
}
"""Short words for names of remedies."""


def remedy_word(remedy: Remedy) -> str:
    """Its name as one word: "common mode, gains" is common-mode-gains."""
    return remedy.name.replace(",", "").replace(" ", "-")


def remedy_named(word: str) -> Remedy:
    """The remedy of that name, or of that word or short word.

    Raises:
        InputError: an unknown name.
    """
    for remedy in REMEDIES:
        if SHORT.get(word, word) in (remedy.name, remedy_word(remedy)):
            return remedy
    known = ", ".join((*SHORT, *map(remedy_word, REMEDIES)))
    raise InputError(f"A remedy '{word}' is unknown; use one of {known}.")
