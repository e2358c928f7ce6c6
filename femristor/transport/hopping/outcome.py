"""From the optimum of a hopping fit to its result: errors, fitted curves, and what the data cannot tell."""

from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np

from femristor.device.card import DeviceCard
from femristor.transport.estimates import estimate, follows_pattern, held_sensitivity, separation_warnings
from femristor.transport.hopping.data import PreparedCurve, truncation
from femristor.transport.hopping.model import Evaluation, HoppingModel
from femristor.transport.hopping.parameters import KINDS, Slot
from femristor.transport.hopping.warnings import range_warnings
from femristor.transport.result import FittedCurve, FittedParameter, StateFit

AMBIENT_STEP_K = 1.0
TRUNCATION_LIMIT = 1e-4
BOUND_GAP = 1e-3
NEGLIGIBLE_RMS = 1e-3
MISSED_RMS = 0.05
"""Misfit of ln I beyond which a fit is said to miss its curve: ten times that of the reference curves."""


def count_ambients(ready: Sequence[PreparedCurve]) -> int:
    """Number of ambient temperatures that differ by more than 1 K."""
    temperatures = sorted(item.curve.ambient_K for item in ready)
    return 1 + sum(b - a > AMBIENT_STEP_K for a, b in pairwise(temperatures))


def rms(residual: np.ndarray) -> float:
    """Root of the mean square."""
    return float(np.sqrt(np.mean(residual**2)))


def state_fit(
    model: HoppingModel,
    ready: Sequence[PreparedCurve],
    theta: np.ndarray,
    *,
    sigma: float | None,
    card_key: str,
    start: str,
    card: DeviceCard,
    told: Sequence[str] = (),
) -> StateFit:
    """Assemble the result of one state.

    Args:
        model: the fitted model.
        ready: its curves.
        theta: (free,) coordinates of the optimum.
        sigma: standard deviation of ln I, or None.
        card_key: state of a card to write to.
        start: state that the fit started from.
        card: the device card.
        told: warnings from before the search.

    Returns:
        StateFit.
    """
    theta, at_bound = _snapped(model, theta)
    found = model.evaluate(theta)
    names = tuple(slot.name for slot in model.free)
    free = model.free_columns()
    result = estimate(found.residual, found.jacobian[:, free], at_bound, sigma)
    values = model.values(theta)
    scale = model.slopes(theta)
    covariance = result.covariance * np.outer(scale, scale)
    moved = held_sensitivity(found.jacobian, free, ~at_bound)
    # from coordinates to relative changes of the numbers themselves
    numbers = np.array([values.get(slot.name, slot.value) for slot in model.slots])
    with np.errstate(divide="ignore", invalid="ignore"):
        relative = np.array([slot.slope(value) for slot, value in zip(model.slots, numbers, strict=True)])
        relative = relative / numbers
        moved = moved * relative[free][:, None] / relative[None, :]
    errors = np.sqrt(np.diag(covariance)) / np.maximum([values[name] for name in names], 1e-300)
    curves = _fitted_curves(ready, found)
    label = curves[0].label
    warnings = [
        *_bound_warnings(model.free, at_bound, values, label),
        *told,
        *range_warnings(values, card, label),
        *separation_warnings(names, result, errors, label=label, ambients=count_ambients(ready)),
        *_curve_warnings(ready, found, curves, sigma),
    ]
    return StateFit(
        label=label,
        card_key=card_key,
        start=start,
        parameters=tuple(_parameter(slot, values, names, covariance, at_bound) for slot in model.slots),
        free=names,
        covariance=covariance,
        correlation=result.correlation,
        condition_number=result.condition,
        held_sensitivity={
            f"{name}/{slot.name}": float(moved[i, j])
            for i, name in enumerate(names)
            for j, slot in enumerate(model.slots)
            if not slot.free
        },
        curves=curves,
        rms_ln=rms(found.residual),
        reduced_chi2=result.reduced_chi2,
        evaluations=model.evaluations,
        warnings=tuple(warnings),
    )


def _snapped(model: HoppingModel, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Put parameters that a bound or range holds back exactly on it: near it, and the misfit pulls outwards."""
    found = model.evaluate(theta)
    gradient = found.jacobian[:, model.free_columns()].T @ found.residual
    low = np.array([slot.coordinate(slot.low) for slot in model.free])
    high = np.array([slot.coordinate(slot.high) for slot in model.free])
    at_low = (theta - low < BOUND_GAP) & (gradient > 0)
    at_high = (high - theta < BOUND_GAP) & (gradient < 0)
    return np.where(at_low, low, np.where(at_high, high, theta)), at_low | at_high


def _parameter(
    slot: Slot,
    values: Mapping[str, float],
    names: tuple[str, ...],
    covariance: np.ndarray,
    at_bound: np.ndarray,
) -> FittedParameter:
    unit = KINDS[slot.name].unit
    if slot.line is not None and slot.line.parent in names:
        parent = names.index(slot.line.parent)
        error = abs(slot.line.slope(values[slot.line.parent])) * float(np.sqrt(covariance[parent, parent]))
        return FittedParameter(
            slot.name, values[slot.name], error, unit, True, False, slot.source, slot.confidence, slot.note
        )
    if not slot.free:
        return FittedParameter(
            slot.name, slot.value, 0.0, unit, True, False, slot.source, slot.confidence, slot.note
        )
    index = names.index(slot.name)
    value = values[slot.name]
    error = float(np.sqrt(covariance[index, index]))
    return FittedParameter(slot.name, value, error, unit, False, bool(at_bound[index]))


def _fitted_curves(ready: Sequence[PreparedCurve], found: Evaluation) -> tuple[FittedCurve, ...]:
    edges = np.cumsum([item.curve.voltage_V.size for item in ready])[:-1]
    residuals = np.split(found.residual, edges)
    models = np.split(found.log_model, edges)
    curves = []
    for item, residual, model, fields in zip(ready, residuals, models, found.fields, strict=True):
        curve = item.curve
        curves.append(
            FittedCurve(
                curve.label,
                float(curve.ambient_K),
                curve.voltage_V,
                curve.current_A,
                np.sign(curve.voltage_V) * np.exp(model),
                residual,
                item.bias_V,
                np.asarray(fields.current_A, dtype=float),
                np.asarray(fields.dome_temperature_mean_K, dtype=float),
                np.asarray(fields.dome_temperature_max_K, dtype=float),
                np.asarray(fields.dome_field_mean_V_per_m, dtype=float),
                np.asarray(fields.dome_field_max_V_per_m, dtype=float),
                curve.origin,
            )
        )
    return tuple(curves)


def _bound_warnings(
    free: Sequence[Slot], at_bound: np.ndarray, values: Mapping[str, float], label: str
) -> list[str]:
    sentences = []
    for slot, held in zip(free, at_bound, strict=True):
        value, unit = values[slot.name], KINDS[slot.name].unit
        if held:
            sentences.append(
                f"{label}: {slot.name} stopped at its bound {value:g} {unit} and has no standard error; "
                f"{'widen the bound' if slot.bounded else 'the curves do not determine it, so add some at another ambient temperature'}"
                " or fix the parameter."
            )
    return sentences


def _curve_warnings(
    ready: Sequence[PreparedCurve], found: Evaluation, curves: Sequence[FittedCurve], sigma: float | None
) -> list[str]:
    sentences = []
    for item, curve, ratio in zip(ready, curves, found.log_ratio, strict=True):
        place = f"{curve.label} at {curve.ambient_K:g} K"
        if item.chebyshev and (error := truncation(ratio)) > TRUNCATION_LIMIT:
            sentences.append(
                f"{place}: ln I between the field solutions is interpolated with an error of about {error:.1g}; "
                "raise the number of bias points."
            )
        if curve.rms_ln > max(3 * (sigma or 0.0), MISSED_RMS):
            sentences.append(
                f"{place}: the fit misses the curve by an rms of ln I of {curve.rms_ln * 100:.2g} %; its numbers do not describe "
                "this cell: check the card's stack and the units, or fit a_e too (--no-lines)."
            )
        pattern = follows_pattern(curve.residual_ln[np.argsort(curve.voltage_V)])
        if pattern and curve.rms_ln > max(sigma or 0.0, NEGLIGIBLE_RMS):
            sentences.append(
                f"{place}: residuals follow the voltage (lag-1 correlation {pattern:.2f}, rms {curve.rms_ln:.2g}): "
                "the misfit is the model's, not noise, so standard errors are only indicative."
            )
    return sentences
