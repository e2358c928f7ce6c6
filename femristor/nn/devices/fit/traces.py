"""Pulse trains of many cells in one shape, whichever experiment or model made them."""

import math
from dataclasses import dataclass, field

import numpy as np

from femristor.array.results.open_loop import MeasuredPulses, OpenLoopArray
from femristor.core.errors import InputError
from femristor.core.traces import PulseTrace

LEAST_STEPS = 20
"""Fewest single steps of a direction in a cell's record."""
END_SHARE = 0.05
"""Share of a batch of pulses whose mean is its end, as in the array room."""


@dataclass(frozen=True)
class PulseTraces:
    """Conductance of each cell before and after every pulse of one train.

    Attributes:
        source: name for messages.
        unit: "S", or "1" where a record is normalised.
        conductance: (cells, pulses + 1) in that unit.
        direction: (pulses,) +1 up, -1 down, 0 a step that belongs to neither.
        set_V: amplitude of up pulses, NaN where the record does not tell it.
        reset_V: amplitude of down pulses, below 0; NaN where it is not told.
        paper_nsr: noise-to-signal ratio of the card's measured array, for comparison; NaN without a card.
        inputs: name of each input file to its hash.
        notes: what is known to be missing.
    """

    source: str
    unit: str
    conductance: np.ndarray
    direction: np.ndarray
    set_V: float = math.nan
    reset_V: float = math.nan
    paper_nsr: float = math.nan
    inputs: dict[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Check shapes, numbers, and that there are steps both ways."""
        trace = np.atleast_2d(np.asarray(self.conductance, dtype=float))
        ways = np.sign(np.asarray(self.direction)).astype(int)
        object.__setattr__(self, "conductance", trace)
        object.__setattr__(self, "direction", ways)
        if trace.ndim != 2 or ways.ndim != 1 or trace.shape[1] != ways.size + 1:
            raise InputError(
                f"{self.source}: {ways.size} pulses do not fit traces of shape {trace.shape}; "
                "each cell needs one conductance more than there are pulses."
            )
        bad = np.argwhere(~np.isfinite(trace))
        if bad.size:
            raise InputError(
                f"{self.source}: conductance {bad[0][1]} of cell {bad[0][0]} is missing (NaN); measure it again or "
                "leave the cell out."
            )
        low = np.argwhere(trace <= 0) if self.unit == "S" else np.empty((0, 2), dtype=int)
        if low.size:
            raise InputError(
                f"{self.source}: conductance {low[0][1]} of cell {low[0][0]} is not above 0 S; measure it again or leave the "
                "cell out."
            )
        for way, name in ((1, "up"), (-1, "down")):
            count = int(np.sum(ways == way))
            if count < LEAST_STEPS:
                raise InputError(
                    f"{self.source}: {count} {name} pulses are too few to tell a step; give {LEAST_STEPS} or more each way."
                )
        flat = np.flatnonzero(np.ptp(trace, axis=1) == 0)
        if flat.size:
            raise InputError(
                f"{self.source}: cell {flat[0]} does not move under pulses; leave it out or raise the amplitudes."
            )

    @property
    def cells(self) -> int:
        """How many."""
        return self.conductance.shape[0]

    @classmethod
    def of(cls, result, *, source: str | None = None, inputs: dict[str, str] | None = None) -> "PulseTraces":
        """Traces of a result of another room.

        Args:
            result: `OpenLoopArray`, `PulseTrace` or `MeasuredPulses`.
            source: name for messages.
            inputs: hashes of files.

        Returns:
            The traces; a measured record whose polarity is unknown keeps its note.

        Raises:
            InputError: another type, missing points, too few pulses.
        """
        files = dict(inputs or {})
        if isinstance(result, OpenLoopArray):
            return cls(
                source or f"{result.rows} x {result.cols} cells",
                "S",
                result.conductance_S,
                result.direction,
                set_V=result.set_V,
                reset_V=result.reset_V,
                paper_nsr=result.paper_nsr,
                inputs=files,
                notes=(f"law {result.model}, clusters of {result.cluster:g}, {result.load}",),
            )
        if isinstance(result, PulseTrace):
            trace = np.concatenate([[result.start_conductance_S], result.conductance_S])
            return cls(
                source or "pulse train",
                "S",
                trace[None],
                result.direction,
                set_V=result.set_V,
                reset_V=result.reset_V,
                inputs=files,
                notes=(result.load,),
            )
        if isinstance(result, MeasuredPulses):
            return cls(
                source or result.source,
                result.unit,
                result.conductance[None],
                result.direction,
                inputs=files,
                notes=tuple(result.notes),
            )
        raise InputError(
            f"{source or 'The file'}: {type(result).__name__} holds no pulse trains; give the result of "
            "`femristor array pulses` or `femristor pulses`, or a measured CSV."
        )

    @classmethod
    def joined(cls, parts: "list[PulseTraces]") -> "PulseTraces":
        """All cells of several results of one protocol, one unit and one pair of amplitudes.

        Raises:
            InputError: they differ, or there are none.
        """
        if not parts:
            raise InputError("There are no pulse traces; give at least one file.")
        first = parts[0]
        for other in parts[1:]:
            same = np.array_equal(other.direction, first.direction) and other.unit == first.unit
            pair = np.array([first.set_V, first.reset_V]), np.array([other.set_V, other.reset_V])
            if not (same and np.array_equal(*pair, equal_nan=True)):
                raise InputError(
                    f"{other.source} and {first.source} differ in protocol, unit or amplitudes; fit them one by one."
                )
        return cls(
            first.source if len(parts) == 1 else f"{first.source} and {len(parts) - 1} more",
            first.unit,
            np.concatenate([part.conductance for part in parts]),
            first.direction,
            set_V=first.set_V,
            reset_V=first.reset_V,
            paper_nsr=first.paper_nsr,
            inputs={name: value for part in parts for name, value in part.inputs.items()},
            notes=tuple(dict.fromkeys(note for part in parts for note in part.notes)),
        )

    def steps(self, cell: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Conductance before, change and direction of each usable pulse of a cell, all (steps,)."""
        used = self.direction != 0
        trace = self.conductance[cell]
        return trace[:-1][used], np.diff(trace)[used], self.direction[used]

    def batch_ends(self) -> tuple[np.ndarray, np.ndarray]:
        """(cells,) G_min and G_max: means over the ends of the runs in one direction (lowest, highest)."""
        edges = np.flatnonzero(np.diff(self.direction)) + 1
        ends: dict[int, list[np.ndarray]] = {1: [], -1: []}
        for run in np.split(np.arange(self.direction.size), edges):
            way = int(self.direction[run[0]])
            if way and run.size >= 2:
                count = max(1, round(END_SHARE * run.size))
                ends[way].append(self.conductance[:, run[-count:] + 1].mean(axis=1))
        if not (ends[1] and ends[-1]):
            return self.conductance.min(axis=1), self.conductance.max(axis=1)
        return np.min(ends[-1], axis=0), np.max(ends[1], axis=0)
