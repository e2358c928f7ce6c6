"""Results of open-loop pulses: simulated arrays, and what a measured record tells."""

from dataclasses import dataclass

import numpy as np

from femristor.array.results.costs import Cost
from femristor.core.provenance import Provenance, Status
from femristor.core.store import storable


@storable("OpenLoopArray", version=1, undefined=("n_states", "skew", "nsr"))
@dataclass(frozen=True)
class OpenLoopArray:
    """The open-loop protocol on an array whose cells differ and whose vacancies hop; (cells,) in the order of rows.

    Attributes:
        rows: of the array.
        cols: of the array.
        direction: (pulses,) +1 set, -1 reset.
        conductance_S: (kept cells, pulses + 1) first before any pulse.
        g_min_S: mean over the end of the reset batch.
        g_max_S: mean over the end of the set batch.
        g_symmetry_S: mean over the end of the alternating pulses.
        n_states: (G_max - G_min) / mean |dG at the symmetry point| (Falcone et al., arXiv 2502.04524, eq. 1); NaN of a
            cell that no alternating pulse moves.
        skew: (G_max - G_SP) / (G_max - G_min) (the same, eq. 2); NaN of a cell that no pulse moves.
        nsr: std(dG at SP) / mean |dG at SP| (the same, eq. 3); NaN as n_states.
        set_V: amplitude applied to cell and selector.
        reset_V: the same of reset, below 0.
        width_s: of a pulse.
        cluster: vacancies that hop together.
        spread: name of each parameter to its standard deviation over devices.
        model: "ibm" or "table".
        load: sentence on what is in series.
        paper_n_states: of the card's measured array.
        paper_skew: the same.
        paper_nsr: the same.
        cost: energy and time, all cells at once.
        seed: of spread and noise.
        status: sampled.
        provenance: how it was made.
    """

    rows: int
    cols: int
    direction: np.ndarray
    conductance_S: np.ndarray
    g_min_S: np.ndarray
    g_max_S: np.ndarray
    g_symmetry_S: np.ndarray
    n_states: np.ndarray
    skew: np.ndarray
    nsr: np.ndarray
    set_V: float
    reset_V: float
    width_s: float
    cluster: float
    spread: dict[str, float]
    model: str
    load: str
    paper_n_states: float
    paper_skew: float
    paper_nsr: float
    cost: Cost
    seed: int
    status: Status
    provenance: Provenance | None = None


@storable("MeasuredPulses", version=1, undefined=("g_symmetry", "n_states", "skew", "nsr"))
@dataclass(frozen=True)
class MeasuredPulses:
    """Figures of merit of a measured record, NaN where it cannot tell one.

    Attributes:
        source: name of the file.
        unit: of the conductances, "S" or "1" (normalised).
        direction: (pulses,) +1 up, -1 down, 0 where nothing is known of a pulse.
        conductance: (pulses + 1,) as recorded.
        g_min: lowest end of the record's window.
        g_max: highest end.
        g_symmetry: where up and down steps are equal; NaN where the record does not tell.
        n_states: (g_max - g_min) / mean |dG| near the symmetry point; NaN there too.
        skew: (g_max - g_symmetry) / (g_max - g_min); NaN there too.
        nsr: std(dG)/mean |dG| near the symmetry point; NaN there too.
        method: "alternating" (the paper's), "crossing" of the step curves, or "middle" of the window.
        notes: what the record cannot tell, and why.
        status: converged.
        provenance: how it was made.
    """

    source: str
    unit: str
    direction: np.ndarray
    conductance: np.ndarray
    g_min: float
    g_max: float
    g_symmetry: float
    n_states: float
    skew: float
    nsr: float
    method: str
    notes: tuple[str, ...]
    status: Status
    provenance: Provenance | None = None
