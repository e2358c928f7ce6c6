"""What vacancy hops say about relaxation: their prediction, and the barriers that the measured lines ask for."""

from dataclasses import dataclass

import numpy as np

from femristor.compact.results.stochastic import RestPrediction
from femristor.core.provenance import Provenance, Status
from femristor.core.store import storable

PAPER_TIME_S = (1.0, 3600.0, 86400.0, 172800.0, 604800.0)
PAPER_CHANGE_S = (-0.25e-6, -0.53e-6, -0.63e-6, -1.37e-6, -1.67e-6)
PAPER_SIGMA_S = (0.49e-6, 0.53e-6, 0.93e-6, 0.94e-6, 1.05e-6)
"""Level of 50 uS: mean change and sigma, Falcone et al., arXiv 2502.04524, Fig. 4."""
PAPER_TEN_MINUTES_SIGMA_S = 0.6e-6


@storable("BarrierDemand", version=1)
@dataclass(frozen=True)
class BarrierDemand:
    """Relaxation by vacancy hops: predicted from the card's barriers, and asked for by the measured lines.

    The second part is no prediction: it is the measured lines read as numbers of hops.

    Attributes:
        conductance_S: level.
        ambient_K: ambient.
        vacancies: in the switching volume at this level.
        step_S: change of the conductance by one vacancy.
        time_s: (times,).
        barrier_J: (times,) barrier that is crossed once by then, kT ln(nu t).
        hops: (times,) hops until then, sigma^2/step^2.
        lost: (times,) vacancies lost in the mean until then, -mean/step.
        density_per_eV: (times,) hops waiting in an electronvolt of barriers, 2 sigma s1/(step^2 kT).
        onset_s: time before which nothing moves.
        onset_barrier_J: barrier crossed there, the lower end of the distribution.
        set_barrier_J: the card's barrier of set at this level.
        reset_barrier_J: the card's barrier of reset.
        cluster: (predictions,) vacancies that hop together in each of `rest`.
        rest: predictions by thermal hops over the card's barriers.
        status: converged.
        provenance: card.
    """

    conductance_S: float
    ambient_K: float
    vacancies: float
    step_S: float
    time_s: np.ndarray
    barrier_J: np.ndarray
    hops: np.ndarray
    lost: np.ndarray
    density_per_eV: np.ndarray
    onset_s: float
    onset_barrier_J: float
    set_barrier_J: float
    reset_barrier_J: float
    cluster: np.ndarray
    rest: tuple[RestPrediction, ...]
    status: Status
    provenance: Provenance
