"""What fits of measured retention hand on: relaxation, read noise, bake."""

from dataclasses import dataclass

import numpy as np

from femristor.core.provenance import Provenance, Status
from femristor.core.store import storable


@storable("RelaxationFit", version=1)
@dataclass(frozen=True)
class RelaxationFit:
    """Lines in ln t, memory and shape of a measured relaxation. Errors are one standard error, by bootstrap over cells.

    Attributes:
        time_s: (times,) nominal read times.
        cells: (times,) cells read.
        complete: cells read at all times; the correlations are theirs.
        mean_S: (times,) mean change.
        sigma_S: (times,) standard deviation of the change.
        mean_error_S: (times,).
        sigma_error_S: (times,).
        mean_line_S: (2,) change at 1 s, change a unit of ln t.
        mean_line_error_S: (2,).
        mean_chi2: misfit of the mean line, with the covariance of the times.
        sigma_line_S: (2,) sigma at 1 s, sigma a unit of ln t.
        sigma_line_error_S: (2,).
        sigma_chi2: misfit of the sigma line.
        freedom: degrees of freedom of both lines.
        mean_p: probability of a larger misfit of the mean line.
        sigma_p: the same of the sigma line.
        correlation: (times, times) of the changes.
        correlation_error: (times, times).
        memory_exponent: m of (sigma_t/sigma_u)^m.
        memory_error: of m.
        memory_rms: rms of measured minus fitted correlations.
        independent_rms: the same for independent increments, m = 1.
        noise_sigma_S: independent increments and white noise in every read: sigma of that noise.
        noise_rms: the same for these.
        ks_distance: (times,) Kolmogorov-Smirnov distance from the normal law of the same mean and sigma.
        ks_critical: (times,) distance that 1 % of normal samples exceed (Lilliefors).
        excess_kurtosis: (times,) 0 for a normal law, 3 for the Laplace law.
        band_start_S: (bands,) mean conductance at time 0 of eight equally filled bands.
        band_mean_S: (times, bands).
        band_sigma_S: (times, bands).
        band_mean_p: (times,) probability of such differences of the means without state dependence (F test).
        band_sigma_p: (times,) the same of the spreads (Brown-Forsythe).
        status: converged.
        provenance: inputs, seed.
    """

    time_s: np.ndarray
    cells: np.ndarray
    complete: int
    mean_S: np.ndarray
    sigma_S: np.ndarray
    mean_error_S: np.ndarray
    sigma_error_S: np.ndarray
    mean_line_S: np.ndarray
    mean_line_error_S: np.ndarray
    mean_chi2: float
    sigma_line_S: np.ndarray
    sigma_line_error_S: np.ndarray
    sigma_chi2: float
    freedom: int
    mean_p: float
    sigma_p: float
    correlation: np.ndarray
    correlation_error: np.ndarray
    memory_exponent: float
    memory_error: float
    memory_rms: float
    independent_rms: float
    noise_sigma_S: float
    noise_rms: float
    ks_distance: np.ndarray
    ks_critical: np.ndarray
    excess_kurtosis: np.ndarray
    band_start_S: np.ndarray
    band_mean_S: np.ndarray
    band_sigma_S: np.ndarray
    band_mean_p: np.ndarray
    band_sigma_p: np.ndarray
    status: Status
    provenance: Provenance


@storable(
    "ReadNoiseFit",
    version=1,
    undefined=("dwell_low_s", "dwell_high_s", "sigma_exponent", "sigma_exponent_error", "sigma_rms_ln"),
)
@dataclass(frozen=True)
class ReadNoiseFit:
    """Spectrum and telegraph noise of sampled conductances, one entry a record.

    Attributes:
        band: (records,) range of the cell.
        mean_S: (records,).
        sigma_S: (records,) over the whole record.
        frequency_Hz: (bins,) middles of the logarithmic bins.
        density_S2_per_Hz: (records, bins) one-sided power spectral density.
        exponent: (records,) alpha of A/f^alpha.
        exponent_error: (records,).
        level_S2: (records,) A, the density at 1 Hz times 1 Hz.
        chi2: (records,) misfit of the power law over degrees of freedom; 1 for a pure power law.
        step_S: (records,) distance of two levels (two normal laws of one width fitted to all samples).
        occupancy: (records,) share of samples in the upper level.
        share: (records,) share of the variance that the two levels make.
        p_value: (records,) share of Gaussian records of the same spectrum with a share as large.
        transitions: (records,) passages between the levels, with hysteresis.
        dwell_low_s: (records,) mean time in the lower level; NaN without transitions.
        dwell_high_s: (records,) mean time in the upper level; NaN there too.
        telegraph: (records,) whether it counts as telegraph noise: p of 0.05 or less and ten or more transitions.
        telegraph_share: mean share over the records, 0 where it does not count.
        sigma_exponent: b of sigma = c G^b; NaN for one record.
        sigma_exponent_error: its standard error; infinite below three records.
        sigma_rms_ln: rms of ln sigma about this law; NaN for one record.
        surrogates: Gaussian records drawn for each.
        status: converged.
        provenance: inputs, seed.
    """

    band: np.ndarray
    mean_S: np.ndarray
    sigma_S: np.ndarray
    frequency_Hz: np.ndarray
    density_S2_per_Hz: np.ndarray
    exponent: np.ndarray
    exponent_error: np.ndarray
    level_S2: np.ndarray
    chi2: np.ndarray
    step_S: np.ndarray
    occupancy: np.ndarray
    share: np.ndarray
    p_value: np.ndarray
    transitions: np.ndarray
    dwell_low_s: np.ndarray
    dwell_high_s: np.ndarray
    telegraph: np.ndarray
    telegraph_share: float
    sigma_exponent: float
    sigma_exponent_error: float
    sigma_rms_ln: float
    surrogates: int
    status: Status
    provenance: Provenance


@storable("BakeFit", version=1, undefined=("line_activation_J", "line_activation_error_J", "band_mean_S"))
@dataclass(frozen=True)
class BakeFit:
    """Arrhenius laws of a bake: c + S exp(-E_a/k (1/T - 1/T_hottest)) for mean and variance of the change.

    Errors are from the covariance, widened by the root of chi2 over the degrees of freedom where that exceeds 1.

    Attributes:
        temperature_K: (temperatures,).
        bake_s: length of the bake.
        cells: cells a temperature.
        mean_S: (temperatures,) mean change.
        mean_error_S: (temperatures,).
        median_S: (temperatures,).
        sigma_S: (temperatures,).
        sigma_error_S: (temperatures,).
        sigma_activation_J: from the variance.
        sigma_activation_error_J: its standard error.
        sigma_model_S: (temperatures,) fitted sigma.
        sigma_chi2: misfit of the variance.
        mean_activation_J: from the mean.
        mean_activation_error_J: its standard error.
        mean_model_S: (temperatures,) fitted mean.
        mean_chi2: misfit of the mean.
        freedom: degrees of freedom of both.
        line_chi2: misfit of sigma linear in 1/T, what a line in ln t with an accelerated clock asks for.
        line_slope_S_K: slope of sigma over -1/T there, (sigma a unit of ln t) E_a/k.
        line_activation_J: E_a from that slope and a known sigma slope in ln t; NaN where none was given.
        line_activation_error_J: its standard error; NaN there too.
        band_start_S: (bands,) middles of four equally wide bands of the conductance before.
        band_mean_S: (temperatures, bands) mean change; NaN of a band without cells.
        remark: one sentence on what the fit cannot say.
        status: converged.
        provenance: inputs.
    """

    temperature_K: np.ndarray
    bake_s: float
    cells: int
    mean_S: np.ndarray
    mean_error_S: np.ndarray
    median_S: np.ndarray
    sigma_S: np.ndarray
    sigma_error_S: np.ndarray
    sigma_activation_J: float
    sigma_activation_error_J: float
    sigma_model_S: np.ndarray
    sigma_chi2: float
    mean_activation_J: float
    mean_activation_error_J: float
    mean_model_S: np.ndarray
    mean_chi2: float
    freedom: int
    line_chi2: float
    line_slope_S_K: float
    line_activation_J: float
    line_activation_error_J: float
    band_start_S: np.ndarray
    band_mean_S: np.ndarray
    remark: str
    status: Status
    provenance: Provenance
