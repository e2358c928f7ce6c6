"""What a cell did under a waveform, whichever model moved it: the curve that every switching model hands on."""

from dataclasses import dataclass

import numpy as np

from femristor.core.bounds import PULSES
from femristor.core.curves import IVCurve
from femristor.core.errors import InputError
from femristor.core.provenance import Provenance, Status
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


UP, DOWN, ALTERNATING = 0, 1, 2
"""Phases of a pulse train."""


@storable("PulseTrace", version=1, undefined=("n_states", "skew"))
@dataclass(frozen=True)
class PulseTrace:
    """Open-loop pulse response of one cell.

    Attributes:
        phase: (pulses,) 0 up, 1 down, 2 alternating.
        direction: (pulses,) +1 set, -1 reset.
        conductance_S: (pulses,) I/V of the cell alone after each pulse, `read_V` over it and nothing in series.
        density_m3: (pulses,) state after each pulse.
        temperature_K: (pulses,) mean dome temperature at the end of the plateau.
        current_A: (pulses,) current at the end of the plateau.
        start_conductance_S: before the first pulse.
        set_V: amplitude applied to cell and load, above 0.
        reset_V: the same of reset, below 0.
        width_s: length of the pulse from foot to foot.
        edge_s: length of each edge.
        read_V: voltage of the read, over the cell alone.
        load: sentence on what is in series.
        n_states: (G_max - G_min) / mean|dG| at the symmetry point (Falcone et al., arXiv 2502.04524, eq. 1); NaN for a
            train too short to tell.
        skew: (G_max - G_SP) / (G_max - G_min) (the same, eq. 2); NaN there too.
        status: converged.
        provenance: how it was made.
    """

    phase: np.ndarray
    direction: np.ndarray
    conductance_S: np.ndarray
    density_m3: np.ndarray
    temperature_K: np.ndarray
    current_A: np.ndarray
    start_conductance_S: float
    set_V: float
    reset_V: float
    width_s: float
    edge_s: float
    read_V: float
    load: str
    n_states: float
    skew: float
    status: Status = Status.CONVERGED
    provenance: Provenance | None = None


def pulse_phases(n_up: int, n_down: int, n_alternate: int) -> tuple[np.ndarray, np.ndarray]:
    """Phase and direction of each pulse of a train, both (pulses,).

    Args:
        n_up: set pulses.
        n_down: reset pulses.
        n_alternate: alternating pulses, the first is set.

    Returns:
        Phases, and directions +1 or -1.

    Raises:
        InputError: no pulse at all, or more than `bounds.PULSES` in a phase.
    """
    for name, count in (("up", n_up), ("down", n_down), ("alternate", n_alternate)):
        PULSES.check(count, f"pulses {name} (--{name})")
    if n_up + n_down + n_alternate == 0:
        raise InputError(
            f"{n_up} up, {n_down} down and {n_alternate} alternating pulses make no train; give some."
        )
    phase = np.repeat([UP, DOWN, ALTERNATING], [n_up, n_down, n_alternate])
    turns = np.where(np.arange(n_alternate) % 2 == 0, 1, -1)
    return phase, np.concatenate([np.ones(n_up, int), -np.ones(n_down, int), turns])


def figures_of_merit(conductance_S, phase) -> tuple[float, float]:
    """Number of states and skew of the symmetry point.

    The window is that of the up and down phases; the symmetry point is the mean of the second half of the
    alternating phase.

    Args:
        conductance_S: (pulses,) after each pulse.
        phase: (pulses,) 0 up, 1 down, 2 alternating.

    Returns:
        (G_max - G_min) / mean|dG| and (G_max - G_SP) / (G_max - G_min); NaN where a phase is missing.
    """
    batch, alternate = conductance_S[phase != ALTERNATING], conductance_S[phase == ALTERNATING]
    if batch.size < 2 or alternate.size < 4:
        return float("nan"), float("nan")
    settled = alternate[alternate.size // 2 :]
    window = batch.max() - batch.min()
    step = np.mean(np.abs(np.diff(settled)))
    if not (window > 0 and step > 0):
        return float("nan"), float("nan")
    return float(window / step), float((batch.max() - settled.mean()) / window)
