import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from femristor.core.errors import InputError
from femristor.nn.periphery.converters import Quantiser

bits = st.integers(2, 12)
bounds = st.floats(1e-3, 1e3)
values = st.lists(st.floats(-2e3, 2e3, allow_subnormal=False), min_size=1, max_size=40)


def tensor(numbers) -> torch.Tensor:
    return torch.tensor(numbers, dtype=torch.float64)


@settings(deadline=None)
@given(bits, bounds, values)
def test_idempotent_odd_monotonic_and_bounded(n, bound, numbers):
    q, x = Quantiser(n, bound), tensor(numbers).sort().values
    once = q(x)
    torch.testing.assert_close(q(once), once, rtol=0, atol=1e-12 * bound)
    assert torch.equal(q(-x), -once)
    assert bool((once.diff() >= 0).all())
    assert float(once.abs().max()) <= bound
    inside = x.abs() <= bound
    error = (once - x).abs()[inside]
    assert not error.numel() or float(error.max()) <= q.step / 2 * (1 + 1e-9)


@settings(deadline=None)
@given(st.integers(2, 8), bounds)
def test_has_two_to_the_n_minus_one_levels_with_zero_and_both_bounds(n, bound):
    q = Quantiser(n, bound)
    levels = q(torch.linspace(-1.2 * bound, 1.2 * bound, 4001, dtype=torch.float64))
    codes = torch.round(levels / q.step).unique()
    assert len(codes) == q.levels == 2**n - 1
    assert 0.0 in codes
    assert float(levels.max()) == pytest.approx(bound, rel=1e-12)


def test_steps_of_the_paper():
    assert Quantiser(6, 1.0).step == pytest.approx(2 / 62)
    assert Quantiser(8, 15.0).step == pytest.approx(30 / 254)


def test_no_bits_only_clip():
    x = tensor([-3.0, -0.123, 0.0, 2.5])
    assert torch.equal(Quantiser(None, 1.0)(x), tensor([-1.0, -0.123, 0.0, 1.0]))
    assert torch.equal(Quantiser(None, math.inf)(x), x)


def test_rounding_error_has_the_variance_of_a_uniform_one():
    q = Quantiser(8, 15.0)
    x = torch.linspace(-15.0, 15.0, 1_000_003, dtype=torch.float64)
    assert float((q(x) - x).square().mean()) == pytest.approx(q.step**2 / 12, rel=1e-3)


@pytest.mark.parametrize(
    ("n", "bound", "words"),
    [
        (1, 1.0, "2 to 24"),
        (0, 1.0, "2 to 24"),
        (2.5, 1.0, "2 to 24"),
        (60, 1.0, "2 to 24"),
        (6, 0.0, "above 0"),
        (6, -1.0, "above 0"),
        (6, math.nan, "above 0"),
        (6, math.inf, "finite bound"),
    ],
)
def test_bad_input_is_one_sentence(n, bound, words):
    with pytest.raises(InputError, match=words) as error:
        Quantiser(n, bound)
    assert "\n" not in str(error.value) and str(error.value).endswith(".")
