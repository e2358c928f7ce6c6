"""Result of a nodal solution of an array with its wires."""

from dataclasses import dataclass

import numpy as np

from femristor.core.provenance import Provenance, Status
from femristor.core.store import storable


@storable("WireSolution", version=1)
@dataclass(frozen=True)
class WireSolution:
    """Node voltages and currents of an array with resistive wires; leading axes are tiles, then vectors.

    Attributes:
        drive_V: (*tiles, vectors, inputs) of the drivers.
        row_V: (*tiles, vectors, rows, cols) nodes of the row (bit) wires.
        column_V: (*tiles, vectors, rows, cols) nodes of the column (source) wires.
        column_current_A: (*tiles, vectors, cols) into the virtual grounds, over all sensed ends.
        driver_current_A: (*tiles, vectors, inputs) out of the drivers, over all driven ends.
        residual_A: largest violation of Kirchhoff's law at a node.
        iterations: iterations of the solver, 0 for a direct one; Newton steps for cells that are not linear.
        wires: resistances, sides and topology.
        status: converged.
        provenance: how it was made.
    """

    drive_V: np.ndarray
    row_V: np.ndarray
    column_V: np.ndarray
    column_current_A: np.ndarray
    driver_current_A: np.ndarray
    residual_A: float
    iterations: int
    wires: dict[str, float | str]
    status: Status
    provenance: Provenance

    @property
    def cell_V(self) -> np.ndarray:
        """(*tiles, vectors, rows, cols) voltage across each cell."""
        return self.row_V - self.column_V

    @property
    def current_scale_A(self) -> float:
        """Largest current at an end of a wire."""
        return float(max(np.abs(self.column_current_A).max(), np.abs(self.driver_current_A).max()))

    @property
    def relative_residual(self) -> float:
        """Residual over the largest current (0 where no current flows)."""
        scale = self.current_scale_A
        return self.residual_A / scale if scale > 0 else self.residual_A
