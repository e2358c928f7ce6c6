"""Remedies against wires: without wires all are exact; with wires each leaves what its definition says."""

import numpy as np
import pytest
import torch

from femristor.array.mapping import ConductanceWindow, SingleDevice
from femristor.array.results.remedies import RemedyTable
from femristor.array.wires import sparse as wires_sparse
from femristor.array.wires.grid import WireGrid
from femristor.array.wires.ir_drop import aihwkit_ir_drop
from femristor.array.wires.remedies import REMEDIES, Remedy, apply_remedy, pre_distorted
from femristor.array.wires.remedies_table import FORMULA, draw, remedies_table
from femristor.core.errors import InputError
from femristor.core.store import load, save
from femristor.device import load_card
from femristor.plot.array.remedies import remedies_figure
from femristor.plot.style import png_bytes

CARD = load_card("cmo_hfox")
WINDOW = ConductanceWindow.of(CARD.statistics)
WIRES = WireGrid(0.35)
NAMED = {remedy.name: remedy for remedy in REMEDIES}


def transfer(conductance, grid):
    """The sparse direct solver, tile by tile."""
    tiles = conductance.reshape(-1, *conductance.shape[-2:])
    solved = [torch.as_tensor(wires_sparse.transfer_matrix(tile.numpy(), grid)) for tile in tiles]
    return torch.stack(solved).reshape(conductance.shape)


def rmse(name, size=32, grid=WIRES, seed=0):
    weights, inputs = draw(size, 100, seed)
    found = apply_remedy(NAMED[name], weights, WINDOW, grid, transfer)
    return float((inputs @ (found.weights - weights)).square().mean().sqrt())


@pytest.mark.parametrize("remedy", REMEDIES, ids=lambda remedy: remedy.name)
def test_without_wires_every_remedy_is_the_plain_product(remedy):
    weights, _ = draw(12, 1, 0)
    found = apply_remedy(remedy, weights, WINDOW, WireGrid(0.0), transfer)
    assert torch.allclose(found.weights, weights, atol=1e-12)
    assert found.span == 1.0 and found.clipped == 0.0
    WINDOW.require(found.conductance_S)


def test_no_remedy_is_the_exact_tile():
    weights, _ = draw(20, 1, 1)
    mapping = SingleDevice.fit(weights, WINDOW)
    exact = mapping.to_weights(transfer(mapping.to_conductance(weights), WIRES))
    found = apply_remedy(NAMED["none"], weights, WINDOW, WIRES, transfer)
    assert torch.equal(found.weights, exact)


def test_every_remedy_helps_and_combinations_help_more():
    plain = rmse("none")
    for remedy in REMEDIES[1:]:
        assert rmse(remedy.name) < 0.75 * plain, remedy.name
    for better, than in [
        ("two-sided drive and sense", "two-sided drive"),
        ("common mode, gains", "common mode"),
        ("pair, gains", "differential pair"),
        ("pair, two-sided", "differential pair"),
        ("common mode, gains, two-sided", "common mode, gains"),
    ]:
        assert rmse(better) < 0.7 * rmse(than), f"{better} against {than}"


def test_common_mode_makes_a_single_device_much_worse_than_the_closed_form():
    weights, inputs = draw(64, 100, 0)
    closed = aihwkit_ir_drop(weights, inputs, 1 / (0.35 * 100e-6)) - inputs @ weights
    formula = float(closed.square().mean().sqrt())
    assert formula == pytest.approx(0.015, abs=0.001), "as known from the simulator"
    assert rmse("none", 64) > 9 * formula
    # Resistance in the columns only, as the closed form has it.
    columns = np.mean([rmse("none", 64, WireGrid(0.0, 0.35), seed) for seed in range(4)])
    assert 0.11 < columns < 0.145


def test_closed_form_by_hand():
    weights = torch.tensor([[0.5], [-1.0]], dtype=torch.float64)
    inputs = torch.tensor([[0.4, 0.2]], dtype=torch.float64)
    a = 2 / 100.0 * (0.5 * 0.4 + 1.0 * 0.2)
    c = a * (a * (0.05 * a - 0.2) + 0.5)
    placed = 0.5 * 0.4 * 0.0 - 0.2 * (1 - 0.25)
    assert float(aihwkit_ir_drop(weights, inputs, 100.0)) == pytest.approx(0.0 - c * placed, rel=1e-12)


def test_pre_distorted_cells_reach_affine_targets_within_the_window():
    weights, _ = draw(32, 1, 2)
    target = SingleDevice.fit(weights, WINDOW).to_conductance(weights)
    cells, effective, span, clipped = pre_distorted(target, WINDOW, WIRES, transfer)
    WINDOW.require(cells)
    wanted = WINDOW.g_min_S + span * (target - WINDOW.g_min_S)
    assert clipped == 0.0 and 0.9 < span < 1.0
    assert float((effective - wanted).abs().max()) < 1e-6 * WINDOW.span_S
    errors = []
    for rounds in (1, 2, 3):
        _, effective, span, _ = pre_distorted(target, WINDOW, WIRES, transfer, rounds=rounds)
        wanted = WINDOW.g_min_S + span * (target - WINDOW.g_min_S)
        errors.append(float((effective - wanted).abs().max()))
    assert errors[1] < 0.1 * errors[0] and errors[2] < 0.1 * errors[1], "each round shrinks what is left"


def test_heavy_wires_cost_span_and_cells_at_the_window():
    weights, _ = draw(24, 1, 3)
    target = SingleDevice.fit(weights, WINDOW).to_conductance(weights)
    cells, _, span, _ = pre_distorted(target, WINDOW, WireGrid(30.0), transfer)
    WINDOW.require(cells)
    assert span < 0.5


@pytest.fixture(scope="module")
def table():
    return remedies_table(CARD, transfer, sizes=(8, 16), bound=0.004, largest_limit=32, inputs=50, seed=4)


def test_table_holds_each_remedy_and_the_closed_form(table):
    assert table.remedies[0] == FORMULA and table.remedies[1] == "none"
    assert table.rmse.shape == (len(REMEDIES) + 1, 2) and np.isfinite(table.rmse).all()
    weights, inputs = draw(16, 50, 4)
    found = apply_remedy(Remedy("none"), weights, WINDOW, WIRES, transfer)
    by_hand = float((inputs @ (found.weights - weights)).square().mean().sqrt())
    assert table.rmse[1, 1] == pytest.approx(by_hand, rel=1e-12)
    assert table.relative[1, 1] == pytest.approx(by_hand / float((inputs @ weights).std()), rel=1e-12)
    assert (table.rmse[1:, 1] > table.rmse[1:, 0]).all()


def test_advice_is_the_largest_solved_size_within_the_bound(table):
    row = table.remedies.index("none")
    sizes = [8, 16, 24, 32]
    within = []
    for size in sizes:
        weights, inputs = draw(size, 50, 4)
        found = apply_remedy(NAMED["none"], weights, WINDOW, WIRES, transfer)
        within.append(float((inputs @ (found.weights - weights)).square().mean().sqrt()) <= 0.004)
    assert table.largest[row] == max(
        [size for size, good in zip(sizes, within, strict=True) if good], default=0
    )
    assert table.largest[table.remedies.index("wire-aware")] == 32


def test_table_is_stored_and_drawn(table, tmp_path):
    save(table, tmp_path / "remedies.h5")
    back = load(tmp_path / "remedies.h5", RemedyTable)
    assert np.array_equal(back.rmse, table.rmse) and tuple(back.remedies) == table.remedies
    figure = remedies_figure(back)
    assert len(figure.axes[0].lines) == len(table.remedies) + 1
    assert "[absolute units]" in figure.axes[0].get_ylabel()
    assert png_bytes(figure).startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("words", "match"),
    [
        ({"sizes": ()}, "make no table"),
        ({"sizes": (1,)}, "make no table"),
        ({"inputs": 0}, "input vectors"),
        ({"bound": 0.0}, "bound"),
        ({"largest_limit": -8}, "--largest.*-8 is too few"),
        ({"segment_ohm": -1.0}, "segment_ohm"),
    ],
)
def test_bad_input_gets_a_sentence(words, match):
    with pytest.raises(InputError, match=match):
        remedies_table(CARD, transfer, **{"sizes": (8,), **words})


def test_weights_must_be_a_matrix():
    with pytest.raises(InputError, match="no matrix"):
        apply_remedy(REMEDIES[0], torch.zeros(3, dtype=torch.float64), WINDOW, WIRES, transfer)
