"""The channel law: symmetry, limits of weak and strong inversion, saturation, and the load lines made of it."""

import math

import numpy as np
import pytest

from femristor.core.errors import InputError
from femristor.device import load_card
from femristor.device.laws.channel import Channel, channel_current
from femristor.device.load_line import (
    BARE,
    Load,
    channel_load,
    current,
    selector_load,
)

LONG = Channel(2e-3, 0.45, 1.2, 0.0, 1e6)
SHORT = Channel(2.3e-3, 0.38, 1.13, 0.1, 0.3)


def test_odd_under_exchange_of_source_and_drain():
    gate, a, b = np.meshgrid([0.2, 0.6, 1.4, 3.3], np.linspace(0, 1.3, 9), np.linspace(0, 1.3, 9))
    there, back = SHORT.current_A(gate, a, b), SHORT.current_A(gate, b, a)
    np.testing.assert_allclose(there, -back, rtol=1e-13, atol=1e-30)
    assert np.all(there[a > b] > 0)


def test_square_law_of_a_long_channel():
    """Strong inversion: beta (V_P - V/2) V n in the triode, n beta V_P^2/2 in saturation."""
    pinch = (1.4 - 0.45) / 1.2
    triode = LONG.current_A(1.4, 0.1, 0.0)
    assert triode == pytest.approx(2e-3 * 1.2 * (pinch - 0.05) * 0.1, rel=1e-4)
    assert LONG.current_A(1.4, 3.0, 0.0) == pytest.approx(2e-3 * 1.2 * pinch**2 / 2, rel=1e-4)


def test_weak_inversion_is_exponential():
    """n U_T ln 10 a decade, and 1 - exp(-V_DS/U_T) along the drain."""
    low, high = LONG.current_A(np.array([0.05, 0.15]), 0.5, 0.0)
    assert math.log(high / low) == pytest.approx(0.1 / (1.2 * LONG.thermal_V), rel=1e-2)
    near = LONG.current_A(0.05, 0.02, 0.0) / low
    assert near == pytest.approx(1 - math.exp(-0.02 / LONG.thermal_V), rel=1e-2)


def test_velocity_saturation():
    """n beta V_c V_P for a short channel; the on-resistance stays that of the long one."""
    short = Channel(2e-3, 0.45, 1.2, 0.0, 0.02)
    pinch = (1.4 - 0.45) / 1.2
    assert short.current_A(1.4, 1.3, 0.0) == pytest.approx(1.2 * 2e-3 * 0.02 * pinch, rel=2e-3)
    assert short.current_A(1.4, 1e-4, 0.0) == pytest.approx(LONG.current_A(1.4, 1e-4, 0.0), rel=1e-4)


@pytest.mark.parametrize("gate", [0.2, 0.6, 1.0, 1.4, 3.3])
def test_no_negative_output_conductance(gate):
    drain = np.linspace(0, 1.5, 400)
    for source in (0.0, 0.5, 1.2):
        assert np.all(np.diff(SHORT.current_A(gate, source + drain, source)) > -1e-18)


def test_load_line_in_both_directions():
    card = load_card()
    load = channel_load(card, SHORT)
    up, down, read = load.line(1), load.line(-1), load.line(1, read=True)
    assert (up.gate_V, down.gate_V, read.gate_V) == (1.4, 3.3, 3.3)
    assert current(up, 1.3, 1.1) == pytest.approx(SHORT.current_A(1.4, 0.2, 0.0))
    assert current(down, -1.3, -1.1) == pytest.approx(-SHORT.current_A(3.3, 1.3, 1.1))
    # The same drop carries less in reset because the cell lifts the source.
    assert abs(current(down, -1.3, -1.1)) < SHORT.current_A(3.3, 0.2, 0.0)
    assert current(up, 0.7, 0.7) == current(down, -0.7, -0.7) == 0.0
    volts = np.linspace(0, 1.3, 200)
    assert np.all(np.diff(current(up, 1.3, volts)) < 0)
    assert np.all(np.diff(current(down, -1.3, -volts)) > 0)


def test_lines_of_the_older_loads():
    load = selector_load(load_card())
    for direction in (1, -1):
        ohm, limit = load.numbers()[:2] if direction > 0 else load.numbers()[2:]
        drop = np.linspace(0, 1, 11)
        expected = limit * np.tanh(drop / (ohm * limit))
        np.testing.assert_allclose(current(load.line(direction), direction * drop, 0.0), direction * expected)
    assert current(Load.series(500.0).line(1), 1.0, 0.5) == pytest.approx(1e-3)
    with pytest.raises(InputError, match="no load line"):
        current(BARE.line(1), 1.0, 0.5)


def test_impossible_transistors():
    with pytest.raises(InputError, match="slope of 1 or more"):
        Channel(1e-3, 0.5, 0.9, 0.1, 0.3)
    with pytest.raises(InputError, match="leave the resistances"):
        Load(set_ohm=1e3, channel=SHORT)
    with pytest.raises(InputError, match="no tanh"):
        Load(channel=SHORT).numbers()


def test_same_expression_in_ufl():
    """The law takes UFL's constants and functions; its value there is NumPy's."""
    ufl = pytest.importorskip("ufl")
    from femristor.fem.electrothermal.forms import Ops

    values = [ufl.as_ufl(value) for value in SHORT.numbers()]
    expression = channel_current(values, ufl.as_ufl(1.4), ufl.as_ufl(0.3), 0.0, ops=Ops)
    assert float(expression) == pytest.approx(SHORT.current_A(1.4, 0.3, 0.0), rel=1e-12)
