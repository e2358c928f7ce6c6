"""Ctrl-C inside compiled code, which cannot raise it: kernels with threads, solvers and meshers that call back."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def kernel_interrupts() -> Iterator[None]:
    """Around compiled code: Ctrl-C waits until it has returned.

    A threaded kernel that hands over its arrays ends in a SystemError or in a crash; a library that calls Python back
    loses the exception, or takes it for a fault of its own.

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
