"""What a cell did under a waveform, whichever model moved it: the curve that every switching model hands on."""

from dataclasses import dataclass

import numpy as np

from femristor.core.curves import IVCurve
from femristor.core.provenance import Provenance
from femristor.core.status import Status
from femristor.core.store import storable


@storable("SwitchingTrace", version=1)
@dataclass(frozen=True)
class SwitchingTrace:
    """One cell under one waveform; every array has shape (time,).

    Attributes:
        time_s: accepted steps, the first one at the start; corners of the waveform are among them.
        voltage_applied_V: over cell and load.
        voltage_device_V: over the cell alone.
        current_A: into the top electrode.
        density_m3: mean vacancy density of the dome (0-D models: their state N).
        temperature_K: highest temperature of the conductive metal oxide (0-D models: their one temperature).
        model: "pde", "dome", "compact" or "ibm", with its settings.
        load: sentence on what is in series.
        ambient_K: temperature of both electrodes.
        status: converged.
        provenance: how it was made.
    """

    time_s: np.ndarray
    voltage_applied_V: np.ndarray
    voltage_device_V: np.ndarray
    current_A: np.ndarray
    density_m3: np.ndarray
    temperature_K: np.ndarray
    model: str
    load: str
    ambient_K: float
    status: Status = Status.CONVERGED
    provenance: Provenance | None = None

    def curve(self, *, device: bool = False) -> IVCurve:
        """I-V curve along the waveform.

        Args:
            device: over the cell alone instead of cell and load.

        Returns:
            IVCurve.
        """
        volt = self.voltage_device_V if device else self.voltage_applied_V
        return IVCurve(
            volt, self.current_A, self.ambient_K, "sweep", self.model, self.status, self.provenance
        )
