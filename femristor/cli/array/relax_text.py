"""What femristor array relax prints for people."""

import numpy as np

from femristor.array.results.relaxation import (
    PAPER_CHANGE_S,
    PAPER_SIGMA_S,
    PAPER_TEN_MINUTES_SIGMA_S,
    PAPER_TIME_S,
)
from femristor.cli.array.shared import MICRO, PAPER_OVERLAP_TEN_MINUTES
from femristor.cli.frame.tables import text_table
from femristor.core.constants import EV


def trace_text(trace, demand, overlap: dict, origin: str) -> str:
    """Sampled cells beside the laws, the paper and vacancy hops."""
    head = ("t [s]", "mean [uS]", "law", "sigma [uS]", "law", "correlation with the last time", "process")
    rows = [
        (
            f"{time:.4g}",
            *(f"{value * MICRO:.4f}" for value in values),
            *(f"{value:.3f}" for value in memory),
        )
        for time, values, memory in zip(
            trace.time_s,
            zip(trace.mean_S, trace.law_mean_S, trace.sigma_S, trace.law_sigma_S, strict=True),
            zip(trace.correlation[-1], trace.law_correlation[-1], strict=True),
            strict=True,
        )
    ]
    lines = [text_table(head, rows, right=range(len(head)))]
    if not np.array_equal(trace.time_s, trace.effective_time_s):
        pairs = ", ".join(
            f"{time:.4g} s at {kelvin:.4g} K: {counted:.4g} s"
            for time, kelvin, counted in zip(
                trace.time_s, trace.temperature_K, trace.effective_time_s, strict=True
            )
        )
        lines += [f"as time at {demand.ambient_K:g} K: {pairs}", f"activation energy: {origin}"]
    lines.append(f"memory exponent {trace.memory_exponent:g} (0 frozen, 1 independent increments)")
    if trace.telegraph_share:
        lines.append(
            f"telegraph noise: {100 * trace.telegraph_share:g} % of the variance of the read noise law"
        )
    points = ", ".join(
        f"{time:g} s {mean * MICRO:.2f} +- {sigma * MICRO:.2f}"
        for time, mean, sigma in zip(PAPER_TIME_S, PAPER_CHANGE_S, PAPER_SIGMA_S, strict=True)
    )
    quiet, noisy = overlap[False], overlap[True]
    lines += [
        f"paper, 50 uS [uS]: {points}; ten minutes sigma {PAPER_TEN_MINUTES_SIGMA_S * MICRO:g}",
        f"overlap of {quiet.target_S.size} levels after ten minutes: law {100 * quiet.overlap_law:.1f} %, sampled "
        f"{100 * quiet.overlap_sampled:.1f} %; with read noise {100 * noisy.overlap_law:.1f} and "
        f"{100 * noisy.overlap_sampled:.1f} %; paper {100 * PAPER_OVERLAP_TEN_MINUTES:.1f} %",
        "",
        hops_text(demand),
    ]
    return "\n".join(lines)


def hops_text(demand) -> str:
    """Prediction by hops, and the barriers that the measured lines ask for."""
    names = [f"{cluster:g} at once" for cluster in demand.cluster]
    head = ("t [s]", "measured sigma [uS]", *names, "barrier [eV]", "hops so far", "lost", "hops an eV")
    rows = [
        (
            f"{time:.4g}",
            f"{demand.rest[0].measured_sigma_S[k] * MICRO:.3f}",
            *(f"{rest.sigma_set_S[k] * MICRO:.3g}" for rest in demand.rest),
            f"{demand.barrier_J[k] / EV:.3f}",
            f"{demand.hops[k]:.2f}",
            f"{demand.lost[k]:.2f}",
            f"{demand.density_per_eV[k]:.1f}",
        )
        for k, time in enumerate(demand.time_s)
    ]
    return "\n".join(
        [
            f"vacancy hops at 0 V, {demand.conductance_S * MICRO:g} uS, {demand.ambient_K:g} K, "
            f"{demand.vacancies:.0f} vacancies, one is {demand.step_S * MICRO:.2f} uS, barriers of the card "
            f"{demand.set_barrier_J / EV:.3f} (set) and {demand.reset_barrier_J / EV:.3f} eV (reset):",
            "sigma of hops over the set barrier is predicted (the mean stays); the last four columns are asked for by "
            f"the measured lines, from {demand.onset_barrier_J / EV:.3f} eV on, not predicted",
            text_table(head, rows, right=range(len(head))),
        ]
    )


def relaxation_text(fit, card) -> str:
    """Fit of a measured relaxation."""
    head = (
        "t [s]",
        "cells",
        "mean [uS]",
        "+-",
        "sigma [uS]",
        "+-",
        "KS",
        "1 %",
        "kurtosis",
        "p means",
        "p spreads",
    )
    rows = [
        (
            f"{fit.time_s[k]:g}",
            f"{fit.cells[k]}",
            f"{fit.mean_S[k] * MICRO:.3f}",
            f"{fit.mean_error_S[k] * MICRO:.3f}",
            f"{fit.sigma_S[k] * MICRO:.3f}",
            f"{fit.sigma_error_S[k] * MICRO:.3f}",
            f"{fit.ks_distance[k]:.3f}",
            f"{fit.ks_critical[k]:.3f}",
            f"{fit.excess_kurtosis[k]:.1f}",
            f"{fit.band_mean_p[k]:.1g}",
            f"{fit.band_sigma_p[k]:.1g}",
        )
        for k in range(fit.time_s.size)
    ]
    own = card.statistics.relaxation
    lines = [text_table(head, rows, right=range(len(head)))]
    for name, line, error, chi2, p in (
        ("mean", fit.mean_line_S, fit.mean_line_error_S, fit.mean_chi2, fit.mean_p),
        ("sigma", fit.sigma_line_S, fit.sigma_line_error_S, fit.sigma_chi2, fit.sigma_p),
    ):
        lines.append(
            f"{name}: {line[0] * MICRO:.4f} +- {error[0] * MICRO:.4f} uS at 1 s, {line[1] * MICRO:.4f} +- "
            f"{error[1] * MICRO:.4f} uS a unit of ln t; chi2 {chi2:.1f} for {fit.freedom}, p {p:.1g}"
        )
    band = fit.band_sigma_S[-1] * MICRO
    lines += [
        f"card {card.name}: mean {own.mean_slope_S * MICRO:.4f} uS and sigma {own.sigma_slope_S * MICRO:.4f} uS a unit of "
        f"ln t, sigma {own.sigma_offset_S * MICRO:.4f} uS at 1 s",
        f"memory exponent {fit.memory_exponent:.3f} +- {fit.memory_error:.3f} from {fit.complete} cells, rms of the "
        f"correlations {fit.memory_rms:.3f}; independent increments {fit.independent_rms:.3f}, with white noise of "
        f"{fit.noise_sigma_S * MICRO:.2f} uS in every read {fit.noise_rms:.3f}",
        f"sigma at the last time from {band.min():.2f} to {band.max():.2f} uS over {band.size} bands of conductance",
    ]
    return "\n".join(lines)


def read_noise_text(fit) -> str:
    """Fit of sampled conductances."""
    head = (
        "G [uS]", "sigma [uS]", "sigma/G [%]", "f^-alpha", "+-", "chi2", "step [uS]", "share", "p", "passages",
        "dwell low, high [s]", "telegraph",
    )  # fmt: skip
    rows = [
        (
            f"{fit.mean_S[k] * MICRO:.1f}",
            f"{fit.sigma_S[k] * MICRO:.3f}",
            f"{100 * fit.sigma_S[k] / fit.mean_S[k]:.2f}",
            f"{fit.exponent[k]:.2f}",
            f"{fit.exponent_error[k]:.2f}",
            f"{fit.chi2[k]:.0f}",
            f"{fit.step_S[k] * MICRO:.2f}",
            f"{fit.share[k]:.2f}",
            f"{fit.p_value[k]:.2f}",
            f"{fit.transitions[k]}",
            f"{fit.dwell_low_s[k]:.3g}, {fit.dwell_high_s[k]:.3g}",
            "yes" if fit.telegraph[k] else "no",
        )
        for k in range(fit.mean_S.size)
    ]
    return "\n".join(
        [
            text_table(head, rows, right=range(10)),
            f"mean telegraph share of the variance {fit.telegraph_share:.2f} over {fit.mean_S.size} records, 0 where it is "
            f"not told from Gaussian noise of the same spectrum ({fit.surrogates} drawn for each)",
            f"sigma = c G^b with b = {fit.sigma_exponent:.2f} +- {fit.sigma_exponent_error:.2f}, rms of ln sigma "
            f"{fit.sigma_rms_ln:.2f}",
        ]
    )


def bake_text(fit, card) -> str:
    """Fit of a bake."""
    head = ("T [degC]", "mean [uS]", "+-", "one process", "median", "sigma [uS]", "+-", "one process")
    rows = [
        (
            f"{fit.temperature_K[k] - 273.15:.0f}",
            *(
                f"{values[k] * MICRO:.2f}"
                for values in (
                    fit.mean_S,
                    fit.mean_error_S,
                    fit.mean_model_S,
                    fit.median_S,
                    fit.sigma_S,
                    fit.sigma_error_S,
                    fit.sigma_model_S,
                )
            ),
        )
        for k in range(fit.temperature_K.size)
    ]
    return "\n".join(
        [
            text_table(head, rows, right=range(len(head))),
            f"activation energy from sigma {fit.sigma_activation_J / EV:.3f} +- {fit.sigma_activation_error_J / EV:.3f} eV, "
            f"chi2 {fit.sigma_chi2:.0f} for {fit.freedom}; from the mean {fit.mean_activation_J / EV:.3f} +- "
            f"{fit.mean_activation_error_J / EV:.3f} eV, chi2 {fit.mean_chi2:.0f}",
            f"sigma linear in 1/T, as a line in ln t would be: chi2 {fit.line_chi2:.0f} for {fit.freedom + 1}",
            fit.remark,
            f"card {card.name}: barrier of reset {card.ionic.barrier_reset_J / EV:.3f} eV; the measured cells are another "
            "technology",
        ]
    )
