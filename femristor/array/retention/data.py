"""Measured retention files as arrays: relaxation, read noise and bake, tab-separated without a header line.

The layouts are those of the RRAM-Relaxation-Master-Model data (files with one row a read), plain or gzipped.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from femristor.core.errors import DataError
from femristor.core.io.csvio import cell_number
from femristor.core.io.files import read_text, sha256_file
from femristor.core.io.train_checks import LEAST_S, MOST_S

RELAXATION_COLUMNS = (
    "address",
    "time [s]",
    "resistance [ohm]",
    "conductance [S]",
    "conductance at time 0 [S]",
    "range",
    "nominal time [s]",
)
BAKE_COLUMNS = ("address", "time [s]", "resistance [ohm]", "conductance [S]", "bake temperature [degC]")
LEAST_CELLS = 20


@dataclass(frozen=True)
class RelaxationRecord:
    """Cells read at several times after programming.

    Attributes:
        time_s: (times,) nominal, rising, above 0.
        start_S: (cells,) conductance at time 0.
        change_S: (cells, times) conductance minus that at time 0, NaN where a cell was not read.
        band: (cells,) number of the range it was programmed to.
        inputs: file name to SHA-256, empty for data that were made.
    """

    time_s: np.ndarray
    start_S: np.ndarray
    change_S: np.ndarray
    band: np.ndarray
    inputs: dict[str, str]


@dataclass(frozen=True)
class ReadNoiseRecord:
    """Conductance of single cells sampled at a steady rate.

    Attributes:
        band: (records,) number of the range of each cell.
        conductance_S: (records, samples).
        rate_Hz: samples a second.
        inputs: file name to SHA-256.
    """

    band: np.ndarray
    conductance_S: np.ndarray
    rate_Hz: float
    inputs: dict[str, str]


@dataclass(frozen=True)
class BakeRecord:
    """Cells read before and after a bake.

    Attributes:
        temperature_K: (temperatures,) rising.
        before_S: (temperatures, cells).
        after_S: (temperatures, cells).
        bake_s: length of the bake.
        inputs: file name to SHA-256.
    """

    temperature_K: np.ndarray
    before_S: np.ndarray
    after_S: np.ndarray
    bake_s: float
    inputs: dict[str, str]


def read_relaxation(path: str | Path) -> RelaxationRecord:
    """Read a relaxation file: one row a read, columns RELAXATION_COLUMNS.

    Args:
        path: .tsv or .tsv.gz.

    Returns:
        RelaxationRecord.

    Raises:
        DataError: missing, truncated, cells missing in a row, numbers that are none, or too few cells or times.
    """
    table = _numbers(Path(path), "relaxation file", RELAXATION_COLUMNS)
    rows = table[table[:, 6] > 0]
    time, column = np.unique(rows[:, 6], return_inverse=True)
    address, place = np.unique(rows[:, 0], return_inverse=True)
    if time.size < 3 or address.size < LEAST_CELLS:
        raise DataError(
            f"{path}: {address.size} cells at {time.size} nominal times above 0 do not make laws; give {LEAST_CELLS} or "
            "more cells at 3 or more times."
        )
    if np.unique(np.stack([place, column]), axis=1).shape[1] != len(rows):
        raise DataError(f"{path}: a cell is read twice at one nominal time; keep one row a cell and time.")
    change = np.full((address.size, time.size), np.nan)
    change[place, column] = rows[:, 3] - rows[:, 4]
    _positive(rows[:, 3:5], path)
    start, band = np.empty(address.size), np.empty(address.size, dtype=int)
    start[place], band[place] = rows[:, 4], rows[:, 5].astype(int)
    return RelaxationRecord(time, start, change, band, _inputs(path))


def read_read_noise(path: str | Path, *, rate_Hz: float = 400.0) -> ReadNoiseRecord:
    """Read a read-noise file: one row a cell, its range, an index, then the samples.

    Args:
        path: .tsv or .tsv.gz.
        rate_Hz: samples a second; 400 in the published file.

    Returns:
        ReadNoiseRecord.

    Raises:
        DataError: missing, truncated, rows of different lengths, numbers that are none, or too few samples.
    """
    table = _numbers(Path(path), "read-noise file", None)
    if table.shape[1] < 1026:
        raise DataError(
            f"{path}: {table.shape[1] - 2} samples a row are too few for a spectrum; a read-noise file has a range, an "
            "index and 1024 or more samples a row."
        )
    if not rate_Hz > 0:
        raise DataError(f"A sampling rate of {rate_Hz:g} Hz is not possible; give a number above 0.")
    _positive(table[:, 2:], path)
    _moving(table[:, 2:], path, "record")
    return ReadNoiseRecord(table[:, 0].astype(int), table[:, 2:], float(rate_Hz), _inputs(path))


def read_bake(path: str | Path, *, bake_s: float = 3600.0) -> BakeRecord:
    """Read a bake file: one row a read, columns BAKE_COLUMNS, each cell before (time 0) and after each bake.

    Args:
        path: .tsv or .tsv.gz.
        bake_s: length of the bake, which is not in the file; 1 h in the published one.

    Returns:
        BakeRecord.

    Raises:
        DataError: missing, truncated, numbers that are none, cells without both reads, or too few temperatures.
    """
    table = _numbers(Path(path), "bake file", BAKE_COLUMNS)
    _positive(table[:, 3], path)
    temperature = np.unique(table[:, 4])
    if temperature.size < 4:
        raise DataError(
            f"{path}: {temperature.size} bake temperatures do not fix an activation energy; give 4 or more."
        )
    before, after = [], []
    for value in temperature:
        rows = table[table[:, 4] == value]
        rows = rows[np.lexsort((rows[:, 1], rows[:, 0]))]
        first, second = rows[0::2], rows[1::2]
        if len(rows) % 2 or not np.array_equal(first[:, 0], second[:, 0]) or np.any(first[:, 1] > 0):
            raise DataError(
                f"{path}: not every cell of the bake at {value:g} degC has one read at time 0 and one after; complete them."
            )
        before.append(first[:, 3])
        after.append(second[:, 3])
    if len({len(part) for part in before}) > 1 or len(before[0]) < LEAST_CELLS:
        raise DataError(
            f"{path}: the temperatures have different numbers of cells or fewer than {LEAST_CELLS}; give the same, enough cells."
        )
    _moving(np.array(after) - np.array(before), path, "bake")
    return BakeRecord(temperature + 273.15, np.array(before), np.array(after), float(bake_s), _inputs(path))


def _inputs(path: str | Path) -> dict[str, str]:
    return {Path(path).name: sha256_file(path)}


def _numbers(source: Path, kind: str, columns: tuple[str, ...] | None) -> np.ndarray:
    """(rows, columns) of finite numbers."""
    lines = [
        (number, line)
        for number, line in enumerate(read_text(source, kind).splitlines(), start=1)
        if line.strip()
    ]
    if not lines:
        raise DataError(f"{source}: the file is empty; a {kind} is expected.")
    cells = [line.split("\t") for _, line in lines]
    wanted = len(columns) if columns else len(cells[0])
    layout = f" ({', '.join(columns)})" if columns else ""
    for (number, _), row in zip(lines, cells, strict=True):
        if len(row) != wanted:
            raise DataError(
                f"{source}: line {number} has {len(row)} tab-separated cells, but a {kind} has {wanted}{layout}; "
                "correct the row."
            )
    return np.array(
        [
            [
                cell_number(text, f"{source}: line {number}, column {place}")
                for place, text in enumerate(row, 1)
            ]
            for (number, _), row in zip(lines, cells, strict=True)
        ]
    )


def _positive(values: np.ndarray, path) -> None:
    if not np.all(values > 0):
        raise DataError(f"{path}: a conductance of 0 or below is in the file; remove that record.")
    if not (np.all(values >= LEAST_S) and np.all(values <= MOST_S)):
        worst = float(values.max() if values.max() > MOST_S else values.min())
        raise DataError(
            f"{path}: a conductance of {worst:.3g} S is no cell's ({LEAST_S:g} to {MOST_S:g} S); give siemens."
        )


def _moving(values: np.ndarray, path, what: str) -> None:
    """Rows of reads that are all the same tell no law."""
    still = np.flatnonzero(np.ptp(values, axis=1) == 0)
    if still.size:
        raise DataError(
            f"{path}: the conductances of {what} {int(still[0]) + 1} are all the same, so they tell no noise and no drift; leave "
            "it out, or give the numbers that were read."
        )
