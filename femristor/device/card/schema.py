"""The card's text form: which keys there are, their units and signs (pydantic validates it at the border).

An entry is `"11 nm"` or `{ value = "11 nm", source = "C", confidence = "S", note = "..." }`; source and
confidence may be given once for a section instead. Every number must have both.
"""

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict

from femristor.core.io.text import LINE_MAX, one_line

Confidence = Literal["S", "D", "E", "M", "F"]


@dataclass(frozen=True)
class Unit:
    """Unit and sign of an entry; `sign` is one of ">0", ">=0", "<0", "any"."""

    unit: str
    sign: str = ">0"


class Entry(BaseModel):
    """A number as written, with its origin."""

    model_config = ConfigDict(extra="forbid")
    value: str
    source: str | None = None
    confidence: Confidence | None = None
    note: str = ""


def _entry(raw):
    if isinstance(raw, bool):
        return raw
    if isinstance(raw, str | int | float):
        return {"value": str(raw)}
    if (
        isinstance(raw, dict)
        and isinstance(raw.get("value"), int | float)
        and not isinstance(raw["value"], bool)
    ):
        return {**raw, "value": str(raw["value"])}
    return raw


def _quantity(unit: str, sign: str = ">0"):
    return Annotated[Entry, BeforeValidator(_entry), Unit(unit, sign)]


Metre = _quantity("m")
Volt = _quantity("V")
AnyVolt = _quantity("V", "any")
Kelvin = _quantity("K")
Density = _quantity("1/m^3")
Siemens = _quantity("S")
Number = _quantity("")
NotNegative = _quantity("", ">=0")


class Section(BaseModel):
    """A table of the card; its source and confidence hold for entries without their own."""

    model_config = ConfigDict(extra="forbid")
    source: str | None = None
    confidence: Confidence | None = None


class DeviceSection(Section):
    """Table [device]."""

    polarity: Literal["8W", "C8W"]
    ambient: Kelvin
    cell_width: Metre


class DomainSection(Section):
    """Table [domain]."""

    radius: Metre
    electrode_radius: Metre
    dielectric: str


class LayerSection(Section):
    """Table [[layers]]."""

    name: str
    role: Literal["bottom_electrode", "oxide", "cmo", "top_electrode", "cap"]
    material: str
    thickness: Metre


class FilamentSection(Section):
    """Table [filament]."""

    material: str
    radius: Metre


class DomeSection(Section):
    """Table [dome]."""

    radius: Metre


class MaterialSection(Section):
    """Table [materials.NAME]."""

    conduction: Literal["ohmic", "mott-gurney"] = "ohmic"
    electrical_conductivity: _quantity("S/m") | None = None
    low_field_conductivity: _quantity("S/m") | None = None
    thermal_conductivity: _quantity("W/m/K")


class HoppingSection(Section):
    """Table [hopping]."""

    attempt_frequency: _quantity("Hz")
    distance_min: Metre
    distance_0: Metre
    distance_slope: _quantity("m^4", "any")
    barrier_0: _quantity("J", ">=0")
    barrier_slope: _quantity("J m^3", "any")
    background_density: _quantity("1/m^3", ">=0")


class StateSection(Section):
    """[states.LABEL]; distance and barrier come from [hopping] where they are not given."""

    dome_density: Density
    dome_distance: Metre | None = None
    dome_barrier: _quantity("J", ">=0") | None = None
    surround_density: Density
    surround_distance: Metre | None = None
    surround_barrier: _quantity("J", ">=0") | None = None


class IonicSection(Section):
    """Table [ionic]."""

    attempt_frequency: _quantity("Hz")
    hop_distance: Metre
    length: Metre
    charge_number: Number
    barrier_set: _quantity("J")
    barrier_set_slope: _quantity("J m^3", "any")
    barrier_reset: _quantity("J")
    density_max: Density
    saturation_exponent: Number


class VacanciesSection(Section):
    """Table [vacancies]: what the field model of moving vacancies needs besides [ionic]; may be missing."""

    barrier_law: Literal["voltage", "field", "gradient", "single"] = "voltage"
    density_max: Density
    dome_density: Density
    dome_radius: Metre
    surround_density: Density
    soret_energy: _quantity("J", "any") | None = None
    filament_density: Density | None = None


class FormingSection(Section):
    """Table [forming]: how vacancies are made in the oxide while the filament grows; may be missing."""

    attempt_frequency: _quantity("Hz")
    activation_energy: _quantity("J")
    dipole: _quantity("C m")
    permittivity: Number
    plane: Metre
    activation_spread: _quantity("J", ">=0")


class SelectorSection(Section):
    """Table [selector]."""

    width: Metre
    length: Metre
    threshold: Volt
    saturation_velocity: _quantity("m/s")
    mobility: _quantity("m^2/V/s")
    oxide_thickness: Metre
    gate_set: Volt
    gate_reset: Volt
    gate_read: Volt
    gate_forming: Volt
    series_resistance: _quantity("ohm", ">=0")


class ProgrammingSection(Section):
    """Table [[statistics.programming]]."""

    acceptance: Number
    slope: NotNegative
    offset: _quantity("S", ">=0")


class RelaxationSection(Section):
    """Table [statistics.relaxation]; activation energy and memory exponent may be missing."""

    mean_slope: _quantity("S", "any")
    sigma_slope: _quantity("S", ">=0")
    sigma_offset: _quantity("S", ">=0")
    activation: _quantity("J") | None = None
    memory_exponent: NotNegative | None = None


class ReadNoiseSection(Section):
    """Table [statistics.read_noise]."""

    coefficient: _quantity("S", ">=0")
    reference_time: _quantity("s")


class PulsesSection(Section):
    """Table [statistics.pulses]."""

    n_states_mean: Number
    n_states_std: NotNegative
    skew_mean: Number
    skew_std: NotNegative
    noise_to_signal: NotNegative
    exponent_mean: NotNegative
    exponent_std: NotNegative
    pulse_width: _quantity("s")
    set_amplitude: Volt
    reset_amplitude: _quantity("V", "<0")


class StatisticsSection(Section):
    """Table [statistics]."""

    conductance_min: Siemens
    conductance_max: Siemens
    levels: Number
    read_voltage: Volt
    wire_segment: _quantity("ohm", ">=0")
    programming: list[ProgrammingSection]
    relaxation: RelaxationSection
    read_noise: ReadNoiseSection
    pulses: PulsesSection


class RangeSection(Section):
    """Table [range]."""

    voltage_max: Volt
    density_min: Density
    density_max: Density
    ambient_min: Kelvin
    ambient_max: Kelvin
    temperature_max: Kelvin | None = None


def _plain_name(name):
    """A card's name stands in files of every kind: one line of characters that can be seen."""
    if isinstance(name, str) and not (name.isprintable() and len(name) <= LINE_MAX):
        shown = one_line(name, 40)
        raise ValueError(
            f"'{shown}' has to be one line of at most {LINE_MAX} characters that can be seen; rename the card"
        )
    return name


class CardText(BaseModel):
    """A whole card as written."""

    model_config = ConfigDict(extra="forbid")
    schema_version: int
    name: Annotated[str, BeforeValidator(_plain_name)]
    description: str = ""
    sources: dict[str, str]
    device: DeviceSection
    domain: DomainSection
    layers: list[LayerSection]
    filament: FilamentSection
    dome: DomeSection
    materials: dict[str, MaterialSection]
    hopping: HoppingSection
    states: dict[str, StateSection]
    ionic: IonicSection
    vacancies: VacanciesSection | None = None
    forming: FormingSection | None = None
    selector: SelectorSection
    statistics: StatisticsSection
    range: RangeSection
    fitted_on: dict[str, dict[str, str]] = {}
