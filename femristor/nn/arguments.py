"""Arguments of the nn room that are often mixed up: card, device under the cells, torch device, cell maker, model, seed."""

from pathlib import Path

import numpy as np
import torch

from femristor.core.errors import InputError
from femristor.device.card import DeviceCard

_WORDS = (str, Path)


def require_card(card, *, name: str = "card") -> None:
    """Refuse what is no device card.

    Args:
        card: what was given.
        name: of the argument.

    Raises:
        InputError: it is no `DeviceCard`.
    """
    if isinstance(card, DeviceCard):
        return
    if isinstance(card, _WORDS):
        remedy = f'load it first, femristor.device.load_card("{_short(card)}")'
    elif _is_device(card):
        remedy = "a device of your own goes to to_analog(model, device)"
    else:
        remedy = 'load one, e.g. femristor.device.load_card("cmo_hfox")'
    raise InputError(f"{name}= got {_kind(card)}, but needs a DeviceCard: {remedy}.")


def require_device(device, *, name: str = "device") -> None:
    """Refuse what cannot be put under cells.

    Args:
        device: what was given.
        name: of the argument.

    Raises:
        InputError: it has no window or draws no cells; torch devices and cards get their own remedy.
    """
    if _is_device(device):
        return
    if isinstance(device, DeviceCard):
        remedy = "take SoftBoundsDevice.from_card(card), or convert(model, card)"
    elif isinstance(device, (*_WORDS, torch.device)):
        remedy = (
            "take SoftBoundsDevice.from_card(card), a TableDevice or load_device(file); "
            "where torch computes is chosen with model.to(...)"
        )
    elif isinstance(device, type):
        remedy = f"give an instance, e.g. {device.__name__}(...)"
    else:
        remedy = "take SoftBoundsDevice.from_card(card), a TableDevice or load_device(file)"
    raise InputError(f"{name}= got {_kind(device)}, but needs the device under each cell: {remedy}.")


def require_cell_maker(make_cells) -> None:
    """Refuse what does not put weights on cells.

    Raises:
        InputError: it is a card or cannot be called.
    """
    if callable(make_cells) and not isinstance(make_cells, type | torch.nn.Module):
        return
    raise InputError(
        f"make_cells= got {_kind(make_cells)}, but needs a function that puts weights on cells: "
        "give femristor.array.weights.weight_arrays(card)."
    )


def require_model(model, *, name: str = "model") -> None:
    """Refuse what is no torch model.

    Raises:
        InputError: it is no `torch.nn.Module`, or the class instead of an instance.
    """
    if isinstance(model, torch.nn.Module):
        return
    remedy = "wrap your layers in one, e.g. torch.nn.Sequential(...)"
    if isinstance(model, type):
        remedy = f"give an instance, e.g. {model.__name__}(...)"
    raise InputError(f"{name}= got {_kind(model)}, but needs a torch.nn.Module: {remedy}.")


def require_whole(value, *, name: str) -> None:
    """Refuse a seed, number or draw that is not 0, 1, 2, ...

    Args:
        value: what was given.
        name: of the argument.

    Raises:
        InputError: not a whole number, or below 0.
    """
    whole = isinstance(value, int | np.integer) and not isinstance(value, bool | np.bool_)
    if not whole or value < 0:
        raise InputError(f"{name}= got {_kind(value)}, but needs a whole number: give 0, 1, 2 or more.")


def require_kind(value, kind: type, *, name: str) -> None:
    """Refuse settings of another class.

    Args:
        value: what was given.
        kind: the class it must be of.
        name: of the argument.

    Raises:
        InputError: it is something else.
    """
    if not isinstance(value, kind):
        raise InputError(
            f"{name}= got {_kind(value)}, but needs {kind.__name__}: give {kind.__name__}(...)."
        )


def _is_device(value) -> bool:
    ends = (getattr(value, "w_min", None), getattr(value, "w_max", None))
    real = all(isinstance(end, int | float | np.floating) for end in ends)
    return real and callable(getattr(value, "sample", None)) and not isinstance(value, type)


def _kind(value) -> str:
    """A value for people, short."""
    if value is None:
        return "None"
    if isinstance(value, type):
        return f"the class {value.__name__}"
    if isinstance(value, _WORDS):
        return f'the text "{_short(value)}"'
    if isinstance(value, bool | int | float | np.number | torch.device | torch.dtype):
        return _short(value)
    return f"a {type(value).__name__}"


def _short(value) -> str:
    text = "".join(c if c.isprintable() else "?" for c in str(value))
    return text if len(text) <= 40 else text[:37] + "..."
