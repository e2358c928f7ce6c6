"""The channel of an NMOS selector: a smooth charge-based law, symmetric in source and drain.

Pinch-off `V_P = (V_G - V_T)/n`; at each end `q = 2 U_T ln(1 + exp((V_P - V)/(2 U_T)))`, near 2 U_T exp(...) below and
V_P - V above threshold; `I = n beta D / (1 + theta (q_s + q_d)/2) / sqrt(1 + (D/(V_c Q))^2)` with
`D = (q_s^2 - q_d^2)/2` and the larger charge `Q = (q_s^8 + q_d^8)^(1/8)`. The squares are the EKV interpolation (Enz,
Krummenacher & Vittoz, Analog Integr. Circuits Signal Process. 8, 1995); theta is mobility lost to the vertical field,
V_c the drop along the channel at which carriers reach saturation velocity. All voltages
are against the bulk, so that a lifted source closes the channel. Only exp, ln, sqrt and arithmetic: NumPy, torch, UFL.
"""

from dataclasses import dataclass

import numpy as np

from femristor.core.constants import thermal_voltage_V
from femristor.core.errors import InputError

THERMAL_V = thermal_voltage_V(293.0)
"""kT/q of the transistor at 293 K."""
CHARGE_MIN_V2 = 1e-30
"""Added to Q^2, which may underflow in a closed channel."""
EXPONENT_MAX = 600.0
"""Largest exponent that `softplus` takes: |V| up to 30 V."""


@dataclass(frozen=True)
class Channel:
    """Constants of the law.

    Attributes:
        gain_A_per_V2: beta = mu C_ox W/L.
        threshold_V: V_T at the bulk.
        slope: n, at least 1; the effect of the bulk.
        mobility_loss_per_V: theta, 0 or more.
        critical_V: V_c, above 0.
        thermal_V: U_T.
        origin: where the numbers come from.
    """

    gain_A_per_V2: float
    threshold_V: float
    slope: float
    mobility_loss_per_V: float
    critical_V: float
    thermal_V: float = THERMAL_V
    origin: str = ""

    def __post_init__(self):
        """Check signs."""
        positive = self.gain_A_per_V2 > 0 and self.critical_V > 0 and self.thermal_V > 0
        if not (positive and self.slope >= 1 and self.mobility_loss_per_V >= 0):
            raise InputError(
                f"No transistor has gain {self.gain_A_per_V2:g} A/V^2, slope {self.slope:g}, mobility loss "
                f"{self.mobility_loss_per_V:g} 1/V and critical voltage {self.critical_V:g} V; give positive ones and "
                "a slope of 1 or more."
            )

    def numbers(self) -> tuple[float, float, float, float, float, float]:
        """(beta, V_T, n, theta, V_c, U_T), as `channel_current` and the kernels take them."""
        return (
            self.gain_A_per_V2,
            self.threshold_V,
            self.slope,
            self.mobility_loss_per_V,
            self.critical_V,
            self.thermal_V,
        )

    def current_A(self, gate_V, drain_V, source_V, ops=np):
        """Current from drain to source [A]; see `channel_current`."""
        return channel_current(self.numbers(), gate_V, drain_V, source_V, ops=ops)


def channel_current(numbers, gate_V, drain_V, source_V, *, ops=np):
    """Current of the channel.

    Args:
        numbers: (beta, V_T, n, theta, V_c, U_T), floats or UFL constants.
        gate_V: against the bulk; any shape or an expression, as the two below.
        drain_V: against the bulk.
        source_V: against the bulk.
        ops: module with exp, sqrt, and log or ln.

    Returns:
        Current from drain to source [A]; odd under exchange of the two.
    """
    beta, threshold, slope, loss, critical, thermal = numbers
    pinch = (gate_V - threshold) / slope
    at_source = 2 * thermal * softplus((pinch - source_V) / (2 * thermal), ops)
    at_drain = 2 * thermal * softplus((pinch - drain_V) / (2 * thermal), ops)
    half = 0.5 * (at_source - at_drain) * (at_source + at_drain)
    larger = ops.sqrt(ops.sqrt(at_source**8 + at_drain**8)) + CHARGE_MIN_V2
    lost = 1 + 0.5 * loss * (at_source + at_drain)
    return slope * beta * half / (lost * ops.sqrt(1 + half**2 / (critical**2 * larger)))


def softplus(x, ops=np):
    """ln(1 + exp(x)), for x up to EXPONENT_MAX."""
    logarithm = ops.log if hasattr(ops, "log") else ops.ln
    return logarithm(1 + ops.exp(x))
