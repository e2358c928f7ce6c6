"""femristor doctor: the environment in one table, with a remedy for each line that is not right."""

import importlib.metadata
import importlib.util
import os
import platform
import shutil
import subprocess
import time
from dataclasses import asdict
from pathlib import Path

import click

from femristor import __version__
from femristor.cli.frame.options import Context, common_options
from femristor.core.environment import Check, run_check
from femristor.core.errors import MissingDependencyError, OutputError

LIBRARIES = ("numpy", "scipy", "h5py", "pydantic", "pint", "tomlkit", "matplotlib", "click", "rich")
INSTALL = "run 'make setup' to install the tested versions"


@click.command("doctor")
@click.option(
    "--repair", is_flag=True, help="Remove interrupted compilations from the cache of compiled forms."
)
@common_options
def command(context: Context, *, repair: bool) -> int:
    """Check the environment: versions, MPI, PETSc, compiler, gmsh, torch, caches, shipped cards.

    Exit code 0 when everything that is required works, 2 otherwise.
    """
    removed = _repair() if repair else []
    found = _all_checks(context)
    broken = [check for check in found if check.required and not check.ok]
    payload = {
        "ok": not broken,
        "femristor": __version__,
        "versions": _versions(),
        "removed": removed,
        "checks": [asdict(check) for check in found],
    }
    lines = [f"removed the interrupted compilation {path}" for path in removed]
    lines += [line for check in found for line in _lines(check)]
    verdict = f"{len(broken)} of the required parts do not work" if broken else "all required parts work"
    context.emit(payload, "\n".join([*lines, verdict]))
    return 2 if broken else 0


def _all_checks(context: Context) -> list[Check]:
    with context.progress.task("checking the environment", 3) as task:
        found = [
            run_check("Python", _python, remedy="use Python 3.12 or newer on 64-bit Linux (x86-64)"),
            run_check("libraries", _libraries, remedy=INSTALL),
            run_check("C compiler", _compiler, remedy="install gcc, or set CC to a working C compiler"),
        ]
        task.advance(note="finite elements")
        found += _room_checks("fem", "finite elements")
        found += _room_checks("plot", "matplotlib")
        task.advance(note="torch, numba")
        found += _room_checks("array", "torch")
        found += [
            run_check("numba", _numba, remedy=INSTALL),
            run_check(
                "ngspice", _ngspice, remedy="install ngspice to compare exported circuits", required=False
            ),
            run_check(
                "openvaf-py",
                _openvaf,
                remedy=f"{INSTALL}; only tests of exported Verilog-A need it",
                required=False,
            ),
            run_check(
                "cache folders",
                _caches,
                remedy="make the named folder writable, or set XDG_CACHE_HOME to one that is",
            ),
            run_check("device cards", _cards, remedy="install femristor again; a shipped card is damaged"),
        ]
        task.advance()
    return found


def _room_checks(room: str, name: str) -> list[Check]:
    try:
        module = importlib.import_module(f"femristor.{room}.doctor")
    except ImportError as error:
        return [Check(name, ok=False, detail=f"ImportError: {error}", remedy=INSTALL)]
    return module.checks()


def _repair() -> list[str]:
    from femristor.fem.doctor import remove_stale_forms

    return [str(path) for path in remove_stale_forms()]


def _lines(check: Check) -> list[str]:
    mark = "ok" if check.ok else ("BROKEN" if check.required else "absent")
    lines = [f"{mark:<7}{check.name:<18}{check.detail}"]
    if not check.ok:
        lines.append(f"{'':<25}-> {check.remedy}")
    return lines


def _versions() -> dict[str, str]:
    from femristor.core.provenance import dependency_versions

    others = {name: importlib.metadata.version(name) for name in LIBRARIES if _installed(name)}
    return dependency_versions() | others


def _installed(name: str) -> bool:
    try:
        importlib.metadata.distribution(name)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def _python() -> str:
    machine = f"{platform.system()} {platform.machine()}"
    if machine != "Linux x86_64":
        raise MissingDependencyError(f"{machine} has no finite-element wheels")
    return f"{platform.python_version()} on {machine}, {os.cpu_count()} processors"


def _libraries() -> str:
    absent = [name for name in LIBRARIES if not _installed(name)]
    if absent:
        raise MissingDependencyError(f"not installed: {', '.join(absent)}")
    return ", ".join(f"{name} {importlib.metadata.version(name)}" for name in LIBRARIES)


def _compiler() -> str:
    name = os.environ.get("CC") or next((name for name in ("cc", "gcc") if shutil.which(name)), "cc")
    run = subprocess.run([*name.split(), "--version"], capture_output=True, text=True, timeout=30, check=True)
    return run.stdout.splitlines()[0]


def _numba() -> str:
    import numba

    begun = time.perf_counter()
    total = numba.njit(lambda n: n * (n + 1) // 2)(100)
    if total != 5050:
        raise MissingDependencyError(f"a compiled sum is {total}, not 5050")
    return f"{numba.__version__}, a kernel was compiled in {time.perf_counter() - begun:.2f} s"


def _ngspice() -> str:
    program = shutil.which("ngspice")
    if program is None:
        raise MissingDependencyError("not installed; only the comparison with exported circuits needs it")
    run = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=30, check=False)
    return next((line.strip("* ") for line in run.stdout.splitlines() if "ngspice" in line), program)


def _openvaf() -> str:
    if importlib.util.find_spec("openvaf_py") is None:
        raise MissingDependencyError("not installed; only the tests of exported Verilog-A need it")
    return f"{importlib.metadata.version('openvaf-py')}, compiles Verilog-A"


def _caches() -> str:
    from femristor.compact.kernels.table import locate
    from femristor.core.environment import own_cache, prepare, probe

    folders = {"fields": own_cache("compact"), "forming": own_cache("forming")}
    folders["kernels"] = Path(locate.stats.cache_path)
    for folder in folders.values():
        probe(folder)
    if (fallback := prepare()) is not None:
        raise OutputError(fallback.sentence())
    return ", ".join(
        f"{name} {folder} ({shutil.disk_usage(folder).free / 1e9:.3g} GB free)"
        for name, folder in folders.items()
    )


def _cards() -> str:
    from importlib.resources import files

    from femristor.device import load_card

    names = sorted(item.name for item in files("femristor.device").joinpath("cards").iterdir())
    cards = [load_card(name.removesuffix(".toml")) for name in names if name.endswith(".toml")]
    return ", ".join(f"{card.name} ({card.hash[:12]})" for card in cards)
