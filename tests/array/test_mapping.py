import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from femristor.array.mapping import ConductanceWindow, DifferentialPair, SingleDevice
from femristor.core.errors import InputError
from femristor.device import load_card

WINDOW = ConductanceWindow(9e-6, 88.19e-6)
matrices = hnp.arrays(
    np.float64,
    hnp.array_shapes(min_dims=2, max_dims=3, max_side=6),
    elements=st.floats(-10, 10, allow_subnormal=False),
)


@settings(deadline=None)
@given(matrices)
def test_single_device_round_trip_and_window(weights):
    mapping = SingleDevice.fit(weights, WINDOW)
    conductance = mapping.to_conductance(torch.as_tensor(weights))
    assert conductance.shape == weights.shape
    assert float(conductance.min()) >= WINDOW.g_min_S and float(conductance.max()) <= WINDOW.g_max_S
    np.testing.assert_allclose(mapping.to_weights(conductance), weights, atol=1e-13 * max(1, np.ptp(weights)))


@settings(deadline=None)
@given(matrices)
def test_pair_round_trip_and_idle_device(weights):
    mapping = DifferentialPair.fit(weights, WINDOW)
    conductance = mapping.to_conductance(torch.as_tensor(weights))
    assert conductance.shape == (*weights.shape[:-2], 2, *weights.shape[-2:])
    assert torch.all(conductance.amin(dim=-3) == WINDOW.g_min_S)
    np.testing.assert_allclose(
        mapping.to_weights(conductance), weights, atol=1e-13 * max(1, np.abs(weights).max())
    )


def test_extremes_go_to_the_ends_of_the_window_of_the_card():
    window = ConductanceWindow.of(load_card("cmo_hfox").statistics)
    assert (window.g_min_S, window.g_max_S) == pytest.approx((9e-6, 88.19e-6))
    conductance = SingleDevice.fit([[-2.0, 0.0], [1.0, 6.0]], window).to_conductance(
        [[-2.0, 0.0], [1.0, 6.0]]
    )
    np.testing.assert_allclose(conductance * 1e6, [[9.0, 9 + 79.19 / 4], [9 + 79.19 * 3 / 8, 88.19]])


def test_common_shift_moves_single_weights_and_cancels_in_pairs():
    weights = torch.tensor([[0.5, -1.0], [1.0, 0.0]], dtype=torch.float64)
    single, pair = SingleDevice.fit(weights, WINDOW), DifferentialPair.fit(weights, WINDOW)
    moved = single.to_weights(single.to_conductance(weights) - 1e-6) - weights
    torch.testing.assert_close(moved, torch.full_like(moved, -2.0 / 79.19))
    torch.testing.assert_close(pair.to_weights(pair.to_conductance(weights) - 1e-6), weights)


def test_equal_weights_are_kept():
    weights = torch.full((2, 3), 0.7, dtype=torch.float64)
    mapping = SingleDevice.fit(weights, WINDOW)
    torch.testing.assert_close(mapping.to_weights(mapping.to_conductance(weights)), weights)


def test_levels_have_both_ends():
    levels = WINDOW.levels_S(35)
    assert float(levels[0]) == 9e-6 and float(levels[-1]) == pytest.approx(88.19e-6, rel=1e-14)
    np.testing.assert_allclose(np.diff(levels), 79.19e-6 / 34)


@pytest.mark.parametrize(
    ("act", "words"),
    [
        (lambda: ConductanceWindow(9e-6, 9e-6), "give 0 <= g_min < g_max"),
        (lambda: ConductanceWindow(-1e-6, 9e-6), "give 0 <= g_min < g_max"),
        (lambda: WINDOW.levels_S(1), "2 or more"),
        (lambda: SingleDevice.fit([[1.0, float("nan")]], WINDOW), "1 NaN or infinite entries of 2"),
        (lambda: SingleDevice.fit([[1.0, 2.0], [1.0]], WINDOW), "not a rectangular array"),
        (lambda: SingleDevice.fit(np.zeros((0, 3)), WINDOW), "is empty"),
        (lambda: SingleDevice.fit([[0.0, 1.0]], WINDOW).to_conductance([[0.0, 1.1]]), "do not fit a mapping"),
        (
            lambda: DifferentialPair.fit([[0.0, 1.0]], WINDOW).to_conductance([[0.0, -1.1]]),
            "do not fit a mapping",
        ),
    ],
)
def test_bad_input_is_one_sentence(act, words):
    with pytest.raises(InputError, match=words) as error:
        act()
    assert "\n" not in str(error.value) and str(error.value).endswith(".")
