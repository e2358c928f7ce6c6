"""N_states, skew and NSR of measured pulse records, as far as a record tells them.

Layouts: a conductance column with a direction (or phase) column; a conductance column alone (the polarity of each pulse is
then read from the turns of the record); an up and a down column, with or without header. With 8 or more alternating
pulses the figures are the paper's (Falcone et al., arXiv 2502.04524, eqs. 1-3). Without them the symmetry point is where
the smoothed steps of the up and of the down pulses cross, |dG| and its deviation are those of the single pulses within
`NEAR` of the window around it; without a crossing they are taken at the middle of the window and there is no skew.
"""

import itertools
import math
from pathlib import Path

import numpy as np

from femristor.array.results.open_loop import MeasuredPulses
from femristor.compact.noise.stochastic import END_FRACTION
from femristor.core.errors import DataError, InputError
from femristor.core.io.csvio import Table, cell_number, is_numeric, read_table, split_cells, split_unit
from femristor.core.io.files import read_text, sha256_file
from femristor.core.io.train_checks import check_conductances, check_pulse_numbers, check_ways
from femristor.core.provenance import Provenance, Status

LEAST_PULSES = 20
"""Fewest pulses of a record."""
LEAST_NEAR = 4
"""Fewest single steps of a direction near the symmetry point."""
NEAR = 0.1
"""Half width, of the window, in which steps count as near the symmetry point."""
TURN = 0.4
"""A turn of the record counts from this share of its window on."""
BINS = 12
"""Conductances at which step curves are compared."""
LEAST_ALTERNATING = 8


def read_pulses(path: str | Path) -> tuple[np.ndarray, np.ndarray, str, tuple[str, ...]]:
    """Read a pulse record.

    Args:
        path: text file in one of the layouts of this module.

    Returns:
        Conductances (pulses + 1,), directions (pulses,) with 0 where not known, unit "S" or "1", notes.

    Raises:
        DataError: missing cells, text, no conductance column, too few pulses.
    """
    text = read_text(path, "pulse record")
    lines = [
        (number, line.strip())
        for number, line in enumerate(text.splitlines(), start=1)
        if line.strip() and not line.lstrip().startswith("#")
    ]
    if lines and all(is_numeric(cell) for cell in split_cells(lines[0][1])):
        return _headless(Path(path), lines)
    table = read_table(path, "pulse record")
    names = {split_unit(header)[0].replace(" ", "_"): header for header in table.columns}
    pair = [names.get(f"conductance_{way}", names.get(way)) for way in ("up", "down")]
    if None not in pair:
        up, down = (table.numbers(name, _unit(name)) for name in pair)
        return _joined(up, down, _unit(pair[0]) or "1")
    main = next((names[name] for name in ("conductance", "g") if name in names), None)
    if main is None:
        raise DataError(
            f"{path}: no conductance column among {', '.join(table.columns)}; name it conductance_uS, or conductance_up_uS "
            "and conductance_down_uS."
        )
    values, unit = table.numbers(main, _unit(main)), _unit(main) or "1"
    check_pulse_numbers(table)
    _check_length(values.size, path)
    if "direction" in names:
        return values, _signs(table, names["direction"])[1:], unit, ()
    return values, _turns(values), unit, (_NO_POLARITY,)


def _signs(table: Table, header: str) -> np.ndarray:
    ways = table.numbers(header, "")
    wrong = np.flatnonzero(~np.isin(ways, (-1.0, 0.0, 1.0)))
    if wrong.size:
        raise DataError(
            f"{table.path}: line {table.lines[int(wrong[0])]}, column {header}: {ways[wrong[0]]:g} is no direction; write 1 for "
            "up, -1 for down and 0 for neither."
        )
    return ways.astype(int)


_NO_POLARITY = (
    "the record does not tell the polarity of its pulses; it is read from the turns of the conductance"
)


def extract_pulses(
    conductance,
    direction,
    *,
    unit: str = "S",
    source: str = "record",
    notes: tuple[str, ...] = (),
    inputs=None,
) -> MeasuredPulses:
    """Figures of merit of one cell's record.

    Args:
        conductance: (pulses + 1,) before the first and after each pulse.
        direction: (pulses,) +1 up, -1 down, 0 not known (not used).
        unit: of the conductances.
        source: name for messages.
        notes: what is known to be missing.
        inputs: hashes of files.

    Returns:
        MeasuredPulses.

    Raises:
        InputError: missing points, too few pulses, lengths that do not fit, a record without up or down pulses.
    """
    trace, ways = np.asarray(conductance, dtype=float), np.sign(np.asarray(direction)).astype(int)
    _check(trace, ways, source, unit)
    step, at = np.diff(trace), trace[:-1]
    alternating = _alternating(ways)
    batch = ways.copy()
    if alternating < ways.size:
        batch[alternating:] = 0
    low, high = _window(trace, batch)
    middle, said = 0.5 * (low + high), list(notes)
    if ways.size - alternating >= LEAST_ALTERNATING:
        method, half = "alternating", alternating + (ways.size - alternating) // 2
        half += (half - alternating) % 2
        symmetry, near = float(trace[half:].mean()), np.arange(ways.size) >= half
    else:
        said.append("there are no alternating pulses; the symmetry point is where the step curves cross")
        symmetry = _crossing(at, step, batch, low, high)
        method = "crossing" if math.isfinite(symmetry) else "middle"
        if method == "middle":
            said[-1] = (
                "there are no alternating pulses and the step curves of up and down do not cross: no skew"
            )
        centre = symmetry if method == "crossing" else middle
        near = (np.abs(at - centre) <= NEAR * (high - low)) & (batch != 0)
    signed = step[near] * ways[near]
    few = min(np.sum(ways[near] > 0), np.sum(ways[near] < 0)) < LEAST_NEAR
    size = float(np.mean(np.abs(signed))) if not few else math.nan
    if few:
        said.append(f"fewer than {LEAST_NEAR} up or down pulses near the symmetry point: no N_states, no NSR")
    span = high - low
    return MeasuredPulses(
        source, unit, ways, trace, low, high, symmetry,
        n_states=span / size if size > 0 else math.nan,
        skew=(high - symmetry) / span,
        nsr=float(np.std(signed, ddof=1)) / size if size > 0 else math.nan,
        method=method, notes=tuple(said), status=Status.CONVERGED,
        provenance=Provenance.create("array.pulse_extract", inputs=inputs),
    )  # fmt: skip


def measured_pulses(path: str | Path) -> MeasuredPulses:
    """`read_pulses` and `extract_pulses` of one file; raises DataError."""
    trace, ways, unit, notes = read_pulses(path)
    try:
        return extract_pulses(
            trace, ways, unit=unit, source=Path(path).name, notes=notes, inputs={str(path): sha256_file(path)}
        )
    except InputError as error:
        raise DataError(f"{path}: {str(error).partition(': ')[2]}") from None


def _headless(path: Path, lines: list[tuple[int, str]]):
    columns = len(split_cells(lines[0][1]))
    if columns != 2:
        raise DataError(
            f"{path}: {columns} columns without a header; name them, or give two: conductance after up, after down pulses."
        )
    rows = []
    for number, line in lines:
        cells = split_cells(line)
        if len(cells) != 2:
            raise DataError(f"{path}: line {number} does not hold two numbers; complete or remove it.")
        rows.append([cell_number(cell, f"{path}: line {number}, column {k}") for k, cell in enumerate(cells, 1)])
    _check_length(2 * len(rows), path)
    up, down = np.array(rows).T
    return _joined(up, down, "1")


def _joined(up: np.ndarray, down: np.ndarray, unit: str):
    """The two batches as one record; the step between them belongs to none."""
    ways = np.concatenate([np.ones(up.size - 1, int), [0], -np.ones(down.size - 1, int)])
    notes = ("the conductances have no unit; figures of merit need none",) if unit == "1" else ()
    return np.concatenate([up, down]), ways, unit, notes


def _check_length(pulses: int, path) -> None:
    if pulses < LEAST_PULSES:
        raise DataError(
            f"{path}: {pulses} pulses are too few for figures of merit; give {LEAST_PULSES} or more."
        )


def _check(trace: np.ndarray, ways: np.ndarray, source: str, unit: str) -> None:
    if trace.ndim != 1 or ways.shape != (max(trace.size - 1, 0),):
        raise InputError(
            f"{source}: {ways.size} directions do not fit {trace.size} conductances; give one less, that of each pulse."
        )
    if not np.isfinite(trace).all():
        raise InputError(
            f"{source}: conductance {int(np.argmin(np.isfinite(trace)))} is missing (NaN); measure again or leave the cell out."
        )
    if trace.size <= LEAST_PULSES:
        raise InputError(f"{source}: {ways.size} pulses are too few; give {LEAST_PULSES} or more.")
    if not (np.any(ways > 0) and np.any(ways < 0)):
        raise InputError(
            f"{source}: there are only {'up' if np.any(ways > 0) else 'down'} pulses; the figures of merit need both ways."
        )
    check_conductances(trace, source, unit=unit)
    check_ways(trace, ways, source)


def _alternating(ways: np.ndarray) -> int:
    """First pulse of the alternating end, the number of pulses if there is none."""
    turns = np.flatnonzero(ways[1:] * ways[:-1] != -1)
    first = 0 if turns.size == 0 else int(turns[-1]) + 1
    return first if ways.size - first >= LEAST_ALTERNATING else ways.size


def _window(trace: np.ndarray, batch: np.ndarray) -> tuple[float, float]:
    """Means over the ends of the batches: the lowest of the down ends, the highest of the up ends."""
    ends = {1: [], -1: []}
    edges = np.flatnonzero(np.diff(batch)) + 1
    for part in np.split(np.arange(batch.size), edges):
        way = int(batch[part[0]])
        if way and part.size >= 2:
            count = max(1, round(END_FRACTION * part.size))
            ends[way].append(float(trace[part[-count:] + 1].mean()))
    if not (ends[1] and ends[-1]):
        return float(trace.min()), float(trace.max())
    return min(ends[-1]), max(ends[1])


def _crossing(at, step, ways, low: float, high: float) -> float:
    """Conductance where the smoothed steps up and down are equal, NaN where they do not cross."""
    centres = low + (high - low) * (np.arange(BINS) + 0.5) / BINS
    gaps = np.full(BINS, np.nan)
    for index, centre in enumerate(centres):
        here = np.abs(at - centre) <= (high - low) / BINS
        up, down = step[here & (ways > 0)], step[here & (ways < 0)]
        if min(up.size, down.size) >= LEAST_NEAR:
            gaps[index] = up.mean() + down.mean()
    known = np.isfinite(gaps)
    centres, gaps = centres[known], gaps[known]
    if gaps.size < 4:
        return math.nan
    # A line through all bins, weighted equally: single bins hold few pulses and may cross several times.
    slope, offset = np.polyfit(centres, gaps, 1)
    if not slope < 0:
        return math.nan
    found = -offset / slope
    return float(found) if centres[0] <= found <= centres[-1] else math.nan


def _turns(trace: np.ndarray) -> np.ndarray:
    """(pulses,) direction of the run between large turns; 0 where the record stands."""
    width = max(3, trace.size // 60) | 1
    padded = np.pad(trace, width // 2, mode="edge")
    smooth = np.median(np.lib.stride_tricks.sliding_window_view(padded, width), axis=1)
    span = float(np.ptp(smooth))
    turns, extreme, way = [0], 0, 0
    for index, value in enumerate(smooth):
        lead = value - smooth[extreme]
        if way == 0:
            way = int(np.sign(value - smooth[0])) if abs(value - smooth[0]) > TURN * span else 0
            extreme = index if way else extreme
        elif lead * way >= 0:
            extreme = index
        elif abs(lead) > TURN * span:
            turns.append(extreme)
            extreme, way = index, -way
    turns.append(trace.size - 1)
    ways = np.zeros(trace.size - 1, dtype=int)
    for first, last in itertools.pairwise(turns):
        own = 1 if smooth[last] > smooth[first] else -1
        # A plateau before the run (the record stands) belongs to none: the run starts where it leaves the first value.
        gone = own * (smooth[first : last + 1] - smooth[first]) > 0.1 * span
        start = first + (int(np.argmax(gone)) if gone.any() else 0)
        begin = max(first, start - width) if start - first > 4 * width else first
        ways[begin:last] = own
    return ways


def _unit(header: str) -> str:
    unit = split_unit(header)[1]
    if unit and not unit.endswith("S"):
        raise DataError(
            f"column {header}: a conductance in {unit} is not possible; give S, mS, uS or nS, or no unit for a normalised record."
        )
    return "S" if unit else ""
