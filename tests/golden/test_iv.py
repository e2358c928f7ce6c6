"""I-V curves of the shipped card by finite elements, kept as text; `make golden` refreshes them."""

import numpy as np
import pytest

from femristor.device import load_card


@pytest.mark.parametrize("label", ["lrs", "hrs"])
def test_iv_of_the_shipped_card(label, golden):
    from femristor.fem.electrothermal.cell import ElectroThermal

    card = load_card()
    bias = np.array([0.005, 0.1, 0.2, 0.5, 0.9, 1.3])
    found = ElectroThermal(card, resolution=0.5).sweep(bias, card.state(label))
    golden(
        f"iv_{label}",
        {
            "voltage_V": found.bias_V,
            "current_A": found.current_A,
            "dome_temperature_mean_K": found.dome_temperature_mean_K,
            "hop_rate_reset_per_s": found.hop_rate_reset_per_s,
        },
        # Tight enough for a change of physics; a new mesh generator may move the last digits.
        rtol=2e-4,
    )
