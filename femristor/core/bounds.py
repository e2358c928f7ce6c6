"""Bounds with a reason: counts, sizes of files and the memory of a job, refused before the work starts."""

import math
import os
from pathlib import Path
from typing import NamedTuple

from femristor.core.errors import InputError

MEMORY_VARIABLE = "FEMRISTOR_MEMORY_GB"
LARGEST_COUNT = 10_000_000
LARGEST_TEXT_BYTES = 256 * 2**20
_SHARE = 0.8
_CGROUP = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))


def check_count(
    value: int, option: str, limit: int = LARGEST_COUNT, reason: str = "", *, least: int = 1
) -> int:
    """A count inside its bounds, or one sentence with the reason.

    Args:
        value: the count that was asked for.
        option: the option, key or argument that gave it, for the message ("--points").
        limit: the largest count allowed.
        reason: why not more ("each point is a field solution"); "" for the memory of the list itself.
        least: the smallest count allowed.

    Returns:
        The count.

    Raises:
        InputError: below `least` or above `limit`.
    """
    if value < least:
        raise InputError(f"{option}: {_brief(value)} is too few; give {least} or more.")
    if value > limit:
        why = reason or "longer lists fill the memory"
        raise InputError(
            f"{option}: {_brief(value)} is more than the {limit:,} allowed, because {why}; give fewer."
        )
    return value


class Bound(NamedTuple):
    """How many of something may be asked for, and why not more.

    Attributes:
        limit: the most.
        reason: why, to be read after "because".
        least: the fewest.
    """

    limit: int
    reason: str
    least: int = 1

    def check(self, value: int, option: str) -> int:
        """`check_count` with these bounds.

        Args:
            value: the count that was asked for.
            option: the option, key or argument that gave it, for the message.

        Returns:
            The count.

        Raises:
            InputError: outside the bounds.
        """
        return check_count(value, option, self.limit, self.reason, least=self.least)


FIELD_POINTS = Bound(100_000, "each is a solution of the fields")
INSTRUMENT_POINTS = Bound(1_000_000, "each is a point of every cell's sweep", 2)
SWEEP_POINTS = Bound(100_000, "each is a step of the solver and a line of the result", 2)
SWEEP_STEPS = Bound(4_000_000, "each is a step of the solver and a line of the result")
CYCLES = Bound(10_000, "each is a whole sweep")
PULSES = Bound(1_000_000, "each is three steps of the solver and a line of the result", 0)
GRID_POINTS = Bound(2_000, "a field solution is made at each point of the grid", 2)
AMBIENTS = Bound(50, "the whole grid is solved at each")
PROBES = Bound(10_000, "each is a sweep of field solutions", 0)
PROCESSES = Bound(256, "each is a process of its own")
SIDE = Bound(65_536, "no array is wider and memory grows with the square")
CELLS = Bound(10_000_000, "each keeps its own state")
LEVELS = Bound(10_000, "levels closer than their noise are one level")
SEEDS = Bound(1_000, "each repeats the whole run")
SEED = Bound(2**63 - 1, "seeds have 63 bits", 0)
DRAWS = Bound(100_000, "each programs every cell again")
VECTORS = Bound(1_000_000, "each is multiplied at every time of every draw")
TILE = Bound(65_536, "no crossbar is wider", 0)
BITS = Bound(24, "a float32 resolves no more", 0)
DIGITS = Bound(17, "a double has no more")
EPOCHS = Bound(100_000, "each is a pass over all data")
HOLD = Bound(100_000, "no training has more epochs", 0)
BATCH = Bound(1_000_000, "a batch is held in memory at once")
SAMPLES = Bound(100_000_000, "no data set is that long", 0)
WIRED_TILE = Bound(4_096, "its wires are solved exactly, with a system of twice rows x columns", 0)
LAYERS = Bound(1_000, "each keeps its own states and weights")
EVERY = Bound(1_000_000, "nothing would ever be transferred")


def check_memory(need_bytes: float, what: str, remedy: str) -> None:
    """Refuse a job that would not fit, before it starts.

    Args:
        need_bytes: memory that the job takes at its peak.
        what: the job and where its size comes from ("--rows 100000 x --cols 100000").
        remedy: what to lower, as an imperative ("give fewer rows").

    Raises:
        InputError: more than `memory_budget_bytes`.
    """
    budget = memory_budget_bytes()
    if need_bytes > budget:
        raise InputError(
            f"{what} takes about {_gigabytes(need_bytes)} of memory and {_gigabytes(budget)} may be used; {remedy}, "
            f"or allow more with the environment variable {MEMORY_VARIABLE}."
        )


def memory_budget_bytes() -> float:
    """Memory that a job may take: FEMRISTOR_MEMORY_GB, or four fifths of what the machine has available now.

    Returns:
        Bytes.

    Raises:
        InputError: FEMRISTOR_MEMORY_GB is no positive number.
    """
    given = os.environ.get(MEMORY_VARIABLE, "").strip()
    if not given:
        return _SHARE * min(_available_bytes(), _group_bytes())
    try:
        value = float(given)
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value > 0):
        raise InputError(
            f'{MEMORY_VARIABLE}: "{given[:40]}" is not a positive number of gigabytes; write e.g. 4.'
        )
    return value * 1e9


def _available_bytes() -> float:
    try:
        for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return float(line.split()[1]) * 1024
    except (OSError, ValueError, IndexError):
        pass
    try:
        return float(os.sysconf("SC_PHYS_PAGES")) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError):
        return math.inf


def _group_bytes() -> float:
    for place in _CGROUP:
        try:
            return float(place.read_text(encoding="ascii"))
        except (OSError, ValueError):
            continue
    return math.inf


def _gigabytes(amount: float) -> str:
    return f"{amount / 1e9:.3g} GB"


def _brief(value: int) -> str:
    # Python refuses to print integers of thousands of digits.
    return str(value) if abs(value) < 10**20 else f"a number of {int(math.log10(abs(value))) + 1} digits"
