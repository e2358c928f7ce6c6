"""Writing that never leaves half a file, and hashes of what was read."""

import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from femristor.core.errors import DataError, OutputError


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Give a temporary path beside `path` and move it there on success.

    Args:
        path: the final file; an existing one is replaced only when the block ends well.

    Yields:
        Path to write to.

    Raises:
        OutputError: the folder does not exist or cannot be written.
    """
    target = Path(path)
    ensure_output_dir(target.parent)
    try:
        handle, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    except OSError as error:
        raise OutputError(
            f"Cannot write {target}: {error.strerror}; choose another output path with --out."
        ) from error
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(0o644)
        os.replace(temporary, target)
    except OSError as error:
        raise OutputError(
            f"Cannot write {target}: {error.strerror or error}; choose another output path."
        ) from error
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def atomic_write(path: str | Path, mode: str = "w") -> Iterator:
    """Open a file for writing that replaces `path` only when the block ends well.

    Args:
        path: the final file.
        mode: "w" (text, UTF-8) or "wb".

    Yields:
        The open file.

    Raises:
        OutputError: the folder does not exist or cannot be written.
    """
    with atomic_path(path) as temporary:
        encoding = None if "b" in mode else "utf-8"
        with open(temporary, mode, encoding=encoding) as stream:
            yield stream


def ensure_output_dir(path: str | Path) -> Path:
    """Make a folder and check that it can be written.

    Args:
        path: the folder; parents are made.

    Returns:
        The folder.

    Raises:
        OutputError: it cannot be made or written.
    """
    folder = Path(path)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"Cannot make the output folder {folder}: {error.strerror}; choose another one."
        ) from error
    if not os.access(folder, os.W_OK):
        raise OutputError(
            f"The output folder {folder} is read-only; choose another one or change its permissions."
        )
    return folder


@contextmanager
def output_folder(path: str | Path) -> Iterator[Path]:
    """Make a folder for the results of a block; where the block fails, folders that it left empty are taken away again.

    Args:
        path: the folder; parents are made.

    Yields:
        The folder.

    Raises:
        OutputError: it cannot be made or written.
    """
    folder = Path(path)
    made = [place for place in (folder, *folder.parents) if not place.exists()]
    ensure_output_dir(folder)
    try:
        yield folder
    except BaseException:
        for place in made:
            with suppress(OSError):
                place.rmdir()
        raise


def check_output_file(path: str | Path) -> None:
    """Make sure, before long work begins, that a file can be written there later; an existing one stays as it is.

    Args:
        path: the file; its folder is made.

    Raises:
        OutputError: the folder cannot be made or written.
    """
    target = Path(path)
    ensure_output_dir(target.parent)
    if target.is_dir():
        raise OutputError(f"Cannot write {target}: it is a folder; give the path of a file.")
    try:
        handle, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    except OSError as error:
        raise OutputError(
            f"Cannot write {target}: {error.strerror}; choose another output path with --out."
        ) from error
    os.close(handle)
    os.unlink(name)


def read_text(path: str | Path, kind: str) -> str:
    """Read a text file, or say in one sentence why not.

    Args:
        path: the file.
        kind: what it should be, for the message ("I-V curve", "device card").

    Returns:
        Its text without a byte order mark.

    Raises:
        DataError: missing, unreadable, not UTF-8, or empty.
    """
    source = Path(path)
    try:
        text = source.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise DataError(f"{source}: no such file; give the path of a {kind}.") from error
    except UnicodeDecodeError as error:
        raise DataError(
            f"{source}: not a UTF-8 text file, so it cannot be a {kind}; save it as plain text."
        ) from error
    except OSError as error:
        raise DataError(f"{source}: cannot be read as a {kind} ({error.strerror}).") from error
    if not text.strip():
        raise DataError(f"{source}: the file is empty; a {kind} is expected.")
    return text


def sha256_file(path: str | Path) -> str:
    """SHA-256 of a file's bytes.

    Args:
        path: the file.

    Returns:
        64 hex digits.

    Raises:
        DataError: it cannot be read.
    """
    try:
        with open(path, "rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}).") from error
