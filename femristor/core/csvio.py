"""Numeric tables in text files: comments, separators, units in the header, gzip; errors name the row."""

import gzip
import io
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from femristor.core.errors import DataError
from femristor.core.files import read_text
from femristor.core.units import scale_to

_UNIT = re.compile(r"^(?P<name>.*?)\s*[\[(](?P<unit>[^\])]+)[\])]\s*$")
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
            try:
                values[row] = float(text)
            except ValueError:
                raise DataError(
                    f"{self.path}: line {line}, column {name}: '{text}' is not a number; correct the row."
                ) from None
            if not np.isfinite(values[row]):
                raise DataError(
                    f"{self.path}: line {line}, column {name}: {text} is not finite; remove the row."
                )
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
    text = _read_maybe_gzip(source, kind)
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
    if all(_is_number(cell) for cell in header):
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


def _read_maybe_gzip(source: Path, kind: str) -> str:
    if source.suffix != ".gz":
        return read_text(source, kind)
    try:
        with gzip.open(source) as stream:
            text = io.TextIOWrapper(stream, encoding="utf-8-sig").read()
    except FileNotFoundError:
        raise DataError(f"{source}: no such file; give the path of a {kind}.") from None
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise DataError(f"{source}: truncated or not a gzipped text file; fetch it again.") from error
    if not text.strip():
        raise DataError(f"{source}: the file is empty; a {kind} is expected.")
    return text


def _separator(line: str) -> str | None:
    for mark in ("\t", ";", ","):
        if mark in line:
            return mark
    return None


def _cells(line: str, mark: str | None) -> list[str]:
    return [cell.strip().strip('"') for cell in line.split(mark)]


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
