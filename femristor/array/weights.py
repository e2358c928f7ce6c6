"""Weights on cells: map, program, age, and read them back as the weights that the cells have become.

With wires the cells' conductances pass the exact solution of the wires, with or without a remedy (`wired_weights`).
"""

from typing import Protocol

import torch

from femristor.array.cell_array import CellArray, Effects
from femristor.array.checks import finite_tensor, torch_generator
from femristor.array.mapping import ConductanceWindow, DifferentialPair, SingleDevice
from femristor.array.programming.law import programming_line, programming_sigma_S
from femristor.array.retention.read_noise import read_noise_sigma_S
from femristor.array.retention.relaxation import relaxation_mean_S, relaxation_sigma_S
from femristor.array.wires.grid import WireGrid
from femristor.array.wires.remedies import REMEDIES, Remedy
from femristor.array.wires.wired_weights import WiredWeights
from femristor.core.errors import InputError
from femristor.device.card import DeviceCard
from femristor.device.card.given import require_card, shown

ALL_EFFECTS = Effects()
MAPPINGS = {"single": SingleDevice, "pair": DifferentialPair}


class WeightArray:
    """A weight matrix programmed into a CellArray.

    Attributes:
        array: the cells, (rows, cols), or (2, rows, cols) for pairs; with reference columns, where a remedy has them.
        mapping: between weights and conductances.
        wired: what reads weights through the wires; None without wires.
    """

    def __init__(
        self,
        weights,
        card: DeviceCard,
        *,
        mapping: str = "single",
        acceptance: float = 0.002,
        effects: Effects = ALL_EFFECTS,
        generator: torch.Generator | None = None,
        wires: WireGrid | None = None,
        remedy: Remedy = REMEDIES[0],
    ) -> None:
        """Map the weights over the whole window and program them; the clock starts at 0.

        Args:
            weights: (rows, cols), rows are the inputs.
            card: device card.
            mapping: "single" (one device a weight) or "pair" (differential).
            acceptance: of program-verify, a fraction of the target.
            effects: non-idealities that act.
            generator: source of all randomness and torch device; one of seed 0 by default.
            wires: resistive rows and columns; none by default.
            remedy: against the wires; one that is a differential pair takes the place of the mapping.

        Raises:
            InputError: no card, no finite matrix, an unknown mapping, or an acceptance the card does not know.
        """
        require_card(card)
        if mapping not in MAPPINGS:
            raise InputError(f"A mapping '{mapping}' is unknown; use one of {', '.join(MAPPINGS)}.")
        self._generator = torch_generator(0, 2) if generator is None else generator
        values = finite_tensor(weights, "weight matrix", device=self._generator.device)
        if values.ndim != 2:
            raise InputError(f"Weights of shape {tuple(values.shape)} are no matrix; give (rows, cols).")
        self._statistics = card.statistics
        self._line = programming_line(card.statistics, acceptance)
        kind = "pair" if wires is not None and remedy.pair else mapping
        self.mapping = MAPPINGS[kind].fit(values, ConductanceWindow.of(card.statistics))
        self._target_S = self.mapping.to_conductance(values)
        self.wired: WiredWeights | None = None
        if wires is not None:
            self.wired = WiredWeights(
                values,
                self.mapping,
                card,
                wires=wires,
                remedy=remedy,
                acceptance=acceptance,
                effects=effects,
                generator=self._generator,
            )
            self.array = self.wired.array
            return
        tiles = () if self.mapping.devices == 1 else (self.mapping.devices,)
        self.array = CellArray(card, *values.shape, tiles=tiles, generator=self._generator, effects=effects)
        self.array.program(self._target_S, acceptance=acceptance)

    @property
    def device(self) -> torch.device:
        """Torch device of the cells."""
        return self.array.device

    @property
    def revision(self) -> int:
        """Rises with every change of the cells, for caches."""
        return self.array.revision

    def advance(self, to_time_s: float) -> None:
        """Let time pass after programming (see CellArray.advance)."""
        self.array.advance(to_time_s)

    def weights(self) -> torch.Tensor:
        """Weights that the cells have now, read noise included, (rows, cols) float64."""
        if self.wired is not None:
            return self.wired.weights()
        return self.mapping.to_weights(self.array.read_conductance_S())

    def moments(self, time_s: float) -> tuple[float, torch.Tensor]:
        """Expected change of the weights by the laws, whatever the cells have drawn, without wires.

        Args:
            time_s: since programming.

        Returns:
            Mean change common to all weights (0 for pairs), and variance of each, (rows, cols).

        Raises:
            InputError: a negative or infinite time.
        """
        laws, effects, target = self._statistics, self.array.effects, self._target_S
        shift_S = relaxation_mean_S(laws.relaxation, time_s) if effects.relaxation else 0.0
        variance = torch.zeros_like(target)
        if effects.programming:
            variance += programming_sigma_S(self._line, target) ** 2
        if effects.relaxation:
            variance += relaxation_sigma_S(laws.relaxation, time_s) ** 2
        if effects.read_noise:
            variance += read_noise_sigma_S(laws.read_noise, target + shift_S, time_s) ** 2
        slope = self.mapping.weight_per_S
        if self.mapping.devices == 2:
            return 0.0, slope**2 * variance.sum(dim=-3)
        return slope * shift_S, slope**2 * variance


class WeightArrayMaker(Protocol):
    """Makes programmed cells for a weight matrix, as `weight_arrays` gives it."""

    def __call__(
        self, weights, *, mapping: str, acceptance: float, effects: tuple[str, ...], stream: tuple[int, ...]
    ) -> WeightArray:
        """Cells for these weights; `stream` is the seed and the integers that name the use."""


def weight_arrays(
    card: DeviceCard,
    *,
    device: str = "cpu",
    wires: WireGrid | None = None,
    remedy: Remedy = REMEDIES[0],
) -> WeightArrayMaker:
    """What the nn room asks for: a function that puts weights on cells of this card.

    Args:
        card: device card.
        device: torch device of the cells.
        wires: resistive rows and columns; none by default.
        remedy: against the wires.

    Returns:
        Function of the weights and the keywords of `WeightArrayMaker`.

    Raises:
        InputError: no card, no torch device of this machine, or wires or a remedy of another kind.
    """
    require_card(card)
    _require_place(device)
    if wires is not None and not isinstance(wires, WireGrid):
        raise InputError(f"wires= got {shown(wires)}, but needs a WireGrid: give WireGrid(...), or none.")
    if not isinstance(remedy, Remedy):
        raise InputError(
            f'remedy= got {shown(remedy)}, but needs a Remedy: take one with wired_weights.remedy_named("pair-gains").'
        )

    def make(weights, *, mapping: str, acceptance: float, effects: tuple[str, ...], stream: tuple[int, ...]):
        return WeightArray(
            weights,
            card,
            mapping=mapping,
            acceptance=acceptance,
            effects=Effects.of(effects),
            generator=torch_generator(*stream, device=device),
            wires=wires,
            remedy=remedy,
        )

    return make


def _require_place(device) -> None:
    """Refuse what is no torch device that can hold cells."""
    try:
        place = torch.device(device)
        torch.empty(1, device=place)
    except (TypeError, RuntimeError, AssertionError):
        raise InputError(
            f'device= got {shown(device)}, but needs a torch device of this machine: give "cpu"'
            f"{' or "cuda"' if torch.cuda.is_available() else ''}."
        ) from None
    if place.type == "meta":
        raise InputError('device= got meta, which holds no values: give "cpu".')
