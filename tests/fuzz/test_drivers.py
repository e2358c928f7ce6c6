"""A seeded part of `make fuzz`: changed inputs, full disks, kills; see docs/robustness.md."""

import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent


def run(script: Path, *words: str) -> str:
    done = subprocess.run(
        [sys.executable, str(script), "--quick", *words],
        capture_output=True,
        text=True,
        timeout=1500,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr[-2000:]}"
    return done.stdout


@pytest.mark.slow
def test_changed_inputs_are_used_or_refused():
    said = run(HERE, "--inputs", "160", "--seed", "1")
    assert "160 inputs" in said and "0 faults" in said


@pytest.mark.slow
def test_a_full_disk_leaves_everything_as_it_was():
    assert "13 kinds of output" in run(HERE / "full_disk.py")


def test_killed_runs_go_on_to_the_same_bits():
    assert "4 kills of 2 runs, 0 faults" in run(HERE / "kills.py", "--kills", "4")
