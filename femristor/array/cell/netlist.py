"""A small 1T1R array with its wires as an ngspice netlist: IBM's law with frozen states, the smooth channel.

The names are those of the drawing in `wires.grid`: b0_1 is the node of row wire 0 at column 1, s0_1 that of column wire
1 at row 0, and vs1 is the virtual ground of column 1, through which its current flows. Meant for checks and for users
who want to go on in a circuit simulator; an array of thousands of cells belongs to `wires.nonlinear`.
"""

import numpy as np

from femristor.array.wires.grid import WireGrid
from femristor.compact.export.load import LINEAR, wrapped
from femristor.compact.export.text import BOLTZMANN_V_PER_K, number
from femristor.compact.ibm import IbmModel
from femristor.core.constants import Q_E
from femristor.core.errors import InputError
from femristor.device.laws.channel import Channel

OPTIONS = "reltol=1e-10 abstol=1e-18 vntol=1e-13 gmin=1e-30 itl1=500"
"""Tolerances of the operating point; currents then hold to about 1e-9."""


def array_netlist(
    model: IbmModel, channel: Channel, density_m3, voltage_V, grid: WireGrid, *, word_V, body_V: float = 0.0
) -> str:
    """Deck with one operating point; its saved vectors are i(vs0), i(vs1), ...

    Args:
        model: law of the devices, with a series resistance above 0.
        channel: transistor of every cell.
        density_m3: (rows, cols) states.
        voltage_V: (rows,) of the drivers.
        grid: wires of a crosspoint driven on the left and sensed at the bottom, segments above 0.
        word_V: gates, one or (rows, 1) or (rows, cols).
        body_V: bulk of the transistors.

    Returns:
        Text.

    Raises:
        InputError: other topologies, sides or resistances, shapes that do not fit.
    """
    density, volt = np.asarray(density_m3, dtype=float), np.asarray(voltage_V, dtype=float)
    if density.ndim != 2 or volt.shape != density.shape[:1]:
        raise InputError(
            f"Voltages of shape {volt.shape} do not fit cells of shape {density.shape}; give one a row."
        )
    plain = (grid.topology, grid.drive, grid.sense) == ("crosspoint", "left", "bottom")
    if not plain or min(grid.segment_ohm, grid.column_ohm, model.constants.series_ohm) <= 0:
        raise InputError(
            "The netlist is written for a crosspoint driven left and sensed at the bottom, with resistances above 0; "
            "change the wires or the law."
        )
    rows, cols = density.shape
    gates = np.broadcast_to(np.asarray(word_V, dtype=float), density.shape)
    lines = ["1T1R array, states frozen", f".options {OPTIONS}"]
    for i in range(rows):
        lines.append(f"Vr{i} r{i} 0 {number(volt[i])}")
        for j in range(cols):
            before, ohm = (f"b{i}_{j - 1}", 0.0) if j else (f"r{i}", grid.driver_ohm)
            lines.append(f"Rb{i}_{j} {before} b{i}_{j} {number(grid.segment_ohm + ohm)}")
            after, ohm = (f"s{i + 1}_{j}", 0.0) if i + 1 < rows else (f"g{j}", grid.sense_ohm)
            lines.append(f"Rs{i}_{j} s{i}_{j} {after} {number(grid.column_ohm + ohm)}")
            lines += _cell(
                model, channel, float(density[i, j]), float(gates[i, j]) - body_V, body_V, f"{i}_{j}"
            )
    lines += [f"Vs{j} g{j} 0 0" for j in range(cols)]
    lines += [".save " + " ".join(f"i(vs{j})" for j in range(cols)), ".op", ".end"]
    return "\n".join(lines) + "\n"


def _cell(model, channel: Channel, density: float, gate: float, body: float, at: str) -> list[str]:
    """Device from b to d behind its series resistance (node m, temperature t), transistor from d to s."""
    constants = model.constants
    distance, barrier = (float(value) for value in model.hop_parameters(np.asarray(density)))
    scale = 2 * Q_E * constants.area_m2 * model.hopping.attempt_frequency_Hz * density * distance
    thermal = f"({number(BOLTZMANN_V_PER_K)}*V(t{at}))"
    hops = (
        f"exp({number(-barrier / Q_E)}/{thermal})"
        f"*sinh({number(distance / (2 * constants.length_m))}*V(m{at},d{at})/{thermal})"
    )
    heat = constants.thermal_K_per_W / constants.series_ohm
    return [
        f"Rd{at} b{at} m{at} {number(constants.series_ohm)}",
        wrapped(f"Bd{at} m{at} d{at} I = {number(scale)}*{hops}"),
        f"Bt{at} t{at} 0 V = {number(model.ambient_K)}+{number(heat)}*V(b{at},d{at})*V(b{at},m{at})",
        wrapped(f"Bc{at} d{at} s{at} I = {_channel(channel, gate, body, f'd{at}', f's{at}')}"),
    ]


def _channel(channel: Channel, gate: float, body: float, drain: str, source: str) -> str:
    """`device.laws.channel` between two nodes; gate against the bulk."""
    beta, threshold, slope, loss, critical, thermal = channel.numbers()
    twice, pinch = number(2 * thermal), number((gate - threshold) / slope + body)

    def charge(node: str) -> str:
        x = f"(({pinch}-V({node}))/{twice})"
        return f"({twice}*({x}>{LINEAR} ? {x} : ln(1+exp(min({x},{LINEAR})))))"

    s, d = charge(source), charge(drain)
    half = f"(0.5*({s}-{d})*({s}+{d}))"
    larger = f"(sqrt(sqrt(pow({s},8)+pow({d},8)+1e-60))+1e-30)"
    lost = f"(1+{number(0.5 * loss)}*({s}+{d}))"
    fast = f"sqrt(1+{half}*{half}/({number(critical**2)}*{larger}))"
    return f"{number(slope * beta)}*{half}/({lost}*{fast})"
