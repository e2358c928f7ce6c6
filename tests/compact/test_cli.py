"""femristor compact build, info, sweep: what they print and write."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np

from femristor.cli.main import main
from femristor.compact.results.table import CompactTable, SweepResult
from femristor.core import store


def run(capsys, *arguments):
    assert main(["compact", *arguments]) == 0
    return capsys.readouterr().out


def test_build_info_sweep(capsys, tmp_path):
    table, cache = str(tmp_path / "t.h5"), str(tmp_path / "cache")
    build = ["build", "--model", "published", "--out", table, "--cache", cache, "--jobs", "1"]
    text = run(capsys, *build)
    for words in ("ln I", "effective area [nm2]", "1.4", "45 sweeps and 8 checks"):
        assert words in text
    payload = json.loads(run(capsys, *build, "--json", "--seed", "3"))
    assert payload["errors_worst"]["ln_current"] < 0.01
    assert abs(payload["closed_form"]["length_m"] / payload["published"]["length_m"] - 1) < 1e-9
    assert store.load(table, CompactTable).ambient_K[[0, -1]].tolist() == [273.0, 373.0]
    assert "dome density 3e+23 to 8e+25" in run(capsys, "info", table)
    assert json.loads(run(capsys, "info", table, "--json"))["card"] == "cmo_hfox"
    out = str(tmp_path / "s.h5")
    sweep = ["sweep", "--table", table, "--vmax", "1.2", "--vmin", "-1.2", "--start", "N=7e24", "--out", out]
    text = run(capsys, *sweep, "--cell", "1T1R", "--ambient", "20 degC")
    assert "G of the cell alone, 0.2 V" in text and "293.15 K" in text and "transistor with gates" in text
    stored = store.load(out, SweepResult)
    assert stored.ambient_K[0] == 293.15
    payload = json.loads(run(capsys, *sweep, "--compliance", "150 uA", "--series-ohm", "500", "--json"))
    assert max(payload["current_A"]) < 150e-6
    assert len(payload["conductance_at_0V_S"]) == 3
    assert np.ptp(payload["voltage_applied_V"]) == 2.4


def test_ranks_of_an_mpi_job_give_the_same_table(tmp_path):
    out = tmp_path / "mpi.h5"
    launcher = Path(sys.executable).with_name("mpiexec")
    build = [sys.executable, "-m", "femristor.cli.main", "compact", "build", "--model", "published", "--mpi"]
    options = ["--no-cache", "--out", str(out), "--probes", "2"]
    run = subprocess.run(
        [str(launcher), "-n", "3", *build, *options], capture_output=True, text=True, timeout=120
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout.count("45 sweeps and 2 checks") == 1
    assert (
        main(
            [
                "compact",
                "build",
                "--model",
                "published",
                "--jobs",
                "1",
                "--out",
                str(tmp_path / "one.h5"),
                *options[:1],
            ]
        )
        == 0
    )
    one, many = (store.load(tmp_path / name, CompactTable) for name in ("one.h5", "mpi.h5"))
    np.testing.assert_array_equal(many.current_A, one.current_A)
    np.testing.assert_array_equal(many.hop_rate_set_per_s, one.hop_rate_set_per_s)
