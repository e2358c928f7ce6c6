"""The whole chain on a small budget: every stage runs, is kept, and the page holds what it should."""

import json
from html import unescape

import pytest

from femristor.report.demo.chain import run_demo
from femristor.report.demo.settings import DemoSettings

SMALL = DemoSettings(
    resolution=0.5,
    forming_resolution=0.8,
    bias_points=10,
    density_points=8,
    ambient_points=1,
    probes=1,
    pulses=(40, 40, 20),
    array=(2, 3),
    cycles=2,
    program_cells=2,
    wire_sizes=(8, 16),
    cells=8,
    draws=2,
    train_images=640,
    test_images=200,
    epochs=1,
    derived_epochs=1,
    jobs=2,
)


@pytest.mark.slow
def test_small_demo_and_again(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    lines: list[str] = []
    outcome = run_demo(tmp_path / "out", SMALL, say=lines.append)
    html = unescape(outcome.page.read_text())
    assert html.count("data:image/png;base64,") == 16
    assert "synthetic" in html
    for row in outcome.comparison.rows:
        assert row.ours == row.ours, f"{row.quantity} is not a number"
        assert row.quantity in html
    radius = outcome.comparison.rows[0]
    assert abs(radius.ours - 11.0) < 4 * radius.spread
    assert (tmp_path / "out" / "fitted.toml").exists()
    json.dumps(outcome.comparison.as_dicts())
    lines.clear()
    again = run_demo(tmp_path / "out", SMALL, say=lines.append)
    assert sum("kept from an earlier run" in line for line in lines) == 12
    assert again.comparison == outcome.comparison
