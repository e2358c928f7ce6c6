"""Results hold numbers: one with a NaN or an infinity that its type does not declare as undefined is refused.

`store.storable` types check themselves when they are made, so that none can be printed, stored, drawn or handed on;
the command line checks what it prints.
"""

import dataclasses
import math
from enum import Enum

import numpy as np

from femristor.core.errors import ConvergenceError

UNDEFINED: set[str] = set()
"""Names of entries that may be NaN or infinite, because a result type or a command declares them so."""


def check_finite(value, what: str, undefined=()) -> None:
    """Refuse a result with a number that is none.

    Args:
        value: dictionaries, sequences, dataclasses, arrays, numbers, anything; types that check themselves are left out.
        what: the result in words, the subject of the sentence.
        undefined: names of entries that may be NaN or infinite.

    Raises:
        ConvergenceError: it has a NaN or an infinity; the sentence names the entry.
    """
    found = _first_nonfinite(value, undefined)
    if found:
        raise ConvergenceError(
            f"{what} holds numbers that are not finite ({found}), so it is no result; an entry of the card or an option "
            "lies far outside what its law can take: check their exponents and units."
        )


def _first_nonfinite(value, undefined) -> str:
    """Dotted name of the first such entry, with the share of a list that is affected; "" where all is finite."""
    pending = [("", value)]
    while pending:
        name, value = pending.pop()
        if name.rpartition(".")[2] in undefined or isinstance(value, (str, bytes, Enum)):
            continue
        if isinstance(value, (float, np.floating)):
            if not math.isfinite(value):
                return name
        elif isinstance(value, np.ndarray):
            bad = 0 if value.dtype.kind not in "fc" else int(np.count_nonzero(~np.isfinite(value)))
            if bad:
                return f"{name}, {bad} of {value.size}"
        else:
            pending += _inside(name, value)
    return ""


def _inside(name: str, value) -> list[tuple[str, object]]:
    head = f"{name}." if name else ""
    if isinstance(value, dict):
        return [(f"{head}{key}", entry) for key, entry in reversed(value.items())]
    if isinstance(value, (list, tuple)):
        if value and all(isinstance(entry, (float, int)) for entry in value):
            return [(name, np.asarray(value, dtype=float))]
        return [(f"{head}{number}", value[number]) for number in range(len(value) - 1, -1, -1)]
    checked_itself = bool(name) and hasattr(type(value), "__store_name__")
    if dataclasses.is_dataclass(value) and not isinstance(value, type) and not checked_itself:
        fields = [item.name for item in dataclasses.fields(value)]
        return [(f"{head}{item}", getattr(value, item)) for item in reversed(fields)]
    return []
