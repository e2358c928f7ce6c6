"""What a fit notes of its curves: a hash of their numbers where there is no file, and that they are synthetic."""

import hashlib
from collections.abc import Sequence

import numpy as np

from femristor.core.curves import IVCurve


def curve_hash(curve: IVCurve) -> str:
    """SHA-256 over voltage, current and ambient temperature.

    Args:
        curve: the curve.

    Returns:
        64 hex digits.
    """
    digest = hashlib.sha256()
    for part in (curve.voltage_V, curve.current_A, np.array([curve.ambient_K])):
        digest.update(np.ascontiguousarray(part, dtype="<f8").tobytes())
    return digest.hexdigest()


def curve_inputs(curves: Sequence[IVCurve]) -> dict[str, str]:
    """Provenance inputs of some curves.

    Args:
        curves: the curves.

    Returns:
        "curve 1, label at ambient" to hash.
    """
    found: dict[str, str] = {}
    for number, curve in enumerate(curves, start=1):
        found[f"curve {number}, {curve.label or 'unnamed'} at {curve.ambient_K:g} K"] = curve_hash(curve)
    return found


def synthetic_notes(curves: Sequence[IVCurve]) -> tuple[str, ...]:
    """One sentence for each curve whose origin says that it was not measured.

    Args:
        curves: the curves.

    Returns:
        Sentences for the provenance, so that a fitted card carries them.
    """
    found = [f"The curve {curve.label} is {curve.origin}." for curve in curves if "synthetic" in curve.origin]
    return tuple(dict.fromkeys(found))
