"""Live cells behind wires: the weights are those of the exact solution, remedies are those of the table."""

import pytest
import torch

from femristor.array.cell_array import Effects
from femristor.array.checks import torch_generator
from femristor.array.mapping import ConductanceWindow
from femristor.array.weights import WeightArray, weight_arrays
from femristor.array.wires.grid import WireGrid
from femristor.array.wires.remedies import REMEDIES, apply_remedy
from femristor.array.wires.solver import transfer_matrix
from femristor.array.wires.wired_weights import remedy_named, remedy_word
from femristor.core.errors import InputError
from femristor.device import load_card

CARD = load_card("cmo_hfox")
GRID = WireGrid(5.0)
WEIGHTS = 0.5 * torch.randn(20, 24, generator=torch_generator(0, 5), dtype=torch.float64).clamp(-2, 2)


def array(**options) -> WeightArray:
    options = {"effects": Effects.none(), "wires": GRID, "generator": torch_generator(3, 2), **options}
    return WeightArray(WEIGHTS, CARD, **options)


@pytest.mark.parametrize("remedy", REMEDIES, ids=remedy_word)
def test_without_noise_each_remedy_is_that_of_the_table(remedy):
    expected = apply_remedy(
        remedy, WEIGHTS, ConductanceWindow.of(CARD.statistics), GRID, transfer_matrix
    ).weights
    found = array(remedy=remedy).weights()
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-9)


def test_weights_follow_the_cells_through_the_wires():
    live = array(effects=Effects())
    live.advance(3600.0)
    expected = live.mapping.to_weights(transfer_matrix(live.array.read_conductance_S(), GRID))
    torch.testing.assert_close(live.weights(), expected, rtol=0, atol=1e-12)
    before = live.weights().clone()
    live.advance(7200.0)
    assert not torch.equal(live.weights(), before)


def test_no_resistance_is_no_wires():
    bare = array(wires=None, effects=Effects())
    wired = array(wires=WireGrid(0.0), effects=Effects())
    for one in (bare, wired):
        one.advance(100.0)
    torch.testing.assert_close(wired.weights(), bare.weights(), rtol=0, atol=1e-10)


def test_reference_columns_age_with_the_rest_and_take_the_common_shift_off():
    """The reference column's own mean shift leaves every column; its scatter comes in instead."""
    effects = Effects(programming=False, read_noise=False)
    plain = array(wires=WireGrid(1e-6), effects=effects)
    referenced = array(wires=WireGrid(1e-6), effects=effects, remedy=remedy_named("reference"))
    for one in (plain, referenced):
        one.advance(3.15e8)
    shift = -1.74e-6 * plain.mapping.weight_per_S
    assert float((plain.weights() - WEIGHTS).mean()) == pytest.approx(shift, rel=0.1)
    assert abs(float((referenced.weights() - WEIGHTS).mean())) < 0.35 * abs(shift)
    assert referenced.array.shape == (20, 25)


def test_gains_are_calibrated_once():
    live = array(effects=Effects(), remedy=remedy_named("common-mode-gains"))
    first = live.wired._gain
    live.advance(3600.0)
    live.weights()
    assert live.wired._gain is first


def test_words_of_remedies():
    assert remedy_named("pair").pair and remedy_named("two-sided").two_sided
    assert remedy_named("common-mode-gains-two-sided").name == "common mode, gains, two-sided"
    assert len({remedy_word(remedy) for remedy in REMEDIES}) == len(REMEDIES)


@pytest.mark.parametrize(
    ("act", "words"),
    [
        (lambda: remedy_named("prayer"), "use one of reference, pair"),
        (lambda: array(wires=WireGrid(1.0, topology="parallel")), "use the crosspoint"),
        (lambda: array(mapping="pair", remedy=remedy_named("reference")), "no common offset"),
        (
            lambda: weight_arrays(CARD, wires=GRID)(
                WEIGHTS, mapping="x", acceptance=0.002, effects=(), stream=(0,)
            ),
            "use one of single, pair",
        ),
    ],
)
def test_bad_input_is_one_sentence(act, words):
    with pytest.raises(InputError, match=words) as error:
        act()
    assert "\n" not in str(error.value) and str(error.value).endswith(".")
