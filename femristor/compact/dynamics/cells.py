"""Many cells of one model with their own parameters, as rows of numbers for the kernels."""

import math
from dataclasses import dataclass, fields, replace

import numpy as np

from femristor.compact.ibm import IbmConstants, IbmModel
from femristor.compact.table.interpolate import TableModel
from femristor.core.constants import K_B, Q_E
from femristor.core.errors import InputError
from femristor.device.card import DeviceCard


@dataclass(frozen=True)
class IbmCells:
    """Parameters of cells that follow IBM's law, (cells,) each.

    Attributes:
        radius_m: radius of the filament: area grows with its square, the filament's share of R_s falls with it.
        length_m: length of the law (thickness of the conductive metal oxide).
        thermal_K_per_W: thermal resistance.
        barrier_set_J: barrier of set at N = 0.
        barrier_reset_J: barrier of reset.
        ambient_K: ambient.
    """

    radius_m: np.ndarray
    length_m: np.ndarray
    thermal_K_per_W: np.ndarray
    barrier_set_J: np.ndarray
    barrier_reset_J: np.ndarray
    ambient_K: np.ndarray

    @classmethod
    def of(cls, model: IbmModel, cells: int, **values) -> "IbmCells":
        """Cells equal to the model but for the values given.

        Args:
            model: the nominal cell.
            cells: how many.
            **values: attributes of this class, one number or (cells,) each.

        Returns:
            IbmCells.

        Raises:
            InputError: an unknown name, another length, a value that is not above 0.
        """
        nominal = {
            "radius_m": model.card.filament.radius_m,
            "length_m": model.constants.length_m,
            "thermal_K_per_W": model.constants.thermal_K_per_W,
            "barrier_set_J": model.ionic.barrier_set_J,
            "barrier_reset_J": model.ionic.barrier_reset_J,
            "ambient_K": model.ambient_K,
        }
        return cls(**_columns(nominal, values, cells, positive=True))

    @property
    def count(self) -> int:
        """Number of cells."""
        return self.radius_m.size

    def series_ohm(self, model: IbmModel) -> np.ndarray:
        """(cells,) R_s: the model's, with the filament's share for each radius."""
        return (
            model.constants.series_ohm + _filament_ohm(model.card, self.radius_m) - _filament_ohm(model.card)
        )

    def area_m2(self, model: IbmModel) -> np.ndarray:
        """(cells,) area: the model's times (r/r_card)^2."""
        return model.constants.area_m2 * (self.radius_m / model.card.filament.radius_m) ** 2

    def pack(self, model: IbmModel) -> np.ndarray:
        """(cells, 18) numbers of `ibm_kernels.laws`, energies in kelvin."""
        hopping, ionic = model.hopping, model.ionic
        rows = [
            2 * Q_E * self.area_m2(model) * hopping.attempt_frequency_Hz,
            self.length_m,
            self.series_ohm(model),
            self.thermal_K_per_W,
            self.ambient_K,
            hopping.distance_min_m,
            hopping.distance_0_m,
            hopping.distance_slope_m4,
            hopping.barrier_0_J / K_B,
            hopping.barrier_slope_J_m3 / K_B,
            Q_E / (2 * K_B * self.length_m),
            2 * ionic.attempt_frequency_Hz * ionic.hop_distance_m / self.length_m,
            ionic.charge_number * Q_E * ionic.hop_distance_m / (2 * K_B * self.length_m),
            self.barrier_set_J / K_B,
            ionic.barrier_set_slope_J_m3 / K_B,
            self.barrier_reset_J / K_B,
            ionic.density_max_m3,
            ionic.saturation_exponent,
        ]
        return np.stack([np.broadcast_to(row, (self.count,)) for row in rows], axis=1)

    def model(self, nominal: IbmModel, index: int) -> IbmModel:
        """One of the cells as a model of its own.

        Args:
            nominal: the model they were made of.
            index: which.

        Returns:
            IbmModel.
        """
        constants = IbmConstants(
            float(self.area_m2(nominal)[index]),
            float(self.length_m[index]),
            float(self.series_ohm(nominal)[index]),
            float(self.thermal_K_per_W[index]),
        )
        ionic = replace(
            nominal.ionic,
            barrier_set_J=float(self.barrier_set_J[index]),
            barrier_reset_J=float(self.barrier_reset_J[index]),
        )
        return IbmModel(nominal.card, float(self.ambient_K[index]), constants=constants, ionic=ionic)

    def start_lnN(self, model: IbmModel, density_m3) -> np.ndarray:
        """(cells,) ln N of densities, one or (cells,).

        Raises:
            InputError: a density outside the law.
        """
        density = one_each(density_m3, self.count, "start densities")
        if not np.all((density > 0) & (density < model.ionic.density_max_m3)):
            raise InputError(
                f"A start density is outside the law; give one from 0 to {model.ionic.density_max_m3:g} 1/m^3."
            )
        return np.log(density)


@dataclass(frozen=True)
class TableCells:
    """Small differences of cells from their table, (cells,) each; to first order, the table's temperature is kept.

    Attributes:
        current_factor: of the current (area).
        barrier_set_shift_J: added to the barrier of set, at the mean temperature of the dome.
        barrier_reset_shift_J: the same of reset.
    """

    current_factor: np.ndarray
    barrier_set_shift_J: np.ndarray
    barrier_reset_shift_J: np.ndarray

    @classmethod
    def of(cls, model: TableModel, cells: int, **values) -> "TableCells":
        """Cells equal to the table but for the values given; arguments and errors as in `IbmCells.of`."""
        nominal = {field.name: 0.0 for field in fields(cls)} | {"current_factor": 1.0}
        made = cls(**_columns(nominal, values, cells, positive=False))
        if not np.all(made.current_factor > 0):
            raise InputError("A current_factor must be above 0; give 1 for the table's own current.")
        return made

    @property
    def count(self) -> int:
        """Number of cells."""
        return self.current_factor.size

    def pack(self, ambient_K) -> np.ndarray:
        """(cells, 4) numbers of `kernels.slope`, energies in kelvin.

        Args:
            ambient_K: one, or (cells,).

        Returns:
            Array.
        """
        ambient = np.broadcast_to(np.asarray(ambient_K, dtype=float), (self.count,))
        shifts = (self.barrier_set_shift_J / K_B, self.barrier_reset_shift_J / K_B)
        return np.stack([self.current_factor, *shifts, ambient], axis=1)


def _filament_ohm(card: DeviceCard, radius_m=None):
    radius = card.filament.radius_m if radius_m is None else radius_m
    conductivity = card.material(card.filament.material).conductivity_S_per_m
    return card.layer("oxide").thickness_m / (conductivity * math.pi * radius**2)


def _columns(nominal: dict, values: dict, cells: int, *, positive: bool) -> dict[str, np.ndarray]:
    unknown = sorted(set(values) - set(nominal))
    if unknown:
        raise InputError(f"Cells have no parameter {unknown[0]}; use {', '.join(nominal)}.")
    found = {}
    for name, value in nominal.items():
        column = one_each(values.get(name, value), cells, f"values of {name}")
        if not np.all(np.isfinite(column)) or (positive and not np.all(column > 0)):
            raise InputError(f"A value of {name} is not possible for a cell; give finite ones above 0.")
        found[name] = column
    return found


def one_each(values, cells: int, name: str) -> np.ndarray:
    """(cells,) numbers of one number or of one for each cell.

    Raises:
        InputError: another length.
    """
    column = np.asarray(values, dtype=float)
    if column.ndim > 1 or (column.ndim == 1 and column.size not in (1, cells)):
        raise InputError(f"{column.size} {name} for {cells} cells; give one or one for each cell.")
    return np.ascontiguousarray(np.broadcast_to(column, (cells,)))
