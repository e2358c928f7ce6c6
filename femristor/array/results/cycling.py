"""Result of cycling an array by slow sweeps."""

from dataclasses import dataclass

import numpy as np

from femristor.array.results.costs import Cost
from femristor.core.provenance import Provenance, Status
from femristor.core.store import storable


@storable("ArrayCycling", version=1)
@dataclass(frozen=True)
class ArrayCycling:
    """Set and reset sweeps of an array, cells in the order of rows; a cycle is its reset half, then its set half.

    Attributes:
        rows: of the array.
        cols: of the array.
        cycles: how many.
        hrs_S: (cells, cycles) conductance at the read voltage after the reset half.
        lrs_S: (cells, cycles) the same after the set half.
        reset_voltage_V: (cells, cycles) applied voltage at the largest current of the reset half, below 0.
        set_voltage_V: (cells, cycles) applied voltage at the steepest rise of the current of the set half.
        voltage_V: (points,) applied, all cycles.
        current_A: (kept cells, points).
        ratio: median LRS over median HRS.
        paper_ratio: of the publication.
        peak_set_V: end of the set half.
        peak_reset_V: end of the reset half.
        rate_V_per_s: of the sweeps.
        read_V: of the reads.
        cluster: vacancies that hop together.
        spread: name of each parameter to its standard deviation over devices.
        model: "ibm" or "table".
        load: sentence on what is in series.
        cost: energy and time of all sweeps, one cell after the other.
        seed: of spread and noise.
        status: sampled.
        provenance: how it was made.
    """

    rows: int
    cols: int
    cycles: int
    hrs_S: np.ndarray
    lrs_S: np.ndarray
    reset_voltage_V: np.ndarray
    set_voltage_V: np.ndarray
    voltage_V: np.ndarray
    current_A: np.ndarray
    ratio: float
    paper_ratio: float
    peak_set_V: float
    peak_reset_V: float
    rate_V_per_s: float
    read_V: float
    cluster: float
    spread: dict[str, float]
    model: str
    load: str
    cost: Cost
    seed: int
    status: Status
    provenance: Provenance | None = None
