"""A compact table from transients of moving vacancies: the state is the conductance, written as a density.

The state of the distilled cell is N such that IBM's published 0-D law reads the same conductance at the read voltage
as the fields do. It is a scale, not a local density: published and derived rates stand side by side on it. At each
held voltage the transient gives `dlnN/dt` along the profiles that this voltage makes; rates of set come from voltages
above 0, of reset from below. Both give a current, and the table keeps their geometric mean (`spread` tells how far
they are apart: what one state cannot know).
"""

from dataclasses import dataclass

import numpy as np
from scipy.interpolate import PchipInterpolator

from femristor.compact.ibm import IbmModel
from femristor.compact.results.table import CompactTable
from femristor.core.bounds import GRID_POINTS
from femristor.core.errors import InputError
from femristor.core.provenance import Provenance
from femristor.device.card import DeviceCard
from femristor.fem.results.switching import Transient, TransientSet

DENSITY_POINTS = 24
"""Default number of densities."""
STEP_LN_N = 0.02
"""Least change of ln N between two points of a rate: closer ones differ by the tolerance of the reads."""
LN_RATE_FALL = 40.0
"""Most that ln(rate) falls below its largest value, where a transient has come to rest."""
VOLTAGES_MIN = 4
MARGIN_LN_N = 0.25
"""Beyond the ends of the transients, where rates go on falling and the shape of the I-V stays."""


@dataclass(frozen=True)
class Course:
    """One transient on the scale of the state.

    Attributes:
        voltage_V: signed.
        ln_density: (points,) rising, ln N at the points of `current` and the other fields.
        ln_current: (points,) ln of |I| over the read current of the same state.
        ln_heating: (points,) ln(T - T_ambient).
        ln_field: (points,) ln of the mean |E|.
        rate_ln_density: (rates,) rising, ln N of the rates.
        ln_rate: (rates,) ln |dlnN/dt|.
    """

    voltage_V: float
    ln_density: np.ndarray
    ln_current: np.ndarray
    ln_heating: np.ndarray
    ln_field: np.ndarray
    rate_ln_density: np.ndarray
    ln_rate: np.ndarray


def course_of(transient: Transient, scale: IbmModel, ambient_K: float, read_V: float) -> Course:
    """A transient on the scale of the state, up to where its conductance turns back.

    Args:
        transient: from the fields.
        scale: law whose read gives the density of a conductance.
        ambient_K: temperature of the electrodes.
        read_V: read voltage.

    Returns:
        Course.

    Raises:
        InputError: the conductance does not move at all.
    """
    up = transient.voltage_V > 0
    conductance = transient.conductance_S
    end = int(np.argmax(conductance) if up else np.argmin(conductance)) + 1
    u = np.log(scale.density_at(conductance[:end]))
    keep = [0]
    for k in range(1, end):
        if (u[k] - u[keep[-1]]) * (1 if up else -1) >= STEP_LN_N:
            keep.append(k)
    if len(keep) < 3:
        raise InputError(
            f"The transient at {transient.voltage_V:g} V does not move; give a longer or stronger one."
        )
    chosen = np.array(keep)
    place, time = u[chosen], transient.time_s[chosen]
    rate = np.abs(np.diff(place) / np.diff(time))
    order = np.argsort(place)
    middle = 0.5 * (place[1:] + place[:-1])
    order_rate = np.argsort(middle)
    heating = np.maximum(transient.temperature_K[chosen] - ambient_K, 1e-6)
    return Course(
        transient.voltage_V,
        place[order],
        (np.log(np.abs(transient.current_A[chosen])) - np.log(read_V * conductance[chosen]))[order],
        np.log(heating)[order],
        np.log(transient.field_V_per_m[chosen])[order],
        middle[order_rate],
        np.log(rate)[order_rate],
    )


def _along(x: np.ndarray, y: np.ndarray, at: np.ndarray, *, fall: bool = False) -> np.ndarray:
    """Monotone cubic through points; beyond them constant, or along the end slope where that falls."""
    if x.size == 1:
        return np.full(at.shape, y[0])
    curve = PchipInterpolator(x, y)
    inside = curve(np.clip(at, x[0], x[-1]))
    if fall:
        for end, sign in ((0, -1), (-1, 1)):
            slope = (y[end] - y[1 if end == 0 else -2]) / abs(x[end] - x[1 if end == 0 else -2])
            beyond = np.maximum(sign * (at - x[end]), 0.0)
            inside = inside + min(slope, 0.0) * beyond
    return inside


def distil(
    found: TransientSet, card: DeviceCard, *, density_points: int = DENSITY_POINTS
) -> tuple[CompactTable, dict[str, float]]:
    """The one-state model of a set of transients.

    Args:
        found: transients at pairs of voltages +V and -V.
        card: their card.
        density_points: densities of the table.

    Returns:
        CompactTable at one ambient, and `spread`: root mean square and largest difference of ln I between
        the profiles of set and of reset at the same voltage and state.

    Raises:
        InputError: too few voltages, or one without its opposite.
    """
    GRID_POINTS.check(density_points, "densities of the table (--densities)")
    scale, read_V = IbmModel(card, found.ambient_K), card.statistics.read_voltage_V
    courses = {
        entry.voltage_V: course_of(entry, scale, found.ambient_K, read_V) for entry in found.transients
    }
    held = np.array(sorted({abs(volt) for volt in courses}))
    if held.size < VOLTAGES_MIN or any(sign * volt not in courses for volt in held for sign in (1, -1)):
        raise InputError(
            f"A distilled table needs transients at {VOLTAGES_MIN} voltages or more, each with both signs; "
            f"there are {', '.join(f'{volt:g}' for volt in sorted(courses))} V."
        )
    low = min(course.ln_density[0] for course in courses.values())
    high = max(course.ln_density[-1] for course in courses.values())
    u = np.linspace(low - MARGIN_LN_N, high + MARGIN_LN_N, density_points)
    volts = held[held > 1.2 * read_V]
    shape = (density_points, volts.size)
    sheets = {name: np.empty(shape) for name in ("ln_current", "ln_heating", "ln_field")}
    rates = {sign: np.empty(shape) for sign in (1, -1)}
    apart = []
    for k, volt in enumerate(volts):
        pair = [courses[sign * volt] for sign in (1, -1)]
        for name, sheet in sheets.items():
            both = [_along(course.ln_density, getattr(course, name), u) for course in pair]
            sheet[:, k] = _joined(both, pair, u)
            if name == "ln_current":
                common = (u >= max(c.ln_density[0] for c in pair)) & (
                    u <= min(c.ln_density[-1] for c in pair)
                )
                apart.append((both[0] - both[1])[common])
        for sign, course in zip((1, -1), pair, strict=True):
            line = _along(course.rate_ln_density, course.ln_rate, u, fall=True)
            rates[sign][:, k] = np.maximum(line, course.ln_rate.max() - LN_RATE_FALL)
    difference = np.concatenate(apart)
    spread = {"rms": float(np.sqrt(np.mean(difference**2))), "worst": float(np.abs(difference).max())}
    table = _table(found, card, scale, np.exp(u), volts, sheets, rates, read_V)
    return table, spread


def _joined(both: list[np.ndarray], pair: list[Course], u: np.ndarray) -> np.ndarray:
    """Mean of set and reset where both were there, the one that was there elsewhere."""
    there = [(u >= course.ln_density[0] - 1e-9) & (u <= course.ln_density[-1] + 1e-9) for course in pair]
    mean = 0.5 * (both[0] + both[1])
    return np.where(there[0] & ~there[1], both[0], np.where(there[1] & ~there[0], both[1], mean))


def _table(found, card, scale, density, volts, sheets, rates, read_V) -> CompactTable:
    law = card.ionic
    hops = law.length_m / law.hop_distance_m / (1 - density / law.density_max_m3) ** law.saturation_exponent
    bias = np.concatenate([[read_V], volts])
    reads = np.log(scale.conductance_S(density, read_V) * read_V)
    ambient = found.ambient_K

    def with_read(sheet: np.ndarray, power: float) -> np.ndarray:
        """A column for the read voltage: the first two voltages, as a power law times an even function."""
        squares = volts[:2] ** 2
        even = sheet[:, :2] - power * np.log(volts[:2])
        slope = (even[:, 1] - even[:, 0]) / (squares[1] - squares[0])
        column = even[:, 0] + slope * (read_V**2 - squares[0]) + power * np.log(read_V)
        return np.column_stack([column, sheet])

    current = np.exp(np.column_stack([reads, reads[:, None] + sheets["ln_current"]]))
    temperature = ambient + np.exp(with_read(sheets["ln_heating"], 2.0))
    field = np.exp(with_read(sheets["ln_field"], 1.0))
    hop = {sign: np.exp(with_read(rate, 1.0)) * hops[:, None] for sign, rate in rates.items()}
    ends = {"lrs": max(e.conductance_S[0] for e in found.transients if e.voltage_V < 0)}
    ends["hrs"] = min(e.conductance_S[0] for e in found.transients if e.voltage_V > 0)
    return CompactTable(
        bias_V=bias,
        density_m3=density,
        ambient_K=np.array([ambient]),
        current_A=current[None],
        temperature_mean_K=temperature[None],
        temperature_max_K=temperature[None],
        field_mean_V_per_m=field[None],
        hop_rate_set_per_s=hop[1][None],
        hop_rate_reset_per_s=hop[-1][None],
        density_breaks_m3=np.empty(0),
        nominal_ambient_K=ambient,
        ionic=law,
        states={label: float(scale.density_at(value)) for label, value in ends.items()},
        card_name=card.name,
        model=f"transients of {found.model}; state: density of equal read in IBM's law; temperatures: hottest",
        provenance=Provenance.create("compact.distil", card=card),
    )
