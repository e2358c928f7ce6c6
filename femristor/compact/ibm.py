"""IBM's published 0-D law of the cell behind the interface of `CellModel`: the control of everything distilled here.

`I = A e N a_e nu exp(-dE/kT) 2 sinh(e a_e F/2kT)`, `F = (V - I R_s)/L`, `T = T_amb + R_th V I` with the whole `V I`;
`dN/dt = (a/L) N nu_i exp(-E_m/kT) 2 sinh(z e a F/2kT) (1 - N/N_max)^n`, `E_m` of set for V > 0, of reset for V < 0
(Galetta et al., Adv. Electron. Mater. 2025, e00373; numbers: IBM compact model, Clerico et al., 2026). The law makes
vacancies from nothing. Fast path: `ibm_kernels.py`.
"""

import math
from dataclasses import dataclass, replace

import numpy as np

from femristor.compact.table.closed_form import (
    PUBLISHED_AREA_FACTOR,
    PUBLISHED_LENGTH_M,
    PUBLISHED_SERIES_OHM,
    PUBLISHED_THERMAL_K_PER_W,
)
from femristor.core.constants import K_B, Q_E
from femristor.core.errors import ConvergenceError, RangeError
from femristor.device.card import DeviceCard, HoppingLaw, IonicLaw
from femristor.device.temperature import check_ambient

TOLERANCE = 1e-13
"""Of the current, relative: where Newton stops."""
ITERATIONS = 200
"""Most steps of Newton or bisection."""
LADDER = 1025
"""Densities tried when a conductance is looked up."""


@dataclass(frozen=True)
class IbmConstants:
    """What is not in the card's hopping and ionic laws.

    Attributes:
        area_m2: area that carries the current, 1.44 pi r^2.
        length_m: length that drops the voltage, also that of the hop-to-density factor a/L.
        series_ohm: filament and contacts.
        thermal_K_per_W: heating of the whole V I.
    """

    area_m2: float
    length_m: float
    series_ohm: float
    thermal_K_per_W: float

    @classmethod
    def published(cls, card: DeviceCard) -> "IbmConstants":
        """The published numbers for a filament of the card's radius.

        Args:
            card: device card.

        Returns:
            IbmConstants.
        """
        area = PUBLISHED_AREA_FACTOR * math.pi * card.filament.radius_m**2
        return cls(area, PUBLISHED_LENGTH_M, PUBLISHED_SERIES_OHM, PUBLISHED_THERMAL_K_PER_W)


class IbmModel:
    """IBM's 0-D law at one ambient; a `CellModel`.

    Args:
        card: device card: filament radius, hopping and ionic laws.
        ambient_K: ambient temperature; the card's by default.

    Raises:
        InputError: an ambient outside 150 to 1500 K.
    """

    def __init__(
        self,
        card: DeviceCard,
        ambient_K: float | None = None,
        *,
        constants: IbmConstants | None = None,
        ionic: IonicLaw | None = None,
    ) -> None:
        """Take the laws of the card; `constants` replaces the published ones, `ionic` the card's."""
        self.card = card
        self.ambient_K = check_ambient(card.ambient_K if ambient_K is None else ambient_K, "ambient")
        self.constants = constants or IbmConstants.published(card)
        self.hopping: HoppingLaw = card.hopping
        self.ionic: IonicLaw = replace(ionic or card.ionic, length_m=self.constants.length_m)

    def current_A(self, voltage_V, density_m3) -> np.ndarray:
        """Current of the bare cell.

        Args:
            voltage_V: signed voltage over the cell, any shape.
            density_m3: state N, any shape that fits.

        Returns:
            Current [A] with the sign of the voltage.

        Raises:
            RangeError: a density outside 0 to N_max.
            ConvergenceError: no current satisfies the law.
        """
        volt, density = self._checked(voltage_V, density_m3)
        return np.copysign(self._solve(np.abs(volt), density), volt)

    def conductance_S(self, density_m3, read_V: float = 0.2) -> np.ndarray:
        """Conductance I/V at a read voltage [S], at 0 V its limit; arguments as in `current_A`."""
        if read_V != 0:
            return self.current_A(read_V, density_m3) / read_V
        _, density = self._checked(0.0, density_m3)
        distance, barrier = self.hop_parameters(density)
        thermal = K_B * self.ambient_K
        constants, nu = self.constants, self.hopping.attempt_frequency_Hz
        sigma = Q_E**2 * density * distance**2 * nu * np.exp(-barrier / thermal) / thermal
        return 1 / (constants.length_m / (constants.area_m2 * sigma) + constants.series_ohm)

    def temperature_mean_K(self, voltage_V, density_m3) -> np.ndarray:
        """Temperature T_amb + R_th V I [K]; arguments as in `current_A`."""
        power = np.asarray(voltage_V, dtype=float) * self.current_A(voltage_V, density_m3)
        return self.ambient_K + self.constants.thermal_K_per_W * power

    def temperature_max_K(self, voltage_V, density_m3) -> np.ndarray:
        """The law has one temperature: that of `temperature_mean_K`."""
        return self.temperature_mean_K(voltage_V, density_m3)

    def field_mean_V_per_m(self, voltage_V, density_m3) -> np.ndarray:
        """|F| = |V - I R_s|/L [V/m]; arguments as in `current_A`."""
        drop = self.current_A(voltage_V, density_m3) * self.constants.series_ohm
        return np.abs(np.asarray(voltage_V, dtype=float) - drop) / self.constants.length_m

    def hop_rate_per_s(self, voltage_V, density_m3) -> np.ndarray:
        """Signed hop rate [1/s], over the set barrier for V > 0, that of reset for V < 0; as `current_A`."""
        volt, density = self._checked(voltage_V, density_m3)
        field, temperature = self.field_mean_V_per_m(volt, density), self.temperature_mean_K(volt, density)
        law, thermal = self.ionic, K_B * temperature
        barrier = np.where(volt > 0, law.set_barrier_J(density), law.barrier_reset_J)
        argument = law.charge_number * Q_E * law.hop_distance_m * field / (2 * thermal)
        size = law.attempt_frequency_Hz * np.exp(-barrier / thermal) * 2 * np.sinh(argument)
        return np.sign(volt) * size

    def density_rate_per_m3s(self, voltage_V, density_m3) -> np.ndarray:
        """dN/dt [1/(m^3 s)], above 0 in set, below 0 in reset; arguments as in `current_A`."""
        volt, density = self._checked(voltage_V, density_m3)
        law = self.ionic
        blocking = (1 - density / law.density_max_m3) ** law.saturation_exponent
        return law.hop_distance_m / law.length_m * density * self.hop_rate_per_s(volt, density) * blocking

    def density_at(self, conductance_S, read_V: float = 0.2) -> np.ndarray:
        """Smallest density that reads a conductance (bisection in ln N over the card's operating range).

        Args:
            conductance_S: (...) conductances.
            read_V: read voltage over the cell.

        Returns:
            (...) densities [1/m^3].

        Raises:
            RangeError: a conductance that no density of the card's range has.
        """
        wanted = np.asarray(conductance_S, dtype=float)
        span = self.card.range
        ladder = np.linspace(math.log(span.density_min_m3), math.log(span.density_max_m3), LADDER)
        reached = np.maximum.accumulate(self.conductance_S(np.exp(ladder), read_V))
        if not np.all((wanted >= reached[0]) & (wanted <= reached[-1])):
            raise RangeError(
                f"Conductances from {np.min(wanted) * 1e6:.4g} to {np.max(wanted) * 1e6:.4g} uS at {read_V:g} V leave "
                f"the law's {reached[0] * 1e6:.4g} to {reached[-1] * 1e6:.4g} uS over the range of {self.card.name}; "
                "choose levels inside it or widen range.density_min and density_max."
            )
        step = np.clip(np.searchsorted(reached, wanted), 1, LADDER - 1)
        low, high = ladder[step - 1], ladder[step]
        for _ in range(60):
            middle = 0.5 * (low + high)
            below = self.conductance_S(np.exp(middle), read_V) < wanted
            low, high = np.where(below, middle, low), np.where(below, high, middle)
        return np.exp(0.5 * (low + high))

    def hop_parameters(self, density_m3) -> tuple[np.ndarray, np.ndarray]:
        """Hopping distance a_e [m] and barrier dE [J] of densities (...)."""
        law = self.hopping
        distance = np.maximum(law.distance_min_m, law.distance_0_m - law.distance_slope_m4 * density_m3)
        return distance, np.maximum(0.0, law.barrier_0_J - law.barrier_slope_J_m3 * density_m3)

    def _solve(self, volt: np.ndarray, density: np.ndarray) -> np.ndarray:
        """Smallest root of A J(F, T) - I by Newton from below, bisected where it leaves its bracket."""
        constants, ambient = self.constants, self.ambient_K
        distance, barrier = self.hop_parameters(density)
        scale = constants.area_m2 * Q_E * density * distance * self.hopping.attempt_frequency_Hz * 2
        reach, warmth = Q_E * distance / (2 * K_B * constants.length_m), constants.thermal_K_per_W * volt
        steep = barrier / K_B
        # Newton starts at I = 0; the upper end is where R_s takes all the voltage.
        current, low = np.zeros_like(volt), np.zeros_like(volt)
        high = volt / constants.series_ohm if constants.series_ohm > 0 else np.full_like(volt, np.inf)
        for _ in range(ITERATIONS):
            temperature = ambient + warmth * current
            drive = np.maximum(volt - current * constants.series_ohm, 0.0)
            argument = reach * drive / temperature
            growth = scale * np.exp(-steep / temperature)
            hops = growth * np.sinh(argument)
            argument_I = -(reach * constants.series_ohm + argument * warmth) / temperature
            slope = growth * np.cosh(argument) * argument_I + hops * steep / temperature**2 * warmth - 1
            residual = hops - current
            low, high = np.where(residual >= 0, current, low), np.where(residual < 0, current, high)
            trial = current - residual / np.where(slope < 0, slope, np.nan)
            inside = (trial >= low) & (trial <= high)
            # Without an upper end (no R_s) the doubling of the current looks for one.
            middle = np.where(np.isfinite(high), 0.5 * (low + np.where(np.isfinite(high), high, 0)), 2 * low)
            following = np.where(inside, trial, middle)
            moved = np.abs(following - current)
            current = following
            if np.all(moved <= TOLERANCE * np.abs(current)):
                return current
        worst = int(np.argmax(moved / np.maximum(current, 1e-300)))
        raise ConvergenceError(
            f"The published law finds no current at {volt.flat[worst]:.4g} V and N = {density.flat[worst]:.4g} 1/m^3; "
            "lower the voltage."
        )

    def _checked(self, voltage_V, density_m3) -> tuple[np.ndarray, np.ndarray]:
        volt, density = np.broadcast_arrays(
            np.asarray(voltage_V, dtype=float), np.asarray(density_m3, dtype=float)
        )
        inside = (density > 0) & (density < self.ionic.density_max_m3)
        if not np.all(inside):
            worst = density[~inside].flat[0] if density.ndim else float(density)
            raise RangeError(
                f"A density of {worst:.4g} 1/m^3 is outside the law, which holds 0 to "
                f"{self.ionic.density_max_m3:.3g} 1/m^3; start inside it."
            )
        if not np.all(np.isfinite(volt)):
            raise RangeError("A device voltage is not a finite number; check the waveform.")
        return volt, density
