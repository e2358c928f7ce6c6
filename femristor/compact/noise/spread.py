"""Spread from device to device by named physical parameters, fitted to the spread of what is measured on cells.

Small spreads propagate linearly: `var(y_i) = sum_j (dy_i/dp_j)^2 sigma_j^2` for independent parameters. The squares
sigma_j^2 >= 0 follow from the target variances by non-negative least squares, weighted by what a finite number of
cells tells of a variance (2 var^2/(n - 1)). Fewer independent targets than parameters leave directions undetermined:
their errors are infinite and named. Cells drawn with the result are then run through the same train as a check:
at a deviation of 0.2 in ln N_states the linear law is 3 % low there and 7 % low in the skew, at half of it 1 and 2 %.
"""

import math
from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import nnls

from femristor.compact.dynamics.cells import IbmCells
from femristor.compact.dynamics.fleet import pulse_fleet
from femristor.compact.ibm import IbmModel
from femristor.compact.noise.stochastic import merits, protocol
from femristor.compact.results.stochastic import SpreadFit
from femristor.core.constants import EV
from femristor.core.errors import ConvergenceError, InputError, RangeError
from femristor.core.provenance import Provenance
from femristor.device.load_line import Load
from femristor.device.pulse_scheme import PulseScheme

PARAMETERS = {
    "radius": ("radius_m", "1"),
    "length": ("length_m", "1"),
    "thermal": ("thermal_K_per_W", "1"),
    "barrier_set": ("barrier_set_J", "eV"),
    "barrier_reset": ("barrier_reset_J", "eV"),
}
"""Name to the attribute of `IbmCells` and the unit of its sigma: relative (of the logarithm), or eV."""
STEP = {"1": 0.01, "eV": 0.003}
"""Changes with which the Jacobian is taken."""
OBSERVABLES = ("ln_lrs", "ln_hrs", "ln_states", "skew")
"""ln of the conductance after set and after reset, ln N_states, skew of the symmetry point."""
SMALLEST = 1e-6
"""Relative singular value below which a direction counts as not told."""


@dataclass(frozen=True)
class SpreadTrain:
    """The train on which cells are compared.

    Attributes:
        model: the nominal cell.
        scheme: amplitudes and times.
        load: in series.
        start_density_m3: state at the start.
        pulses: (up, down, alternating).
    """

    model: IbmModel
    scheme: PulseScheme
    load: Load
    start_density_m3: float
    pulses: tuple[int, int, int] = (400, 400, 100)

    def observe(self, cells: IbmCells) -> np.ndarray:
        """(cells, observables) in the order of OBSERVABLES.

        Raises:
            RangeError: a cell leaves the law.
        """
        directions = protocol(*self.pulses)
        run = pulse_fleet(
            self.model,
            cells,
            self.scheme,
            directions,
            self.load,
            start_density_m3=self.start_density_m3,
            reads=np.arange(directions.size + 1),
        )
        found = merits(run.conductance_S.astype(float), directions, self.pulses[2])
        return np.stack(
            [np.log(found["g_max_S"]), np.log(found["g_min_S"]), np.log(found["n_states"]), found["skew"]],
            axis=1,
        )


def draw_cells(
    model: IbmModel, sigma: dict[str, float], cells: int, *, generator: np.random.Generator
) -> IbmCells:
    """Cells whose parameters are spread independently: normal in the logarithm, or normal in eV for barriers.

    Args:
        model: the nominal cell.
        sigma: name of PARAMETERS to its standard deviation.
        cells: how many.
        generator: source of the draws.

    Returns:
        IbmCells.

    Raises:
        InputError: an unknown name or a negative deviation.
    """
    _check(sigma)
    nominal, values = IbmCells.of(model, cells), {}
    for name, deviation in sigma.items():
        attribute, unit = PARAMETERS[name]
        values[attribute] = _moved(nominal, attribute, unit, deviation * generator.standard_normal(cells))
    return IbmCells.of(model, cells, **values)


def jacobian(train: SpreadTrain, names: tuple[str, ...]) -> np.ndarray:
    """(observables, parameters) central differences of the train, all cells at once.

    Args:
        train: what is measured.
        names: parameters.

    Returns:
        Changes of the observables by each parameter in its unit.
    """
    _check(dict.fromkeys(names, 0.0))
    nominal = IbmCells.of(train.model, 2 * len(names))
    values: dict[str, np.ndarray] = {}
    for index, name in enumerate(names):
        attribute, unit = PARAMETERS[name]
        shift = np.zeros(2 * len(names))
        shift[2 * index : 2 * index + 2] = STEP[unit] * np.array([1, -1])
        values[attribute] = _moved(nominal, attribute, unit, shift)
    seen = train.observe(replace(nominal, **values))
    steps = np.array([2 * STEP[PARAMETERS[name][1]] for name in names])
    return ((seen[0::2] - seen[1::2]) / steps[:, None]).T


def fit_spread(
    train: SpreadTrain,
    targets: dict[str, float],
    names: tuple[str, ...] = ("radius", "length", "barrier_set", "barrier_reset"),
    *,
    target_cells: int = 32,
    check_cells: int = 0,
    generator: np.random.Generator | None = None,
) -> SpreadFit:
    """Standard deviations of parameters that give the target deviations of observables.

    Args:
        train: what is measured.
        targets: name of OBSERVABLES to its standard deviation over devices.
        names: parameters that spread.
        target_cells: devices behind the targets, for the errors.
        check_cells: cells drawn with the result and run; 0 leaves the check out.
        generator: source of these draws.

    Returns:
        SpreadFit.

    Raises:
        InputError: unknown names, targets that are not above 0, too few cells.
        ConvergenceError: no parameter moves the targets.
    """
    _check_targets(targets, target_cells)
    if check_cells > 1 and generator is None:
        raise InputError("A check by drawn cells needs a generator; give one.")
    rows = [OBSERVABLES.index(name) for name in targets]
    slopes = jacobian(train, names)[rows]
    target = np.array(list(targets.values()))
    weight = 1 / (target**2 * math.sqrt(2 / (target_cells - 1)))
    matrix, wanted = slopes**2 * weight[:, None], target**2 * weight
    scale = _column_norms(matrix, names)
    squares, _ = nnls(matrix / scale, wanted)
    squares = squares / scale
    alone, alone_rms = _alone(slopes, matrix, wanted, target)
    covariance, rank, text = _identifiability(matrix, scale, names)
    sigma, error = np.sqrt(squares), _errors(squares, covariance)
    checked = np.full(target.size, np.nan)
    if check_cells > 1:
        cells = draw_cells(
            train.model, dict(zip(names, sigma.tolist(), strict=True)), check_cells, generator=generator
        )
        checked = train.observe(cells)[:, rows].std(axis=0, ddof=1)
    return SpreadFit(
        names=tuple(names),
        sigma=sigma,
        standard_error=error,
        alone=alone,
        alone_rms=alone_rms,
        units=tuple(PARAMETERS[name][1] for name in names),
        observables=tuple(targets),
        target_std=target,
        predicted_std=np.sqrt(slopes**2 @ squares),
        checked_std=checked,
        jacobian=slopes,
        covariance=covariance,
        rank=rank,
        unresolved=text,
        target_cells=target_cells,
        provenance=Provenance.create("compact.fit_spread", card=train.model.card),
    )


def _alone(slopes, matrix, wanted, target) -> tuple[np.ndarray, np.ndarray]:
    """Deviation of each parameter if it alone spread, and the misfit of that."""
    squares = matrix.T @ wanted / np.sum(matrix**2, axis=0)
    off = np.sqrt(slopes**2 * squares) / target[:, None] - 1
    return np.sqrt(squares), np.sqrt(np.mean(off**2, axis=0))


def _errors(squares: np.ndarray, covariance: np.ndarray) -> np.ndarray:
    """Standard errors of the roots; at 0 the upper limit, the root of one standard error of the square."""
    variance = np.diag(covariance)
    roots = np.sqrt(np.where(squares > 0, squares, 1.0))
    return np.where(squares > 0, np.sqrt(variance) / (2 * roots), variance**0.25)


def _column_norms(matrix: np.ndarray, names) -> np.ndarray:
    """Norms of columns; a parameter that moves no target is refused."""
    scale = np.linalg.norm(matrix, axis=0)
    if not np.all(scale > 0):
        dead = names[int(np.argmin(scale))]
        raise ConvergenceError(
            f"The targets do not depend on {dead}; leave it out or add a target that does."
        )
    return scale


def _identifiability(matrix, scale, names) -> tuple[np.ndarray, int, str]:
    """Covariance of the squares (infinite where undetermined), rank, and the directions left open in words."""
    _, values, axes = np.linalg.svd(matrix / scale, full_matrices=True)
    values = np.concatenate([values, np.zeros(len(names) - values.size)])
    told = values > SMALLEST * values[0]
    covariance = (axes[told].T / values[told] ** 2) @ axes[told] / np.outer(scale, scale)
    open_axes = axes[~told]
    loose = np.sqrt(np.sum(open_axes**2, axis=0)) > 1e-6
    covariance[np.ix_(loose, loose)] += np.diag(np.full(int(loose.sum()), np.inf))
    if not loose.any():
        return covariance, int(told.sum()), ""
    named = ", ".join(name for name, free in zip(names, loose, strict=True) if free)
    text = (
        f"{int(told.sum())} of {len(names)} directions are told by the targets; the spreads of {named} trade against each "
        "other, so that each alone (column 'alone') is an upper limit."
    )
    return covariance, int(told.sum()), text


def _moved(cells: IbmCells, attribute: str, unit: str, shift: np.ndarray) -> np.ndarray:
    value = getattr(cells, attribute)
    return value * np.exp(shift) if unit == "1" else value + shift * EV


def _check(sigma: dict[str, float]) -> None:
    for name, deviation in sigma.items():
        if name not in PARAMETERS:
            raise InputError(f"There is no spread of '{name}'; use {', '.join(PARAMETERS)}.")
        if not 0 <= deviation < np.inf:
            raise InputError(f"A spread of {deviation:g} of {name} is not possible; give 0 or more.")
    if not sigma:
        raise InputError(f"No parameter spreads; name some of {', '.join(PARAMETERS)}.")


def _check_targets(targets: dict[str, float], cells: int) -> None:
    unknown = sorted(set(targets) - set(OBSERVABLES))
    if unknown or not targets:
        named = f"There is no target '{unknown[0]}'" if unknown else "There is no target"
        raise InputError(f"{named}; use {', '.join(OBSERVABLES)}.")
    if not all(0 < value < np.inf for value in targets.values()) or cells < 3:
        raise InputError("Targets are standard deviations above 0 over 3 or more cells; correct them.")


def states_target(mean: float, std: float) -> float:
    """Standard deviation of ln N_states of a measured mean and deviation, for targets["ln_states"].

    Raises:
        RangeError: not above 0.
    """
    if not (mean > 0 and std > 0):
        raise RangeError(f"N_states of {mean:g} +- {std:g} is not possible; give numbers above 0.")
    return math.sqrt(math.log1p((std / mean) ** 2))
