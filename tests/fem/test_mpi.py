"""One rank against two: the same currents, temperatures and derivatives."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

PROGRAM = """
import json, sys
from femristor.device import load_card
from femristor.fem.electrothermal.cell import ElectroThermal
from femristor.fem.electrothermal.ohmic import OhmicCell
from femristor.fem import dolfin
card = load_card()
solver = ElectroThermal(card, resolution=0.5)
found, slopes = solver.sweep_with_sensitivity([-0.2, 0.2, 0.8], card.state("lrs"))
ohmic = OhmicCell(card, resolution=0.5).derivatives(11e-9, 3e3)
numbers = {name: getattr(found, name).tolist() for name in sys.argv[2:]}
numbers |= {name: values.tolist() for name, values in slopes.items()}
numbers["ohmic"] = [ohmic.resistance_ohm, ohmic.log_by_log_conductivity, ohmic.log_by_log_radius]
numbers["unknowns"] = [solver.unknowns]
comm = dolfin.world()
everywhere = comm.allgather(numbers)
if comm.rank == 0:
    assert all(entry == everywhere[0] for entry in everywhere), "ranks differ"
    open(sys.argv[1], "w").write(json.dumps({"ranks": comm.size} | numbers))
"""
COLUMNS = (
    "current_A",
    "current_bottom_A",
    "power_W",
    "heat_out_W",
    "dome_temperature_mean_K",
    "dome_temperature_max_K",
    "temperature_max_K",
    "dome_field_mean_V_per_m",
    "hop_rate_set_per_s",
    "hop_rate_reset_per_s",
)


def _run(ranks: int, path: Path) -> dict:
    launcher = Path(sys.executable).with_name("mpiexec")
    if not launcher.exists():
        pytest.skip("this environment has no mpiexec beside its Python")
    done = subprocess.run(
        [launcher, "-n", str(ranks), sys.executable, "-c", PROGRAM, path, *COLUMNS],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(path.read_text(encoding="utf-8"))


def test_two_ranks_equal_one(tmp_path):
    one, two = (_run(ranks, tmp_path / f"{ranks}.json") for ranks in (1, 2))
    assert (one.pop("ranks"), two.pop("ranks")) == (1, 2)
    for name, values in one.items():
        np.testing.assert_allclose(two[name], values, rtol=1e-6, err_msg=name)
