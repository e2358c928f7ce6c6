"""An exported subcircuit in ngspice against our own integrator, through any waveform."""

import textwrap
import time
from dataclasses import dataclass

import numpy as np

from femristor.compact.dynamics.integrator import Cells
from femristor.compact.export.ngspice import find_ngspice, run_ngspice
from femristor.compact.export.spice import DIGITS, OPTIONS, spice
from femristor.compact.export.text import STATE_UNIT_M3, ZERO_CELSIUS_K, start_density_m3
from femristor.compact.ibm import IbmModel
from femristor.compact.table.interpolate import TableModel
from femristor.core.curves import Waveform
from femristor.device.load_line import BARE, Load

TOLERANCE = 1e-8
"""Of ln N in a step of our integrator."""
VOLTAGE_MIN_V = 1e-9
"""Closer to 0 V a point is left out."""
CURRENT_MIN_A = 1e-9
"""Smaller currents are not compared: near 0 V."""


@dataclass(frozen=True)
class CircuitCheck:
    """ngspice beside our integrator, at the time points that ngspice chose.

    Attributes:
        time_s: (points,).
        voltage_V: (points,) applied.
        current_ngspice_A: (points,).
        current_A: (points,) ours.
        density_ngspice_m3: (points,).
        density_m3: (points,) ours.
        ngspice_s: time ngspice took, with reading the netlist.
    """

    time_s: np.ndarray
    voltage_V: np.ndarray
    current_ngspice_A: np.ndarray
    current_A: np.ndarray
    density_ngspice_m3: np.ndarray
    density_m3: np.ndarray
    ngspice_s: float

    @property
    def current_error(self) -> np.ndarray:
        """Relative differences of the current where it is above CURRENT_MIN_A."""
        ours = self.current_A
        large = np.abs(ours) > CURRENT_MIN_A
        return np.abs(self.current_ngspice_A[large] / ours[large] - 1)

    @property
    def density_error(self) -> np.ndarray:
        """Relative differences of N."""
        return np.abs(self.density_ngspice_m3 / self.density_m3 - 1)


def check_spice(
    model: TableModel | IbmModel,
    waveform: Waveform,
    density_m3: float | None = None,
    *,
    load: Load | None = None,
    step_s: float | None = None,
    options: str = OPTIONS,
    uic: bool = True,
    digits: int = DIGITS,
    fixed: bool = False,
    exported: TableModel | IbmModel | None = None,
    parameters: dict[str, float] | None = None,
) -> CircuitCheck:
    """Run a waveform in ngspice and with our integrator.

    Args:
        model: our side.
        waveform: voltage over cell and load.
        density_m3: state at the start; HRS by default.
        load: what is in series.
        step_s: print step and largest step of ngspice; a fiftieth of the waveform by default.
        options: of ngspice.
        uic: skip the operating point.
        digits: decimal digits of a table's numbers.
        fixed: see `spice`.
        exported: what is exported; the model by default.
        parameters: given to the cell of the circuit.

    Returns:
        CircuitCheck.

    Raises:
        MissingDependencyError: ngspice is not installed.
        ConvergenceError: ngspice fails, or our integrator does.
        RangeError: the cell leaves its table.
    """
    find_ngspice()
    start = start_density_m3(model) if density_m3 is None else density_m3
    text = deck(
        spice(exported or model, load=load, digits=digits, fixed=fixed),
        waveform,
        start,
        load=load,
        step_s=step_s,
        ambient_K=model.ambient_K,
        parameters=parameters,
    )
    text = text.format(options=options, uic=" uic" if uic else "") + "\n.end\n"
    begun = time.perf_counter()
    found = run_ngspice(text)
    seconds = time.perf_counter() - begun
    found["state"] = found["v(x1.xc.u)" if load is not None else "v(x1.u)"]
    top = np.abs(found["v(top)"])
    # Steps end within rounding of the corners: such a point stands beside the corner, not for a piece of its own.
    apart = np.diff(found["time"], prepend=-np.inf) > 1e-9 * found["time"][-1]
    apart &= (top > VOLTAGE_MIN_V) | (top == 0)
    found = {name: values[apart] for name, values in found.items()}
    at = found["time"]
    density, device = _ours(model, waveform, at, start, load or BARE)
    return CircuitCheck(
        time_s=at,
        voltage_V=found["v(top)"],
        current_ngspice_A=found["i(va)"],
        current_A=model.current_A(device, density),
        density_ngspice_m3=STATE_UNIT_M3 * np.exp(found["state"]),
        density_m3=density,
        ngspice_s=seconds,
    )


def deck(
    netlist: str,
    waveform: Waveform,
    density_m3: float,
    *,
    load: Load | None = None,
    step_s: float | None = None,
    ambient_K: float,
    parameters: dict[str, float] | None = None,
) -> str:
    """A transient analysis of one exported cell, with places for `options` and `uic` at its end.

    Args:
        netlist: text of `spice`.
        waveform: voltage over cell and load.
        density_m3: state at the start.
        load: what the netlist has in series, behind its gates of set and reset.
        step_s: print step and largest step; a fiftieth of the waveform by default.
        ambient_K: temperature of the circuit.
        parameters: given to the cell.

    Returns:
        Text for `str.format`.
    """
    pairs = zip(waveform.time_s, waveform.voltage_V, strict=True)
    source = f"Vin top 0 PWL({' '.join(f'{t:.15g} {v:.15g}' for t, v in pairs)})"
    end = float(waveform.time_s[-1])
    step = end / 50 if step_s is None else step_s
    lines = [
        "* femristor",
        netlist.replace("{", "{{").replace("}", "}}"),
        "\n+ ".join(textwrap.wrap(source, 100)),
        *bench(load, density_m3, parameters),
        f".temp {ambient_K - ZERO_CELSIUS_K:.15g}",
        ".options {options}",
        f".save v(top) {'v(x1.u)' if load is None else 'v(x1.xc.u)'} i(va)",
        f".tran {step:.12g} {end:.15g} 0 {step:.12g}{{uic}}",
    ]
    return "\n".join(lines)


def bench(
    load: Load | None, density_m3: float, parameters: dict[str, float] | None = None, *, read: bool = False
) -> list[str]:
    """Lines that put the voltage of node top over one exported cell, whose current is i(va).

    A bare cell takes it as it is. In a 1T1R the top electrode is raised for set and the source line for reset, the bulk
    is at 0 V and the gate at the load's voltage of set, reset or read.

    Args:
        load: what the netlist has in series.
        density_m3: state at the start.
        parameters: given to the cell.
        read: with the gate of reads for V > 0.

    Returns:
        Lines.
    """
    given = " ".join(
        f"{name}={value:.15g}" for name, value in ({"n0": density_m3} | (parameters or {})).items()
    )
    if load is None:
        return ["Va top a 0", f"X1 a 0 femristor_cell {given}"]
    up = load.gate_read_V if read else load.gate_set_V
    return [
        "Ba high 0 V = max(V(top),0)",
        "Bs s 0 V = max(-V(top),0)",
        f"Bg g 0 V = V(top)>=0 ? {up:.15g} : {load.gate_reset_V:.15g}",
        "Va high a 0",
        f"X1 a g s 0 femristor_1t1r {given}",
    ]


def _ours(model, waveform: Waveform, at: np.ndarray, start: float, load: Load):
    """Density and device voltage (points,) of our integrator at times."""
    corners, volts = waveform.time_s, waveform.voltage_V
    turns = np.flatnonzero(volts[:-1] * volts[1:] < 0)
    share = volts[turns] / (volts[turns] - volts[turns + 1])
    zeros = corners[turns] + share * (corners[turns + 1] - corners[turns])
    fixed = np.unique(np.concatenate([corners, zeros]))
    near = 1e-9 * corners[-1]
    at = np.where(np.abs(at - _nearest(fixed, at)) < near, _nearest(fixed, at), at)
    every = np.unique(np.concatenate([fixed, at]))
    volt = np.interp(every, corners, volts)
    volt[np.isin(every, zeros) | (np.abs(volt) < 1e-12)] = 0.0
    cells = Cells.of_model(model, 1, load)
    density, device = cells.advance(every, volt, np.array([start]), tolerance=TOLERANCE)
    place = np.searchsorted(every, at)
    return density[0, place], device[0, place]


def _nearest(sorted_values: np.ndarray, at: np.ndarray) -> np.ndarray:
    place = np.clip(np.searchsorted(sorted_values, at), 1, sorted_values.size - 1)
    below, above = sorted_values[place - 1], sorted_values[place]
    return np.where(at - below < above - at, below, above)
