"""Synthetic forming curves, for there is no public measurement of this cell; their origin says so."""

import numpy as np

from femristor.core.curves import IVCurve
from femristor.core.errors import InputError
from femristor.core.provenance import Status
from femristor.core.rng import generator
from femristor.transport.solver import ResistanceSolver


def synthetic_forming_curves(
    solver: ResistanceSolver,
    *,
    radius_m: float = 11e-9,
    pristine_S_per_m: float = 3e3,
    after_S_per_m: float = 5e3,
    noise: float = 0.01,
    seed: int = 0,
    points: int = 21,
    limit_V: float = 0.1,
) -> list[IVCurve]:
    """Linear regimes after forming and after the negative sweep, with multiplicative noise.

    Use a solver on another mesh than the fit's, or the fit only inverts its own error.

    Args:
        solver: the ohmic cell.
        radius_m: filament radius; the default is the paper's.
        pristine_S_per_m: CMO as deposited.
        after_S_per_m: CMO after the negative sweep, which raises it; an assumed value.
        noise: standard deviation of ln I.
        seed: seed of the noise.
        points: voltages of each curve, without 0 V.
        limit_V: highest voltage.

    Returns:
        Curves labelled "formed" and "after negative sweep".

    Raises:
        InputError: fewer than two points, or negative noise.
    """
    if points < 2 or noise < 0 or not limit_V > 0:
        raise InputError(
            "A synthetic curve needs two points or more, noise of 0 or more and a limit above 0 V."
        )
    volt = np.linspace(limit_V / points, limit_V, points)
    curves = []
    for stream, (label, sigma) in enumerate(
        (("formed", pristine_S_per_m), ("after negative sweep", after_S_per_m))
    ):
        resistance = solver.resistance_ohm(radius_m, sigma)
        factor = np.exp(noise * generator(seed, stream).standard_normal(points))
        origin = f"synthetic: radius {radius_m * 1e9:g} nm, sigma_CMO {sigma:g} S/m, {noise * 100:g} % noise, seed {seed}"
        curves.append(
            IVCurve(volt, volt / resistance * factor, label=label, origin=origin, status=Status.SAMPLED)
        )
    return curves
