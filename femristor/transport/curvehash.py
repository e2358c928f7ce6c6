"""Hash of a curve's numbers: names the input of a fit where there is no file."""

import hashlib

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


def curve_inputs(curves: list[IVCurve]) -> dict[str, str]:
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
