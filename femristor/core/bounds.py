"""Bounds with a reason: counts, sizes of files and the memory of a job, refused before the work starts."""

import math
import os
from pathlib import Path

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
