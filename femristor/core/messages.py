"""Notices: what a user should know of an input or a result that is used all the same, once, on standard error.

They go to the logger "femristor", so that a program which uses the package may route or silence them; a command also
puts them into the list "warnings" of its `--json` object. They are no Python warnings: these fall silent by place in
the code, and become errors in test runs of others.
"""

import logging
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol


class Task(Protocol):
    """One piece of work with a known or unknown length."""

    def advance(self, amount: float = 1.0, note: str = "") -> None:
        """Move on by `amount` and show `note` behind the bar."""


class Progress(Protocol):
    """Where tasks are shown; the command line gives one that writes to standard error."""

    def task(self, description: str, total: float | None) -> AbstractContextManager[Task]:
        """Open a task; it closes when the block ends."""


class _SilentTask:
    def advance(self, amount: float = 1.0, note: str = "") -> None:
        """Show nothing."""


class NullProgress:
    """Progress that shows nothing, the default in library use."""

    @contextmanager
    def task(self, description: str, total: float | None = None):
        """Open a silent task."""
        yield _SilentTask()


LOGGER = logging.getLogger("femristor")


class _Room:
    """What was told since it opened."""

    def __init__(self, *, silent: bool = False) -> None:
        self.silent, self.subjects, self.texts = silent, set(), []


_rooms = [_Room()]


def notice(text: str, *, about: str = "") -> None:
    """Tell a sentence, the first time that it comes up in this process, or in this command.

    Args:
        text: one sentence that names file or key and the remedy.
        about: its subject, where the wording changes from one time to the next; told once all the same.
    """
    room, subject = _rooms[-1], about or text
    if subject in room.subjects:
        return
    room.subjects.add(subject)
    room.texts.append(text)
    if not room.silent:
        from femristor.core.io.text import terminal_text

        LOGGER.warning("femristor: warning: %s", terminal_text(text))


@contextmanager
def gathered(*, silent: bool = False) -> Iterator[list[str]]:
    """Gather the notices of a block, each told once in it whatever was told before.

    Args:
        silent: only gather, as for work whose caller tells of the whole, and on ranks of a parallel run but the first.

    Yields:
        The list of what was told so far.
    """
    room = _Room(silent=silent or _rooms[-1].silent)
    _rooms.append(room)
    try:
        yield room.texts
    finally:
        _rooms.remove(room)
