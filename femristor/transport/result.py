"""What the room hands on: fitted parameters with errors, and the card entries that they become."""

import hashlib
import math
from dataclasses import dataclass

import numpy as np

from femristor.core.curves import IVCurve
from femristor.core.errors import InputError
from femristor.core.provenance import Provenance, Status
from femristor.core.store import storable

CARD_FIELDS = {
    "N": "dome_density",
    "a_e": "dome_distance",
    "dE": "dome_barrier",
    "N_s": "surround_density",
    "a_s": "surround_distance",
    "dE_s": "surround_barrier",
}
"""Parameter of a hopping fit to its key in [states.LABEL] of a card."""
SURROUND = ("N_s", "a_s", "dE_s")
"""The parameters of the CMO around the dome; the others are the dome's."""


@storable("FittedParameter", version=1, undefined=("value", "standard_error"))
@dataclass(frozen=True)
class FittedParameter:
    """A number that a fit returned or held.

    Attributes:
        name: "radius", "sigma_CMO", or one of CARD_FIELDS.
        value: in `unit`; NaN where the curves given do not hold it.
        standard_error: one sigma in `unit`; 0 where it was held, NaN where it cannot be given.
        unit: "m", "S/m", "1/m^3" or "eV".
        fixed: it was held, or follows a line in a fitted density (with that one's error).
        at_bound: the fit stopped at a bound.
        source: card source of a held number, "" for a fitted one.
        confidence: letter of the card; F is fitted.
        note: why it was held, or other remarks.
    """

    name: str
    value: float
    standard_error: float
    unit: str
    fixed: bool = False
    at_bound: bool = False
    source: str = ""
    confidence: str = "F"
    note: str = ""

    @property
    def relative_error(self) -> float:
        """standard_error / value."""
        return self.standard_error / abs(self.value) if self.value else math.nan

    def card_entry(self, source: str) -> dict[str, str]:
        """The entry of a card.

        Args:
            source: bibliography key of the fit.

        Returns:
            {"value", "source", "confidence", "note"}.
        """
        if self.fixed:
            held = self.note or "held during the fit"
            entry = {"source": self.source or source, "confidence": self.confidence, "note": held}
        else:
            error = "unknown" if math.isnan(self.standard_error) else f"{self.relative_error * 100:.2g} %"
            bound = ", at its bound" if self.at_bound else ""
            entry = {"source": source, "confidence": "F", "note": f"standard error {error}{bound}"}
        return {"value": f"{self.value:.9g} {self.unit}", **entry}


@storable("LinearRegime", version=1)
@dataclass(frozen=True)
class LinearRegime:
    """The low-voltage part of a curve in which I = G V.

    Attributes:
        curve: the whole measured curve.
        used: (points,) whether a point entered the regression.
        window_V: lowest and highest |V| used.
        conductance_S: slope.
        conductance_error_S: its standard error.
        curvature: relative change of I/V over the window by the quadratic term.
        curvature_error: its standard error.
        automatic: the window was found, not given.
    """

    curve: IVCurve
    used: np.ndarray
    window_V: tuple[float, float]
    conductance_S: float
    conductance_error_S: float
    curvature: float
    curvature_error: float
    automatic: bool


@storable(
    "FormingFit",
    version=1,
    undefined=(
        "covariance",
        "pristine_conductivity_S_per_m",
        "radius_sensitivity",
        "pristine_range_S_per_m",
        "radius_range_m",
        "uniform_density_m3",
    ),
)
@dataclass(frozen=True)
class FormingFit:
    """Filament radius and conductivity of the CMO from the linear regimes around forming.

    Attributes:
        parameters: "radius" and "sigma_CMO"; each fitted, or held where its curve was not given.
        covariance: (2, 2) of (ln radius, ln sigma_CMO); NaN where one is not known.
        regimes: linear regime of each curve used, in the order formed, after the negative sweep.
        pristine_conductivity_S_per_m: CMO as deposited, taken for the formed curve; NaN without one.
        radius_sensitivity: d ln r / d ln sigma of the pristine CMO (a systematic, no random error); NaN where the radius
            is held.
        pristine_range_S_per_m: range of that conductivity, or (NaN, NaN).
        radius_range_m: radius at the ends of that range, in the same order; NaN where there is none.
        uniform_density_m3: density at which the hopping law has sigma_CMO at low field; NaN without.
        warnings: sentences for the reader.
        status: CONVERGED.
        provenance: inputs, card, versions.
    """

    parameters: tuple[FittedParameter, ...]
    covariance: np.ndarray
    regimes: tuple[LinearRegime, ...]
    pristine_conductivity_S_per_m: float
    radius_sensitivity: float
    pristine_range_S_per_m: tuple[float, float]
    radius_range_m: tuple[float, float]
    uniform_density_m3: float
    warnings: tuple[str, ...]
    status: Status
    provenance: Provenance

    def parameter(self, name: str) -> FittedParameter:
        """The parameter of a name."""
        return _named(self.parameters, name)

    @property
    def source_key(self) -> str:
        """Key of this fit in [sources] of a card."""
        return _source_key(self.provenance)

    def changes(self) -> dict[str, dict | str]:
        """Card entries of the fitted numbers, for `femristor.device.card.io.replaced_card_text`.

        sigma_CMO becomes a state `after_forming`, uniform, at the density where the hopping law has it.

        Returns:
            Dotted key to entry.
        """
        key = self.source_key
        found: dict[str, dict | str] = {f"sources.{key}": _citation("forming", self.provenance)}
        radius, sigma = self.parameter("radius"), self.parameter("sigma_CMO")
        if not radius.fixed:
            found["filament.radius"] = radius.card_entry(key)
        if not sigma.fixed and not math.isnan(self.uniform_density_m3):
            note = f"uniform CMO with sigma = {sigma.value:.5g} S/m at low field after the negative sweep"
            entry = {
                "value": f"{self.uniform_density_m3:.9g} 1/m^3",
                "source": key,
                "confidence": "F",
                "note": note,
            }
            found["states.after_forming.dome_density"] = entry
            found["states.after_forming.surround_density"] = dict(entry)
        return found


@storable("FittedCurve", version=1)
@dataclass(frozen=True)
class FittedCurve:
    """A measured curve, its fit and the fields behind it.

    Attributes:
        label: state.
        ambient_K: temperature of the surroundings.
        voltage_V: (points,) those that entered the fit.
        measured_A: (points,).
        fitted_A: (points,).
        residual_ln: (points,) ln I measured minus ln I fitted.
        bias_V: (bias,) where the field solver was asked.
        model_A: (bias,) its current.
        dome_temperature_mean_K: (bias,).
        dome_temperature_max_K: (bias,).
        dome_field_mean_V_per_m: (bias,).
        dome_field_max_V_per_m: (bias,).
        origin: file or solver of the measured curve.
    """

    label: str
    ambient_K: float
    voltage_V: np.ndarray
    measured_A: np.ndarray
    fitted_A: np.ndarray
    residual_ln: np.ndarray
    bias_V: np.ndarray
    model_A: np.ndarray
    dome_temperature_mean_K: np.ndarray
    dome_temperature_max_K: np.ndarray
    dome_field_mean_V_per_m: np.ndarray
    dome_field_max_V_per_m: np.ndarray
    origin: str = ""

    @property
    def rms_ln(self) -> float:
        """Root-mean-square residual of ln I."""
        return float(np.sqrt(np.mean(self.residual_ln**2)))


@storable("StateFit", version=1, undefined=("covariance", "correlation", "reduced_chi2"))
@dataclass(frozen=True)
class StateFit:
    """Hopping parameters of one state from its curves.

    Attributes:
        label: label of the curves.
        card_key: state of a card that the numbers are written to.
        start: state of the card that the fit started from.
        parameters: N, a_e, dE of the dome and N_s, a_s, dE_s around it, fitted or held.
        free: names of the fitted ones, the axis of the matrices.
        covariance: (free, free) in the units of the parameters; NaN where the curves do not tell a parameter.
        correlation: (free, free); NaN there too.
        condition_number: of the Jacobian in logarithms with unit columns.
        held_sensitivity: "fitted/held" to d ln fitted / d ln held, the systematic of a held number.
        curves: fitted curves, one an ambient temperature.
        rms_ln: root-mean-square residual of ln I over all curves.
        reduced_chi2: weighted sum of squares over degrees of freedom; NaN where sigma is unknown.
        evaluations: number of calls of the field solver.
        warnings: what the data cannot tell, in sentences.
    """

    label: str
    card_key: str
    start: str
    parameters: tuple[FittedParameter, ...]
    free: tuple[str, ...]
    covariance: np.ndarray
    correlation: np.ndarray
    condition_number: float
    held_sensitivity: dict[str, float]
    curves: tuple[FittedCurve, ...]
    rms_ln: float
    reduced_chi2: float
    evaluations: int
    warnings: tuple[str, ...] = ()

    def parameter(self, name: str) -> FittedParameter:
        """The parameter of a name."""
        return _named(self.parameters, name)

    @property
    def bounds_hit(self) -> tuple[str, ...]:
        """Names of the parameters that stopped at a bound."""
        return tuple(entry.name for entry in self.parameters if entry.at_bound)


@storable("HoppingFit", version=1, undefined=("relative_sigma",))
@dataclass(frozen=True)
class HoppingFit:
    """Hopping parameters of one or several states.

    Attributes:
        states: one StateFit a label.
        window_V: lowest and highest |V| used.
        relative_sigma: standard deviation of ln I that weights the residuals; NaN where it is unknown
            and the covariance is scaled by the scatter.
        warnings: sentences for the reader.
        status: CONVERGED.
        provenance: inputs, card, versions.
    """

    states: tuple[StateFit, ...]
    window_V: tuple[float, float]
    relative_sigma: float
    warnings: tuple[str, ...]
    status: Status
    provenance: Provenance

    def state(self, label: str) -> StateFit:
        """The fit of a label.

        Raises:
            InputError: no curve had it.
        """
        for entry in self.states:
            if entry.label == label:
                return entry
        known = ", ".join(entry.label for entry in self.states)
        raise InputError(f"The fit has no state '{label}'; it has {known}.")

    @property
    def source_key(self) -> str:
        """Key of this fit in [sources] of a card."""
        return _source_key(self.provenance)

    def changes(self) -> dict[str, dict | str]:
        """Card entries of all states, for `femristor.device.card.io.replaced_card_text`.

        Held numbers are written too (with their own source), so that the card gives the fitted current.

        Returns:
            Dotted key to entry.
        """
        key = self.source_key
        labels = tuple(state.label for state in self.states)
        found: dict[str, dict | str] = {f"sources.{key}": _citation("hopping", self.provenance, labels)}
        for state in self.states:
            # a new state needs its surroundings; in an old one they stand already unless they were fitted
            moved = state.card_key != state.start or bool(set(state.free) & set(SURROUND))
            for parameter in state.parameters:
                if moved or parameter.name not in SURROUND:
                    place = f"states.{state.card_key}.{CARD_FIELDS[parameter.name]}"
                    found[place] = parameter.card_entry(key)
        return found


def _named(parameters: tuple[FittedParameter, ...], name: str) -> FittedParameter:
    for entry in parameters:
        if entry.name == name:
            return entry
    known = ", ".join(entry.name for entry in parameters)
    raise InputError(f"The fit has no parameter '{name}'; it has {known}.")


def _input_hash(provenance: Provenance) -> str:
    text = ";".join(f"{name}={value}" for name, value in sorted(provenance.inputs.items()))
    notes = ";".join(provenance.notes)
    return hashlib.sha256(f"{provenance.card_hash};{text};{notes}".encode()).hexdigest()


def _source_key(provenance: Provenance) -> str:
    return f"F_{_input_hash(provenance)[:8]}"


def _citation(kind: str, provenance: Provenance, labels: tuple[str, ...] = ()) -> str:
    """Bibliography entry; notes on single states stay out, their numbers carry them."""
    inputs = ", ".join(f"{name} (sha256 {value[:16]})" for name, value in provenance.inputs.items())
    version = provenance.versions.get("femristor", "")
    heads = tuple(f"{label}: " for label in labels)
    notes = " ".join(note for note in provenance.notes if not (heads and note.startswith(heads)))
    text = f"femristor {version} fit {kind} of {inputs}, card {provenance.card_hash}, {provenance.created}"
    return f"{text}; {notes}" if notes else text
