"""An exported subcircuit in ngspice against our own integrator, through any waveform."""

import textwrap
import time
from dataclasses import dataclass

import numpy as np

from femristor.compact.export_spice import DIGITS, OPTIONS, spice
from femristor.compact.export_text import STATE_UNIT_M3, start_density_m3
from femristor.compact.ibm import IbmModel
from femristor.compact.integrator import Cells
from femristor.compact.interpolate import TableModel
from femristor.compact.ngspice import find_ngspice, run_ngspice
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
) -> CircuitCheck:
    """Run a waveform in ngspice and with our integrator.

    Args:
        model: what is exported.
        waveform: voltage over cell and load.
        density_m3: state at the start; HRS by default.
        load: what is in series.
        step_s: print step and largest step of ngspice; a fiftieth of the waveform by default.
        options: of ngspice.
        uic: skip the operating point.
        digits: decimal digits of a table's numbers.

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
        spice(model, load=load, digits=digits), waveform, start, loaded=load is not None, step_s=step_s
    )
    text = text.format(options=options, uic=" uic" if uic else "") + "\n.end\n"
    begun = time.perf_counter()
    found = run_ngspice(text)
    seconds = time.perf_counter() - begun
    found["state"] = found["v(x1.xc.u)" if load is not None else "v(x1.u)"]
    # Steps end within rounding of the corners: such a point stands beside the corner, not for a piece of its own.
    apart = np.diff(found["time"], prepend=-np.inf) > 1e-9 * found["time"][-1]
    apart &= (np.abs(found["v(top)"]) > VOLTAGE_MIN_V) | (found["v(top)"] == 0)
    found = {name: values[apart] for name, values in found.items()}
    at = found["time"]
    density, device = _ours(model, waveform, at, start, load or BARE)
    return CircuitCheck(
        time_s=at,
        voltage_V=found["v(top)"],
        current_ngspice_A=-found["i(vin)"],
        current_A=model.current_A(device, density),
        density_ngspice_m3=STATE_UNIT_M3 * np.exp(found["state"]),
        density_m3=density,
        ngspice_s=seconds,
    )


def deck(netlist: str, waveform: Waveform, density_m3: float, *, loaded: bool, step_s: float | None) -> str:
    """A transient analysis of one exported cell, with places for `options` and `uic` at its end.

    Args:
        netlist: text of `spice`.
        waveform: voltage source.
        density_m3: state at the start.
        loaded: the cell behind its load.
        step_s: print step and largest step; a fiftieth of the waveform by default.

    Returns:
        Text for `str.format`.
    """
    pairs = zip(waveform.time_s, waveform.voltage_V, strict=True)
    source = f"Vin top 0 PWL({' '.join(f'{t:.15g} {v:.15g}' for t, v in pairs)})"
    end = float(waveform.time_s[-1])
    step = end / 50 if step_s is None else step_s
    name, state = ("femristor_1t1r", "v(x1.xc.u)") if loaded else ("femristor_cell", "v(x1.u)")
    lines = [
        "* femristor",
        netlist.replace("{", "{{").replace("}", "}}"),
        "\n+ ".join(textwrap.wrap(source, 100)),
        f"X1 top 0 {name} n0={density_m3:.15g}",
        ".options {options}",
        f".save v(top) {state} i(vin)",
        f".tran {step:.12g} {end:.15g} 0 {step:.12g}{{uic}}",
    ]
    return "\n".join(lines)


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
