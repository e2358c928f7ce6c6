"""Where the cell is sampled: biases, dome densities with the kinks of the card's laws, ambients."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from femristor.core.bounds import AMBIENTS, GRID_POINTS, check_memory
from femristor.core.errors import InputError
from femristor.core.rng import generator
from femristor.device.card import DeviceCard
from femristor.device.family import turning_densities

BIAS_POINTS, DENSITY_POINTS, AMBIENT_POINTS = 25, 15, 3
POINT_DOUBLES = 4 * 16 + 8
"""Numbers that a table and its patches hold for each point of the grid."""
"""Default numbers of points; the measured errors off the grid are in docs/theory/compact.md."""
BIAS_BEND = 0.85
"""Biases are (1 - BEND) x + BEND x^2 of the highest, x even: sinh bends the current most at low voltages."""


CROWDING = 6.0
"""Densities are even in ln N + CROWDING N / N_max: hopping distance and set barrier are lines in N, not in ln N."""
PIECES_MIN = 2
"""Least intervals between two kinks: fewer know no curvature."""


@dataclass(frozen=True)
class Grid:
    """Axes of a table.

    Attributes:
        bias_V: (bias,) rising, above 0.
        density_m3: (density,) rising.
        ambient_K: (ambient,) rising.
        breaks_m3: (breaks,) entries of `density_m3` where a law has a kink.
    """

    bias_V: np.ndarray
    density_m3: np.ndarray
    ambient_K: np.ndarray
    breaks_m3: np.ndarray

    @property
    def pairs(self) -> list[tuple[float, float]]:
        """All (density, ambient), ambients outermost."""
        return [(float(n), float(t)) for t in self.ambient_K for n in self.density_m3]

    def bias_centres(self) -> np.ndarray:
        """(bias,) centres between biases, the first between 0 V and the first bias."""
        edges = np.concatenate([[0.0], self.bias_V])
        return 0.5 * (edges[:-1] + edges[1:])

    def probes(self, count: int, seed: int) -> list[tuple[float, float]]:
        """Pairs at centres of cells: geometric mean density, harmonic mean ambient.

        Args:
            count: how many; fewer where the table has fewer cells.
            seed: seed of the choice.

        Returns:
            Pairs (density, ambient).
        """
        density = np.sqrt(self.density_m3[:-1] * self.density_m3[1:])
        below, above = self.ambient_K[:-1], self.ambient_K[1:]
        ambient = 2 / (1 / below + 1 / above) if above.size else self.ambient_K
        cells = [(float(n), float(t)) for t in ambient for n in density]
        chosen = generator(seed, 4).permutation(len(cells))[:count]
        return [cells[index] for index in sorted(chosen)]


def default_grid(
    card: DeviceCard,
    *,
    bias_points: int = BIAS_POINTS,
    density_points: int = DENSITY_POINTS,
    ambient_points: int = AMBIENT_POINTS,
) -> Grid:
    """Grid over the card's range.

    Biases are denser near 0 V, ambients even in 1/T; densities run evenly in ln N where
    they are small and in N where they are large, on either side of each kink.

    Args:
        card: device card.
        bias_points: at least 4.
        density_points: at least 2, besides kinks.
        ambient_points: at least 1; a single one is the card's ambient.

    Returns:
        Grid.

    Raises:
        InputError: too few points, or more than their bounds and the memory allow.
    """
    if bias_points < 4 or density_points < 2 or ambient_points < 1:
        raise InputError(
            f"A table of {bias_points} biases, {density_points} densities and {ambient_points} ambients is too "
            "coarse; give at least 4, 2 and 1."
        )
    GRID_POINTS.check(bias_points, "biases of the table (--bias-points)")
    GRID_POINTS.check(density_points, "densities of the table (--density-points)")
    AMBIENTS.check(ambient_points, "ambients of the table (--ambients)")
    check_memory(
        8.0 * POINT_DOUBLES * bias_points * density_points * ambient_points,
        f"a table of {bias_points} biases x {density_points} densities x {ambient_points} ambients",
        "give fewer --bias-points, --density-points or --ambients",
    )
    span = card.range
    even = np.arange(1, bias_points + 1) / bias_points
    bias = span.voltage_max_V * ((1 - BIAS_BEND) * even + BIAS_BEND * even**2)
    if ambient_points == 1:
        ambient = np.array([card.ambient_K])
    else:
        ambient = 1 / np.linspace(1 / span.ambient_min_K, 1 / span.ambient_max_K, ambient_points)
        ambient[0], ambient[-1] = span.ambient_min_K, span.ambient_max_K
    breaks = density_kinks(card)
    return Grid(bias, _densities(span, density_points, breaks), ambient, breaks)


def density_kinks(card: DeviceCard) -> np.ndarray:
    """Densities within the card's range where a law or the line of states has a kink.

    Args:
        card: device card.

    Returns:
        (kinks,) rising.
    """
    law, span = card.hopping, card.range
    kinks = []
    if law.distance_slope_m4 > 0:
        kinks.append((law.distance_0_m - law.distance_min_m) / law.distance_slope_m4)
    if law.barrier_slope_J_m3 > 0:
        kinks.append(law.barrier_0_J / law.barrier_slope_J_m3)
    kinks += turning_densities(card.states["hrs"], card.states["lrs"], law)
    low, high = span.density_min_m3 * 1.001, span.density_max_m3 * 0.999
    return np.array(sorted({kink for kink in kinks if low < kink < high}))


def _densities(span, points: int, breaks: np.ndarray) -> np.ndarray:
    crowd = span.density_max_m3 / CROWDING
    fine = np.geomspace(span.density_min_m3, span.density_max_m3, 2001)
    place = np.log(fine) + fine / crowd
    edges = np.interp([span.density_min_m3, *breaks, span.density_max_m3], fine, place)
    width = (edges[-1] - edges[0]) / (points - 1)
    parts = []
    for low, high in pairwise(edges):
        pieces = max(PIECES_MIN, round((high - low) / width))
        parts.append(np.interp(np.linspace(low, high, pieces + 1), place, fine))
    density = np.concatenate([parts[0], *(part[1:] for part in parts[1:])])
    density[0], density[-1] = span.density_min_m3, span.density_max_m3
    for kink in breaks:
        density[np.argmin(np.abs(density - kink))] = kink
    return density
