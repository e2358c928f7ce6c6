"""The frozen state of a cell: hopping parameters in the dome over the filament and around it."""

from dataclasses import dataclass

from femristor.core.constants import EV
from femristor.core.errors import InputError
from femristor.core.store import storable


@storable("HoppingParameters", version=1)
@dataclass(frozen=True)
class HoppingParameters:
    """Parameters of Mott-Gurney hopping in one region.

    Attributes:
        density_m3: density of hopping sites N, without the background.
        distance_m: hopping distance a_e.
        barrier_J: barrier dE.
    """

    density_m3: float
    distance_m: float
    barrier_J: float

    def __post_init__(self):
        """Check signs."""
        if not (self.density_m3 > 0 and self.distance_m > 0 and self.barrier_J >= 0):
            raise InputError(
                f"Hopping needs N > 0, a_e > 0 and dE >= 0, not {self.density_m3:g} 1/m^3, "
                f"{self.distance_m:g} m and {self.barrier_J / EV:g} eV."
            )

    @property
    def barrier_eV(self) -> float:
        """Barrier in eV."""
        return self.barrier_J / EV


@storable("CellState", version=1)
@dataclass(frozen=True)
class CellState:
    """A frozen state of the CMO.

    Attributes:
        label: "lrs", "hrs", "N=2e25", ...
        dome: parameters of the half sphere over the filament.
        surround: parameters of the CMO around it.
    """

    label: str
    dome: HoppingParameters
    surround: HoppingParameters
