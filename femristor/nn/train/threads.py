"""Torch on one thread while something runs whose bits must not depend on the machine."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import torch


class InterruptFlag:
    """While open, the first Ctrl-C only sets `raised`; the second one interrupts at once.

    Outside the main thread signals cannot be caught; then nothing changes.

    Attributes:
        raised: whether Ctrl-C was pressed.
    """

    def __init__(self) -> None:
        self.raised = False
        self._before = None

    def __enter__(self) -> "InterruptFlag":
        if threading.current_thread() is threading.main_thread():
            self._before = signal.signal(signal.SIGINT, self._note)
        return self

    def __exit__(self, *_) -> None:
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)

    def _note(self, number, frame) -> None:
        if self.raised and callable(self._before):
            self._before(number, frame)
        self.raised = True


@contextmanager
def one_thread() -> Iterator[None]:
    """Torch on one thread: sums keep their order, small products gain nothing from more, processes do not fight."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
