"""Progress of long work on standard error: a bar on a terminal, a line now and then elsewhere."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

PLAIN_INTERVAL_S = 5.0


class TerminalProgress:
    """Implements `femristor.core.messages.Progress` for the command line."""

    def __init__(self, stream: TextIO) -> None:
        """Show progress on `stream`; rich is loaded when the first bar opens."""
        self._stream = stream
        self._bars = None
        self._depth = 0

    @contextmanager
    def task(self, description: str, total: float | None = None) -> Iterator["_BarTask | _PlainTask"]:
        """Open a task; it closes when the block ends. Tasks may be nested."""
        if not self._stream.isatty():
            task = _PlainTask(self._stream, description, total)
            try:
                yield task
            except BaseException:
                raise
            else:
                task.finish()
            return
        with self._open_bars() as bars:
            number = bars.add_task(description, total=total, note="")
            try:
                yield _BarTask(bars, number)
            finally:
                bars.stop_task(number)
                if self._depth > 1:
                    bars.remove_task(number)

    @contextmanager
    def _open_bars(self):
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
        from rich.progress import Progress as RichProgress

        if self._bars is None:
            self._bars = RichProgress(
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TimeElapsedColumn(),
                TextColumn("{task.fields[note]}"),
                console=Console(file=self._stream),
            )
            self._bars.start()
        self._depth += 1
        try:
            yield self._bars
        finally:
            self._depth -= 1
            if self._depth == 0:
                self._bars.stop()
                self._bars = None


class _BarTask:
    def __init__(self, bars, number) -> None:
        self._bars = bars
        self._number = number

    def advance(self, amount: float = 1.0, note: str = "") -> None:
        """Move the bar on by `amount` and show `note` behind it."""
        self._bars.update(self._number, advance=amount, note=note)


class _PlainTask:
    def __init__(self, stream: TextIO, description: str, total: float | None) -> None:
        self._stream = stream
        self._description = description
        self._total = total
        self._done = 0.0
        self._begun = self._printed = time.monotonic()

    def advance(self, amount: float = 1.0, note: str = "") -> None:
        """Count `amount`; print a line when the last one is long enough ago."""
        self._done += amount
        now = time.monotonic()
        if now - self._printed < PLAIN_INTERVAL_S:
            return
        self._printed = now
        share = f"{self._done:g}" if self._total is None else f"{self._done:g}/{self._total:g}"
        self._print(f"{self._description}: {share} {note}".rstrip())

    def finish(self) -> None:
        """Say that the task is done and how long it took."""
        self._print(f"{self._description}: done in {time.monotonic() - self._begun:.1f} s")

    def _print(self, line: str) -> None:
        print(line, file=self._stream, flush=True)
