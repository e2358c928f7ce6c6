"""What is in series with the cell: nothing, a resistor, a smooth compliance, the selector of the card, or a transistor.

`I = I_sat tanh((V_applied - V_device) / (R I_sat))`: resistance R at small currents, never above I_sat; each
direction has its own pair. Selector: `C_ox = eps / t_ox`, overdrive `V_o`, `E_c L = 2 v_sat L / mu`,
`I_sat = W C_ox v_sat V_o^2 / (V_o + E_c L)`, `R = L / (W mu C_ox V_o)` (velocity-saturated MOSFET, e.g. Taur & Ning,
Fundamentals of Modern VLSI Devices, section 3.2). In reset the bottom electrode is the transistor's source, so the
overdrive falls by the reset amplitude.

A fitted transistor is a `Channel` (`laws/channel.py`) with a gate voltage for set, reset and read: `channel_load`.
Whatever the kind, `Load.line(direction)` is the line of one direction, `current(line, applied, device, ops)` its
current with signed voltages, in NumPy or UFL; the numba twin is `compact.kernels.load`.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from femristor.core.constants import EPS_0
from femristor.core.errors import InputError
from femristor.device.card import DeviceCard
from femristor.device.laws.channel import Channel, channel_current

OXIDE_PERMITTIVITY = 3.9
"""Relative permittivity of the gate oxide, SiO2."""
KNEE_V = 0.05
"""Voltage over a compliance without a series resistor when it starts to limit."""
BARE_KIND, OHMIC_KIND, LIMITED_KIND, CHANNEL_KIND = 0, 1, 2, 3
"""What a line is: no load, a resistor, a tanh with a limit, a transistor."""


class LoadLine(NamedTuple):
    """The load in one direction, all numbers; replace them by UFL constants with `line._replace(...)` or by order.

    Attributes:
        kind: BARE_KIND, OHMIC_KIND, LIMITED_KIND or CHANNEL_KIND; an int, never an expression.
        sign: +1 where current flows from the top electrode through the cell to the drain (set and read), -1 in reset,
            where the bottom electrode is the source.
        ohm: resistance of OHMIC_KIND and LIMITED_KIND.
        limit_A: limit of LIMITED_KIND.
        gate_V: gate of CHANNEL_KIND.
        beta, threshold_V, slope, loss_per_V, critical_V, thermal_V: `Channel.numbers`.
    """

    kind: int
    sign: float
    ohm: float = 0.0
    limit_A: float = math.inf
    gate_V: float = 0.0
    beta: float = 0.0
    threshold_V: float = 0.0
    slope: float = 1.0
    loss_per_V: float = 0.0
    critical_V: float = 1.0
    thermal_V: float = 1.0


def current(line: LoadLine, applied_V, device_V, ops=np):
    """Current of a load line, into the top electrode.

    Args:
        line: `Load.line` of the direction of the applied voltage; its numbers may be UFL constants.
        applied_V: signed voltage over cell and load, any shape or an expression.
        device_V: signed voltage over the cell alone.
        ops: module with tanh, exp, sqrt, log or ln (numpy, torch, ufl).

    Returns:
        Signed current [A]; falls with the device voltage.

    Raises:
        InputError: a bare cell, whose current its load does not tell.
    """
    if line.kind == OHMIC_KIND:
        return (applied_V - device_V) / line.ohm
    if line.kind == LIMITED_KIND:
        return line.limit_A * ops.tanh((applied_V - device_V) / (line.ohm * line.limit_A))
    if line.kind != CHANNEL_KIND:
        raise InputError("A bare cell has no load line; its voltage is the applied one.")
    applied, device = line.sign * applied_V, line.sign * device_V
    # Set: source at 0 V, drain at the bottom electrode. Reset: the bottom electrode lifts the source.
    drain, source = (applied - device, 0.0) if line.sign > 0 else (applied, device)
    return line.sign * channel_current(line[5:], line.gate_V, drain, source, ops=ops)


@dataclass(frozen=True)
class Load:
    """A load line; a resistance of 0 is a bare cell in that direction.

    Attributes:
        set_ohm: resistance for V > 0.
        set_limit_A: limit of the current for V > 0, may be infinite.
        reset_ohm: resistance for V < 0.
        reset_limit_A: limit of |I| for V < 0, may be infinite.
        label: sentence for results.
        channel: a transistor in place of the four numbers above.
        gate_set_V: its gate in set, as the two below of use only with a channel.
        gate_reset_V: in reset.
        gate_read_V: in reads.
    """

    set_ohm: float = 0.0
    set_limit_A: float = math.inf
    reset_ohm: float = 0.0
    reset_limit_A: float = math.inf
    label: str = "bare cell"
    channel: Channel | None = None
    gate_set_V: float = 0.0
    gate_reset_V: float = 0.0
    gate_read_V: float = 0.0

    def __post_init__(self):
        """Check signs."""
        if self.channel is not None and (self.set_ohm or self.reset_ohm):
            raise InputError(
                "A transistor holds all that is in series; leave the resistances of its load at 0."
            )
        for ohm, limit in ((self.set_ohm, self.set_limit_A), (self.reset_ohm, self.reset_limit_A)):
            if not (0 <= ohm < math.inf):
                raise InputError(f"A series resistance of {ohm:g} ohm makes no load; give 0 or more.")
            if not limit > 0:
                raise InputError(f"A compliance of {limit:g} A lets no current flow; give one above 0.")
            if ohm == 0 and limit < math.inf:
                raise InputError(
                    "A compliance needs a resistance above 0 in the same direction; use `limited`."
                )

    @classmethod
    def series(cls, ohm: float) -> "Load":
        """A resistor in both directions.

        Args:
            ohm: resistance, 0 gives a bare cell.

        Returns:
            Load.

        Raises:
            InputError: a negative or infinite resistance.
        """
        return cls(ohm, math.inf, ohm, math.inf, f"{ohm:g} ohm in series" if ohm else "bare cell")

    @classmethod
    def limited(cls, limit_A: float, ohm: float = 0.0) -> "Load":
        """A compliance for set, and a resistor in both directions.

        Args:
            limit_A: limit of the set current.
            ohm: resistor; with 0 the compliance takes KNEE_V before it limits.

        Returns:
            Load.

        Raises:
            InputError: a limit that is not above 0.
        """
        if not limit_A > 0:
            raise InputError(f"A compliance of {limit_A:g} A lets no current flow; give one above 0.")
        text = f"set compliance of {limit_A * 1e6:g} uA" + (f", {ohm:g} ohm in series" if ohm else "")
        return cls(ohm or KNEE_V / limit_A, limit_A, ohm, math.inf, text)

    def numbers(self) -> tuple[float, float, float, float]:
        """(set ohm, set limit, reset ohm, reset limit) of a load without a transistor.

        Raises:
            InputError: a transistor, which four numbers do not tell; use `line`.
        """
        if self.channel is not None:
            raise InputError(
                f"The load '{self.label}' is no tanh; take its lines instead of its four numbers."
            )
        return self.set_ohm, self.set_limit_A, self.reset_ohm, self.reset_limit_A

    def line(self, direction: float, *, read: bool = False) -> LoadLine:
        """The load in one direction.

        Args:
            direction: +1 or any voltage from 0 up for set, below 0 for reset.
            read: with the gate of reads.

        Returns:
            LoadLine.
        """
        sign = 1.0 if direction >= 0 else -1.0
        if self.channel is not None:
            gate = self.gate_read_V if read else self.gate_set_V if sign > 0 else self.gate_reset_V
            return LoadLine(CHANNEL_KIND, sign, 0.0, math.inf, gate, *self.channel.numbers())
        ohm, limit = self.numbers()[:2] if sign > 0 else self.numbers()[2:]
        if ohm == 0:
            return LoadLine(BARE_KIND, sign)
        return LoadLine(OHMIC_KIND if math.isinf(limit) else LIMITED_KIND, sign, ohm, limit)

    def lines(self) -> np.ndarray:
        """(3, 11) lines of set, reset and read, as the kernels take them."""
        return np.array([self.line(1), self.line(-1), self.line(1, read=True)], dtype=float)


BARE = Load()
"""No load."""


def selector_load(card: DeviceCard, *, gate_set_V: float | None = None) -> Load:
    """The card's selector at its set and reset gate, with what its series resistance adds to the cell.

    The published series resistance holds the filament, which field solutions contain already: it is taken off.

    Args:
        card: device card.
        gate_set_V: gate voltage of set; the card's by default.

    Returns:
        Load.

    Raises:
        InputError: a gate that does not open the transistor.
    """
    selector = card.selector
    gate = selector.gate_set_V if gate_set_V is None else gate_set_V
    drop = abs(card.statistics.pulses.reset_amplitude_V)
    set_ohm, set_limit = _channel(selector, gate - selector.threshold_V, gate)
    reset_ohm, reset_limit = _channel(
        selector, selector.gate_reset_V - selector.threshold_V - drop, selector.gate_reset_V
    )
    oxide = card.layer("oxide")
    conductivity = card.material(card.filament.material).conductivity_S_per_m
    filament_ohm = oxide.thickness_m / (conductivity * math.pi * card.filament.radius_m**2)
    wires_ohm = max(0.0, selector.series_resistance_ohm - filament_ohm)
    text = (
        f"selector of {card.name}: set {set_ohm + wires_ohm:.0f} ohm up to {set_limit * 1e6:.0f} uA "
        f"(gate {gate:g} V), reset {reset_ohm + wires_ohm:.0f} ohm up to {reset_limit * 1e6:.0f} uA"
    )
    return Load(set_ohm + wires_ohm, set_limit, reset_ohm + wires_ohm, reset_limit, text)


def channel_load(card: DeviceCard, channel: Channel, *, gate_set_V: float | None = None) -> Load:
    """A transistor at the card's set, reset and read gate.

    Args:
        card: device card, for the gates.
        channel: the transistor, e.g. fitted by `device.fit_selector`.
        gate_set_V: gate voltage of set; the card's by default.

    Returns:
        Load.
    """
    selector = card.selector
    gate = selector.gate_set_V if gate_set_V is None else gate_set_V
    text = f"transistor with gates of {gate:g} V in set, {selector.gate_reset_V:g} V in reset"
    text += f" ({channel.origin})" if channel.origin else ""
    return Load(
        label=text,
        channel=channel,
        gate_set_V=gate,
        gate_reset_V=selector.gate_reset_V,
        gate_read_V=selector.gate_read_V,
    )


def _channel(selector, overdrive_V: float, gate_V: float) -> tuple[float, float]:
    """On-resistance and saturation current of the transistor at an overdrive."""
    if not overdrive_V > 0:
        raise InputError(
            f"A gate of {gate_V:g} V does not open the selector (threshold {selector.threshold_V:g} V and the voltage "
            "at its source); raise it."
        )
    capacitance = OXIDE_PERMITTIVITY * EPS_0 / selector.oxide_thickness_m
    critical_V = 2 * selector.saturation_velocity_m_per_s * selector.length_m / selector.mobility_m2_per_Vs
    sheet = selector.width_m * capacitance
    limit = sheet * selector.saturation_velocity_m_per_s * overdrive_V**2 / (overdrive_V + critical_V)
    return selector.length_m / (sheet * selector.mobility_m2_per_Vs * overdrive_V), limit
