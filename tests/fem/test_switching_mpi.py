"""One rank against two: the same loop of moving vacancies, and a restart file that either can take up."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

PROGRAM = """
import json, sys
from femristor.core.curves import Waveform
from femristor.device import load_card
from femristor.device.load_line import Load
from femristor.fem import dolfin
from femristor.fem.switching.cell import SwitchingCell
part, path, restart = sys.argv[1:]
comm = dolfin.world()
load = Load(1000.0, 300e-6, 500.0, 1.5e-3, "selector")
cell = SwitchingCell(load_card(), load=load, resolution=0.2)
wave = Waveform.triangle([-1.3, 1.1], 1.0)
if part == "first":
    left = iter(range(20))
    def visit(*_):
        if next(left, None) is None:
            raise KeyboardInterrupt
    try:
        cell.run(wave, checkpoint=restart, on_step=visit)
    except KeyboardInterrupt:
        sys.exit(0)
    sys.exit("the run was not interrupted")
found = cell.run(wave, checkpoint=restart if part == "second" else None)
trace = found.trace
names = ("time_s", "voltage_device_V", "current_A", "density_m3", "temperature_K")
numbers = {name: getattr(trace, name).tolist() for name in names}
numbers |= {"stored": found.stored.tolist(), "ends": [found.start_S, found.end_S]}
numbers |= {"highest": found.density_max_m3.tolist(), "unknowns": [found.unknowns]}
everywhere = comm.allgather(numbers)
if comm.rank == 0:
    assert all(entry == everywhere[0] for entry in everywhere), "ranks differ"
    open(path, "w").write(json.dumps({"ranks": comm.size} | numbers))
"""


def _run(ranks: int, path: Path, part: str = "whole", restart: str = "none") -> dict:
    launcher = Path(sys.executable).with_name("mpiexec")
    if not launcher.exists():
        pytest.skip("this environment has no mpiexec beside its Python")
    done = subprocess.run(
        [launcher, "-n", str(ranks), sys.executable, "-c", PROGRAM, part, path, restart],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


@pytest.mark.proof
def test_two_ranks_give_the_loop_of_one(tmp_path):
    one = _run(1, tmp_path / "1.json")
    two = _run(2, tmp_path / "2.json")
    assert (one.pop("ranks"), two.pop("ranks")) == (1, 2)
    # A loop with a real reset, so that the agreement is one of moving vacancies.
    assert one["ends"][0] > 1.05 * one["ends"][1]
    restart = str(tmp_path / "run.h5")
    _run(2, tmp_path / "none.json", "first", restart)
    resumed = _run(1, tmp_path / "3.json", "second", restart)
    del resumed["ranks"]
    for found in (two, resumed):
        for name, values in one.items():
            assert len(found[name]) == len(values), name
            scale = 1e-6 * np.abs(values).max()
            np.testing.assert_allclose(found[name], values, rtol=1e-6, atol=1e-3 * scale, err_msg=name)
