"""Errors that a user meets: each is one clear sentence naming the cause and the remedy.

The command line prints the sentence and exits with `exit_code`; nothing else derives from these.
"""


class FemristorError(Exception):
    """Base of all errors raised on purpose; its text is one sentence for the user."""

    exit_code = 2


class InputError(FemristorError):
    """An argument that cannot be used: wrong shape, sign, NaN, outside its window."""


class CardError(InputError):
    """A device card with a wrong unit, a missing or unknown key, or impossible geometry."""


class DataError(InputError):
    """A data file that cannot be read as what it should be."""


class StoreError(InputError):
    """A result file that is truncated, of another type, or of a newer schema."""


class RangeError(InputError):
    """A question outside the range that a table or law was made for; we never extrapolate."""


class ConvergenceError(FemristorError):
    """A solve that did not converge; the last iterate is not returned."""


class MissingDependencyError(FemristorError):
    """An optional program or library that is not installed."""


class VoidError(ConvergenceError):
    """A solve that converged where its laws say nothing, as above the melting point of the cell."""


class OutputError(FemristorError):
    """An output folder or file that cannot be written."""
