"""What is in series with the cell: nothing, a resistor, a smooth compliance, or the selector of the card.

`I = I_sat tanh((V_applied - V_device) / (R I_sat))`: resistance R at small currents, never above I_sat; each
direction has its own pair. Selector: `C_ox = eps / t_ox`, overdrive `V_o`, `E_c L = 2 v_sat L / mu`,
`I_sat = W C_ox v_sat V_o^2 / (V_o + E_c L)`, `R = L / (W mu C_ox V_o)` (velocity-saturated MOSFET, e.g. Taur & Ning,
Fundamentals of Modern VLSI Devices, section 3.2). In reset the bottom electrode is the transistor's source, so the
overdrive falls by the reset amplitude.
"""

import math
from dataclasses import dataclass

from femristor.core.constants import EPS_0
from femristor.core.errors import InputError
from femristor.device.card import DeviceCard

OXIDE_PERMITTIVITY = 3.9
"""Relative permittivity of the gate oxide, SiO2."""
KNEE_V = 0.05
"""Voltage over a compliance without a series resistor when it starts to limit."""


@dataclass(frozen=True)
class Load:
    """A load line; a resistance of 0 is a bare cell in that direction.

    Attributes:
        set_ohm: resistance for V > 0.
        set_limit_A: limit of the current for V > 0, may be infinite.
        reset_ohm: resistance for V < 0.
        reset_limit_A: limit of |I| for V < 0, may be infinite.
        label: sentence for results.
    """

    set_ohm: float = 0.0
    set_limit_A: float = math.inf
    reset_ohm: float = 0.0
    reset_limit_A: float = math.inf
    label: str = "bare cell"

    def __post_init__(self):
        """Check signs."""
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
        """(set ohm, set limit, reset ohm, reset limit), as the kernels take them."""
        return self.set_ohm, self.set_limit_A, self.reset_ohm, self.reset_limit_A


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
