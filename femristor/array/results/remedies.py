"""Result of the comparison of remedies against the resistance of wires."""

from dataclasses import dataclass

import numpy as np

from femristor.core.provenance import Provenance, Status
from femristor.core.store import storable


@storable("RemedyTable", version=1, undefined=("rmse", "relative", "span", "clipped"))
@dataclass(frozen=True)
class RemedyTable:
    """RMSE of analog products in square tiles with wires, for each remedy and size.

    Attributes:
        remedies: names, in the order of the table.
        devices: cells a weight of each remedy.
        size: (sizes,) rows and columns of the tile.
        rmse: (remedies, sizes) in absolute units of the product; NaN where it was not computed.
        relative: (remedies, sizes) RMSE over the standard deviation of the exact products; NaN there too.
        span: (remedies, sizes) share of the conductance window that the weights use; NaN of cells without one.
        clipped: (remedies, sizes) share of cells held at an end of the window; NaN there too.
        seconds: (sizes,) wall time of all remedies of a size.
        bound: RMSE that the tile advice asks for.
        largest: (remedies,) largest size with an RMSE up to the bound, by bisection; 0 where the smallest fails.
        largest_limit: largest size that was tried; a `largest` equal to it is a lower bound.
        segment_ohm: resistance of a segment of wire.
        distribution: of weights and inputs.
        inputs: input vectors.
        status: sampled.
        provenance: how it was made.
    """

    remedies: tuple[str, ...]
    devices: np.ndarray
    size: np.ndarray
    rmse: np.ndarray
    relative: np.ndarray
    span: np.ndarray
    clipped: np.ndarray
    seconds: np.ndarray
    bound: float
    largest: np.ndarray
    largest_limit: int
    segment_ohm: float
    distribution: str
    inputs: int
    status: Status
    provenance: Provenance
