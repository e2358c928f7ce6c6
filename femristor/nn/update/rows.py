"""Share the rows of arrays among threads; kernels release the interpreter's lock.

Rows are independent, so a block of rows may run anywhere: results do not depend on the number of threads. The
blocks of all layers go into one queue, and the first layers are worked on while the next ones are planned.
"""

import queue
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

from femristor.core.bounds import check_count

MIN_ROWS = 32
BLOCKS_PER_THREAD = 2
LARGEST_THREADS = 256

Kernel = Callable[[int, int], tuple[int, int]]


@dataclass(frozen=True)
class RowJob:
    """Rows of one array that wait for their pulses.

    Attributes:
        kernel: `kernel(first, last)` works on rows first..last-1 and returns the pulses on the fast and slow array.
        rows: number of rows.
    """

    kernel: Kernel
    rows: int

    def run(self, threads: int = 1) -> tuple[int, int]:
        """Carry it out.

        Args:
            threads: how many to use at most; the result does not depend on it.

        Returns:
            Pulses on the fast and on the slow array.

        Raises:
            InputError: fewer than one thread.
        """
        work = RowWork(threads)
        work.add(self)
        return work.finish()


def check_threads(threads: int, option: str = "--threads") -> int:
    """A number of threads that a machine can have.

    Args:
        threads: wanted.
        option: what gave it, for the message.

    Returns:
        The same.

    Raises:
        InputError: fewer than one, or more than LARGEST_THREADS.
    """
    return check_count(
        threads,
        option,
        LARGEST_THREADS,
        "threads beyond the processors only wait for each other and the result does not depend on them",
    )


@lru_cache(maxsize=4)
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads, thread_name_prefix="femristor-rows")


class RowWork:
    """Jobs of one step, carried out by this thread and threads - 1 helpers.

    Args:
        threads: how many to use at most; blocks keep at least 32 rows.

    Raises:
        InputError: fewer than one thread, or more than LARGEST_THREADS.
    """

    def __init__(self, threads: int) -> None:
        self._threads = check_threads(threads)
        self._blocks: queue.SimpleQueue = queue.SimpleQueue()
        self._helpers: list[Future] = []
        self._counts = [0, 0]

    def run(self, job: RowJob) -> None:
        """Carry a job out now, because another one of its array follows."""
        self.count(job.run(self._threads))

    def count(self, counts: tuple[int, int]) -> None:
        """Add pulses on the fast and on the slow array that were fired elsewhere."""
        self._counts = [old + new for old, new in zip(self._counts, counts, strict=True)]

    def add(self, job: RowJob) -> None:
        """Queue a job; helpers start with it at once."""
        blocks = max(1, min(self._threads * BLOCKS_PER_THREAD, job.rows // MIN_ROWS))
        if self._threads == 1:
            blocks = 1
        edges = [job.rows * k // blocks for k in range(blocks + 1)]
        for first, last in pairwise(edges):
            self._blocks.put((job.kernel, first, last))
        if blocks > 1 and not self._helpers:
            self._call_helpers(self._threads - 1)

    def _call_helpers(self, helpers: int) -> None:
        # Where the system gives no more threads, fewer do the same work; the one that failed may still be queued.
        with suppress(RuntimeError):
            for _ in range(helpers):
                self._helpers.append(_pool(helpers).submit(self._help))

    def _help(self) -> tuple[int, int]:
        fast = slow = 0
        while (block := self._blocks.get()) is not None:
            kernel, first, last = block
            counts = kernel(first, last)
            fast, slow = fast + counts[0], slow + counts[1]
        return fast, slow

    def finish(self) -> tuple[int, int]:
        """Work until nothing is left.

        Returns:
            Pulses on the fast and on the slow arrays.
        """
        for _ in range(len(self._helpers) + 2):
            self._blocks.put(None)
        self.count(self._help())
        for helper in self._helpers:
            self.count(helper.result())
        return self._counts[0], self._counts[1]
