"""State of a cell whose vacancies are one number, for restart files."""

from dataclasses import dataclass

import numpy as np

from femristor.core.provenance import Provenance
from femristor.core.store import storable


@storable("DomeState", version=2)
@dataclass(frozen=True)
class DomeState:
    """A cell of the dome model between two waveforms, or between two pieces of one.

    Attributes:
        density_m3: dome density N.
        applied_V: voltage over cell and load.
        ambient_K: temperature of the electrodes.
        rows: (time, columns) trace of the waveform under way; empty between waveforms.
        piece: straight pieces of the waveform that are done.
        work: text that names waveform and settings; only the same work resumes.
        counts: (2,) field solutions and Newton steps of the waveform under way.
        provenance: how it was made.
    """

    density_m3: float
    applied_V: float
    ambient_K: float
    rows: np.ndarray
    piece: int
    work: str
    counts: np.ndarray
    provenance: Provenance | None = None
