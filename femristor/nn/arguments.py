"""Arguments of the nn room that are often mixed up: card, device under the cells, torch device, cell maker, model, seed."""

import numpy as np
import torch

from femristor.core.errors import InputError
from femristor.device.card import DeviceCard, given
from femristor.device.card.given import shown

_LAYERS = (torch.nn.Linear, torch.nn.Conv2d, torch.nn.LSTM)


def torch_kind(module: torch.nn.Module, name: str) -> type[torch.nn.Module] | None:
    """Which of Linear, Conv2d and LSTM a module is, if its product is theirs.

    Args:
        module: any.
        name: its place, for the message.

    Returns:
        The class; None for all others, for subclasses with a forward pass of their own, and for the projection inside
        `MultiheadAttention`, whose weight is used from outside.

    Raises:
        InputError: a lazy layer that has no weights yet.
    """
    if isinstance(module, torch.nn.modules.linear.NonDynamicallyQuantizableLinear):
        return None
    for kind in _LAYERS:
        if isinstance(module, kind) and type(module).forward is kind.forward:
            if any(torch.nn.parameter.is_lazy(value) for value in module.parameters()):
                raise InputError(
                    f"{name} is a lazy layer without weights: pass one batch through the model first."
                )
            return kind
    return None


def leave_shortcuts(model: torch.nn.Module) -> torch.nn.Module:
    """Have torch's encoder layers call the layers inside them; in evaluation they read their weights instead.

    Args:
        model: whose layers were replaced; changed in place.

    Returns:
        The model.
    """
    for part in model.modules():
        if isinstance(part, torch.nn.TransformerEncoderLayer):
            part.activation_relu_or_gelu = 0
        elif isinstance(part, torch.nn.TransformerEncoder):
            part.use_nested_tensor = False
    return model


def require_card(card) -> None:
    """Refuse what is no device card.

    Raises:
        InputError: it is no `DeviceCard`; a device under cells gets its own remedy.
    """
    remedy = "a device of your own goes to to_analog(model, device)" if _is_device(card) else ""
    given.require_card(card, remedy=remedy)


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
    elif isinstance(device, (*given.TEXTS, torch.device)):
        remedy = (
            "take SoftBoundsDevice.from_card(card), a TableDevice or load_device(file); "
            "where torch computes is chosen with model.to(...)"
        )
    elif isinstance(device, type):
        remedy = f"give an instance, e.g. {device.__name__}(...)"
    else:
        remedy = "take SoftBoundsDevice.from_card(card), a TableDevice or load_device(file)"
    raise InputError(f"{name}= got {shown(device)}, but needs the device under each cell: {remedy}.")


def require_cell_maker(make_cells) -> None:
    """Refuse what does not put weights on cells.

    Raises:
        InputError: it is a card or cannot be called.
    """
    if callable(make_cells) and not isinstance(make_cells, type | torch.nn.Module):
        return
    raise InputError(
        f"make_cells= got {shown(make_cells)}, but needs a function that puts weights on cells: "
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
    raise InputError(f"{name}= got {shown(model)}, but needs a torch.nn.Module: {remedy}.")


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
        raise InputError(f"{name}= got {shown(value)}, but needs a whole number: give 0, 1, 2 or more.")


def real_numbers(values, *, name: str) -> np.ndarray:
    """An array or tensor of real numbers as float32.

    Args:
        values: tensor, array, list.
        name: of the argument.

    Returns:
        float32 array of the same shape; NaN and infinity pass.

    Raises:
        InputError: no rectangular array of real numbers.
    """
    found = np.array(None)
    if not isinstance(values, torch.Tensor) or not values.is_complex():
        try:
            found = np.asarray(values.detach().double().cpu() if isinstance(values, torch.Tensor) else values)
        except (TypeError, ValueError, RuntimeError):
            pass
    if found.dtype.kind not in "fiub":
        raise InputError(
            f"{name}= got {shown(values)}, but needs real numbers: give an array or tensor of floats."
        )
    return found.astype(np.float32)


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
        raise InputError(f"{name}= got {shown(value)}, but needs {kind.__name__}: give {kind.__name__}(...).")


def _is_device(value) -> bool:
    ends = (getattr(value, "w_min", None), getattr(value, "w_max", None))
    real = all(isinstance(end, int | float | np.floating) for end in ends)
    return real and callable(getattr(value, "sample", None)) and not isinstance(value, type)
