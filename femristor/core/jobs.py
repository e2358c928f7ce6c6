"""One run at a time on a folder or a file that a run keeps its progress in.

The lock is the kernel's (flock): it ends with the process that holds it, however that ends. The lock file says who
holds it; one that is left behind after a kill holds nothing and is taken over.
"""

import fcntl
import multiprocessing
import multiprocessing.context
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from femristor.core.errors import InputError, OutputError
from femristor.core.io.files import output_folder


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


NAME = ".femristor.lock"
_TEXT_BYTES = 600


@contextmanager
def exclusive(path: str | Path, remedy: str = "wait for it, or use another path") -> Iterator[None]:
    """Hold a folder, or the file of a resumable run, for this process.

    Args:
        path: a folder that is there (its lock is `.femristor.lock` inside), or a file (`.NAME.lock` beside it).
        remedy: what else can be done than to wait.

    Yields:
        None, with the lock held.

    Raises:
        InputError: another run holds it; the sentence says which.
        OutputError: the lock file cannot be written.
    """
    target = Path(path)
    place = lock_file(target)
    with output_folder(place.parent):
        handle = _take(target, place, remedy)
        try:
            yield
        finally:
            # Removed while it is held, so that nobody can be waiting on a file that is gone without seeing it.
            with suppress(OSError):
                place.unlink()
            os.close(handle)


def lock_file(path: Path) -> Path:
    """Where the lock of a folder or a file is."""
    return path / NAME if path.is_dir() else path.with_name(f".{path.name[:200]}.lock")


def _take(target: Path, place: Path, remedy: str) -> int:
    while True:
        try:
            handle = os.open(place, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise OutputError(
                f"Cannot lock {target}: {error.strerror}; choose another output path."
            ) from error
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(handle, _TEXT_BYTES, 0).decode("utf-8", "replace").strip()
            os.close(handle)
            raise InputError(
                f"{target}: another run works on it ({holder or 'it is just starting'}); {remedy}."
            ) from None
        except OSError as error:
            os.close(handle)
            raise OutputError(f"Cannot lock {target}: {error.strerror}; choose a local disk.") from error
        if _is_at(handle, place):
            # On a full disk the lock holds without its text.
            with suppress(OSError):
                _sign(handle)
            return handle
        os.close(handle)


def _is_at(handle: int, place: Path) -> bool:
    """Whether the locked file is still the one at this path: the last holder may have removed it meanwhile."""
    own = os.fstat(handle)
    try:
        found = os.stat(place)
    except FileNotFoundError:
        return False
    return (own.st_dev, own.st_ino) == (found.st_dev, found.st_ino)


def _sign(handle: int) -> None:
    words = " ".join([Path(sys.argv[0]).name, *sys.argv[1:]])
    printable = "".join(mark if mark.isprintable() else "?" for mark in words)
    since = time.strftime("%Y-%m-%d %H:%M:%S")
    text = f"process {os.getpid()} on {socket.gethostname()} since {since}: {printable[:300]}\n"
    os.ftruncate(handle, 0)
    os.pwrite(handle, text.encode("utf-8", "replace")[:_TEXT_BYTES], 0)


@contextmanager
def exclusive_on_root(path: str | Path | None, comm, remedy: str = "") -> Iterator[None]:
    """As `exclusive`, held by rank 0 of a parallel run; where it cannot be had, every rank raises.

    Args:
        path: folder or file, None for none.
        comm: MPI communicator (`rank`, `size`, `bcast`).
        remedy: as in `exclusive`; "" for its default.

    Yields:
        None.

    Raises:
        InputError: another run holds it.
        OutputError: the lock file cannot be written.
    """
    if path is None:
        yield
        return
    held = exclusive(path, *([remedy] if remedy else []))
    fault: InputError | OutputError | None = None
    if comm.rank == 0:
        try:
            held.__enter__()
        except (InputError, OutputError) as error:
            fault = error
    if comm.size > 1:
        fault = comm.bcast(fault, root=0)
    if fault is not None:
        raise fault
    try:
        yield
    finally:
        if comm.rank == 0:
            held.__exit__(None, None, None)


def bare_processes() -> multiprocessing.context.SpawnContext:
    """Spawned processes that do not load the script of their parent.

    Returns:
        Context for `ProcessPoolExecutor`; what it runs must be importable.
    """
    context = multiprocessing.context.SpawnContext()
    context.Process = _BareProcess
    return context


class _BareProcess(multiprocessing.context.SpawnProcess):
    @staticmethod
    def _Popen(process_obj):
        main = sys.modules["__main__"]
        kept = {name: getattr(main, name, None) for name in ("__file__", "__spec__")}
        try:
            for name in kept:
                setattr(main, name, None)
            return multiprocessing.context.SpawnProcess._Popen(process_obj)
        finally:
            for name, value in kept.items():
                setattr(main, name, value)
