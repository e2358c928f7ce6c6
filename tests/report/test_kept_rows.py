"""Rows of kept experiments."""

import json

import pytest

from femristor.report.demo.kept_rows import KEPT_RESULTS, kept_rows


def line(seed, epoch, score):
    common = {
        "schema": 1,
        "experiment": "mnist",
        "title": "digits",
        "run": "a",
        "label": "device a",
        "settings": {},
    }
    return common | {
        "measure": "accuracy",
        "seed": seed,
        "epoch": epoch,
        "epochs": 2,
        "score": score,
        "paper": 0.969,
    }


def test_mean_and_spread_of_the_last_common_epoch(tmp_path):
    lines = [line(0, 1, 0.5), line(0, 2, 0.96), line(1, 1, 0.6), line(1, 2, 0.98)]
    (tmp_path / "mnist.jsonl").write_text("\n".join(map(json.dumps, lines)))
    (row,) = kept_rows(tmp_path)
    assert row.ours == pytest.approx(97.0) and row.paper == pytest.approx(96.9)
    assert row.spread == pytest.approx(2**0.5)
    assert row.quantity == "mnist, device a" and "2 epochs" in row.origin


def test_without_kept_results_there_are_no_rows(tmp_path):
    assert kept_rows(tmp_path) == []


def test_results_of_the_checkout():
    rows = kept_rows(KEPT_RESULTS)
    assert any(row.quantity.startswith("mnist, array device") for row in rows)
