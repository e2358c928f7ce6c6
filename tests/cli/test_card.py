"""femristor card: show, check, new, diff."""

import json
import tomllib

import pytest

from femristor.cli.main import main
from femristor.device.card.io import card_path


def run_json(capsys, *argv) -> dict:
    assert main([*argv, "--json"]) == 0
    out, _ = capsys.readouterr()
    assert len(out.splitlines()) == 1
    return json.loads(out)


def test_show_gives_si_numbers_and_sources(capsys):
    card = run_json(capsys, "card", "show", "cmo_hfox")["card"]
    assert card["filament"]["radius_m"] == pytest.approx(11e-9)
    assert card["ionic"]["barrier_reset_J"] == pytest.approx(1.18 * 1.602176634e-19)
    assert card["sources"]["filament.radius"]["source"] == "C"
    assert main(["card", "show"]) == 0
    text = capsys.readouterr().out
    assert "filament.radius" in text and "11 nm" in text and "stated in the source" in text


def test_show_toml_is_a_card(capsys):
    assert main(["card", "show", "--toml"]) == 0
    assert tomllib.loads(capsys.readouterr().out)["name"] == "cmo_hfox"


def test_new_check_diff(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    made = run_json(capsys, "card", "new", "mine.toml")
    assert made == {"path": "mine.toml", "name": "mine", "template": "cmo_hfox"}
    text = (tmp_path / "mine.toml").read_text()
    assert run_json(capsys, "card", "diff", "cmo_hfox", "mine.toml") == {"same": True, "differences": []}
    (tmp_path / "mine.toml").write_text(
        text.replace('radius = { value = "11 nm"', 'radius = { value = "12 nm"')
    )
    checked = run_json(capsys, "card", "check", "mine.toml", "cmo_hfox")
    assert checked["valid"] and [entry["name"] for entry in checked["cards"]] == ["mine", "cmo_hfox"]
    assert checked["cards"][0]["hash"] != checked["cards"][1]["hash"]
    difference = run_json(capsys, "card", "diff", "cmo_hfox", "mine.toml")["differences"]
    assert difference == [{"key": "filament.radius", "first": "11 nm", "second": "12 nm"}]


def test_new_never_replaces_a_card_unasked(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.toml").write_text("precious")
    assert main(["card", "new", "mine.toml"]) == 2
    assert (tmp_path / "mine.toml").read_text() == "precious"
    assert "mine.toml exists already" in capsys.readouterr().err
    assert main(["card", "new", "mine.toml", "--force"]) == 0
    assert "precious" not in (tmp_path / "mine.toml").read_text()


def test_a_new_card_is_not_made_from_half_a_card(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    whole = card_path("cmo_hfox").read_text(encoding="utf-8")
    (tmp_path / "half.toml").write_text(whole[: whole.index("[selector]")], encoding="utf-8")
    assert main(["card", "new", "new.toml", "--from", "half.toml"]) == 2
    assert "half.toml" in capsys.readouterr().err and not (tmp_path / "new.toml").exists()
