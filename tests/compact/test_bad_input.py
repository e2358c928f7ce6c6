"""Wrong input to compact: each gives one sentence, exit code 2, and leaves earlier output whole."""

import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from femristor.cli.main import main
from femristor.compact.dynamics.integrator import Cells, refine, sweep
from femristor.compact.dynamics.pulses import CompactPulses, PulseScheme, pulse_steps, pulse_train
from femristor.compact.table.grid import default_grid
from femristor.compact.table.sample import process_executor
from femristor.core import store
from femristor.core.curves import Waveform
from femristor.core.errors import InputError, RangeError
from femristor.device.load_line import Load, selector_load


@pytest.fixture(scope="module")
def table_file(table, tmp_path_factory):
    return str(store.save(table, tmp_path_factory.mktemp("table") / "table.h5"))


def complains(capsys, arguments, words, code=2):
    assert main(["compact", *arguments]) == code
    error = capsys.readouterr().err
    lines = [line for line in error.splitlines() if line.startswith("femristor: ")]
    assert len(lines) == 1 and "Traceback" not in error
    assert words in lines[0], lines[0]


SWEEPS = {
    "voltage outside the table": (["--vmax", "1.8", "--rate", "1e9"], "leaves the table (up to 1.5 V"),
    "runs out of the densities": (["--vmax", "1.4", "--vmin", "0"], "lower the amplitude"),
    "start outside": (["--start", "N=1e20"], "start inside it"),
    "start is no density": (["--start", "N=many"], "use one of lrs, hrs or N="),
    "unknown state": (["--start", "mid"], "use one of lrs, hrs"),
    "ambient outside": (["--ambient", "500 K"], "holds 273 to 373 K"),
    "ambient without unit": (["--ambient", "350"], "--ambient"),
    "no rate": (["--rate", "0"], "above 0"),
    "no peaks": (["--vmax", "0", "--vmin", "0"], "--vmax above or --vmin below"),
    "peaks the wrong way": (["--vmax", "-1"], "--vmax above or --vmin below"),
    "no cycle": (["--cycles", "0"], "--cycles: 0 is too few; give 1 or more"),
    "negative resistor": (["--series-ohm", "-5"], "give 0 or more"),
    "compliance in volts": (["--compliance", "0.3 V"], "wrong unit"),
    "compliance of nothing": (["--compliance", "0 A"], "above 0"),
    "two loads": (["--cell", "1T1R", "--series-ohm", "100"], "--series-ohm belongs to --cell 1R"),
    "unreachable tolerance": (["--tolerance", "1e-30"], "from 1e-12 to 0.1"),
    "unknown card": (["--cell", "1T1R", "--card", "nosuch"], "nosuch"),
}


@pytest.mark.parametrize(("options", "words"), SWEEPS.values(), ids=SWEEPS)
def test_sweep(capsys, table_file, options, words):
    complains(capsys, ["sweep", "--table", table_file, *options], words)


BUILDS = {
    "too few biases": (["--bias-points", "2"], "at least 4, 2 and 1"),
    "no density": (["--density-points", "0"], "--density-points: 0 is too few; give 2 or more"),
    "no ambient": (["--ambients", "0"], "--ambients: 0 is too few; give 1 or more"),
    "no job": (["--jobs", "0"], "--jobs: 0 is too few; give 1 or more"),
    "no card": (["--card", "missing.toml"], "missing.toml"),
    "impossible mesh": (["--model", "fem", "--resolution", "0"], "--resolution"),
}


@pytest.mark.parametrize(("options", "words"), BUILDS.values(), ids=BUILDS)
def test_build(capsys, tmp_path, options, words):
    out = tmp_path / "table.h5"
    out.write_bytes(b"earlier")
    model = [] if "--model" in options else ["--model", "published"]
    complains(capsys, ["build", *model, "--no-cache", "--out", str(out), *options], words)
    assert out.read_bytes() == b"earlier"


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes to read-only folders")
def test_read_only_output(capsys, tmp_path):
    tmp_path.chmod(0o500)
    arguments = ["build", "--model", "published", "--no-cache", "--out", str(tmp_path / "t.h5")]
    complains(capsys, arguments, "read-only")


def test_output_folder_is_a_file(capsys, tmp_path):
    (tmp_path / "file").write_text("")
    arguments = ["build", "--model", "published", "--no-cache", "--out", str(tmp_path / "file" / "t.h5")]
    complains(capsys, arguments, "choose another one")


def test_files_that_are_no_table(capsys, tmp_path, table, table_file):
    complains(capsys, ["info", str(tmp_path / "none.h5")], "no such file")
    cut = tmp_path / "cut.h5"
    cut.write_bytes(Path(table_file).read_bytes()[:2000])
    complains(capsys, ["info", str(cut)], "make it again")
    other = store.save(Waveform.triangle([1.0], 1.0), tmp_path / "wave.h5")
    complains(capsys, ["sweep", "--table", str(other)], "a CompactTable is expected here")


def test_sweep_keeps_earlier_output(capsys, tmp_path, table_file):
    out = tmp_path / "sweep.csv"
    out.write_text("earlier")
    complains(
        capsys, ["sweep", "--table", table_file, "--csv", str(out), "--vmax", "1.45"], "leaves the table"
    )
    assert out.read_text() == "earlier"
    assert (
        main(["compact", "sweep", "--table", table_file, "--csv", str(out), "--vmax", "1.0", "--json"]) == 0
    )
    payload = json.loads(capsys.readouterr().out)
    rows = np.loadtxt(out, delimiter=",", skiprows=1)
    assert out.read_text().startswith("t_s,V_V,V_device_V,I_A,N_m3,T_K\n")
    np.testing.assert_allclose(rows[:, 3], payload["current_A"], rtol=1e-7)


def test_damaged_tables(table):
    with pytest.raises(InputError, match="current_A of a compact table needs finite values above 0"):
        replace(table, current_A=-table.current_A)
    with pytest.raises(InputError, match="needs finite values above 0 of shape"):
        replace(table, hop_rate_set_per_s=table.hop_rate_set_per_s[:, :-1])
    with pytest.raises(InputError, match="bias_V of a compact table"):
        replace(table, bias_V=table.bias_V[::-1])
    with pytest.raises(InputError, match="Kinks"):
        replace(table, density_breaks_m3=np.array([3.3e25]))


def test_pulses(table, card):
    with pytest.raises(InputError, match="Set needs a voltage above 0"):
        PulseScheme(-1.0, -1.0, 1e-6)
    with pytest.raises(InputError, match="times above 0"):
        PulseScheme(1.0, -1.0, 0.0)
    with pytest.raises(InputError, match="no plateau"):
        PulseScheme(1.0, -1.0, 1e-6, 0.6e-6)
    with pytest.raises(InputError, match="make no train"):
        pulse_train(table, card, n_up=0, n_down=0, n_alternate=0)
    with pytest.raises(RangeError, match="leave the table's"):
        pulse_steps(table, card, conductance_S=[1e-9, 1e-6])
    with pytest.raises(RangeError, match="leaves the table"):
        CompactPulses(table, PulseScheme(1.5, -1.5, 1.0), Load()).step(np.array([8e-5]), 1, 1)
    with pytest.raises(InputError, match="does not open the selector"):
        selector_load(card, gate_set_V=0.4)


def test_cells_and_loads(table):
    with pytest.raises(InputError, match="2 loads for 3 cells"):
        Cells.of(table, 3, None, [Load(), Load()])
    with pytest.raises(InputError, match="2 ambients for 3 cells"):
        sweep(table, Waveform.triangle([0.5], 1.0), [1e25] * 3, ambient_K=[293.0, 300.0])
    with pytest.raises(InputError, match="needs a resistance"):
        Load(set_limit_A=1e-4)
    with pytest.raises(InputError, match="2 or more"):
        refine(Waveform.triangle([0.5], 1.0), 1)


def test_grid_and_jobs(card):
    with pytest.raises(InputError, match="too coarse"):
        default_grid(card, bias_points=3)
    with pytest.raises(InputError, match="--jobs: 0 is too few"), process_executor(0):
        pass
