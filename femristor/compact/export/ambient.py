"""How an exported table follows the temperature of the circuit: each logarithm is a parabola in 1/T through its ambients.

Arrhenius rates are straight lines over 1/T, so that a parabola in `w = scale (1/T - 1/T_c)` holds what a table has
between its lowest and highest ambient. At w = 0, the ambient of the model, it is the model's own patches.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from femristor.compact.table.interpolate import TableModel

SAME = 1e-6
"""Closer to the middle a temperature counts as the middle one; also of neighbouring nodes in w."""


@dataclass(frozen=True)
class AmbientLine:
    """Where a table's parabola in 1/T lies.

    Attributes:
        nodes_K: (2 or 3,) ambients it goes through, the first is that of the model.
        low_K: lowest ambient of the table.
        high_K: highest.
    """

    nodes_K: np.ndarray
    low_K: float
    high_K: float

    @classmethod
    def of(cls, model: TableModel) -> "AmbientLine | None":
        """The line of a table, None for a table of one ambient.

        Args:
            model: the table at the ambient where the parabola is exact.

        Returns:
            AmbientLine.
        """
        axis, centre = model.table.ambient_K, model.ambient_K
        if axis.size == 1:
            return None
        low, high = float(axis[0]), float(axis[-1])
        others = np.array([low, high] if axis.size == 2 else [low, 2 / (1 / low + 1 / high), high])
        # The node nearest to the centre gives way to it: the parabola is the model's own there.
        nearest = int(np.argmin(np.abs(1 / others - 1 / centre)))
        return cls(np.array([centre, *np.delete(others, nearest)]), low, high)

    @property
    def scale_K(self) -> float:
        """Scale of w: it spans 1 over the table."""
        return 1 / (1 / self.low_K - 1 / self.high_K)

    def place(self, ambient_K) -> np.ndarray:
        """Where ambients (...) lie: their w."""
        return self.scale_K * (1 / np.asarray(ambient_K, dtype=float) - 1 / self.nodes_K[0])

    def terms(self, model: TableModel, name: str) -> np.ndarray:
        """(nodes, densities - 1, biases, 4, 4) coefficients of 1, w, w^2 of a quantity's patches."""
        nodes = np.stack([self.at(model, ambient).patches(name) for ambient in self.nodes_K])
        powers = np.vander(self.place(self.nodes_K), increasing=True)
        found = np.tensordot(np.linalg.inv(powers), nodes, axes=1)
        found[0] = nodes[0]
        return found

    def at(self, model: TableModel, ambient_K: float) -> TableModel:
        """The same table at another ambient."""
        return model if ambient_K == model.ambient_K else TableModel(model.table, float(ambient_K))

    def probes_K(self, model: TableModel) -> np.ndarray:
        """Ambients where the parabola is compared with the table: its own, and the middles between them."""
        axis = model.table.ambient_K
        return np.concatenate([axis, 2 / (1 / axis[:-1] + 1 / axis[1:])])

    def text(self, ambient: str, number: Callable[[float], str]) -> str:
        """Expression of w, with the ambient held within the table.

        Args:
            ambient: expression of the ambient in K.
            number: writes a number.

        Returns:
            Expression.
        """
        held = f"min(max({ambient},{number(self.low_K)}),{number(self.high_K)})"
        return f"({number(self.scale_K)}*(1/{held}-{number(1 / float(self.nodes_K[0]))}))"
