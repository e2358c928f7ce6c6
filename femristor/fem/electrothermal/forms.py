"""Weak form of the coupled problem, in nanometres, volts, kelvins and microamperes.

    sum over regions of  int w sigma grad V . grad q           = int w f q
    int w k grad theta . grad t  -  int w sigma |grad V|^2 t   = int w g t

w = 2 pi r in the half plane (r, z), else the multiplicity of the meshed part; theta = T - T_ambient, so that both
electrodes hold theta = 0 and the ambient temperature is a constant of the form. f and g are zero but for
manufactured solutions. sigma is the card's number in metals and dielectrics, and Mott-Gurney hopping
(Falcone et al., arXiv 2502.04524, eq. 6) in the conductive metal oxide.
"""

from dataclasses import dataclass
from typing import Any

import ufl

from femristor.device.laws import mott_gurney
from femristor.fem import dolfin
from femristor.fem.mesh.cell_mesh import CellMesh
from femristor.fem.stack import HOPPING, Electrode, Region

FLUX_UNIT = 1e-3
"""S/m in uA/(V nm), and W/(m K) in uW/(K nm)."""
FIELD_UNIT = 1e9
"""V/nm in V/m."""
FIELD_FLOOR = 1e-6
"""eps of |E| = sqrt(|grad V|^2 + eps^2) [V/nm]: keeps sigma = J/E regular; sinh(x)/x is flat there."""


class Ops:
    """The functions that a law needs, for UFL expressions."""

    exp = staticmethod(ufl.exp)
    sinh = staticmethod(ufl.sinh)
    tanh = staticmethod(ufl.tanh)
    sqrt = staticmethod(ufl.sqrt)
    log = staticmethod(ufl.ln)
    minimum = staticmethod(ufl.min_value)
    maximum = staticmethod(ufl.max_value)


@dataclass(frozen=True)
class HoppingConstants:
    """Parameters of one region as constants of the form: conducting density [m^-3], distance [m], barrier [J]."""

    density: Any
    distance: Any
    barrier: Any


@dataclass(frozen=True)
class Coefficients:
    """What the weak form needs besides its unknowns.

    Attributes:
        metal: piecewise constant conductivity of all other regions [S/m].
        heat: piecewise constant thermal conductivity [W/m/K].
        ambient: ambient temperature, constant [K].
        attempt_Hz: attempt frequency of hopping.
        hopping: constants by region.
    """

    metal: Any
    heat: Any
    ambient: Any
    attempt_Hz: float
    hopping: dict[Region, HoppingConstants]


def field_magnitude(potential):
    """|E| [V/m] as a UFL expression."""
    slope = ufl.grad(potential)
    return FIELD_UNIT * ufl.sqrt(ufl.inner(slope, slope) + FIELD_FLOOR**2)


def weight(cell: CellMesh):
    """Weight w of every integral."""
    if cell.dim == 2:
        return 2 * ufl.pi * ufl.SpatialCoordinate(cell.mesh)[0]
    return dolfin.constant(cell.mesh, cell.multiplicity)


def measure(cell: CellMesh, degree: int):
    """Volume measure with the quadrature degree 2p, 4 for quadratic elements."""
    return ufl.Measure(
        "dx",
        domain=cell.mesh,
        subdomain_data=cell.cell_tags,
        metadata={"quadrature_degree": 2 * degree},
    )


def top_metal(cell: CellMesh, degree: int) -> tuple:
    """Weight and measure of the metal on the top face, where a load hands over its current.

    The face reaches past the metal: a current into the dielectric there would lift its potential to the applied one.
    The degree is given because that of a load line would be estimated in the hundreds, too much for tetrahedra.

    Args:
        cell: the meshed cell.
        degree: polynomial degree of V.

    Returns:
        (w on the metal and 0 beyond it, measure of the face).
    """
    metal = {int(region): float(region != Region.DIELECTRIC) for region in Region}
    face = weight(cell) * dolfin.cellwise(cell.mesh, cell.cell_tags, metal, "metal_of_the_face")
    facets = {"subdomain_data": cell.facet_tags, "metadata": {"quadrature_degree": 2 * degree}}
    return face, ufl.Measure("ds", domain=cell.mesh, **facets)(int(Electrode.TOP))


def hopping_conductivity(coefficients: Coefficients, region: Region, potential, rise):
    """sigma(E, T) of a hopping region [S/m]."""
    site = coefficients.hopping[region]
    return mott_gurney.conductivity(
        field_magnitude(potential),
        coefficients.ambient + rise,
        site.density,
        site.distance,
        site.barrier,
        attempt_Hz=coefficients.attempt_Hz,
        ops=Ops,
    )


def conduction(cell: CellMesh, coefficients: Coefficients, potential, rise, dx) -> list[tuple]:
    """Conductivity and measure of each part of the cell, [(sigma in internal units, measure)].

    Args:
        cell: the meshed cell.
        coefficients: its numbers.
        potential: V.
        rise: theta.
        dx: from `measure`.

    Returns:
        One entry for the metals and dielectrics together and one for each hopping region.
    """
    ohmic = tuple(int(region) for region in Region if region not in HOPPING)
    terms = [(FLUX_UNIT * coefficients.metal, dx(ohmic))]
    for region in coefficients.hopping:
        sigma = hopping_conductivity(coefficients, region, potential, rise)
        terms.append((FLUX_UNIT * sigma, dx(int(region))))
    return terms


def residuals(terms: list[tuple], heat, w, *, unknowns: tuple, tests: tuple, dx, sources: tuple = ()) -> list:
    """Residuals of continuity and heat.

    Args:
        terms: from `conduction`.
        heat: thermal conductivity [W/m/K].
        w: from `weight`.
        unknowns: (V, theta).
        tests: (q, t).
        dx: from `measure`.
        sources: (f, g) of a manufactured solution.

    Returns:
        [residual of V in uA, residual of theta in uW].
    """
    (potential, rise), (q, t) = unknowns, tests
    slope = ufl.grad(potential)
    current = sum(w * sigma * ufl.inner(slope, ufl.grad(q)) * part for sigma, part in terms)
    joule = sum(w * sigma * ufl.inner(slope, slope) * t * part for sigma, part in terms)
    flow = w * FLUX_UNIT * heat * ufl.inner(ufl.grad(rise), ufl.grad(t)) * dx - joule
    if sources:
        current -= w * sources[0] * q * dx
        flow -= w * sources[1] * t * dx
    return [current, flow]


def joule_power(terms: list[tuple], w, potential):
    """Dissipated power [uW]."""
    slope = ufl.grad(potential)
    return sum(w * sigma * ufl.inner(slope, slope) * part for sigma, part in terms)
