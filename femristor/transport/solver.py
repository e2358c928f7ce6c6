"""What a fit asks of the cell that it fits: two protocols, met by `femristor.fem` and by closed forms."""

from collections.abc import Mapping
from typing import Protocol

import numpy as np

from femristor.device.state import CellState


class Fields(Protocol):
    """The part of `femristor.fem.results.fields.FieldSolution` that a fit reads; arrays are (bias,)."""

    @property
    def current_A(self) -> np.ndarray:
        """Terminal current."""

    @property
    def dome_temperature_mean_K(self) -> np.ndarray:
        """Mean temperature of the dome."""

    @property
    def dome_temperature_max_K(self) -> np.ndarray:
        """Highest temperature of the dome."""

    @property
    def dome_field_mean_V_per_m(self) -> np.ndarray:
        """Mean |E| of the dome."""

    @property
    def dome_field_max_V_per_m(self) -> np.ndarray:
        """Highest |E| of the dome."""


class FieldSolver(Protocol):
    """A cell whose current follows from its frozen state, with exact derivatives."""

    def sweep_with_sensitivity(
        self, bias_V: np.ndarray, state: CellState, *, ambient_K: float
    ) -> tuple[Fields, Mapping[str, np.ndarray]]:
        """Currents over a rising bias, and dI/dp for p such as "dome.density_m3", each (bias,)."""


class ResistanceSlopes(Protocol):
    """Resistance and its logarithmic derivatives, as `femristor.fem.electrothermal.ohmic.OhmicDerivatives`."""

    @property
    def resistance_ohm(self) -> float:
        """R."""

    @property
    def log_by_log_radius(self) -> float:
        """Derivative d ln R / d ln r."""

    @property
    def log_by_log_conductivity(self) -> float:
        """Derivative d ln R / d ln sigma."""


class ResistanceSolver(Protocol):
    """A cell of uniform CMO in its linear regime."""

    def resistance_ohm(self, radius_m: float, sigma_S_per_m: float) -> float:
        """Resistance for a filament radius and a conductivity of the CMO."""

    def derivatives(self, radius_m: float, sigma_S_per_m: float) -> ResistanceSlopes:
        """Resistance and derivatives there, from the same solve."""
