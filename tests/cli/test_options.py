"""JSON conversion, tables, and the two faces of progress."""

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from femristor.cli.frame import progress as progress_module
from femristor.cli.frame.options import to_plain
from femristor.cli.frame.progress import TerminalProgress
from femristor.cli.frame.tables import text_table
from femristor.core.provenance import Status


@dataclass(frozen=True)
class Pair:
    status: Status
    values: np.ndarray


def test_to_plain_converts_what_results_are_made_of():
    pair = Pair(Status.CONVERGED, np.array([[1.0, np.inf], [2.0, 3.0]]))
    plain = to_plain({"pair": pair, "n": np.int64(3), "ok": np.bool_(True), "path": Path("a/b"), 0.02: (1,)})
    assert plain == {
        "pair": {"status": "converged", "values": [[1.0, None], [2.0, 3.0]]},
        "n": 3,
        "ok": True,
        "path": "a/b",
        "0.02": [1],
    }
    with pytest.raises(TypeError, match="object cannot be written as JSON"):
        to_plain(object())


def test_text_table_aligns():
    table = text_table(("name", "R / ohm"), [("a", 1234.567), ("long one", 2)], right=(1,))
    assert table.splitlines() == [
        "name      R / ohm",
        "--------  -------",
        "a            1235",
        "long one        2",
    ]


def test_plain_progress_is_throttled(monkeypatch):
    clock = iter(np.arange(0.0, 100.0, 1.0))
    monkeypatch.setattr(progress_module.time, "monotonic", lambda: float(next(clock)))
    stream = io.StringIO()
    with TerminalProgress(stream).task("sweep", 12) as task:
        for step in range(12):
            task.advance(note=f"{step / 10:g} V")
    lines = stream.getvalue().splitlines()
    assert lines == ["sweep: 5/12 0.4 V", "sweep: 10/12 0.9 V", "sweep: done in 13.0 s"]


def test_failed_task_does_not_claim_to_be_done():
    stream = io.StringIO()
    with pytest.raises(RuntimeError), TerminalProgress(stream).task("sweep", 2):
        raise RuntimeError
    assert stream.getvalue() == ""


def test_terminal_progress_nests():
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    stream = Terminal()
    progress = TerminalProgress(stream)
    with progress.task("outer", 1) as outer:
        with progress.task("inner", 2) as inner:
            inner.advance(2, note="1.3 V")
        outer.advance()
    with progress.task("again") as task:
        task.advance()
    text = stream.getvalue()
    assert "outer" in text and "again" in text and "1/1" in text
