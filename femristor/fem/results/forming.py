"""What forming leaves behind: the sweep of one device, forming voltages of an array, and what follows."""

from dataclasses import dataclass

import numpy as np

from femristor.core.constants import EV
from femristor.core.curves import IVCurve
from femristor.core.provenance import Provenance, Status
from femristor.core.store import storable
from femristor.fem.results.switching import FieldTrace, SwitchingState


@storable("FormingResult", version=1)
@dataclass(frozen=True)
class FormingResult:
    """Forming sweep of one device; every array has shape (time,).

    Attributes:
        time_s: accepted steps.
        voltage_applied_V: over cell and selector.
        voltage_device_V: over the cell alone.
        current_A: into the top electrode.
        formed_share: n, formed part of the oxide's thickness, 0 as deposited.
        filament_conductivity_S_per_m: of the filament region.
        filament_conductance_S: of the filament region, sigma pi r^2 / t.
        filament_temperature_K: its mean temperature.
        temperature_K: highest of the cell.
        gap_field_V_per_m: field in the part that is not formed.
        form_V: applied voltage at the largest jump of the current, less triode resistance times current after it.
        form_applied_V: the same without the selector taken off.
        form_current_A: current after the jump.
        pristine_S: conductance at the read voltage before.
        formed_S: conductance at the read voltage after.
        activation_J: activation energy of this device.
        triode_ohm: resistance of the selector that `form_V` takes off.
        load: sentence on the selector.
        ambient_K: temperature of the electrodes.
        status: converged.
        provenance: how it was made.
    """

    time_s: np.ndarray
    voltage_applied_V: np.ndarray
    voltage_device_V: np.ndarray
    current_A: np.ndarray
    formed_share: np.ndarray
    filament_conductivity_S_per_m: np.ndarray
    filament_conductance_S: np.ndarray
    filament_temperature_K: np.ndarray
    temperature_K: np.ndarray
    gap_field_V_per_m: np.ndarray
    form_V: float
    form_applied_V: float
    form_current_A: float
    pristine_S: float
    formed_S: float
    activation_J: float
    triode_ohm: float
    load: str
    ambient_K: float
    status: Status = Status.CONVERGED
    provenance: Provenance | None = None

    def curve(self) -> IVCurve:
        """I-V curve of the sweep, over cell and selector."""
        return IVCurve(
            self.voltage_applied_V,
            self.current_A,
            self.ambient_K,
            "forming sweep",
            "femristor.fem.forming.process",
            self.status,
            self.provenance,
        )


@storable("FormingHistory", version=1)
@dataclass(frozen=True)
class FormingHistory:
    """Forming and what follows, up to the state that switching starts from.

    Attributes:
        formed: the forming sweep, vacancies of the conductive metal oxide held.
        positive: its rest after the jump, with these vacancies moving.
        negative: the negative sweep.
        state: fields after it.
        as_deposited_S: conductance at the read voltage with the filament formed and the vacancies as deposited.
        gathered_S: the same after the rest of the positive sweep.
        after_S: the same after the negative sweep.
        provenance: how it was made.
    """

    formed: FormingResult
    positive: FieldTrace
    negative: FieldTrace
    state: SwitchingState
    as_deposited_S: float
    gathered_S: float
    after_S: float
    provenance: Provenance | None = None

    def sentence(self) -> str:
        """What the negative sweep does to the conductance, beside the paper's word."""
        change = self.after_S / self.gathered_S - 1
        return (
            f"conductance {self.as_deposited_S * 1e6:.1f} uS formed, {self.gathered_S * 1e6:.1f} uS after the positive "
            f"sweep, {self.after_S * 1e6:.1f} uS after the negative one ({change * 100:+.1f} %; paper: it rises)"
        )


@storable("FormingArray", version=1, undefined=("form_V",))
@dataclass(frozen=True)
class FormingArray:
    """Forming voltages of an array.

    Attributes:
        activation_J: (devices,) activation energy, the spread parameter.
        form_V: (devices,) NaN where a device did not form in the sweep.
        formed_S: (devices,) conductance at the read voltage after the sweep.
        mean_V: of the devices that formed.
        sigma_V: their standard deviation.
        yielded: share of the devices that formed.
        spread_J: stated standard deviation of the activation energy.
        slope_V_per_J: d form_V / d activation, from the devices.
        paper_mean_V: of the publication.
        paper_sigma_V: of the publication.
        seed: seed of the spread.
        provenance: how it was made.
    """

    activation_J: np.ndarray
    form_V: np.ndarray
    formed_S: np.ndarray
    mean_V: float
    sigma_V: float
    yielded: float
    spread_J: float
    slope_V_per_J: float
    paper_mean_V: float
    paper_sigma_V: float
    seed: int
    provenance: Provenance | None = None

    def sentences(self) -> tuple[str, ...]:
        """Ours and the paper's numbers side by side, and the spread that the paper's sigma would ask for."""
        asked = (
            ""
            if not self.slope_V_per_J
            else (f", which would ask for {abs(self.paper_sigma_V / self.slope_V_per_J) / EV:.3f} eV")
        )
        return (
            f"mean forming voltage {self.mean_V:.3f} V, paper {self.paper_mean_V:g} V",
            f"sigma {self.sigma_V * 1e3:.0f} mV for a stated spread of {self.spread_J / EV:g} eV, paper "
            f"{self.paper_sigma_V * 1e3:g} mV{asked}",
            f"{self.yielded * 100:.0f} % of {self.form_V.size} devices formed, paper 100 % of 32",
        )
