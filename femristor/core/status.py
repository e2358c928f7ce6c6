"""What became of a computation."""

from enum import StrEnum


class Status(StrEnum):
    """Outcome stored with every result (a failed solve raises and has no result)."""

    CONVERGED = "converged"
    MEASURED = "measured"
    SAMPLED = "sampled"
    INTERRUPTED = "interrupted"
