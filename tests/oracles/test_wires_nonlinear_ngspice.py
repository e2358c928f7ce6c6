"""A 4 x 4 array of non-linear 1T1R cells with wires against ngspice, to 1e-6."""

import shutil

import numpy as np
import pytest
import torch

from femristor.array.cell.laws import device_law
from femristor.array.cell.netlist import array_netlist
from femristor.array.cell.terminals import Cells1T1R, card_channel, word_lines
from femristor.array.costs import wired_read_cost
from femristor.array.wires.grid import WireGrid
from femristor.array.wires.nonlinear import solve_nonlinear
from femristor.compact.export.ngspice import run_ngspice
from femristor.compact.ibm import IbmModel
from femristor.core.errors import InputError
from femristor.device import load_card

CARD = load_card("cmo_hfox")
IBM = IbmModel(CARD)
CHANNEL = card_channel(CARD)
SIZE = 4


def density():
    return IBM.density_at(np.random.default_rng(5).uniform(10e-6, 85e-6, (SIZE, SIZE)))


def dense_newton(cells, voltage_V, grid):
    """Node voltages of the crosspoint by Newton with a dense matrix of all nodes, for small arrays."""
    count = SIZE * SIZE
    bit, source = (np.arange(count).reshape(SIZE, SIZE) + shift for shift in (0, count))
    matrix, right = np.zeros((2 * count, 2 * count)), np.zeros(2 * count)

    def resistor(a, b, ohm):
        for node, other in ((a, b), (b, a)):
            matrix[node, node] += 1 / ohm
            matrix[node, other] -= 1 / ohm

    for i in range(SIZE):
        matrix[bit[i, 0], bit[i, 0]] += 1 / grid.segment_ohm
        right[bit[i, 0]] += voltage_V[i] / grid.segment_ohm
        matrix[source[-1, i], source[-1, i]] += 1 / grid.column_ohm
        for j in range(SIZE - 1):
            resistor(bit[i, j], bit[i, j + 1], grid.segment_ohm)
            resistor(source[j, i], source[j + 1, i], grid.column_ohm)
    nodes = np.linalg.solve(matrix + 1e-5 * np.eye(2 * count), right)
    for _ in range(50):
        current, by_bit, by_source = (
            value.numpy()
            for value in cells.current_and_slopes(torch.as_tensor(nodes[bit]), torch.as_tensor(nodes[source]))
        )
        residual = matrix @ nodes - right
        residual[bit] += current
        residual[source] -= current
        slopes = matrix.copy()
        for sign, rows in ((1, bit), (-1, source)):
            slopes[rows.ravel(), bit.ravel()] += sign * by_bit.ravel()
            slopes[rows.ravel(), source.ravel()] += sign * by_source.ravel()
        step = np.linalg.solve(slopes, -residual)
        nodes = nodes + step
        if np.abs(step).max() < 1e-15:
            break
    return nodes[bit], nodes[source], current


@pytest.mark.parametrize(
    ("segment", "volts", "gates"),
    [
        (0.35, (0.2, -0.2, 0.15, 0.05), 3.3),
        (20.0, (1.2, 0.0, 0.9, 0.4), 3.3),
        (20.0, (1.3, 1.3, 0.0, -0.3), "selected"),
    ],
)
def test_column_currents_equal_ngspice(segment, volts, gates):
    if shutil.which("ngspice") is None:
        pytest.skip("ngspice is not installed")
    word = (
        word_lines(SIZE, [0, 3], on_V=1.4)
        if gates == "selected"
        else torch.tensor(gates, dtype=torch.float64)
    )
    grid, state = WireGrid(segment, 1.5 * segment), density()
    cells = Cells1T1R(device_law(IBM), state, CHANNEL, word)
    deck = array_netlist(IBM, CHANNEL, state, np.array(volts), grid, word_V=word.numpy())
    found = run_ngspice(deck)
    theirs = np.array([found[f"i(vs{j})"][0] for j in range(SIZE)])
    _, source, current = dense_newton(cells, np.array(volts), grid)
    ours = source[-1] / grid.column_ohm
    assert np.allclose(ours, current.sum(axis=0), rtol=1e-11), "all of a column's cells flow into its ground"
    assert np.abs(theirs - ours).max() < 1e-6 * np.abs(ours).max()
    run = solve_nonlinear(cells, torch.tensor([volts], dtype=torch.float64), grid, shape=(SIZE, SIZE))
    assert np.abs(theirs - np.asarray(run.column_current_A)[0]).max() < 1e-6 * np.abs(ours).max()
    linear = np.array(volts) @ IBM.conductance_S(state)
    assert np.abs(ours - linear).max() > 1e-4 * np.abs(ours).max(), "selectors, wires and bends are seen"


@pytest.mark.parametrize("volts", [(0.2, -0.2, 0.15, 0.05), (1.2, 0.0, 0.9, 0.4)])
def test_the_array_solver_equals_the_dense_newton(volts):
    grid = WireGrid(20.0, 30.0)
    cells = Cells1T1R(device_law(IBM), density(), CHANNEL, 3.3)
    run = solve_nonlinear(cells, torch.tensor([volts], dtype=torch.float64), grid, shape=(SIZE, SIZE))
    _, source, _ = dense_newton(cells, np.array(volts), grid)
    ours = np.asarray(run.column_current_A).reshape(-1)
    assert np.allclose(ours, source[-1] / grid.column_ohm, rtol=1e-9, atol=1e-16)


def test_terminals_pay_for_cells_and_wires():
    """Energy of a wire solution: V I at the drivers is the power of all segments and all cells."""
    grid, volts = WireGrid(20.0, 30.0), np.array([1.2, 0.0, 0.9, 0.4])
    cells = Cells1T1R(device_law(IBM), density(), CHANNEL, 3.3)
    bit, source, current = dense_newton(cells, volts, grid)
    drive = (volts - bit[:, 0]) / grid.segment_ohm
    rows = np.diff(np.column_stack([volts, bit]), axis=1)
    columns = np.diff(np.vstack([source, np.zeros(SIZE)]), axis=0)
    heat = (rows**2).sum() / grid.segment_ohm + (columns**2).sum() / grid.column_ohm
    power = float((current * (bit - source)).sum())
    cost = wired_read_cost(volts, drive, power, width_s=1e-6)
    assert cost.energy_J == pytest.approx((heat + power) * 1e-6, rel=1e-10)
    assert cost.parts["wires"] == pytest.approx(heat * 1e-6, rel=1e-8)
    assert cost.parts["cells"] == pytest.approx(power * 1e-6, rel=1e-12)


def test_netlists_that_cannot_be_written():
    with pytest.raises(InputError, match="one a row"):
        array_netlist(IBM, CHANNEL, density(), np.zeros(3), WireGrid(1.0), word_V=3.3)
    for grid in (WireGrid(0.0), WireGrid(1.0, drive="both")):
        with pytest.raises(InputError, match="crosspoint driven left"):
            array_netlist(IBM, CHANNEL, density(), np.zeros(SIZE), grid, word_V=3.3)
