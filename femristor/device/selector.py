"""Fit of the selector's channel to a measured output characteristic, or to pairs from a 1T1R sweep.

Layouts read: drain-source voltage, current and gate voltage (source at the bulk); or the voltage over cell and
transistor, that over the cell, and the current, where the gate is that of the direction and in reset the cell lifts
the source.
"""

import math
from dataclasses import dataclass, fields
from functools import cache
from importlib import resources
from pathlib import Path

import numpy as np
from scipy.optimize import least_squares

from femristor.core.constants import EPS_0
from femristor.core.errors import ConvergenceError, DataError, InputError
from femristor.core.io.csvio import Table, read_table, split_unit
from femristor.core.io.files import sha256_file
from femristor.core.messages import notice
from femristor.core.provenance import Provenance
from femristor.core.store import storable
from femristor.device.card import DeviceCard, Selector
from femristor.device.card.io import load_card
from femristor.device.laws.channel import Channel, channel_current
from femristor.device.load_line import OXIDE_PERMITTIVITY, Load, channel_load, selector_load

ALIASES = {
    "drain": ("v_ds", "vds", "v_drain", "v_d", "drain"),
    "gate": ("v_gs", "vgs", "v_gate", "v_g", "gate"),
    "applied": ("v_cell", "v_applied", "applied"),
    "device": ("v_device", "device"),
    "current": ("i", "i_d", "id", "i_ds", "ids", "current"),
}
PARAMETERS = ("gain_A_per_V2", "threshold_V", "slope", "mobility_loss_per_V", "critical_V")
RELATIVE_SIGMA = 0.01
"""Error of a point, of its current plus FLOOR of the largest one."""
FLOOR = 0.01
SPREAD = (1.0, 0.3, 1.0, 1.0, 1.0)
"""How far the fit may wander from the card: standard deviations of ln gain, V_T, ln(n - 1), ln theta, ln V_c."""
SLOPE, LOSS = 1.2, 0.2
"""Typical n and theta [1/V], where the fit starts."""
REFERENCE = "sweep_1t1r_1e00Vps_hrs_1.3V.csv.gz"
"""1T1R sweep of IBM's compact model with a BSIM4 transistor in ngspice."""
REFERENCE_GATES_V = (1.4, 3.3)
"""Gates of that record in set and reset, whatever those of a card are."""
_TRANSISTOR = tuple(entry.name for entry in fields(Selector) if not entry.name.startswith("gate_"))
MOST_V = 20.0
LEAST_DRAINS = 3
MISSED = 0.25
"""Median error beyond which a fit is said to miss its points: those of the reference are met to 2 %."""
OTHER_SIZE = 30.0
"""Ratio of gains beyond which a unit is more likely wrong than a transistor wider."""


@dataclass(frozen=True)
class SelectorData:
    """Points of a characteristic, (points,) each, voltages against the bulk.

    Attributes:
        drain_V: drain.
        source_V: source.
        gate_V: gate.
        current_A: from drain to source.
        origin: where they come from.
        inputs: name and SHA-256 of the file.
    """

    drain_V: np.ndarray
    source_V: np.ndarray
    gate_V: np.ndarray
    current_A: np.ndarray
    origin: str
    inputs: dict[str, str]

    @classmethod
    def of_pairs(
        cls, applied_V, device_V, current_A, *, gate_set_V, gate_reset_V, origin="", inputs=None
    ) -> "SelectorData":
        """Points of a 1T1R sweep.

        Args:
            applied_V: (points,) over cell and transistor, above 0 in set.
            device_V: (points,) over the cell.
            current_A: (points,) with the sign of the voltage.
            gate_set_V: gate for V > 0.
            gate_reset_V: gate for V < 0.
            origin: sentence for results.
            inputs: name and SHA-256 of the file.

        Returns:
            SelectorData.
        """
        applied, device, current = (np.asarray(x, dtype=float) for x in (applied_V, device_V, current_A))
        forward = applied > 0
        drain = np.where(forward, applied - device, -applied)
        source = np.where(forward, 0.0, -device)
        gate = np.where(forward, gate_set_V, gate_reset_V)
        return cls(drain, source, gate, np.where(forward, 1, -1) * current, origin, dict(inputs or {}))


@storable("SelectorFit", version=1, shapes={"value": "5", "standard_error": "5", "gates_V": "gates"})
@dataclass(frozen=True)
class SelectorFit:
    """A fitted channel.

    Attributes:
        value: (5,) in the order of PARAMETERS.
        standard_error: (5,) one sigma, the card's prior included.
        thermal_V: U_T, held.
        median_error: median of |I_fit/I - 1| over the points above FLOOR of the largest current.
        max_error: its largest value.
        points: points used.
        gates_V: (gates,) gate voltages in the data.
        origin: file or record.
        provenance: card and input.
    """

    value: np.ndarray
    standard_error: np.ndarray
    thermal_V: float
    median_error: float
    max_error: float
    points: int
    gates_V: np.ndarray
    origin: str
    provenance: Provenance | None = None

    @property
    def channel(self) -> Channel:
        """The transistor."""
        return Channel(*self.value.tolist(), self.thermal_V, f"fitted to {self.origin}")


def fit_selector(data: SelectorData, card: DeviceCard) -> SelectorFit:
    """Fit gain, threshold, slope, mobility loss and critical voltage, with the card as a weak prior.

    The prior (SPREAD) decides what the data leave open, e.g. the threshold where only one gate was measured.

    Args:
        data: points.
        card: where the fit starts.

    Returns:
        SelectorFit.

    Raises:
        InputError: fewer points than parameters, or no current.
        ConvergenceError: the fit does not settle.
    """
    start = _start(card)
    thermal = Channel(1.0, 0.0, 1.0, 0.0, 1.0).thermal_V
    largest = float(np.max(np.abs(data.current_A), initial=0.0))
    if data.current_A.size < len(PARAMETERS) or not largest > 0:
        raise InputError(
            f"{data.origin}: {data.current_A.size} points up to {largest:g} A do not tell a transistor; give at least "
            f"{len(PARAMETERS)} with a current."
        )
    _check_points(data)
    scale = RELATIVE_SIGMA * (np.abs(data.current_A) + FLOOR * largest)

    def through(x: np.ndarray) -> np.ndarray:
        return channel_current((*_numbers(x), thermal), data.gate_V, data.drain_V, data.source_V)

    def residual(x: np.ndarray) -> np.ndarray:
        return np.concatenate([(through(x) - data.current_A) / scale, (x - start) / SPREAD])

    run = least_squares(residual, start, xtol=1e-12, ftol=1e-12, x_scale=0.1, max_nfev=400)
    if not run.success:
        raise ConvergenceError(
            f"The transistor does not settle on {data.origin}: {run.message} Check the gates and signs of the data."
        )
    value = np.array(_numbers(run.x))
    by_x = np.array([value[0], 1.0, value[2] - 1, value[3], value[4]])
    spread = max(1.0, math.sqrt(2 * run.cost / data.current_A.size))
    error = spread * np.sqrt(np.diag(np.linalg.pinv(run.jac.T @ run.jac))) * by_x
    told = np.abs(data.current_A) > FLOOR * largest
    off = np.abs(through(run.x)[told] / data.current_A[told] - 1)
    if np.median(off) > MISSED:
        raise ConvergenceError(
            f"The transistor misses {data.origin} by {np.median(off) * 100:.2g} % (median), so its numbers tell nothing; check "
            "columns, units, gates and signs of the data."
        )
    ratio = value[0] / math.exp(start[0])
    if not 1 / OTHER_SIZE < ratio < OTHER_SIZE:
        notice(
            f"{data.origin}: the gain of {value[0]:.3g} A/V^2 is {ratio:.3g} times that of the transistor of card {card.name}; "
            "check the unit of the current, or give the card your transistor's width and length."
        )
    return SelectorFit(
        value=value,
        standard_error=error,
        thermal_V=thermal,
        median_error=float(np.median(off)),
        max_error=float(np.max(off)),
        points=data.current_A.size,
        gates_V=np.unique(data.gate_V),
        origin=data.origin,
        provenance=Provenance.create("device.fit_selector", card=card, inputs=data.inputs),
    )


def _check_points(data: SelectorData) -> None:
    """Refuse voltages that no selector sees, and too few of them."""
    across = data.drain_V - data.source_V
    for name, volts in (("drain", data.drain_V), ("source", data.source_V), ("gate", data.gate_V)):
        if np.max(np.abs(volts)) > MOST_V:
            raise InputError(
                f"{data.origin}: a {name} voltage of {volts[np.argmax(np.abs(volts))]:.3g} V is no selector's, {MOST_V:g} V at "
                "most; check units and columns."
            )
    different = np.unique(np.round(across, 9)).size
    if different < LEAST_DRAINS:
        raise InputError(
            f"{data.origin}: {different} different drain-source voltages do not tell a transistor; give {LEAST_DRAINS} or more."
        )


def read_selector_csv(
    path: str | Path,
    card: DeviceCard,
    columns: dict[str, str] | None = None,
    *,
    gate_V: float | None = None,
    gate_reset_V: float | None = None,
) -> SelectorData:
    """Read a characteristic.

    Args:
        path: text file with the columns drain and current (gate unless given), or applied, device and current.
        card: its gates, where none is given.
        columns: quantity (drain, gate, applied, device, current) to header, where ours do not fit.
        gate_V: gate of every point (drain-source data), or of set; else the file's column or the card's.
        gate_reset_V: gate of reset, in the second layout; else the card's.

    Returns:
        SelectorData.

    Raises:
        DataError: columns are missing or no numbers.
        InputError: a gate is neither in the file nor given.
    """
    table = read_table(path, "selector characteristic")
    found = _resolve(table, dict(columns or {}))
    name, inputs = Path(path).name, {Path(path).name: sha256_file(path)}
    current = table.numbers(_needed(table, found, "current"), "A")
    if "applied" in found and "device" in found:
        gates = card.selector.gate_set_V if gate_V is None else gate_V
        reset = card.selector.gate_reset_V if gate_reset_V is None else gate_reset_V
        applied, device = (table.numbers(found[key], "V") for key in ("applied", "device"))
        return SelectorData.of_pairs(
            applied, device, current, gate_set_V=gates, gate_reset_V=reset, origin=name, inputs=inputs
        )
    drain = table.numbers(_needed(table, found, "drain"), "V")
    if gate_V is not None:
        gate = np.full(drain.size, float(gate_V))
    elif "gate" in found:
        gate = table.numbers(found["gate"], "V")
    else:
        raise InputError(f"{path}: there is no gate column; name it with --column gate=NAME or give --gate.")
    return SelectorData(drain, np.zeros_like(drain), gate, current, name, inputs)


def reference_selector(card: DeviceCard) -> SelectorFit:
    """The transistor of the carried 1T1R sweep (IBM's compact model with BSIM4 in ngspice), fitted here.

    Args:
        card: where the fit starts; the gates are those of the record.

    Returns:
        SelectorFit.
    """
    path = Path(str(resources.files("femristor"))) / "data" / "reference" / REFERENCE
    gate_V, gate_reset_V = REFERENCE_GATES_V
    return fit_selector(read_selector_csv(path, card, gate_V=gate_V, gate_reset_V=gate_reset_V), card)


def default_load(card: DeviceCard, *, gate_set_V: float | None = None) -> Load:
    """What is in series with a 1T1R cell where nothing else is given, at the card's gates.

    The transistor of the carried record, where the card's own is that of the shipped card, whose circuit the record
    is of: along its pulse train G is off by 0.5 % (median; 1.4 % at most), with the card's tanh law by 5 % (14 %).
    Of any other transistor there is no record, so the card's own law (`load_line.selector_load`); fit yours with
    `fit_selector`. The label of the load says which of the two it is.

    Args:
        card: device card.
        gate_set_V: gate voltage of set; the card's by default.

    Returns:
        Load.

    Raises:
        InputError: a gate that does not open the transistor.
    """
    if has_reference_selector(card):
        return require_open(channel_load(card, _reference_channel(), gate_set_V=gate_set_V))
    return selector_load(card, gate_set_V=gate_set_V)


def require_open(load: Load) -> Load:
    """Refuse a gate of set under the threshold: the cell would only see leakage.

    Args:
        load: a transistor at its gates.

    Returns:
        The load.

    Raises:
        InputError: names gate and threshold.
    """
    if load.channel is not None and load.gate_set_V <= load.channel.threshold_V:
        raise InputError(
            f"A gate of {load.gate_set_V:g} V does not open the selector (threshold {load.channel.threshold_V:.3g} V); raise it."
        )
    return load


def has_reference_selector(card: DeviceCard) -> bool:
    """Whether a card's transistor (its selector without the gates) is that of the shipped card.

    Args:
        card: device card.

    Returns:
        True where the carried record is of this card's transistor.
    """
    shipped = _shipped_card().selector
    return all(getattr(card.selector, name) == getattr(shipped, name) for name in _TRANSISTOR)


@cache
def _shipped_card() -> DeviceCard:
    return load_card()


@cache
def _reference_channel() -> Channel:
    """The fit of the record, once a process."""
    return reference_selector(_shipped_card()).channel


def _start(card: DeviceCard) -> np.ndarray:
    """The card's transistor as ln gain, V_T, ln(n - 1), ln theta, ln V_c."""
    selector = card.selector
    sheet = OXIDE_PERMITTIVITY * EPS_0 / selector.oxide_thickness_m * selector.mobility_m2_per_Vs
    critical = 2 * selector.saturation_velocity_m_per_s * selector.length_m / selector.mobility_m2_per_Vs
    gain = sheet * selector.width_m / selector.length_m
    return np.array(
        [math.log(gain), selector.threshold_V, math.log(SLOPE - 1), math.log(LOSS), math.log(critical)]
    )


def _numbers(x: np.ndarray) -> tuple[float, ...]:
    return math.exp(x[0]), float(x[1]), 1 + math.exp(x[2]), math.exp(x[3]), math.exp(x[4])


def _resolve(table: Table, mapping: dict[str, str]) -> dict[str, str]:
    """Quantity to header."""
    found = {}
    for quantity, header in mapping.items():
        if quantity not in ALIASES or header not in table.columns:
            raise DataError(
                f"{table.path}: no column {quantity}={header}; the quantities are {', '.join(ALIASES)}, the columns "
                f"{', '.join(table.columns)}."
            )
        found[quantity] = header
    for quantity, names in ALIASES.items():
        for header in table.columns:
            if quantity not in found and (split_unit(header)[0] in names or header.strip().lower() in names):
                found[quantity] = header
    return found


def _needed(table: Table, found: dict[str, str], quantity: str) -> str:
    if quantity not in found:
        raise DataError(
            f"{table.path}: no column for {quantity}; it has {', '.join(table.columns)}; name it with "
            f"--column {quantity}=NAME."
        )
    return found[quantity]
