"""Ionic parameters of IBM's law from a pulse train: conductance after each pulse, amplitudes and load known.

Least squares of ln G along the whole train (the state runs free from its start, which is fitted too), so that noise of
single reads does not enter the law. A train of one pair of amplitudes tells little more than one rate in each direction
and how they change with the state: the attempt frequency multiplies rates that exp(-E/kT) multiplies too, at
temperatures within about 25 %, so it is held by default (an error of a factor 2 moves the barriers by kT ln 2, 40 to
50 meV); so is the hop distance, which enters rates as a/L and through sinh(z e a E/2kT).
Standard errors are widened by the correlation of neighbouring residuals.
"""

import math
from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import least_squares

from femristor.compact.dynamics.cells import IbmCells
from femristor.compact.dynamics.fleet import pulse_fleet
from femristor.compact.fit.data import PulseData, at_terminals, is_bare, scaled_load
from femristor.compact.ibm import IbmModel
from femristor.compact.results.stochastic import PulseFit
from femristor.core.constants import EV
from femristor.core.errors import ConvergenceError, InputError, RangeError
from femristor.core.messages import NullProgress
from femristor.core.provenance import Provenance
from femristor.device.load_line import Load
from femristor.device.pulse_scheme import PulseScheme

PARAMETERS = {
    "barrier_set": "eV",
    "barrier_set_slope": "eV m^3",
    "barrier_reset": "eV",
    "attempt_frequency": "Hz",
    "hop_distance": "m",
    "load": "1",
}
"""Name to unit: E_0 and slope of the set barrier, barrier of reset, nu_i, a, factor of the load's current."""
DEFAULT_FREE = ("barrier_set", "barrier_set_slope", "barrier_reset")
START = "start"
"""Always fitted: ln of the state at the first read."""
DENSITY_UNIT_M3 = 1e25
"""The slope is fitted in eV per this density."""
STEPS = {
    "barrier_set": 5e-4,
    "barrier_set_slope": 3e-4,
    "barrier_reset": 5e-4,
    "attempt_frequency": 1e-2,
    "hop_distance": 2e-3,
    "load": 2e-3,
    START: 2e-3,
}
"""Differences with which the Jacobian is taken; logarithms from the fourth on."""
BOUNDS = {
    "barrier_set": (0.2, 2.5),
    "barrier_set_slope": (-0.5, 1.5),
    "barrier_reset": (0.2, 2.5),
    "attempt_frequency": (math.log(1e9), math.log(1e16)),
    "hop_distance": (math.log(1e-10), math.log(1e-8)),
    "load": (math.log(0.2), math.log(5.0)),
}
CLOSE_PAIR = 0.98
"""Correlation above which two parameters are not told apart."""
MISSED_RMS = 0.2
"""Misfit of ln G beyond which a fit is said to miss its train; the reference trains are met to 1 to 5 %."""
TOLERANCE = 1e-6
"""Of ln N in a step."""
IMPOSSIBLE = 10.0
"""Residual of a trial whose cell leaves the law; the fit steps back from it."""


@dataclass(frozen=True)
class PulseExperiment:
    """How the train was made.

    Attributes:
        model: the law that the fit starts from.
        scheme: amplitudes and times.
        load: in series.
        read_V: applied in a read.
    """

    model: IbmModel
    scheme: PulseScheme
    load: Load
    read_V: float = 0.2


class _Fit:
    """Residuals, Jacobian and bookkeeping of one fit."""

    def __init__(self, data: PulseData, experiment: PulseExperiment, free: tuple[str, ...], progress) -> None:
        self.data, self.experiment, self.free = data, experiment, free
        self.task, self.evaluations, self.failure = progress, 0, ""
        self.ln_measured = np.log(data.conductance_S)
        self.nominal = self._nominal()
        self.last: tuple[np.ndarray, np.ndarray] = np.empty(0), np.empty(0)

    def _nominal(self) -> dict[str, float]:
        law, model = self.experiment.model.ionic, self.experiment.model
        first = self.data.conductance_S[:3].mean()
        return {
            "barrier_set": law.barrier_set_J / EV,
            "barrier_set_slope": law.barrier_set_slope_J_m3 / EV * DENSITY_UNIT_M3,
            "barrier_reset": law.barrier_reset_J / EV,
            "attempt_frequency": math.log(law.attempt_frequency_Hz),
            "hop_distance": math.log(law.hop_distance_m),
            "load": 0.0,
            START: math.log(float(model.density_at(first, self.experiment.read_V))),
        }

    def numbers(self, x) -> dict[str, float]:
        return self.nominal | dict(zip((*self.free, START), map(float, x), strict=True))

    def simulate(self, numbers: dict[str, float]) -> np.ndarray:
        """(pulses,) ln G of the law."""
        experiment, self.evaluations = self.experiment, self.evaluations + 1
        ionic = replace(
            experiment.model.ionic,
            barrier_set_J=numbers["barrier_set"] * EV,
            barrier_set_slope_J_m3=numbers["barrier_set_slope"] / DENSITY_UNIT_M3 * EV,
            barrier_reset_J=numbers["barrier_reset"] * EV,
            attempt_frequency_Hz=math.exp(numbers["attempt_frequency"]),
            hop_distance_m=math.exp(numbers["hop_distance"]),
        )
        base = experiment.model
        model = IbmModel(base.card, base.ambient_K, constants=base.constants, ionic=ionic)
        load = scaled_load(experiment.load, math.exp(numbers["load"]))
        run = pulse_fleet(
            model,
            IbmCells.of(model, 1),
            experiment.scheme,
            self.data.directions[1:],
            load,
            start_density_m3=math.exp(numbers[START]),
            reads=np.arange(self.data.directions.size),
            read_V=experiment.read_V,
            tolerance=TOLERANCE,
        )
        found = run.conductance_S[0].astype(float)
        if self.data.read_at == "terminals":
            found = at_terminals(found, load, experiment.read_V)
        self.task.advance(1)
        if not np.all(found > 0):
            raise ConvergenceError("a read has no current; hold more parameters")
        return np.log(found)

    def residual(self, x) -> np.ndarray:
        if np.array_equal(x, self.last[0]):
            return self.last[1].copy()
        try:
            self.last = np.array(x), self.simulate(self.numbers(x)) - self.ln_measured
            return self.last[1].copy()
        except (RangeError, ConvergenceError) as error:
            self.failure = str(error)
            return np.full(self.ln_measured.size, IMPOSSIBLE)

    def slopes(self, x, names: tuple[str, ...]) -> np.ndarray:
        """(pulses, names) forward differences."""
        here = self.residual(x) + self.ln_measured
        columns = []
        for name in names:
            numbers = self.numbers(x)
            numbers[name] += STEPS[name]
            columns.append((self.simulate(numbers) - here) / STEPS[name])
        return np.stack(columns, axis=1)

    def jacobian(self, x) -> np.ndarray:
        return self.slopes(x, (*self.free, START))


def fit_pulses(
    data: PulseData,
    experiment: PulseExperiment,
    *,
    free: tuple[str, ...] | None = None,
    robust: bool = False,
    progress=None,
) -> PulseFit:
    """Fit ionic parameters to a train.

    Args:
        data: the train.
        experiment: law, amplitudes, load.
        free: names of PARAMETERS to fit, the others are held at the law's; by default the barriers, the slope and,
            where there is one, the load: a transistor is never known to the precision of the train.
        robust: soft-l1 loss at three times the median residual, for outliers of single reads.
        progress: where trains are shown.

    Returns:
        PulseFit.

    Raises:
        InputError: unknown names, or a load to fit where there is none.
        RangeError: the law does not read the first conductances.
        ConvergenceError: the fit does not settle.
    """
    if free is None:
        free = DEFAULT_FREE if is_bare(experiment.load) else (*DEFAULT_FREE, "load")
    _check_free(free, experiment.load)
    with (progress or NullProgress()).task("trains of the fit", None) as task:
        fit = _Fit(data, experiment, tuple(free), task)
        x = np.array([fit.nominal[name] for name in (*free, START)])
        fit.residual(x)
        if fit.failure:
            raise ConvergenceError(
                f"The law to start from fails on {data.origin or 'the train'}: {fit.failure}"
            )
        density = (
            math.log(experiment.model.card.range.density_min_m3),
            math.log(experiment.model.card.range.density_max_m3),
        )
        low, high = np.array([*(BOUNDS[name] for name in free), density]).T
        run = _search(fit, x, (low, high), robust=robust)
        held = tuple(
            name
            for name in PARAMETERS
            if name not in free and not (name == "load" and is_bare(experiment.load))
        )
        hold = fit.slopes(run.x, held)
    return _result(fit, run, hold, held)


def _search(fit: _Fit, x: np.ndarray, bounds, *, robust: bool):
    """Least squares, then once more with less weight on outliers where that is asked for."""
    origin = fit.data.origin or "the train"
    options = {"jac": fit.jacobian, "bounds": bounds, "x_scale": "jac", "xtol": 1e-7, "ftol": 1e-9, "gtol": 1e-12}
    try:
        run = least_squares(fit.residual, x, max_nfev=60, **options)
        if robust and run.success:
            scale = 3 * float(np.median(np.abs(run.fun))) or 1.0
            run = least_squares(fit.residual, run.x, max_nfev=60, loss="soft_l1", f_scale=scale, **options)
    except (np.linalg.LinAlgError, ValueError) as error:
        raise ConvergenceError(
            f"The fit breaks down on {origin} ({error}): the law cannot follow it; check amplitudes, directions and single "
            "conductances, or hold more parameters."
        ) from None
    if not run.success:
        raise ConvergenceError(
            f"The fit does not settle on {origin}: {run.message} Hold more parameters or correct "
            "amplitudes and directions."
        )
    idle = [
        name for name, column in zip((*fit.free, START), run.jac.T, strict=True) if not np.linalg.norm(column) > 0
    ]
    if idle:
        raise ConvergenceError(
            f"The fit ends where {origin} does not depend on {', '.join(idle)}, so that nothing is known of it; hold it "
            f"(--hold {idle[0]}), or check amplitudes and directions."
        )
    return run


def _result(fit: _Fit, run, hold: np.ndarray, held: tuple[str, ...]) -> PulseFit:
    names, residual, data = (*fit.free, START), fit.residual(run.x), fit.data
    columns = fit.jacobian(run.x)
    size = np.linalg.norm(columns, axis=0)
    _, singular, axes = np.linalg.svd(columns / size, full_matrices=False)
    inverse = (axes.T / np.maximum(singular, 1e-12) ** 2) @ axes
    rho, variance = _scatter(residual, len(names))
    covariance = inverse * variance / np.outer(size, size)
    deviation = np.sqrt(np.diag(covariance))
    correlation = covariance / np.outer(deviation, deviation)
    pairs = _close_pairs(names, correlation)
    moved = -(inverse / np.outer(size, size)) @ columns.T @ hold
    numbers = fit.numbers(run.x)
    shown = (*names, *held)
    unit = np.array([_factor(name, numbers[name]) for name in shown])
    sensitivity = {
        f"{names[i]}/{held[j]}": float(
            moved[i, j] * unit[i] * (1.0 if _logarithmic(held[j]) else unit[len(names) + j])
        )
        for i in range(len(fit.free))
        for j in range(len(held))
        if _logarithmic(held[j])
    }
    experiment = fit.experiment
    return PulseFit(
        names=shown,
        value=np.array([_value(name, numbers[name]) for name in shown]),
        standard_error=np.concatenate([deviation, np.zeros(len(held))]) * np.abs(unit),
        free=len(names),
        correlation=correlation,
        unresolved=pairs,
        held_sensitivity=sensitivity,
        singular=singular,
        conductance_S=data.conductance_S,
        fitted_S=np.exp(fit.ln_measured + residual),
        used=np.ones(residual.size, dtype=bool),
        directions=np.asarray(data.directions, dtype=np.int64),
        rms_ln=float(np.sqrt(np.mean(residual**2))),
        autocorrelation=rho,
        evaluations=fit.evaluations,
        set_V=experiment.scheme.set_V,
        reset_V=experiment.scheme.reset_V,
        width_s=experiment.scheme.width_s,
        edge_s=experiment.scheme.edge_s,
        read_V=experiment.read_V,
        read_at=data.read_at,
        load=experiment.load.label,
        ambient_K=experiment.model.ambient_K,
        warnings=_warnings(fit, run, pairs, rho),
        origin=data.origin,
        provenance=Provenance.create(
            "compact.fit_pulses", card=experiment.model.card, inputs=data.inputs or {}
        ),
    )


def _scatter(residual: np.ndarray, fitted: int) -> tuple[float, float]:
    """Correlation of neighbouring residuals, and the variance of independent ones that would tell as little."""
    shifted = residual - residual.mean()
    power = float(shifted @ shifted)
    rho = float(np.clip(shifted[1:] @ shifted[:-1] / power, 0.0, 0.99)) if power > 0 else 0.0
    return rho, float(residual @ residual) / (residual.size - fitted) * (1 + rho) / (1 - rho)


def _close_pairs(names, correlation: np.ndarray) -> tuple[str, ...]:
    return tuple(
        f"{names[i]}/{names[j]}"
        for i in range(len(names))
        for j in range(i + 1, len(names))
        if abs(correlation[i, j]) > CLOSE_PAIR
    )


def _warnings(fit: _Fit, run, pairs, rho: float) -> tuple[str, ...]:
    lines = []
    for name, mask in zip((*fit.free, START), run.active_mask, strict=True):
        if mask:
            lines.append(f"{name} is at its bound: the train does not tell it with the others as they are.")
    misfit = float(np.sqrt(np.mean(run.fun**2)))
    if misfit > MISSED_RMS:
        lines.append(
            f"the law misses the train by an rms of ln G of {misfit * 100:.2g} %, so its numbers do not describe this cell: check "
            "amplitudes, times, load and unit, or weigh outlying reads less (--robust)."
        )
    for pair in pairs:
        lines.append(f"{pair.replace('/', ' and ')} are not told apart; hold one of them.")
    if rho > 0.9:
        lines.append(
            "the residuals are a smooth curve, not scatter: the law does not describe the train to its precision, and the "
            "errors do not hold what the law lacks."
        )
    if fit.failure:
        lines.append(
            f"some trials left the law ({fit.failure.split(';')[0].rstrip('.')}); the fit stepped back."
        )
    return tuple(lines)


def _check_free(free, load: Load) -> None:
    unknown = sorted(set(free) - set(PARAMETERS))
    if unknown or not free or len(set(free)) != len(free):
        named = f"There is no parameter '{unknown[0]}'" if unknown else "No parameter, or one twice, is free"
        raise InputError(f"{named}; free some of {', '.join(PARAMETERS)}.")
    if "load" in free and is_bare(load):
        raise InputError("A bare cell has no load to fit; give one or hold load.")


def _logarithmic(name: str) -> bool:
    return name in ("attempt_frequency", "hop_distance", "load", START)


def _value(name: str, number: float) -> float:
    if name == "barrier_set_slope":
        return number / DENSITY_UNIT_M3
    return math.exp(number) if _logarithmic(name) else number


def _factor(name: str, number: float) -> float:
    """Derivative of the value by the number."""
    if name == "barrier_set_slope":
        return 1 / DENSITY_UNIT_M3
    return math.exp(number) if _logarithmic(name) else 1.0
