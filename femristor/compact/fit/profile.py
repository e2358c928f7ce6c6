"""What a train tells of a number that its fit holds: the fit repeated at several values of it."""

import math
from dataclasses import replace

import numpy as np

from femristor.compact.fit.data import PulseData
from femristor.compact.fit.pulses import PulseExperiment, fit_pulses
from femristor.compact.ibm import IbmModel
from femristor.compact.results.stochastic import PulseProfile
from femristor.core.constants import EV
from femristor.core.errors import ConvergenceError, InputError

FIELDS = {"attempt_frequency": "attempt_frequency_Hz", "hop_distance": "hop_distance_m"}
"""Numbers that have a profile, as the law names them."""


def check_profile(name: str, free: tuple[str, ...] | None) -> None:
    """Whether a number can be held at several values.

    Raises:
        InputError: another name, or one that is fitted.
    """
    if name not in FIELDS or (free and name in free):
        raise InputError(f"There is no profile of '{name}'; hold {' or '.join(FIELDS)} and name it.")


def profile(
    data: PulseData,
    experiment: PulseExperiment,
    name: str,
    *,
    factors: tuple[float, ...] = (0.25, 0.5, 1.0, 2.0, 4.0),
    free: tuple[str, ...] | None = None,
    progress=None,
) -> PulseProfile:
    """Repeat the fit with a held number at several multiples of its value.

    Args:
        data: the train.
        experiment: law, amplitudes, load.
        name: "attempt_frequency" or "hop_distance".
        factors: multiples.
        free: as in `fit_pulses`.
        progress: where trains are shown.

    Returns:
        PulseProfile; NaN where the fit does not settle at a value.

    Raises:
        InputError: another name, or one that is fitted.
    """
    fields = {"attempt_frequency": "attempt_frequency_Hz", "hop_distance": "hop_distance_m"}
    if name not in fields or (free and name in free):
        raise InputError(
            f"There is no profile of '{name}'; hold attempt_frequency or hop_distance and name it."
        )
    base = experiment.model
    held = getattr(base.ionic, FIELDS[name]) * np.array(factors)
    rows, rms = [], []
    start = fit_pulses(data, experiment, free=free, progress=progress)
    for value in held:
        # A change of ln nu moves both barriers by about kT of it, which the start takes into account.
        shift = {
            f"{key}_J": (
                start.value[k]
                + start.held_sensitivity.get(f"{key}/{name}", 0.0)
                * math.log(value / getattr(base.ionic, FIELDS[name]))
            )
            * EV
            for k, key in enumerate(start.names)
            if key in ("barrier_set", "barrier_reset") and k < start.free
        }
        law = replace(base.ionic, **{FIELDS[name]: float(value)}, **shift)
        moved = replace(
            experiment, model=IbmModel(base.card, base.ambient_K, constants=base.constants, ionic=law)
        )
        try:
            fit = fit_pulses(data, moved, free=free, progress=progress)
        except ConvergenceError:
            rows.append(np.full(start.free, math.nan))
            rms.append(math.nan)
            continue
        rows.append(fit.value[: fit.free])
        rms.append(fit.rms_ln)
    return PulseProfile(name, held, start.names[: start.free], np.array(rows), np.array(rms))
