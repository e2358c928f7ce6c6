"""HDF5 files with a checksum: made in memory, sealed by a header of 512 bytes, checked before they are opened.

The header is HDF5's user block, so that every HDF5 tool opens the file. It holds the schema, the length and the
SHA-256 of all that follows: a flipped bit, a cut and an edit by hand are all found. What a sealed file holds is
checked again, since a stranger can seal a file too: links, types, filters, and sizes against the bytes present.
"""

import hashlib
import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from femristor.core.bounds import check_memory
from femristor.core.errors import StoreError
from femristor.core.io.files import read_bytes, write_bytes

SCHEMA = 2
HEADER_BYTES = 512
_SIGNATURE = b"\x89HDF\r\n\x1a\n"
_HEADER = re.compile(rb"femristor result, schema (\d{1,9})\nlength (\d{1,15})\nsha256 ([0-9a-f]{64})\n *\n")
_LARGEST_FILE = 1 << 34
_LARGEST_TEXT = 1 << 26
# Deflate cannot do better than 1032 to 1.
_LARGEST_RATIO = 1040
_DEEPEST = 32


def write_sealed(path: str | Path, fill) -> Path:
    """Make an HDF5 file in memory, seal it and write it at once.

    Args:
        path: the file.
        fill: called with the open h5py.File.

    Returns:
        The path.

    Raises:
        OutputError: it cannot be written.
    """
    import h5py

    with h5py.File("image", "w", driver="core", backing_store=False, userblock_size=HEADER_BYTES) as file:
        fill(file)
        file.flush()
        image = file.id.get_file_image()
    return write_bytes(path, seal(image))


def seal(image: bytes) -> bytes:
    """Put the header before the bytes of an HDF5 file without one.

    Args:
        image: the HDF5 file from its signature on.

    Returns:
        Header and image.
    """
    text = f"femristor result, schema {SCHEMA}\nlength {len(image)}\nsha256 {hashlib.sha256(image).hexdigest()}\n"
    return text.encode("ascii").ljust(HEADER_BYTES - 1) + b"\n" + image


@contextmanager
def open_sealed(source: Path) -> Iterator:
    """Open a sealed file after its checksum, its links and its sizes were checked.

    Args:
        source: the file.

    Yields:
        h5py.File, read from memory.

    Raises:
        StoreError: missing, truncated, damaged, not ours, of another schema, or built to mislead.
    """
    import h5py

    if not source.is_file():
        raise StoreError(f"{source}: no such file; give the path of a result that femristor wrote.")
    content = read_bytes(source, "result file", limit=_LARGEST_FILE)
    check_header(source, content)
    try:
        with h5py.File(io.BytesIO(content), "r") as file:
            check_memory(_check_tree(file, len(content)), f"{source}", "take a smaller file")
            yield file
    except MisbuiltError as fault:
        raise StoreError(f"{source}: {fault}; make it again with femristor.") from None


def check_header(source: Path, content: bytes) -> None:
    """Check the header of a file's bytes.

    Args:
        source: the file, for messages.
        content: all its bytes.

    Raises:
        StoreError: no header, another schema, or a checksum that does not fit.
    """
    found = _HEADER.fullmatch(content[:HEADER_BYTES])
    if found is None:
        raise StoreError(f"{source}: {_what_it_is(content)}.")
    schema, length = int(found[1]), int(found[2])
    if schema > SCHEMA:
        raise StoreError(
            f"{source}: schema {schema} is newer than this femristor reads ({SCHEMA}); update femristor."
        )
    body = memoryview(content)[HEADER_BYTES:]
    if len(body) < length:
        raise StoreError(
            f"{source}: truncated, {len(body)} of {length} bytes are there; copy it or make it again."
        )
    if len(body) != length or hashlib.sha256(body).hexdigest().encode() != found[3]:
        raise StoreError(
            f"{source}: damaged, its content does not fit its checksum; copy it or make it again."
        )


def _what_it_is(content: bytes) -> str:
    if content.startswith(_SIGNATURE):
        if b"femristor_schema" in content:
            return (
                "written by an older femristor, without a checksum; make it again, or seal it as it is "
                "with python -m femristor.core.store.upgrade"
            )
        return "an HDF5 file, but not one that femristor wrote; make it again with femristor"
    if content[HEADER_BYTES : HEADER_BYTES + 8] == _SIGNATURE or content.startswith(b"femristor"):
        return "damaged, its header cannot be read; copy it or make it again"
    return "truncated or not an HDF5 file; make it again"


class MisbuiltError(Exception):
    """Something in a sealed file that femristor does not write; `open_sealed` makes a sentence of it."""


def _check_tree(file, present: int) -> int:
    """Bytes that the datasets declare; raises `MisbuiltError` at what we never write."""
    import h5py

    seen: set[int] = set()
    waiting = [(file, 0, "/")]
    total = 0
    while waiting:
        group, depth, place = waiting.pop()
        address = h5py.h5o.get_info(group.id).addr
        if address in seen or depth > _DEEPEST:
            raise MisbuiltError(f"{place} leads in a circle")
        seen.add(address)
        _check_attributes(group, place, present)
        for name in group:
            if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                raise MisbuiltError(f"{place}{name[:40]} is a link to somewhere else")
            node = group[name]
            if isinstance(node, h5py.Group):
                waiting.append((node, depth + 1, f"{place}{name[:40]}/"))
            elif isinstance(node, h5py.Dataset):
                total += _check_dataset(node, f"{place}{name[:40]}", present)
            else:
                raise MisbuiltError(f"{place}{name[:40]} is neither an array nor a group")
    return total


def _check_dataset(node, place: str, present: int) -> int:
    if node.shape is None or node.dtype.kind not in "fiub" or node.dtype.itemsize > 16:
        raise MisbuiltError(f"{place} is not an array of numbers")
    if node.external or node.is_virtual:
        raise MisbuiltError(f"{place} keeps its numbers outside the file")
    made = node.id.get_create_plist()
    for number in range(made.get_nfilters()):
        # 1 deflate, 2 shuffle, 3 fletcher32
        if made.get_filter(number)[0] not in (1, 2, 3):
            raise MisbuiltError(f"{place} is packed with an unknown filter")
    declared = int(np.prod(node.shape, dtype=object)) * node.dtype.itemsize
    stored = node.id.get_storage_size()
    packed = made.get_nfilters() > 0
    if stored > present or declared > stored * (_LARGEST_RATIO if packed else 1) + (
        HEADER_BYTES if packed else 0
    ):
        raise MisbuiltError(f"{place} declares {declared} bytes and {stored} are present")
    return declared


def _check_attributes(group, place: str, present: int) -> None:
    import h5py

    for name in group.attrs:
        kind = group.attrs.get_id(name)
        text = h5py.check_string_dtype(kind.dtype) is not None
        if kind.shape != () or not (text or kind.dtype.kind in "iu"):
            raise MisbuiltError(f"the entry {name[:40]} of {place} is neither a text nor a whole number")
        if kind.get_storage_size() > present:
            raise MisbuiltError(f"the entry {name[:40]} of {place} is larger than the file")


def text_entry(group, name: str) -> str:
    """A text attribute.

    Raises:
        MisbuiltError: missing, no text, not UTF-8, or too long.
    """
    value = group.attrs.get(name)
    try:
        value = value.decode() if isinstance(value, bytes) else value
        if not isinstance(value, str) or len(value.encode()) > _LARGEST_TEXT:
            raise MisbuiltError(f"the entry {name} of {group.name[:40]} is missing or no text")
    except UnicodeError:
        raise MisbuiltError(f"the entry {name} of {group.name[:40]} is no UTF-8 text") from None
    return value


def whole_entry(group, name: str) -> int:
    """A whole-number attribute.

    Raises:
        MisbuiltError: missing or no whole number.
    """
    value = group.attrs.get(name)
    if not isinstance(value, (int, np.integer)) or isinstance(value, bool):
        raise MisbuiltError(f"the entry {name} of {group.name[:40]} is missing or no whole number")
    return int(value)
