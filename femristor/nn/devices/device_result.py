"""Devices that were fitted to, or read off, pulse traces: populations of soft bounds and libraries of step tables."""

from dataclasses import dataclass

import numpy as np

from femristor.core.provenance import Provenance, Status
from femristor.core.store import storable

CELL_NAMES = ("lower", "upper", "step_up", "step_down", "gamma_up", "gamma_down", "noise", "floor")
FIGURE_NAMES = ("n_states", "skew", "gamma", "asymmetry", "nsr")


@storable("SoftBoundsPopulation", version=1, undefined=("errors", "set_V", "reset_V"))
@dataclass(frozen=True)
class SoftBoundsPopulation:
    """Soft bounds of each cell, and the Gaussians G1 and G2 over cells.

    Attributes:
        source: name of the traces.
        unit: of conductances, "S" or "1".
        cell: (cells,) number of each fitted cell in its traces.
        parameters: (cells, 8) lower and upper bound, step up and down at the far bound, exponent up and down,
            noise (relative, cycle to cycle), floor (absolute deviation of a step whatever its mean); see CELL_NAMES.
        errors: (cells, 8) their standard errors; NaN where a parameter sits on its limit.
        figures: (cells, 5) N_states, skew, exponent, its up/down asymmetry, NSR at the symmetry point.
        figure_errors: (cells, 5) their standard errors.
        correlation_lag1: (cells,) of neighbouring standardised residuals; 0 where the law holds and reads are quiet.
        g1_mean: (2,) N_states and skew.
        g1_covariance: (2, 2) over cells, without the part that the standard errors explain.
        g1_seen: (2, 2) as seen, with that part.
        g2_mean: (2,) exponent and asymmetry.
        g2_covariance: (2, 2).
        g2_seen: (2, 2).
        nsr: mean over cells.
        g_min: mean lower bound, weight -1.
        g_max: mean upper bound, weight 1.
        bound_std: spread of each bound over cells in units of half the window.
        set_V: amplitude of up pulses; NaN if unknown.
        reset_V: of down pulses; NaN if unknown.
        refused: sentences on cells that were left out.
        notes: what the reader should know.
        status: converged.
        provenance: how it was made.
    """

    source: str
    unit: str
    cell: np.ndarray
    parameters: np.ndarray
    errors: np.ndarray
    figures: np.ndarray
    figure_errors: np.ndarray
    correlation_lag1: np.ndarray
    g1_mean: np.ndarray
    g1_covariance: np.ndarray
    g1_seen: np.ndarray
    g2_mean: np.ndarray
    g2_covariance: np.ndarray
    g2_seen: np.ndarray
    nsr: float
    g_min: float
    g_max: float
    bound_std: float
    set_V: float
    reset_V: float
    refused: tuple[str, ...]
    notes: tuple[str, ...]
    status: Status = Status.CONVERGED
    provenance: Provenance | None = None


@storable("StepTables", version=1, undefined=("set_V", "reset_V"))
@dataclass(frozen=True)
class StepTables:
    """dG(G, up or down) of each cell with its spread, no law in between.

    Attributes:
        source: name of the traces.
        unit: of conductances, "S" or "1".
        cell: (tables,) number of each cell in its traces.
        library: (tables, 2, states, 2) float32 [table, up or down, state, mean or std] in weight units, on even
            states of the table's window; a down step counts as positive when it lowers the weight.
        windows: (tables, 2) lowest and highest weight of each cell.
        n_states: (tables,) 2 / mean step at the symmetry point.
        symmetry: (tables,) symmetry point as a weight.
        nsr: (tables,) std over mean of the steps there, mean of both directions.
        g_min: conductance of weight -1 (mean end of the down batches).
        g_max: conductance of weight 1 (mean end of the up batches).
        bandwidth: least width of the smoothing kernel in units of a cell's window.
        neighbours: steps that the kernel reaches at least.
        bias: (3,) relative error of the mean step of known soft bounds of like figures through the same protocol
            and smoothing: at the symmetry point, worst and root mean square over the middle 80 % of the window.
        set_V: amplitude of up pulses; NaN if unknown.
        reset_V: of down pulses; NaN if unknown.
        refused: sentences on cells that were left out.
        notes: what the reader should know.
        status: converged.
        provenance: how it was made.
    """

    source: str
    unit: str
    cell: np.ndarray
    library: np.ndarray
    windows: np.ndarray
    n_states: np.ndarray
    symmetry: np.ndarray
    nsr: np.ndarray
    g_min: float
    g_max: float
    bandwidth: float
    neighbours: int
    bias: np.ndarray
    set_V: float
    reset_V: float
    refused: tuple[str, ...]
    notes: tuple[str, ...]
    status: Status = Status.CONVERGED
    provenance: Provenance | None = None
