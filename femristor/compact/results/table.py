"""What the compact room hands on: the table, its closed form, sweeps and pulse responses."""

from dataclasses import dataclass

import numpy as np

from femristor.core.curves import IVCurve
from femristor.core.errors import InputError
from femristor.core.provenance import Provenance, Status
from femristor.core.store import storable
from femristor.core.traces import ALTERNATING, DOWN, UP, PulseTrace
from femristor.device.card import DeviceCard, IonicLaw

__all__ = [
    "ALTERNATING",
    "DOWN",
    "UP",
    "ClosedForm",
    "CompactTable",
    "OffGridErrors",
    "PulseSteps",
    "PulseTrace",
    "SweepResult",
]

QUANTITIES = (
    "current_A",
    "temperature_mean_K",
    "temperature_max_K",
    "field_mean_V_per_m",
    "hop_rate_set_per_s",
    "hop_rate_reset_per_s",
)
"""What a table holds over (ambient, density, bias)."""


@dataclass(frozen=True)
class ErrorBound:
    """Largest error of an interpolated quantity that is not warned of, and why."""

    name: str
    limit: float
    unit: str
    reason: str

    def shown(self, value: float) -> str:
        """A value as text."""
        return f"{value:.2g} K" if self.unit == "K" else f"{value:.2%}"


ERROR_BOUNDS = {
    "ln_current": ErrorBound("ln I", 0.02, "", "reads differ by more than the array programs to, 2 %"),
    "ln_rate": ErrorBound(
        "ln(rate)", 0.2, "", "at d ln(rate)/dV = 18.5 per volt it stands for more than 10 mV of the pulse amplitude"
    ),
    "temperature_K": ErrorBound("T", 10.0, "K", "at 600 K and 1 eV it moves rates by more than 30 %"),
}
"""Bounds of `OffGridErrors.worst`."""


@storable("OffGridErrors", version=1)
@dataclass(frozen=True)
class OffGridErrors:
    """Interpolated minus solved, at cell centres of the table (the worst places of a cubic).

    Attributes:
        density_m3: (probes,) dome densities solved.
        ambient_K: (probes,) their ambients.
        bias_V: (bias,) biases solved at each probe.
        ln_current: (probes, bias) error of ln I.
        ln_rate_set: (probes, bias) error of ln of the set hop rate.
        ln_rate_reset: (probes, bias) error of ln of the reset hop rate.
        temperature_K: (probes, bias) error of the mean dome temperature [K].
        seed: seed of the choice of cells.
    """

    density_m3: np.ndarray
    ambient_K: np.ndarray
    bias_V: np.ndarray
    ln_current: np.ndarray
    ln_rate_set: np.ndarray
    ln_rate_reset: np.ndarray
    temperature_K: np.ndarray
    seed: int

    def warnings(self) -> tuple[str, ...]:
        """Sentences on errors beyond ERROR_BOUNDS, with what such an error does."""
        worst = self.worst()
        return tuple(
            f"{bound.name} is off by {bound.shown(worst[key])} at worst where the table is interpolated, above "
            f"{bound.shown(bound.limit)}: {bound.reason}; build it with more --density-points or --bias-points."
            for key, bound in ERROR_BOUNDS.items()
            if worst[key] > bound.limit
        )

    def worst(self) -> dict[str, float]:
        """Largest absolute error of each quantity."""
        return {
            "ln_current": float(np.max(np.abs(self.ln_current))),
            "ln_rate": float(max(np.max(np.abs(self.ln_rate_set)), np.max(np.abs(self.ln_rate_reset)))),
            "temperature_K": float(np.max(np.abs(self.temperature_K))),
        }

    def rms(self) -> dict[str, float]:
        """Root mean square error of each quantity."""
        rates = np.stack([self.ln_rate_set, self.ln_rate_reset])
        return {
            "ln_current": float(np.sqrt(np.mean(self.ln_current**2))),
            "ln_rate": float(np.sqrt(np.mean(rates**2))),
            "temperature_K": float(np.sqrt(np.mean(self.temperature_K**2))),
        }


@storable("ClosedForm", version=1)
@dataclass(frozen=True)
class ClosedForm:
    """The 0-D law `I = A J_MG((V - I R_s)/L, T_amb + R_th V I, N)` and how well it fits its table.

    Attributes:
        area_m2: effective area A.
        length_m: effective length L.
        series_ohm: series resistance R_s.
        thermal_K_per_W: thermal resistance R_th.
        standard_error: relative standard error of each of the four, by name.
        rms_ln_current: root mean square residual of ln I.
        max_ln_current: largest residual of ln I.
        rms_ln_heating: root mean square residual of ln(T - T_amb).
        points: number of table points fitted.
        origin: what was fitted, or the publication of the numbers.
    """

    area_m2: float
    length_m: float
    series_ohm: float
    thermal_K_per_W: float
    standard_error: dict[str, float]
    rms_ln_current: float
    max_ln_current: float
    rms_ln_heating: float
    points: int
    origin: str

    def __post_init__(self):
        """Check signs."""
        if not (
            self.area_m2 > 0 and self.length_m > 0 and self.series_ohm >= 0 and self.thermal_K_per_W >= 0
        ):
            raise InputError(
                "A closed form needs area and length above 0 and resistances of at least 0, not "
                f"{self.area_m2:g} m2, {self.length_m:g} m, {self.series_ohm:g} ohm, {self.thermal_K_per_W:g} K/W."
            )


@storable("CompactTable", version=1)
@dataclass(frozen=True)
class CompactTable:
    """The cell sampled over bias, dome density and ambient; odd currents and even rates in V are implied.

    Attributes:
        bias_V: (bias,) rising, above 0; V = 0 follows from symmetry.
        density_m3: (density,) rising dome densities.
        ambient_K: (ambient,) rising.
        current_A: (ambient, density, bias) current.
        temperature_mean_K: (ambient, density, bias) mean temperature of the dome.
        temperature_max_K: (ambient, density, bias) highest temperature of the dome.
        field_mean_V_per_m: (ambient, density, bias) mean |E| in the dome.
        hop_rate_set_per_s: (ambient, density, bias) mean hop rate over the barrier of set.
        hop_rate_reset_per_s: (ambient, density, bias) the same for reset.
        density_breaks_m3: (breaks,) densities of the axis where a law of the card has a kink.
        nominal_ambient_K: ambient of the card.
        ionic: law that turns hop rates into dN/dt.
        states: state label to dome density.
        card_name: name of the card.
        model: what was sampled, e.g. "fem" with its settings.
        closed_form: 0-D law fitted to the table.
        errors: interpolation errors measured off the grid.
        status: sampled.
        provenance: how it was made.
    """

    bias_V: np.ndarray
    density_m3: np.ndarray
    ambient_K: np.ndarray
    current_A: np.ndarray
    temperature_mean_K: np.ndarray
    temperature_max_K: np.ndarray
    field_mean_V_per_m: np.ndarray
    hop_rate_set_per_s: np.ndarray
    hop_rate_reset_per_s: np.ndarray
    density_breaks_m3: np.ndarray
    nominal_ambient_K: float
    ionic: IonicLaw
    states: dict[str, float]
    card_name: str
    model: str
    closed_form: ClosedForm | None = None
    errors: OffGridErrors | None = None
    status: Status = Status.SAMPLED
    provenance: Provenance | None = None

    def __post_init__(self):
        """Check axes, shapes and signs; arrays become read-only."""
        for name, least in (("bias_V", 4), ("density_m3", 2), ("ambient_K", 1)):
            axis = _frozen_array(self, name)
            if axis.ndim != 1 or axis.size < least or axis[0] <= 0 or np.any(np.diff(axis) <= 0):
                raise InputError(f"{name} of a compact table needs {least} or more values above 0 that rise.")
        shape = (self.ambient_K.size, self.density_m3.size, self.bias_V.size)
        for name in QUANTITIES:
            values = _frozen_array(self, name)
            if values.shape != shape or not np.all(np.isfinite(values) & (values > 0)):
                raise InputError(f"{name} of a compact table needs finite values above 0 of shape {shape}.")
        breaks = _frozen_array(self, "density_breaks_m3")
        if not np.all(np.isin(breaks, self.density_m3[1:-1])):
            raise InputError("Kinks of a compact table must be densities of its axis, not its first or last.")


    def require_card(self, card: DeviceCard, name: str = "The table") -> None:
        """Refuse a card that the table was not made of: its selector, pulses and states belong to another cell.

        Args:
            card: the card that is to be used with the table.
            name: file of the table, for the message.

        Raises:
            InputError: another card.
        """
        made = "" if self.provenance is None else self.provenance.card_hash
        if made == card.hash or (not made and self.card_name == card.name):
            return
        hashes = f" (hash {made[:12]})" if made else ""
        raise InputError(
            f"{name} was made of card {self.card_name}{hashes}, not of {card.name} (hash {card.hash[:12]}): selector, pulses and "
            "states of one card do not go with the cell of another; give the table's card with --card, or build a table of "
            "this one (finished field solutions are reused)."
        )


def _frozen_array(owner, name: str) -> np.ndarray:
    array = np.array(getattr(owner, name), dtype=float)
    array.setflags(write=False)
    object.__setattr__(owner, name, array)
    return array


@storable("SweepResult", version=1)
@dataclass(frozen=True)
class SweepResult:
    """Cells under one waveform.

    Attributes:
        time_s: (time,) corners of the waveform and points between them.
        voltage_applied_V: (time,) over cell and load.
        voltage_device_V: (cells, time) over the cell.
        current_A: (cells, time).
        density_m3: (cells, time) state N.
        temperature_K: (cells, time) mean dome temperature.
        density_rate_per_m3s: (cells, time) dN/dt.
        ambient_K: (cells,).
        load: sentence on what is in series.
        tolerance: tolerance of ln N in a step.
        status: converged.
        provenance: how it was made.
    """

    time_s: np.ndarray
    voltage_applied_V: np.ndarray
    voltage_device_V: np.ndarray
    current_A: np.ndarray
    density_m3: np.ndarray
    temperature_K: np.ndarray
    density_rate_per_m3s: np.ndarray
    ambient_K: np.ndarray
    load: str
    tolerance: float
    status: Status = Status.CONVERGED
    provenance: Provenance | None = None

    def curve(self, cell: int = 0, *, device: bool = False) -> IVCurve:
        """I-V curve of one cell along the sweep.

        Args:
            cell: which one.
            device: over the cell alone instead of cell and load.

        Returns:
            IVCurve.
        """
        volt = self.voltage_device_V[cell] if device else self.voltage_applied_V
        return IVCurve(
            volt,
            self.current_A[cell],
            float(self.ambient_K[cell]),
            "sweep",
            "femristor.compact",
            self.status,
            self.provenance,
        )


@storable(
    "PulseSteps", version=1, shapes={"conductance_S": "levels", "step_up_S": "levels", "step_down_S": "levels"}
)
@dataclass(frozen=True)
class PulseSteps:
    """Change of conductance by one pulse, from each conductance.

    Attributes:
        conductance_S: (levels,) rising.
        step_up_S: (levels,) change by one set pulse, at least 0.
        step_down_S: (levels,) change by one reset pulse, at most 0.
        set_V: amplitude of set.
        reset_V: amplitude of reset, below 0.
        width_s: length of the pulse from foot to foot.
        load: sentence on what is in series.
        provenance: how it was made.
    """

    conductance_S: np.ndarray
    step_up_S: np.ndarray
    step_down_S: np.ndarray
    set_V: float
    reset_V: float
    width_s: float
    load: str
    provenance: Provenance | None = None


@storable("FleetTrace", version=1)
@dataclass(frozen=True)
class FleetTrace:
    """Many cells through one pulse train.

    Attributes:
        reads: (reads,) number of pulses before each read.
        conductance_S: (cells, reads) float32, I/V of the cell itself; empty where they were handed to a sink.
        density_m3: (cells,) state after the last pulse.
        read_V: applied to cell and load in a read.
        load: sentence on what is in series.
        model: whose law the cells follow.
        tolerance: of ln N in a step.
        steps: (cells,) time steps taken.
        status: converged.
        provenance: how it was made.
    """

    reads: np.ndarray
    conductance_S: np.ndarray
    density_m3: np.ndarray
    read_V: float
    load: str
    model: str
    tolerance: float
    steps: np.ndarray
    status: Status = Status.CONVERGED
    provenance: Provenance | None = None
