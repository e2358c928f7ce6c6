"""A table goes with its own card only; what the published law borrows and what a table loses is said."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from femristor.cli.main import main
from femristor.compact.results.table import ERROR_BOUNDS, CompactTable
from femristor.core import store
from femristor.core.errors import InputError
from femristor.core.provenance import Provenance
from femristor.device import load_card
from femristor.device.card.io import shipped_cards

TRANSIENTS = Path(__file__).parents[2] / "docs" / "data" / "transients.h5"
SMALL = ("--rows", "2", "--cols", "2")


@pytest.fixture(scope="module")
def other(tmp_path_factory) -> Path:
    """A card with another filament."""
    path = tmp_path_factory.mktemp("card") / "other.toml"
    text = shipped_cards()["cmo_hfox"].read_text(encoding="utf-8")
    changed = text.replace('radius = { value = "11 nm"', 'radius = { value = "10 nm"', 1)
    assert changed != text
    path.write_text(changed)
    return path


@pytest.fixture(scope="module")
def path(table, tmp_path_factory) -> Path:
    """A table of the shipped card."""
    return store.save(table, tmp_path_factory.mktemp("table") / "own.h5")


USES = {
    "sweep of a table": "compact sweep --table {} --cell 1T1R",
    "sweep": "sweep --model compact --table {}",
    "pulses": "pulses --model compact --table {}",
    "noise": "compact noise --model compact --table {} --no-search",
    "export behind the selector": "compact export {} --format spice --cell 1T1R --out o.sub",
    "info": "compact info {}",
    "array by a step table": "array pulses --table {}",
    "array by hops": "array pulses --model table --table {} --rows 2 --cols 2",
    "array of cycles": "array cycle --model table --table {} --rows 2 --cols 2",
    "array by program-verify": "array program --by pulses --model table --table {} --rows 2 --cols 2",
    "training": "train mnist --device table --table {} --epochs 1",
}


@pytest.mark.parametrize("use", USES)
def test_a_table_is_refused_with_another_card(path, other, use, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = [*USES[use].format(path).split(), "--card", str(other)]
    assert main(words) == 2, capsys.readouterr()
    answer = capsys.readouterr()
    assert answer.out == "" and "was made of card cmo_hfox (hash " in answer.err, answer.err
    assert "give the table's card with --card" in answer.err
    assert not any(tmp_path.iterdir())


def test_transients_are_refused_with_another_card(other, capsys, tmp_path):
    kept, card = store.load(TRANSIENTS), load_card("cmo_hfox")
    signed = replace(kept, provenance=Provenance.create("fem.transients", card=card))
    for made in (signed, replace(kept, provenance=None, card_name="mine")):
        path = store.save(made, tmp_path / "transients.h5")
        words = ["compact", "distil", "--transients", str(path), "--card", str(other)]
        assert main([*words, "--out", str(tmp_path / "t.h5")]) == 2
        assert "transients.h5: transients of another card" in capsys.readouterr().err
    assert [entry.name for entry in tmp_path.iterdir()] == ["transients.h5"]


def test_the_card_is_known_by_its_hash(table):
    card = load_card("cmo_hfox")
    table.require_card(card)
    renamed = replace(card, hash="0" * 64)
    with pytest.raises(
        InputError,
        match=r"own\.h5 was made of card cmo_hfox \(hash .*, not of cmo_hfox \(hash 000000000000\)",
    ):
        table.require_card(renamed, "own.h5")
    unsigned = replace(table, provenance=None)
    unsigned.require_card(renamed)
    with pytest.raises(InputError, match="not of other"):
        unsigned.require_card(replace(card, name="other"))


@pytest.mark.parametrize(
    "words",
    [
        "sweep --model ibm --vmax 0.5 --json",
        "compact build --model published --bias-points 6 --density-points 4 --ambients 1 --no-cache --out t.h5 --json",
        "compact export --model ibm --format csv --out o.csv --json",
    ],
)
def test_what_the_published_law_borrows_is_said(words, other, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main([*words.split(), "--card", str(other)]) == 0
    told = json.loads(capsys.readouterr().out)["warnings"]
    assert any("r = 10 nm" in text and "belong to the published cell (r = 11 nm)" in text for text in told)
    assert main([*words.split(), "--card", "cmo_hfox"]) == 0
    assert not any("published" in text for text in json.loads(capsys.readouterr().out).get("warnings", ()))


@pytest.mark.parametrize(
    ("name", "size", "words"),
    [
        ("ln_rate_set", 0.81, "ln(rate) is off by 81.00% at worst"),
        ("ln_rate_reset", -0.21, "ln(rate) is off by 21.00% at worst"),
        ("ln_current", 0.03, "ln I is off by 3.00% at worst"),
        ("temperature_K", -12.0, "T is off by 12 K at worst"),
    ],
)
def test_a_worst_error_beyond_its_bound_is_warned_of(table, name, size, words, capsys, tmp_path):
    values = np.array(getattr(table.errors, name))
    values[0, -1] = size
    errors = replace(table.errors, **{name: values})
    (text,) = errors.warnings()
    assert words in text and "--density-points or --bias-points" in text
    store.save(replace(table, errors=errors), tmp_path / "t.h5")
    assert main(["compact", "info", str(tmp_path / "t.h5"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["warnings"] == [text]
    assert main(["compact", "info", str(tmp_path / "t.h5")]) == 0
    assert f"warning: {text}" in capsys.readouterr().out
    assert (
        main(["sweep", "--model", "compact", "--table", str(tmp_path / "t.h5"), "--vmax", "0.2", "--json"])
        == 0
    )
    assert any(words in told for told in json.loads(capsys.readouterr().out)["warnings"])


def test_errors_within_their_bounds_are_not(table):
    worst = table.errors.worst()
    assert all(worst[key] < bound.limit for key, bound in ERROR_BOUNDS.items())
    assert table.errors.warnings() == () and isinstance(table, CompactTable)
