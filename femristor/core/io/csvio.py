"""Numeric tables in text files: comments, separators, units in the header, gzip; errors name the row."""

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from femristor.core.errors import DataError, InputError
from femristor.core.io.files import read_text
from femristor.core.units import NOT_FINITE, is_number, parse_number, scale_to, spelling_hint

_UNIT = re.compile(r"^(?P<name>.*?)\s*[\[(](?P<unit>[^\])]+)[\])]\s*$")
_DIGITS = re.compile(r"[+-]?[.,]?[0-9][0-9.,']*(?:[eE][+-]?[0-9]+)?")
KNOWN_UNITS = (
    "V",
    "mV",
    "A",
    "mA",
    "uA",
    "nA",
    "pA",
    "s",
    "ms",
    "us",
    "ns",
    "K",
    "degC",
    "S",
    "uS",
    "mS",
    "nS",
)


@dataclass(frozen=True)
class Table:
    """Columns of a text file.

    Attributes:
        path: the file.
        columns: header name to its text cells.
        lines: line number of each row in the file, from 1.
        comments: comment lines without their mark.
    """

    path: Path
    columns: dict[str, list[str]]
    lines: list[int]
    comments: tuple[str, ...]

    def numbers(self, name: str, unit: str) -> np.ndarray:
        """A column as SI numbers; the header's unit is converted.

        Args:
            name: header name.
            unit: SI unit wanted, "" to leave the numbers alone.

        Returns:
            (rows,) array.

        Raises:
            DataError: a cell that is no finite number, or a wrong unit.
        """
        values = np.empty(len(self.lines))
        for row, (text, line) in enumerate(zip(self.columns[name], self.lines, strict=True)):
            values[row] = cell_number(text, f"{self.path}: line {line}, column {name}")
        written = split_unit(name)[1]
        if unit and written:
            if unit == "K" and written == "degC":
                return values + 273.15
            values = values * scale_to(written, unit, f"{self.path}: column {name}")
        return values


def split_unit(header: str) -> tuple[str, str]:
    """Split "current [uA]", "current (uA)" or "current_uA" into name and unit.

    Args:
        header: a column's header.

    Returns:
        (name in lower case, unit or "").
    """
    match = _UNIT.match(header.strip())
    if match:
        return match["name"].strip().lower(), match["unit"].strip()
    head, _, tail = header.strip().rpartition("_")
    if head and tail in KNOWN_UNITS:
        return head.lower(), tail
    return header.strip().lower(), ""


def read_table(path: str | Path, kind: str) -> Table:
    """Read a delimited text file with one header line.

    Args:
        path: .csv, .tsv or .txt, also .gz; comma, semicolon, tab or blanks between cells; # comments.
        kind: what it should hold, for messages.

    Returns:
        Table of text cells.

    Raises:
        DataError: missing, empty, no header, no rows, or rows of another length.
    """
    source = Path(path)
    text = read_text(source, kind)
    comments = tuple(line.lstrip("# ").strip() for line in text.splitlines() if line.lstrip().startswith("#"))
    rows = [
        (number, line.strip())
        for number, line in enumerate(text.splitlines(), start=1)
        if line.strip() and not line.lstrip().startswith("#")
    ]
    if len(rows) < 2:
        raise DataError(f"{source}: has no data rows; a {kind} needs a header line and at least two rows.")
    mark = _separator(rows[0][1])
    header = _cells(rows[0][1], mark)
    if all(is_numeric(cell) for cell in header):
        raise DataError(
            f"{source}: line {rows[0][0]} holds numbers where the header should be; name the columns first."
        )
    if len(set(header)) != len(header):
        raise DataError(f"{source}: two columns have the same header; name each column once.")
    columns: dict[str, list[str]] = {name: [] for name in header}
    for number, line in rows[1:]:
        cells = _cells(line, mark)
        if len(cells) != len(header):
            raise DataError(
                f"{source}: line {number} has {len(cells)} cells and the header {len(header)}; "
                "complete the row."
            )
        for name, cell in zip(header, cells, strict=True):
            columns[name].append(cell)
    return Table(source, columns, [number for number, _ in rows[1:]], comments)


def split_cells(line: str) -> list[str]:
    """Cells of a line by itself: tab, semicolon, comma or blanks between them, the first of these that is there.

    Args:
        line: of a file without a header.

    Returns:
        Cells without blanks and quotation marks around them.
    """
    return _cells(line, _separator(line))


def is_numeric(text: str) -> bool:
    """Whether a cell is no name: a number, one with marks between its digits, or NaN or infinity."""
    return bool(_DIGITS.fullmatch(text.strip())) or text.strip().lower().lstrip("+-") in NOT_FINITE


def _separator(line: str) -> str | None:
    for mark in ("\t", ";", ","):
        if mark in line:
            return mark
    return None


def _cells(line: str, mark: str | None) -> list[str]:
    return [cell.strip().strip('"') for cell in line.split(mark)]


def cell_number(text: str, place: str) -> float:
    """The finite number in a cell of a table.

    Args:
        text: the cell.
        place: file, line and column, for the message.

    Returns:
        The number.

    Raises:
        DataError: an empty cell, no number, a decimal comma, NaN or infinity.
    """
    if not text.strip():
        raise DataError(f"{place}: the value is missing; fill the cell or remove the row.")
    if text.strip().lower().lstrip("+-") in NOT_FINITE:
        raise DataError(f"{place}: {text.strip()} is not finite; remove the row.")
    if not is_number(text):
        raise DataError(f"{place}: '{text[:60]}' is not a number{spelling_hint(text)}; correct the row.")
    try:
        return parse_number(text, place)
    except InputError as error:
        raise DataError(str(error)) from None
