"""One line of the environment report; each room checks the libraries that it alone may import."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from femristor.core.errors import FemristorError


@dataclass(frozen=True)
class Check:
    """What was found about one part of the environment.

    Attributes:
        name: the part, e.g. "MPI".
        ok: it works.
        detail: version and what was tried, or what went wrong.
        remedy: how to put it right, "" when it works.
        required: femristor cannot do its work without it.
        seconds: time the check took.
    """

    name: str
    ok: bool
    detail: str
    remedy: str = ""
    required: bool = True
    seconds: float = 0.0


def run_check(name: str, probe: Callable[[], str], *, remedy: str, required: bool = True) -> Check:
    """Run one probe and turn what it raises into a failed check.

    Args:
        name: the part that is checked.
        probe: returns the detail, or raises what is wrong.
        remedy: shown when it raises.
        required: whether the work needs this part.

    Returns:
        Check.
    """
    begun = time.perf_counter()
    try:
        detail, ok = probe(), True
    except FemristorError as error:
        detail, ok = str(error), False
    except Exception as error:  # whatever a broken library raises is the finding
        detail, ok = " ".join(f"{type(error).__name__}: {error}".split())[:300], False
    elapsed = time.perf_counter() - begun
    return Check(name, ok, detail, "" if ok else remedy, required, round(elapsed, 3))
