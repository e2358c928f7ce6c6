"""femristor card: show, check, copy and compare device cards."""

from collections import Counter
from pathlib import Path

import click

from femristor.cli.frame.options import CommandGroup, Context, common_options
from femristor.cli.frame.tables import text_table
from femristor.core.errors import InputError, OutputError

CONFIDENCE = {
    "S": "stated in the source",
    "D": "derived from stated numbers",
    "E": "estimate",
    "M": "modelled",
    "F": "fitted",
}


@click.group("card", cls=CommandGroup)
def command() -> None:
    """Show, check, copy and compare device cards.

    CARD is the name of a shipped card (cmo_hfox) or the path of a TOML file.
    """


@command.command("show")
@click.argument("card", default="cmo_hfox")
@click.option("--toml", "as_toml", is_flag=True, help="Print the file itself, as a start for your own.")
@common_options
def show(context: Context, *, card: str, as_toml: bool) -> None:
    """Print each number of a card with its source and confidence."""
    from femristor.core.io.files import read_text
    from femristor.device.card.io import card_path, load_card

    loaded = load_card(card)
    if as_toml:
        text = read_text(card_path(card), "device card")
        context.emit({"name": loaded.name, "hash": loaded.hash, "toml": text}, text)
        return
    rows = [(key, note.text, note.confidence, note.source, note.note) for key, note in loaded.sources.items()]
    cited = sorted({note.source for note in loaded.sources.values()})
    lines = [
        f"{loaded.name}: {loaded.description}",
        f"polarity {loaded.polarity}, hash {loaded.hash}",
        "layers from below: " + ", ".join(f"{x.name} ({x.thickness_m * 1e9:g} nm)" for x in loaded.layers),
        "",
        text_table(("key", "value", "confidence", "source", "note"), rows),
        "",
        *(f"{key}: {loaded.bibliography[key]}" for key in cited),
        "confidence: " + ", ".join(f"{key} {words}" for key, words in CONFIDENCE.items()),
    ]
    context.emit({"card": loaded}, "\n".join(lines))


@command.command("check")
@click.argument("cards", nargs=-1, required=True, metavar="CARD...")
@common_options
def check(context: Context, *, cards: tuple[str, ...]) -> None:
    """Read cards and say whether each can be used; exit code 2 with one sentence when one cannot.

    Numbers that were fitted or modelled on another stack than the card now has are named in a warning.
    """
    from femristor.device.card.fitted_on import stale_numbers
    from femristor.device.card.io import load_card

    payload, lines = [], []
    for name in cards:
        loaded = load_card(name)
        count = Counter(note.confidence for note in loaded.sources.values())
        kinds = ", ".join(f"{count[key]} {words}" for key, words in CONFIDENCE.items() if count[key])
        lines.append(
            f"{name}: card {loaded.name} is valid, hash {loaded.hash}, {count.total()} numbers: {kinds}"
        )
        stale = [key for keys, _ in stale_numbers(loaded).values() for key in keys]
        payload.append(
            {"path": name, "name": loaded.name, "hash": loaded.hash, "confidence": dict(count), "stale": stale}
        )
    context.emit({"valid": True, "cards": payload}, "\n".join(lines))


@command.command("new")
@click.argument("path", metavar="FILE.toml")
@click.option("--from", "template", default="cmo_hfox", show_default=True, help="Card to start from.")
@click.option("--force", is_flag=True, help="Replace the file if it exists.")
@common_options
def new(context: Context, *, path: str, template: str, force: bool) -> None:
    """Write a new card, a copy of another one to edit."""
    from femristor.core.io.files import atomic_write
    from femristor.device.card.io import new_card_text

    target = Path(path)
    if target.suffix != ".toml":
        raise InputError(f"{target}: a card is a TOML file; give a name that ends in .toml.")
    if target.exists() and not force:
        raise OutputError(f"{target} exists already; give another name, or --force to replace it.")
    text = new_card_text(target.stem, template)
    with atomic_write(target) as stream:
        stream.write(text)
    context.emit(
        {"path": target, "name": target.stem, "template": template},
        f"wrote {target}, a copy of {template}; edit it, then run: femristor card check {target}",
    )


@command.command("diff")
@click.argument("first", metavar="CARD")
@click.argument("second", metavar="CARD")
@common_options
def diff(context: Context, *, first: str, second: str) -> None:
    """List the numbers in which two cards differ."""
    from femristor.device.card.io import diff_cards, load_card

    rows = diff_cards(load_card(first), load_card(second))
    text = text_table(("key", first, second), rows) if rows else f"{first} and {second} hold the same numbers"
    differences = [{"key": key, "first": left, "second": right} for key, left, right in rows]
    context.emit({"same": not rows, "differences": differences}, text)
