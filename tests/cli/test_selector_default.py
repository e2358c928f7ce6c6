"""Which selector is in series with a cell where none is named, and what the output says of it."""

import gzip
import json
from importlib import resources

import numpy as np
import pytest

from femristor.cli.main import main
from femristor.core.messages import gathered
from femristor.device.card.io import shipped_cards


@pytest.fixture
def other_card(tmp_path):
    """A card of another laboratory: a narrower transistor."""
    path = tmp_path / "other.toml"
    text = shipped_cards()["cmo_hfox"].read_text(encoding="utf-8").replace('width = "2 um"', 'width = "1 um"')
    path.write_text(text, encoding="utf-8")
    return str(path)


def record(name):
    path = resources.files("femristor") / "data" / "reference" / name
    with gzip.open(str(path), "rt") as stream:
        return np.genfromtxt(stream, delimiter=",", names=True)


def said(capsys, *argv):
    assert main([*argv, "--json"]) == 0
    out = capsys.readouterr()
    return json.loads(out.out), out.err


def test_pulses_meet_the_recorded_train_by_default(capsys):
    train = record("pulses_1t1r_set1.35V_reset1.3V.csv.gz")
    start = ("pulses", "--model", "ibm", "--start", "N=1.64e25")
    found, _ = said(capsys, *start)
    named, _ = said(capsys, *start, "--selector", "reference")
    card, _ = said(capsys, *start, "--selector", "card")
    off = {
        key: np.median(np.abs(np.array(one["trace"]["conductance_S"]) / train["G_device_S"] - 1))
        for key, one in (("default", found), ("card", card))
    }
    assert off["default"] < 1e-2 < off["card"]
    assert found["trace"]["conductance_S"] == named["trace"]["conductance_S"]
    assert "fitted to" in found["trace"]["load"] and "selector of" in card["trace"]["load"]


def test_sweep_meets_the_recorded_loop_by_default(capsys):
    swept = record("sweep_1t1r_1e00Vps_hrs_1.3V.csv.gz")
    found, _ = said(
        capsys, "sweep", "--model", "ibm", "--vmax", "1.3", "--vmin", "-1.3", "--start", "N=7e24",
        "--points", "801",
    )  # fmt: skip
    ours = np.interp(swept["t_s"], found["time_s"], found["current_A"])
    told = np.abs(swept["V_cell_V"]) > 0.02
    assert np.median(np.abs(ours / swept["I_A"] - 1)[told]) < 5e-3


def test_another_transistor_has_its_own_law_and_the_output_says_so(capsys, caplog, other_card):
    few = ("pulses", "--model", "ibm", "--up", "4", "--down", "4", "--alternate", "20", "--card", other_card)
    with gathered():
        found, _ = said(capsys, *few)
    assert "selector of" in found["trace"]["load"]
    assert "not that of the carried record" in caplog.text and "femristor fit selector" in caplog.text
    named, _ = said(capsys, *few, "--selector", "card")
    assert named["trace"]["conductance_S"] == found["trace"]["conductance_S"]


def test_stored_fit_and_characteristic_give_the_same_selector(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    gates, drain = (x.ravel() for x in np.meshgrid([1.4, 2.4, 3.3], np.linspace(0, 1.4, 15)))
    from femristor.device.laws.channel import Channel

    current = Channel(1.8e-3, 0.47, 1.25, 0.15, 0.45).current_A(gates, drain, 0.0)
    np.savetxt(
        "out.csv",
        np.column_stack([drain, current, gates]),
        delimiter=",",
        header="V_DS_V,I_A,V_GS_V",
        comments="",
    )
    assert main(["fit", "selector", "out.csv", "--out", "fit.h5"]) == 0
    capsys.readouterr()
    few = ("pulses", "--model", "ibm", "--up", "4", "--down", "4", "--alternate", "20", "--selector")
    stored, _ = said(capsys, *few, "fit.h5")
    read, _ = said(capsys, *few, "out.csv")
    assert stored["trace"]["conductance_S"] == read["trace"]["conductance_S"]
    assert "fitted to out.csv" in read["trace"]["load"]


def test_disturb_needs_a_gate(capsys, other_card):
    assert main(["array", "program", "--by", "pulses", "--disturb", "--card", other_card]) == 2
    assert "--disturb" in capsys.readouterr().err
