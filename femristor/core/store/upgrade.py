"""Seal result files of schema 1, which had no checksum: `python -m femristor.core.store.upgrade FILE ...`."""

import io
import sys
from pathlib import Path

from femristor.core import store
from femristor.core.errors import FemristorError, StoreError
from femristor.core.io.files import read_bytes
from femristor.core.store.file import MisbuiltError


def upgrade(path: str | Path) -> Path:
    """Read a file of schema 1 as it is and write it again with a checksum.

    Args:
        path: the file.

    Returns:
        The path.

    Raises:
        StoreError: not such a file, or one whose fields cannot be read.
        OutputError: it cannot be written.
    """
    import h5py

    source = Path(path)
    if not source.is_file():
        raise StoreError(f"{source}: no such file; give the path of a result that femristor wrote.")
    content = read_bytes(source, "result file", limit=1 << 34)
    try:
        with h5py.File(io.BytesIO(content), "r") as file:
            if int(file.attrs.get("femristor_schema", 0)) != 1:
                raise StoreError(f"{source}: not a result file of schema 1; leave it as it is.")
            result, tag = store.read_open(file, source), str(file.attrs.get("stage_digest", ""))
    except (MisbuiltError, OSError, KeyError, RuntimeError, ValueError, TypeError) as error:
        raise StoreError(f"{source}: damaged or not written by femristor; make it again.") from error
    return store.save(result, source, tag=tag)


if __name__ == "__main__":
    try:
        for name in sys.argv[1:]:
            print(f"sealed {upgrade(name)}")
    except FemristorError as fault:
        sys.exit(str(fault))
