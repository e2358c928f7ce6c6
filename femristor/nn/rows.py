"""Share the rows of an array among threads; kernels release the interpreter's lock."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from itertools import pairwise

from femristor.core.errors import InputError

MIN_ROWS = 32


@lru_cache(maxsize=4)
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads, thread_name_prefix="femristor-rows")


def over_rows(kernel: Callable[[int, int], tuple[int, ...]], rows: int, threads: int) -> tuple[int, ...]:
    """Run a kernel on all rows.

    Args:
        kernel: `kernel(first, last)` works on rows first..last-1 and returns counts; rows are independent.
        rows: number of rows.
        threads: how many to use at most; blocks keep at least 32 rows. Results do not depend on it.

    Returns:
        The counts, summed over the blocks.

    Raises:
        InputError: fewer than one thread.
    """
    if threads < 1:
        raise InputError(f"{threads} threads; give 1 or more.")
    blocks = max(1, min(threads, rows // MIN_ROWS))
    if blocks == 1:
        return kernel(0, rows)
    edges = [rows * k // blocks for k in range(blocks + 1)]
    jobs = [_pool(blocks - 1).submit(kernel, first, last) for first, last in pairwise(edges[1:])]
    counts = [kernel(edges[0], edges[1]), *(job.result() for job in jobs)]
    return tuple(map(sum, zip(*counts, strict=True)))
