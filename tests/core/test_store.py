"""The HDF5 store: everything comes back, nothing broken is accepted."""

from dataclasses import dataclass

import h5py
import numpy as np
import pytest

from femristor.core import store
from femristor.core.curves import IVCurve
from femristor.core.errors import StoreError
from femristor.core.provenance import Provenance
from femristor.core.rng import generator
from femristor.core.status import Status


@store.storable("TestOuter", version=2)
@dataclass(frozen=True)
class Outer:
    curves: tuple[IVCurve, ...]
    numbers: dict[str, float]
    words: tuple[str, ...]
    status: Status
    provenance: Provenance
    maybe: float | None = None


def make() -> Outer:
    curve = IVCurve(np.linspace(0, 1, 5000), np.linspace(0, 2, 5000), 300.0, "lrs", "o")
    made = Provenance.create("test", seed=3, inputs={"a.csv": "00ff"}, notes=("one", "two"))
    return Outer((curve, curve), {"a": 0.1}, ("x", "y"), Status.CONVERGED, made)


def test_round_trip(tmp_path):
    first = make()
    path = store.save(first, tmp_path / "r.h5")
    back = store.load(path, Outer)
    np.testing.assert_array_equal(back.curves[1].current_A, first.curves[1].current_A)
    assert back.numbers == first.numbers
    assert back.words == ("x", "y")
    assert back.status is Status.CONVERGED
    assert back.provenance == first.provenance
    assert back.maybe is None
    assert "numpy" in back.provenance.versions


def test_truncated_file(tmp_path):
    path = store.save(make(), tmp_path / "r.h5")
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(StoreError, match=r"r\.h5: truncated"):
        store.load(path)


def test_newer_schema_and_wrong_type(tmp_path):
    path = store.save(make(), tmp_path / "r.h5")
    with pytest.raises(StoreError, match="an IVCurve is expected"):
        store.load(path, IVCurve)
    with h5py.File(path, "a") as file:
        file.attrs["version"] = 3
    with pytest.raises(StoreError, match="newer than this femristor"):
        store.load(path)
    with h5py.File(path, "a") as file:
        file.attrs["version"] = 1
    with pytest.raises(StoreError, match="older than this femristor"):
        store.load(path)
    with h5py.File(path, "a") as file:
        file.attrs["femristor_schema"] = 99
    with pytest.raises(StoreError, match="schema 99 is newer"):
        store.load(path)


def test_not_ours(tmp_path):
    with pytest.raises(StoreError, match="no such file"):
        store.load(tmp_path / "none.h5")
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["x"] = 1
    with pytest.raises(StoreError, match="not one that femristor wrote"):
        store.load(tmp_path / "other.h5")
    (tmp_path / "text.h5").write_text("hello")
    with pytest.raises(StoreError, match="not an HDF5 file"):
        store.load(tmp_path / "text.h5")


def test_missing_field(tmp_path):
    path = store.save(make(), tmp_path / "r.h5")
    with h5py.File(path, "a") as file:
        del file["curves"]
    with pytest.raises(StoreError, match="field curves of TestOuter is missing"):
        store.load(path)


def test_streams_of_a_seed_are_independent_and_repeat():
    first, again = generator(7, 1).normal(size=4), generator(7, 1).normal(size=4)
    np.testing.assert_array_equal(first, again)
    assert not np.allclose(first, generator(7, 2).normal(size=4))
