"""femristor sweep and femristor pulses: every model, the text it writes, and what is refused."""

import json
from pathlib import Path

import numpy as np
import pytest

from femristor.cli.main import main
from femristor.core import store
from femristor.core.traces import PulseTrace, SwitchingTrace

COARSE = ("--resolution", "0.3")


def columns(path):
    head, *rows = path.read_text().splitlines()
    data = np.array([[float(cell) for cell in row.split(",")] for row in rows])
    return dict(zip(head.split(","), data.T, strict=True))


def test_ibm_sweep_writes_the_columns_of_a_bare_cell(tmp_path, capsys):
    path = tmp_path / "sweep.csv"
    wanted = ("--model", "ibm", "--cell", "1R", "--start", "N=7e24", "--vmax", "1.0", "--rate", "1")
    assert main(["sweep", *wanted, "--csv", str(path), "--json"]) == 0
    found = columns(path)
    assert list(found) == ["t_s", "V_V", "I_A", "N_m3", "T_K"]
    assert found["t_s"][-1] == pytest.approx(2.0) and found["V_V"].max() == pytest.approx(1.0)
    assert found["N_m3"][0] == pytest.approx(7e24) and found["N_m3"][-1] > 2e25
    assert np.all(np.diff(found["N_m3"]) >= 0)
    assert np.all(found["I_A"] * found["V_V"] >= 0) and found["T_K"].max() < 1000
    payload = json.loads(capsys.readouterr().out)
    assert payload["model"] == "ibm" and len(payload["time_s"]) == found["t_s"].size


def test_distilled_table_has_its_own_states(tmp_path, capsys):
    transients = Path(__file__).parents[2] / "docs" / "data" / "transients.h5"
    table, out = tmp_path / "distilled.h5", tmp_path / "sweep.h5"
    assert main(["compact", "distil", "--transients", str(transients), "--out", str(table)]) == 0
    assert (
        main(
            [
                "sweep",
                "--model",
                "compact",
                "--table",
                str(table),
                "--start",
                "lrs",
                "--vmin",
                "-1.4",
                "--out",
                str(out),
            ]
        )
        == 0
    )
    trace, states = store.load(out, SwitchingTrace), store.load(table).states
    assert trace.density_m3[0] == pytest.approx(states["lrs"])
    assert trace.density_m3[-1] < 0.1 * states["lrs"]


def test_pde_sweep_with_selector_strip_and_state(tmp_path):
    out, strip, state = tmp_path / "loop.h5", tmp_path / "strip.png", tmp_path / "state.h5"
    reset = ("sweep", *COARSE, "--vmin", "-1.2", "--out", str(out), "--filmstrip", str(strip))
    assert main([*reset, "--save-state", str(state), "--checkpoint", str(tmp_path / "part.h5")]) == 0
    found = store.load(out)
    assert found.end_S < 0.5 * found.start_S
    assert np.ptp(found.stored) < 1e-9 * found.stored[0]
    assert strip.stat().st_size > 20_000 and not (tmp_path / "part.h5").exists()
    after = tmp_path / "set.h5"
    assert main(["sweep", *COARSE, "--state", str(state), "--vmax", "1.0", "--out", str(after)]) == 0
    grown = store.load(after)
    assert grown.start_S == pytest.approx(found.end_S, rel=1e-6)
    assert grown.end_S > 2 * grown.start_S


def test_animation_of_the_pde(tmp_path):
    path = tmp_path / "loop.gif"
    assert main(["sweep", *COARSE, "--vmin", "-0.3", "--filmstrip", str(path)]) == 0
    assert path.read_bytes()[:6] in (b"GIF87a", b"GIF89a")


def test_pulses_of_the_pde_go_up_and_down(tmp_path):
    out, text = tmp_path / "pulses.h5", tmp_path / "pulses.csv"
    counts = ("--up", "1", "--down", "1", "--alternate", "0", "--reset-voltage", "-1.5")
    assert main(["pulses", *COARSE, *counts, "--out", str(out), "--csv", str(text)]) == 0
    trace = store.load(out, PulseTrace)
    assert trace.direction.tolist() == [1, -1]
    assert trace.conductance_S[1] < 0.95 * trace.conductance_S[0]
    assert list(columns(text))[:4] == ["pulse", "phase", "direction", "G_S"]


def test_pulses_of_ibm_print_the_figures_of_merit_beside_the_paper(capsys):
    assert main(["pulses", "--model", "ibm", "--up", "60", "--down", "60", "--alternate", "80"]) == 0
    printed = capsys.readouterr().out
    assert "N_states" in printed and "(paper 22)" in printed and "(paper 61%)" in printed


def test_dome_sweep(tmp_path):
    out = tmp_path / "dome.h5"
    assert (
        main(["sweep", "--model", "dome", *COARSE, "--start", "lrs", "--vmin", "-1.0", "--out", str(out)])
        == 0
    )
    trace = store.load(out, SwitchingTrace)
    assert trace.density_m3[-1] < trace.density_m3[0]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["sweep", "--model", "spice"], "pde"),
        (["sweep", "--model", "compact"], "--table"),
        (["sweep", "--rate", "0"], "--rate above 0"),
        (["sweep", "--cycles", "0"], "--cycles: 0 is too few; give 1 or more"),
        (["sweep", "--vmax", "-1"], "--vmax above"),
        (["sweep", "--start", "lrs"], "pde model starts formed"),
        (["sweep", "--start", "N=9e25", *COARSE], "outside"),
        (["sweep", "--model", "ibm", "--start", "mostly"], "N=<density"),
        (["sweep", "--cell", "1T1R", "--series-ohm", "10"], "--cell 1R"),
        (["sweep", "--cell", "1R", "--gate", "1.2"], "--cell 1T1R"),
        (["sweep", "--gate", "0.3"], "does not open"),
        (["sweep", "--out", "loop.csv"], ".h5"),
        (["sweep", "--filmstrip", "loop.pdf"], ".png"),
        (["sweep", "--model", "ibm", "--filmstrip", "loop.png"], "--model pde"),
        (["sweep", "--state", "missing.h5"], "no such file"),
        (["pulses", "--up", "0", "--down", "0", "--alternate", "0", "--model", "ibm"], "make no train"),
        (["pulses", "--set-voltage", "-1"], "above 0"),
        (["pulses", "--width", "2.5 V"], "--width"),
        (["sweep", "--model", "ibm", "--vmax", "20", "--start", "lrs", "--cell", "1R"], "beyond 10 V"),
    ],
)
def test_bad_input_is_one_sentence(arguments, words, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    printed = capsys.readouterr()
    assert words in printed.err and len(printed.err.strip().splitlines()) == 1
    assert "Traceback" not in printed.err and list(tmp_path.iterdir()) == []
