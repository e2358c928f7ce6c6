"""One HDF5 store for every result type: frozen dataclasses in, the same dataclasses out.

A file holds one result. The root group carries `femristor_schema` (layout of this store), the type's
name and the type's own version. Arrays become datasets, nested results groups, everything else JSON.
`store.file` seals the file with a checksum and opens nothing that does not fit it.
"""

import dataclasses
import functools
import importlib
import json
import pkgutil
import typing
from collections.abc import Iterator
from enum import Enum
from pathlib import Path

import numpy as np

from femristor.core.errors import ConvergenceError, InputError, StoreError
from femristor.core.store.checks import check_kind, check_shapes, revive
from femristor.core.store.file import (
    SCHEMA,
    MisbuiltError,
    open_sealed,
    text_entry,
    whole_entry,
    write_sealed,
)
from femristor.core.store.finite import UNDEFINED, check_finite

_REGISTRY: dict[str, tuple[type, int]] = {}


def storable(
    name: str, version: int, shapes: dict[str, str] | None = None, *, undefined: tuple[str, ...] = ()
):
    """Class decorator: register a frozen dataclass under a name and a version; its numbers are checked when it is made.

    Args:
        name: name written to the file.
        version: raise it when the fields change their meaning.
        shapes: axes of its arrays by field, "state bias" for (state, bias); an axis has one length in all fields.
        undefined: fields that may be NaN or infinite; their docstring says where.

    Returns:
        The decorator, whose class raises ConvergenceError for a NaN or an infinity in any other field.
    """

    def register(cls: type) -> type:
        _REGISTRY[name] = (cls, version)
        cls.__store_name__ = name
        cls.__store_version__ = version
        cls.__store_shapes__ = dict(shapes or {})
        cls.__store_undefined__ = frozenset(undefined)
        UNDEFINED.update(undefined)
        _check_when_made(cls)
        return cls

    return register


def _check_when_made(cls: type) -> None:
    """Refuse results that hold no numbers as soon as there is one, before it is printed, stored or handed on."""
    make = cls.__init__

    @functools.wraps(make)
    def checked(self, *args, **kwargs) -> None:
        make(self, *args, **kwargs)
        check_finite(self, f"The {cls.__store_name__}", cls.__store_undefined__)

    cls.__init__ = checked


def save(result, path: str | Path, *, tag: str = "") -> Path:
    """Write a result; an existing file is replaced only when all is written.

    Args:
        result: instance of a `storable` class.
        path: HDF5 file.
        tag: what made it, for `tag_of`.

    Returns:
        The path.

    Raises:
        OutputError: the file cannot be written.
        StoreError: the class is not storable.
    """
    if not hasattr(type(result), "__store_name__"):
        raise StoreError(f"{type(result).__name__} is not a result type that can be stored.")

    def fill(file) -> None:
        file.attrs["femristor_schema"] = SCHEMA
        file.attrs["tag"] = tag
        _write(file, result)

    return write_sealed(path, fill)


def tag_of(path: str | Path) -> str:
    """The tag that a result was saved with.

    Args:
        path: HDF5 file written by `save`.

    Returns:
        The tag.

    Raises:
        StoreError: as in `load`.
    """
    with open_sealed(Path(path)) as file:
        return text_entry(file, "tag")


def load(path: str | Path, cls: type | None = None):
    """Read a result.

    Args:
        path: HDF5 file written by `save`.
        cls: the expected class, or None for whatever it holds.

    Returns:
        The result, of the class it was saved from.

    Raises:
        StoreError: missing, truncated, damaged, not ours, of another type or schema, with fields of a wrong kind.
    """
    source = Path(path)
    try:
        with open_sealed(source) as file:
            result = read_open(file, source)
    except StoreError:
        raise
    except (InputError, ConvergenceError) as error:
        raise StoreError(f"{source}: holds values that cannot be used ({error}); make it again.") from error
    except (OSError, LookupError, RuntimeError, ValueError, TypeError, OverflowError, RecursionError) as error:
        raise StoreError(f"{source}: damaged or not written by femristor; make it again.") from error
    if cls is not None and not isinstance(result, cls):
        wanted = getattr(cls, "__store_name__", cls.__name__)
        raise StoreError(
            f"{source}: holds {_article(type(result).__store_name__)}, but {_article(wanted)} is expected here."
        )
    return result


def _article(name: str) -> str:
    return f"an {name}" if name[0] in "AEIOU" else f"a {name}"


def _write(group, result) -> None:
    group.attrs["type"] = type(result).__store_name__
    group.attrs["version"] = type(result).__store_version__
    plain: dict[str, object] = {}
    for item in dataclasses.fields(result):
        _write_value(group, item.name, getattr(result, item.name), plain)
    group.attrs["plain"] = json.dumps(plain)


def _write_value(group, name: str, value, plain: dict) -> None:
    if isinstance(value, np.ndarray):
        group.create_dataset(name, data=value, compression="gzip" if value.size > 4096 else None)
    elif hasattr(type(value), "__store_name__"):
        _write(group.create_group(name), value)
    elif isinstance(value, tuple) and value and hasattr(type(value[0]), "__store_name__"):
        sub = group.create_group(name)
        sub.attrs["length"] = len(value)
        for index, entry in enumerate(value):
            _write(sub.create_group(str(index)), entry)
    elif dataclasses.is_dataclass(value):
        plain[name] = {"@": dataclasses.asdict(value)}
    elif isinstance(value, Enum):
        plain[name] = value.value
    elif isinstance(value, np.generic):
        plain[name] = value.item()
    else:
        plain[name] = value


def read_open(group, source: Path):
    """Read a result from an open HDF5 group whose links and sizes were checked.

    Args:
        group: h5py.File or h5py.Group.
        source: the file, for messages.

    Returns:
        The result.

    Raises:
        StoreError: a type or a version that is not known, a field that is missing.
        MisbuiltError: a field of another kind.
    """
    name = text_entry(group, "type")
    if name not in _REGISTRY:
        _import_rooms(name)
    if name not in _REGISTRY:
        raise StoreError(
            f"{source}: holds {_article(name[:60])}, which this femristor does not know; update femristor."
        )
    cls, version = _REGISTRY[name]
    found = whole_entry(group, "version")
    if found > version:
        raise StoreError(
            f"{source}: {name} of schema {found} is newer than this femristor reads ({version}); "
            "update femristor."
        )
    if found < version:
        raise StoreError(
            f"{source}: {name} of schema {found} is older than this femristor reads ({version}); "
            "make it again."
        )
    plain = json.loads(text_entry(group, "plain"))
    if not isinstance(plain, dict):
        raise MisbuiltError(f"the plain fields of {name} are not a table")
    hints = typing.get_type_hints(cls)
    values = {}
    for item in dataclasses.fields(cls):
        if item.name in group:
            values[item.name] = _read_node(group[item.name], hints[item.name], f"{name}.{item.name}", source)
        elif item.name in plain:
            values[item.name] = revive(plain[item.name], hints[item.name], f"{name}.{item.name}")
        else:
            raise StoreError(
                f"{source}: the field {item.name} of {name} is missing; the file is damaged, make it again."
            )
    check_shapes(name, getattr(cls, "__store_shapes__", {}), values)
    return cls(**values)


def _read_node(node, hint, place: str, source: Path):
    if hasattr(node, "shape"):
        value = np.asarray(node[()])
    elif "length" in node.attrs:
        length = whole_entry(node, "length")
        if length != len(node):
            raise MisbuiltError(f"{place} tells {length} entries and holds {len(node)}")
        value = tuple(read_open(node[str(index)], source) for index in range(length))
    else:
        value = read_open(node, source)
    check_kind(value, hint, place)
    return value


def _import_rooms(name: str) -> None:
    """Import the result modules so that a file can be read without knowing its room."""
    for module in result_modules():
        if name in _REGISTRY:
            return
        importlib.import_module(module)


ELSEWHERE = (
    "femristor.core.curves",
    "femristor.core.traces",
    "femristor.device.selector",
    "femristor.device.state",
    "femristor.transport.result",
    "femristor.nn.devices.device_result",
    "femristor.nn.devices.soft_bounds",
    "femristor.nn.devices.table_device",
    "femristor.report.bundle",
    "femristor.report.comparison",
)
"""Modules with storable types outside the `results` packages of the rooms."""
ROOMS_WITH_RESULTS = ("fem", "compact", "array", "nn")


def result_modules() -> Iterator[str]:
    """Names of all modules with storable types; a file in the `results` package of a room is one without being listed.

    Yields:
        Dotted names, the light ones first.
    """
    yield from ELSEWHERE[:4]
    for room in ROOMS_WITH_RESULTS:
        package = importlib.import_module(f"femristor.{room}.results")
        yield from sorted(f"{package.__name__}.{entry.name}" for entry in pkgutil.iter_modules(package.__path__))
    yield from ELSEWHERE[4:]
