"""The runner of ngspice: what it saved comes back, and every failure is one sentence."""

import subprocess

import numpy as np
import pytest

from femristor.compact.export import ngspice as runner
from femristor.compact.export.ngspice import read_raw, run_ngspice
from femristor.core.errors import ConvergenceError, MissingDependencyError

DIVIDER = "* divider\nV1 a 0 PWL(0 0 1 1)\nR1 a b 1k\nR2 b 0 1k\n.save v(b)\n.tran 0.1 1\n.end\n"


@pytest.fixture
def fake(tmp_path, monkeypatch):
    """Put a program called ngspice first on PATH."""

    def make(text: str) -> None:
        path = tmp_path / "ngspice"
        path.write_text("#!/bin/sh\n" + text)
        path.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")

    return make


def test_values_come_back(ngspice):
    found = run_ngspice(DIVIDER)
    assert list(found) == ["time", "v(b)"]
    np.testing.assert_allclose(found["v(b)"], 0.5 * found["time"], atol=1e-9)


def test_netlist_with_a_fault(ngspice):
    with pytest.raises(ConvergenceError, match="ngspice failed with exit code"):
        run_ngspice(DIVIDER.replace("R2 b 0 1k", "R2 b 0 {nothing}"))
    with pytest.raises(ConvergenceError, match="ngspice failed"):
        run_ngspice(DIVIDER.replace("R2 b 0 1k", "B2 b 0 I = sinh(1e6*V(b)+1e9)"))


def test_not_installed(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingDependencyError, match="not installed or not on PATH; install it with"):
        run_ngspice(DIVIDER)


def test_programs_that_fail(fake, monkeypatch):
    fake("echo 'doAnalyses: TRAN:  Timestep too small; time = 1'; exit 1\n")
    with pytest.raises(ConvergenceError, match="exit code 1: doAnalyses: TRAN: Timestep too small"):
        run_ngspice(DIVIDER)
    fake("exit 0\n")
    with pytest.raises(ConvergenceError, match="it wrote no result"):
        run_ngspice(DIVIDER)
    fake("echo nonsense >deck.raw\n")
    with pytest.raises(ConvergenceError, match="cut or empty"):
        run_ngspice(DIVIDER)
    fake("sleep 5\n")
    with pytest.raises(ConvergenceError, match=r"did not end within 0\.1 s"):
        run_ngspice(DIVIDER, timeout_s=0.1)

    def refuse(*args, **options):
        raise OSError(8, "Exec format error")

    monkeypatch.setattr(runner.subprocess, "run", refuse)
    with pytest.raises(MissingDependencyError, match="does not start"):
        run_ngspice(DIVIDER)
    assert subprocess.run is refuse


def test_raw_file_that_is_cut(ngspice):
    head = b"No. Points: 3\nVariables:\n\t0\ttime\ttime\n\t1\tv(b)\tvoltage\nBinary:\n"
    whole = read_raw(head + np.arange(6.0).tobytes())
    np.testing.assert_array_equal(whole["v(b)"], [1, 3, 5])
    with pytest.raises(ConvergenceError, match="cut or empty"):
        read_raw(head + np.arange(5.0).tobytes())
