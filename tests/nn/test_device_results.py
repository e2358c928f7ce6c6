"""docs/results/devices.json: complete, and its devices are those that the code makes now."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def results() -> dict:
    return json.loads((ROOT / "docs/results/devices.json").read_text(encoding="utf-8"))


def test_origin_is_written_down(results):
    assert results["schema"] == 1
    for name in ("command", "date", "machine", "versions", "settings", "trains", "paper"):
        assert results[name], name
    for name, entry in results["runs"].items():
        for run in entry["runs"]:
            assert "stopped" in run or 0 <= run["accuracy"][-1] <= 1, name
            assert run["seed"] >= 0


def test_tables_of_the_array_are_those_of_the_file(results, monkeypatch):
    """A slice: the trains at 1.450 / -1.485 V, drawn and tabulated again."""
    monkeypatch.syspath_prepend(str(ROOT / "docs" / "studies"))
    monkeypatch.delitem(sys.modules, "devices", raising=False)
    import devices

    _, figures = devices.device_of("matched", "table")
    kept = results["runs"]["matched, table"]["figures"]
    assert figures["cells"] == kept["cells"]
    for name in ("n_states", "skew", "nsr"):
        assert figures[name] == pytest.approx(kept[name], rel=0.01), name
    assert np.all(np.abs(figures["smoothing_bias"][:1]) < 0.05)
