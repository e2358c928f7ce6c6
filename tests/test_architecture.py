"""The house: arrows, light import, small files, nothing that ties the project to one machine."""

import ast
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "femristor"
ROOMS = ("fem", "transport", "compact", "array", "nn")
MAX_FILE_LINES = 500
MAX_ENTRIES = 14
MAX_FUNCTION_LINES = 70
TEXT_SUFFIXES = {
    ".py",
    ".toml",
    ".md",
    ".sh",
    ".txt",
    ".cff",
    ".csv",
    ".cfg",
    ".yml",
    ".html",
    ".css",
    ".svg",
    ".geo",
    "",
}


def tracked_files() -> list[Path]:
    """Files of the project: what git lists where there is git, otherwise all but the usual build folders."""
    listing = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    if listing.returncode == 0:
        return [path for line in listing.stdout.splitlines() if (path := ROOT / line).is_file()]
    skipped = {
        ".venv",
        ".git",
        "__pycache__",
        "femristor-demo",
        ".ruff_cache",
        ".pytest_cache",
        "femristor.egg-info",
    }
    return [
        path for path in ROOT.rglob("*") if path.is_file() and not skipped & set(path.relative_to(ROOT).parts)
    ]


PYTHON_FILES = [path for path in tracked_files() if path.suffix == ".py"]
PACKAGE_FILES = [path for path in PYTHON_FILES if path.is_relative_to(PACKAGE)]


def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def imported_modules(path: Path) -> set[str]:
    """Dotted names that a file imports; `from a import b` gives a.b as well when that is a module."""
    names = set()
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: import by the full name, not relatively"
            module = node.module or ""
            inner = {f"{module}.{alias.name}" for alias in node.names}
            modules = {name for name in inner if is_module(name)}
            names |= modules or {module}
            if modules != inner:
                names.add(module)
    return names


def is_module(dotted: str) -> bool:
    target = ROOT.joinpath(*dotted.split("."))
    return target.with_suffix(".py").is_file() or (target / "__init__.py").is_file()


def is_result(dotted: str) -> bool:
    last = dotted.rpartition(".")[2]
    return ".results." in f".{dotted}." or last == "result" or last.endswith("_result")


def relative(paths) -> list[str]:
    return [str(path.relative_to(ROOT)) for path in paths]


def test_import_contracts_hold():
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-logo", "--no-cache"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr


# An array is made of live compact cells: it takes that room's models, not only its results.
LIVE = {"array": {"compact"}}


@pytest.mark.parametrize("room", ROOMS)
def test_room_imports_only_results_of_earlier_rooms(room):
    earlier = set(ROOMS[: ROOMS.index(room)]) - LIVE.get(room, set())
    wrong = []
    for path in (PACKAGE / room).rglob("*.py"):
        for name in imported_modules(path):
            parts = name.split(".")
            if parts[0] == "femristor" and len(parts) > 1 and parts[1] in earlier and not is_result(name):
                wrong.append(f"{path.relative_to(ROOT)} imports {name}")
    assert not wrong, "a room knows an earlier one by its result modules only:\n" + "\n".join(wrong)


def test_result_modules_import_only_numpy_core_device_and_results():
    wrong = []
    for path in PACKAGE_FILES:
        dotted = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        if not dotted.startswith(tuple(f"femristor.{room}." for room in ROOMS)) or not is_result(dotted):
            continue
        for name in imported_modules(path):
            ours = name.startswith(("femristor.core", "femristor.device")) or (
                name.startswith("femristor.") and is_result(name)
            )
            if not (ours or name.split(".")[0] in {"numpy", *sys.stdlib_module_names}):
                wrong.append(f"{path.relative_to(ROOT)} imports {name}")
    assert not wrong, "\n".join(wrong)


def test_each_room_has_a_result_module():
    missing = [
        room for room in ROOMS if not any((PACKAGE / room / name).exists() for name in ("result.py", "results"))
    ]
    assert missing == []


def test_folders_are_short():
    folders: dict[Path, set[str]] = {}
    for path in tracked_files():
        if path.is_relative_to(PACKAGE) and "data" not in path.relative_to(PACKAGE).parts:
            for folder in (path.parent, *path.parent.parents):
                if folder.is_relative_to(PACKAGE):
                    folders.setdefault(folder, set()).add(Path(path.relative_to(folder).parts[0]).stem)
    assert {str(f.relative_to(ROOT)): len(e) for f, e in folders.items() if len(e) > MAX_ENTRIES} == {}


def loaded_by(code: str) -> tuple[float, list[str]]:
    """Seconds that some code takes in a new interpreter (best of three) and the modules it loads."""
    script = (
        "import time, sys; t = time.perf_counter()\n"
        f"{code}\n"
        "t = time.perf_counter() - t\n"
        "import json; sys.stdout.write(json.dumps([t, sorted(sys.modules)]))"
    )
    runs = []
    for _ in range(3):
        run = subprocess.run(
            [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
        )
        runs.append(json.loads(run.stdout.splitlines()[-1]))
    return min(seconds for seconds, _ in runs), runs[0][1]


@pytest.mark.parametrize(
    ("code", "limit_s"),
    [
        ("import femristor", 0.3),
        ("import femristor.core.curves", 0.6),
        ("import femristor.cli.main as m; assert m.COMMANDS", 0.6),
    ],
)
def test_import_is_light(code, limit_s):
    seconds, modules = loaded_by(code)
    heavy = {"mpi4py", "torch", "dolfinx", "gmsh", "petsc4py", "matplotlib", "numba"} & set(modules)
    assert not heavy
    assert seconds < limit_s


def test_files_are_short():
    long = [
        path for path in PYTHON_FILES if len(path.read_text(encoding="utf-8").splitlines()) > MAX_FILE_LINES
    ]
    assert relative(long) == []


def test_functions_are_short():
    long = []
    for path in PACKAGE_FILES:
        for node in ast.walk(parsed(path)):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                doc = node.body[0]
                has_doc = isinstance(doc, ast.Expr) and isinstance(doc.value, ast.Constant)
                documented = doc.end_lineno - doc.lineno + 1 if has_doc else 0
                lines = node.end_lineno - node.lineno + 1 - documented
                if lines > MAX_FUNCTION_LINES:
                    long.append(f"{path.relative_to(ROOT)}: {node.name} has {lines} lines")
    assert long == []


def test_nothing_is_pickled():
    wrong = []
    for path in PYTHON_FILES:
        modules = {name.split(".")[0] for name in imported_modules(path)}
        if modules & {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve"}:
            wrong.append(str(path))
        for node in ast.walk(parsed(path)):
            if isinstance(node, ast.keyword) and node.arg == "allow_pickle":
                if not (isinstance(node.value, ast.Constant) and node.value.value is False):
                    wrong.append(f"{path}:{node.value.lineno}")
            if isinstance(node, ast.Call) and ast.unparse(node.func) in {"torch.load", "torch.save"}:
                wrong.append(f"{path}:{node.lineno}")
    assert wrong == []


def test_rooms_are_finished():
    words = re.compile(r"\b(TODO|FIXME|XXX|NotImplementedError)\b")
    wrong = [path for path in PACKAGE_FILES if words.search(path.read_text(encoding="utf-8"))]
    assert relative(wrong) == []


def test_no_machine_paths_or_package_indexes():
    homes = "|".join(("work", "root", "tmp", "opt", "home", "mnt", "Users"))
    # any web address that ends in a package or an index, and the options that name one
    address = r"https?://[^\s)>]*(?:[.]whl|[.]tar[.]gz|/simpl[e]\b|/whl/)|index[-_]url|find[-]links"
    pattern = re.compile(rf"(?<![\w.$}}~])/(?:{homes})/\w|{address}")
    wrong = []
    for path in tracked_files():
        if path.suffix not in TEXT_SUFFIXES or path == Path(__file__):
            continue
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            if pattern.search(line):
                wrong.append(f"{path.relative_to(ROOT)}:{number}: {line.strip()[:100]}")
    assert not wrong, "\n".join(wrong)
