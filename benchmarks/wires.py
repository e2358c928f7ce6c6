"""Transfer matrices of arrays with wires: block elimination against SciPy's sparse LU, in one run.

SciPy gets its best known settings: symmetric mode, MMD ordering on A^T + A, Fortran-ordered right-hand sides, matrix and
right-hand sides made before the clock starts. Ours starts from the conductances. Both have two threads and take
turns; the numbers are the best of the repetitions, and ratios are within the run.

    python benchmarks/wires.py [--quick]
"""

# ruff: noqa: E402  (threads are fixed before NumPy is loaded)
import os

THREADS = 2
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = str(THREADS)

import platform
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import torch
from _results import write_result
from scipy.sparse.linalg import splu

from femristor.array.cell.laws import device_law
from femristor.array.cell.terminals import Cells1T1R, card_channel
from femristor.array.wires.grid import WireGrid
from femristor.array.wires.nonlinear import solve_nonlinear
from femristor.array.wires.solver import column_currents, transfer_matrix
from femristor.array.wires.sparse import assemble, nodal_equations
from femristor.compact.ibm import IbmModel
from femristor.core.provenance import dependency_versions
from femristor.device import load_card
from femristor.plot.array.wires import cost_figure
from femristor.plot.style import save_png

SIZES = (16, 32, 64, 128, 256, 512)
SCIPY_MAX = 256
BATCH = 32
GRID = WireGrid(0.35)
PICTURE = Path(__file__).parents[1] / "docs" / "images" / "wires_cost.png"
MEMORY_JOB = """
import torch
torch.set_num_threads(2)
from femristor.array.wires.grid import WireGrid
from femristor.array.wires.solver import transfer_matrix
cells = torch.rand(256, 256, dtype=torch.float64).mul(79e-6).add(9e-6)
cells.requires_grad_({gradient})
found = transfer_matrix(cells, WireGrid(0.35))
if {gradient}:
    found.square().sum().backward()
with open("/proc/self/status") as stream:
    print(next(line.split()[1] for line in stream if line.startswith("VmHWM")))
"""


def conductances(size: int, tiles: int = 0) -> torch.Tensor:
    shape = (tiles, size, size) if tiles else (size, size)
    return torch.from_numpy(np.random.default_rng(size).uniform(9e-6, 88.19e-6, shape))


def timed(job) -> float:
    begun = time.perf_counter()
    job()
    return time.perf_counter() - begun


def scipy_job(cells: np.ndarray):
    """Factor and solve for all unit inputs; returns the job and where it leaves the transfer matrix."""
    size = len(cells)
    known, head, tail, siemens, nodes, inputs = nodal_equations(cells, GRID)
    count = int((~known).sum())
    number = np.full(known.size, -1)
    number[~known] = np.arange(count)
    matrix, drive = assemble(head, tail, siemens, known, number, count)
    right = np.asfortranarray(drive[:, inputs].toarray())
    foot = number[nodes[2 * size * size - size : 2 * size * size]]
    kept = {}

    def job() -> None:
        solve = splu(matrix, permc_spec="MMD_AT_PLUS_A", options={"SymmetricMode": True}).solve
        kept["transfer"] = solve(right)[foot].T / GRID.column_ohm

    return job, kept


def one_size(size: int, *, quick: bool) -> dict:
    """Best times of both on one array, taking turns."""
    cells = conductances(size)
    vector = torch.rand(1, size, dtype=torch.float64)
    row = {"size": size}
    repeats = 8 if size < 256 else 2 if quick or size > 256 else 4
    peer, kept = scipy_job(cells.numpy()) if size <= SCIPY_MAX else (None, {})
    transfer_matrix(cells, GRID), column_currents(cells, vector, GRID)
    ours, theirs, few = [], [], []
    for turn in range(repeats):
        ours.append(timed(lambda: transfer_matrix(cells, GRID)))
        few.append(timed(lambda: column_currents(cells, vector, GRID)))
        if peer and (size < 256 or turn < 2):
            theirs.append(timed(peer))
    row |= {"ours_s": min(ours), "vector_s": min(few), "scipy_s": min(theirs) if theirs else None}
    if theirs:
        row["ratio"] = row["scipy_s"] / row["ours_s"]
        found = transfer_matrix(cells, GRID).numpy()
        row["difference"] = float(np.abs(found - kept["transfer"]).max() / np.abs(found).max())
    return row


def batch_row(size: int) -> float:
    """Seconds a tile of a batch."""
    cells = conductances(size, BATCH)
    transfer_matrix(cells, GRID)
    return min(timed(lambda: transfer_matrix(cells, GRID)) for _ in range(4)) / BATCH


def peak_bytes(*, gradient: bool) -> float:
    job = MEMORY_JOB.format(gradient=gradient)
    run = subprocess.run([sys.executable, "-c", job], capture_output=True, text=True, check=True)
    return 1024.0 * int(run.stdout)


def read_1t1r(size: int = 64) -> dict:
    """A read of 1T1R cells at 0.2 V on all rows."""
    card = load_card("cmo_hfox")
    density = torch.from_numpy(np.random.default_rng(0).uniform(1e25, 4e25, (size, size)))
    cells = Cells1T1R(device_law(IbmModel(card)), density, card_channel(card), card.selector.gate_read_V)
    voltage = torch.full((size,), 0.2, dtype=torch.float64)
    kept = []

    def job() -> None:
        kept.append(solve_nonlinear(cells, voltage, GRID, shape=(size, size)))

    job()
    seconds = min(timed(job) for _ in range(3))
    return {
        "seconds": seconds,
        "newton_steps": kept[-1].iterations,
        "relative_residual": kept[-1].relative_residual,
    }


def main() -> None:
    torch.set_num_threads(THREADS)
    quick = "--quick" in sys.argv
    rows = [one_size(size, quick=quick) for size in (SIZES[:-1] if quick else SIZES)]
    print(
        f"{'size':>5} {'ours [s]':>10} {'SciPy [s]':>10} {'ratio':>7} {'difference':>11} {'1 vector [s]':>12}"
    )
    for row in rows:
        if row["size"] <= 128:
            row["batch_s"] = batch_row(row["size"])
        theirs = (
            f"{row['scipy_s']:10.4f} {row['ratio']:7.1f} {row['difference']:11.1e}"
            if "ratio" in row
            else " " * 30
        )
        print(f"{row['size']:5d} {row['ours_s']:10.5f} {theirs} {row['vector_s']:12.5f}")
    tile = next(row for row in rows if row["size"] == 64)
    print(
        f"batch of {BATCH} tiles of 64 x 64: {1e3 * tile['batch_s']:.2f} ms a tile, SciPy/ours {tile['scipy_s'] / tile['batch_s']:.1f}"
    )
    memory = {name: peak_bytes(gradient=on) for name, on in (("forward", False), ("with gradient", True))}
    print(
        "peak memory of the process at 256: "
        + ", ".join(f"{name} {size / 1e9:.2f} GB" for name, size in memory.items())
    )
    read = read_1t1r()
    print(f"1T1R read of 64 x 64: {read['seconds']:.3f} s, {read['newton_steps']} Newton steps")
    payload = {
        "command": "python benchmarks/wires.py" + (" --quick" if quick else ""),
        "threads": THREADS,
        "rows": rows,
        "batch": BATCH,
        "batch_ratio": tile["scipy_s"] / tile["batch_s"],
        "peak_bytes_256": memory,
        "read_1t1r_64": read,
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "versions": dependency_versions(),
    }
    if not quick:
        save_png(cost_figure(rows), PICTURE)
    write_result(__file__, payload)


if __name__ == "__main__":
    main()
