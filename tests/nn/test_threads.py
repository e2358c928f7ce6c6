"""Threads have a bound with a reason, and a system that gives fewer of them ends with the same result."""

import threading

import pytest

from femristor.cli.main import main
from femristor.core.errors import InputError
from femristor.nn.train.settings import JobSettings
from femristor.nn.update import rows
from femristor.nn.update.rows import LARGEST_THREADS, RowJob, RowWork


@pytest.mark.parametrize("threads", ["0", "257", "100000"])
@pytest.mark.parametrize("kind", ["mnist", "text"])
def test_too_many_threads_are_one_sentence(threads, kind, tmp_path, capsys):
    code = main(["train", kind, "--threads", threads, "--out", str(tmp_path / "run")])
    message = capsys.readouterr().err.strip().splitlines()[-1]
    assert code == 2
    assert message.startswith("femristor: error: --threads: ")
    assert "give" in message and (threads == "0" or "because" in message)
    assert not (tmp_path / "run").exists()


def test_bound_holds_in_the_library_too():
    with pytest.raises(InputError, match="because"):
        JobSettings(threads=LARGEST_THREADS + 1)
    assert JobSettings(threads=LARGEST_THREADS).threads == LARGEST_THREADS


def _job(done: list) -> RowJob:
    def kernel(first: int, last: int) -> tuple[int, int]:
        done.extend(range(first, last))
        return last - first, 0

    return RowJob(kernel, 4096)


def test_a_system_without_threads_ends_with_the_same_counts(monkeypatch):
    """Only three threads can be started, as under a limit of processes."""
    start, left = threading.Thread.start, [3]

    def limited(thread):
        if left[0] == 0:
            raise RuntimeError("can't start new thread")
        left[0] -= 1
        start(thread)

    rows._pool.cache_clear()
    monkeypatch.setattr(threading.Thread, "start", limited)
    for _ in range(3):
        done: list[int] = []
        work = RowWork(64)
        work.add(_job(done))
        assert work.finish() == (4096, 0)
        assert sorted(done) == list(range(4096))
    monkeypatch.undo()
    rows._pool.cache_clear()
