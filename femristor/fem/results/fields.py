"""What the fem room hands on: curves with what the fields did on the way, and maps of the fields."""

from dataclasses import dataclass

import numpy as np

from femristor.core.curves import IVCurve
from femristor.core.provenance import Provenance, Status
from femristor.core.store import storable
from femristor.device.state import CellState


@storable("FieldSolution", version=1)
@dataclass(frozen=True)
class FieldSolution:
    """Electro-thermal solutions of one frozen state over bias; every array has shape (bias,).

    Attributes:
        bias_V: top minus bottom electrode, in the order that was asked for.
        current_A: into the top electrode, positive from top to bottom.
        current_bottom_A: out of the bottom electrode; equals `current_A` up to the solver's tolerance.
        power_W: Joule heat of the whole cell.
        heat_out_W: heat that leaves through both electrodes.
        dome_temperature_mean_K: volume average over the dome.
        dome_temperature_max_K: largest value in the dome.
        temperature_max_K: largest value in the cell.
        dome_field_mean_V_per_m: volume average of |E| over the dome.
        dome_field_max_V_per_m: largest |E| at a quadrature point of the dome; it belongs to the mesh, because
            the field at the rim of the filament is singular.
        hop_rate_set_per_s: dome average of the vacancy hop rate with the set barrier at the dome's density.
        hop_rate_reset_per_s: the same with the reset barrier.
        newton_iterations: Newton steps spent on each bias, with those of its continuation.
        state: the frozen state.
        ambient_K: temperature of both electrodes.
        dim: 2 (axisymmetric) or 3.
        unknowns: degrees of freedom of V and T together.
        status: converged; a sweep that fails raises instead.
        provenance: how it was made.
    """

    bias_V: np.ndarray
    current_A: np.ndarray
    current_bottom_A: np.ndarray
    power_W: np.ndarray
    heat_out_W: np.ndarray
    dome_temperature_mean_K: np.ndarray
    dome_temperature_max_K: np.ndarray
    temperature_max_K: np.ndarray
    dome_field_mean_V_per_m: np.ndarray
    dome_field_max_V_per_m: np.ndarray
    hop_rate_set_per_s: np.ndarray
    hop_rate_reset_per_s: np.ndarray
    newton_iterations: np.ndarray
    state: CellState
    ambient_K: float
    dim: int
    unknowns: int
    status: Status
    provenance: Provenance

    def iv(self) -> IVCurve:
        """The current-voltage curve.

        Raises:
            InputError: the solution has a single bias.
        """
        origin = f"finite elements, {self.dim}-D, {self.unknowns} unknowns"
        return IVCurve(
            self.bias_V,
            self.current_A,
            self.ambient_K,
            self.state.label,
            origin,
            self.status,
            self.provenance,
        )


@storable("FieldMap", version=1)
@dataclass(frozen=True)
class FieldMap:
    """Fields in the half plane (r, z) at one bias, as triangles with nodes of their own.

    Neighbouring triangles do not share nodes, so that |E| keeps its jump from one material to the next.

    Attributes:
        radius_m: (nodes,) distance from the axis.
        height_m: (nodes,) above the lower face of the bottom electrode.
        potential_V: (nodes,).
        temperature_K: (nodes,).
        field_V_per_m: (nodes,) |E|.
        triangles: (triangles, 3) node numbers.
        region: (triangles,) numbers of `region_names`.
        region_names: name of each region number, e.g. {"4": "dome"}.
        bias_V: top minus bottom electrode.
        current_A: terminal current.
        state: the frozen state.
        ambient_K: temperature of both electrodes.
        dim: dimension of the solve that it is cut from.
        filament_radius_m: for the picture.
        dome_radius_m: for the picture.
        dome_height_m: height of the lower face of the CMO, where the dome stands.
        provenance: how it was made.
    """

    radius_m: np.ndarray
    height_m: np.ndarray
    potential_V: np.ndarray
    temperature_K: np.ndarray
    field_V_per_m: np.ndarray
    triangles: np.ndarray
    region: np.ndarray
    region_names: dict
    bias_V: float
    current_A: float
    state: CellState
    ambient_K: float
    dim: int
    filament_radius_m: float
    dome_radius_m: float
    dome_height_m: float
    provenance: Provenance
