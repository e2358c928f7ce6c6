"""Results that the array room hands on: level distributions, relaxation traces, pulse responses."""

from dataclasses import dataclass

import numpy as np

from femristor.core.provenance import Provenance, Status
from femristor.core.store import storable


@storable("LevelDistribution", version=1)
@dataclass(frozen=True)
class LevelDistribution:
    """Conductances of cells programmed to evenly spaced levels, read some time later.

    Attributes:
        target_S: (levels,) programmed levels, rising.
        conductance_S: (levels, cells) as read.
        mean_S: (levels,) mean over the cells.
        sigma_S: (levels,) standard deviation over the cells.
        time_s: time since programming.
        acceptance: program-verify acceptance, a fraction of the target.
        overlap_law: mean overlap of neighbouring levels from the card's sigma laws (normal distributions).
        overlap_sampled: the same from sampled sigmas, smoothed as a + b G^2 of the variance.
        misread_fraction: share of cells nearer to another level once the mean shift of all is taken off.
        read_noise: whether the read noise is in `conductance_S`.
        status: sampled.
        provenance: how it was made.
    """

    target_S: np.ndarray
    conductance_S: np.ndarray
    mean_S: np.ndarray
    sigma_S: np.ndarray
    time_s: float
    acceptance: float
    overlap_law: float
    overlap_sampled: float
    misread_fraction: float
    read_noise: bool
    status: Status
    provenance: Provenance


@storable("RelaxationTrace", version=2)
@dataclass(frozen=True)
class RelaxationTrace:
    """Conductance of cells followed over the time after programming.

    Attributes:
        time_s: (times,) since programming, rising.
        target_S: (levels,) programmed levels.
        change_S: (times, levels, cells) conductance minus that at time 0.
        mean_S: (times,) mean change over all cells.
        sigma_S: (times,) standard deviation of the change over all cells.
        law_mean_S: (times,) the card's mean law (0 before 1 s) at the effective times.
        law_sigma_S: (times,) the card's sigma law (0 before its zero) at the effective times.
        correlation: (times, times) correlation over the cells of the changes at two times.
        law_correlation: (times, times) (min(sigma)/max(sigma))^memory_exponent.
        memory_exponent: of the process, 1 for independent increments.
        temperature_K: (times,) temperature until each time, from the one before on.
        effective_time_s: (times,) the same as time at the card's ambient.
        telegraph_share: share of the read noise's variance that is telegraph noise, 0 without.
        status: sampled.
        provenance: how it was made.
    """

    time_s: np.ndarray
    target_S: np.ndarray
    change_S: np.ndarray
    mean_S: np.ndarray
    sigma_S: np.ndarray
    law_mean_S: np.ndarray
    law_sigma_S: np.ndarray
    correlation: np.ndarray
    law_correlation: np.ndarray
    memory_exponent: float
    temperature_K: np.ndarray
    effective_time_s: np.ndarray
    telegraph_share: float
    status: Status
    provenance: Provenance


@storable("PulseResponse", version=1, undefined=("n_states", "symmetry_skew", "noise_to_signal"))
@dataclass(frozen=True)
class PulseResponse:
    """Open-loop pulse protocol on an array and its figures of merit.

    Attributes:
        direction: (pulses,) +1 set, -1 reset.
        conductance_S: (pulses + 1, cells), first before any pulse, then after each.
        g_min_S: (cells,) mean over the end of the reset batch.
        g_max_S: (cells,) mean over the end of the set batch.
        g_symmetry_S: (cells,) mean over the end of the alternating pulses.
        n_states: (cells,) (G_max - G_min) / mean |dG at the symmetry point|; NaN of a cell that does not move.
        symmetry_skew: (cells,) (G_max - G_SP) / (G_max - G_min); NaN there too.
        noise_to_signal: (cells,) std(dG at SP) / mean |dG at SP|; NaN there too.
        model: name of the pulse model.
        status: sampled.
        provenance: how it was made.
    """

    direction: np.ndarray
    conductance_S: np.ndarray
    g_min_S: np.ndarray
    g_max_S: np.ndarray
    g_symmetry_S: np.ndarray
    n_states: np.ndarray
    symmetry_skew: np.ndarray
    noise_to_signal: np.ndarray
    model: str
    status: Status
    provenance: Provenance
