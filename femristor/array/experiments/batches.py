"""Long experiments on many cells: batches of cells on a few threads, kept in a file that a later run continues.

Every batch draws its randomness from its own number, so that a run that was interrupted and continued, or one on
another number of threads, gives the same cells to the last bit.
"""

import dataclasses
import hashlib
import json
import os
import time
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import nullcontext
from pathlib import Path

import numpy as np

from femristor.array.results.batches import BatchColumn, BatchProgress
from femristor.core import store
from femristor.core.errors import InputError
from femristor.core.jobs import exclusive
from femristor.core.messages import NullProgress

BATCH = 16
"""Cells of a batch."""
SAVE_EVERY_S = 5.0
"""Least time between two writings of a checkpoint."""


def threads() -> int:
    """Processors that this process may use."""
    return max(1, len(os.sched_getaffinity(0)))


def experiment_key(**settings) -> str:
    """Hash of the settings of an experiment: numbers, text, tuples, dataclasses of these, arrays."""

    def plain(value):
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
        if isinstance(value, np.ndarray):
            return hashlib.sha256(np.ascontiguousarray(value).tobytes()).hexdigest()
        if isinstance(value, (list, tuple)):
            return [plain(entry) for entry in value]
        if isinstance(value, dict):
            return {str(name): plain(entry) for name, entry in value.items()}
        return value

    text = json.dumps(plain(settings), sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def run_batches(
    work: Callable[[slice], dict[str, np.ndarray]],
    count: int,
    *,
    key: str,
    keep: dict[str, int] | None = None,
    checkpoint: str | Path | None = None,
    batch: int = BATCH,
    workers: int | None = None,
    name: str = "cells",
    progress=None,
) -> dict[str, np.ndarray]:
    """Do all batches of cells.

    Args:
        work: takes the cells of a batch; gives name to (cells of the batch, ...); must leave the interpreter's lock
            free while it computes.
        count: cells.
        key: hash of all that the experiment depends on, see `experiment_key`.
        keep: names of which only the first cells are wanted, and how many.
        checkpoint: file that is continued where it exists; it stays when the work is done.
        batch: cells of a batch.
        workers: threads; one a processor by default.
        name: of the work, for the display.
        progress: where batches are shown.

    Returns:
        Name to (cells, ...).

    Raises:
        InputError: no cells, a checkpoint of another experiment, or one that another run works on.
        KeyboardInterrupt: interrupted; the message says what is kept.
    """
    if count < 1:
        raise InputError(f"{count} cells make no experiment; give 1 or more.")
    with exclusive(checkpoint, "wait for it, or give another --checkpoint") if checkpoint else nullcontext():
        return _run(
            work, count, key, keep, checkpoint, batch, workers or threads(), name, progress or NullProgress()
        )


def _run(work, count: int, key: str, keep, checkpoint, batch: int, workers: int, name: str, progress) -> dict:
    parts = [slice(first, min(first + batch, count)) for first in range(0, count, batch)]
    table = _Cells(count, len(parts), key, dict(keep or {}), checkpoint)
    open_parts = [index for index in range(len(parts)) if not table.done[index]]
    with progress.task(name, count) as shown:
        shown.advance(count - sum(parts[i].stop - parts[i].start for i in open_parts))
        with ThreadPoolExecutor(workers) as pool:
            running: dict[Future, int] = {}
            try:
                while open_parts or running:
                    while open_parts and len(running) < 2 * workers:
                        index = open_parts.pop(0)
                        running[pool.submit(work, parts[index])] = index
                    for future in wait(running, return_when=FIRST_COMPLETED).done:
                        index = running.pop(future)
                        table.put(index, parts[index], future.result())
                        shown.advance(parts[index].stop - parts[index].start)
            except KeyboardInterrupt:
                pool.shutdown(wait=True, cancel_futures=True)
                _collect(table, parts, running)
                table.save(final=True)
                raise KeyboardInterrupt(table.sentence(parts)) from None
            except BaseException:
                pool.shutdown(wait=True, cancel_futures=True)
                table.save(final=True)
                raise
    table.save(final=True)
    return table.columns


def _collect(table: "_Cells", parts: list[slice], running: dict[Future, int]) -> None:
    """Results of batches that ended while others were called off."""
    for future, index in running.items():
        if future.done() and not future.cancelled() and future.exception() is None:
            table.put(index, parts[index], future.result())


class _Cells:
    """Columns of the cells, and their file."""

    def __init__(self, count: int, batches: int, key: str, keep: dict[str, int], path) -> None:
        self.count, self.key, self.keep = count, key, keep
        self.path = None if path is None else Path(path)
        self.done = np.zeros(batches, dtype=bool)
        self.columns: dict[str, np.ndarray] = {}
        self.saved_at = time.monotonic()
        if self.path is not None and self.path.exists():
            found = store.load(self.path, BatchProgress)
            if found.key != key or found.done.size != batches:
                raise InputError(
                    f"--checkpoint {self.path} belongs to another experiment; give another file, or the card, seed and "
                    "options that it was made with."
                )
            self.done = found.done.astype(bool)
            self.columns = {column.name: column.values for column in found.columns}

    def put(self, index: int, part: slice, found: dict[str, np.ndarray]) -> None:
        """Take the results of a batch."""
        for name, values in found.items():
            size = min(self.keep.get(name, self.count), self.count)
            if name not in self.columns:
                self.columns[name] = np.zeros((size, *values.shape[1:]), dtype=values.dtype)
            if part.start < size:
                self.columns[name][part.start : min(part.stop, size)] = values[: size - part.start]
        self.done[index] = True
        self.save()

    def save(self, *, final: bool = False) -> None:
        """Write the file, not too often."""
        now = time.monotonic()
        if self.path is None or (not final and now - self.saved_at < SAVE_EVERY_S):
            return
        columns = tuple(BatchColumn(name, values) for name, values in self.columns.items())
        store.save(BatchProgress(self.key, self.done, columns), self.path)
        self.saved_at = time.monotonic()

    def sentence(self, parts: list[slice]) -> str:
        """What is kept."""
        cells = sum(part.stop - part.start for part, done in zip(parts, self.done, strict=True) if done)
        if self.path is None:
            return (
                f"{cells} of {self.count} cells were done and are lost; give --checkpoint FILE to keep them."
            )
        return f"{cells} of {self.count} cells are kept in {self.path}; the same command continues there."
