"""Results of closed-loop programming by pulses, and of what its pulses do to other cells."""

from dataclasses import dataclass

import numpy as np

from femristor.core.provenance import Provenance, Status
from femristor.core.store import storable

ACCEPTED, ABOVE, BELOW, LEFT = 0, 1, 2, 3
"""Outcome of a cell: accepted, pulses used up above or below the target, outside its model."""
OUTCOMES = ("accepted", "above", "below", "left the model")


@storable("SigmaLine", version=1)
@dataclass(frozen=True)
class SigmaLine:
    """sigma(G) = slope G + offset, fitted to groups of cells.

    Attributes:
        target_S: (groups,) mean target.
        sigma_S: (groups,) standard deviation of the error.
        count: (groups,) cells.
        slope: of the line.
        offset_S: of the line.
        slope_error: standard error from the scatter about the line.
        offset_error_S: the same.
    """

    target_S: np.ndarray
    sigma_S: np.ndarray
    count: np.ndarray
    slope: float
    offset_S: float
    slope_error: float
    offset_error_S: float


@storable("ProgramVerify", version=2)
@dataclass(frozen=True)
class ProgramVerify:
    """An array after program-verify; row-major arrays of one cell each.

    Attributes:
        target_S: (rows, cols).
        conductance_S: (rows, cols) true conductance at the end.
        read_S: (rows, cols) last verify read, with its noise.
        density_m3: (rows, cols) state at the end.
        outcome: (rows, cols) int8: ACCEPTED, ABOVE, BELOW or LEFT.
        set_pulses: (rows, cols).
        reset_pulses: (rows, cols).
        set_J: (rows, cols) energy of all set pulses, the integral of V I at the terminals of cell and load.
        reset_J: (rows, cols) the same of reset pulses.
        reads_A: (rows, cols) sum of the currents at all reads, before the noise.
        acceptance: accepted distance of a read, of the target.
        max_pulses: most pulses for a cell.
        by: "identical" or "incremental".
        ranges_S: (pairs + 1,) bounds of the ranges with their own amplitudes.
        set_V: (pairs,) first amplitude of set.
        reset_V: (pairs,) first amplitude of reset, below 0.
        step_V: what an incremental pulse grows by; 0 for identical ones.
        width_s: of a pulse.
        edge_s: of each of its edges.
        read_V: of a verify read.
        read_s: length of a verify read.
        start_S: conductance at the start, of the nominal cell.
        cluster: vacancies that hop together.
        read_noise: "off", "independent" or "flicker".
        model: name of the law.
        load: what is in series.
        spread: the deviations from device to device, "" for none.
        status: sampled.
        provenance: how it was made.
    """

    target_S: np.ndarray
    conductance_S: np.ndarray
    read_S: np.ndarray
    density_m3: np.ndarray
    outcome: np.ndarray
    set_pulses: np.ndarray
    reset_pulses: np.ndarray
    set_J: np.ndarray
    reset_J: np.ndarray
    reads_A: np.ndarray
    acceptance: float
    max_pulses: int
    by: str
    ranges_S: np.ndarray
    set_V: np.ndarray
    reset_V: np.ndarray
    step_V: float
    width_s: float
    edge_s: float
    read_V: float
    read_s: float
    start_S: float
    cluster: float
    read_noise: str
    model: str
    load: str
    spread: str
    status: Status
    provenance: Provenance

    @property
    def pulses(self) -> np.ndarray:
        """(rows, cols) pulses of both directions."""
        return self.set_pulses + self.reset_pulses

    @property
    def accepted(self) -> np.ndarray:
        """(rows, cols) whether the cell reached its target."""
        return self.outcome == ACCEPTED

    @property
    def mean_pulses(self) -> float:
        """Mean over the accepted cells, NaN without any."""
        return float(self.pulses[self.accepted].mean()) if self.accepted.any() else float("nan")

    @property
    def counts(self) -> dict[str, int]:
        """Cells of each outcome by its name."""
        return {name: int(np.sum(self.outcome == code)) for code, name in enumerate(OUTCOMES)}


@storable(
    "ProgramCheckpoint",
    version=2,
    shapes={"outcome": "finished", "found": "finished 2", "work": "finished 3", "sent": "finished 2", "state": "finished"},
)
@dataclass(frozen=True)
class ProgramCheckpoint:
    """The first cells of an array, programmed; of use to the same job only.

    Attributes:
        job: digest of everything the answer depends on.
        finished: cells done, in row-major order.
        outcome: (finished,) of each.
        found: (finished, 2) true conductance and last read.
        work: (finished, 3) see `programming.kernels.program`.
        sent: (finished, 2) set and reset pulses.
        state: (finished,) ln N.
    """

    job: str
    finished: int
    outcome: np.ndarray
    found: np.ndarray
    work: np.ndarray
    sent: np.ndarray
    state: np.ndarray


@storable("DisturbReport", version=1)
@dataclass(frozen=True)
class DisturbReport:
    """Relative change of cells that were not meant, after the pulses of programming a whole array or after reads.

    Attributes:
        case: what was done, in words.
        level_S: (levels,) conductances of the cells.
        set_V: (levels,) over the cell alone while others are set.
        reset_V: (levels,) over the cell alone while others are reset, below 0 or 0.
        seconds: time under voltage, of both together.
        change: (levels,) relative change of the conductance.
        worst: the change of largest size.
        mean: mean size of the changes.
        model: name of the law.
        provenance: how it was made.
    """

    case: str
    level_S: np.ndarray
    set_V: np.ndarray
    reset_V: np.ndarray
    seconds: float
    change: np.ndarray
    worst: float
    mean: float
    model: str
    provenance: Provenance
