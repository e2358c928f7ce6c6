"""One run at a time on a folder or a file: the second is told who holds it; a lock leaves nothing behind."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from femristor.cli.main import main
from femristor.core import jobs as lock
from femristor.core.errors import InputError


def test_a_full_disk_does_not_keep_a_lock_from_holding(tmp_path, monkeypatch):
    def full(*_arguments):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(lock.os, "pwrite", full)
    with lock.exclusive(tmp_path):
        with pytest.raises(InputError, match="another run works on it"), lock.exclusive(tmp_path):
            pass
    assert not list(tmp_path.iterdir())


HOLD = """
import sys, time
from femristor.core.jobs import exclusive
with exclusive(sys.argv[1]):
    print("held", flush=True)
    time.sleep(600)
"""


def hold(path) -> subprocess.Popen:
    """A process that holds a path until it is ended."""
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "held\n"
    return process


@pytest.mark.parametrize("kind", ["folder", "file"])
def test_of_two_processes_the_second_is_told_who_holds_it(tmp_path, kind):
    target = tmp_path if kind == "folder" else tmp_path / "run.h5"
    first = hold(target)
    try:
        with (
            pytest.raises(InputError) as caught,
            lock.exclusive(target, "wait for it, or give another --out"),
        ):
            pass
        text = str(caught.value)
        assert str(target) in text and f"process {first.pid} on" in text
        assert text.endswith("wait for it, or give another --out.") and text.count(". ") == 0
    finally:
        first.kill()
        first.communicate()
    # What a kill leaves behind holds nothing.
    assert lock.lock_file(target).exists()
    with lock.exclusive(target):
        pass
    assert not any(tmp_path.iterdir())


COMMANDS = {
    "experiment run": ("experiment run {card} --out {folder}", "folder"),
    "demo": ("demo --out {folder}", "folder"),
    "pde sweep": ("sweep --vmax 0.2 --resolution 0.2 --checkpoint {folder}/k.h5", "k.h5"),
    "pde pulses": (
        "pulses --up 1 --down 0 --alternate 0 --resolution 0.2 --checkpoint {folder}/k.h5",
        "k.h5",
    ),
    "forming": ("array form --rows 2 --cols 2 --checkpoint {folder}/k.h5", "k.h5"),
    "cycling": ("array cycle --rows 2 --cols 2 --cycles 1 --checkpoint {folder}/k.h5", "k.h5"),
    "transients": ("compact distil --transients {folder}/k.h5 --out {folder}/t.h5", "k.h5"),
}


@pytest.mark.parametrize("name", COMMANDS)
def test_a_second_command_on_the_same_place_is_one_sentence(tmp_path, capsys, name):
    words, held = COMMANDS[name]
    folder = tmp_path / "out"
    folder.mkdir()
    card = Path(__file__).parents[2] / "experiments" / "mnist.toml"
    with lock.exclusive(folder if held == "folder" else folder / held):
        assert main(words.format(folder=folder, card=card).split()) == 2
    error = capsys.readouterr().err
    assert error.count("another run works on it") == 1 and str(folder) in error and "Traceback" not in error
    assert not any(folder.iterdir())


def test_two_builds_of_one_table(tmp_path, capsys, monkeypatch):
    """The second of two like builds would solve everything twice; another table may use the same cache meanwhile."""
    from femristor.compact.table import sample

    words = [
        "compact",
        "build",
        "--model",
        "published",
        "--bias-points",
        "6",
        "--ambients",
        "1",
        "--jobs",
        "1",
    ]
    words += ["--probes", "0", "--cache", str(tmp_path / "cache"), "--out"]
    solve, seen = sample.solve, []

    def once(*arguments):
        if not seen:
            seen.append(1)
            same = [*words, str(tmp_path / "b.h5"), "--density-points", "4"]
            assert main(same) == 2
            assert "another run works on it" in capsys.readouterr().err
            assert main([*words, str(tmp_path / "c.h5"), "--density-points", "5"]) == 0
        return solve(*arguments)

    monkeypatch.setattr(sample, "solve", once)
    assert main([*words, str(tmp_path / "a.h5"), "--density-points", "4"]) == 0
    assert {entry.name for entry in tmp_path.iterdir()} == {"a.h5", "c.h5", "cache"}
    assert {entry.suffix for entry in (tmp_path / "cache").iterdir()} == {".npz"}


def test_a_folder_made_for_the_lock_goes_where_the_work_fails(tmp_path):
    with pytest.raises(OSError, match="full"), lock.exclusive(tmp_path / "cache" / "run.h5"):
        raise OSError("full")
    assert not list(tmp_path.iterdir())
    with lock.exclusive(tmp_path / "cache" / "run.h5"):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["cache"]
