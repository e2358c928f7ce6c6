"""Results of forming an array: what field solutions tell of one device, and the sweeps of all of them."""

from dataclasses import dataclass

import numpy as np

from femristor.array.results.costs import Cost
from femristor.core.constants import EV
from femristor.core.provenance import Provenance, Status
from femristor.core.store import storable


@storable("FormingFamily", version=1)
@dataclass(frozen=True)
class FormingFamily:
    """Forming of a few devices by field solutions, reduced to what an array needs.

    Attributes:
        key: hash of the parts of the card that these solutions depend on.
        activation_J: (nodes,) activation energies solved for, rising.
        jump_V: (nodes,) voltage over cell and selector at which the current jumps, rising; nothing flows before, so
            that the selector does not move it.
        leak_S: conductance before.
        device_V: (points,) voltage over the formed device, rising from 0.
        device_A: (points,) its current, rising; formed devices differ in nothing.
        provenance: how it was made.
    """

    key: str
    activation_J: np.ndarray
    jump_V: np.ndarray
    leak_S: float
    device_V: np.ndarray
    device_A: np.ndarray
    provenance: Provenance | None = None


@storable(
    "ArrayForming", version=1, undefined=("form_V", "form_applied_V", "form_current_A", "sigma_V", "spread_J")
)
@dataclass(frozen=True)
class ArrayForming:
    """Forming sweeps of an array, (cells,) in the order of rows.

    Attributes:
        rows: of the array, 0 for measured curves without a place.
        cols: of the array.
        activation_J: activation energy of each device; empty where measured.
        threshold_shift_V: of each selector; empty where measured.
        form_V: forming voltage, triode drop taken off; NaN where a device did not form.
        form_applied_V: the same with the drop; NaN there too.
        form_current_A: current after the jump; NaN there too.
        voltage_V: (points,) of the curves kept.
        current_A: (kept cells, points).
        mean_V: of the devices that formed.
        sigma_V: their standard deviation; NaN for one.
        yielded: share of the devices that formed.
        spread_J: stated standard deviation of the activation energy, NaN where measured.
        triode_ohm: resistance that was taken off.
        paper_mean_V: of the publication.
        paper_sigma_V: of the publication.
        cost: energy and time of forming all cells, one after the other; None where measured.
        seed: of the spread.
        status: sampled, or converged for measured curves.
        provenance: how it was made.
    """

    rows: int
    cols: int
    activation_J: np.ndarray
    threshold_shift_V: np.ndarray
    form_V: np.ndarray
    form_applied_V: np.ndarray
    form_current_A: np.ndarray
    voltage_V: np.ndarray
    current_A: np.ndarray
    mean_V: float
    sigma_V: float
    yielded: float
    spread_J: float
    triode_ohm: float
    paper_mean_V: float
    paper_sigma_V: float
    cost: Cost | None
    seed: int
    status: Status
    provenance: Provenance | None = None

    def sentences(self) -> tuple[str, ...]:
        """Ours and the paper's numbers side by side."""
        spread = f" for a stated spread of {self.spread_J / EV:g} eV" if np.isfinite(self.spread_J) else ""
        sigma = (
            "not known of one device" if np.isnan(self.sigma_V) else f"{self.sigma_V * 1e3:.0f} mV{spread}"
        )
        found = (
            f"mean forming voltage {self.mean_V:.3f} V, paper {self.paper_mean_V:g} V",
            f"sigma {sigma}, paper {self.paper_sigma_V * 1e3:g} mV",
            f"{self.yielded * 100:.1f} % of {self.form_V.size} devices formed, paper 100 % of 32",
        )
        return found if self.cost is None else (*found, f"forming one by one costs {self.cost.sentence()}")
