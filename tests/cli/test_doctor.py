"""femristor doctor: all parts work here, a broken part is named with its remedy, stale forms are repaired."""

import json
import os
import time

import pytest

from femristor.cli import doctor
from femristor.cli.main import main
from femristor.core.environment import Check, run_check
from femristor.core.errors import MissingDependencyError
from femristor.fem import doctor as fem_doctor

REQUIRED = {
    "Python", "libraries", "C compiler", "MPI", "dolfinx", "PETSc and MUMPS", "form compilation",
    "form cache", "gmsh", "matplotlib", "torch", "numba", "cache folders", "device cards",
}  # fmt: skip


@pytest.fixture
def form_cache(monkeypatch, tmp_path):
    monkeypatch.setattr(fem_doctor, "cache_folder", lambda: tmp_path)
    return tmp_path


def test_everything_required_works_here(capsys, form_cache):
    assert main(["doctor", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["ok"] is True
    checks = {check["name"]: check for check in report["checks"]}
    assert {name for name, check in checks.items() if check["required"]} == REQUIRED
    assert all(checks[name]["ok"] for name in REQUIRED)
    assert "real scalars" in checks["PETSc and MUMPS"]["detail"]
    assert {"numpy", "torch", "dolfinx-solver-real", "femristor"} <= report["versions"].keys()


def test_broken_part_is_named_with_its_remedy(capsys, monkeypatch):
    broken = Check("gmsh", ok=False, detail="OSError: libGLU.so.1 is missing", remedy="install libglu1-mesa")
    absent = Check("ngspice", ok=False, detail="not installed", remedy="install ngspice", required=False)
    monkeypatch.setattr(doctor, "_all_checks", lambda context: [broken, absent])
    assert main(["doctor"]) == 2
    out = capsys.readouterr().out
    assert "BROKEN gmsh" in out and "-> install libglu1-mesa" in out
    assert "absent ngspice" in out and "1 of the required parts" in out
    monkeypatch.setattr(doctor, "_all_checks", lambda context: [absent])
    assert main(["doctor"]) == 0


def test_a_room_that_cannot_be_imported_is_a_finding():
    (check,) = doctor._room_checks("no_such_room", "finite elements")
    assert not check.ok and check.required and "make setup" in check.remedy


def test_run_check_turns_errors_into_findings():
    def probe() -> str:
        raise MissingDependencyError("not installed")

    assert run_check("x", probe, remedy="install it") == Check("x", False, "not installed", "install it")
    assert run_check("x", lambda: "1.0", remedy="install it").remedy == ""


def test_interrupted_compilations_are_found_and_removed(capsys, form_cache, monkeypatch):
    now = time.time()
    for name, age_s in (("old", 1000.0), ("done", 1000.0), ("running", 1.0)):
        path = form_cache / f"libffcx_forms_{name}.c"
        path.touch()
        os.utime(path, (now - age_s, now - age_s))
    (form_cache / "libffcx_forms_done.c.cached").touch()
    finding = fem_doctor.run_check("form cache", fem_doctor._cache, remedy="repair")
    assert not finding.ok and "1 interrupted" in finding.detail
    monkeypatch.setattr(doctor, "_all_checks", lambda context: [])
    assert main(["doctor", "--repair"]) == 0
    assert "libffcx_forms_old.c" in capsys.readouterr().out
    assert {path.name for path in form_cache.glob("*.c")} == {
        "libffcx_forms_done.c",
        "libffcx_forms_running.c",
    }
    assert fem_doctor._cache().endswith("2 compiled modules")
