"""Fits as text for people: parameters with their errors, fields at the end of the window, warnings."""

import math

import numpy as np

from femristor.cli.frame.tables import text_table
from femristor.device.selector import PARAMETERS as SELECTOR_PARAMETERS
from femristor.device.selector import SelectorFit
from femristor.transport.result import FittedParameter, FormingFit, HoppingFit, StateFit

SHOWN = {"m": (1e9, "nm"), "eV": (1e3, "meV"), "S/m": (1.0, "S/m"), "1/m^3": (1.0, "1/m^3")}


def parameter_row(entry: FittedParameter) -> tuple[str, str, str, str, str]:
    """Cells name, value, standard error, unit and state of a parameter."""
    factor, unit = SHOWN[entry.unit]
    if math.isnan(entry.value):
        return entry.name, "-", "-", unit, entry.note
    value = f"{entry.value * factor:.5g}"
    if entry.fixed and not entry.standard_error:
        return entry.name, value, "held", unit, entry.note
    error = "-" if math.isnan(entry.standard_error) else f"{entry.standard_error * factor:.2g}"
    return (
        entry.name,
        value,
        error,
        unit,
        entry.note if entry.fixed else "at its bound" if entry.at_bound else "fitted",
    )


HEADER = ("parameter", "value", "standard error", "unit", "how")


def forming_text(fit: FormingFit) -> str:
    """The forming fit as text."""
    lines = [text_table(HEADER, [parameter_row(entry) for entry in fit.parameters], right=(1, 2)), ""]
    for regime in fit.regimes:
        how = "found" if regime.automatic else "given"
        lines.append(
            f"{regime.curve.label}: G = {regime.conductance_S * 1e6:.5g} uS "
            f"+- {regime.conductance_error_S / regime.conductance_S * 100:.2g} % over "
            f"{regime.window_V[0] * 1e3:.4g} to {regime.window_V[1] * 1e3:.4g} mV ({int(regime.used.sum())} points, "
            f"window {how}), I/V changes by {regime.curvature * 100:.2g} +- {regime.curvature_error * 100:.2g} %"
        )
        if regime.curve.origin:
            lines.append(f"  from {regime.curve.origin}")
    if math.isfinite(fit.radius_sensitivity):
        lines.append(
            f"systematic: sigma_CMO as deposited is taken as {fit.pristine_conductivity_S_per_m:.4g} S/m; "
            f"d ln r / d ln sigma = {fit.radius_sensitivity:.3f}"
        )
        if math.isfinite(fit.pristine_range_S_per_m[0]):
            ends = " and ".join(
                f"{radius * 1e9:.4g} nm at {sigma:.4g} S/m"
                if math.isfinite(radius)
                else f"none at {sigma:.4g} S/m"
                for radius, sigma in zip(fit.radius_range_m, fit.pristine_range_S_per_m, strict=True)
            )
            lines.append(f"  over its range the radius would be {ends}")
    if math.isfinite(fit.uniform_density_m3):
        lines.append(f"sigma_CMO is that of a uniform density of {fit.uniform_density_m3:.4g} 1/m^3")
    return "\n".join([*lines, *_remarks(fit)])


def hopping_text(fit: HoppingFit) -> str:
    """The hopping fit as text."""
    low, high = (value * 1e3 for value in fit.window_V)
    sigma = (
        "scaled by the scatter"
        if math.isnan(fit.relative_sigma)
        else f"for sigma(ln I) = {fit.relative_sigma:g}"
    )
    lines = [f"least squares in ln I, {low:.4g} to {high:.4g} mV, standard errors {sigma}"]
    for state in fit.states:
        lines += ["", *_state_lines(state)]
    return "\n".join([*lines, *_remarks(fit)])


def _state_lines(state: StateFit) -> list[str]:
    shown = [
        entry
        for entry in state.parameters
        if entry.name in ("N", "a_e", "dE") or not entry.fixed or entry.standard_error
    ]
    lines = [
        f"{state.label} (from state {state.start} of the card): rms of ln I {state.rms_ln * 100:.3g} %, "
        f"{state.evaluations} field solutions, condition number {state.condition_number:.3g}",
        text_table(HEADER, [parameter_row(entry) for entry in shown], right=(1, 2)),
    ]
    if len(state.free) > 1:
        upper = [
            f"{state.free[i]}-{state.free[j]} {state.correlation[i, j]:.4f}"
            for i in range(len(state.free))
            for j in range(i + 1, len(state.free))
            if math.isfinite(state.correlation[i, j])
        ]
        lines += ["correlation: " + ", ".join(upper)] if upper else []
    systematic = [
        f"d ln {name.split('/')[0]} / d ln {name.split('/')[1]} = {value:.3g}"
        for name, value in state.held_sensitivity.items()
        if name.endswith(("/dE", "/N_s")) and math.isfinite(value)
    ]
    if systematic:
        lines.append("held numbers: " + ", ".join(systematic))
    for curve in state.curves:
        top = int(np.argmax(curve.bias_V))
        lines.append(
            f"at {curve.ambient_K:g} K: rms {curve.rms_ln * 100:.3g} %, largest residual "
            f"{np.max(np.abs(curve.residual_ln)) * 100:.3g} %; dome at {curve.bias_V[top] * 1e3:.4g} mV: "
            f"T mean {curve.dome_temperature_mean_K[top]:.5g} K, max {curve.dome_temperature_max_K[top]:.5g} K, "
            f"|E| mean {curve.dome_field_mean_V_per_m[top]:.3g} V/m, max {curve.dome_field_max_V_per_m[top]:.3g} V/m"
        )
    return lines


def _remarks(fit: FormingFit | HoppingFit) -> list[str]:
    lines = [
        "",
        *(f"note: {text}" for text in fit.provenance.notes),
        *(f"warning: {text}" for text in fit.warnings),
    ]
    return lines if len(lines) > 1 else []


def selector_text(fit: SelectorFit) -> str:
    """The fit of the selector as text."""
    units = {"gain": "A/V^2", "threshold": "V", "slope": "", "mobility_loss": "1/V", "critical": "V"}
    rows = [
        (name.removesuffix("_A_per_V2").removesuffix("_per_V").removesuffix("_V"), value, error)
        for name, value, error in zip(SELECTOR_PARAMETERS, fit.value, fit.standard_error, strict=True)
    ]
    cells = [(name, f"{value:.5g}", f"{error:.2g}", units[name]) for name, value, error in rows]
    gates = ", ".join(f"{gate:g}" for gate in fit.gates_V)
    return "\n".join(
        [
            text_table(("parameter", "value", "standard error", "unit"), cells, right=(1, 2)),
            "",
            f"{fit.points} points of {fit.origin}, gates {gates} V: current met to {fit.median_error * 100:.2g} % "
            f"(median), {fit.max_error * 100:.2g} % (largest) above 1 % of the largest current",
        ]
    )
