"""What was handed over in place of a card: one check for all rooms, one sentence."""

import numbers
from pathlib import Path

from femristor.core.errors import InputError
from femristor.device.card import DeviceCard

TEXTS = (str, Path)


def require_card(card, *, name: str = "card", remedy: str = "") -> None:
    """Refuse what is no device card.

    Args:
        card: what was given.
        name: of the argument.
        remedy: where the caller knows a better one than to load a card.

    Raises:
        InputError: it is no `DeviceCard`.
    """
    if isinstance(card, DeviceCard):
        return
    file = shown(card, bare=True) if isinstance(card, TEXTS) else "cmo_hfox"
    remedy = remedy or f'load one first, femristor.device.load_card("{file}")'
    raise InputError(f"{name}= got {shown(card)}, but needs a DeviceCard: {remedy}.")


def shown(value, *, bare: bool = False) -> str:
    """A value for people, in one short line.

    Args:
        value: anything.
        bare: only the text of a text or number, without words about it.

    Returns:
        E.g. 'the text "cuda"', "the class SoftBoundsDevice", "3.5", "a list".
    """
    if value is None:
        return "None"
    if isinstance(value, type):
        return f"the class {value.__name__}"
    plain = isinstance(value, (*TEXTS, numbers.Number)) or type(value).__module__ == "torch"
    if not plain or getattr(value, "shape", ()) != ():
        return f"a {type(value).__name__}"
    text = "".join(c if c.isprintable() else "?" for c in str(value)[:60])
    text = text if len(text) <= 40 else text[:37] + "..."
    return f'the text "{text}"' if isinstance(value, TEXTS) and not bare else text
