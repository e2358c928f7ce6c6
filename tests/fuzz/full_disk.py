"""A full disk and a limit of the file size in each kind of output: `python tests/fuzz/full_disk.py [--quick]`.

Each command runs where its outputs are there already, once with a limit of the file size that its output passes and
once on a full file system (a small tmpfs, where it can be mounted). It must end with exit code 2 and one sentence, and
leave every file as it was and nothing else.
"""

import argparse
import os
import resource
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MPLBACKEND", "Agg")
os.environ.pop("FEMRISTOR_DEBUG", None)

from fuzz_pantry import fill
from fuzz_runner import Runner, preload

FEW = "--train-images 320 --test-images 100 --epochs 1"


@dataclass(frozen=True)
class Kind:
    """A kind of output.

    Attributes:
        name: for people.
        line: the command; or what is called in its place.
        output: what it writes, a file or a folder.
        slow: finite elements or a training.
        call: a function in place of a command.
        inside: the file of a folder whose size is limited, the largest by default.
    """

    name: str
    line: str
    output: str
    slow: bool = False
    call: Callable[[], None] | None = None
    inside: str = ""


def _page() -> None:
    from femristor.core.provenance import Provenance
    from femristor.device import load_card
    from femristor.report.comparison import Comparison
    from femristor.report.page import write_page

    card = load_card("cmo_hfox")
    made = {"a": Provenance.create("test", card=card)}
    write_page("index.html", Comparison(()), [], card=card, provenance=made, notes=["note " * 500])


KINDS = (
    Kind("HDF5 of a table", "compact build --model published --no-cache --jobs 1 --out o.h5", "o.h5"),
    Kind("HDF5 of a sweep", "sweep --model ibm --out o.h5", "o.h5"),
    Kind("HDF5 of a device", "fit device pulses.csv --out o.h5", "o.h5"),
    Kind("CSV of a sweep", "compact sweep --table table.h5 --vmax 1.0 --csv o.csv", "o.csv"),
    Kind("CSV of curves", "fit branches sweep.csv --out o.csv", "o.csv"),
    Kind("PNG", "array relax --cells 20 --figure o.png", "o.png"),
    Kind("netlist", "compact export table.h5 --format spice --out o.cir", "o.cir"),
    Kind("Verilog-A", "compact export table.h5 --format verilog-a --out o.va", "o.va"),
    Kind("CSV of a table", "compact export table.h5 --format csv --out o.csv", "o.csv"),
    Kind("card", "card new o.toml --force", "o.toml"),
    Kind("aihwkit configuration", "export aihwkit --out o.py", "o.py"),
    Kind("checkpoint of an array", "array form --rows 2 --cols 2 --step 0.05 --checkpoint new.h5", "new.h5"),
    Kind("HTML report", "page", "index.html", call=_page),
    Kind(
        "results of an experiment", "experiment run run.toml --out e", "e", slow=True, inside="results.jsonl"
    ),
    Kind("checkpoint of a training", f"train mnist {FEW} --device fp --out t", "t", slow=True),
    Kind(
        "JSON report",
        "infer mnist --draws 1 --times 0,3e8 --weights infer/weights-plain.h5 --test-images 100 --report o.json --out i",
        "o.json",
        slow=True,
    ),
    Kind("ParaView folder", "iv --points 2 --resolution 0.3 --fields f", "f", slow=True),
    Kind(
        "cached sweeps",
        "compact build --resolution 0.3 --bias-points 4 --density-points 2 --ambients 1 --probes 0 --jobs 1 --cache c --out b.h5",
        "c",
        slow=True,
    ),
    Kind(
        "animation of moving vacancies",
        "sweep --resolution 0.3 --start N=2e25 --cell 1R --vmax 0.05 --filmstrip o.gif",
        "o.gif",
        slow=True,
    ),
)
# Files that tell a new run from one that goes on: there when the size is limited, not from an earlier run.
FRESH = {"checkpoint of a training", "checkpoint of an array", "cached sweeps"}


def call_in(folder: Path, kind: Kind, limit: int | None = None) -> tuple[int, str]:
    """Run a kind's command in a folder, in a forked process.

    Args:
        folder: where.
        kind: what.
        limit: of the file size in bytes.

    Returns:
        Exit code (negative for a signal) and what it said.
    """
    read, write = os.pipe()
    sys.stdout.flush()
    pid = os.fork()
    if pid == 0:
        os.close(read)
        _child(folder, kind, limit, write)
    os.close(write)
    with os.fdopen(read, "rb") as stream:
        said = stream.read().decode("utf-8", "replace")
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), said


def _child(folder: Path, kind: Kind, limit: int | None, write: int):
    code = 70
    try:
        for descriptor in (1, 2):
            os.dup2(write, descriptor)
        sys.stdout, sys.stderr = open(1, "w", closefd=False), open(2, "w", closefd=False)
        os.chdir(folder)
        os.environ["FEMRISTOR_CACHE"] = str(folder / "c")
        if limit is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
        code = _call(kind) if kind.call else _main(kind)
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(code)


def _main(kind: Kind) -> int:
    from femristor.cli.main import main

    return main(kind.line.split())


def _call(kind: Kind) -> int:
    from femristor.core.errors import OutputError

    try:
        kind.call()
    except OutputError as error:
        print(f"femristor: error: {error}")
        return 2
    return 0


def snapshot(folder: Path) -> dict[str, bytes | None]:
    """Everything below a folder: content of files, None for folders."""
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in folder.rglob("*")
    }


def faults_of(kind: Kind, code: int, said: str, words: str, before: dict, after: dict) -> list[str]:
    """What a failed writing did wrong."""
    faults = []
    sentences = [line for line in said.splitlines() if line.startswith("femristor: ")]
    if code != 2:
        faults.append(f"exit code {code}: {said[-300:]}")
    elif len(sentences) != 1 or words not in sentences[0] or "Traceback" in said:
        faults.append(f"said {said[-300:]!r}")
    changed = [name for name in before if after.get(name, b"gone") != before[name]]
    left = [name for name in after if name not in before]
    if changed:
        faults.append(f"changed {', '.join(changed)}")
    if left:
        faults.append(f"left behind {', '.join(left)}")
    return faults


def check(kind: Kind, scratch: Path, pantry: dict[str, bytes], mounted: Path | None) -> list[str]:
    """Both faults of a disk for one kind; what went wrong."""
    whole = scratch / "whole"
    _lay(whole, pantry)
    inputs = snapshot(whole)
    code, said = call_in(whole, kind)
    if code != 0:
        return [f"does not work at all: {said[-300:]}"]
    made = {name: content for name, content in snapshot(whole).items() if name not in inputs}
    size = _size(kind, made)
    keeps = _earlier(kind, made)
    limited = scratch / "limited"
    _lay(limited, pantry | keeps)
    faults = _fails(kind, limited, "File too large", limit=size // 2)
    if mounted is not None:
        with _full_disk(mounted, pantry | keeps, size) as folder:
            faults += _fails(kind, folder, "No space left on device")
    for folder in (whole, limited):
        shutil.rmtree(folder)
    return faults


def _size(kind: Kind, made: dict) -> int:
    inside = [
        name for name in made if made[name] is not None and (not kind.inside or name.endswith(kind.inside))
    ]
    own = [name for name in inside if name == kind.output or name.startswith(f"{kind.output}/")]
    return max(len(made[name]) for name in own)


def _earlier(kind: Kind, made: dict) -> dict[str, bytes]:
    """Outputs of an earlier run, with other content where the command does not read them."""
    if kind.name in FRESH:
        return {}
    found = {name: content for name, content in made.items() if content is not None}
    if kind.name == "results of an experiment":
        return found | {name: b"" for name in found if name.endswith(kind.inside)}
    return {name: b"old" if not name.startswith("i/") else content for name, content in found.items()}


def _fails(kind: Kind, folder: Path, words: str, limit: int | None = None) -> list[str]:
    before = snapshot(folder)
    code, said = call_in(folder, kind, limit)
    return [f"{words}: {fault}" for fault in faults_of(kind, code, said, words, before, snapshot(folder))]


def _lay(folder: Path, files: dict[str, bytes]) -> None:
    for name, content in files.items():
        place = folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)


class _full_disk:
    """A tmpfs with the inputs, and room for less than the output."""

    def __init__(self, place: Path, files: dict[str, bytes], size: int):
        self._place, self._files, self._room = place, files, min(size // 2, 1 << 20) // 4096 * 4096

    def __enter__(self) -> Path:
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(self._place)], check=True)
        folder = self._place / "work"
        _lay(folder, self._files)
        with open(self._place / "filler", "wb", buffering=0) as stream:
            try:
                while stream.write(bytes(4096)) == 4096:
                    pass
            except OSError:
                stream.truncate(stream.seek(0, os.SEEK_END) // 4096 * 4096 - self._room)
        return folder

    def __exit__(self, *_fault) -> None:
        subprocess.run(["umount", str(self._place)], check=True)


def can_mount(place: Path) -> bool:
    """Whether this user may mount a tmpfs here."""
    place.mkdir()
    try:
        subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(place)], check=True, capture_output=True
        )
    except (OSError, subprocess.CalledProcessError):
        return False
    subprocess.run(["umount", str(place)], check=True)
    return True


def main() -> int:
    """Run and report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="leave finite elements and trainings out")
    parser.add_argument("--pantry", type=Path, default=None, help="folder that keeps the good inputs")
    parser.add_argument("--only", default="", help="kinds whose name holds this text")
    given = parser.parse_args()
    preload(fields=not given.quick)
    scratch = Path(tempfile.mkdtemp(prefix="femristor-disk-"))
    pantry = fill(
        Runner(scratch / "pantry", 1, 900.0, 900.0), slow=False, weights=not given.quick, folder=given.pantry
    )
    mounted = scratch / "tiny" if can_mount(scratch / "tiny") else None
    wrong = 0
    kinds = [kind for kind in KINDS if given.only in kind.name and not (given.quick and kind.slow)]
    for kind in kinds:
        faults = check(kind, scratch / "work", pantry, mounted)
        wrong += bool(faults)
        print(
            f"{kind.name}: {'; '.join(faults) if faults else 'old file whole, nothing left behind'}",
            flush=True,
        )
    disk = "with a full disk" if mounted else "without a full disk, which this user cannot mount"
    print(f"{len(kinds)} kinds of output with a limit of the file size and {disk}: {wrong} faults")
    shutil.rmtree(scratch, ignore_errors=True)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
