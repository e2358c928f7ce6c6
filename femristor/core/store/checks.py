"""What is read from a file has the kinds and shapes that its dataclass declares."""

import dataclasses
import types
import typing
from enum import Enum

import numpy as np

from femristor.core.store.file import MisbuiltError

_WORDS = {float: "a number", int: "a whole number", str: "a text", bool: "true or false", type(None): "empty"}


def revive(value, hint, place: str):
    """Turn a JSON value into what a field declares.

    Args:
        value: from `json.loads`.
        hint: the field's type.
        place: type and field, for the message.

    Returns:
        The value: lists as tuples, tables as dataclasses, words as enums.

    Raises:
        MisbuiltError: a value of another kind.
    """
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if hint in (typing.Any, object):
        return value
    if origin in (typing.Union, types.UnionType):
        return _revive_union(value, inner, place)
    if origin is typing.Literal:
        if value not in inner:
            raise MisbuiltError(f"{place} is none of {', '.join(map(str, inner))}")
        return value
    if dataclasses.is_dataclass(hint):
        return _revive_dataclass(value, hint, place)
    if isinstance(hint, type) and issubclass(hint, Enum):
        if value not in [entry.value for entry in hint]:
            raise MisbuiltError(f"{place} is none of {', '.join(str(entry.value) for entry in hint)}")
        return hint(value)
    if origin is tuple or hint is tuple:
        return _revive_tuple(value, inner, place)
    if origin is dict or hint is dict:
        return _revive_dict(value, inner, place)
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return value
    if hint not in _WORDS or type(value) is not hint:
        raise MisbuiltError(f"{place} is not {_WORDS.get(hint, 'what it should be')}")
    return value


def check_kind(value, hint, place: str) -> None:
    """Check what was read as an array or as a nested result against its field.

    Args:
        value: array, result, or tuple of results.
        hint: the field's type.
        place: type and field, for the message.

    Raises:
        MisbuiltError: of another kind.
    """
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if hint in (typing.Any, object):
        return
    if origin in (typing.Union, types.UnionType):
        for choice in inner:
            try:
                return check_kind(value, choice, place)
            except MisbuiltError:
                continue
        raise MisbuiltError(f"{place} is not what it should be")
    if origin is tuple and isinstance(value, tuple):
        kinds = [inner[0]] * len(value) if len(inner) == 2 and inner[1] is Ellipsis else inner
        if len(kinds) != len(value):
            raise MisbuiltError(f"{place} has {len(value)} entries instead of {len(kinds)}")
        for entry, kind in zip(value, kinds, strict=True):
            check_kind(entry, kind, place)
        return
    if origin is np.ndarray:
        hint = np.ndarray
    if not isinstance(hint, type) or not isinstance(value, hint):
        raise MisbuiltError(f"{place} is not {'an array' if hint is np.ndarray else 'what it should be'}")


def check_shapes(name: str, shapes: dict[str, str], values: dict) -> None:
    """Check that arrays have the axes that their type declares, each axis of one length.

    Args:
        name: the type.
        shapes: axes by field, words with blanks between; a whole number is a length, "..." any axes.
        values: the fields.

    Raises:
        MisbuiltError: another number of axes, or two lengths for one axis.
    """
    lengths: dict[str, tuple[int, str]] = {}
    for field, axes in shapes.items():
        value = values.get(field)
        if not isinstance(value, np.ndarray) or axes == "...":
            continue
        words = axes.split()
        if value.ndim != len(words):
            raise MisbuiltError(f"{name}.{field} has {value.ndim} axes instead of {len(words)} ({axes})")
        for word, length in zip(words, value.shape, strict=True):
            wanted, other = (int(word), "") if word.isdigit() else lengths.setdefault(word, (length, field))
            if length != wanted:
                raise MisbuiltError(
                    f"{name}.{field} has {length} entries on its axis '{word}' instead of {wanted}"
                    + (f" as {other}" if other else "")
                )


def _revive_union(value, choices: tuple, place: str):
    faults = []
    for choice in choices:
        try:
            return revive(value, choice, place)
        except MisbuiltError as fault:
            faults.append(fault)
    raise faults[0]


def _revive_dataclass(value, hint: type, place: str):
    if isinstance(value, dict) and "@" in value:
        value = value["@"]
    inner = typing.get_type_hints(hint)
    names = {item.name for item in dataclasses.fields(hint)}
    required = {
        item.name
        for item in dataclasses.fields(hint)
        if item.default is dataclasses.MISSING and item.default_factory is dataclasses.MISSING
    }
    if not isinstance(value, dict) or not required <= set(value) <= names:
        raise MisbuiltError(f"{place} is not a {hint.__name__}")
    return hint(**{key: revive(entry, inner[key], f"{place}.{key}") for key, entry in value.items()})


def _revive_tuple(value, inner: tuple, place: str) -> tuple:
    if not isinstance(value, list):
        raise MisbuiltError(f"{place} is not a list")
    if not inner:
        return tuple(tuple(entry) if isinstance(entry, list) else entry for entry in value)
    kinds = [inner[0]] * len(value) if len(inner) == 2 and inner[1] is Ellipsis else list(inner)
    if len(kinds) != len(value):
        raise MisbuiltError(f"{place} has {len(value)} entries instead of {len(kinds)}")
    return tuple(revive(entry, kind, place) for entry, kind in zip(value, kinds, strict=True))


def _revive_dict(value, inner: tuple, place: str) -> dict:
    if not isinstance(value, dict):
        raise MisbuiltError(f"{place} is not a table")
    kind = inner[1] if len(inner) == 2 else typing.Any
    return {key: revive(entry, kind, f"{place}.{key[:40]}") for key, entry in value.items()}
