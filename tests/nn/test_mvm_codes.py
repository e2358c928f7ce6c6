"""Products with integer instructions: the planes are exact, and the whole agrees with the plain twin."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from femristor.array.weights import weight_arrays
from femristor.core.errors import InputError
from femristor.device import load_card
from femristor.nn.mvm.codes import IntegerProduct, available
from femristor.nn.mvm.product import AnalogMatrix, MvmSettings, plain_product

CELLS = weight_arrays(load_card("cmo_hfox"))
needs = pytest.mark.skipif(not available(), reason="this CPU has no integer instructions without saturation")


def normal(*shape, seed: int = 0) -> torch.Tensor:
    rng = np.random.default_rng(seed)
    return torch.from_numpy(np.clip(rng.normal(0, 0.5, shape), -1, 1))


@needs
@pytest.mark.parametrize("inputs", [1, 7, 64, 512])
def test_products_are_whole_weights_times_whole_codes(inputs):
    folded, codes = normal(inputs, 9, seed=1) / 20, torch.round(31 * normal(40, inputs, seed=2))
    codes[0], codes[1] = 31, -31
    product = IntegerProduct(folded, top_in=31, top_out=10**6)
    one = np.ones(1, np.float32)
    found = product(codes.float(), one, one)
    step = folded.abs().amax(dim=0) / (127 * 256 + 127)
    whole = torch.round(folded / step)
    expected = (codes @ whole) * step
    assert float((found - torch.round(expected)).abs().max()) <= 1.0
    # Where the sum is not near the middle of two codes, nothing may differ.
    clear = ((expected - expected.floor()) - 0.5).abs() > 1e-3
    assert torch.equal(found[clear].double(), torch.round(expected)[clear])
    exact = codes @ folded
    assert float((expected - exact).std()) < 3 * max(product.error, 1e-12)


@needs
@pytest.mark.parametrize("input_scale", ["fixed", "absmax"])
@pytest.mark.parametrize("size", [64, 200])
def test_agrees_with_the_twin_but_for_a_stated_share(size, input_scale):
    """Outputs that differ are one ADC step off, and 1e-3 of them at most (documented: some 3e-4)."""
    options = MvmSettings(input_scale=input_scale, output_bound=15 * (size / 64) ** 0.5)
    analog = AnalogMatrix(normal(size, size), CELLS, options, stream=(1,), dtype=torch.float32)
    analog.advance(3600.0)
    x = normal(500, size, seed=3).float()
    assert analog._integers
    steps = (analog(x).double() - plain_product(analog, x.double())).abs() / options.adc.step
    alpha = x.abs().amax(1, keepdim=True) if input_scale == "absmax" else torch.ones(500, 1)
    steps /= alpha * analog.out_scale
    assert float(steps.max()) < 1.01
    assert float((steps > 0.5).double().mean()) < 1e-3


@needs
def test_same_bits_at_any_batch_shape_and_thread_count():
    analog = AnalogMatrix(normal(70, 90), CELLS, dtype=torch.float32)
    x = normal(600, 90, seed=1).float()
    whole = analog(x)
    assert torch.equal(analog(x.reshape(20, 30, 90)), whole.reshape(20, 30, 70))
    assert torch.equal(torch.cat([analog(part) for part in x.split(7)]), whole)
    assert torch.equal(analog(x[3]), whole[3])
    assert analog(x[:0]).shape == (0, 70)
    strided = torch.empty(600, 180)[:, ::2].copy_(x)
    assert torch.equal(analog(strided), whole)
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        assert torch.equal(analog(x), whole)
    finally:
        torch.set_num_threads(threads)


@needs
def test_follows_the_cells():
    analog = AnalogMatrix(normal(20, 30), CELLS, dtype=torch.float32)
    x = normal(50, 30, seed=1).float()
    before = analog(x)
    analog.advance(3.15e8)
    assert not torch.equal(analog(x), before)


def test_floating_point_where_integers_would_lose():
    for change in ({"input_bits": 12}, {"output_bits": None}, {"input_bits": None}):
        options = replace(MvmSettings(), **change)
        assert not AnalogMatrix(normal(8, 8), CELLS, options, dtype=torch.float32)._integers
    fine = AnalogMatrix(normal(64, 64), CELLS, MvmSettings(output_bits=20), dtype=torch.float32)
    x = normal(30, 64, seed=1).float()
    torch.testing.assert_close(fine(x).double(), plain_product(fine, x.double()), rtol=0, atol=1e-4)
    assert not AnalogMatrix(normal(8, 8), CELLS)._integers


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_inputs_that_are_not_finite_are_one_sentence(bad):
    analog = AnalogMatrix(normal(4, 6), CELLS, dtype=torch.float32)
    x = torch.zeros(3, 6)
    x[1, 2] = bad
    with pytest.raises(InputError, match="NaN or infinite"):
        analog(x)
