"""One process a training, some at a time; Ctrl-C reaches each of them once, so that it can keep its checkpoint."""

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait

from femristor.core.errors import ConvergenceError, FemristorError, InputError
from femristor.core.messages import Progress

NOTE_INTERVAL_S = 2.0


def run_processes(
    calls: dict[str, tuple[Callable, tuple]], processes: int, progress: Progress, after: Callable[[], object]
) -> dict[str, str]:
    """Call functions in processes of their own.

    Args:
        calls: name to (module-level function, arguments); the function takes a Progress after them.
        processes: how many at once.
        progress: gets one step for each call that ends, and what the others say.
        after: called when one has ended.

    Returns:
        Name to message of those that diverged.

    Raises:
        InputError: another error of the user's in a call, or a process that died; the others are ended first.
        KeyboardInterrupt: Ctrl-C, after all processes kept what they have.
    """
    context = multiprocessing.get_context("spawn")
    waiting = list(calls)
    running: dict[str, _Running] = {}
    failed: dict[str, str] = {}
    kept = os.environ.get("OMP_NUM_THREADS")
    os.environ["OMP_NUM_THREADS"] = "1"
    try:
        with progress.task("trainings", len(calls)) as task:
            while waiting or running:
                while waiting and len(running) < processes:
                    name = waiting.pop(0)
                    running[name] = _start(context, calls[name])
                for name in _collect(running, task, failed):
                    running.pop(name).process.join()
                    after()
    except BaseException:
        _end(running)
        raise
    finally:
        if kept is None:
            os.environ.pop("OMP_NUM_THREADS", None)
        else:
            os.environ["OMP_NUM_THREADS"] = kept
    return failed


@dataclass
class _Running:
    """A process, what it says, and whether it has begun to work."""

    process: multiprocessing.Process
    pipe: Connection
    begun: bool = False


def _start(context, call: tuple[Callable, tuple]) -> _Running:
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_child, args=(theirs, *call), daemon=True)
    main = threading.current_thread() is threading.main_thread()
    # while it imports, Ctrl-C is the parent's matter
    before = signal.signal(signal.SIGINT, signal.SIG_IGN) if main else None
    try:
        process.start()
    finally:
        if main:
            signal.signal(signal.SIGINT, before)
    theirs.close()
    return _Running(process, ours)


def _collect(running: dict[str, _Running], task, failed: dict[str, str]) -> list[str]:
    """Take what processes said; names of those that ended."""
    ended = []
    ready = wait([one.pipe for one in running.values()], timeout=1.0)
    for name, one in running.items():
        if one.pipe not in ready:
            continue
        try:
            kind, text = one.pipe.recv()
        except EOFError:
            one.process.join(10)
            raise InputError(
                f"{name}: its process ended with code {one.process.exitcode}, memory may be short; run again to go on."
            ) from None
        if kind == "begun":
            one.begun = True
        elif kind == "note":
            task.advance(0, note=f"{name}: {text}")
        elif kind == "error":
            raise InputError(f"{name}: {text}")
        elif kind == "interrupted":
            raise KeyboardInterrupt(text)
        else:
            if kind == "diverged":
                failed[name] = text
            ended.append(name)
            task.advance(1, note=f"{name}: {kind}")
    return ended


def _end(running: dict[str, _Running]) -> None:
    """Ask each process once to stop, and wait until it has."""
    for one in running.values():
        if one.begun and one.process.is_alive() and one.process.pid is not None:
            os.kill(one.process.pid, signal.SIGINT)
        else:
            one.process.terminate()
    for one in running.values():
        one.process.join()


class _PipeProgress:
    """Sends notes to the parent, not too often."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe, self._last, self._name = pipe, time.monotonic(), ""

    def task(self, description: str, total: float | None = None) -> "_PipeProgress":
        self._name = description
        return self

    def __enter__(self) -> "_PipeProgress":
        return self

    def __exit__(self, *_) -> None:
        return None

    def advance(self, amount: float = 1.0, note: str = "") -> None:
        now = time.monotonic()
        if note and now - self._last > NOTE_INTERVAL_S:
            self._last = now
            self._pipe.send(("note", f"{self._name}, {note}"))


def _child(pipe: Connection, function: Callable, arguments: tuple) -> None:
    # a group of its own: the terminal's Ctrl-C comes once, through the parent
    os.setpgid(0, 0)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    pipe.send(("begun", ""))
    try:
        function(*arguments, _PipeProgress(pipe))
        pipe.send(("done", ""))
    except ConvergenceError as error:
        pipe.send(("diverged", str(error)))
    except FemristorError as error:
        pipe.send(("error", str(error)))
    except KeyboardInterrupt as error:
        pipe.send(("interrupted", str(error)))
