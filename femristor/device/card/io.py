"""Card files in and out: TOML to `DeviceCard`, differences, a new card, a card with replaced numbers."""

import difflib
import hashlib
from dataclasses import replace
from importlib import resources
from pathlib import Path

from femristor.core.errors import CardError, DataError, InputError
from femristor.core.io.files import read_text
from femristor.core.io.toml import parse_toml
from femristor.device.card import DeviceCard
from femristor.device.card.build import build_card
from femristor.device.card.fitted_on import is_found, stack_numbers, tell_stale

SCHEMA_VERSION = 1


def shipped_cards() -> dict[str, Path]:
    """Names and files of the cards that come with the package."""
    folder = Path(str(resources.files("femristor.device") / "cards"))
    return {path.stem: path for path in sorted(folder.glob("*.toml"))}


def load_card(path_or_name: str | Path = "cmo_hfox") -> DeviceCard:
    """Read and check a device card; numbers that were fitted on another stack are told (`device.fitted_on`).

    Args:
        path_or_name: a TOML file, or the name of a shipped card.

    Returns:
        DeviceCard in SI units.

    Raises:
        CardError: one sentence naming file, key and remedy.
        DataError: the file is missing or empty.
    """
    source = card_path(path_or_name)
    card = parse_card(read_text(source, "device card"), str(source))
    tell_stale(card, str(path_or_name))
    return card


def card_path(path_or_name: str | Path) -> Path:
    """File of a card given by path or by shipped name."""
    shipped = shipped_cards()
    if str(path_or_name) in shipped:
        return shipped[str(path_or_name)]
    source = Path(path_or_name)
    if not source.is_file():
        raise DataError(f"{source}: no such device card; give a .toml file or one of {', '.join(shipped)}.")
    return source


def parse_card(text: str, origin: str) -> DeviceCard:
    """Build a card from TOML text.

    Args:
        text: the card.
        origin: file name for messages.

    Returns:
        DeviceCard.

    Raises:
        CardError: see `load_card`.
    """
    from pydantic import ValidationError

    from femristor.device.card.schema import CardText

    raw = parse_toml(text, origin)
    version = raw.get("schema_version", SCHEMA_VERSION)
    if isinstance(version, bool) or not isinstance(version, int) or version < 1:
        raise CardError(f"{origin}: schema_version is {str(version)[:40]!r}; write schema_version = {SCHEMA_VERSION}.")
    if version > SCHEMA_VERSION:
        raise CardError(
            f"{origin}: card schema {version} is newer than this femristor reads ({SCHEMA_VERSION}); "
            "update femristor."
        )
    try:
        model = CardText.model_validate(raw)
    except ValidationError as error:
        raise CardError(f"{origin}: {_sentence(_most_telling(error.errors()), CardText)}") from None
    digest = hashlib.sha256(_canonical(raw).encode()).hexdigest()[:16]
    try:
        return replace(build_card(model, digest), text=text)
    except InputError as error:
        raise CardError(f"{origin}: {error}") from None


def new_card_text(name: str, template: str = "cmo_hfox") -> str:
    """Text of a new card to edit, a copy of a shipped one under another name.

    Args:
        name: name of the new card.
        template: shipped card or file to start from.

    Returns:
        TOML text.

    Raises:
        CardError: the template is no valid card.
    """
    import tomlkit

    document = _document(template)
    document["name"] = name
    document["description"] = (
        f"New card made from {document['name'] if template == name else template}; replace the numbers"
    )
    text = tomlkit.dumps(document)
    parse_card(text, f"card made from {template}")
    return text


def replaced_card_text(template: str | Path, changes: dict[str, dict], name: str | None = None) -> str:
    """Text of a card in which some entries are replaced, comments kept.

    Args:
        template: shipped card or file.
        changes: dotted key ("filament.radius", "states.lrs.dome_density") to the entry's
            `{"value": ..., "source": ..., "confidence": ..., "note": ...}`.
        name: new name, or None to keep it.

    Returns:
        TOML text; keys that are missing in the template are added, and for each new fit the stack that it holds for.

    Raises:
        CardError: the changed card is not valid.
    """
    return replaced_text(_card_text(template), changes, name, origin=f"card made from {template}")


def replaced_text(text: str, changes: dict[str, dict], name: str | None = None, *, origin: str) -> str:
    """As `replaced_card_text`, of a card that is at hand as text.

    Args:
        text: TOML of a card.
        changes: as in `replaced_card_text`.
        name: new name, or None to keep it.
        origin: of the new card, for messages.

    Returns:
        TOML text.

    Raises:
        CardError: the changed card is not valid.
    """
    import tomlkit

    document = tomlkit.parse(text)
    if name:
        document["name"] = name
    for key, entry in changes.items():
        table = document
        *parents, last = key.split(".")
        for parent in parents:
            if parent not in table:
                table[parent] = tomlkit.table()
            table = table[parent]
        if isinstance(entry, dict):
            inline = tomlkit.inline_table()
            inline.update(entry)
            entry = inline
        table[last] = entry
    card = parse_card(tomlkit.dumps(document), origin)
    for key in changes:
        kind, _, source = key.partition(".")
        if kind == "sources" and is_found(card, source):
            stacks = document.setdefault("fitted_on", tomlkit.table(is_super_table=True))
            stacks[source] = stack_numbers(card, source)
    return tomlkit.dumps(document)


def _document(template: str | Path):
    """A card that can be edited, comments kept."""
    import tomlkit

    return tomlkit.parse(_card_text(template))


def _card_text(template: str | Path) -> str:
    source = card_path(template)
    text = read_text(source, "device card")
    parse_toml(text, str(source))
    return text


def diff_cards(first: DeviceCard, second: DeviceCard) -> list[tuple[str, str, str]]:
    """Entries in which two cards differ.

    Args:
        first: a card.
        second: another card.

    Returns:
        (key, text in first, text in second), "-" where it is missing, sorted by key.
    """
    rows = []
    for key in sorted(first.sources.keys() | second.sources.keys()):
        left, right = (card.sources[key].text if key in card.sources else "-" for card in (first, second))
        if left != right:
            rows.append((key, left, right))
    return rows


def _canonical(raw) -> str:
    """Text that depends on values only, so that notes and sources do not change a card's hash."""
    if isinstance(raw, dict):
        if "value" in raw:
            return f"={raw['value']}"
        # The limit of temperature warns and moves no number.
        skipped = {"source", "confidence", "note", "description", "name", "sources", "temperature_max", "fitted_on"}
        return (
            "{" + ",".join(f"{key}:{_canonical(raw[key])}" for key in sorted(raw) if key not in skipped) + "}"
        )
    if isinstance(raw, list):
        return "[" + ",".join(_canonical(entry) for entry in raw) + "]"
    return f"={raw}"


def _most_telling(errors: list[dict]) -> dict:
    """A mistyped key gives two errors (unknown and missing); the unknown one says more."""
    return next((error for error in errors if error["type"] == "extra_forbidden"), errors[0])


def _sentence(error: dict, model) -> str:
    place = [
        str(part) for part in error["loc"] if not (isinstance(part, str) and ("[" in part or part == "Entry"))
    ]
    key = ".".join(place)
    kind = error["type"]
    if kind == "missing":
        return f"the key {key} is missing; add it (femristor card show cmo_hfox prints a complete card)."
    if kind == "extra_forbidden":
        close = difflib.get_close_matches(place[-1], _known_keys(model), n=1)
        hint = (
            f"did you mean {close[0]}?"
            if close
            else "remove it (femristor card show cmo_hfox prints all keys)."
        )
        return f"unknown key {key}; {hint}"
    if kind == "literal_error":
        return f"{key} is '{error['input']}', but it must be {error['ctx']['expected']}."
    return f"{key}: {error['msg'].lower()}, found {error['input']!r}; correct the entry."


def _known_keys(model) -> set[str]:
    import typing

    keys: set[str] = set()
    pending = [model]
    while pending:
        current = pending.pop()
        for name, item in current.model_fields.items():
            keys.add(name)
            for part in (item.annotation, *typing.get_args(item.annotation)):
                if isinstance(part, type) and hasattr(part, "model_fields") and part is not current:
                    pending.append(part)
    return keys
