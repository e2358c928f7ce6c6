"""What moving vacancies leave behind: a state that any later run can start from, and frames for pictures."""

from dataclasses import dataclass

import numpy as np

from femristor.core.provenance import Provenance
from femristor.core.store import storable
from femristor.core.traces import SwitchingTrace
from femristor.fem.results.dome import DomeState


@storable(
    "SwitchingState",
    version=2,
    shapes={
        "places_nm": "nodes 3",
        "oxide_places_nm": "oxide 3",
        "potential_V": "history nodes",
        "rise_K": "history nodes",
        "unknown": "history oxide",
        "applied_V": "history",
        "steps_s": "steps",
        "counts": "4",
    },
)
@dataclass(frozen=True)
class SwitchingState:
    """Fields of a cell with moving vacancies between two steps, independent of the number of MPI ranks.

    Attributes:
        places_nm: (nodes, 3) of V and theta.
        oxide_places_nm: (oxide nodes, 3) of the vacancies.
        potential_V: (history, nodes), newest first.
        rise_K: (history, nodes) temperature above the ambient.
        unknown: (history, oxide nodes) ln(N/(N_max - N)).
        applied_V: (history,) voltage over cell and load.
        steps_s: (history - 1,) steps between them.
        next_s: step to try next.
        rows: (time, columns) trace of the waveform under way; empty between waveforms.
        piece: straight piece of the waveform that is under way.
        reached_s: time since its start.
        ambient_K: temperature of the electrodes.
        work: text that names waveform and settings; only the same work resumes.
        history: what the cell has gone through, one entry a waveform.
        read_V: voltage of the last read, from whose fields the next one starts; 0 before the first.
        read_potential_V: (nodes,) of that read, empty before the first.
        read_rise_K: (nodes,) of that read, empty before the first.
        counts: (4,) steps, rejected, failed and Newton steps of the waveform under way.
        provenance: how it was made.
        start_S: conductance before the waveform under way.
    """

    places_nm: np.ndarray
    oxide_places_nm: np.ndarray
    potential_V: np.ndarray
    rise_K: np.ndarray
    unknown: np.ndarray
    applied_V: np.ndarray
    steps_s: np.ndarray
    next_s: float
    rows: np.ndarray
    piece: int
    reached_s: float
    ambient_K: float
    work: str
    history: tuple[str, ...]
    read_V: float
    read_potential_V: np.ndarray
    read_rise_K: np.ndarray
    counts: np.ndarray
    provenance: Provenance | None = None
    start_S: float = 0.0


@storable("PulseProgress", version=2)
@dataclass(frozen=True)
class PulseProgress:
    """A pulse train that is under way.

    Attributes:
        state: of the cell after the last pulse.
        rows: (pulses, 4) conductance [S], dome density [1/m^3], temperature [K] and current [A] of each.
        start_S: conductance before the first pulse.
        counts: work done since then, as the cell counts it.
        work: text that names the train; only the same train resumes.
    """

    state: SwitchingState | DomeState
    rows: np.ndarray
    start_S: float
    counts: np.ndarray
    work: str


@storable("FieldTrace", version=1)
@dataclass(frozen=True)
class FieldTrace:
    """A waveform with moving vacancies, and what the fields did.

    Attributes:
        trace: the curve that every switching model gives.
        stored: (time,) vacancies in the oxide.
        density_min_m3: (time,) lowest density.
        density_max_m3: (time,) highest density.
        step_s: (time,) length of the step; 0 at the start.
        start_S: conductance at the read voltage before.
        end_S: the same after.
        newton_steps: Newton steps of all steps.
        unknowns: degrees of freedom.
        dim: dimension.
    """

    trace: SwitchingTrace
    stored: np.ndarray
    density_min_m3: np.ndarray
    density_max_m3: np.ndarray
    step_s: np.ndarray
    start_S: float
    end_S: float
    newton_steps: int
    unknowns: int
    dim: int


@storable("SwitchingFrame", version=1)
@dataclass(frozen=True)
class SwitchingFrame:
    """Density, temperature and field in the half plane of the oxide at one moment.

    Attributes:
        radius_m: (nodes,) distance from the axis; triangles do not share nodes.
        height_m: (nodes,) above the lower face of the oxide.
        triangles: (triangles, 3).
        density_m3: (nodes,).
        temperature_K: (nodes,).
        field_V_per_m: (nodes,) |E|.
        time_s: moment.
        voltage_applied_V: over cell and load.
        current_A: through the cell.
        filament_radius_m: for the picture.
        dome_radius_m: for the picture.
    """

    radius_m: np.ndarray
    height_m: np.ndarray
    triangles: np.ndarray
    density_m3: np.ndarray
    temperature_K: np.ndarray
    field_V_per_m: np.ndarray
    time_s: float
    voltage_applied_V: float
    current_A: float
    filament_radius_m: float
    dome_radius_m: float


@storable("FrameStrip", version=1)
@dataclass(frozen=True)
class FrameStrip:
    """Frames along a waveform.

    Attributes:
        frames: in order of time.
        label: what is shown.
    """

    frames: tuple[SwitchingFrame, ...]
    label: str


@storable("Transient", version=1)
@dataclass(frozen=True)
class Transient:
    """A constant voltage over the bare cell.

    Attributes:
        voltage_V: held, signed.
        time_s: (time,) since it was applied.
        conductance_S: (time,) at the read voltage.
        current_A: (time,) at the held voltage.
        temperature_K: (time,) highest.
        field_V_per_m: (time,) mean |E| over the dome.
        density_m3: (time,) mean density of the dome.
    """

    voltage_V: float
    time_s: np.ndarray
    conductance_S: np.ndarray
    current_A: np.ndarray
    temperature_K: np.ndarray
    field_V_per_m: np.ndarray
    density_m3: np.ndarray


@storable("TransientSet", version=1)
@dataclass(frozen=True)
class TransientSet:
    """Transients at several voltages.

    Attributes:
        transients: in the order of the plan.
        ambient_K: temperature of the electrodes.
        model: sentence on the field model.
        card_name: name of the card.
        provenance: how they were made.
    """

    transients: tuple[Transient, ...]
    ambient_K: float
    model: str
    card_name: str
    provenance: Provenance | None = None
