"""The plain twin of the integrator: one cell, SciPy's implicit solvers, NumPy interpolation, a bisected load line."""

import numpy as np
from scipy.integrate import solve_ivp
from scipy.optimize import brentq

from femristor.compact.integrator import refine
from femristor.compact.interpolate import TableModel
from femristor.core.curves import Waveform
from femristor.core.errors import ConvergenceError
from femristor.device.load_line import BARE, Load


def device_voltage(model: TableModel, density_m3: float, applied_V: float, load: Load) -> float:
    """Voltage over the cell on its load line.

    Args:
        model: the table at one ambient.
        density_m3: dome density.
        applied_V: voltage over cell and load.
        load: the load.

    Returns:
        Signed device voltage [V].
    """
    ohm, limit = load.numbers()[:2] if applied_V > 0 else load.numbers()[2:]
    size = abs(applied_V)
    if ohm == 0 or size == 0:
        return applied_V

    def mismatch(volt: float) -> float:
        drop = (size - volt) / ohm
        through = drop if np.isinf(limit) else limit * np.tanh(drop / limit)
        return float(model.current_A(volt, density_m3)) - through

    high = min(size, model.voltage_max_V)
    return float(np.copysign(brentq(mismatch, 0.0, high, xtol=1e-15, rtol=1e-14), applied_V))


def sweep_plain(
    model: TableModel,
    waveform: Waveform,
    density_m3: float,
    *,
    load: Load = BARE,
    method: str = "BDF",
    tolerance: float = 1e-8,
) -> tuple[np.ndarray, np.ndarray]:
    """Sweep one cell piece by piece.

    Args:
        model: the table at one ambient.
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
    law = model.table.ionic
    state = [np.log(density_m3)]

    def slope(t, u, t0, t1, v0, v1):
        density = float(np.exp(u[0]))
        applied = v0 + (v1 - v0) * (t - t0) / (t1 - t0)
        hops = float(model.hop_rate_per_s(device_voltage(model, density, applied, load), density))
        return [
            law.hop_distance_m
            / law.length_m
            * hops
            * (1 - density / law.density_max_m3) ** law.saturation_exponent
        ]

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
