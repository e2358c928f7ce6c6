"""A home that cannot be written: every command works with a temporary cache and one notice, and doctor says what to do."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from femristor.core.environment import own_cache, prepare, probe, user_cache
from femristor.core.errors import OutputError

FREE = ("XDG_CACHE_HOME", "XDG_CONFIG_HOME", "FEMRISTOR_CACHE", "MPLCONFIGDIR", "NUMBA_CACHE_DIR", "HOME")


def run(words: str, tmp_path: Path, **variables: str) -> subprocess.CompletedProcess:
    """femristor in a process of its own; its temporary files go to a folder that is looked into afterwards."""
    temporary = tmp_path / "tmp"
    temporary.mkdir(exist_ok=True)
    kept = {name: value for name, value in os.environ.items() if name not in FREE}
    return subprocess.run(
        [sys.executable, "-m", "femristor.cli.main", *words.split()],
        env={**kept, "TMPDIR": str(temporary), **variables}, capture_output=True, text=True, cwd=tmp_path, timeout=500,
    )  # fmt: skip


@pytest.fixture
def homes(tmp_path) -> dict[str, str]:
    """Homes that no one can write, root neither."""
    (tmp_path / "file").write_text("no folder")
    return {"file": str(tmp_path / "file"), "proc": "/proc", "null": "/dev/null/home"}


@pytest.mark.parametrize("kind", ["file", "proc", "null"])
def test_a_command_works_with_one_notice(homes, tmp_path, kind):
    words = "sweep --model ibm --cell 1R --start N=7e24 --vmax 0.5 --json"
    found = run(words, tmp_path, HOME=homes[kind])
    assert found.returncode == 0, found.stderr
    assert found.stderr.count("cannot be written") == 1 and "set XDG_CACHE_HOME" in found.stderr
    assert homes[kind] in found.stderr and "Traceback" not in found.stderr
    (told,) = json.loads(found.stdout)["warnings"]
    assert "temporary folder" in told
    assert not any((tmp_path / "tmp").iterdir())


def test_fields_compile_and_a_picture_is_drawn(homes, tmp_path):
    found = run("iv --points 2 --resolution 0.3 --fields out", tmp_path, HOME=homes["file"])
    assert found.returncode == 0, found.stderr
    assert "T dome [K]" in found.stdout and (tmp_path / "out" / "map.png").is_file()
    notices = [line for line in found.stderr.splitlines() if "warning" in line.lower() or "Traceback" in line]
    assert len(notices) == 1 and "cannot be written" in notices[0]
    assert not any((tmp_path / "tmp").glob("femristor-*"))


def test_doctor_writes_into_the_caches(homes, tmp_path):
    found = run("doctor --json", tmp_path, HOME=homes["file"])
    assert found.returncode == 2
    checks = {check["name"]: check for check in json.loads(found.stdout)["checks"]}
    caches = checks["cache folders"]
    assert not caches["ok"] and homes["file"] in caches["detail"] and "XDG_CACHE_HOME" in caches["remedy"]
    assert all(checks[name]["ok"] for name in ("form compilation", "form cache", "matplotlib", "numba"))


def test_doctor_names_each_cache_that_cannot_be_written(homes, tmp_path):
    own = run("doctor --json", tmp_path, HOME=str(tmp_path), FEMRISTOR_CACHE=homes["file"])
    checks = {check["name"]: check for check in json.loads(own.stdout)["checks"]}
    assert own.returncode == 2 and not checks["cache folders"]["ok"]
    assert f"{homes['file']}/compact cannot be written" in checks["cache folders"]["detail"]
    assert checks["form cache"]["ok"] and checks["matplotlib"]["ok"]


def test_a_home_that_can_be_written_is_used_without_a_word(tmp_path):
    found = run("sweep --model ibm --cell 1R --start N=7e24 --vmax 0.5 --json", tmp_path, HOME=str(tmp_path))
    assert found.returncode == 0 and "cannot be written" not in found.stderr
    assert "warnings" not in json.loads(found.stdout)
    assert (tmp_path / ".cache" / "femristor").is_dir()


def test_no_folder_at_all_is_one_sentence(homes, tmp_path):
    words = "sweep --model ibm --cell 1R --vmax 0.5"
    kept = {name: value for name, value in os.environ.items() if name not in FREE}
    code = (
        "import tempfile; tempfile.tempdir = '/proc/none'\n"
        f"import sys; from femristor.cli.main import main; sys.exit(main({words.split()}))"
    )
    found = subprocess.run(
        [sys.executable, "-c", code],
        env={**kept, "HOME": homes["file"]},
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert found.returncode == 2 and "set XDG_CACHE_HOME" in found.stderr and "Traceback" not in found.stderr
    assert found.stderr.count("\n") == 1


def test_probe_writes_and_leaves_nothing(tmp_path):
    probe(tmp_path / "new")
    assert not any((tmp_path / "new").iterdir())
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="file/x cannot be written"):
        probe(tmp_path / "file" / "x")


def test_folders_of_the_variables(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("FEMRISTOR_CACHE", raising=False)
    assert user_cache() == tmp_path and own_cache("compact") == tmp_path / "femristor" / "compact"
    monkeypatch.setenv("FEMRISTOR_CACHE", str(tmp_path / "own"))
    assert own_cache("forming") == tmp_path / "own" / "forming"
    assert prepare() is None or prepare().folder.is_dir()
