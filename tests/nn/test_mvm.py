import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from femristor.array.checks import torch_generator
from femristor.array.weights import weight_arrays
from femristor.core.errors import InputError
from femristor.device import load_card
from femristor.nn.mvm.product import EFFECTS, AnalogMatrix, MvmSettings, plain_product

CARD = load_card("cmo_hfox")
CELLS = weight_arrays(CARD)
IDEAL = MvmSettings.ideal()
NOISELESS = MvmSettings(effects=())


def normal(*shape, seed=0) -> torch.Tensor:
    return torch.randn(shape, generator=torch_generator(seed, 99), dtype=torch.float64)


@settings(deadline=None, max_examples=30)
@given(
    outputs=st.integers(1, 20),
    inputs=st.integers(1, 20),
    batch=st.sampled_from([(), (1,), (7,), (2, 3), (0,)]),
    mapping=st.sampled_from(["single", "pair"]),
    seed=st.integers(0, 1000),
)
def test_ideal_configuration_is_the_matrix_product(outputs, inputs, batch, mapping, seed):
    weights, x = 3 * normal(outputs, inputs, seed=seed), 10 * normal(*batch, inputs, seed=seed + 1)
    analog = AnalogMatrix(weights, CELLS, replace(IDEAL, mapping=mapping))
    analog.advance(3.15e8)
    result = analog(x)
    assert result.shape == (*batch, outputs)
    scale = float(weights.abs().max()) * float(x.abs().max()) * inputs if x.numel() else 1.0
    torch.testing.assert_close(result, x @ weights.T, rtol=0, atol=3e-15 * scale)


@pytest.mark.parametrize("mapping", ["single", "pair"])
@pytest.mark.parametrize("input_scale", ["fixed", "absmax"])
@pytest.mark.parametrize(("input_bits", "output_bits"), [(6, 8), (None, 8), (6, None)])
def test_fast_product_agrees_with_its_twin(mapping, input_scale, input_bits, output_bits):
    options = MvmSettings(input_bits, output_bits, input_scale=input_scale, mapping=mapping, output_bound=4.0)
    analog = AnalogMatrix(0.4 * normal(24, 40), CELLS, options, stream=(3,))
    x = normal(50, 40, seed=1)
    x[0] = 0.0
    for time in (0.0, 1.0, 3600.0):
        analog.advance(time)
        torch.testing.assert_close(analog(x), plain_product(analog, x), rtol=1e-12, atol=1e-12)
    assert float(analog(x).abs().max()) <= 4.0 * analog.out_scale * max(1.0, float(x.abs().max())) * (
        1 + 1e-12
    )


def test_currents_of_the_cells_give_the_same_product():
    weights, x = normal(5, 8), normal(6, 8, seed=1).clamp(-1, 1)
    analog = AnalogMatrix(weights, CELLS, replace(IDEAL, input_scale="fixed", effects=EFFECTS), stream=(1,))
    analog.advance(60.0)
    read_V = 0.2
    currents = analog.cells.array.read(x * read_V)
    window, mapping = analog.cells.array.window, analog.cells.mapping
    # A reference column of cells at g_min takes off what the window's lower end adds.
    above = currents / read_V - window.g_min_S * x.sum(dim=-1, keepdim=True)
    product = (
        above * mapping.weight_per_S + mapping.weight_min * x.sum(dim=-1, keepdim=True)
    ) * analog.out_scale
    torch.testing.assert_close(analog(x), product, rtol=1e-10, atol=1e-10)


def test_outputs_beyond_the_bound_are_clipped():
    analog = AnalogMatrix(np.ones((1, 64)) * np.linspace(0.5, 1, 64), CELLS, NOISELESS)
    assert float(analog(torch.ones(64, dtype=torch.float64))) == pytest.approx(15.0)


def test_absmax_makes_the_product_homogeneous_and_fixed_clips():
    weights, x = normal(6, 10), normal(3, 10, seed=1)
    absmax = AnalogMatrix(weights, CELLS, replace(NOISELESS, input_scale="absmax"))
    torch.testing.assert_close(absmax(8 * x), 8 * absmax(x))
    fixed = AnalogMatrix(weights, CELLS, NOISELESS)
    assert torch.equal(fixed(100 * x), fixed(x.sign()))
    assert not absmax(torch.zeros(2, 10)).any()


def test_products_follow_the_cells_through_time():
    analog = AnalogMatrix(normal(4, 4), CELLS, IDEAL_WITH_TIME, stream=(2,))
    x = normal(3, 4, seed=1)
    first = analog(x)
    assert torch.equal(analog(x), first)
    analog.advance(3600.0)
    second = analog(x)
    assert not torch.equal(first, second)
    torch.testing.assert_close(second, x @ analog.effective_weights().T)


IDEAL_WITH_TIME = replace(IDEAL, effects=EFFECTS)


def test_same_seed_same_bits():
    def run(seed):
        analog = AnalogMatrix(normal(8, 8), CELLS, stream=(seed,))
        analog.advance(100.0)
        return analog(normal(5, 8, seed=1))

    assert torch.equal(run(4), run(4))
    assert not torch.equal(run(4), run(5))


def test_single_precision_agrees_with_double():
    weights, x = normal(32, 32), normal(10, 32, seed=1).clamp(-1, 1)
    settings_ = replace(MvmSettings(), input_bits=None, output_bits=None)
    double = AnalogMatrix(weights, CELLS, settings_, stream=(1,))
    single = AnalogMatrix(weights, CELLS, settings_, stream=(1,), dtype=torch.float32)
    assert single(x).dtype == torch.float32
    torch.testing.assert_close(single(x).double(), double(x), rtol=1e-4, atol=1e-4)


def test_pair_does_not_feel_the_mean_relaxation():
    weights = normal(64, 64).clamp(-1, 1)
    for mapping, shift in (("single", -0.089 * math.log(3.15e8) * 2 / 79.19), ("pair", 0.0)):
        effects = ("relaxation",)
        analog = AnalogMatrix(weights, CELLS, replace(IDEAL, mapping=mapping, effects=effects), stream=(1,))
        analog.advance(3.15e8)
        moved = (analog.effective_weights() - weights).mean()
        assert float(moved) == pytest.approx(shift, abs=4 * 0.05 / 64)


NAN = float("nan")


@pytest.mark.parametrize(
    ("act", "words"),
    [
        (lambda: AnalogMatrix([1.0, 2.0], CELLS), r"shape \(2,\) are no matrix"),
        (lambda: AnalogMatrix([[1.0, NAN]], CELLS), "1 NaN"),
        (lambda: AnalogMatrix(np.zeros((0, 2)), CELLS), "1 or more of each"),
        (lambda: AnalogMatrix([["a", "b"]], CELLS), "not a rectangular array of numbers"),
        (lambda: AnalogMatrix([[1.0, 2.0]], CELLS, MvmSettings(acceptance=0.5)), "use one of 0.002, 0.02"),
        (lambda: AnalogMatrix([[1.0, 2.0]], CELLS)(np.zeros(3)), "a matrix with 2 inputs"),
        (lambda: AnalogMatrix([[1.0, 2.0]], CELLS)(0.5), "a matrix with 2 inputs"),
        (lambda: AnalogMatrix([[1.0, 2.0]], CELLS)([[0.0, NAN]]), "inputs have NaN"),
        (lambda: AnalogMatrix([[1.0, 2.0]], CELLS)([[0.0, math.inf]]), "inputs have NaN or infinite"),
        (lambda: AnalogMatrix([[1.0, 2.0]], CELLS)([[0.0], [1.0, 2.0]]), "no rectangular array"),
        (lambda: AnalogMatrix([[1.0, 2.0]], CELLS).advance(-1), "from 0 s on"),
        (lambda: MvmSettings(input_scale="learned"), "use one of fixed, absmax"),
        (lambda: MvmSettings(mapping="triple"), "use one of single, pair"),
        (lambda: MvmSettings(effects=("drift",)), "use one of programming, relaxation, read_noise"),
        (lambda: CELLS([1.0], mapping="single", acceptance=0.002, effects=(), stream=(0,)), "are no matrix"),
        (
            lambda: CELLS([[1.0]], mapping="x", acceptance=0.002, effects=(), stream=(0,)),
            "use one of single, pair",
        ),
        (
            lambda: CELLS([[1.0]], mapping="pair", acceptance=0.002, effects=("x",), stream=(0,)),
            "Unknown effects of cells: x",
        ),
        (lambda: MvmSettings(input_range=0.0), "finite one above 0"),
        (lambda: MvmSettings(input_bits=1), "2 to 24"),
        (lambda: MvmSettings(output_bound=-1.0), "above 0"),
    ],
)
def test_bad_input_is_one_sentence(act, words):
    with pytest.raises(InputError, match=words) as error:
        act()
    assert "\n" not in str(error.value) and str(error.value).endswith(".")
