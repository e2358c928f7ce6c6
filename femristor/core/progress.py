"""Progress of long work, shown by whoever runs it; rooms only report."""

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
