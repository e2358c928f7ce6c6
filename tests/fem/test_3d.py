"""The axisymmetric half plane against a quarter of the cylinder, and the quarter against the whole."""

import numpy as np
import pytest

from femristor.device import load_card
from femristor.fem.electrothermal.cell import ElectroThermal

CARD = load_card()
BIAS = [0.2, 1.0]


@pytest.mark.slow
@pytest.mark.parametrize("label", ["lrs", "hrs"])
def test_half_plane_equals_quarter_cylinder(label):
    state = CARD.state(label)
    plane = ElectroThermal(CARD).sweep(BIAS, state)
    quarter = ElectroThermal(CARD, dim=3, resolution=0.6).sweep(BIAS, state)
    assert quarter.dim == 3
    np.testing.assert_allclose(quarter.current_A, plane.current_A, rtol=5e-3)
    np.testing.assert_allclose(quarter.power_W, quarter.bias_V * quarter.current_A, rtol=1e-9)
    rise, expected = (s.dome_temperature_mean_K - CARD.ambient_K for s in (quarter, plane))
    np.testing.assert_allclose(rise, expected, rtol=1e-2)


@pytest.mark.slow
def test_whole_cylinder_equals_quarter():
    # Coarse for speed: both carry the same mesh error but for the layout of the elements.
    state = CARD.state("lrs")
    quarter, whole = (
        ElectroThermal(CARD, dim=3, resolution=0.3, full=full).sweep([0.2], state) for full in (False, True)
    )
    assert whole.unknowns > 2.5 * quarter.unknowns
    assert whole.current_A[0] == pytest.approx(quarter.current_A[0], rel=5e-3)
