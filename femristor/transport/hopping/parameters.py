"""The parameters of a hopping fit: which are free, their start, bounds, and where held ones come from."""

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from femristor.core.constants import EV, T_SINK_K, thermal_voltage_V
from femristor.core.errors import InputError
from femristor.core.units import is_number, parse_number, parse_quantity
from femristor.device.card import DeviceCard
from femristor.device.state import CellState, HoppingParameters
from femristor.transport.hopping.lines import PARENTS, Line, line_of

DISTANCE_BOUNDS_M = (2e-10, 2e-8)
BARRIER_BOUNDS_eV = (0.0, 2.0)
BARRIER_SCALE_eV = float(thermal_voltage_V(T_SINK_K))
"""Barriers are fitted as dE/kT, in which ln I is as straight as in ln N and ln a_e."""
DENSITY_MIN_M3 = 1e20


@dataclass(frozen=True)
class Kind:
    """A parameter: its key in the solver's derivatives, region and field of the state, unit, SI factor."""

    solver_key: str
    region: str
    field: str
    unit: str
    factor: float


KINDS = {
    "N": Kind("dome.density_m3", "dome", "density_m3", "1/m^3", 1.0),
    "a_e": Kind("dome.distance_m", "dome", "distance_m", "m", 1.0),
    "dE": Kind("dome.barrier_J", "dome", "barrier_J", "eV", EV),
    "N_s": Kind("surround.density_m3", "surround", "density_m3", "1/m^3", 1.0),
    "a_s": Kind("surround.distance_m", "surround", "distance_m", "m", 1.0),
    "dE_s": Kind("surround.barrier_J", "surround", "barrier_J", "eV", EV),
}
BARRIERS = ("dE", "dE_s")
DEFAULT_FREE = ("N", "a_e", "dE")


@dataclass(frozen=True)
class Slot:
    """One parameter in a fit: value and range in its unit; the last three are for a held one.

    `bounded` tells a user's bounds, at which a fit may stop, from the plausible range, where it may not.
    A parameter with a `line` follows its density instead of being held.
    """

    name: str
    value: float
    low: float
    high: float
    free: bool
    bounded: bool = False
    source: str = ""
    confidence: str = "F"
    note: str = ""
    line: Line | None = None

    def coordinate(self, value: float) -> float:
        """The number that is varied: ln p, or dE/kT."""
        return value / BARRIER_SCALE_eV if KINDS[self.name].unit == "eV" else math.log(value)

    def from_coordinate(self, x: float) -> float:
        """The value at a coordinate."""
        return x * BARRIER_SCALE_eV if KINDS[self.name].unit == "eV" else math.exp(x)

    def coordinate_bounds(self) -> tuple[float, float]:
        """Bounds of the coordinate; infinite ones where the user gave none, for they slow the fit."""
        if self.bounded:
            return self.coordinate(self.low), self.coordinate(self.high)
        return (0.0 if KINDS[self.name].unit == "eV" else -math.inf), math.inf

    def slope(self, value: float) -> float:
        """Derivative of the value by its coordinate."""
        return BARRIER_SCALE_eV if KINDS[self.name].unit == "eV" else value


@dataclass(frozen=True)
class Choice:
    """What the user asks of the parameters.

    Attributes:
        fixed: name to the value it is held at.
        bounds: name to (low, high); a bounded parameter is free.
        free: names to free besides the default.
        lines: a_e, dE, a_s and dE_s follow the card's lines in N and N_s; None decides by the curves (`for_curves`).
    """

    fixed: Mapping[str, float]
    bounds: Mapping[str, tuple[float, float]]
    free: frozenset[str]
    lines: bool | None = None

    @property
    def named(self) -> tuple[str, ...]:
        """Every parameter that the user named."""
        return (*self.fixed, *self.bounds, *sorted(self.free))

    def for_curves(self, label: str, ambients: int) -> "Choice":
        """The choice for one state: on the lines where its curves carry no more than two densities.

        Args:
            label: state, for the message.
            ambients: number of different ambient temperatures among its curves.

        Returns:
            Choice whose `lines` is decided: one ambient temperature and none of a_e, dE, a_s, dE_s named.

        Raises:
            InputError: a barrier is freed beside its density, and there is one ambient temperature.
        """
        wanted = (self.free | self.bounds.keys()) - self.fixed.keys()
        for barrier in sorted(wanted & set(BARRIERS)):
            density = PARENTS[barrier]
            if ambients == 1 and density not in self.fixed and (density == "N" or density in wanted):
                raise InputError(
                    f"{barrier} of state '{label}' cannot be freed: all its curves have one ambient temperature, at which "
                    f"{barrier} only rescales {density}; give the files of one state one label (--label {label}=FILE) and each "
                    f"its temperature (--ambient FILE=328), or hold the density (--fix {density}=2e25)."
                )
        tied = any(name in PARENTS for name in self.named)
        lines = (ambients == 1 and not tied) if self.lines is None else self.lines
        return replace(self, lines=lines)

    @classmethod
    def of(cls, fixed=None, bounds=None, free: Iterable[str] = (), *, lines: bool | None = None) -> "Choice":
        """Check names and numbers.

        Raises:
            InputError: an unknown name, a contradiction, or an impossible number.
        """
        choice = cls(dict(fixed or {}), dict(bounds or {}), frozenset(free), lines)
        for name in choice.named:
            if name not in KINDS:
                raise InputError(f"No parameter '{name}'; use one of {', '.join(KINDS)}.")
        tied = [name for name in choice.named if lines and name in PARENTS]
        if tied:
            raise InputError(
                f"{tied[0]} follows the card's line in {PARENTS[tied[0]]} with --lines; drop one of the two options."
            )
        for name in choice.fixed.keys() & (choice.bounds.keys() | choice.free):
            raise InputError(f"{name} cannot be both fixed and fitted; keep one of the two options.")
        for name, value in choice.fixed.items():
            if not math.isfinite(value) or value < 0 or (value == 0 and name not in BARRIERS):
                raise InputError(
                    f"{name} cannot be fixed at {value:g} {KINDS[name].unit}; give a number above 0."
                )
        for name, (low, high) in choice.bounds.items():
            if not (low < high < math.inf and (low > 0 or (low == 0 and name in BARRIERS))):
                raise InputError(
                    f"The bounds {low:g}:{high:g} of {name} are empty; give them as low:high, both above 0."
                )
        return choice


def parse_value(name: str, text: str) -> float:
    """A value as written by the user, in the parameter's unit.

    Args:
        name: parameter.
        text: a bare number in its unit (N 1/m^3, a_e m, dE eV), or a quantity such as "2.5 nm".

    Returns:
        The number.

    Raises:
        InputError: an unknown name, or no number.
    """
    if name not in KINDS:
        raise InputError(f"No parameter '{name}'; use one of {', '.join(KINDS)}.")
    return parse_number(text, name) if is_number(text) else parse_quantity(text, KINDS[name].unit, name)


def make_slots(card: DeviceCard, start: str, choice: Choice, *, ambients: int) -> list[Slot]:
    """All six parameters with their start values from a state of the card.

    Args:
        card: the device card.
        start: label of the state.
        choice: the user's wishes.
        ambients: number of different ambient temperatures among the curves.

    Returns:
        Slots in the order of KINDS.

    Raises:
        InputError: nothing is left to fit.
    """
    state = card.state(start)
    slots = []
    for name, kind in KINDS.items():
        value = getattr(getattr(state, kind.region), kind.field) / kind.factor
        if choice.lines and name in PARENTS:
            slots.append(_on_line(name, card, slots))
            continue
        wanted = name in (("N", "N_s") if choice.lines else DEFAULT_FREE) and (name != "dE" or ambients > 1)
        free = name not in choice.fixed and (wanted or name in choice.bounds or name in choice.free)
        low, high = choice.bounds.get(name, _default_bounds(name, card))
        if free:
            inside = min(max(value, low), high)
            slots.append(Slot(name, inside, low, high, free=True, bounded=name in choice.bounds))
        elif name in choice.fixed:
            slots.append(Slot(name, choice.fixed[name], low, high, free=False, note="held by the user"))
        else:
            source, confidence = _origin(card, start, name)
            note = f"held at the value of state {start} of card {card.name}"
            slots.append(Slot(name, value, low, high, False, False, source, confidence, note))
    if not any(slot.free for slot in slots):
        raise InputError("All parameters are fixed, so there is nothing to fit; free one of them.")
    return slots


def _on_line(name: str, card: DeviceCard, before: Iterable[Slot]) -> Slot:
    line = line_of(name, card.hopping)
    density = next(slot.value for slot in before if slot.name == line.parent)
    origin = card.sources["hopping.barrier_0" if line.barrier else "hopping.distance_0"]
    low, high = _default_bounds(name, card)
    note = f"on the card's line in {line.parent}"
    return Slot(name, line.value(density), low, high, False, False, origin.source, "D", note, line)


def _default_bounds(name: str, card: DeviceCard) -> tuple[float, float]:
    if name.startswith("N"):
        return DENSITY_MIN_M3, card.ionic.density_max_m3
    return DISTANCE_BOUNDS_M if name.startswith("a") else BARRIER_BOUNDS_eV


def _origin(card: DeviceCard, start: str, name: str) -> tuple[str, str]:
    """Source and confidence of a held number: its own entry, or the law's that gave it."""
    from femristor.transport.result import CARD_FIELDS

    law = {"distance": "hopping.distance_0", "barrier": "hopping.barrier_0"}
    places = [f"states.{start}.{CARD_FIELDS[name]}", law.get(CARD_FIELDS[name].split("_")[1], "")]
    for place in places:
        if place in card.sources:
            note = card.sources[place]
            return note.source, note.confidence if place == places[0] else "D"
    return "", "E"


def state_of(slots: Iterable[Slot], values: Mapping[str, float], label: str) -> CellState:
    """The cell state of a trial point.

    Args:
        slots: all parameters.
        values: those that differ from their slot.
        label: its label.

    Returns:
        CellState in SI.
    """
    si = {slot.name: values.get(slot.name, slot.value) * KINDS[slot.name].factor for slot in slots}
    regions = {"dome": {}, "surround": {}}
    for name, kind in KINDS.items():
        regions[kind.region][kind.field] = si[name]
    return CellState(label, HoppingParameters(**regions["dome"]), HoppingParameters(**regions["surround"]))


def named_state(label: str, card: DeviceCard) -> str | None:
    """State of the card that a curve's label names: its own label, or lrs / hrs as a word in it.

    Args:
        label: e.g. "lrs", "read_iv_hrs_7e24".
        card: the device card.

    Returns:
        Label in the card, or None.
    """
    if label in card.states:
        return label
    words = re.split(r"[^a-z0-9]+", label.lower())
    return next((name for name in ("lrs", "hrs") if name in words), None)


def card_key(label: str, card: DeviceCard, others: Iterable[str]) -> str:
    """Name of the state under which a label's numbers are written to a card.

    Args:
        label: the curves' label.
        card: the device card.
        others: all labels of the fit.

    Returns:
        A state of the card where this label alone names it, else a word made of the label.
    """
    state = named_state(label, card)
    if state is not None and sum(named_state(other, card) == state for other in others) == 1:
        return state
    word = re.sub(r"[^A-Za-z0-9_-]+", "_", label).strip("_")
    return word or "fitted"
