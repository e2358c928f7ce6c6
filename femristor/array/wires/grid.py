"""Wires of an array as plain data: resistances, sides, topology, and checks of what is hung on them.

    crosspoint, 2 x 3 cells (drive left, sense bottom)        parallel, 2 x 2 cells (word lines not drawn)

              v00       v01       v02    far ends open             V0          V1
               |         |         |                               d           d
    V0 -d-r-u00-*--r--u01-*--r--u02-*                              r           r
             G  c      G  c      G  c                              b00-G-s00   b01-G-s01
               |         |         |                               r     c     r     c
    V1 -d-r-u10-*--r--u11-*--r--u12-*                              b10-G-s10   b11-G-s11
             G  c      G  c      G  c                                    c           c
                s         s         s                                    s           s
                |         |         |                                    |           |
               I0 (0 V)  I1 (0 V)  I2 (0 V)                         I0 (0 V)    I1 (0 V)

`r` is a segment of a row (bit) wire, `c` one of a column (source) wire, `d` the driver, `s` the sense input, `*` a
cell G between the row node u and the column node v: the wires cross without touching. Between a driver or a sense
input and the first cell lies one segment. The far ends are open, or driven (sensed) as well with `both`.

`crosspoint` also holds for 1T1R cells whose source lines are the columns. In `parallel` the bit line j and the source
line j both run along column j (the rows are word lines): each column is a ladder of its own, driven by its own
voltage. There "left" is the end at row 0 of the bit line, "right" its end at the last row.
"""

import math
from dataclasses import dataclass

from femristor.core.errors import InputError

DRIVES = ("left", "right", "both")
SENSES = ("bottom", "top", "both")
TOPOLOGIES = ("crosspoint", "parallel")


@dataclass(frozen=True)
class WireGrid:
    """Resistances of the wires of an array and how it is connected.

    Attributes:
        segment_ohm: row (bit) wire, from one cell to the next and from the driver to the first.
        column_segment_ohm: column (source) wire; None is the same as the rows.
        driver_ohm: in series with each driven end.
        sense_ohm: in series with each sensed end, up to the virtual ground.
        drive: driven end of the rows: left, right or both.
        sense: sensed end of the columns: bottom (after the last row), top (before row 0) or both.
        topology: crosspoint or parallel, see the drawing of this module.
    """

    segment_ohm: float
    column_segment_ohm: float | None = None
    driver_ohm: float = 0.0
    sense_ohm: float = 0.0
    drive: str = "left"
    sense: str = "bottom"
    topology: str = "crosspoint"

    def __post_init__(self) -> None:
        """Check every value.

        Raises:
            InputError: a resistance that is negative or not finite, an unknown side or topology.
        """
        for name in ("segment_ohm", "column_segment_ohm", "driver_ohm", "sense_ohm"):
            value = getattr(self, name)
            if value is None and name == "column_segment_ohm":
                continue
            try:
                number = float(value)
            except (TypeError, ValueError):
                raise InputError(f"{name} is '{value}', which is no number; give ohms from 0 on.") from None
            if math.isinf(number) and number > 0:
                raise InputError(
                    f"{name} is infinite, so no current reaches a column through it; give a finite resistance."
                )
            if not (math.isfinite(number) and number >= 0):
                raise InputError(
                    f"{name} is {number:g} ohm, which no wire has; give a resistance of 0 ohm or more."
                )
        for name, known in (("drive", DRIVES), ("sense", SENSES), ("topology", TOPOLOGIES)):
            if getattr(self, name) not in known:
                raise InputError(f"{name} '{getattr(self, name)}' is unknown; use {', '.join(known)}.")

    @property
    def column_ohm(self) -> float:
        """Segment of the column (source) wires."""
        return float(self.segment_ohm if self.column_segment_ohm is None else self.column_segment_ohm)

    @property
    def parallel(self) -> bool:
        """Whether bit and source lines run in parallel."""
        return self.topology == "parallel"

    def bit_ends_ohm(self) -> tuple[float, float]:
        """Resistance from the first and from the last cell of a bit line to its source; infinite where open."""
        return _ends(self.segment_ohm + self.driver_ohm, self.drive, *DRIVES[:2])

    def source_ends_ohm(self) -> tuple[float, float]:
        """Resistance from the first and from the last cell of a source line to ground; infinite where open."""
        return _ends(self.column_ohm + self.sense_ohm, self.sense, SENSES[1], SENSES[0])

    def inputs(self, rows: int, cols: int) -> int:
        """Number of driven lines: the rows, or the columns where bit and source lines are parallel."""
        return cols if self.parallel else rows

    def transposed(self) -> "WireGrid":
        """The same crosspoint with rows and columns exchanged: columns driven, rows sensed (reciprocity)."""
        return WireGrid(
            self.column_ohm,
            float(self.segment_ohm),
            self.sense_ohm,
            self.driver_ohm,
            {"top": "left", "bottom": "right", "both": "both"}[self.sense],
            {"left": "top", "right": "bottom", "both": "both"}[self.drive],
            self.topology,
        )

    def require_voltages(self, cells: tuple[int, ...], voltages: tuple[int, ...]) -> None:
        """Check that voltages fit the cells.

        Args:
            cells: shape (*tiles, rows, cols) of the conductances.
            voltages: shape of the voltages, (vectors, inputs) or (*tiles, vectors, inputs).

        Raises:
            InputError: they do not fit.
        """
        lines = "column" if self.parallel else "row"
        count = self.inputs(*cells[-2:])
        if not voltages or voltages[-1] != count:
            raise InputError(
                f"Voltages of shape {tuple(voltages)} do not fit an array of {cells[-2]} rows and {cells[-1]} columns; "
                f"give {count} voltages, one a {lines}."
            )
        if len(voltages) > 2 and tuple(voltages[:-2]) != tuple(cells[:-2]):
            raise InputError(
                f"Voltages of shape {tuple(voltages)} do not fit tiles of shape {tuple(cells[:-2])}; "
                "give (*tiles, vectors, inputs)."
            )


def _ends(ohm: float, side: str, first: str, last: str) -> tuple[float, float]:
    return (
        float(ohm) if side in (first, "both") else math.inf,
        float(ohm) if side in (last, "both") else math.inf,
    )


def require_cells(shape: tuple[int, ...], lowest_S: float, bad: int) -> None:
    """Check conductances by what the caller found out about them.

    Args:
        shape: (*tiles, rows, cols).
        lowest_S: smallest finite conductance.
        bad: number of NaN or infinite ones.

    Raises:
        InputError: no cells, NaN, infinite or negative conductances.
    """
    if len(shape) < 2 or 0 in shape:
        raise InputError(
            f"Conductances of shape {tuple(shape)} make no array; give rows x columns with at least one cell."
        )
    if bad:
        raise InputError(f"The conductances have {bad} NaN or infinite entries; replace them.")
    if lowest_S < 0:
        raise InputError(f"A conductance of {lowest_S:g} S is negative; give 0 S or more for each cell.")


def require_lines(row_total_S, col_total_S, *, where: str = "The array") -> None:
    """Check that every row has a load and every column a source.

    Args:
        row_total_S: (..., rows) sums of the conductances along each row, NumPy.
        col_total_S: (..., cols) sums along each column.
        where: start of the sentence, e.g. a file's name.

    Raises:
        InputError: an all-open row, or a column that no current can reach.
    """
    for totals, line, fault in (
        (row_total_S, "row", "is open: all its cells have 0 S"),
        (col_total_S, "column", "has cells of 0 S only, so no current can reach it"),
    ):
        empty = (totals == 0).reshape(-1, totals.shape[-1]).any(0).nonzero()[0]
        if empty.size:
            more = f" (and {empty.size - 1} more)" if empty.size > 1 else ""
            raise InputError(
                f"{where}: {line} {int(empty[0])}{more} {fault}; leave it out or give it a cell."
            )
