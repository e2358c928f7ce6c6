"""Lines that give the hopping parameters of a density."""

from dataclasses import dataclass

from femristor.device.state import HoppingParameters


@dataclass(frozen=True)
class HoppingLaw:
    """Lines that give hopping distance and barrier from the density (IBM compact model)."""

    attempt_frequency_Hz: float
    distance_min_m: float
    distance_0_m: float
    distance_slope_m4: float
    barrier_0_J: float
    barrier_slope_J_m3: float
    background_density_m3: float

    def distance_m(self, density_m3: float) -> float:
        """Hopping distance a_e = max(a_min, a_0 - a_1 N) [m]."""
        return max(self.distance_min_m, self.distance_0_m - self.distance_slope_m4 * density_m3)

    def barrier_J(self, density_m3: float) -> float:
        """Barrier dE = max(0, dE_0 - dE_1 N) [J]."""
        return max(0.0, self.barrier_0_J - self.barrier_slope_J_m3 * density_m3)

    def parameters(self, density_m3: float) -> HoppingParameters:
        """Parameters at a density."""
        return HoppingParameters(density_m3, self.distance_m(density_m3), self.barrier_J(density_m3))
