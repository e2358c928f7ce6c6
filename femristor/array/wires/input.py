"""Matrices of numbers in CSV files: conductances of an array and the voltages on its lines."""

from pathlib import Path

import numpy as np

from femristor.core.errors import DataError
from femristor.core.io.csvio import cell_number, is_numeric, split_cells
from femristor.core.io.files import read_text


def read_matrix(path: str | Path, kind: str, *, header: bool) -> np.ndarray:
    """Read rows of numbers; comma, semicolon, tab or blanks between cells, # comments.

    Args:
        path: text file.
        kind: what it should hold, for messages.
        header: whether a header line must be there; otherwise one is skipped where it is.

    Returns:
        (rows, columns) array.

    Raises:
        DataError: missing, empty, no header, rows of another length, a cell that is no finite number.
    """
    source = Path(path)
    lines = [
        (number, line.strip())
        for number, line in enumerate(read_text(source, kind).splitlines(), start=1)
        if line.strip() and not line.lstrip().startswith("#")
    ]
    if not lines:
        raise DataError(f"{source}: holds comments only; a {kind} is expected.")
    first = split_cells(lines[0][1])
    named = _is_header(first)
    if header and not named:
        raise DataError(
            f"{source}: line {lines[0][0]} holds numbers where the header should be; name the columns first."
        )
    width = len(first)
    rows = [_row(source, number, line, width) for number, line in lines[1 if named else 0 :]]
    if not rows:
        raise DataError(f"{source}: has no data rows after the header; a {kind} needs at least one.")
    return np.array(rows)


def _row(source: Path, number: int, line: str, width: int) -> list[float]:
    cells = split_cells(line)
    if len(cells) != width:
        raise DataError(
            f"{source}: line {number} has {len(cells)} cells and the first line {width}; complete the row."
        )
    return [
        cell_number(text, f"{source}: line {number}, column {place}")
        for place, text in enumerate(cells, start=1)
    ]


def _is_header(cells: list[str]) -> bool:
    """Words, or the whole numbers 0, 1, 2, ... (1, 2, 3, ...) that tables write for columns without names."""
    count = range(len(cells))
    if len(cells) > 1 and cells in ([str(k) for k in count], [str(k + 1) for k in count]):
        return True
    # Among numbers an empty cell or a word is a value that is missing, not a name; so is "0,5".
    return any(cells) and not any(is_numeric(cell) for cell in cells)
