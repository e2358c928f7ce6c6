"""The least-squares search of a hopping fit: trust region, and parameters that run out of their range."""

import numpy as np

from femristor.core.errors import ConvergenceError, InputError
from femristor.transport.hopping.model import HoppingModel
from femristor.transport.hopping.outcome import rms
from femristor.transport.hopping.parameters import KINDS, Slot

MAX_EVALUATIONS = 40
STATIONARY = 1e-2
MISFIT_LIMIT = 0.2


def minimise(model: HoppingModel, points: int) -> np.ndarray:
    """Coordinates of least squares.

    A parameter that would leave its plausible range is put on the edge of it, as on a bound, and the others
    are fitted again.

    Args:
        model: the model, with its start.
        points: number of measured points.

    Returns:
        (free,) coordinates.

    Raises:
        InputError: fewer points than parameters.
        ConvergenceError: the search does not settle, or its end does not follow the curves.
    """
    if points <= len(model.free):
        names = ", ".join(slot.name for slot in model.free)
        raise InputError(
            f"{points} points cannot determine {names} and their errors; fix a parameter or measure more points."
        )
    theta = model.start()
    model.evaluate(theta)  # a start that cannot be solved raises here, with the solver's own sentence
    active = np.ones(theta.size, dtype=bool)
    escaped: list[Slot] = []
    while np.any(active):
        answer = _search(model, theta, active)
        theta = theta.copy()
        theta[active] = answer.x
        leaving = _leaving(model, theta, active, answer)
        if not leaving:
            _check(model, answer, escaped)
            return theta
        for index, edge in leaving.items():
            theta[index], active[index] = edge, False
            escaped.append(model.free[index])
    raise ConvergenceError(_runaway(escaped, rms(model.fun(theta))))


def _search(model: HoppingModel, theta: np.ndarray, active: np.ndarray):
    from scipy.optimize import least_squares

    def full(part: np.ndarray) -> np.ndarray:
        whole = theta.copy()
        whole[active] = part
        return whole

    low, high = model.bounds()
    return least_squares(
        lambda part: model.fun(full(part)),
        theta[active],
        jac=lambda part: model.jac(full(part))[:, active],
        bounds=(low[active], high[active]),
        method="trf",
        x_scale="jac",
        ftol=1e-9,
        xtol=1e-7,
        gtol=1e-12,
        max_nfev=MAX_EVALUATIONS,
    )


def _leaving(model: HoppingModel, theta: np.ndarray, active: np.ndarray, answer) -> dict[int, float]:
    """Parameters that a full Gauss-Newton step would still carry out of their range, and the edge they reach."""
    follow = np.zeros(theta.size)
    follow[active] = np.linalg.lstsq(answer.jac, -answer.fun, rcond=None)[0]
    if np.max(np.abs(follow)) < STATIONARY:
        return {}
    found = {}
    for index, slot in enumerate(model.free):
        beyond = theta[index] + follow[index]
        low, high = slot.coordinate(slot.low), slot.coordinate(slot.high)
        if active[index] and not slot.bounded and not low <= beyond <= high:
            found[index] = low if beyond < low else high
    # the one that is nearest to its edge goes first; the others may come back once it is held
    nearest = sorted(found, key=lambda index: abs(found[index] - theta[index]))[:1]
    return {index: found[index] for index in nearest}


def _check(model: HoppingModel, answer, escaped: list[Slot]) -> None:
    misfit = rms(answer.fun)
    if answer.status <= 0:
        names = ", ".join(slot.name for slot in model.free)
        raise ConvergenceError(
            f"The hopping fit did not settle in {MAX_EVALUATIONS} evaluations: the misfit (rms of ln I {misfit:.2g}) "
            f"still falls slowly along a valley of {names}, so the data fix only a combination of them; "
            "fix one with --fix or give bounds."
        )
    if escaped and misfit > MISFIT_LIMIT:
        raise ConvergenceError(_runaway(escaped, misfit))


def _runaway(escaped: list[Slot], misfit: float) -> str:
    names = ", ".join(dict.fromkeys(slot.name for slot in escaped))
    ranges = "; ".join(
        f"{slot.name} {slot.low:g} to {slot.high:g} {KINDS[slot.name].unit}"
        for slot in dict.fromkeys(escaped)
    )
    # On the lines, or with the surroundings freed, nothing is held that could be wrong: the curve is.
    tail = (
        "no state of this card conducts like them: check columns, units and area of the file, and the card's stack"
        if any(slot.name == "N_s" for slot in escaped)
        else "a held number (the surroundings N_s of the start state, dE) keeps the cell from following them; free N_s, or start "
        "from another state"
    )
    return (
        f"The hopping fit drives {names} out of the plausible range ({ranges}) and still misses the curves by an "
        f"rms of ln I of {misfit:.2g}: {tail}."
    )
