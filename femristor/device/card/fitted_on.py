"""Numbers of a card that were fitted or modelled hold for one stack: what it was, and whether it still is.

A card carries in `[fitted_on.SOURCE]` the numbers of the stack with which those of that source were found, by the role
of a layer, so that another name of a material changes nothing. `load_card` compares them with the card as it is.
"""

from femristor.core.messages import notice
from femristor.core.units import parse_quantity
from femristor.device.card import DeviceCard

STALE = 0.01
"""Relative change of a number of the stack from which what was fitted on it is stale: fits meet their curves to 1 %."""
INSULATING_S_PER_M = 1.0
"""Conductivities below carry nothing beside the filament and count as this one."""
_FOUND = ("M", "F")
_BY_LINES = ("states.", "vacancies.", "hopping.")
_CONDUCTIVITY = "electrical_conductivity"
_UNITS = {
    "thickness": "m",
    "radius": "m",
    _CONDUCTIVITY: "S/m",
    "low_field_conductivity": "S/m",
    "thermal_conductivity": "W/m/K",
    "attempt_frequency": "Hz",
    "distance_min": "m",
    "distance_0": "m",
    "distance_slope": "m^4",
    "barrier_0": "J",
    "barrier_slope": "J m^3",
    "background_density": "1/m^3",
}
_PRISTINE = "cmo.low_field_conductivity"
"""Matters to a forming fit alone."""
_LINES = tuple(f"hopping.{name}" for name in list(_UNITS)[5:])


def stack_numbers(card: DeviceCard, source: str) -> dict[str, str]:
    """Numbers of the stack that those of a source were found with, as written in the card.

    Args:
        card: the card with which they were found.
        source: key in its bibliography; its own numbers are left out.

    Returns:
        "oxide.thickness" (by role) to "3.5 nm"; the lines of hopping only where they matter to that source.
    """
    own = [key for key, note in card.sources.items() if note.source == source]
    by_lines = any(key.startswith(_BY_LINES) for key in own)
    return {
        name: card.sources[key].text
        for name, key in _keys(card).items()
        if card.sources[key].source != source
        and (by_lines or name not in _LINES)
        and ("filament.radius" in own or name != _PRISTINE)
    }


def _keys(card: DeviceCard) -> dict[str, str]:
    """Name by role of every number of the stack to its key in the card."""
    keys = {f"{layer.role}.thickness": f"layers.{k}.thickness" for k, layer in enumerate(card.layers)}
    named = {layer.role: layer.material for layer in card.layers}
    named |= {"filament": card.filament.material, "dielectric": card.domain.dielectric}
    for role, material in named.items():
        for name in (_CONDUCTIVITY, "thermal_conductivity"):
            keys[f"{role}.{name}"] = f"materials.{material}.{name}"
    keys[_PRISTINE] = f"materials.{named['cmo']}.low_field_conductivity"
    keys |= {key: key for key in ("filament.radius", "dome.radius", *_LINES)}
    return {name: key for name, key in keys.items() if key in card.sources}


def is_found(card: DeviceCard, source: str) -> bool:
    """Whether a source has numbers that were fitted or modelled, and so hold for one stack."""
    return any(note.source == source and note.confidence in _FOUND for note in card.sources.values())


def stale_numbers(card: DeviceCard) -> dict[str, tuple[tuple[str, ...], tuple[str, ...]]]:
    """Fitted and modelled numbers whose stack has changed since.

    Args:
        card: a card.

    Returns:
        Source to (keys of its numbers, what changed in words).
    """
    found = {}
    now = {name: card.sources[key].text for name, key in _keys(card).items()}
    for source, then in card.fitted_on.items():
        own = tuple(
            key for key, note in card.sources.items() if note.source == source and note.confidence in _FOUND
        )
        moved = tuple(
            f"{name} was {text} and is {now.get(name, 'gone')}"
            for name, text in then.items()
            if not _same(name, text, now.get(name))
        )
        if own and moved:
            found[source] = own, moved
    return found


def tell_stale(card: DeviceCard, origin: str) -> None:
    """Tell of the stale numbers of a card, one notice a source.

    Args:
        card: a card.
        origin: its file.
    """
    for source, (keys, moved) in stale_numbers(card).items():
        notice(
            f"{origin}: {_some(keys)} ({source}) were found with another stack ({_some(moved)}), so they are stale; fit them "
            f"again (femristor fit hopping, fit forming), or remove [fitted_on.{source}] if they hold all the same."
        )


def _same(name: str, then: str, now: str | None) -> bool:
    if now is None or now == then:
        return now == then
    unit = _UNITS[name.rpartition(".")[2]]
    first, second = (parse_quantity(text, unit, f"fitted_on: {name}") for text in (then, now))
    if name.endswith(_CONDUCTIVITY):
        first, second = max(first, INSULATING_S_PER_M), max(second, INSULATING_S_PER_M)
    return abs(second - first) <= STALE * abs(first)


def _some(words: tuple[str, ...], most: int = 3) -> str:
    return ", ".join(words[:most]) + (f" and {len(words) - most} more" if len(words) > most else "")
