"""`femristor array remedies`: one JSON object, a stored table, a picture, one sentence for bad input."""

import json

import pytest

from femristor.array.results.remedies import RemedyTable
from femristor.cli.main import main
from femristor.core.store import load

SMALL = ("array", "remedies", "--sizes", "8,16", "--inputs", "20", "--largest", "16")


def test_json_file_and_figure(capsys, tmp_path):
    out, figure = str(tmp_path / "r.h5"), str(tmp_path / "r.png")
    assert main([*SMALL, "--out", out, "--figure", figure, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    by_name = {entry["name"]: entry for entry in found["remedies"]}
    assert found["size"] == [8, 16] and found["segment_ohm"] == 0.35
    assert by_name["wire-aware"]["rmse"][1] < 1e-3 * by_name["none"]["rmse"][1]
    assert by_name["none"]["largest"] == 16
    assert by_name["aihwkit's closed form"]["largest"] is None
    assert load(out, RemedyTable).bound == 0.05
    assert (tmp_path / "r.png").read_bytes().startswith(b"\x89PNG")


def test_text_names_units_and_sizes(capsys):
    assert main([*SMALL, "--largest", "0"]) == 0
    text = capsys.readouterr().out
    assert "absolute units" in text and "two-sided drive and sense" in text and "N(0, 0.5)" in text


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--sizes", "8,x"), "--sizes '8,x' is no list"),
        (("--sizes", "1"), "make no table"),
        (("--bound", "-1"), "bound"),
        (("--segment-ohm", "-0.35"), "segment_ohm"),
        (("--inputs", "0"), "--inputs: 0 is too few"),
        (("--card", "no_such_card"), "no_such_card"),
    ],
)
def test_bad_input_is_one_sentence(capsys, tmp_path, words, sentence):
    out = tmp_path / "r.h5"
    assert main([*SMALL, *words, "--out", str(out)]) == 2
    message = capsys.readouterr().err
    assert sentence in message and "Traceback" not in message
    assert not out.exists()
