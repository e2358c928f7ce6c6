"""Notices: what a user should know of an input that is used all the same, once a process, on standard error.

They go to the logger "femristor", so that a program which uses the package may route or silence them.
"""

import logging

LOGGER = logging.getLogger("femristor")
_told: set[str] = set()


def notice(text: str) -> None:
    """Tell a sentence, the first time that it comes up in this process.

    Args:
        text: one sentence that names file or key and the remedy.
    """
    if text not in _told:
        _told.add(text)
        LOGGER.warning("femristor: warning: %s", text)


def forget() -> None:
    """Let every notice be told again, as in a new process."""
    _told.clear()
