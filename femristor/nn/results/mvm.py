"""Results that the nn room hands on: the matrix-product experiment (training has its own module)."""

from dataclasses import dataclass

import numpy as np

from femristor.core.provenance import Provenance, Status
from femristor.core.store import storable


@storable("MvmExperiment", version=2, undefined=("rmse_law",))
@dataclass(frozen=True)
class MvmExperiment:
    """Error of analog matrix products against floating point, over the time after programming.

    Attributes:
        time_s: (times,) since programming, rising.
        rmse: (times, draws) root-mean-square error of the outputs, in absolute units, for each draw of
            matrix, inputs and cells.
        rmse_mean: (times,) mean over the draws.
        rmse_std: (times,) standard deviation over the draws (the spread of a single experiment).
        rmse_law: (times,) expected value from the card's laws in closed form; NaN where it does not apply.
        scatter_exact: (points,) floating-point outputs of the first draw.
        scatter_analog: (times, points) analog outputs of the first draw.
        causes: names of the single causes.
        rmse_by_cause: (causes, times) error with one cause acting alone, mean over the draws; "wires" are those of
            the first variant.
        variants: cells, wires, remedies and compensations set side by side on the same matrices and inputs; the
            first is what `rmse` is about.
        rmse_by_variant: (variants, times, draws).
        reference_time_s: (references,) times with a published or recomputed value.
        reference_rmse: (references,) that value.
        reference_note: where the references come from.
        settings: size, inputs, distribution, converters, mapping, acceptance.
        status: sampled.
        provenance: how it was made.
    """

    time_s: np.ndarray
    rmse: np.ndarray
    rmse_mean: np.ndarray
    rmse_std: np.ndarray
    rmse_law: np.ndarray
    scatter_exact: np.ndarray
    scatter_analog: np.ndarray
    causes: tuple[str, ...]
    rmse_by_cause: np.ndarray
    variants: tuple[str, ...]
    rmse_by_variant: np.ndarray
    reference_time_s: np.ndarray
    reference_rmse: np.ndarray
    reference_note: str
    settings: dict[str, str | float | int | bool | None]
    status: Status
    provenance: Provenance


@storable("MvmSizes", version=1)
@dataclass(frozen=True)
class MvmSizes:
    """The same experiment at several sizes.

    Attributes:
        runs: one for each size, rising.
        status: sampled.
        provenance: how it was made.
    """

    runs: tuple[MvmExperiment, ...]
    status: Status
    provenance: Provenance
