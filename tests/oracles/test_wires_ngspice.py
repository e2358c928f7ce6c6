"""ngspice as an oracle for arrays with wires: 16 x 16 resistors, and 4 x 4 cells behind transistors' knees."""

import os
import shutil

import numpy as np
import pytest
import torch

from femristor.array.wires.grid import WireGrid
from femristor.array.wires.nonlinear import solve_nonlinear
from femristor.array.wires.solver import solve_wires
from femristor.compact.export.ngspice import run_ngspice

TIGHT = ".options reltol=1e-10 abstol=1e-18 vntol=1e-13 gmin=1e-18\n"


@pytest.fixture(scope="module")
def ngspice():
    """ngspice; without it tests fail where CI is set, and are skipped elsewhere."""
    if shutil.which("ngspice") is None:
        reason = "ngspice is not installed: sudo apt-get install ngspice"
        if os.environ.get("CI"):
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)


def deck(rows: int, cols: int, volt, grid: WireGrid, cell) -> str:
    """Crosspoint driven on the left, sensed at the bottom by sources of 0 V; `cell(i, j)` is a netlist line."""
    lines = ["* array with wires", TIGHT]
    for i in range(rows):
        lines.append(f"Vin{i} d{i} 0 {volt[i]:.17g}")
        lines.append(f"Rd{i} d{i} b{i}_0 {grid.segment_ohm + grid.driver_ohm:.17g}")
        lines += [f"Rb{i}_{j} b{i}_{j - 1} b{i}_{j} {grid.segment_ohm:.17g}" for j in range(1, cols)]
    for j in range(cols):
        lines += [f"Rs{i}_{j} s{i - 1}_{j} s{i}_{j} {grid.column_ohm:.17g}" for i in range(1, rows)]
        lines.append(f"Rg{j} s{rows - 1}_{j} g{j} {grid.column_ohm + grid.sense_ohm:.17g}")
        lines.append(f"Vs{j} g{j} 0 0")
    lines += [cell(i, j) for i in range(rows) for j in range(cols)]
    saved = " ".join(f"i(vs{j})" for j in range(cols))
    return "\n".join([*lines, f".save {saved}", ".op", ".end"]) + "\n"


def currents(text: str, cols: int) -> np.ndarray:
    found = run_ngspice(text)
    return np.array([found[f"i(vs{j})"][-1] for j in range(cols)])


def test_linear_16(ngspice):
    generator = np.random.default_rng(3)
    siemens, volt = generator.uniform(9e-6, 88e-6, (16, 16)), generator.uniform(-0.2, 0.2, 16)
    grid = WireGrid(0.35, 0.5, 2.0, 3.0)
    text = deck(16, 16, volt, grid, lambda i, j: f"Rc{i}_{j} b{i}_{j} s{i}_{j} {1 / siemens[i, j]:.17g}")
    found = solve_wires(siemens, volt, grid).column_current_A[0]
    np.testing.assert_allclose(found, currents(text, 16), rtol=1e-6)


class Knee:
    """A sinh device and, as its selector, a conductance that depends on both terminals (body effect)."""

    def __init__(self, siemens: np.ndarray) -> None:
        self.siemens = torch.from_numpy(siemens)

    def current_and_slopes(self, bit_V, source_V):
        drop, gate = bit_V - source_V, 1.0 - 0.4 * source_V
        device = self.siemens * 0.1 * torch.sinh(drop / 0.1)
        by_drop = self.siemens * torch.cosh(drop / 0.1)
        return device * gate, by_drop * gate, -by_drop * gate - 0.4 * device


def test_nonlinear_4(ngspice):
    generator = np.random.default_rng(4)
    siemens, volt = generator.uniform(9e-5, 9e-4, (4, 4)), generator.uniform(-0.4, 0.4, 4)
    grid = WireGrid(20.0, 30.0, 5.0, 10.0)

    def cell(i: int, j: int) -> str:
        bit, source = f"v(b{i}_{j})", f"v(s{i}_{j})"
        value = f"{siemens[i, j]:.17g}*0.1*sinh(({bit}-{source})/0.1)*(1-0.4*{source})"
        return f"Bc{i}_{j} b{i}_{j} s{i}_{j} I = {value}"

    found = solve_nonlinear(Knee(siemens), volt, grid, shape=(4, 4)).column_current_A[0]
    expected = currents(deck(4, 4, volt, grid, cell), 4)
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    linear = solve_wires(siemens, volt, grid).column_current_A[0]
    assert np.abs(found / linear - 1).max() > 0.1
