"""What every device hands to the kernels: eight numbers per cell and, for tables, a shared library."""

import hashlib
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from femristor.core.errors import InputError

SOFT_BOUNDS, TABLE = 0, 1
FIELDS = 8
W_MIN, W_MAX, STEP_UP, STEP_DOWN, GAMMA_UP, GAMMA_DOWN, INVERSE_RANGE, NOISE = range(FIELDS)
TABLE_INDEX = GAMMA_UP
NO_LIBRARY = np.zeros((1, 2, 2, 2), dtype=np.float32)


def require_cells(rows: int, cols: int) -> None:
    """Refuse an array without cells.

    Raises:
        InputError: fewer than one row or column.
    """
    if rows < 1 or cols < 1:
        raise InputError(
            f"An array of {rows} x {cols} cells has no cell; give every layer at least one input and one output."
        )


def check_library(library: np.ndarray, label: str) -> None:
    """Refuse step tables that the kernels would read beyond their end.

    Args:
        library: (tables, 2, states, 2) float32.
        label: of the device.

    Raises:
        InputError: another shape or type, fewer than two states, NaN or infinity.
    """
    shape = library.shape
    fits = len(shape) == 4 and shape[0] > 0 and shape[1] == shape[3] == 2 <= shape[2]
    if not fits or library.dtype != np.float32 or not np.isfinite(library).all():
        raise InputError(
            f"The step tables of '{label}' are {library.dtype} of {shape}; give finite float32 of (tables, 2, states of 2 or more, 2)."
        )


@dataclass(frozen=True)
class DeviceArray:
    """One device under each cell of an array.

    Attributes:
        kind: SOFT_BOUNDS or TABLE, the law that `pulse` applies.
        parameters: (rows, cols, 8) float32: w_min, w_max, step up, step down, gamma up, gamma down,
            1/(w_max - w_min), pulse noise. Tables: the steps are factors, gamma up is the table's number.
        library: (tables, 2, states, 2) float32, [table, up or down, weight state, mean or std] in weight units.
        granularity: mean step in the middle of the window, over both directions and all cells.
        label: for people.
    """

    kind: int
    parameters: np.ndarray
    library: np.ndarray
    granularity: float
    label: str

    def __post_init__(self) -> None:
        p, library = self.parameters, self.library
        if self.kind not in (SOFT_BOUNDS, TABLE) or not 0 < self.granularity < np.inf:
            raise InputError(
                f"Devices '{self.label}' of kind {self.kind} with a granularity of {self.granularity} are not possible; give "
                f"kind {SOFT_BOUNDS} or {TABLE} and a finite granularity above 0."
            )
        if p.ndim != 3 or p.shape[2] != FIELDS or p.dtype != np.float32 or not np.isfinite(p).all():
            raise InputError(
                f"Devices '{self.label}' have parameters {p.dtype} of {p.shape}; give finite float32 of (rows, cols, {FIELDS})."
            )
        check_library(library, self.label)
        tables = p[..., TABLE_INDEX]
        if self.kind == TABLE and not (0 <= tables.min() and tables.max() <= len(library) - 1):
            raise InputError(
                f"Devices '{self.label}' name a step table that is none of 0 to {len(library) - 1}; correct the table's numbers."
            )

    @property
    def shape(self) -> tuple[int, int]:
        """(rows, cols)."""
        return self.parameters.shape[:2]

    @property
    def w_min(self) -> np.ndarray:
        """(rows, cols) lower bounds."""
        return self.parameters[..., W_MIN]

    @property
    def w_max(self) -> np.ndarray:
        """(rows, cols) upper bounds."""
        return self.parameters[..., W_MAX]

    def clip(self, weight: np.ndarray) -> np.ndarray:
        """Weights moved into each cell's window.

        Args:
            weight: (rows, cols).

        Returns:
            (rows, cols) float32.
        """
        return np.clip(weight, self.w_min, self.w_max).astype(np.float32)

    def fingerprint(self) -> str:
        """SHA-256 of everything the kernels read (32 hex digits)."""
        digest = hashlib.sha256(f"{self.kind} {self.granularity!r}".encode())
        digest.update(np.ascontiguousarray(self.parameters))
        digest.update(np.ascontiguousarray(self.library))
        return digest.hexdigest()[:32]


class Device(Protocol):
    """Anything that can put a device under each cell; weights live in its nominal window."""

    label: str
    w_min: float
    w_max: float

    def sample(self, rows: int, cols: int, *, seed: int, stream: int = 0) -> DeviceArray:
        """Draw the cells of one array; (seed, stream) names it."""
