"""What exported circuits share: numbers as text, headers, and the patches of a table as they are written."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from femristor.compact.export.ambient import AmbientLine
from femristor.compact.ibm import IbmModel
from femristor.compact.results.table import ERROR_BOUNDS
from femristor.compact.table.interpolate import TableModel
from femristor.core.constants import K_B, Q_E
from femristor.core.errors import InputError
from femristor.core.io.text import netlist_text

STATE_UNIT_M3 = 1e21
"""Density at which the state node ln(N/STATE_UNIT) is 0 V: below all states, so that relative errors have a meaning."""
CAPACITANCE_F = 1e-6
"""Capacitor at the state node; drops out of the state."""
FINE = 60
"""Simulators judge the error of a step on sin(FINE u) too, and so take steps that resolve a change of 1/FINE."""
EDGE = 0.05
"""Beyond the table's densities the rate falls to 0 over this distance in ln N."""
WIRE_OHM = 1e-3
"""Stands for a resistance of 0."""
ARGUMENT_MAX = 100.0
"""Clamp of the arguments of sinh: keeps a Newton iterate finite."""
COLD = 0.5
"""Share of the ambient below which Newton's temperatures are held."""
BOLTZMANN_V_PER_K = K_B / Q_E
"""k/q turns a temperature into volts."""
SCHEMA = 2
"""Version of pins, nodes and parameters of the subcircuit and the module."""
ZERO_CELSIUS_K = 273.15
NAME_MAX = 60
"""Most characters of a name in a header, so that what follows it on the line stays."""
WRITTEN = ("current_A", "hop_rate_set_per_s", "hop_rate_reset_per_s")
"""Quantities of a table that a circuit needs."""
ERROR_MAX = 3e-3
"""Largest error of ln I and ln(rate) that digits may cost."""
AMBIENT_ERROR_MAX = ERROR_BOUNDS["ln_rate"].limit
"""Largest difference of ln I and ln(rate) between the parabola in 1/T and the table: what a table may be off itself."""
PROBES = np.linspace(0, 1, 7)
"""Places along each side of a patch where the error is measured."""


@dataclass(frozen=True)
class WrittenTable:
    """The patches of a table, rounded to what is written.

    Attributes:
        model: the table at one ambient.
        knots_u: (densities,) ln(N/STATE_UNIT).
        knots_V: (biases + 1,) from 0 V.
        coefficients: quantity to (terms, densities - 1, biases, 4, 4), powers of the distances to a patch's first corner;
            one term, or those of 1, w, w^2 where the file follows the circuit's temperature.
        line: the parabola in 1/T, None where the file holds one ambient.
        error: largest difference of a logarithm to the table at the model's ambient.
        ambient_error: the same at the table's ambients and between them; 0 without a line.
        digits: decimal digits of a number.
    """

    model: TableModel
    knots_u: np.ndarray
    knots_V: np.ndarray
    coefficients: dict[str, np.ndarray]
    line: AmbientLine | None
    error: float
    ambient_error: float
    digits: int

    @classmethod
    def of(cls, model: TableModel, digits: int, *, fixed: bool = False) -> "WrittenTable":
        """Round a table and measure what that costs.

        Args:
            model: the table at one ambient.
            digits: decimal digits of a number, 1 to 17.
            fixed: hold the model's ambient alone; otherwise all of a table that has several.

        Returns:
            WrittenTable.

        Raises:
            InputError: too few digits: the error exceeds ERROR_MAX; or a table that is no parabola in 1/T.
        """
        if not 1 <= digits <= 17:
            raise InputError(f"Numbers of {digits} digits cannot be written; give --digits from 1 to 17.")
        knots_u = rounded(model.knots_ln_density - math.log(STATE_UNIT_M3), digits)
        knots_V = rounded(model.knots_V, digits)
        height, width = np.diff(model.knots_ln_density), np.diff(model.knots_V)
        scale = height[:, None, None, None] ** np.arange(4)[:, None] * width[:, None, None] ** np.arange(4)
        line = None if fixed else AmbientLine.of(model)
        coefficients = {
            name: rounded(
                (model.patches(name)[None] if line is None else line.terms(model, name)) / scale, digits
            )
            for name in WRITTEN
        }
        error = _largest_error(knots_u, knots_V, coefficients, None, model)
        if not error <= ERROR_MAX:
            raise InputError(
                f"With {digits} digits the exported table is off by {error:.2g} in ln I or ln(rate), more than "
                f"{ERROR_MAX:g}; give more --digits."
            )
        ambients = () if line is None else line.probes_K(model)
        warm = max(
            (
                _largest_error(knots_u, knots_V, coefficients, line, line.at(model, kelvin))
                for kelvin in ambients
            ),
            default=0.0,
        )
        if not warm <= AMBIENT_ERROR_MAX:
            raise InputError(
                f"The table's ambients are off by {warm:.2g} in ln I or ln(rate) from a parabola in 1/T, more than "
                f"{AMBIENT_ERROR_MAX:g}; export one ambient with --ambient."
            )
        return cls(model, knots_u, knots_V, coefficients, line, error, warm, digits)

    def nested(self, leaf: Callable[[int, int], str], choose: Callable[[str, float, str, str], str]) -> str:
        """Text that finds the patch of (u, |V|) by halving.

        Args:
            leaf: text of a patch of two indices.
            choose: text of a choice: "u" or "v", knot, text below, text from the knot on.

        Returns:
            Text.
        """
        rows = [
            _halve([leaf(i, j) for j in range(self.knots_V.size - 1)], self.knots_V[1:-1], "v", choose)
            for i in range(self.knots_u.size - 1)
        ]
        return _halve(rows, self.knots_u[1:-1], "u", choose)

    @property
    def terms(self) -> int:
        """1, or the powers of w where the file follows the circuit's temperature."""
        return len(self.coefficients[WRITTEN[0]])

    def reach(self, name: str) -> float:
        """More than the terms in w ever add to a quantity: a bound for iterates of Newton."""
        w = self.line.place([self.line.low_K, self.line.high_K])
        added = self.coefficients[name][1:, ..., 0, 0]
        return 1 + 2 * float(np.max(np.abs(np.tensordot(w[:, None] ** np.arange(1, self.terms), added, 1))))

    def bicubic(self, name: str, patch: tuple[int, int], s: str, t: str, term: int = 0) -> str:
        """One patch in Horner's form.

        Args:
            name: quantity.
            patch: its two indices.
            s: expression of the distance in u.
            t: expression of the distance in |V|.
            term: power of w.

        Returns:
            Expression.
        """
        rows = [
            horner([number(x, self.digits) for x in row], t) for row in self.coefficients[name][term][patch]
        ]
        return horner(rows, s)


def rounded(values: np.ndarray, digits: int) -> np.ndarray:
    """Values as their text of some digits reads."""
    return np.array([float(f"{x:.{digits}g}") for x in values.ravel()]).reshape(values.shape)


def number(value: float, digits: int = 15) -> str:
    """A number as text, in brackets below 0, so that it can follow an operator."""
    return f"{value:.{digits}g}" if value >= 0 else f"({value:.{digits}g})"


def horner(coefficients: list[str], x: str) -> str:
    """A cubic of expressions."""
    c = coefficients
    return f"({c[0]}+{x}*({c[1]}+{x}*({c[2]}+{x}*{c[3]})))"


def ibm_numbers(model: IbmModel, *, fixed: bool = False) -> dict[str, float]:
    """Parameters of IBM's law in units of a circuit: energies in volts, an ambient of 0 is the circuit's temperature.

    Args:
        model: the law.
        fixed: with the model's ambient.

    Returns:
        Name to value, in the order they are written.
    """
    constants, hopping, ionic = model.constants, model.hopping, model.ionic
    return {
        "ambient": model.ambient_K if fixed else 0.0,
        "rs": max(constants.series_ohm, WIRE_OHM),
        "rth": constants.thermal_K_per_W,
        "area": constants.area_m2,
        "len": constants.length_m,
        "nu": hopping.attempt_frequency_Hz,
        "ae0": hopping.distance_0_m,
        "ae1": hopping.distance_slope_m4,
        "aemin": hopping.distance_min_m,
        "de0": hopping.barrier_0_J / Q_E,
        "de1": hopping.barrier_slope_J_m3 / Q_E,
        "nui": ionic.attempt_frequency_Hz,
        "hop": ionic.hop_distance_m,
        "z": ionic.charge_number,
        "eset0": ionic.barrier_set_J / Q_E,
        "eset1": ionic.barrier_set_slope_J_m3 / Q_E,
        "ereset": ionic.barrier_reset_J / Q_E,
        "nmax": ionic.density_max_m3,
        "nexp": ionic.saturation_exponent,
    }


def start_density_m3(model: TableModel | IbmModel) -> float:
    """Density of HRS, or the lowest of a table without states."""
    if isinstance(model, IbmModel):
        return model.card.states["hrs"].dome.density_m3
    return model.table.states.get("hrs", float(model.table.density_m3[0]))


def about_ibm(model: IbmModel, *, fixed: bool = False) -> list[str]:
    """Lines of a header that say what the law is; `fixed` as in `ibm_numbers`."""
    card = model.card
    return [
        f"femristor: IBM's published 0-D law of the cell for card {_name(card.name)} (hash {_name(card.hash[:12])}), "
        f"schema {SCHEMA}",
        "Galetta et al., Adv. Electron. Mater. 2025, e00373; numbers: IBM compact model, Clerico et al., 2026",
        "The law makes vacancies from nothing. It holds for 0 < N < nmax; all parameters in SI units, energies in eV.",
        *_about_ambient(model.ambient_K, fixed),
    ]


def about_table(written: WrittenTable) -> list[str]:
    """Lines of a header that say what a table is, where it holds and how well it is represented."""
    model, line = written.model, written.line
    table, density = model.table, model.table.density_m3
    made = _name(table.provenance.card_hash[:12]) if table.provenance else "unknown"
    lines = [
        f"femristor: compact table of {_name(table.card_name)} sampled from {netlist_text(table.model, 90)}, schema {SCHEMA}",
        f"card hash {made}, ambient {model.ambient_K:g} K",
        f"holds |V| up to {model.voltage_max_V:g} V and N from {density[0]:.4g} to {density[-1]:.4g} 1/m^3",
        f"ln(I/V) and ln(rate/V) are the table's bicubic patches over (ln N, |V|); largest error {written.error:.1e}",
        "Beyond |V|: I/V and rate/V stay at their last value. Beyond N: I/V stays, the rate falls to 0 within",
        f"{EDGE:g} of ln N. Neither is a prediction: keep the cell inside. I is odd in V; V > 0 has the rate of set.",
    ]
    if line is None:
        return [
            *lines,
            f"This file holds {model.ambient_K:g} K alone: the circuit's temperature changes nothing.",
        ]
    return [
        *lines,
        *_about_ambient(model.ambient_K, fixed=False),
        f"Both follow it by a parabola in 1/T from {line.low_K:g} to {line.high_K:g} K, exact at {model.ambient_K:g} K, "
        f"elsewhere within {written.ambient_error:.1e}",
        "of the table in ln I and ln(rate) at worst; beyond these ambients the last one is held, which is no prediction.",
    ]


def _about_ambient(ambient_K: float, fixed: bool) -> list[str]:
    if fixed:
        return [
            f"ambient: temperature of the surroundings in K, {ambient_K:g} here; 0 takes the circuit's temperature."
        ]
    return [
        "ambient: temperature of the surroundings in K; 0, the default, takes the circuit's temperature,",
        f"27 degC unless the circuit says otherwise; {ambient_K:g} K is {ambient_K - ZERO_CELSIUS_K:.10g} degC.",
    ]


def _name(text: str) -> str:
    return netlist_text(text, NAME_MAX)


def _halve(leaves: list[str], knots, axis: str, choose) -> str:
    if len(leaves) == 1:
        return leaves[0]
    middle = len(leaves) // 2
    below = _halve(leaves[:middle], knots[: middle - 1], axis, choose)
    above = _halve(leaves[middle:], knots[middle:], axis, choose)
    return choose(axis, float(knots[middle - 1]), below, above)


def _largest_error(knots_u, knots_V, coefficients, line: AmbientLine | None, model: TableModel) -> float:
    """Of the written logarithms against a model, over the probes of all patches; without a line the first terms alone."""
    powers = np.ones(1) if line is None else line.place(model.ambient_K) ** np.arange(len(line.nodes_K))
    return max(
        float(
            np.max(
                np.abs(
                    _probed(knots_u, knots_V, np.tensordot(powers, c[: powers.size], 1), model)
                    - _truth(model, name)
                )
            )
        )
        for name, c in coefficients.items()
    )


def _truth(model: TableModel, name: str) -> np.ndarray:
    """(densities - 1, biases, probes, probes) logarithms of the table."""
    powers = np.vander(PROBES, 4, increasing=True)
    return np.einsum("pa,ijab,qb->ijpq", powers, model.patches(name), powers)


def _probed(knots_u, knots_V, coefficients, model: TableModel) -> np.ndarray:
    """The same of rounded numbers."""
    exact_u = model.knots_ln_density - math.log(STATE_UNIT_M3)
    s = _places(exact_u) - knots_u[:-1, None]
    t = _places(model.knots_V) - knots_V[:-1, None]
    powers = np.arange(4)
    return np.einsum("ipa,ijab,jqb->ijpq", s[..., None] ** powers, coefficients, t[..., None] ** powers)


def _places(knots: np.ndarray) -> np.ndarray:
    return knots[:-1, None] + np.diff(knots)[:, None] * PROBES
