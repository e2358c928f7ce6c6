"""Files in and out: writing that never leaves half a file, bounded reading, and hashes of what was read.

A file is written in memory first, then to a temporary file beside it, then moved into place. A full disk or a
limit of the file size so ends in one sentence, with the old file whole and nothing left behind.
"""

import gzip
import hashlib
import io
import os
import resource
import shutil
import stat
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from femristor.core.bounds import LARGEST_TEXT_BYTES
from femristor.core.errors import DataError, OutputError

# Where `/dev/stdout` leads while the command line keeps descriptor 1 for the result.
_standard = {1: 1, 2: 2}


@contextmanager
def atomic_write(path: str | Path, mode: str = "w") -> Iterator:
    """Give a stream in memory; when the block ends well, its content replaces `path` at once.

    Args:
        path: the final file, see `write_bytes`.
        mode: "w" (text, UTF-8) or "wb".

    Yields:
        The stream.

    Raises:
        OutputError: the file cannot be written; an existing one stays as it was.
    """
    check_output_file(path)
    if "b" in mode:
        stream = io.BytesIO()
        yield stream
        write_bytes(path, stream.getbuffer())
    else:
        text = io.StringIO(newline="")
        yield text
        write_bytes(path, text.getvalue().encode("utf-8", errors="backslashreplace"))


def write_bytes(path: str | Path, content: bytes | memoryview) -> Path:
    """Write a file: temporary beside it, flushed to the disk, then renamed.

    A regular file is replaced and keeps its mode, through symbolic links too; a device or a pipe is written to.

    Args:
        path: the file; its folder is made.
        content: all of it.

    Returns:
        The path.

    Raises:
        OutputError: a folder or a file without permission to write, a full disk, a loop of links.
    """
    target, found, through = _resolve(path)
    try:
        if through:
            _write_through(target, content)
        else:
            with output_folder(target.parent):
                _replace(target, found, content)
    except OSError as error:
        raise _cannot(path, error) from error
    return Path(path)


def check_output_file(path: str | Path) -> None:
    """Make sure, before long work begins, that a file can be written there later; an existing one stays as it is.

    Args:
        path: the file; its folder is made.

    Raises:
        OutputError: a folder, a file without permission to write, or a folder that cannot be made or written.
    """
    target, _, through = _resolve(path)
    if through:
        return
    ensure_output_dir(target.parent)
    try:
        handle, temporary = _open_temporary(target)
        os.close(handle)
        os.unlink(temporary)
    except OSError as error:
        raise _cannot(path, error) from error


@contextmanager
def standard_output(descriptor: int) -> Iterator[None]:
    """Let `/dev/stdout` lead to another descriptor for a while (the command line keeps 1 for libraries' prints).

    Args:
        descriptor: where a file named `/dev/stdout` goes.
    """
    before = _standard[1]
    _standard[1] = descriptor
    try:
        yield
    finally:
        _standard[1] = before


def _resolve(path: str | Path) -> tuple[Path, os.stat_result | None, bool]:
    """The file behind all links, what it is (None: not there yet), and whether it is a stream, not a file."""
    target = Path(path)
    if _descriptor(target) is not None:
        return target, None, True
    try:
        found = target.stat()
    except (FileNotFoundError, NotADirectoryError):
        found = None
    except (OSError, ValueError) as error:
        raise _cannot(path, error) from error
    if found is not None and stat.S_ISDIR(found.st_mode):
        raise OutputError(f"Cannot write {target}: it is a folder; give the path of a file.")
    if found is not None and not (found.st_mode & 0o222 and os.access(target, os.W_OK)):
        raise OutputError(
            f"Cannot write {target}: it is read-only; choose another output path or change its permissions."
        )
    through = found is not None and not stat.S_ISREG(found.st_mode)
    return (Path(os.path.realpath(target)) if target.is_symlink() else target), found, through


def _replace(target: Path, found: os.stat_result | None, content: bytes | memoryview) -> None:
    handle, temporary = _open_temporary(target)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
            if found is not None:
                os.fchmod(handle, stat.S_IMODE(found.st_mode))
                with suppress(OSError):
                    os.fchown(handle, found.st_uid, found.st_gid)
            stream.flush()
            os.fsync(handle)
        os.replace(temporary, target)
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary)
        raise
    _sync_folder(target.parent)


def _open_temporary(target: Path) -> tuple[int, Path]:
    """A new file beside the target, with the mode that the user's mask gives."""
    while True:
        temporary = target.with_name(f".{target.name[:40]}.{os.urandom(6).hex()}.tmp")
        with suppress(FileExistsError):
            return os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666), temporary


def _sync_folder(folder: Path) -> None:
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _write_through(target: Path, content: bytes | memoryview) -> None:
    if _descriptor(target) is not None:
        sys.stdout.flush()
        with os.fdopen(os.dup(_standard_stream(target)), "wb") as stream:
            stream.write(content)
        return
    with open(target, "wb") as stream:
        stream.write(content)


def _descriptor(target: Path) -> int | None:
    """Number of an open descriptor that a path such as /dev/stdout or /dev/fd/3 names."""
    text = os.fspath(target)
    known = {"/dev/stdout": 1, "/dev/stderr": 2}
    if text in known:
        return known[text]
    head, _, tail = text.rpartition("/")
    if head in ("/dev/fd", "/proc/self/fd") and tail.isascii() and tail.isdigit() and len(tail) < 8:
        return int(tail)
    return None


def _standard_stream(target: Path) -> int:
    number = _descriptor(target)
    return _standard.get(number, number)


def remove_file(path: str | Path) -> None:
    """Take a file of ours away when it is of no more use; a device, a pipe or a folder of that name stays.

    Args:
        path: the file; it may be gone already.
    """
    target = Path(path)
    if target.is_file():
        target.unlink(missing_ok=True)


def replace_folder(partial: str | Path, final: str | Path) -> None:
    """Put a finished folder where an earlier one is, which stays until the new one is in place.

    Args:
        partial: the folder with all its files, on the same disk.
        final: where it goes.

    Raises:
        OutputError: it cannot be moved; the earlier one stays.
    """
    target = Path(final)
    before = target.with_name(f".{target.name[:40]}.{os.urandom(6).hex()}.old")
    try:
        kept = target.exists()
        if kept:
            target.rename(before)
        try:
            Path(partial).rename(target)
        except OSError:
            if kept:
                before.rename(target)
            raise
    except OSError as error:
        raise _cannot(final, error) from error
    if before.is_dir() and not before.is_symlink():
        shutil.rmtree(before, ignore_errors=True)
    else:
        before.unlink(missing_ok=True)
    _sync_folder(target.parent)


def check_file_size_limit(least_bytes: int, who: str) -> None:
    """Refuse to start where the limit of the file size (ulimit -f) would end the process.

    Args:
        least_bytes: the smallest limit that works.
        who: what needs it.

    Raises:
        OutputError: the limit is smaller.
    """
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)[0]
    if limit != resource.RLIM_INFINITY and limit < least_bytes:
        raise OutputError(
            f"The limit of the file size is {limit} bytes and {who} needs {least_bytes} to start; raise it with "
            f"ulimit -f {least_bytes >> 10} or more."
        )


def _cannot(path: str | Path, error: Exception) -> OutputError:
    reason = getattr(error, "strerror", None) or error
    return OutputError(f"Cannot write {path}: {reason}; choose another output path.")


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


def read_bytes(path: str | Path, kind: str, *, limit: int = LARGEST_TEXT_BYTES) -> bytes:
    """Read a file whole, up to a limit, or say in one sentence why not.

    Args:
        path: the file; a pipe too.
        kind: what it should be, for the message ("I-V curve", "device card").
        limit: the most bytes read.

    Returns:
        Its bytes.

    Raises:
        DataError: missing, unreadable, or longer than the limit.
    """
    source = Path(path)
    try:
        with open(source, "rb") as stream:
            content = stream.read(limit + 1)
    except FileNotFoundError as error:
        raise DataError(f"{source}: no such file; give the path of a {kind}.") from error
    except IsADirectoryError as error:
        raise DataError(f"{source}: is a folder; give the path of a {kind}.") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise DataError(f"{source}: cannot be read as a {kind} ({reason}).") from error
    if len(content) > limit:
        raise DataError(
            f"{source}: longer than the {limit >> 20} MiB that a {kind} may have; give a shorter file."
        )
    return content


def read_text(path: str | Path, kind: str) -> str:
    r"""Read a text file, also one with gzip, or say in one sentence why not.

    Args:
        path: the file; one that ends in .gz is unpacked.
        kind: what it should be, for the message ("I-V curve", "device card").

    Returns:
        Its text without a byte order mark, with "\n" at the end of lines.

    Raises:
        DataError: missing, unreadable, too long, truncated, not UTF-8, or empty.
    """
    source = Path(path)
    content = read_bytes(source, kind)
    if source.suffix == ".gz":
        content = _unpack(source, content, kind)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(
            f"{source}: not a UTF-8 text file, so it cannot be a {kind}; save it as plain text."
        ) from error
    if not text.strip():
        raise DataError(f"{source}: the file is empty; a {kind} is expected.")
    if "\0" in text:
        raise DataError(f"{source}: holds zero bytes, so it cannot be a {kind}; save it as plain text.")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _unpack(source: Path, content: bytes, kind: str) -> bytes:
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(content)) as stream:
            unpacked = stream.read(LARGEST_TEXT_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{source}: truncated or not a gzipped text file; fetch it again.") from error
    if len(unpacked) > LARGEST_TEXT_BYTES:
        raise DataError(
            f"{source}: unpacks to more than the {LARGEST_TEXT_BYTES >> 20} MiB that a {kind} may have; "
            "give a shorter file."
        )
    return unpacked


def sha256_file(path: str | Path) -> str:
    """SHA-256 of a file's bytes.

    Args:
        path: the file.

    Returns:
        64 hex digits.

    Raises:
        DataError: it cannot be read, or has no end.
    """
    try:
        with open(path, "rb") as stream:
            if stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
                return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}).") from error
    return hashlib.sha256(read_bytes(path, "file")).hexdigest()
