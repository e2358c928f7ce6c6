"""A compact table at one ambient as a model: current, temperature, field, hop rate and dN/dt of (V, N).

Interpolated are ln(I/V), ln(E/V), ln(Gamma/V) and ln(T/T_amb): even in V with finite limits at V = 0, over
V and ln N; the ambient enters first, along 1/T, where Arrhenius rates are straight lines. Since
I = V exp(...), I V >= 0 always. Outside the table every method raises; nothing is extrapolated.
"""

import numpy as np

from femristor.compact.results.table import CompactTable
from femristor.compact.table import hermite
from femristor.core.errors import RangeError
from femristor.device.laws.vacancy import density_rate

SLACK = 1e-9
"""Relative distance beyond the last knot that counts as rounding."""
LADDER = 513
"""Densities tried when a conductance is looked up."""
KERNEL_ORDER = ("current_A", "hop_rate_set_per_s", "hop_rate_reset_per_s", "temperature_mean_K")
"""Quantities that the integrator needs, in the order of `TableModel.kernel_coefficients`."""


class TableModel:
    """Current and rate of a cell from its table, at one ambient.

    Args:
        table: the sampled cell.
        ambient_K: ambient temperature; the card's by default.

    Raises:
        RangeError: an ambient outside the table.
    """

    def __init__(self, table: CompactTable, ambient_K: float | None = None) -> None:
        """Check the ambient; patches are made when they are asked for."""
        self.table = table
        self.ambient_K = float(table.nominal_ambient_K if ambient_K is None else ambient_K)
        _check_ambient(table.ambient_K, self.ambient_K)
        self.voltage_max_V = float(table.bias_V[-1])
        self.knots_V = np.concatenate([[0.0], table.bias_V])
        self.knots_ln_density = np.log(table.density_m3)
        self._patches: dict[str, np.ndarray] = {}

    def patches(self, name: str) -> np.ndarray:
        """(densities - 1, biases, 4, 4) patches of one of the table's quantities, made when first asked for."""
        if name not in self._patches:
            table = self.table
            values = hermite.line(1 / table.ambient_K, _even_form(table, name), 1 / self.ambient_K)
            nodes = np.concatenate([_limit_at_zero(table.bias_V, values, name), values], axis=1)
            breaks = np.log(table.density_breaks_m3)
            self._patches[name] = hermite.patches(self.knots_ln_density, self.knots_V, nodes, breaks)
        return self._patches[name]

    @property
    def kernel_coefficients(self) -> np.ndarray:
        """(4, densities - 1, biases, 4, 4) patches of ln(I/V), ln(set rate/V), ln(reset rate/V), ln(T/T_amb)."""
        return np.stack([self.patches(name) for name in KERNEL_ORDER])

    def current_A(self, voltage_V, density_m3) -> np.ndarray:
        """Current of the bare cell.

        Args:
            voltage_V: signed voltage over the cell, any shape.
            density_m3: dome density, any shape that fits.

        Returns:
            Current [A] with the sign of the voltage.

        Raises:
            RangeError: outside the table.
        """
        volt, value = self._evaluate("current_A", voltage_V, density_m3)
        return volt * np.exp(value)

    def conductance_S(self, density_m3, read_V: float = 0.2) -> np.ndarray:
        """Conductance I/V of the bare cell at a read voltage [S]; arguments as in `current_A`."""
        return np.exp(self._evaluate("current_A", read_V, density_m3)[1])

    def temperature_mean_K(self, voltage_V, density_m3) -> np.ndarray:
        """Mean temperature of the dome [K]; arguments as in `current_A`."""
        return self.ambient_K * np.exp(self._evaluate("temperature_mean_K", voltage_V, density_m3)[1])

    def temperature_max_K(self, voltage_V, density_m3) -> np.ndarray:
        """Highest temperature of the dome [K]; arguments as in `current_A`."""
        return self.ambient_K * np.exp(self._evaluate("temperature_max_K", voltage_V, density_m3)[1])

    def field_mean_V_per_m(self, voltage_V, density_m3) -> np.ndarray:
        """Mean |E| in the dome [V/m]; arguments as in `current_A`."""
        volt, value = self._evaluate("field_mean_V_per_m", voltage_V, density_m3)
        return np.abs(volt) * np.exp(value)

    def hop_rate_per_s(self, voltage_V, density_m3) -> np.ndarray:
        """Signed mean hop rate: over the set barrier for V > 0, over that of reset for V < 0.

        Args:
            voltage_V: signed voltage over the cell.
            density_m3: dome density.

        Returns:
            Rate [1/s] with the sign of the voltage.

        Raises:
            RangeError: outside the table.
        """
        volt, up = self._evaluate("hop_rate_set_per_s", voltage_V, density_m3)
        down = self._evaluate("hop_rate_reset_per_s", voltage_V, density_m3)[1]
        return volt * np.exp(np.where(volt > 0, up, down))

    def density_rate_per_m3s(self, voltage_V, density_m3) -> np.ndarray:
        """Rate of the state, dN/dt = (a/L) N Gamma (1 - N/N_max)^n with the signed hop rate.

        Args:
            voltage_V: signed voltage over the cell.
            density_m3: dome density.

        Returns:
            dN/dt [1/(m^3 s)].

        Raises:
            RangeError: outside the table.
        """
        rate = self.hop_rate_per_s(voltage_V, density_m3)
        return density_rate(np.asarray(density_m3, dtype=float), rate, self.table.ionic)

    def density_at(self, conductance_S, read_V: float = 0.2) -> np.ndarray:
        """Smallest dome density that reads a conductance (bisection in ln N).

        G need not rise with N everywhere: hopping distances shrink while sites are added.

        Args:
            conductance_S: (...) conductances.
            read_V: read voltage over the cell.

        Returns:
            (...) densities [1/m^3].

        Raises:
            RangeError: a conductance that no density of the table has.
        """
        wanted = np.asarray(conductance_S, dtype=float)
        ladder = np.linspace(self.knots_ln_density[0], self.knots_ln_density[-1], LADDER)
        ladder[-1] = self.knots_ln_density[-1]
        reached = np.maximum.accumulate(self.conductance_S(np.exp(ladder), read_V))
        if not np.all((wanted >= reached[0] * (1 - SLACK)) & (wanted <= reached[-1] * (1 + SLACK))):
            raise RangeError(
                f"Conductances from {np.min(wanted) * 1e6:.4g} to {np.max(wanted) * 1e6:.4g} uS at {read_V:g} V "
                f"leave the table's {reached[0] * 1e6:.4g} to {reached[-1] * 1e6:.4g} uS; choose levels inside it."
            )
        step = np.clip(np.searchsorted(reached, wanted), 1, LADDER - 1)
        low, high = ladder[step - 1], ladder[step]
        for _ in range(50):
            middle = 0.5 * (low + high)
            below = self.conductance_S(np.exp(middle), read_V) < wanted
            low, high = np.where(below, middle, low), np.where(below, high, middle)
        return np.exp(0.5 * (low + high))

    def _evaluate(self, name: str, voltage_V, density_m3) -> tuple[np.ndarray, np.ndarray]:
        volt, density = np.broadcast_arrays(
            np.asarray(voltage_V, dtype=float), np.asarray(density_m3, dtype=float)
        )
        ln_density = self._checked(volt, density)
        value = hermite.evaluate(
            self.patches(name), self.knots_ln_density, self.knots_V, ln_density, np.abs(volt)
        )
        return volt, value

    def _checked(self, volt: np.ndarray, density: np.ndarray) -> np.ndarray:
        highest = self.voltage_max_V
        if not np.all(np.abs(volt) <= highest * (1 + SLACK)):
            worst = volt.flat[int(np.nanargmax(np.abs(volt)))] if np.any(np.isfinite(volt)) else np.nan
            raise RangeError(
                f"A device voltage of {worst:.4g} V is outside the table, which holds up to {highest:g} V either way; "
                "lower the voltage or build a table from a card with a wider range.voltage_max."
            )
        first, last = self.table.density_m3[[0, -1]]
        inside = (density >= first * (1 - SLACK)) & (density <= last * (1 + SLACK))
        if not np.all(inside):
            worst = density[~inside].flat[0] if density.ndim else float(density)
            raise RangeError(
                f"A dome density of {worst:.4g} 1/m^3 is outside the table, which holds {first:.4g} to {last:.4g} 1/m^3; "
                "start inside it or build a table from a card with a wider range.density_min and density_max."
            )
        return np.clip(np.log(density), self.knots_ln_density[0], self.knots_ln_density[-1])


def _check_ambient(axis: np.ndarray, ambient_K: float) -> None:
    if not axis[0] * (1 - SLACK) <= ambient_K <= axis[-1] * (1 + SLACK):
        raise RangeError(
            f"An ambient of {ambient_K:g} K is outside the table, which holds {axis[0]:g} to {axis[-1]:g} K; "
            "build a table from a card with a wider range.ambient_min and ambient_max."
        )


def _even_form(table: CompactTable, name: str) -> np.ndarray:
    """(ambient, density, bias) the interpolated form, even in V."""
    values = getattr(table, name)
    below = table.ambient_K[:, None, None] if name.startswith("temperature") else table.bias_V
    return np.log(values / below)


def _limit_at_zero(bias_V: np.ndarray, values: np.ndarray, name: str) -> np.ndarray:
    """(density, 1) limit V -> 0: no heating; otherwise the parabola in V^2 through the first three biases.

    Where the values rise (fall) at the first biases, the limit is not above (below) the first of them.
    """
    if name.startswith("temperature"):
        return np.zeros((values.shape[0], 1))
    square = bias_V[:3] ** 2
    weights = [np.prod([b / (b - a) for b in square if b != a]) for a in square]
    limit, first = values[:, :3] @ np.array(weights), values[:, 0]
    rising = values[:, 1] >= first
    return np.where(rising, np.minimum(limit, first), np.maximum(limit, first))[:, None]
