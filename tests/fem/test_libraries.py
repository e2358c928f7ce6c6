"""Fields and networks in one process: the libraries of the solver stay its own, whichever is imported first."""

import subprocess
import sys

import pytest

SAME = """
import ctypes, hashlib, sys
if sys.argv[1] == "fields first":
    import femristor.fem.dolfin
import torch
import femristor.fem.dolfin
assert not hasattr(ctypes.CDLL(None), "dgetrf_"), "BLAS of the solver is visible to every library"
from femristor.array import WireGrid, transfer_matrix
siemens = torch.linspace(1e-6, 1e-4, 3 * 60 * 60, dtype=torch.float64).reshape(3, 60, 60)
found = transfer_matrix(siemens, WireGrid(5.0, 2.0, 3.0, 1.0, "both", "both"))
matrix = siemens[0] + torch.eye(60, dtype=torch.float64)
parts = (found, torch.linalg.inv(matrix), torch.linalg.eigvalsh(matrix), torch.linalg.svdvals(matrix))
print(hashlib.sha256(b"".join(part.numpy().tobytes() for part in parts)).hexdigest())
"""


def test_networks_compute_the_same_after_fields():
    found = []
    for order in ("fields first", "networks first"):
        run = subprocess.run([sys.executable, "-c", SAME, order], capture_output=True, text=True)
        if run.returncode:
            pytest.fail(f"{order}: exit code {run.returncode}\n{run.stderr[-2000:]}")
        found.append(run.stdout.strip())
    assert found[0] == found[1] and len(found[0]) == 64
