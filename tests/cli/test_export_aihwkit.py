"""femristor export aihwkit: a Python file with the right numbers; bad requests leave nothing behind."""

import json
import re
from pathlib import Path

import pytest

from femristor.cli.main import main
from femristor.device import load_card
from femristor.nn.devices.files import load_device, save_device
from femristor.nn.devices.soft_bounds import SoftBoundsDevice


def run(capsys, *words):
    capsys.readouterr()
    code = main(["export", "aihwkit", *[str(word) for word in words]])
    told = capsys.readouterr()
    return code, told.out, told.err


def test_the_cards_device(tmp_path, capsys):
    """A skew of 61 % is written as up_down -0.361 and said to balance at -0.22."""
    out = tmp_path / "config.py"
    code, text, _ = run(capsys, "--out", out, "--json")
    assert code == 0
    found = json.loads(text)
    assert found["kind"] == "PowStepDevice"
    assert found["symmetry_point"] == pytest.approx(-0.22)
    written = out.read_text(encoding="utf-8")
    assert float(re.search(r"up_down=([-\d.]+)", written)[1]) == pytest.approx(-0.361, abs=1e-3)
    compile(written, str(out), "exec")
    assert run(capsys, "--symmetric", "--out", out)[0] == 0
    assert abs(float(re.search(r"up_down=([-\d.]+)", out.read_text(encoding="utf-8"))[1])) < 2e-3


def test_a_device_file_gives_what_its_card_gives(tmp_path, capsys):
    save_device(SoftBoundsDevice.from_card(load_card("cmo_hfox")), tmp_path / "d.h5")
    values = []
    for words in (("--device", tmp_path / "d.h5"), ("--card", "cmo_hfox")):
        code, text, _ = run(capsys, *words, "--out", tmp_path / "c.py", "--json")
        assert code == 0
        values.append(json.loads(text)["values"])
    assert values[0] == values[1]


def test_a_noisy_record_keeps_its_symmetry_point(tmp_path, capsys):
    """The mean steps cross near the bound too, where both are next to nothing; what is exported is the tables' point."""
    record = Path(__file__).parents[2] / "data" / "reram" / "pulses_tsinghua_1t1r.csv"
    assert (
        main(["fit", "device", str(record), "--law", "table", "--out", str(tmp_path / "d.h5"), "--json"]) == 0
    )
    fitted = json.loads(capsys.readouterr().out)
    code, text, _ = run(capsys, "--device", tmp_path / "d.h5", "--out", tmp_path / "c.py", "--json")
    assert code == 0
    found = json.loads(text)
    assert found["symmetry_point"] == pytest.approx(fitted["symmetry"][0], abs=0.005)
    assert found["values"]["dw_min_std"] == pytest.approx(fitted["nsr"][0], rel=0.02)
    assert load_device(tmp_path / "d.h5").symmetry_point() == pytest.approx(fitted["symmetry"][0], abs=1e-3)


def test_bad_requests_get_one_sentence(tmp_path, capsys):
    (tmp_path / "cut.h5").write_bytes(b"no hdf5")
    cases = [
        (("--card", "cmo_hfox", "--device", "d.h5"), "not both"),
        (("--device", tmp_path / "none.h5"), "no such file"),
        (("--device", tmp_path / "cut.h5"), "truncated"),
        (("--card", "no_such_card"), "no_such_card"),
    ]
    for words, part in cases:
        out = tmp_path / "config.py"
        code, _, error = run(capsys, *words, "--out", out)
        assert code == 2
        assert error.count("femristor: error:") == 1 and part in error and "Traceback" not in error
        assert not out.exists()
    code, _, error = run(capsys, "--out", tmp_path / "config.txt")
    assert code == 2 and "ending .py" in error
