"""scripts/setup.sh: quick when nothing changed, and one clear line on what is missing."""

import hashlib
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TOOLS = (
    "awk bash cat cut dirname env flock getconf grep head ls printf rm sed sha256sum sort tail uname gcc cc as ld"
).split()


@pytest.fixture
def clone(tmp_path):
    """A folder with what set-up reads, and a PATH with nothing but the usual tools."""
    (tmp_path / "scripts").mkdir()
    for name in ("scripts/setup.sh", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, tmp_path / name)
    (tmp_path / "bin").mkdir()
    for tool in TOOLS:
        if found := shutil.which(tool):
            (tmp_path / "bin" / tool).symlink_to(found)
    return tmp_path


def program(path: Path, text: str) -> None:
    path.unlink(missing_ok=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n" + text)
    path.chmod(0o755)


def run_setup(clone: Path, **environment: str) -> subprocess.CompletedProcess:
    settings = {"PATH": str(clone / "bin"), "HOME": str(clone), "LC_ALL": "C"} | environment
    bash = shutil.which("bash")
    return subprocess.run([bash, "scripts/setup.sh"], cwd=clone, env=settings, capture_output=True, text=True)


def offer_python(clone: Path, name: str = "python3.12") -> None:
    (clone / "bin" / name).symlink_to(
        Path(sys.base_prefix) / "bin" / f"python{sys.version_info[0]}.{sys.version_info[1]}"
    )


def test_unchanged_installation_is_left_alone_in_under_a_second(clone):
    content = b"".join((clone / name).read_bytes() for name in ("pyproject.toml", "constraints.txt"))
    (clone / ".venv" / "bin").mkdir(parents=True)
    (clone / ".venv" / "bin" / "python").symlink_to(sys.executable)
    stamp = hashlib.sha256(content + f"{clone.resolve()}\n".encode()).hexdigest()
    (clone / ".venv" / "femristor-setup.stamp").write_text(stamp + "\n")
    begun = time.perf_counter()
    run = run_setup(clone)
    assert time.perf_counter() - begun < 1.0
    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")


def test_wrong_architecture(clone):
    offer_python(clone)
    program(clone / "bin" / "uname", '[ "$1" = -m ] && echo aarch64 || echo Linux\n')
    run = run_setup(clone)
    assert run.returncode == 2
    assert "This is Linux on aarch64" in run.stderr and "x86-64" in run.stderr
    assert not (clone / ".venv").exists()


def test_old_c_library(clone):
    offer_python(clone)
    program(clone / "bin" / "getconf", "echo glibc 2.31\n")
    run = run_setup(clone)
    assert run.returncode == 2 and "glibc 2.31 is too old" in run.stderr


def test_no_compiler(clone):
    offer_python(clone)
    run = run_setup(clone, CC="no-such-compiler")
    assert run.returncode == 2
    assert (
        "No working C compiler (tried 'no-such-compiler'" in run.stderr
        and "apt-get install gcc" in run.stderr
    )


def test_no_python_and_too_old_python(clone):
    run = run_setup(clone)
    assert run.returncode == 2 and "Python 3.12 or newer is needed (newest found: none" in run.stderr
    program(clone / "bin" / "python3", "echo old /usr/bin/python3 3.9; exit 1\n")
    run = run_setup(clone)
    assert run.returncode == 2 and "newest found: 3.9;" in run.stderr and "pyenv install 3.12" in run.stderr


def test_launcher_that_finds_no_version_is_passed_over(clone):
    program(clone / "bin" / "python3.12", "echo 'pyenv: python3.12: command not found' >&2; exit 127\n")
    offer_python(clone, "python3")
    run = run_setup(clone, CC="no-such-compiler")
    assert "No working C compiler" in run.stderr
    assert "Python 3.12 or newer is needed" not in run.stderr


def test_missing_libraries_of_gmsh(clone):
    offer_python(clone)
    (clone / "site").mkdir()
    (clone / "site" / "sitecustomize.py").write_text(
        "import ctypes\n"
        "real = ctypes.CDLL\n"
        "def load(name, *args):\n"
        "    if name in ('libGLU.so.1', 'libXft.so.2'):\n"
        "        raise OSError(name)\n"
        "    return real(name, *args)\n"
        "ctypes.CDLL = load\n"
    )
    run = run_setup(clone, PYTHONPATH=str(clone / "site"))
    assert run.returncode == 2
    assert "lacks the shared libraries libGLU.so.1, libXft.so.2:" in run.stderr
    assert (
        "apt-get install libglu1-mesa libxft2" in run.stderr
        and "dnf install mesa-libGLU libXft" in run.stderr
    )


def test_failed_installation_says_why_and_leaves_no_stamp(clone):
    program(
        clone / ".venv" / "bin" / "python",
        f'if [ "$1" = -m ]; then echo "noise"; echo "ERROR: No matching distribution found for h5py"; exit 1; fi\n'
        f'exec "{sys.executable}" "$@"\n',
    )
    run = run_setup(clone)
    assert run.returncode == 2
    assert "Installing pip and setuptools failed." in run.stderr and "No matching distribution" in run.stderr
    assert "noise" not in run.stderr and "femristor-setup.log" in run.stderr
    assert not (clone / ".venv" / "femristor-setup.stamp").exists()


def test_make_targets_and_ci_run_the_same_checks():
    makefile = (ROOT / "Makefile").read_text()
    for target in ("demo:", "test:", "setup:", "lint:", "bench:", "golden:"):
        assert f"\n{target}" in makefile
    assert os.access(ROOT / ".ci" / "run", os.X_OK) and os.access(ROOT / "scripts" / "setup.sh", os.X_OK)
    assert "make --no-print-directory test" in (ROOT / ".ci" / "run").read_text()
