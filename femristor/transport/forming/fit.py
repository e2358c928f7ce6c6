"""Filament radius and conductivity of the CMO from the linear regimes before and after the negative sweep.

After forming, `R_formed = R(r, sigma_pristine)` gives the radius r of the filament, the CMO being as
deposited. After the negative sweep `R_after = R(r, sigma_CMO)` gives sigma_CMO at that radius (Falcone et al.,
arXiv 2502.04524, section on forming). `R(r, sigma)` is the ohmic cell of a `ResistanceSolver`.
"""

import math
import re
from collections.abc import Mapping, Sequence

import numpy as np

from femristor.core.curves import IVCurve
from femristor.core.errors import InputError
from femristor.core.messages import NullProgress, Progress
from femristor.core.provenance import Provenance, Status
from femristor.core.units import is_number, parse_number
from femristor.device.card import DeviceCard
from femristor.device.laws.mott_gurney import low_field_conductivity
from femristor.transport.curvehash import curve_inputs, synthetic_notes
from femristor.transport.forming.root import solve_radius, solve_sigma
from femristor.transport.linear_regime import find_linear_regime
from femristor.transport.result import FittedParameter, FormingFit, LinearRegime
from femristor.transport.solver import ResistanceSolver

ROLES = {"formed": ("formed", "forming"), "after": ("after",)}
"""How the labels of the two curves begin."""
_NUMBER = r"([0-9.]{1,20}(?:e[+-]?[0-9]{1,3})?)"
_RANGE = re.compile(rf"{_NUMBER}\s*(?:to|-)\s*{_NUMBER}\s*S/m", re.IGNORECASE)
NOISY_CURVATURE = 0.2


def fit_forming(
    curves: Sequence[IVCurve],
    card: DeviceCard,
    solver: ResistanceSolver,
    *,
    window_V: tuple[float, float] | None = None,
    relative_sigma: float | None = None,
    noise: str = "relative",
    pristine_S_per_m: float | None = None,
    pristine_range_S_per_m: tuple[float, float] | None = None,
    inputs: Mapping[str, str] | None = None,
    notes: Sequence[str] = (),
    progress: Progress | None = None,
) -> FormingFit:
    """Fit the filament radius and sigma_CMO.

    Args:
        curves: one whose label begins with "formed" and one that begins with "after"; one of the two is
            enough, and a single curve under another label is taken as the formed one.
        card: device card; gives the pristine conductivity and, without a formed curve, the radius.
        solver: the ohmic cell, e.g. `femristor.fem.electrothermal.ohmic.OhmicCell(card)`.
        window_V: lowest and highest |V| of the linear regime; None finds it.
        relative_sigma: standard deviation of the current relative to it; None takes the scatter.
        noise: "relative" or "absolute", see `find_linear_regime`.
        pristine_S_per_m: conductivity of the CMO as deposited; None takes the card's.
        pristine_range_S_per_m: range of it for the systematic; None reads it from the card's note.
        inputs: names and hashes of the files.
        notes: sentences to keep with the result.
        progress: where the fit is shown.

    Returns:
        FormingFit.

    Raises:
        InputError: bad curves, or a resistance that no radius or conductivity can give.
        ConvergenceError: the field solver failed.
    """
    chosen = _roles(curves)
    regimes = {
        role: find_linear_regime(curve, window_V, relative_sigma, noise=noise)
        for role, curve in chosen.items()
    }
    pristine = pristine_S_per_m or _pristine(card)
    span = pristine_range_S_per_m or _noted_range(card)
    with (progress or NullProgress()).task("forming fit", float(len(regimes) + (2 if span else 0))) as task:
        radius, radius_variance, sensitivity, radii = (
            card.filament.radius_m,
            0.0,
            math.nan,
            (math.nan, math.nan),
        )
        if "formed" in regimes:
            radius, slope_r, slope_s = solve_radius(solver, card, regimes["formed"], pristine)
            radius_variance = (_relative(regimes["formed"]) / slope_r) ** 2
            sensitivity = -slope_s / slope_r
            task.advance(note=f"radius {radius * 1e9:.3f} nm")
            radii = _radii(
                solver, card, regimes["formed"], span, task, lambda x: radius * (x / pristine) ** sensitivity
            )
        sigma, covariance = math.nan, np.array([[radius_variance, math.nan], [math.nan, math.nan]])
        if "after" in regimes:
            sigma, slope_r, slope_s = solve_sigma(solver, radius, regimes["after"], pristine)
            ratio = slope_r / slope_s
            variance = (_relative(regimes["after"]) / slope_s) ** 2 + ratio**2 * radius_variance
            covariance = np.array(
                [[radius_variance, -ratio * radius_variance], [-ratio * radius_variance, variance]]
            )
            task.advance(note=f"sigma_CMO {sigma:.4g} S/m")
    return FormingFit(
        parameters=_parameters(card, regimes, radius, sigma, covariance),
        covariance=covariance,
        regimes=tuple(regimes.values()),
        pristine_conductivity_S_per_m=float(pristine),
        radius_sensitivity=float(sensitivity),
        pristine_range_S_per_m=tuple(span or (math.nan, math.nan)),
        radius_range_m=radii,
        uniform_density_m3=_uniform_density(card, sigma),
        warnings=tuple(_warnings(card, regimes, radius)),
        status=Status.CONVERGED,
        provenance=Provenance.create(
            "transport.fit_forming",
            card=card,
            inputs=dict(inputs or curve_inputs(list(curves))),
            notes=(*notes, *synthetic_notes(curves)),
        ),
    )


def _roles(curves: Sequence[IVCurve]) -> dict[str, IVCurve]:
    if not curves:
        raise InputError(
            "There is no curve to fit; give the curve after forming, after the negative sweep, or both."
        )
    chosen: dict[str, IVCurve] = {}
    for curve in curves:
        word = curve.label.strip().lower()
        role = next((role for role, heads in ROLES.items() if word.startswith(heads)), None)
        if role is None and len(curves) == 1:
            role = "formed"
        if role is None:
            raise InputError(
                f"The label '{curve.label}' says neither formed nor after; begin the labels of the two curves "
                "with these words."
            )
        if role in chosen:
            raise InputError(f"Two curves are labelled {role}; keep one curve for each step.")
        chosen[role] = curve
    return {role: chosen[role] for role in ROLES if role in chosen}


def _pristine(card: DeviceCard) -> float:
    material = card.material(card.layer("cmo").material)
    if material.low_field_conductivity_S_per_m is None:
        raise InputError(
            f"Card {card.name} has no materials.{material.name}.low_field_conductivity, the CMO as deposited; "
            "add it or give --cmo-conductivity."
        )
    return material.low_field_conductivity_S_per_m


def _noted_range(card: DeviceCard) -> tuple[float, float] | None:
    """The range that the card's note gives, such as "literature 1e3 to 10e3 S/m"."""
    key = f"materials.{card.layer('cmo').material}.low_field_conductivity"
    found = _RANGE.search(card.sources[key].note) if key in card.sources else None
    if found is None or not (is_number(found[1]) and is_number(found[2])):
        return None
    low, high = (parse_number(text, f"{key}: note") for text in found.groups())
    return (low, high) if 0 < low < high else None


def _relative(regime: LinearRegime) -> float:
    return regime.conductance_error_S / regime.conductance_S


def _radii(solver, card, regime, span, task, guess) -> tuple[float, float]:
    """Radius at the ends of the range of the pristine conductivity; NaN where none fits."""
    if span is None:
        return math.nan, math.nan
    radii = []
    for value in span:
        try:
            radii.append(float(solve_radius(solver, card, regime, value, start_m=guess(value))[0]))
        except InputError:
            radii.append(math.nan)
        task.advance(note=f"range of the pristine CMO, {value:.3g} S/m")
    return radii[0], radii[1]


def _parameters(card, regimes, radius, sigma, covariance) -> tuple[FittedParameter, FittedParameter]:
    errors = np.sqrt(np.diag(covariance)) * np.array([radius, sigma])
    first = FittedParameter("radius", float(radius), float(errors[0]), "m")
    if "formed" not in regimes:
        note = card.sources["filament.radius"]
        held = f"radius of card {card.name}; no formed curve was given"
        first = FittedParameter("radius", radius, 0.0, "m", True, False, note.source, note.confidence, held)
    second = FittedParameter("sigma_CMO", float(sigma), float(errors[1]), "S/m")
    if "after" not in regimes:
        missing = "no curve after the negative sweep was given"
        second = FittedParameter("sigma_CMO", math.nan, math.nan, "S/m", True, False, "", "E", missing)
    return first, second


def _uniform_density(card: DeviceCard, sigma: float) -> float:
    """Density at which the card's hopping law has sigma at low field; NaN where it never does."""
    from scipy.optimize import brentq

    law = card.hopping

    def excess(log_density: float) -> float:
        density = math.exp(log_density)
        value = low_field_conductivity(
            card.ambient_K,
            density + law.background_density_m3,
            law.distance_m(density),
            law.barrier_J(density),
            attempt_Hz=law.attempt_frequency_Hz,
        )
        return math.log(value / sigma)

    low, high = math.log(1e18), math.log(card.ionic.density_max_m3)
    if not sigma > 0 or excess(low) * excess(high) > 0:
        return math.nan
    return math.exp(brentq(excess, low, high, xtol=1e-12))


def _warnings(card: DeviceCard, regimes: Mapping[str, LinearRegime], radius: float) -> list[str]:
    sentences = []
    for role, regime in regimes.items():
        if regime.curvature_error > NOISY_CURVATURE:
            sentences.append(
                f"{role}: the noise hides any curvature below {regime.curvature_error * 100:.0f} %; average more "
                "points to be sure that the regime is linear."
            )
        if not regime.automatic and abs(regime.curvature) > max(2.5 * regime.curvature_error, 0.01):
            sentences.append(
                f"{role}: I/V changes by {regime.curvature * 100:.1f} % over the given window, which is not linear; "
                "narrow the window."
            )
    if "formed" in regimes and not radius < card.dome.radius_m:
        sentences.append(
            f"The radius of {radius * 1e9:.3g} nm is not below the card's dome radius ({card.dome.radius_m * 1e9:g} nm); "
            "a card with it needs a larger dome.radius."
        )
    return sentences
