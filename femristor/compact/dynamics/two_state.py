"""A second state for moving vacancies: how many of them the dome holds, besides what it reads.

Transients from LRS and from HRS pass the same conductance with different dome densities n (at 50 uS 3.7e25 on the way
down, 2.4e25 on the way up), each on one curve n(N) whatever the voltage. Between the curves, after a reversal half way,
rates differ. With x = ln N of the distilled table, y = ln n and the place z = (y - y_up)/(y_down - y_up):

    set:    dx/dt =  r_set(V, x) exp(k_set z),            dy/dx = y_up'(x) + lambda_set (y_up(x) - y)
    reset:  dx/dt = -r_reset(V, x) exp(k_reset (1 - z)),  dy/dx = y_down'(x) - lambda_reset (y_down(x) - y)

so that a full loop runs on the curves as with one state. k and lambda come from transients that start half way, by
least squares; loops and pulse trains are not fitted.
"""

from dataclasses import dataclass

import numpy as np
from scipy.integrate import solve_ivp
from scipy.interpolate import PchipInterpolator
from scipy.optimize import least_squares

from femristor.compact.dynamics.integrator import refine
from femristor.compact.dynamics.twin import device_voltage
from femristor.compact.results.table import CompactTable
from femristor.compact.table.interpolate import TableModel
from femristor.core.curves import Waveform
from femristor.core.errors import ConvergenceError, InputError
from femristor.core.provenance import Provenance
from femristor.core.traces import SwitchingTrace
from femristor.device.load_line import BARE, Load
from femristor.fem.results.switching import Transient, TransientSet

CURVE_POINTS = 40
Z_RANGE = (-0.5, 1.5)
"""z is held within these: beyond, the rates have not been seen."""
RATE_ERROR_LN = 0.2
"""Weight of ln(rate) against y in the fit: what counts as one unit of misfit."""
Y_ERROR = 0.02


@dataclass(frozen=True)
class Reversal:
    """What a direction does off its curve.

    Attributes:
        rate: k, ln of the rate a unit of z off the curve.
        approach: lambda, relaxation of y a unit of ln N.
        rate_error: standard error of k.
        approach_error: standard error of lambda.
        rms_ln_rate: residual of ln(rate).
    """

    rate: float
    approach: float
    rate_error: float
    approach_error: float
    rms_ln_rate: float


@dataclass(frozen=True)
class TwoStateModel:
    """The distilled cell with two states, at the table's ambient.

    Attributes:
        table: one-state table of the same transients.
        up: curve y(x) of set.
        down: curve y(x) of reset.
        set_off: k and lambda of set.
        reset_off: k and lambda of reset.
    """

    table: TableModel
    up: PchipInterpolator
    down: PchipInterpolator
    set_off: Reversal
    reset_off: Reversal

    def place(self, x, y):
        """Where between both curves y is: 0 on that of set, 1 on that of reset."""
        low, high = self.up(x), self.down(x)
        width = np.maximum(high - low, 1e-3)
        return np.clip((y - low) / width, *Z_RANGE)

    def slopes(self, voltage_V: float, x: float, y: float) -> tuple[float, float]:
        """dx/dt and dy/dt [1/s] of the bare cell at a voltage."""
        density = np.exp(np.clip(x, *self.table.knots_ln_density[[0, -1]]))
        rate = float(self.table.density_rate_per_m3s(voltage_V, density)) / density
        z = float(self.place(x, y))
        if voltage_V >= 0:
            rate *= np.exp(self.set_off.rate * z)
            bend = float(self.up(x, 1)) + self.set_off.approach * (float(self.up(x)) - y)
        else:
            rate *= np.exp(self.reset_off.rate * (1 - z))
            bend = float(self.down(x, 1)) - self.reset_off.approach * (float(self.down(x)) - y)
        return rate, bend * rate

    def sweep(
        self,
        waveform: Waveform,
        conductance_S: float,
        dome_density_m3: float,
        *,
        load: Load = BARE,
        tolerance: float = 1e-5,
    ) -> tuple[SwitchingTrace, np.ndarray]:
        """Sweep one cell, piece by piece with SciPy's LSODA.

        Args:
            waveform: voltage over cell and load.
            conductance_S: read conductance at the start.
            dome_density_m3: dome density at the start.
            load: what is in series.
            tolerance: relative and absolute, of x and y.

        Returns:
            SwitchingTrace at the corners of the waveform (its density is N), and dome densities (corners,).

        Raises:
            ConvergenceError: SciPy gives up; the message has time and bias.
            RangeError: the cell leaves the table.
        """
        time, volt = refine(waveform, 2)
        states = [np.array([np.log(float(self.table.density_at(conductance_S))), np.log(dome_density_m3)])]
        for t0, t1, v0, v1 in zip(time[:-1], time[1:], volt[:-1], volt[1:], strict=True):

            def slope(t, state, t0=t0, t1=t1, v0=v0, v1=v1):
                applied = v0 + (v1 - v0) * (t - t0) / (t1 - t0)
                return self.slopes(device_voltage(self.table, self._density(state[0]), applied, load), *state)

            run = solve_ivp(slope, (t0, t1), states[-1], method="LSODA", rtol=tolerance, atol=tolerance)
            if not run.success:
                raise ConvergenceError(
                    f"SciPy stopped at {run.t[-1]:g} s between {v0:g} and {v1:g} V: {run.message} Lower the amplitude."
                )
            states.append(run.y[:, -1])
        density = np.array([self._density(state[0]) for state in states])
        pairs = zip(density, volt, strict=True)
        device = np.array([device_voltage(self.table, n, v, load) for n, v in pairs])
        trace = SwitchingTrace(
            time,
            volt,
            device,
            np.asarray(self.table.current_A(device, density)),
            density,
            np.asarray(self.table.temperature_max_K(device, density)),
            "compact, two states",
            load.label,
            self.table.ambient_K,
            provenance=Provenance.create("compact.two_state", notes=(waveform.label,)),
        )
        return trace, np.exp(np.array([state[1] for state in states]))

    def _density(self, x: float) -> float:
        return float(np.exp(np.clip(x, *self.table.knots_ln_density[[0, -1]])))


def fit_two_states(table: CompactTable, found: TransientSet, crossing: TransientSet) -> TwoStateModel:
    """The two-state model of a set of transients.

    Args:
        table: `distil` of `found`.
        found: transients from HRS and LRS.
        crossing: transients that start half way: above 0 V on the curve of reset, below on that of set.

    Returns:
        TwoStateModel.

    Raises:
        InputError: no transient of one kind.
    """
    model = TableModel(table)
    curves = {
        sign: _curve(model, [e for e in found.transients if e.voltage_V * sign > 0]) for sign in (1, -1)
    }
    start = Reversal(0.0, 1.0, 0.0, 0.0, 0.0)
    bare = TwoStateModel(model, curves[1], curves[-1], start, start)
    off = {
        sign: _reversal(bare, [e for e in crossing.transients if e.voltage_V * sign > 0], sign)
        for sign in (1, -1)
    }
    return TwoStateModel(model, curves[1], curves[-1], off[1], off[-1])


def _points(model: TableModel, transient: Transient) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Time, x and y up to where the conductance turns."""
    up = transient.voltage_V > 0
    values = transient.conductance_S
    end = int(np.argmax(values) if up else np.argmin(values)) + 1
    low, high = model.conductance_S(model.table.density_m3[[0, -1]])
    inside = np.clip(values[:end], low, high)
    return transient.time_s[:end], np.log(model.density_at(inside)), np.log(transient.density_m3[:end])


def _curve(model: TableModel, transients: list[Transient]) -> PchipInterpolator:
    if not transients:
        raise InputError("Two states need transients of both signs.")
    lines = []
    for entry in transients:
        _, x, y = _points(model, entry)
        order = np.argsort(x)
        keep = np.concatenate([[True], np.diff(x[order]) > 1e-6])
        lines.append((x[order][keep], y[order][keep]))
    low, high = min(x[0] for x, _ in lines), max(x[-1] for x, _ in lines)
    places = np.linspace(low, high, CURVE_POINTS)
    values = []
    for place in places:
        seen = [np.interp(place, x, y) for x, y in lines if x[0] - 0.05 <= place <= x[-1] + 0.05]
        values.append(np.median(seen))
    return PchipInterpolator(places, np.array(values), extrapolate=True)


def _reversal(bare: TwoStateModel, transients: list[Transient], sign: int) -> Reversal:
    """K and lambda of one direction from its crossing transients."""
    if not transients:
        raise InputError("Two states need transients that start half way, of both signs.")
    rates, places, paths = [], [], []
    for entry in transients:
        time, x, y = _points(bare.table, entry)
        moved = np.flatnonzero(np.abs(np.diff(x)) > 1e-4)
        middle, height = 0.5 * (x[1:] + x[:-1])[moved], 0.5 * (y[1:] + y[:-1])[moved]
        seen = np.log(np.abs(np.diff(x) / np.diff(time))[moved])
        density = np.exp(middle)
        on = np.log(np.abs(bare.table.density_rate_per_m3s(entry.voltage_V, density)) / density)
        z = bare.place(middle, height)
        rates.append(seen - on)
        places.append(z if sign > 0 else 1 - z)
        paths.append((x, y))
    ratio, place = np.concatenate(rates), np.concatenate(places)

    def misfit(p):
        off = (ratio - p[0] * place) / RATE_ERROR_LN
        return np.concatenate(
            [off, *(_path(bare, x, p[1], y[0], sign) - y for x, y in paths)]
        ) / np.concatenate([np.ones(off.size), *(np.full(x.size, Y_ERROR) for x, _ in paths)])

    fit = least_squares(misfit, [0.0, 1.0])
    spread = np.sqrt(2 * fit.cost / max(1, fit.fun.size - 2))
    error = spread * np.sqrt(np.diag(np.linalg.inv(fit.jac.T @ fit.jac)))
    rms = float(np.sqrt(np.mean((ratio - fit.x[0] * place) ** 2)))
    return Reversal(float(fit.x[0]), float(fit.x[1]), float(error[0]), float(error[1]), rms)


def _path(bare: TwoStateModel, x: np.ndarray, approach: float, start: float, sign: int) -> np.ndarray:
    """Y along x: the curve of the direction, and the distance to it that decays with |x - x_0|."""
    curve = bare.up if sign > 0 else bare.down
    gap = start - float(curve(x[0]))
    return curve(x) + gap * np.exp(-approach * np.abs(x - x[0]))
