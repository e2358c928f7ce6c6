"""Cells of a long experiment that are done: what a checkpoint file holds."""

from dataclasses import dataclass

import numpy as np

from femristor.core.store import storable


@storable("BatchColumn", version=1, undefined=("values",))
@dataclass(frozen=True)
class BatchColumn:
    """One quantity of the cells.

    Attributes:
        name: of the quantity.
        values: (cells, ...) rows of batches that are not done hold nothing; NaN where the quantity may be.
    """

    name: str
    values: np.ndarray


@storable("BatchProgress", version=1)
@dataclass(frozen=True)
class BatchProgress:
    """Batches of cells that are done.

    Attributes:
        key: hash of all that the experiment depends on.
        done: (batches,) whether a batch is done.
        columns: what is known of the cells.
    """

    key: str
    done: np.ndarray
    columns: tuple[BatchColumn, ...]
