"""The plain twin of the integrator: one cell of any model, SciPy's implicit solvers, NumPy laws, a bracketed load line."""

import numpy as np
from scipy.integrate import solve_ivp
from scipy.optimize import brentq

from femristor.compact.dynamics.integrator import refine
from femristor.compact.model import CellModel
from femristor.core.curves import Waveform
from femristor.core.errors import ConvergenceError
from femristor.device.load_line import BARE, BARE_KIND, Load, current


def device_voltage(model: CellModel, density_m3: float, applied_V: float, load: Load) -> float:
    """Voltage over the cell on its load line.

    Args:
        model: the cell.
        density_m3: dome density.
        applied_V: voltage over cell and load.
        load: the load.

    Returns:
        Signed device voltage [V].
    """
    line = load.line(applied_V)
    if line.kind == BARE_KIND or applied_V == 0:
        return float(applied_V)

    def mismatch(size: float) -> float:
        volt = float(np.copysign(size, applied_V))
        through = float(model.current_A(volt, density_m3)) - float(current(line, applied_V, volt))
        return float(np.copysign(1, applied_V)) * through

    high = min(abs(applied_V), getattr(model, "voltage_max_V", np.inf))
    return float(np.copysign(brentq(mismatch, 0.0, high, xtol=1e-15, rtol=1e-14), applied_V))


def sweep_plain(
    model: CellModel,
    waveform: Waveform,
    density_m3: float,
    *,
    load: Load = BARE,
    method: str = "BDF",
    tolerance: float = 1e-8,
) -> tuple[np.ndarray, np.ndarray]:
    """Sweep one cell piece by piece.

    Args:
        model: the cell.
        waveform: voltage over cell and load.
        density_m3: dome density at the start.
        load: what is in series.
        method: "BDF" or "Radau".
        tolerance: relative and absolute tolerance of ln N.

    Returns:
        Corner times (corners,), split where the waveform crosses 0 V, and densities (corners,).

    Raises:
        ConvergenceError: SciPy gives up.
        RangeError: the cell leaves the table.
    """
    time, volt = refine(waveform, 2)
    state = [np.log(density_m3)]

    def slope(t, u, t0, t1, v0, v1):
        density = float(np.exp(u[0]))
        applied = v0 + (v1 - v0) * (t - t0) / (t1 - t0)
        volt = device_voltage(model, density, applied, load)
        return [float(model.density_rate_per_m3s(volt, density)) / density]

    for piece in zip(time[:-1], time[1:], volt[:-1], volt[1:], strict=True):
        t0, t1 = piece[:2]
        run = solve_ivp(
            slope,
            (t0, t1),
            [state[-1]],
            method=method,
            args=piece,
            rtol=tolerance,
            atol=tolerance,
            first_step=(t1 - t0) / 1000,
            max_step=(t1 - t0) / 20,
        )
        if not run.success:
            raise ConvergenceError(
                f"SciPy stopped at {run.t[-1]:g} s: {run.message} Loosen the tolerance or lower the amplitude."
            )
        state.append(run.y[0, -1])
    return time, np.exp(state)
