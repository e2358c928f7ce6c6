"""The HDF5 store: everything comes back, nothing broken is accepted."""

import contextlib
import importlib
import io
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
import pytest

from femristor.core import store
from femristor.core.curves import IVCurve
from femristor.core.errors import StoreError
from femristor.core.provenance import Provenance, Status
from femristor.core.rng import generator
from femristor.core.store import file as store_file


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


@contextlib.contextmanager
def forged(path):
    """Edit a stored file and give it a checksum that fits again, as a stranger could."""
    image = io.BytesIO(path.read_bytes())
    with h5py.File(image, "a") as file:
        yield file
    path.write_bytes(store_file.seal(image.getvalue()[store_file.HEADER_BYTES :]))


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
    with forged(path) as file:
        file.attrs["version"] = 3
    with pytest.raises(StoreError, match="newer than this femristor"):
        store.load(path)
    with forged(path) as file:
        file.attrs["version"] = 1
    with pytest.raises(StoreError, match="older than this femristor"):
        store.load(path)
    path.write_bytes(path.read_bytes().replace(b"result, schema 2", b"result, schema 9"))
    with pytest.raises(StoreError, match="schema 9 is newer"):
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
    with forged(path) as file:
        del file["curves"]
    with pytest.raises(StoreError, match="field curves of TestOuter is missing"):
        store.load(path)


def test_streams_of_a_seed_are_independent_and_repeat():
    first, again = generator(7, 1).normal(size=4), generator(7, 1).normal(size=4)
    np.testing.assert_array_equal(first, again)
    assert not np.allclose(first, generator(7, 2).normal(size=4))


def test_the_same_result_gives_the_same_bytes(tmp_path):
    first = store.save(make_plain(), tmp_path / "a.h5", tag="x")
    assert first.read_bytes() == store.save(make_plain(), tmp_path / "b.h5", tag="x").read_bytes()
    assert store.tag_of(first) == "x"


def make_plain() -> IVCurve:
    return IVCurve(np.linspace(0, 1, 9000), np.linspace(0, 2, 9000) ** 3, 300.0, "lrs", "o")


def test_every_flipped_block_is_found(tmp_path):
    path = store.save(make(), tmp_path / "r.h5")
    whole = path.read_bytes()
    draw = generator(3)
    for start in range(0, len(whole), max(1, len(whole) // 150)):
        broken = bytearray(whole)
        at = start + int(draw.integers(0, min(64, len(whole) - start)))
        broken[at] ^= 1 << int(draw.integers(0, 8))
        path.write_bytes(broken)
        with pytest.raises(StoreError, match=r"r\.h5"):
            store.load(path)
    for length in (0, 3, 511, 512, 600, len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(StoreError, match=r"r\.h5"):
            store.load(path)


def test_every_turned_block_of_512_bytes_is_found(tmp_path):
    path = store.save(make_plain(), tmp_path / "r.h5")
    whole = path.read_bytes()
    for start in range(0, len(whole), 512):
        block = whole[start : start + 512]
        for turned in (bytes(len(block)), bytes(byte ^ 0xFF for byte in block)):
            if turned == block:
                continue
            path.write_bytes(whole[:start] + turned + whole[start + 512 :])
            with pytest.raises(StoreError, match=r"r\.h5"):
                store.load(path)
    path.write_bytes(whole)
    assert store.load(path, IVCurve).ambient_K == 300.0


def _text_for_numbers(file, _folder):
    del file["curves/0/voltage_V"]
    file["curves/0/voltage_V"] = "0.5"


def _table_of_fields(file, _folder):
    del file["curves/0/voltage_V"]
    file["curves/0/voltage_V"] = np.zeros(3, dtype=[("a", "f8"), ("b", "i4")])


def _null(file, _folder):
    del file["curves/0/voltage_V"]
    file["curves/0/voltage_V"] = h5py.Empty("f8")


def _huge(file, _folder):
    del file["curves/0/voltage_V"]
    file.create_dataset("curves/0/voltage_V", shape=(700_000_000,), dtype="f8", compression="gzip")


def _soft_link(file, _folder):
    del file["curves/0/voltage_V"]
    file["curves/0/voltage_V"] = h5py.SoftLink("/curves/0/current_A")


def _external_link(file, folder):
    with h5py.File(folder / "secret.h5", "w") as other:
        other["x"] = np.arange(5000.0)
    del file["curves/0/voltage_V"]
    file["curves/0/voltage_V"] = h5py.ExternalLink(str(folder / "secret.h5"), "/x")


def _external_storage(file, folder):
    (folder / "raw.bin").write_bytes(np.arange(5000.0).tobytes())
    del file["curves/0/voltage_V"]
    file.create_dataset(
        "curves/0/voltage_V", shape=(5000,), dtype="f8", external=[(str(folder / "raw.bin"), 0, 40000)]
    )


def _circle(file, _folder):
    file["curves/0/again"] = file["curves"]


def _plain_is_a_list(file, _folder):
    file.attrs["plain"] = "[1, 2]"


def _words_for_a_table(file, _folder):
    file.attrs["plain"] = file.attrs["plain"].replace('"numbers": {"a": 0.1}', '"numbers": {"a": "much"}')


def _no_text(file, _folder):
    file.attrs["type"] = 7.5


def _another_status(file, _folder):
    file.attrs["plain"] = file.attrs["plain"].replace('"converged"', '"splendid"')


def _fewer_points(file, _folder):
    del file["curves/0/voltage_V"]
    file["curves/0/voltage_V"] = np.zeros(4)


def _not_a_dict(file, _folder):
    file.attrs["plain"] = "{" * 5000


def _long_length(file, _folder):
    file["curves"].attrs["length"] = 10**9


@pytest.mark.parametrize(
    "forge",
    [
        _text_for_numbers,
        _table_of_fields,
        _null,
        _huge,
        _soft_link,
        _external_link,
        _external_storage,
        _circle,
        _plain_is_a_list,
        _words_for_a_table,
        _no_text,
        _another_status,
        _fewer_points,
        _not_a_dict,
        _long_length,
    ],
)
def test_forged_files_are_refused_in_one_sentence(tmp_path, forge):
    path = store.save(make(), tmp_path / "r.h5")
    with forged(path) as file:
        forge(file, tmp_path)
    with pytest.raises(StoreError, match=r"r\.h5: ") as caught:
        store.load(path)
    assert str(caught.value).count("\n") == 0


def test_an_untouched_forgery_loads(tmp_path):
    """The helper that forges does not itself break the file."""
    path = store.save(make(), tmp_path / "r.h5")
    with forged(path):
        pass
    assert store.load(path).numbers == {"a": 0.1}


def test_a_file_of_schema_1_is_sealed_again(tmp_path):
    from femristor.core.store.upgrade import upgrade

    path = store.save(make(), tmp_path / "r.h5")
    old = path.read_bytes()
    with h5py.File(io.BytesIO(old), "r") as file, h5py.File(tmp_path / "old.h5", "w") as before:
        for key in file:
            file.copy(key, before)
        for key, value in file.attrs.items():
            before.attrs[key] = value
        before.attrs["femristor_schema"] = 1
    with pytest.raises(StoreError, match=r"older femristor, without a checksum; .*store.upgrade"):
        store.load(tmp_path / "old.h5")
    upgrade(tmp_path / "old.h5")
    assert store.load(tmp_path / "old.h5").numbers == {"a": 0.1}
    with pytest.raises(StoreError, match="schema 1"):
        upgrade(tmp_path / "r.h5")


def test_a_new_result_type_joins_by_one_file(tmp_path, monkeypatch):
    """A file in the `results` package of a room is found when its result is read, without being listed anywhere."""
    from femristor.array import results

    (tmp_path / "toy.py").write_text(
        "from dataclasses import dataclass\nfrom femristor.core.store import storable\n"
        "@storable('ToyOfOneFile', version=1)\n@dataclass(frozen=True)\nclass Toy:\n    number: float\n"
    )
    monkeypatch.setattr(results, "__path__", [*results.__path__, str(tmp_path)])
    module = importlib.import_module("femristor.array.results.toy")
    path = store.save(module.Toy(2.5), tmp_path / "toy.h5")
    for name in ("ToyOfOneFile",):
        monkeypatch.delitem(store._REGISTRY, name)
    monkeypatch.delitem(sys.modules, "femristor.array.results.toy")
    assert store.load(path).number == 2.5
    monkeypatch.delitem(store._REGISTRY, "ToyOfOneFile")
    monkeypatch.delitem(sys.modules, "femristor.array.results.toy")


def test_every_storable_type_is_found_by_its_name():
    code = (
        "import sys; from femristor.core import store\n"
        "for module in store.result_modules(): __import__(module)\n"
        "print(len(store._REGISTRY))"
    )
    found = int(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout)
    package = Path(store.__file__).parents[2]
    declared = sum(len(re.findall(r"^@storable\(", f.read_text(), flags=re.M)) for f in package.rglob("*.py"))
    assert found == declared
