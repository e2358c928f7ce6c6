"""Writing replaces a file at once or not at all, and replaces only what is a file; reading has an end."""

import errno
import gzip
import os
import stat
import subprocess
import sys
import threading

import pytest

from femristor.core.errors import DataError, OutputError
from femristor.core.io import files
from femristor.core.io.files import (
    atomic_write,
    check_output_file,
    read_text,
    remove_file,
    replace_folder,
    sha256_file,
    write_bytes,
)


def only(folder, *names):
    assert sorted(entry.name for entry in folder.iterdir()) == sorted(names)


def test_an_existing_file_keeps_its_mode_and_a_new_one_gets_the_mask(tmp_path):
    secret = tmp_path / "secret.csv"
    secret.write_text("old")
    secret.chmod(0o600)
    write_bytes(secret, b"new")
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600
    assert secret.read_bytes() == b"new"
    before = os.umask(0o027)
    try:
        write_bytes(tmp_path / "fresh.csv", b"new")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "fresh.csv").stat().st_mode) == 0o640


def test_a_read_only_file_is_refused_also_for_root(tmp_path):
    kept = tmp_path / "kept.csv"
    kept.write_text("old")
    kept.chmod(0o444)
    for attempt in (check_output_file, lambda path: write_bytes(path, b"new")):
        with pytest.raises(OutputError, match=r"kept\.csv: it is read-only"):
            attempt(kept)
    assert kept.read_text() == "old"
    only(tmp_path, "kept.csv")


def test_links_are_followed(tmp_path):
    (tmp_path / "far").mkdir()
    (tmp_path / "far" / "real.csv").write_text("old")
    (tmp_path / "link.csv").symlink_to("far/real.csv")
    (tmp_path / "chain.csv").symlink_to("link.csv")
    (tmp_path / "dangling.csv").symlink_to("far/new.csv")
    for name, real in (("chain.csv", "real.csv"), ("dangling.csv", "new.csv")):
        with atomic_write(tmp_path / name) as stream:
            stream.write("new")
        assert (tmp_path / name).is_symlink()
        assert (tmp_path / "far" / real).read_text() == "new"
    only(tmp_path / "far", "real.csv", "new.csv")
    (tmp_path / "circle.csv").symlink_to("circle.csv")
    with pytest.raises(OutputError, match=r"Cannot write .*circle\.csv"):
        write_bytes(tmp_path / "circle.csv", b"new")


def test_devices_and_pipes_are_written_to_and_stay(tmp_path):
    before = os.stat("/dev/null").st_mode
    write_bytes("/dev/null", b"gone")
    assert os.stat("/dev/null").st_mode == before
    with pytest.raises(OutputError, match="No space left"):
        write_bytes("/dev/full", b"x" * 100)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    got = []
    reader = threading.Thread(target=lambda: got.append(pipe.read_bytes()))
    reader.start()
    with atomic_write(pipe) as stream:
        stream.write("through")
    reader.join(10)
    assert got == [b"through"]
    assert stat.S_ISFIFO(pipe.stat().st_mode)


@pytest.mark.parametrize("name", ["/dev/stdout", "/proc/self/fd/1"])
def test_standard_output_is_written_to_in_order(tmp_path, name):
    code = (
        "from femristor.core.io.files import write_bytes\n"
        f"print('first'); write_bytes({name!r}, b'second\\n'); print('third')"
    )
    place = tmp_path / "out.txt"
    with open(place, "wb") as stream:
        subprocess.run([sys.executable, "-c", code], stdout=stream, check=True, timeout=60)
    assert place.read_text() == "first\nsecond\nthird\n"
    only(tmp_path, "out.txt")


@pytest.mark.parametrize("step", ["fsync", "replace", "write"])
def test_a_full_disk_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch, step):
    kept = tmp_path / "kept.csv"
    kept.write_text("old")

    def full(*_arguments):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    if step == "write":
        monkeypatch.setattr(files.os, "fdopen", full)
    else:
        monkeypatch.setattr(files.os, step, full)
    with pytest.raises(OutputError, match=r"Cannot write .*kept\.csv: No space left on device"):
        with atomic_write(kept) as stream:
            stream.write("new")
    assert kept.read_text() == "old"
    with pytest.raises(OutputError, match="No space left on device"):
        write_bytes(tmp_path / "new" / "deep" / "a.csv", b"new")
    only(tmp_path, "kept.csv")


def test_a_limit_of_the_file_size_leaves_the_old_file(tmp_path):
    kept = tmp_path / "kept.csv"
    kept.write_text("old")
    code = (
        "import resource, sys\n"
        "from femristor.core.io.files import write_bytes\n"
        "from femristor.core.errors import OutputError\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))\n"
        f"try: write_bytes({str(kept)!r}, bytes(10**6))\n"
        "except OutputError as error: print(error); sys.exit(2)"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert (run.returncode, run.stderr) == (2, "")
    assert "File too large" in run.stdout
    assert kept.read_text() == "old"
    only(tmp_path, "kept.csv")


def test_a_failing_block_writes_nothing(tmp_path):
    with pytest.raises(RuntimeError), atomic_write(tmp_path / "a.csv") as stream:
        stream.write("half")
        raise RuntimeError
    only(tmp_path)


def test_reading_has_an_end(tmp_path):
    with pytest.raises(DataError, match="/dev/zero: longer than the 256 MiB that a curve may have"):
        read_text("/dev/zero", "curve")
    with pytest.raises(DataError, match="/dev/zero: longer"):
        sha256_file("/dev/zero")
    bomb = tmp_path / "bomb.csv.gz"
    with gzip.open(bomb, "wb", compresslevel=9) as stream:
        for _ in range(300):
            stream.write(bytes(1 << 20))
    with pytest.raises(DataError, match="unpacks to more than the 256 MiB"):
        read_text(bomb, "curve")
    with pytest.raises(DataError, match="is a folder"):
        read_text(tmp_path, "curve")
    (tmp_path / "zeros.csv").write_bytes(b"V_V,I_A\0\n")
    with pytest.raises(DataError, match="holds zero bytes"):
        read_text(tmp_path / "zeros.csv", "curve")


def test_long_and_foreign_names(tmp_path):
    write_bytes(tmp_path / "Zelle-ä-セル.csv", b"x")
    assert (tmp_path / "Zelle-ä-セル.csv").read_bytes() == b"x"
    write_bytes(tmp_path / ("n" * 250), b"x")
    with pytest.raises(OutputError, match="Cannot write"):
        write_bytes(tmp_path / ("n" * 300), b"x")
    with pytest.raises(OutputError, match="Cannot write"):
        write_bytes(f"{tmp_path}/a\0b", b"x")


def test_a_folder_is_replaced_whole_or_stays(tmp_path, monkeypatch):
    old, new = tmp_path / "fields.bp", tmp_path / ".partial"
    for folder, text in ((old, "old"), (new, "new")):
        folder.mkdir()
        (folder / "data").write_text(text)
    rename = files.Path.rename

    def full(path, target):
        if path == new:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return rename(path, target)

    with monkeypatch.context() as patch:
        patch.setattr(files.Path, "rename", full)
        with pytest.raises(OutputError, match=r"Cannot write .*fields\.bp: No space left on device"):
            replace_folder(new, old)
    assert (old / "data").read_text() == "old"
    only(tmp_path, "fields.bp", ".partial")
    replace_folder(new, old)
    assert (old / "data").read_text() == "new"
    only(tmp_path, "fields.bp")


def test_only_files_are_removed(tmp_path):
    """A finished run removes its checkpoint: as root it removed a device that was given as one."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    (tmp_path / "part.h5").write_bytes(b"x")
    for path in (pipe, tmp_path / "part.h5", tmp_path / "gone.h5", tmp_path):
        remove_file(path)
    only(tmp_path, "pipe")
