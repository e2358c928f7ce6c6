"""The comparison table, the page and the stages that are kept between runs."""

import re

import numpy as np
import pytest

from femristor.core import store
from femristor.core.curves import IVCurve
from femristor.core.errors import OutputError
from femristor.core.provenance import Provenance
from femristor.device import load_card
from femristor.report.comparison import Comparison, ComparisonRow
from femristor.report.page import Figure, write_page
from femristor.report.stages import StageBook

ROWS = (
    ComparisonRow("forming", "filament radius", 11.02, 11.0, "nm", "P", "fit of a synthetic curve", 0.05),
    ComparisonRow("nn", "accuracy of the table device", 95.1, None, "%", "-", "one seed"),
)


def test_difference_and_text():
    assert ROWS[0].difference_percent == pytest.approx(0.1818, rel=1e-3)
    assert ROWS[1].difference_percent is None
    text = Comparison(ROWS).text()
    assert "11.02 ± 0.05" in text
    assert "+0.2 %" in text
    assert Comparison(ROWS).as_dicts()[0]["difference_percent"] == ROWS[0].difference_percent


def test_comparison_is_stored(tmp_path):
    table = Comparison(ROWS)
    assert store.load(store.save(table, tmp_path / "c.h5")) == table


def test_page_is_self_contained(tmp_path):
    card = load_card()
    path = write_page(
        tmp_path / "index.html",
        Comparison(ROWS),
        [Figure("a", "A <b>", "caption", b"\x89PNG")],
        card=card,
        provenance={"fem": Provenance.create("fem", card=card)},
        notes=["the forming curve is synthetic"],
    )
    html = path.read_text()
    assert not re.findall(r"(?:src|href)=\"(?!data:|#)", html)
    assert "http" not in re.sub(r"<code>.*?</code>", "", html)
    assert "A &lt;b&gt;" in html
    for key in card.sources:
        assert f"<code>{key}</code>" in html
    assert card.hash in html


def test_page_into_a_file_as_folder(tmp_path):
    (tmp_path / "x").write_text("")
    with pytest.raises(OutputError):
        write_page(tmp_path / "x" / "i.html", Comparison(ROWS), [], card=load_card(), provenance={}, notes=[])


def test_stage_is_made_once_and_again_when_inputs_change(tmp_path):
    calls = []

    def make():
        calls.append(1)
        return IVCurve(np.array([0.0, 1.0]), np.array([0.0, float(len(calls))]))

    lines = []
    book = StageBook(tmp_path / "out", lines.append)
    book.get("iv", {"card": "a"}, make)
    kept = book.get("iv", {"card": "a"}, make)
    assert len(calls) == 1
    assert "kept" in lines[-1]
    assert kept.current_A[1] == 1.0
    assert book.get("iv", {"card": "b"}, make).current_A[1] == 2.0
    (tmp_path / "out" / "iv.h5").write_bytes(b"garbage")
    assert book.get("iv", {"card": "b"}, make).current_A[1] == 3.0


def test_interrupted_stage_leaves_nothing_half_written(tmp_path):
    book = StageBook(tmp_path, print)

    def interrupted():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        book.get("iv", {}, interrupted)
    assert list(tmp_path.iterdir()) == []
