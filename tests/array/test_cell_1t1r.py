"""1T1R cells in torch against the NumPy models, SciPy's root finder, limits and finite differences."""

import dataclasses
from itertools import pairwise

import numpy as np
import pytest
import torch
from scipy.optimize import brentq

from femristor.array.cell.laws import IbmLaw, device_law
from femristor.array.cell.terminals import (
    Cells1R,
    Cells1T1R,
    LinearCells,
    card_channel,
    channel_slopes,
    pair_difference,
    word_lines,
)
from femristor.compact.dynamics.cells import IbmCells
from femristor.compact.ibm import IbmModel
from femristor.compact.table.closed_form import ClosedFormSampler, published_form
from femristor.compact.table.grid import default_grid
from femristor.compact.table.interpolate import TableModel
from femristor.compact.table.sample import build_table
from femristor.core.errors import InputError, RangeError
from femristor.device import load_card
from femristor.device.laws.channel import channel_current
from femristor.device.load_line import channel_load, current

CARD = load_card("cmo_hfox")
IBM = IbmModel(CARD)
CHANNEL = card_channel(CARD)


@pytest.fixture(scope="module")
def table():
    """The published law sampled on the default grid."""
    return TableModel(
        build_table(CARD, ClosedFormSampler(CARD, published_form(CARD)), default_grid(CARD), probes=0)
    )


def states(model, shape, seed=0):
    return torch.as_tensor(model.density_at(np.random.default_rng(seed).uniform(10e-6, 85e-6, shape)))


@pytest.mark.parametrize("kind", ["ibm", "table"])
def test_device_laws_equal_their_numpy_twins(kind, request):
    model = IBM if kind == "ibm" else request.getfixturevalue("table")
    law, density = device_law(model), states(model, (6, 7))
    for scale in (1e-3, 0.2, 1.3):
        volt = torch.linspace(-scale, scale, 42, dtype=torch.float64).reshape(6, 7)
        found, slope, by_state = law.evaluate(volt, density)
        plain = model.current_A(volt.numpy(), density.numpy())
        assert np.allclose(found.numpy(), plain, rtol=1e-12, atol=0)
        step = 1e-5 * scale
        up, down = (law.evaluate(volt + s, density)[0] for s in (step, -step))
        assert torch.allclose(slope, (up - down) / (2 * step), rtol=1e-7, atol=0)
        up, down = (law.evaluate(volt, density * (1 + s))[0] for s in (1e-5, -1e-5))
        assert torch.allclose(
            by_state, (up - down) / (2e-5 * density), rtol=1e-6, atol=1e-6 * float(by_state.abs().max())
        )


def test_channel_equals_the_device_law_and_its_slopes_the_differences():
    rng = np.random.default_rng(1)
    gate, drain, source = (torch.as_tensor(rng.uniform(0, high, 400)) for high in (3.3, 2.0, 2.0))
    found, *slopes = channel_slopes(CHANNEL.numbers(), gate, drain, source)
    plain = channel_current(CHANNEL.numbers(), gate.numpy(), drain.numpy(), source.numpy())
    assert np.allclose(found.numpy(), plain, rtol=1e-10, atol=1e-22)
    point = [value.clone().requires_grad_() for value in (gate, drain, source)]
    automatic = torch.autograd.grad(channel_current(CHANNEL.numbers(), *point, ops=torch).sum(), point)
    for ours, theirs in zip(slopes, automatic, strict=True):
        # The eighth powers underflow in a closed channel, where autograd divides 0 by 0 and the slopes stay numbers.
        told = torch.isfinite(theirs)
        assert bool(torch.isfinite(ours).all()) and int(told.sum()) > 380
        assert torch.allclose(ours[told], theirs[told], rtol=1e-7, atol=1e-14)
    shut = channel_slopes(CHANNEL.numbers(), torch.tensor(-9.0), torch.tensor(3.0), torch.tensor(5.0))
    assert all(bool(torch.isfinite(value)) for value in shut)


@pytest.mark.parametrize("applied", [0.2, -0.2, 1.3, -1.4])
def test_cells_equal_the_scalar_load_line(applied):
    density = states(IBM, (2, 3))
    load = channel_load(CARD, CHANNEL)
    line = load.line(applied)
    bit, source = (applied, 0.0) if applied > 0 else (0.0, -applied)
    cells = Cells1T1R(device_law(IBM), density, CHANNEL, line.gate_V)
    found = cells.current_A(bit, source)
    inner = bit - cells.inner_V(bit, source)
    for index, state in np.ndenumerate(density.numpy()):

        def excess(volt, state=state):
            return float(IBM.current_A(volt, state)) - float(current(line, applied, volt))

        root = brentq(excess, *sorted((0.0, applied)), xtol=1e-15, rtol=1e-15)
        assert float(inner[index]) == pytest.approx(root, abs=1e-12)
        assert float(found[index]) == pytest.approx(float(IBM.current_A(root, state)), rel=1e-10)


def test_table_and_law_give_the_same_cells(table):
    density = states(table, (4, 4))
    both = [Cells1T1R(device_law(model), density, CHANNEL, 3.3).current_A(1.1, 0.0) for model in (IBM, table)]
    assert torch.allclose(*both, rtol=3e-3)


def test_an_infinitely_wide_transistor_is_no_transistor():
    density = states(IBM, (3, 5))
    volt = torch.linspace(-1.2, 1.2, 15, dtype=torch.float64).reshape(3, 5)
    bare = Cells1R(device_law(IBM), density)
    previous = None
    for gain in (1e2, 1e5, 1e8):
        wide = dataclasses.replace(CHANNEL, gain_A_per_V2=gain)
        behind = Cells1T1R(device_law(IBM), density, wide, 3.3)
        off = float(((behind.current_A(volt, 0.0) - bare.current_A(volt, 0.0)).abs()).max())
        assert previous is None or off < 2e-3 * previous, "the drop falls with the width"
        previous = off
    assert previous < 1e-15
    for ours, theirs in zip(
        behind.current_and_slopes(volt, 0.0), bare.current_and_slopes(volt, 0.0), strict=True
    ):
        assert torch.allclose(ours, theirs, rtol=1e-9, atol=1e-15)


def test_the_gate_limits_the_set_current_and_a_low_one_shuts_the_cell():
    cells = Cells1T1R(device_law(IBM), states(IBM, (1, 4)), CHANNEL, 3.3)
    flows = [float(cells.current_A(1.3, 0.0, gate).max()) for gate in (0.0, 0.9, 1.4, 3.3)]
    assert all(a < b for a, b in pairwise(flows))
    assert flows[0] < 1e-8 * flows[-1]
    lines = word_lines(6, [1, 4], on_V=3.3)
    array = Cells1T1R(device_law(IBM), states(IBM, (6, 3)), CHANNEL, lines)
    rows = array.current_A(0.2, 0.0).abs().amax(dim=1)
    assert bool((rows[[1, 4]] > 1e-6).all()) and bool((rows[[0, 2, 3, 5]] < 1e-12).all())


def test_no_voltage_no_current_and_both_ends_lifted_none_either():
    cells = Cells1T1R(device_law(IBM), states(IBM, (3, 3)), CHANNEL, 3.3)
    assert float(cells.current_A(0.0, 0.0).abs().max()) == 0.0
    assert float(cells.current_A(0.7, 0.7).abs().max()) < 1e-18


@pytest.mark.parametrize("kind", ["ibm", "table", "bare", "linear"])
def test_gradients_by_all_terminals_and_the_state(kind, request):
    model = request.getfixturevalue("table") if kind == "table" else IBM
    density = states(model, (2, 2))
    # States in units of their size, so that gradcheck's one step fits all inputs; currents in uA.
    unit = 1e-6 if kind == "linear" else 1e25
    law = device_law(model)
    state = torch.full((2, 2), 40.0, dtype=torch.float64) if kind == "linear" else density / unit

    def microampere(bit, source, word, state):
        if kind == "linear":
            return 1e6 * LinearCells(state * unit).current_A(bit, source, density=state * unit)
        if kind == "bare":
            return 1e6 * Cells1R(law, density).current_A(bit, source, density=state * unit)
        return 1e6 * Cells1T1R(law, density, CHANNEL, 3.3).current_A(bit, source, word, state * unit)

    inputs = [
        torch.tensor([[0.2, 1.1], [0.0, 0.6]], dtype=torch.float64, requires_grad=True),
        torch.tensor([[0.0], [1.2]], dtype=torch.float64, requires_grad=True),
        torch.tensor([[3.3], [2.9]], dtype=torch.float64, requires_grad=kind in ("ibm", "table")),
        state.clone().requires_grad_(),
    ]
    assert torch.autograd.gradcheck(microampere, inputs, eps=1e-6, atol=1e-4, rtol=1e-5)


def test_slopes_are_those_of_autograd():
    cells = Cells1T1R(device_law(IBM), states(IBM, (3, 4)), CHANNEL, 1.4)
    bit = torch.full((3, 4), 1.2, dtype=torch.float64, requires_grad=True)
    source = torch.zeros(3, 4, dtype=torch.float64, requires_grad=True)
    flow = cells.current_A(bit, source)
    by_bit, by_source = torch.autograd.grad(flow.sum(), (bit, source))
    values = cells.current_and_slopes(bit, source)
    for ours, theirs in zip(values, (flow, by_bit, by_source), strict=True):
        assert torch.equal(ours, theirs)
    assert bool((values[1] > 0).all()) and bool((values[2] < 0).all())


def test_tiles_and_pairs_are_leading_axes():
    density = states(IBM, (2, 5, 3))
    pair = Cells1T1R(device_law(IBM), density, CHANNEL, word_lines(5, on_V=3.3))
    flow = pair.current_A(torch.full((5, 1), 0.2, dtype=torch.float64), 0.0)
    single = Cells1T1R(device_law(IBM), density[1], CHANNEL, 3.3).current_A(0.2, 0.0)
    assert torch.allclose(flow[1], single, rtol=1e-10, atol=0)
    columns = flow.sum(dim=-2)
    assert torch.equal(pair_difference(columns), columns[0] - columns[1])


def test_cells_with_their_own_parameters():
    radius = np.random.default_rng(2).normal(11e-9, 0.5e-9, 6)
    cells = IbmCells.of(IBM, 6, radius_m=radius)
    density = np.full(6, 1.6e25)
    found = IbmLaw(IBM, cells, (2, 3)).evaluate(
        torch.full((2, 3), 0.2, dtype=torch.float64), torch.as_tensor(density.reshape(2, 3))
    )[0]
    plain = [float(cells.model(IBM, index).current_A(0.2, 1.6e25)) for index in range(6)]
    assert np.allclose(found.numpy().ravel(), plain, rtol=1e-12)


def test_bad_input_gets_a_sentence(table):
    density = states(IBM, (2, 2))
    with pytest.raises(InputError, match="Row 7 is selected"):
        word_lines(4, [7], on_V=3.3)
    with pytest.raises(InputError, match="not possible"):
        LinearCells([[-1e-6]])
    with pytest.raises(InputError, match="NaN"):
        Cells1R(device_law(IBM), [[float("nan")]])
    with pytest.raises(InputError, match="do not fill"):
        IbmLaw(IBM, IbmCells.of(IBM, 3), (2, 2))
    with pytest.raises(InputError, match="no law in torch"):
        device_law(object())
    with pytest.raises(RangeError, match="device voltage"):
        Cells1R(device_law(table), density).current_A(1.8, 0.0)
    with pytest.raises(RangeError, match="density"):
        Cells1R(device_law(table), density * 1e3).current_A(0.2, 0.0)
