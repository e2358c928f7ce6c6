"""A measured or computed pulse train as the fit takes it: from a text file, with the directions of its pulses."""

import re
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from femristor.core.errors import DataError, InputError
from femristor.core.io.csvio import Table, read_table, split_unit
from femristor.core.io.files import sha256_file
from femristor.core.io.train_checks import check_conductances, check_pulse_numbers, check_ways
from femristor.device.load_line import BARE_KIND, Load, current

FEWEST = 20
"""Fewest pulses of a fit."""
ALIASES = {
    "conductance": ("g_device", "conductance", "g", "g_cell"),
    "direction": ("direction", "polarity"),
}
"""Quantity to headers, the first that is there; I/V of the cell itself before that at the terminals."""
_PART = re.compile(r"^(up|set|down|reset|alternate):([0-9]+)$")


@dataclass(frozen=True)
class PulseData:
    """A measured or computed train.

    Attributes:
        conductance_S: (pulses,) after each pulse.
        directions: (pulses,) 1 set, -1 reset; that of the pulse before the read.
        read_at: "device" (I/V of the cell) or "terminals" (I/V with the read line in series).
        origin: file or record.
        inputs: name and SHA-256 of the file.
    """

    conductance_S: np.ndarray
    directions: np.ndarray
    read_at: str = "device"
    origin: str = ""
    inputs: dict[str, str] | None = None

    def __post_init__(self):
        """Check lengths, directions and conductances."""
        if self.conductance_S.size < FEWEST or self.conductance_S.shape != self.directions.shape:
            raise InputError(
                f"{self.origin or 'The train'} has {self.conductance_S.size} conductances and {self.directions.size} "
                f"directions; a fit needs {FEWEST} or more of each."
            )
        if not (np.any(self.directions > 0) and np.any(self.directions < 0)):
            raise InputError(
                f"{self.origin or 'The train'} has pulses in one direction only; a fit needs both."
            )
        check_conductances(self.conductance_S, self.origin or "The train")
        check_ways(self.conductance_S, self.directions[1:], self.origin or "The train")


def read_pulses_csv(
    path: str | Path,
    columns: dict[str, str] | None = None,
    *,
    directions: str | None = None,
    read_at: str | None = None,
) -> PulseData:
    """Read a train: one row a pulse, the conductance after it.

    Args:
        path: text file with a conductance column (unit in the header, S without one) and, unless `directions` is
            given, a direction column of 1 and -1.
        columns: quantity (conductance, direction) to header, where ours do not fit.
        directions: pulses in words, e.g. "up:155,down:135,alternate:20"; an alternating part begins with set.
        read_at: "device" or "terminals"; a column G_device, and G_S beside N_m3 as `femristor pulses` writes it, is
            read at the device, others at the terminals.

    Returns:
        PulseData.

    Raises:
        DataError: no such column, no numbers, directions other than 1 and -1.
        InputError: directions that do not fit the rows.
    """
    table = read_table(path, "pulse train")
    header = _find(table, "conductance", dict(columns or {}))
    if header is None:
        raise DataError(
            f"{path}: no conductance column; it has {', '.join(table.columns)}; name it with --column conductance=NAME."
        )
    conductance = table.numbers(header, "S")
    check_pulse_numbers(table)
    if directions is not None:
        shots = parse_directions(directions, conductance.size, str(path))
    else:
        shots = _directions(table, dict(columns or {}))
    own = header == "G_S" and "N_m3" in table.columns
    at = read_at or ("device" if own or split_unit(header)[0] == "g_device" else "terminals")
    return PulseData(conductance, shots, at, Path(path).name, {Path(path).name: sha256_file(path)})


def parse_directions(text: str, rows: int, name: str = "the train") -> np.ndarray:
    """Directions in words as (rows,) 1 and -1.

    Raises:
        InputError: not in this form, or another number of pulses.
    """
    parts = []
    for piece in text.split(","):
        found = _PART.match(piece.strip())
        if not found:
            raise InputError(
                f"Directions '{text}': '{piece.strip()}' is no part; write up:155,down:65,alternate:20."
            )
        count = int(found[2])
        turns = np.where(np.arange(count) % 2 == 0, 1, -1)
        parts.append(
            turns if found[1] == "alternate" else np.full(count, 1 if found[1] in ("up", "set") else -1)
        )
    shots = np.concatenate(parts)
    if shots.size != rows:
        raise InputError(
            f"Directions '{text}' are {shots.size} pulses, {name} has {rows} rows; make them fit."
        )
    return shots


def _directions(table: Table, columns: dict[str, str]) -> np.ndarray:
    header = _find(table, "direction", columns)
    if header is None:
        raise DataError(
            f"{table.path}: no direction column; it has {', '.join(table.columns)}; name it with --column direction=NAME "
            "or give --directions up:155,down:65."
        )
    shots = table.numbers(header, "")
    wrong = np.flatnonzero(np.abs(shots) != 1)
    if wrong.size:
        line = table.lines[int(wrong[0])]
        raise DataError(
            f"{table.path}: line {line}, column {header}: {shots[wrong[0]]:g} is no direction; write 1 for set and -1 for "
            "reset."
        )
    return shots.astype(int)


def _find(table: Table, quantity: str, columns: dict[str, str]) -> str | None:
    """Header of a quantity, None without one."""
    for given, header in columns.items():
        if given not in ALIASES or header not in table.columns:
            raise DataError(
                f"{table.path}: no column {given}={header}; the quantities are {', '.join(ALIASES)}, the columns "
                f"{', '.join(table.columns)}."
            )
    if quantity in columns:
        return columns[quantity]
    for alias in ALIASES[quantity]:
        for header in table.columns:
            if alias in (split_unit(header)[0], header.strip().lower()):
                return header
    return None


def is_bare(load: Load) -> bool:
    """Whether nothing is in series in either direction."""
    return load.line(1).kind == BARE_KIND and load.line(-1).kind == BARE_KIND


def scaled_load(load: Load, factor: float) -> Load:
    """A load that carries `factor` times the current at the same voltages; a bare cell stays bare."""
    if factor == 1.0 or is_bare(load):
        return load
    if load.channel is not None:
        return replace(load, channel=replace(load.channel, gain_A_per_V2=load.channel.gain_A_per_V2 * factor))
    return replace(
        load,
        set_ohm=load.set_ohm / factor,
        set_limit_A=load.set_limit_A * factor,
        reset_ohm=load.reset_ohm / factor,
        reset_limit_A=load.reset_limit_A * factor,
    )


def at_terminals(conductance_S: np.ndarray, load: Load, read_V: float) -> np.ndarray:
    """I/V_applied of cells whose own I/V is known, with the read line in series (bisection).

    Args:
        conductance_S: (...) I/V of the cell.
        load: in series.
        read_V: applied.

    Returns:
        (...) conductances [S].
    """
    line = load.line(1, read=True)
    if line.kind == BARE_KIND:
        return conductance_S
    low, high = np.zeros_like(conductance_S), np.full_like(conductance_S, read_V)
    for _ in range(50):
        middle = 0.5 * (low + high)
        more = conductance_S * middle > current(line, read_V, middle)
        low, high = np.where(more, low, middle), np.where(more, middle, high)
    return conductance_S * 0.5 * (low + high) / read_V
