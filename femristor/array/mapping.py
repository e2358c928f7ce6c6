"""Weights to conductances and back: one device a weight, or a differential pair.

One device: the smallest and largest weight go to the ends of the window (Falcone et al., arXiv 2502.04524,
Fig. 4f; aihwkit's SingleDeviceConductanceConverter), so a common shift of all cells shifts all weights.
Pair: w = (G+ - G-)/k with the idle device at the window's lower end (aihwkit's SinglePairConductanceConverter);
a common shift cancels, for twice the cells.
"""

from dataclasses import dataclass
from typing import Protocol

import torch

from femristor.array.checks import finite_tensor
from femristor.core.errors import InputError
from femristor.device.card import Statistics


@dataclass(frozen=True)
class ConductanceWindow:
    """Conductances that cells can be programmed to, 0 <= g_min_S < g_max_S."""

    g_min_S: float
    g_max_S: float

    def __post_init__(self) -> None:
        """Check the order of the ends."""
        if not 0 <= self.g_min_S < self.g_max_S < float("inf"):
            raise InputError(
                f"A conductance window from {self.g_min_S:g} to {self.g_max_S:g} S is not possible; "
                "give 0 <= g_min < g_max."
            )

    @classmethod
    def of(cls, statistics: Statistics) -> "ConductanceWindow":
        """The window of a card's statistics."""
        return cls(statistics.g_min_S, statistics.g_max_S)

    @property
    def span_S(self) -> float:
        """Width of the window [S]."""
        return self.g_max_S - self.g_min_S

    def levels_S(self, count: int) -> torch.Tensor:
        """Evenly spaced levels with both ends, (count,) float64 [S].

        Raises:
            InputError: fewer than two levels.
        """
        if count < 2:
            raise InputError(f"{count} levels do not span a window; ask for 2 or more.")
        return torch.linspace(self.g_min_S, self.g_max_S, count, dtype=torch.float64)

    def require(self, target_S: torch.Tensor) -> None:
        """Check that all targets lie in the window (to a rounding of 1e-9 of it).

        Raises:
            InputError: some lie outside.
        """
        slack = 1e-9 * self.span_S
        outside = int(((target_S < self.g_min_S - slack) | (target_S > self.g_max_S + slack)).sum())
        if outside:
            raise InputError(
                f"{outside} of {target_S.numel()} target conductances lie outside the window of "
                f"{self.g_min_S * 1e6:g} to {self.g_max_S * 1e6:g} uS (they run from {float(target_S.min()) * 1e6:g} to "
                f"{float(target_S.max()) * 1e6:g} uS); map them into it."
            )


class WeightMapping(Protocol):
    """A one-to-one map between weights and cells."""

    devices: int

    def to_conductance(self, weights: torch.Tensor) -> torch.Tensor:
        """Weights (..., rows, cols) to targets (..., devices, rows, cols) [S]; no axis for one device."""

    def to_weights(self, conductance_S: torch.Tensor) -> torch.Tensor:
        """Conductances to weights (..., rows, cols)."""


@dataclass(frozen=True)
class SingleDevice:
    """w = weight_min + (G - g_min) (weight_max - weight_min)/(g_max - g_min)."""

    window: ConductanceWindow
    weight_min: float
    weight_max: float
    devices: int = 1

    @classmethod
    def fit(cls, weights, window: ConductanceWindow) -> "SingleDevice":
        """The map that uses the whole window for these weights (equal weights: one unit around them)."""
        values = finite_tensor(weights, "weight matrix")
        low, high = float(values.min()), float(values.max())
        return cls(window, low, high) if high > low else cls(window, low - 0.5, high + 0.5)

    @property
    def weight_per_S(self) -> float:
        """Slope dw/dG [1/S]."""
        return (self.weight_max - self.weight_min) / self.window.span_S

    def to_conductance(self, weights: torch.Tensor) -> torch.Tensor:
        """Weights (..., rows, cols) to targets of the same shape [S].

        Raises:
            InputError: a weight outside the fitted range.
        """
        values = finite_tensor(weights, "weight matrix", device=getattr(weights, "device", "cpu"))
        target = self.window.g_min_S + (values - self.weight_min) / self.weight_per_S
        _require_weights(values, self.weight_min, self.weight_max)
        return target.clamp(self.window.g_min_S, self.window.g_max_S)

    def to_weights(self, conductance_S: torch.Tensor) -> torch.Tensor:
        """Conductances (any shape) [S] to weights; also outside the window, where drifted cells may be."""
        return self.weight_min + (conductance_S - self.window.g_min_S) * self.weight_per_S


@dataclass(frozen=True)
class DifferentialPair:
    """w = (G+ - G-) weight_max/(g_max - g_min); axis -3 holds plus and minus."""

    window: ConductanceWindow
    weight_max: float
    devices: int = 2

    @classmethod
    def fit(cls, weights, window: ConductanceWindow) -> "DifferentialPair":
        """The map that sends the largest |weight| to the top of the window (all zero: 1)."""
        largest = float(finite_tensor(weights, "weight matrix").abs().max())
        return cls(window, largest if largest > 0 else 1.0)

    @property
    def weight_per_S(self) -> float:
        """Slope dw/dG+ [1/S]."""
        return self.weight_max / self.window.span_S

    def to_conductance(self, weights: torch.Tensor) -> torch.Tensor:
        """Weights (..., rows, cols) to targets (..., 2, rows, cols) [S].

        Raises:
            InputError: a weight outside the fitted range.
        """
        values = finite_tensor(weights, "weight matrix", device=getattr(weights, "device", "cpu"))
        _require_weights(values, -self.weight_max, self.weight_max)
        both = torch.stack([values.clamp(min=0), (-values).clamp(min=0)], dim=-3)
        return (self.window.g_min_S + both / self.weight_per_S).clamp(max=self.window.g_max_S)

    def to_weights(self, conductance_S: torch.Tensor) -> torch.Tensor:
        """Conductances (..., 2, rows, cols) [S] to weights (..., rows, cols)."""
        return (conductance_S[..., 0, :, :] - conductance_S[..., 1, :, :]) * self.weight_per_S


def _require_weights(values: torch.Tensor, low: float, high: float) -> None:
    slack = 1e-9 * (high - low)
    if float(values.min()) < low - slack or float(values.max()) > high + slack:
        raise InputError(
            f"Weights from {float(values.min()):g} to {float(values.max()):g} do not fit a mapping made for "
            f"{low:g} to {high:g}; fit the mapping to these weights."
        )
