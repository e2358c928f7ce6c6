"""The cell as a 0-D law with four constants, distilled from its table.

`I = A J_MG(F, T, N)` with `F = (V - I R_s)/L`, `T = T_amb + R_th V I`, and the hopping parameters of the card at the
dome density N. The form is IBM's compact model (Galetta et al., Adv. Electron. Mater. 2025, e00373); there N is a
0-D number, here the local density of the dome, so that the constants are not expected to coincide.
"""

import math
from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import least_squares

from femristor.compact.results.table import ClosedForm, CompactTable
from femristor.core.errors import ConvergenceError
from femristor.device.card import DeviceCard, HoppingLaw
from femristor.device.laws.mott_gurney import conductivity
from femristor.device.laws.vacancy import hop_rate

PARAMETERS = ("area_m2", "length_m", "series_ohm", "thermal_K_per_W")
PUBLISHED_LENGTH_M = 12e-9
PUBLISHED_SERIES_OHM = 223.22
PUBLISHED_THERMAL_K_PER_W = 1.4e6
PUBLISHED_AREA_FACTOR = 1.44
"""Area in units of the filament's, IBM compact model (parameter set of Clerico et al., 2026)."""
PUBLISHED_RADIUS_M = 11e-9
"""Filament of the published cell, to which length, series and thermal resistance belong."""


def published_form(card: DeviceCard) -> ClosedForm:
    """IBM's constants for a filament of the card's radius: 1.44 pi r^2, 12 nm, 223.22 ohm, 1.4e6 K/W.

    Args:
        card: device card.

    Returns:
        ClosedForm without a fit.
    """
    area = PUBLISHED_AREA_FACTOR * math.pi * card.filament.radius_m**2
    origin = "IBM compact model; Galetta et al., Adv. Electron. Mater. 2025, e00373; Clerico et al. 2026"
    return ClosedForm(
        area,
        PUBLISHED_LENGTH_M,
        PUBLISHED_SERIES_OHM,
        PUBLISHED_THERMAL_K_PER_W,
        {},
        0.0,
        0.0,
        0.0,
        0,
        origin,
    )


def is_published_cell(card: DeviceCard) -> bool:
    """Whether a card has the filament of the published cell, so that the published constants are its own."""
    return math.isclose(card.filament.radius_m, PUBLISHED_RADIUS_M, rel_tol=1e-6)


def borrowed(card: DeviceCard) -> str:
    """Sentence on constants of the published law that another cell borrows; empty for the published cell.

    Args:
        card: device card.

    Returns:
        Sentence.
    """
    if is_published_cell(card):
        return ""
    return (
        f"the published law at card {card.name}: its area is scaled to this filament (r = {card.filament.radius_m * 1e9:g} nm), but "
        f"length {PUBLISHED_LENGTH_M * 1e9:g} nm, {PUBLISHED_SERIES_OHM:g} ohm and {PUBLISHED_THERMAL_K_PER_W * 1e-6:g} K/uW belong to "
        f"the published cell (r = {PUBLISHED_RADIUS_M * 1e9:g} nm); a table of this card (femristor compact build) has its own."
    )


def closed_current(form: ClosedForm, hopping: HoppingLaw, bias_V, density_m3, *, ambient_K) -> np.ndarray:
    """Current of the 0-D law (bisection in ln I; the smallest current where heating allows several).

    Args:
        form: the four constants.
        hopping: hopping parameters as functions of N.
        bias_V: (...) voltages above 0.
        density_m3: (...) densities.
        ambient_K: (...) ambients.

    Returns:
        (...) currents [A].
    """
    volt, density, ambient = np.broadcast_arrays(
        *(np.asarray(x, float) for x in (bias_V, density_m3, ambient_K))
    )
    distance = np.maximum(hopping.distance_min_m, hopping.distance_0_m - hopping.distance_slope_m4 * density)
    barrier = np.maximum(0.0, hopping.barrier_0_J - hopping.barrier_slope_J_m3 * density)

    def excess(current: np.ndarray) -> np.ndarray:
        """Logarithm of the current that a trial current's field and heat give, minus its own."""
        field = np.maximum(volt - current * form.series_ohm, 1e-12 * volt) / form.length_m
        temperature = ambient + form.thermal_K_per_W * volt * current
        sigma = conductivity(
            field, temperature, density, distance, barrier, attempt_Hz=hopping.attempt_frequency_Hz
        )
        return np.log(form.area_m2 * sigma * field / current)

    low = np.log(_cold_current(form, hopping, volt, density, distance, barrier, ambient)) - 3.0
    step, high = 0.5, low.copy()
    highest = np.log(volt / max(form.series_ohm, 1e-3))
    for _ in range(120):
        rising = (excess(np.exp(np.minimum(high, highest))) > 0) & (high < highest)
        if not rising.any():
            break
        low = np.where(rising, high, low)
        high = np.where(rising, np.minimum(high + step, highest), high)
    for _ in range(50):
        middle = 0.5 * (low + high)
        above = excess(np.exp(middle)) > 0
        low, high = np.where(above, middle, low), np.where(above, high, middle)
    return np.exp(0.5 * (low + high))


def _cold_current(form, hopping, volt, density, distance, barrier, ambient) -> np.ndarray:
    """A current below the solution: no heating, and ohmic with the low-field conductivity behind R_s."""
    field = 1e-6 * volt / form.length_m
    sigma = conductivity(field, ambient, density, distance, barrier, attempt_Hz=hopping.attempt_frequency_Hz)
    return volt / (form.length_m / (sigma * form.area_m2) + form.series_ohm)


@dataclass(frozen=True)
class ClosedFormSampler:
    """A sampler (see `sample.Sampler`) that answers from the closed form instead of field solutions.

    Attributes:
        card: device card, for its laws.
        form: the four constants.
    """

    card: DeviceCard
    form: ClosedForm

    @property
    def settings(self) -> dict[str, float | str]:
        """What tells this sampler from others in a cache."""
        return {"model": "closed form", **{name: getattr(self.form, name) for name in PARAMETERS}}

    def __call__(self, bias_V, density_m3: float, ambient_K: float) -> "ClosedSweep":
        """Currents, temperature, field and hop rates along biases above 0."""
        volt = np.asarray(bias_V, dtype=float)
        current = closed_current(self.form, self.card.hopping, volt, density_m3, ambient_K=ambient_K)
        temperature = ambient_K + self.form.thermal_K_per_W * volt * current
        field = (volt - current * self.form.series_ohm) / self.form.length_m
        law = self.card.ionic
        rates = [
            hop_rate(
                field,
                temperature,
                barrier,
                attempt_Hz=law.attempt_frequency_Hz,
                distance_m=law.hop_distance_m,
                charge_number=law.charge_number,
            )
            for barrier in (law.set_barrier_J(density_m3), law.barrier_reset_J)
        ]
        return ClosedSweep(current, temperature, temperature, field, *rates)


@dataclass(frozen=True)
class ClosedSweep:
    """Answer of `ClosedFormSampler`, (bias,) each, named as in a field solution."""

    current_A: np.ndarray
    dome_temperature_mean_K: np.ndarray
    dome_temperature_max_K: np.ndarray
    dome_field_mean_V_per_m: np.ndarray
    hop_rate_set_per_s: np.ndarray
    hop_rate_reset_per_s: np.ndarray


def fit_closed_form(table: CompactTable, card: DeviceCard) -> ClosedForm:
    """Fit the four constants to current and heating of a table, least squares in logarithms.

    Args:
        table: the sampled cell.
        card: its card (hopping parameters, first guess).

    Returns:
        ClosedForm with residuals and standard errors.

    Raises:
        ConvergenceError: the fit does not settle.
    """
    ambient, density, bias = np.meshgrid(table.ambient_K, table.density_m3, table.bias_V, indexing="ij")
    ln_current = np.log(table.current_A)
    heating = table.temperature_mean_K - ambient
    # Below 0.1 K the solver's own error shows in ln(T - T_amb).
    warm = heating > 0.1

    def form_of(x: np.ndarray) -> ClosedForm:
        return replace(published_form(card), **dict(zip(PARAMETERS, np.exp(x).tolist(), strict=True)))

    def residual(x: np.ndarray) -> np.ndarray:
        form = form_of(x)
        current = closed_current(form, card.hopping, bias, density, ambient_K=ambient)
        warmth = np.log(form.thermal_K_per_W * bias * current)[warm] - np.log(heating[warm])
        return np.concatenate([(np.log(current) - ln_current).ravel(), warmth])

    start = np.log([getattr(published_form(card), name) for name in PARAMETERS])
    run = least_squares(residual, start, x_scale=0.3, xtol=1e-10, ftol=1e-10, diff_step=1e-5, max_nfev=200)
    if not run.success:
        raise ConvergenceError(
            f"The closed form does not settle on the table of {table.card_name}: {run.message} "
            "Narrow the range of the card."
        )
    electric = run.fun[: ln_current.size]
    spread = np.sqrt(2 * run.cost / (run.fun.size - len(PARAMETERS)))
    errors = spread * np.sqrt(np.diag(np.linalg.pinv(run.jac.T @ run.jac)))
    return replace(
        form_of(run.x),
        standard_error={name: float(value) for name, value in zip(PARAMETERS, errors, strict=True)},
        rms_ln_current=float(np.sqrt(np.mean(electric**2))),
        max_ln_current=float(np.max(np.abs(electric))),
        rms_ln_heating=float(np.sqrt(np.mean(run.fun[ln_current.size :] ** 2))) if warm.any() else 0.0,
        points=ln_current.size,
        origin=f"fitted to the table of {table.card_name} sampled from {table.model}",
    )
