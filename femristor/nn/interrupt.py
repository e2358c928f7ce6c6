"""Ctrl-C between two batches instead of in the middle of one, so that what is kept is whole."""

import signal
import threading


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
