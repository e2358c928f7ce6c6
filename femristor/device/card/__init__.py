"""The device card as frozen SI dataclasses: what every room reads; built by `load_card`."""

from dataclasses import dataclass, field

from femristor.core.errors import InputError
from femristor.core.units import is_number, parse_number
from femristor.device.family import state_between
from femristor.device.hopping import HoppingLaw
from femristor.device.state import CellState
from femristor.device.temperature import LIMIT_K

ROLES = ("bottom_electrode", "oxide", "cmo", "top_electrode", "cap")


@dataclass(frozen=True)
class SourceNote:
    """Where a number of the card comes from.

    Attributes:
        text: the number as written in the card.
        source: abbreviation, expanded in `DeviceCard.bibliography`.
        confidence: S stated, D derived, E estimate, M modelled, F fitted.
        note: remark.
    """

    text: str
    source: str
    confidence: str
    note: str = ""


@dataclass(frozen=True)
class Layer:
    """A layer of the stack; `role` is one of ROLES."""

    name: str
    role: str
    material: str
    thickness_m: float


@dataclass(frozen=True)
class Material:
    """Bulk properties; `conductivity_S_per_m` is None where hopping gives it."""

    name: str
    conductivity_S_per_m: float | None
    thermal_conductivity_W_per_mK: float
    low_field_conductivity_S_per_m: float | None = None

    @property
    def is_hopping(self) -> bool:
        """Whether the conductivity is the Mott-Gurney law."""
        return self.conductivity_S_per_m is None


@dataclass(frozen=True)
class Filament:
    """The conductive filament in the oxide."""

    radius_m: float
    material: str


@dataclass(frozen=True)
class Dome:
    """The half sphere of CMO over the filament whose vacancies switch the cell."""

    radius_m: float


@dataclass(frozen=True)
class Domain:
    """The solved region: outer radius, radius where CMO and top electrode end, what is beyond."""

    radius_m: float
    electrode_radius_m: float
    dielectric: str


@dataclass(frozen=True)
class IonicLaw:
    """Parameters of vacancy hopping (see `femristor.device.laws.vacancy`)."""

    attempt_frequency_Hz: float
    hop_distance_m: float
    length_m: float
    charge_number: float
    barrier_set_J: float
    barrier_set_slope_J_m3: float
    barrier_reset_J: float
    density_max_m3: float
    saturation_exponent: float

    def set_barrier_J(self, density_m3: float) -> float:
        """Barrier of the set direction at a density, E_0 + slope N [J]."""
        return self.barrier_set_J + self.barrier_set_slope_J_m3 * density_m3


BARRIER_LAWS = ("voltage", "field", "gradient", "single")
"""What chooses between the barriers of set and reset where the vacancies move (see `fem.vacancy_forms`)."""


@dataclass(frozen=True)
class VacancyLaw:
    """Vacancies that move in the fields: what the drift-diffusion of the conductive metal oxide adds to `IonicLaw`.

    Attributes:
        barrier_law: one of BARRIER_LAWS.
        density_max_m3: steric limit, local density at which drift stops.
        dome_density_m3: density of the enriched dome that the negative sweep after forming leaves.
        dome_radius_m: radius of that dome.
        surround_density_m3: density of the oxide around it.
        soret_J: energy Q of the thermodiffusion flux D N Q grad T / (k T^2); 0 leaves it out.
        filament_density_m3: density held at the face of the filament in polarity C8W.
    """

    barrier_law: str
    density_max_m3: float
    dome_density_m3: float
    dome_radius_m: float
    surround_density_m3: float
    soret_J: float = 0.0
    filament_density_m3: float | None = None


@dataclass(frozen=True)
class FormingLaw:
    """Generation of vacancies in the oxide where the filament grows: broken bonds by field and temperature.

    Rate of a bond `nu exp(-(E_a - b F)/kT)` with `b = p (2 + k)/3`, the Lorentz field on a dipole p (thermochemical model,
    McPherson et al., Appl. Phys. Lett. 82, 2121, 2003).

    Attributes:
        attempt_frequency_Hz: nu.
        activation_J: E_a without a field.
        dipole_C_m: p.
        permittivity: k, relative.
        plane_m: distance of two planes of bonds, the shortest gap.
        activation_spread_J: standard deviation of E_a from device to device.
    """

    attempt_frequency_Hz: float
    activation_J: float
    dipole_C_m: float
    permittivity: float
    plane_m: float
    activation_spread_J: float

    @property
    def lowering_C_m(self) -> float:
        """b, how much a field lowers the barrier [J per V/m]."""
        return self.dipole_C_m * (2 + self.permittivity) / 3


@dataclass(frozen=True)
class Selector:
    """The NMOS in series with the cell, and its gate voltages."""

    width_m: float
    length_m: float
    threshold_V: float
    saturation_velocity_m_per_s: float
    mobility_m2_per_Vs: float
    oxide_thickness_m: float
    gate_set_V: float
    gate_reset_V: float
    gate_read_V: float
    gate_forming_V: float
    series_resistance_ohm: float


@dataclass(frozen=True)
class LineLaw:
    """sigma = slope G + offset."""

    slope: float
    offset_S: float


@dataclass(frozen=True)
class RelaxationLaw:
    """Mean shift and sigma of a programmed conductance, lines in ln(t/s).

    Attributes:
        mean_slope_S: mean change a unit of ln t.
        sigma_slope_S: sigma a unit of ln t.
        sigma_offset_S: sigma at 1 s.
        activation_J: Arrhenius energy of relaxation; None where the card gives none.
        memory_exponent: m of the correlation (sigma_t/sigma_u)^m of two times; 1 is independent increments.
    """

    mean_slope_S: float
    sigma_slope_S: float
    sigma_offset_S: float
    activation_J: float | None = None
    memory_exponent: float = 1.0


@dataclass(frozen=True)
class ReadNoiseLaw:
    """sigma = coefficient log10(G/uS) sqrt(ln((t + t_r)/(2 t_r)))."""

    coefficient_S: float
    reference_time_s: float


@dataclass(frozen=True)
class PulseStatistics:
    """Open-loop pulse response of the measured array, and the pulses that gave it."""

    n_states_mean: float
    n_states_std: float
    skew_mean: float
    skew_std: float
    noise_to_signal: float
    exponent_mean: float
    exponent_std: float
    pulse_width_s: float
    set_amplitude_V: float
    reset_amplitude_V: float


@dataclass(frozen=True)
class Statistics:
    """Measured statistics of the array; `programming` maps an acceptance to its sigma line."""

    g_min_S: float
    g_max_S: float
    levels: int
    read_voltage_V: float
    wire_segment_ohm: float
    programming: dict[float, LineLaw]
    relaxation: RelaxationLaw
    read_noise: ReadNoiseLaw
    pulses: PulseStatistics


@dataclass(frozen=True)
class OperatingRange:
    """Range over which the compact table is built, and the temperature up to which the card holds."""

    voltage_max_V: float
    density_min_m3: float
    density_max_m3: float
    ambient_min_K: float
    ambient_max_K: float
    temperature_max_K: float = LIMIT_K


@dataclass(frozen=True)
class DeviceCard:
    """One cell: stack, materials, laws, states, selector, statistics, and the source of each number.

    Attributes:
        layers: from below; exactly one for each of ROLES but the cap, which may be missing.
        states: label to CellState.
        sources: dotted key to SourceNote.
        bibliography: source abbreviation to citation.
        hash: SHA-256 over the SI numbers (not over comments or notes).
        fitted_on: source to the numbers of the stack with which its numbers were found, see `device.fitted_on`.
        text: the TOML that it was read from.
    """

    name: str
    description: str
    polarity: str
    ambient_K: float
    cell_width_m: float
    layers: tuple[Layer, ...]
    materials: dict[str, Material]
    filament: Filament
    dome: Dome
    domain: Domain
    hopping: HoppingLaw
    states: dict[str, CellState]
    ionic: IonicLaw
    selector: Selector
    statistics: Statistics
    range: OperatingRange
    sources: dict[str, SourceNote] = field(repr=False)
    bibliography: dict[str, str] = field(repr=False)
    hash: str = ""
    vacancies: VacancyLaw | None = None
    forming: FormingLaw | None = None
    fitted_on: dict[str, dict[str, str]] = field(default_factory=dict, repr=False)
    text: str = field(default="", repr=False, compare=False)

    def updated(self, fit, *, name: str | None = None) -> "DeviceCard":
        """This card with the numbers of a fit, each with the fit as its source.

        Args:
            fit: anything with `changes()`, e.g. FormingFit or HoppingFit.
            name: of the new card; this one's by default.

        Returns:
            DeviceCard.

        Raises:
            CardError: numbers that no cell has.
            InputError: a card that was not read from a text, or something that is no fit.
        """
        from femristor.device.card.io import parse_card, replaced_text

        if not callable(getattr(fit, "changes", None)):
            raise InputError(f"A {type(fit).__name__} changes no card; give the result of a fit, e.g. fit_hopping(...).")
        if not self.text:
            raise InputError(f"Card {self.name} has no text to change; load it with load_card or parse_card.")
        origin = f"card {self.name} with a fit"
        return parse_card(replaced_text(self.text, fit.changes(), name, origin=origin), origin)

    def material(self, name: str) -> Material:
        """Material by name."""
        return self.materials[name]

    def layer(self, role: str) -> Layer:
        """The layer of a role.

        Raises:
            InputError: the stack has none.
        """
        for entry in self.layers:
            if entry.role == role:
                return entry
        raise InputError(f"Card {self.name}: the stack has no layer with role {role}; add one.")

    def state(self, text: str) -> CellState:
        """A state by its label, or "N=2e25" for a dome density in 1/m^3.

        Raises:
            InputError: an unknown label or an impossible density.
        """
        if text in self.states:
            return self.states[text]
        if not text.startswith("N="):
            raise InputError(
                f"No state '{text}' in card {self.name}; "
                f"use one of {', '.join(self.states)} or N=<density in 1/m^3>."
            )
        if not is_number(text[2:]):
            raise InputError(f"'{text}' is no density; write it as N=2e25 (in 1/m^3).")
        density = parse_number(text[2:], "density")
        if not 0 < density <= self.ionic.density_max_m3:
            raise InputError(
                f"A density of {density:g} 1/m^3 is outside (0, {self.ionic.density_max_m3:g}]; "
                "choose another."
            )
        return self.state_at(density)

    def state_at(self, density_m3: float) -> CellState:
        """State with this dome density, on the line of states through HRS and LRS.

        See `femristor.device.family`; the family passes through both states exactly.
        """
        return state_between(self.states["hrs"], self.states["lrs"], density_m3, self.hopping)

    def describe(self, key: str) -> str:
        """One line on the origin of a number: text, confidence, citation."""
        note = self.sources[key]
        cited = self.bibliography.get(note.source, note.source)
        return f"{key} = {note.text} [{note.confidence}] {cited}" + (f" ({note.note})" if note.note else "")
