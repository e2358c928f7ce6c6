"""From the validated text of a card to SI dataclasses: units, signs, sources, geometry."""

from femristor.core.errors import InputError
from femristor.core.units import parse_quantity
from femristor.device import card as dc
from femristor.device.card.fitted_on import stale_numbers
from femristor.device.card.plausible import check_plausible
from femristor.device.card.schema import CardText, Entry, Section, Unit
from femristor.device.state import CellState, HoppingParameters
from femristor.device.temperature import LIMIT_K

_SIGN_WORDS = {">0": "above 0", ">=0": "0 or above", "<0": "below 0"}


class _Reader:
    """Reads the entries of sections as SI numbers and notes where each comes from."""

    def __init__(self, bibliography: dict[str, str]):
        self.bibliography = bibliography
        self.sources: dict[str, dc.SourceNote] = {}

    def values(self, section: Section, prefix: str, parent: Section | None = None) -> dict[str, float]:
        """SI value of every quantity of a section, by key."""
        found = {}
        for name, item in type(section).model_fields.items():
            entry = getattr(section, name)
            if isinstance(entry, Entry):
                unit = _unit_of(item)
                found[name] = self._number(entry, unit, f"{prefix}.{name}", (section, parent))
        return found

    def _number(self, entry: Entry, unit: Unit, key: str, sections) -> float:
        value = parse_quantity(entry.value, unit.unit, key)
        wrong = {">0": value <= 0, ">=0": value < 0, "<0": value >= 0, "any": False}[unit.sign]
        if wrong:
            raise InputError(
                f'{key} is "{entry.value}", but it must be {_SIGN_WORDS[unit.sign]}; correct the number.'
            )
        check_plausible(key, entry.value, value, unit.unit, unit.sign)
        source = entry.source or next((s.source for s in sections if s is not None and s.source), None)
        confidence = entry.confidence or next(
            (s.confidence for s in sections if s is not None and s.confidence), None
        )
        if source is None or confidence is None:
            raise InputError(
                f"{key} names no source or confidence; write "
                f'{{ value = "{entry.value}", source = "E", confidence = "E" }}.'
            )
        if source not in self.bibliography:
            raise InputError(f"{key} cites '{source}', which is not in [sources]; add it there.")
        self.sources[key] = dc.SourceNote(entry.value, source, confidence, entry.note)
        return value


def _unit_of(item) -> Unit:
    for mark in item.metadata:
        if isinstance(mark, Unit):
            return mark
    for part in getattr(item.annotation, "__args__", ()):
        for mark in getattr(part, "__metadata__", ()):
            if isinstance(mark, Unit):
                return mark
    raise AssertionError(f"schema entry without a unit: {item}")


def build_card(text: CardText, digest: str) -> dc.DeviceCard:
    """Convert a validated card to SI.

    Args:
        text: the card as written.
        digest: its hash.

    Returns:
        DeviceCard.

    Raises:
        InputError: a wrong unit or sign, a missing source, or an impossible geometry.
    """
    reader = _Reader(text.sources)
    device = reader.values(text.device, "device")
    hopping = _hopping(reader.values(text.hopping, "hopping"))
    domain = reader.values(text.domain, "domain")
    card = dc.DeviceCard(
        name=text.name,
        description=text.description,
        polarity=text.device.polarity,
        ambient_K=device["ambient"],
        cell_width_m=device["cell_width"],
        layers=_layers(text, reader),
        materials=_materials(text, reader),
        filament=dc.Filament(reader.values(text.filament, "filament")["radius"], text.filament.material),
        dome=dc.Dome(reader.values(text.dome, "dome")["radius"]),
        domain=dc.Domain(domain["radius"], domain["electrode_radius"], text.domain.dielectric),
        hopping=hopping,
        states=_states(text, reader, hopping),
        ionic=_ionic(reader.values(text.ionic, "ionic")),
        vacancies=_vacancies(text, reader),
        forming=_forming(text, reader),
        selector=_selector(reader.values(text.selector, "selector")),
        statistics=_statistics(text, reader),
        range=_range(reader.values(text.range, "range")),
        sources=reader.sources,
        bibliography=dict(text.sources),
        hash=digest,
        fitted_on={source: dict(stack) for source, stack in text.fitted_on.items()},
    )
    _check(card)
    _check_fitted_on(card)
    return card


def _layers(text: CardText, reader: _Reader) -> tuple[dc.Layer, ...]:
    layers = []
    for index, layer in enumerate(text.layers):
        thickness = reader.values(layer, f"layers.{index}")["thickness"]
        layers.append(dc.Layer(layer.name, layer.role, layer.material, thickness))
    return tuple(layers)


def _materials(text: CardText, reader: _Reader) -> dict[str, dc.Material]:
    materials = {}
    for name, section in text.materials.items():
        key = f"materials.{name}"
        values = reader.values(section, key)
        hops = section.conduction == "mott-gurney"
        if not hops and "electrical_conductivity" not in values:
            raise InputError(
                f'{key}.electrical_conductivity is missing; add it, or set conduction = "mott-gurney".'
            )
        if hops and "electrical_conductivity" in values:
            raise InputError(
                f"{key} has mott-gurney conduction and electrical_conductivity; keep one of them."
            )
        materials[name] = dc.Material(
            name,
            values.get("electrical_conductivity"),
            values["thermal_conductivity"],
            values.get("low_field_conductivity"),
        )
    return materials


def _hopping(v: dict[str, float]) -> dc.HoppingLaw:
    return dc.HoppingLaw(
        v["attempt_frequency"],
        v["distance_min"],
        v["distance_0"],
        v["distance_slope"],
        v["barrier_0"],
        v["barrier_slope"],
        v["background_density"],
    )


def _states(text: CardText, reader: _Reader, law: dc.HoppingLaw) -> dict[str, CellState]:
    states = {}
    for label, section in text.states.items():
        v = reader.values(section, f"states.{label}")
        regions = []
        for region in ("dome", "surround"):
            by_law = law.parameters(v[f"{region}_density"])
            regions.append(
                HoppingParameters(
                    by_law.density_m3,
                    v.get(f"{region}_distance", by_law.distance_m),
                    v.get(f"{region}_barrier", by_law.barrier_J),
                )
            )
        states[label] = CellState(label, *regions)
    return states


def _ionic(v: dict[str, float]) -> dc.IonicLaw:
    return dc.IonicLaw(
        v["attempt_frequency"],
        v["hop_distance"],
        v["length"],
        v["charge_number"],
        v["barrier_set"],
        v["barrier_set_slope"],
        v["barrier_reset"],
        v["density_max"],
        v["saturation_exponent"],
    )


def _vacancies(text: CardText, reader: _Reader) -> dc.VacancyLaw | None:
    if text.vacancies is None:
        return None
    v = reader.values(text.vacancies, "vacancies")
    return dc.VacancyLaw(
        text.vacancies.barrier_law,
        v["density_max"],
        v["dome_density"],
        v["dome_radius"],
        v["surround_density"],
        v.get("soret_energy", 0.0),
        v.get("filament_density"),
    )


def _forming(text: CardText, reader: _Reader) -> dc.FormingLaw | None:
    if text.forming is None:
        return None
    v = reader.values(text.forming, "forming")
    return dc.FormingLaw(
        v["attempt_frequency"],
        v["activation_energy"],
        v["dipole"],
        v["permittivity"],
        v["plane"],
        v["activation_spread"],
    )


def _selector(v: dict[str, float]) -> dc.Selector:
    return dc.Selector(
        v["width"],
        v["length"],
        v["threshold"],
        v["saturation_velocity"],
        v["mobility"],
        v["oxide_thickness"],
        v["gate_set"],
        v["gate_reset"],
        v["gate_read"],
        v["gate_forming"],
        v["series_resistance"],
    )


def _statistics(text: CardText, reader: _Reader) -> dc.Statistics:
    section = text.statistics
    v = reader.values(section, "statistics")
    lines = {}
    for index, line in enumerate(section.programming):
        w = reader.values(line, f"statistics.programming.{index}", section)
        lines[w["acceptance"]] = dc.LineLaw(w["slope"], w["offset"])
    relax = reader.values(section.relaxation, "statistics.relaxation", section)
    noise = reader.values(section.read_noise, "statistics.read_noise", section)
    p = reader.values(section.pulses, "statistics.pulses", section)
    if v["levels"] != int(v["levels"]) or v["levels"] < 2:
        raise InputError(
            f"statistics.levels is {v['levels']:g}, but it must be a whole number from 2 on; correct it."
        )
    return dc.Statistics(
        g_min_S=v["conductance_min"],
        g_max_S=v["conductance_max"],
        levels=int(v["levels"]),
        read_voltage_V=v["read_voltage"],
        wire_segment_ohm=v["wire_segment"],
        programming=lines,
        relaxation=dc.RelaxationLaw(
            relax["mean_slope"],
            relax["sigma_slope"],
            relax["sigma_offset"],
            relax.get("activation"),
            relax.get("memory_exponent", 1.0),
        ),
        read_noise=dc.ReadNoiseLaw(noise["coefficient"], noise["reference_time"]),
        pulses=dc.PulseStatistics(
            p["n_states_mean"],
            p["n_states_std"],
            p["skew_mean"],
            p["skew_std"],
            p["noise_to_signal"],
            p["exponent_mean"],
            p["exponent_std"],
            p["pulse_width"],
            p["set_amplitude"],
            p["reset_amplitude"],
        ),
    )


def _range(v: dict[str, float]) -> dc.OperatingRange:
    return dc.OperatingRange(
        v["voltage_max"],
        v["density_min"],
        v["density_max"],
        v["ambient_min"],
        v["ambient_max"],
        v.get("temperature_max", LIMIT_K),
    )


def _check(card: dc.DeviceCard) -> None:
    roles = [layer.role for layer in card.layers]
    expected = [role for role in dc.ROLES if role in roles]
    if roles != expected or not {"bottom_electrode", "oxide", "cmo", "top_electrode"} <= set(roles):
        raise InputError(
            f"layers are {', '.join(roles)} from below, but they must be {', '.join(dc.ROLES)} "
            "in this order, each once (the cap may be left out); reorder the [[layers]]."
        )
    used = {layer.material for layer in card.layers} | {card.filament.material, card.domain.dielectric}
    for name in sorted(used - card.materials.keys()):
        raise InputError(f"the material {name} is used but not defined; add [materials.{name}].")
    if not card.materials[card.layer("cmo").material].is_hopping:
        raise InputError(
            'the cmo layer must conduct by hopping; set conduction = "mott-gurney" in its material.'
        )
    for name in sorted(used - {card.layer("cmo").material}):
        if card.materials[name].is_hopping:
            raise InputError(
                f"materials.{name} hops, but only the cmo layer may; give it an electrical_conductivity."
            )
    chain = [
        ("filament.radius", card.filament.radius_m, "dome.radius", card.dome.radius_m),
        ("filament.radius", card.filament.radius_m, "device.cell_width / 2", card.cell_width_m / 2),
        ("dome.radius", card.dome.radius_m, "the cmo thickness", card.layer("cmo").thickness_m),
        ("dome.radius", card.dome.radius_m, "domain.electrode_radius", card.domain.electrode_radius_m),
        ("domain.electrode_radius", card.domain.electrode_radius_m, "domain.radius", card.domain.radius_m),
    ]
    # the filament must be narrower than the cell before anything else is compared
    for small, value, large, bound in sorted(chain, key=lambda row: "cell_width" not in row[2]):
        if not value < bound:
            raise InputError(
                f"{small} ({value * 1e9:g} nm) must be smaller than {large} ({bound * 1e9:g} nm); "
                "correct one of them."
            )
    for label in ("lrs", "hrs"):
        if label not in card.states:
            raise InputError(f"the state {label} is missing; add [states.{label}].")
    _check_ranges(card)


def _check_fitted_on(card: dc.DeviceCard) -> None:
    for source in card.fitted_on:
        if source not in card.bibliography:
            raise InputError(f"fitted_on.{source}: '{source}' is not in [sources]; add it there, or remove the table.")
    stale_numbers(card)


def _check_ranges(card: dc.DeviceCard) -> None:
    span, stats = card.range, card.statistics
    for name, low, high in (
        ("range.density", span.density_min_m3, span.density_max_m3),
        ("range.ambient", span.ambient_min_K, span.ambient_max_K),
        ("statistics.conductance", stats.g_min_S, stats.g_max_S),
    ):
        if not low < high:
            raise InputError(f"{name}_min ({low:g}) must be below {name}_max ({high:g}); swap them.")
    if span.density_max_m3 > card.ionic.density_max_m3:
        raise InputError("range.density_max is above ionic.density_max; lower it.")
    if not 0 < stats.pulses.skew_mean < 1:
        raise InputError(
            f"statistics.pulses.skew_mean is {stats.pulses.skew_mean:g}, but it must lie between 0 and 1."
        )
