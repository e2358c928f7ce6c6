"""What random hops and their spread from cell to cell predict, beside what was measured."""

from dataclasses import dataclass

import numpy as np

from femristor.core.provenance import Provenance, Status
from femristor.core.store import storable

MEASURED_CLUSTER = 8.6
"""Vacancies that hop together where N_states and NSR are both as measured (`noise_predictions.OpenLoop.match`)."""
PAPER_PULSES = {0.02: 11, 0.002: 89}
"""Mean pulses of program-verify by acceptance (Falcone et al., arXiv 2502.04524)."""


@storable("ProgramPrediction", version=1)
@dataclass(frozen=True)
class ProgramPrediction:
    """Program-verify with identical pulses.

    Attributes:
        acceptance: accepted distance, of the target.
        target_S: (cells,) targets.
        pulses: (cells,) pulses used; -1 or -2 where they ran out above or below the target.
        conductance_S: (cells,) at the end.
        range_S: (ranges + 1,) limits of the ranges that have their own amplitudes.
        set_V: (ranges,) amplitudes.
        reset_V: (ranges,) amplitudes.
        most: pulses after which a cell is given up.
        start_S: conductance from which all cells start.
    """

    acceptance: float
    target_S: np.ndarray
    pulses: np.ndarray
    conductance_S: np.ndarray
    range_S: np.ndarray
    set_V: np.ndarray
    reset_V: np.ndarray
    most: int
    start_S: float

    @property
    def mean_pulses(self) -> float:
        """Mean over the cells that arrived."""
        arrived = self.pulses[self.pulses >= 0]
        return float(arrived.mean()) if arrived.size else float("nan")

    @property
    def failed(self) -> float:
        """Share of cells that did not arrive."""
        return float(np.mean(self.pulses < 0))


@storable("RestPrediction", version=1)
@dataclass(frozen=True)
class RestPrediction:
    """Relaxation by thermal hops at 0 V: no change of the mean, a spread that grows as the root of time.

    Attributes:
        conductance_S: level.
        ambient_K: ambient.
        time_s: (times,).
        sigma_set_S: (times,) over the barrier of set.
        sigma_reset_S: (times,) over the barrier of reset.
        measured_sigma_S: (times,) the card's line in ln t.
        measured_mean_S: (times,) the card's mean change; that of the hops is 0.
    """

    conductance_S: float
    ambient_K: float
    time_s: np.ndarray
    sigma_set_S: np.ndarray
    sigma_reset_S: np.ndarray
    measured_sigma_S: np.ndarray
    measured_mean_S: np.ndarray


@storable(
    "NoisePrediction",
    version=1,
    undefined=(
        "cluster_for_nsr",
        "cluster_error",
        "matched_set_V",
        "matched_reset_V",
        "matched_cluster",
        "matched_n_states",
        "matched_nsr",
    ),
)
@dataclass(frozen=True)
class NoisePrediction:
    """Noise of an open-loop pulse train by random hops, and the cluster size that the measured noise asks for.

    Attributes:
        model: "ibm" or "table".
        load: what is in series.
        set_V: amplitude.
        reset_V: amplitude.
        width_s: length of a pulse.
        volume_m3: switching volume.
        cluster: vacancies that hop together, F.
        vacancies: (3,) in the volume at the end of reset, at the symmetry point and at the end of set, without noise.
        n_states: (cells,).
        skew: (cells,).
        nsr: (cells,) std(dG)/mean|dG| at the symmetry point.
        g_min_S: (cells,).
        g_max_S: (cells,).
        g_symmetry_S: (cells,).
        quiet_n_states: of the law without noise.
        quiet_skew: of the law without noise.
        measured_n_states: the card's.
        measured_nsr: the card's.
        tried_cluster: (tries,) sizes of the search, rising.
        tried_nsr: (tries,) their NSR, median over cells and seeds.
        cluster_for_nsr: F with the measured NSR at these amplitudes, NaN where none was found.
        cluster_error: its standard error over seeds; NaN for one seed.
        matched_set_V: set amplitude where N_states and NSR are both as measured; NaN where not asked for.
        matched_reset_V: reset amplitude there, or NaN.
        matched_cluster: F there, or NaN.
        matched_n_states: N_states reached there, or NaN.
        matched_nsr: NSR reached there, or NaN.
        seeds: how many seeds.
        programming: one prediction an acceptance.
        rest: one prediction an ambient.
        status: sampled.
        provenance: card, seed.
    """

    model: str
    load: str
    set_V: float
    reset_V: float
    width_s: float
    volume_m3: float
    cluster: float
    vacancies: np.ndarray
    n_states: np.ndarray
    skew: np.ndarray
    nsr: np.ndarray
    g_min_S: np.ndarray
    g_max_S: np.ndarray
    g_symmetry_S: np.ndarray
    quiet_n_states: float
    quiet_skew: float
    measured_n_states: float
    measured_nsr: float
    tried_cluster: np.ndarray
    tried_nsr: np.ndarray
    cluster_for_nsr: float
    cluster_error: float
    matched_set_V: float
    matched_reset_V: float
    matched_cluster: float
    matched_n_states: float
    matched_nsr: float
    seeds: int
    programming: tuple[ProgramPrediction, ...] = ()
    rest: tuple[RestPrediction, ...] = ()
    status: Status = Status.SAMPLED
    provenance: Provenance | None = None


@storable("SpreadFit", version=1, undefined=("standard_error", "checked_std", "covariance"))
@dataclass(frozen=True)
class SpreadFit:
    """Spread of named physical parameters that gives a target spread of what is measured on cells.

    Attributes:
        names: parameters.
        sigma: (parameters,) fitted standard deviations, relative or in eV as `units` says.
        standard_error: (parameters,) for targets measured on `target_cells` cells; infinite where not identifiable.
        alone: (parameters,) the standard deviation with which a parameter alone fits the targets best.
        alone_rms: (parameters,) misfit of that, rms of the relative error of the target deviations.
        units: of each sigma, "1" (relative) or "eV".
        observables: measured quantities.
        target_std: (observables,).
        predicted_std: (observables,) by linear propagation of `sigma`.
        checked_std: (observables,) of cells drawn with `sigma` and run; NaN where not checked.
        jacobian: (observables, parameters) change of an observable by a parameter in its unit.
        covariance: (parameters, parameters) of the squares of sigma, infinite where the targets do not tell.
        rank: directions of the squares that the targets tell.
        unresolved: sentence that names what cannot be told apart, empty otherwise.
        target_cells: cells behind the targets.
        status: converged.
        provenance: card, seed.
    """

    names: tuple[str, ...]
    sigma: np.ndarray
    standard_error: np.ndarray
    alone: np.ndarray
    alone_rms: np.ndarray
    units: tuple[str, ...]
    observables: tuple[str, ...]
    target_std: np.ndarray
    predicted_std: np.ndarray
    checked_std: np.ndarray
    jacobian: np.ndarray
    covariance: np.ndarray
    rank: int
    unresolved: str
    target_cells: int
    status: Status = Status.CONVERGED
    provenance: Provenance | None = None


@storable("PulseProfile", version=1, undefined=("fitted", "rms_ln"))
@dataclass(frozen=True)
class PulseProfile:
    """The fit repeated with one held number at several values: what the train tells of it.

    Attributes:
        name: the held number.
        held: (values,) in its unit.
        names: fitted parameters.
        fitted: (values, names) in their units; NaN where the fit fails.
        rms_ln: (values,) rms of ln(fitted/measured); NaN where the fit fails.
    """

    name: str
    held: np.ndarray
    names: tuple[str, ...]
    fitted: np.ndarray
    rms_ln: np.ndarray


@storable("PulseFit", version=1)
@dataclass(frozen=True)
class PulseFit:
    """Ionic parameters from a pulse train.

    Attributes:
        names: of every parameter: fitted ones first, then those held.
        value: (parameters,) barriers in eV, slope in eV m^3, attempt frequency in Hz, hop distance in m, loads as
            factors.
        standard_error: (parameters,) one sigma, widened by the correlation of residuals; 0 where held.
        free: how many of the first are fitted.
        correlation: (free, free).
        unresolved: (pairs,) names of parameters that the train does not tell apart, "a/b".
        held_sensitivity: "fitted/held" to the change of the fitted value by a change of ln(held), in the value's unit.
        singular: (free,) singular values of the scaled Jacobian; a small one is a direction the train does not tell.
        conductance_S: (pulses,) measured.
        fitted_S: (pulses,) of the law.
        used: (pulses,) whether a point counted in the fit.
        directions: (pulses,) of the pulse before each read.
        rms_ln: rms of ln(fitted/measured).
        autocorrelation: of neighbouring residuals.
        evaluations: trains simulated.
        set_V: amplitude.
        reset_V: amplitude.
        width_s: length of a pulse.
        edge_s: of each edge.
        read_V: read voltage.
        read_at: "device" or "terminals".
        load: in series.
        ambient_K: ambient.
        warnings: what the user should know.
        origin: file.
        profiles: one a held number that was asked for.
        status: converged.
        provenance: card, inputs.
    """

    names: tuple[str, ...]
    value: np.ndarray
    standard_error: np.ndarray
    free: int
    correlation: np.ndarray
    unresolved: tuple[str, ...]
    held_sensitivity: dict[str, float]
    singular: np.ndarray
    conductance_S: np.ndarray
    fitted_S: np.ndarray
    used: np.ndarray
    directions: np.ndarray
    rms_ln: float
    autocorrelation: float
    evaluations: int
    set_V: float
    reset_V: float
    width_s: float
    edge_s: float
    read_V: float
    read_at: str
    load: str
    ambient_K: float
    warnings: tuple[str, ...]
    origin: str
    profiles: tuple[PulseProfile, ...] = ()
    status: Status = Status.CONVERGED
    provenance: Provenance | None = None
