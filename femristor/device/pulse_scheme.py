"""Shape and amplitudes of the pulses of an open-loop experiment."""

from dataclasses import dataclass

import numpy as np

from femristor.core.curves import Waveform
from femristor.core.errors import InputError
from femristor.device.card import DeviceCard

EDGE_SHARE = 0.3
"""Default length of an edge, of the pulse: 0.75 of 2.5 us in the published circuit simulations."""


@dataclass(frozen=True)
class PulseScheme:
    """One set and one reset pulse.

    Attributes:
        set_V: amplitude of set, above 0.
        reset_V: amplitude of reset, below 0.
        width_s: length of the pulse from foot to foot.
        edge_s: length of each edge; 0 takes EDGE_SHARE of the pulse.
    """

    set_V: float
    reset_V: float
    width_s: float
    edge_s: float = 0.0

    def __post_init__(self):
        """Check signs, fill in the edge."""
        if not (self.set_V > 0 and self.reset_V < 0):
            raise InputError(
                f"Set needs a voltage above 0 and reset one below, not {self.set_V:g} and {self.reset_V:g} V."
            )
        if not (self.width_s > 0 and self.edge_s >= 0):
            raise InputError(
                f"A pulse of {self.width_s:g} s with edges of {self.edge_s:g} s is not possible; give times above 0."
            )
        if self.edge_s == 0:
            object.__setattr__(self, "edge_s", EDGE_SHARE * self.width_s)
        if not 2 * self.edge_s < self.width_s:
            raise InputError(
                f"Two edges of {self.edge_s:g} s leave no plateau in a pulse of {self.width_s:g} s; shorten them."
            )

    @classmethod
    def of_card(cls, card: DeviceCard) -> "PulseScheme":
        """Amplitudes and width of the card's open-loop experiment."""
        pulses = card.statistics.pulses
        return cls(pulses.set_amplitude_V, pulses.reset_amplitude_V, pulses.pulse_width_s)

    def waveform(self, directions) -> tuple[np.ndarray, np.ndarray]:
        """Corner times and voltages of a train (3 pulses + 1,); each pulse ends at a multiple of 3 corners."""
        one = Waveform.pulse(1.0, self.width_s - 2 * self.edge_s, self.edge_s)
        rise = one.time_s[1:]
        time = np.concatenate([[0.0], *(k * rise[-1] + rise for k in range(len(directions)))])
        volts = [self.set_V if d > 0 else self.reset_V for d in directions]
        volt = np.concatenate([[0.0], *(v * one.voltage_V[1:] for v in volts)])
        return time, volt
