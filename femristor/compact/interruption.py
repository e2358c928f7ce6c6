"""Ctrl-C inside compiled kernels with threads."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def kernel_interrupts() -> Iterator[None]:
    """Around a threaded kernel: Ctrl-C waits until the kernel has returned.

    Such a kernel cannot raise: an exception while it hands over its arrays ends in a SystemError or in a crash.

    Raises:
        KeyboardInterrupt: Ctrl-C came while the kernel ran (or what the handler in force raises).
    """
    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(before):
        yield
        return
    came: list[tuple] = []
    signal.signal(signal.SIGINT, lambda *event: came.append(event))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if came:
        before(*came[0])
