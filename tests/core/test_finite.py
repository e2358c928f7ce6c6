"""Results hold numbers: a NaN or an infinity is refused where a result is made, unless its type declares the field."""

import dataclasses
import importlib
import re

import numpy as np
import pytest

from femristor.core import store
from femristor.core.errors import ConvergenceError, StoreError
from femristor.core.store.finite import UNDEFINED, check_finite


@store.storable("TestFinite", version=1, undefined=("maybe",))
@dataclasses.dataclass(frozen=True)
class Finite:
    """A result.

    Attributes:
        number: finite.
        values: finite.
        maybe: NaN where there is none.
        table: finite.
    """

    number: float = 1.0
    values: np.ndarray = dataclasses.field(default_factory=lambda: np.ones((2, 2)))
    maybe: float = float("nan")
    table: dict[str, float] = dataclasses.field(default_factory=dict)


@pytest.mark.parametrize(
    ("fields", "place"),
    [
        ({"number": float("nan")}, "number"),
        ({"number": float("inf")}, "number"),
        ({"number": np.float32("nan")}, "number"),
        ({"values": np.array([1.0, np.nan, -np.inf])}, "values, 2 of 3"),
        ({"values": np.array([1.0 + 1j * np.nan])}, "values, 1 of 1"),
        ({"table": {"a": 1.0, "b": float("nan")}}, r"table\.b"),
    ],
)
def test_a_result_with_a_number_that_is_none_cannot_be_made(fields, place):
    with pytest.raises(
        ConvergenceError, match=rf"The TestFinite holds numbers that are not finite \({place}\)"
    ):
        Finite(**fields)
    with pytest.raises(ConvergenceError):
        dataclasses.replace(Finite(), **fields)


def test_declared_fields_whole_numbers_and_nothing_pass(tmp_path):
    made = Finite(values=np.array([1, 2]))
    assert np.isnan(store.load(store.save(made, tmp_path / "r.h5"), Finite).maybe)
    assert "maybe" in UNDEFINED
    Finite(values=np.array([True]), table={})
    check_finite(
        {"a": None, "b": "nan", "c": [(1.0, 2)], "d": [made], "maybe": float("inf")}, "It", UNDEFINED
    )


def test_the_place_is_named_through_lists_and_dataclasses():
    @dataclasses.dataclass
    class Plain:
        x: float

    with pytest.raises(ConvergenceError, match=r"\(rows\.1\.x\)"):
        check_finite({"rows": [Plain(1.0), Plain(float("nan"))]}, "It")


def test_a_stored_file_with_one_is_refused(tmp_path):
    path = store.save(Finite(), tmp_path / "r.h5")
    kept, Finite.__store_undefined__ = Finite.__store_undefined__, frozenset()
    try:
        object.__setattr__(made := Finite(maybe=1.0), "number", float("nan"))
        store.save(made, path)
    finally:
        Finite.__store_undefined__ = kept
    with pytest.raises(StoreError, match=r"r\.h5: holds values that cannot be used"):
        store.load(path)


def _entries(cls) -> dict[str, str]:
    """Field to its entry under Attributes."""
    found, name = {}, ""
    for line in (cls.__doc__ or "").partition("Attributes:")[2].splitlines():
        head = re.match(r" {8}(\w+): (.*)", line)
        if head:
            name = head[1]
            found[name] = head[2]
        elif name:
            found[name] += " " + line.strip()
    return found


def _types():
    for module in store.result_modules():
        importlib.import_module(module)
    return [cls for cls, _ in store._REGISTRY.values() if cls.__module__.startswith("femristor.")]


@pytest.mark.parametrize("cls", _types(), ids=lambda cls: cls.__store_name__)
def test_what_may_be_undefined_is_documented_and_nothing_else_is(cls):
    entries = _entries(cls)
    told = {name for name, text in entries.items() if re.search(r"\bNaN\b|infinite", text)}
    assert told == set(cls.__store_undefined__)
    assert told <= {item.name for item in dataclasses.fields(cls)}
