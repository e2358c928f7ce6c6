"""I-V curves and waveforms, the measured or stated input of every room."""

from dataclasses import dataclass, field

import numpy as np

from femristor.core.constants import T_SINK_K
from femristor.core.errors import InputError
from femristor.core.provenance import Provenance, Status
from femristor.core.store import storable


def _finite_vector(values, name: str) -> np.ndarray:
    array = np.array(values, dtype=float)
    if array.ndim != 1 or array.size < 2:
        raise InputError(f"{name} needs at least two values in one dimension, not shape {array.shape}.")
    if not np.all(np.isfinite(array)):
        raise InputError(
            f"{name} has a NaN or an infinity at point {int(np.argmin(np.isfinite(array)))}; remove it."
        )
    array.setflags(write=False)
    return array


@storable("IVCurve", version=1)
@dataclass(frozen=True)
class IVCurve:
    """A current-voltage curve of one cell in one state or along one sweep.

    Attributes:
        voltage_V: (points,) top minus bottom electrode.
        current_A: (points,) positive from top to bottom.
        ambient_K: temperature of the surroundings.
        label: state or step, e.g. "lrs", "hrs", "formed", "after negative sweep".
        origin: file, publication or solver that it comes from.
        status: measured or converged.
        provenance: how it was made; None for a file.
    """

    voltage_V: np.ndarray
    current_A: np.ndarray
    ambient_K: float = T_SINK_K
    label: str = ""
    origin: str = ""
    status: Status = Status.MEASURED
    provenance: Provenance | None = None

    def __post_init__(self):
        """Check shapes and numbers; arrays become read-only."""
        object.__setattr__(self, "voltage_V", _finite_vector(self.voltage_V, "voltage"))
        object.__setattr__(self, "current_A", _finite_vector(self.current_A, "current"))
        if self.voltage_V.shape != self.current_A.shape:
            raise InputError(
                f"Voltage has {self.voltage_V.size} points and current {self.current_A.size}; "
                "give one current a voltage."
            )
        if not 1.0 <= self.ambient_K <= 2000.0:
            raise InputError(
                f"An ambient temperature of {self.ambient_K} K is not physical; give it in kelvin."
            )

    @property
    def is_monotonic(self) -> bool:
        """Whether voltages strictly rise or strictly fall."""
        step = np.diff(self.voltage_V)
        return bool(np.all(step > 0) or np.all(step < 0))

    def window(self, low_V: float, high_V: float) -> "IVCurve":
        """The points with low_V <= V <= high_V.

        Raises:
            InputError: fewer than two points lie in the window.
        """
        keep = (self.voltage_V >= low_V - 1e-12) & (self.voltage_V <= high_V + 1e-12)
        if keep.sum() < 2:
            raise InputError(
                f"Only {int(keep.sum())} points of curve '{self.label}' lie between {low_V:g} and "
                f"{high_V:g} V; widen the window."
            )
        return self.replace(self.voltage_V[keep], self.current_A[keep])

    def replace(self, voltage_V, current_A) -> "IVCurve":
        """The same curve with other points."""
        return IVCurve(
            voltage_V, current_A, self.ambient_K, self.label, self.origin, self.status, self.provenance
        )


@storable("Waveform", version=1)
@dataclass(frozen=True)
class Waveform:
    """A voltage against time, linear between its corners.

    Attributes:
        time_s: (corners,) strictly rising, from 0.
        voltage_V: (corners,).
        label: what it is.
    """

    time_s: np.ndarray
    voltage_V: np.ndarray
    label: str = field(default="waveform")

    def __post_init__(self):
        """Check that time rises."""
        object.__setattr__(self, "time_s", _finite_vector(self.time_s, "waveform time"))
        object.__setattr__(self, "voltage_V", _finite_vector(self.voltage_V, "waveform voltage"))
        if self.time_s.shape != self.voltage_V.shape:
            raise InputError("A waveform needs one voltage for each time.")
        if np.any(np.diff(self.time_s) <= 0):
            raise InputError("Times of a waveform must strictly rise; sort them and remove duplicates.")

    def __call__(self, time_s):
        """Voltage at any time within the waveform [V]."""
        return np.interp(time_s, self.time_s, self.voltage_V)

    @classmethod
    def triangle(cls, peaks_V, rate_V_per_s: float) -> "Waveform":
        """Sweep from 0 through each peak in turn (with 0 between them) back to 0.

        Args:
            peaks_V: peaks such as (1.3, -1.3).
            rate_V_per_s: sweep rate, above 0.

        Returns:
            Waveform with corners at 0 and the peaks.

        Raises:
            InputError: no rate, or a peak of 0 V.
        """
        if not rate_V_per_s > 0:
            raise InputError(f"A sweep rate of {rate_V_per_s:g} V/s makes no sweep; give one above 0.")
        volts = [0.0]
        for peak in peaks_V:
            if peak == 0:
                raise InputError("A sweep to a peak of 0 V is no sweep; give peaks other than 0.")
            volts += [float(peak), 0.0]
        time = np.concatenate([[0.0], np.cumsum(np.abs(np.diff(volts))) / rate_V_per_s])
        return cls(
            time, np.array(volts), f"triangle {'/'.join(f'{p:g}' for p in peaks_V)} V at {rate_V_per_s:g} V/s"
        )

    @classmethod
    def pulse(cls, amplitude_V: float, hold_s: float, edge_s: float) -> "Waveform":
        """One trapezoidal pulse.

        Args:
            amplitude_V: signed amplitude.
            hold_s: time at the amplitude, above 0.
            edge_s: rise time and fall time, above 0.

        Returns:
            Waveform of four corners.

        Raises:
            InputError: a time that is not above 0.
        """
        if not (hold_s > 0 and edge_s > 0):
            raise InputError(f"A pulse needs a hold and an edge above 0 s, not {hold_s:g} and {edge_s:g}.")
        time = np.array([0.0, edge_s, edge_s + hold_s, 2 * edge_s + hold_s])
        return cls(
            time, np.array([0.0, amplitude_V, amplitude_V, 0.0]), f"pulse {amplitude_V:g} V, {hold_s:g} s"
        )
