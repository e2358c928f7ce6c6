"""One HDF5 store for every result type: frozen dataclasses in, the same dataclasses out.

A file holds one result. The root group carries `femristor_schema` (layout of this store), the type's
name and the type's own version. Arrays become datasets, nested results groups, everything else JSON.
"""

import dataclasses
import json
import types
import typing
from enum import Enum
from pathlib import Path

import numpy as np

from femristor.core.errors import StoreError
from femristor.core.files import atomic_path

SCHEMA = 1
_REGISTRY: dict[str, tuple[type, int]] = {}


def storable(name: str, version: int):
    """Class decorator: register a frozen dataclass under a name and a version.

    Args:
        name: name written to the file.
        version: raise it when the fields change their meaning.

    Returns:
        The decorator.
    """

    def register(cls: type) -> type:
        _REGISTRY[name] = (cls, version)
        cls.__store_name__ = name
        cls.__store_version__ = version
        return cls

    return register


def save(result, path: str | Path) -> Path:
    """Write a result; an existing file is replaced only when all is written.

    Args:
        result: instance of a `storable` class.
        path: HDF5 file.

    Returns:
        The path.

    Raises:
        OutputError: the file cannot be written.
        StoreError: the class is not storable.
    """
    import h5py

    if not hasattr(type(result), "__store_name__"):
        raise StoreError(f"{type(result).__name__} is not a result type that can be stored.")
    with atomic_path(path) as temporary, h5py.File(temporary, "w") as file:
        file.attrs["femristor_schema"] = SCHEMA
        _write(file, result)
    return Path(path)


def load(path: str | Path, cls: type | None = None):
    """Read a result.

    Args:
        path: HDF5 file written by `save`.
        cls: the expected class, or None for whatever it holds.

    Returns:
        The result, of the class it was saved from.

    Raises:
        StoreError: missing, truncated, not ours, of another type or a newer schema.
    """
    import h5py

    source = Path(path)
    if not source.is_file():
        raise StoreError(f"{source}: no such file; give the path of a result that femristor wrote.")
    try:
        with h5py.File(source, "r") as file:
            schema = int(file.attrs.get("femristor_schema", 0))
            if schema == 0:
                raise StoreError(f"{source}: an HDF5 file, but not one that femristor wrote.")
            if schema > SCHEMA:
                raise StoreError(
                    f"{source}: schema {schema} is newer than this femristor reads ({SCHEMA}); "
                    "update femristor."
                )
            result = _read(file, source)
    except (OSError, KeyError, json.JSONDecodeError) as error:
        raise StoreError(f"{source}: truncated or not an HDF5 file; make it again.") from error
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


def _read(group, source: Path):
    name = str(group.attrs["type"])
    if name not in _REGISTRY:
        _import_rooms(name)
    if name not in _REGISTRY:
        raise StoreError(
            f"{source}: holds {_article(name)}, which this femristor does not know; update femristor."
        )
    cls, version = _REGISTRY[name]
    found = int(group.attrs["version"])
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
    plain = json.loads(group.attrs["plain"])
    hints = typing.get_type_hints(cls)
    values = {}
    for item in dataclasses.fields(cls):
        if item.name in group:
            values[item.name] = _read_node(group[item.name], source)
        elif item.name in plain:
            values[item.name] = _revive(plain[item.name], hints[item.name])
        else:
            raise StoreError(
                f"{source}: the field {item.name} of {name} is missing; the file is damaged, make it again."
            )
    return cls(**values)


def _read_node(node, source: Path):
    if hasattr(node, "shape"):
        return node[()]
    if "length" in node.attrs:
        return tuple(_read(node[str(index)], source) for index in range(int(node.attrs["length"])))
    return _read(node, source)


def _revive(value, hint):
    origin = typing.get_origin(hint)
    if origin in (typing.Union, types.UnionType) and value is not None:
        hint = next(arg for arg in typing.get_args(hint) if arg is not type(None))
        origin = typing.get_origin(hint)
    if isinstance(value, dict) and "@" in value:
        value = value["@"]
    if dataclasses.is_dataclass(hint) and isinstance(value, dict):
        inner = typing.get_type_hints(hint)
        return hint(**{key: _revive(entry, inner[key]) for key, entry in value.items()})
    if isinstance(hint, type) and issubclass(hint, Enum):
        return hint(value)
    if (origin is tuple or hint is tuple) and isinstance(value, list):
        return tuple(tuple(entry) if isinstance(entry, list) else entry for entry in value)
    return value


def _import_rooms(name: str) -> None:
    """Import the result modules so that a file can be read without knowing its room."""
    import importlib

    for module in RESULT_MODULES:
        if name not in _REGISTRY:
            importlib.import_module(module)


RESULT_MODULES = (
    "femristor.core.curves",
    "femristor.core.traces_result",
    "femristor.device.selector_fit",
    "femristor.fem.result",
    "femristor.fem.switching_result",
    "femristor.fem.dome_result",
    "femristor.fem.forming_result",
    "femristor.transport.result",
    "femristor.compact.result",
    "femristor.compact.stochastic_result",
    "femristor.array.result",
    "femristor.array.relaxation_result",
    "femristor.array.retention_fit_result",
    "femristor.array.costs_result",
    "femristor.array.verify_result",
    "femristor.array.batches_result",
    "femristor.array.forming_result",
    "femristor.array.cycling_result",
    "femristor.array.open_loop_result",
    "femristor.array.remedies_result",
    "femristor.array.wires_result",
    "femristor.nn.result",
    "femristor.nn.training_result",
    "femristor.nn.devices.device_result",
    "femristor.nn.devices.soft_bounds",
    "femristor.nn.devices.table_device",
    "femristor.nn.inference_result",
)
