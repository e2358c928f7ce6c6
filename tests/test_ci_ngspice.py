"""scripts/ngspice.sh: nothing where ngspice is, apt-get for root, one sentence otherwise."""

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture
def run(tmp_path):
    """Run the script with nothing but the given programs on PATH."""

    def call(**programs: str) -> subprocess.CompletedProcess:
        for name, text in programs.items():
            path = tmp_path / name.replace("_", "-")
            path.write_text("#!/bin/sh\n" + text)
            path.chmod(0o755)
        script = str(ROOT / "scripts" / "ngspice.sh")
        settings = {"PATH": str(tmp_path), "LC_ALL": "C", "HERE": str(tmp_path)}
        return subprocess.run([shutil.which("bash"), script], env=settings, capture_output=True, text=True)

    return call


def test_installed_already(run):
    done = run(ngspice="exit 0\n", id="echo 0\n", apt_get='echo called >"$HERE/called"\n')
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_root_installs_it(run):
    chmod = shutil.which("chmod")
    make = f'printf "#!/bin/sh\\n" >"$HERE/ngspice"; {chmod} 755 "$HERE/ngspice"\n'
    done = run(id="echo 0\n", apt_get=f'[ "$1" = install ] || exit 0\n{make}')
    assert (done.returncode, done.stderr) == (0, "")


def test_root_without_network(run):
    done = run(id="echo 0\n", apt_get="exit 100\n")
    assert done.returncode == 1 and "check the network" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_others_are_told(run):
    done = run(id="echo 1000\n", apt_get="exit 0\n")
    assert done.returncode == 1 and "sudo apt-get install ngspice" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_ci_asks_for_ngspice():
    text = (ROOT / ".ci" / "run").read_text()
    assert "export CI=1" in text and "scripts/ngspice.sh" in text
