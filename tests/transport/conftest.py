"""A closed-form cell with the interface of the finite-element ones, so that fits are tested in milliseconds."""

from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np
import pytest

from femristor.core.constants import K_B, Q_E
from femristor.core.curves import IVCurve
from femristor.core.rng import generator
from femristor.device import load_card

AREAS_M2 = {"dome": 1.44 * np.pi * (11e-9) ** 2, "surround": 6 * np.pi * (11e-9) ** 2}
LENGTHS_M = {"dome": 9e-9, "surround": 8e-9}
SERIES_OHM = 223.22
THERMAL_K_PER_W = 1.4e6
FIELDS = ("density_m3", "distance_m", "barrier_J")


@dataclass
class ClosedFormCell:
    """Dome and surroundings in series with a resistor; heated by the whole V I; dI/dp by complex steps."""

    card: object
    calls: int = 0

    def voltage(self, current, bias, ambient_K, parameters):
        """Voltage that drives a current, from the inverse of the hopping law in each region."""
        law = self.card.hopping
        temperature = ambient_K + THERMAL_K_PER_W * bias * current
        total = current * SERIES_OHM
        for region, (density, distance, barrier) in parameters.items():
            size = (
                2
                * Q_E
                * (density + law.background_density_m3)
                * distance
                * law.attempt_frequency_Hz
                * np.exp(-barrier / (K_B * temperature))
            )
            field = 2 * K_B * temperature / (Q_E * distance) * np.arcsinh(current / AREAS_M2[region] / size)
            total = total + field * LENGTHS_M[region]
        return total

    def sweep_with_sensitivity(self, bias_V, state, *, ambient_K):
        """As the field solver."""
        self.calls += 1
        bias = np.asarray(bias_V, dtype=float)
        parameters = {
            region: [getattr(getattr(state, region), name) for name in FIELDS] for region in AREAS_M2
        }
        step = 1e-30
        log_current = np.log(bias * 1e-5)
        for _ in range(100):
            current = np.exp(log_current)
            residual = self.voltage(current, bias, ambient_K, parameters) - bias
            slope = np.imag(self.voltage(current * (1 + 1j * step), bias, ambient_K, parameters)) / step
            move = np.clip(residual / slope, -2, 2)
            log_current = log_current - move
            if np.all(np.abs(move) < 1e-14):
                break
        current = np.exp(log_current)
        slope = (
            np.imag(self.voltage(current + 1j * step * current, bias, ambient_K, parameters)) / step / current
        )
        sensitivity = {}
        for region in parameters:
            for index, name in enumerate(FIELDS):
                shifted = {key: list(values) for key, values in parameters.items()}
                value = shifted[region][index]
                size = max(value, 1e-22)  # a barrier may be 0
                shifted[region][index] = value + 1j * step * size
                change = np.imag(self.voltage(current, bias, ambient_K, shifted)) / step / size
                sensitivity[f"{region}.{name}"] = -change / slope
        temperature = ambient_K + THERMAL_K_PER_W * bias * current
        field = bias / sum(LENGTHS_M.values())
        fields = SimpleNamespace(
            current_A=current,
            dome_temperature_mean_K=temperature,
            dome_temperature_max_K=temperature,
            dome_field_mean_V_per_m=field,
            dome_field_max_V_per_m=field,
        )
        return fields, sensitivity

    def curve(self, state, *, label, ambient_K=293.0, noise=0.0, seed=0, points=20, v_max=0.2, both=False):
        """A synthetic read curve."""
        bias = np.linspace(v_max / points, v_max, points)
        fields, _ = self.sweep_with_sensitivity(bias, state, ambient_K=ambient_K)
        current = fields.current_A
        if both:
            bias, current = np.concatenate([-bias[::-1], bias]), np.concatenate([-current[::-1], current])
        factor = np.exp(noise * generator(seed).standard_normal(current.size))
        return IVCurve(bias, current * factor, ambient_K, label, "closed form")


class OhmicClosedForm:
    """Filament of the oxide's thickness under a half space with the correction of a finite layer."""

    def __init__(self, card):
        """Keep the oxide's thickness and the filament's conductivity."""
        self._ratio = (
            card.layer("oxide").thickness_m / card.material(card.filament.material).conductivity_S_per_m
        )

    def resistance_ohm(self, radius_m, sigma_S_per_m):
        """R = t/(sigma_f pi r^2) + 0.785/(4 r sigma)."""
        return self._ratio / (np.pi * radius_m**2) + 0.785 / (4 * radius_m * sigma_S_per_m)

    def derivatives(self, radius_m, sigma_S_per_m):
        """R and its logarithmic derivatives."""
        filament = self._ratio / (np.pi * radius_m**2)
        spreading = 0.785 / (4 * radius_m * sigma_S_per_m)
        total = filament + spreading
        return SimpleNamespace(
            resistance_ohm=total,
            log_by_log_radius=-(2 * filament + spreading) / total,
            log_by_log_conductivity=-spreading / total,
        )


@pytest.fixture(scope="session")
def card():
    return load_card()


@pytest.fixture
def cell(card):
    return ClosedFormCell(card)


@pytest.fixture
def ohmic(card):
    return OhmicClosedForm(card)
