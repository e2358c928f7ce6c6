"""The linear regime: found where there is one, with an honest error, and refused where there is none."""

import numpy as np
import pytest

from femristor.core.curves import IVCurve
from femristor.core.errors import InputError
from femristor.core.rng import generator
from femristor.transport.linear_regime import find_linear_regime

VOLT = np.linspace(0.005, 0.2, 40)
G = 1e-4


def noisy(shape, sigma, seed):
    return IVCurve(
        VOLT, G * VOLT * shape * (1 + sigma * generator(seed).standard_normal(VOLT.size)), label="formed"
    )


def test_exact_line_takes_all_points():
    regime = find_linear_regime(IVCurve(VOLT, G * VOLT))
    assert regime.used.all()
    assert regime.conductance_S == pytest.approx(G, rel=1e-12)
    assert regime.conductance_error_S < 1e-12 * G


def test_window_stops_where_the_curve_bends():
    regime = find_linear_regime(noisy(1 + 2 * np.sinh(VOLT / 0.12) ** 4, 1e-3, 1))
    assert 0.03 < regime.window_V[1] < 0.09
    assert regime.conductance_S == pytest.approx(G, rel=3e-3)
    assert regime.automatic


def test_error_covers_the_truth_at_its_own_rate():
    hits = 0
    for seed in range(200):
        regime = find_linear_regime(noisy(1.0, 0.01, seed))
        hits += abs(regime.conductance_S - G) < 2 * regime.conductance_error_S
    assert 0.88 * 200 <= hits <= 0.99 * 200


def test_known_sigma_sets_the_error():
    regime = find_linear_regime(noisy(1.0, 0.01, 3), (0.0, 0.2), 0.02)
    assert regime.conductance_error_S == pytest.approx(0.02 * regime.conductance_S / np.sqrt(40))
    assert not regime.automatic


def test_absolute_noise_weighs_the_high_voltages():
    rng = generator(5)
    curve = IVCurve(VOLT, G * VOLT + 1e-7 * rng.standard_normal(VOLT.size), label="formed")
    absolute = find_linear_regime(curve, (0.0, 0.2), noise="absolute")
    assert absolute.conductance_error_S == pytest.approx(1e-7 / np.sqrt(np.sum(VOLT**2)), rel=0.4)
    assert absolute.conductance_error_S < find_linear_regime(curve, (0.0, 0.2)).conductance_error_S


def test_zero_volts_and_negative_voltages():
    volt = np.linspace(-0.1, 0.1, 21)
    regime = find_linear_regime(IVCurve(volt, G * volt))
    assert regime.used.sum() == 20
    assert not regime.used[10]


@pytest.mark.parametrize(
    ("volt", "amp", "window", "words"),
    [
        (VOLT, -G * VOLT, None, "conductance of -0.0001 S; a cell's is above 0"),
        (VOLT, G * VOLT**2, None, "not linear even over its 5 lowest voltages"),
        (VOLT[:4], G * VOLT[:4], None, "has 4 points in all"),
        (VOLT, G * VOLT, (0.01, 0.016), "has 2 points between 0.01 and 0.016 V"),
    ],
)
def test_refusals(volt, amp, window, words):
    with pytest.raises(InputError, match=words):
        find_linear_regime(IVCurve(volt, amp, label="formed"), window)
