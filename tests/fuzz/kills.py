"""kill -9 at random moments of runs that can go on: `python tests/fuzz/kills.py [--kills 30] [--quick]`.

A run is killed, started again, killed again, and at last left to its end: what it prints and stores must be equal to
the bit to the same run without a kill, and nothing may be lost or unreadable in between.
"""

import argparse
import hashlib
import io
import json
import os
import shutil
import signal
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MPLBACKEND", "Agg")
os.environ.pop("FEMRISTOR_DEBUG", None)

import h5py
import numpy as np
from fuzz_pantry import texts
from fuzz_runner import preload

TRAIN = "--train-images 640 --test-images 100 --out t --json"
# Left out of the comparison: how long it took and when.
VOLATILE = {
    "seconds",
    "created",
    "date",
    "wall_s",
    "duration_s",
    "machine",
    "command",
    "seconds_per_image",
    "solve_seconds",
    "samples_per_s",
}
SPEED_COLUMN = 2
"""Of a checkpoint's history: samples per second."""


@dataclass(frozen=True)
class Run:
    """A run that can go on.

    Attributes:
        name: for people.
        line: the command.
        again: the command that goes on.
        stored: results compared dataset by dataset, by relative path.
        slow: not in the quick part.
    """

    name: str
    line: str
    again: str
    stored: tuple[str, ...] = ()
    slow: bool = True


def _same(name: str, line: str, *stored: str, slow: bool = True) -> Run:
    return Run(name, line, line, stored, slow)


RUNS = (
    _same(
        "array pulses",
        "array pulses --model ibm --spread none --rows 4 --cols 4 --protocol 150,150,200 --checkpoint c.h5 --out o.h5 --json",
        "o.h5",
        slow=False,
    ),
    Run(
        "training, floating point",
        f"train mnist {TRAIN} --device fp --epochs 20",
        f"train mnist {TRAIN} --device fp --epochs 20 --resume",
        ("t/run.h5", "t/checkpoint.h5"),
        slow=False,
    ),
    Run(
        "training on devices",
        f"train mnist {TRAIN} --epochs 3",
        f"train mnist {TRAIN} --epochs 3 --resume",
        ("t/run.h5", "t/checkpoint.h5"),
    ),
    _same(
        "array program",
        "array program --by pulses --rows 16 --cols 16 --checkpoint c.h5 --out o.h5 --json",
        "o.h5",
    ),
    _same(
        "compact build",
        "compact build --resolution 0.3 --bias-points 4 --density-points 3 --ambients 2 --probes 1 --jobs 1 --cache c --out o.h5 --json",
        "o.h5",
    ),
    _same(
        "sweep of moving vacancies",
        "sweep --resolution 0.3 --start N=2e25 --vmin -0.4 --checkpoint c.h5 --out o.h5 --json",
        "o.h5",
    ),
    _same("array form", "array form --rows 16 --cols 16 --checkpoint c.h5 --out o.h5 --json", "o.h5"),
    _same("experiment", "experiment run run.toml --out e --json", "e/fp-seed0/checkpoint.h5"),
)


def start(run_line: str, folder: Path, said: Path) -> int:
    """Start a command in a forked process.

    Returns:
        Its process id, which is also its group.
    """
    sys.stdout.flush()
    pid = os.fork()
    if pid:
        return pid
    code = 70
    try:
        os.setpgid(0, 0)
        os.chdir(folder)
        for descriptor, name in ((1, said), (2, said.with_suffix(".err"))):
            os.dup2(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644), descriptor)
        sys.stdout, sys.stderr = open(1, "w", closefd=False), open(2, "w", closefd=False)
        os.environ["FEMRISTOR_CACHE"] = str(folder / "cache")
        from femristor.cli.main import main

        code = main(run_line.split())
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(code)


def to_the_end(line: str, folder: Path, said: Path) -> float:
    """Seconds that a command took; raises when it failed."""
    begun = time.monotonic()
    pid = start(line, folder, said)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if code != 0:
        raise RuntimeError(f"exit code {code}: {said.with_suffix('.err').read_text()[-300:]}")
    return time.monotonic() - begun


def killed(line: str, folder: Path, said: Path, after_s: float) -> bool:
    """Whether a command was killed before its end; raises when it failed by itself."""
    pid = start(line, folder, said)
    deadline = time.monotonic() + after_s
    while time.monotonic() < deadline:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            if os.waitstatus_to_exitcode(status) != 0:
                raise RuntimeError(said.with_suffix(".err").read_text()[-300:])
            return False
        time.sleep(0.005)
    os.killpg(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return True


def essence(value):
    """A payload without what may differ from run to run."""
    if isinstance(value, dict):
        return {key: essence(entry) for key, entry in value.items() if key not in VOLATILE}
    return [essence(entry) for entry in value] if isinstance(value, list) else value


def stored(path: Path) -> str:
    """Hash of all numbers of a result."""
    total = hashlib.sha256()

    def add(name, node):
        if isinstance(node, h5py.Dataset) and name not in VOLATILE:
            values = np.delete(node[()], SPEED_COLUMN, axis=1) if name == "history" else node[()]
            total.update(name.encode() + str(node.dtype).encode() + np.ascontiguousarray(values).tobytes())

    with h5py.File(io.BytesIO(path.read_bytes()), "r") as file:
        file.visititems(add)
    return total.hexdigest()


def found(run: Run, folder: Path, said: Path) -> dict:
    """What a finished run printed and stored."""
    return {"printed": essence(json.loads(said.read_text()))} | {
        name: stored(folder / name) for name in run.stored
    }


def check(run: Run, kills: int, scratch: Path, draw) -> tuple[int, list[str]]:
    """Kills that hit and what went wrong."""
    scratch.mkdir()
    files = texts()
    said = scratch / "said"
    whole = scratch / "whole"
    _lay(whole, files)
    to_the_end(run.line, whole, said)
    wanted = found(run, whole, said)
    # A second time: compiled code is then in its caches, as it is for those that are killed.
    shutil.rmtree(whole)
    _lay(whole, files)
    seconds = to_the_end(run.line, whole, said)
    hits, faults, folder, number = 0, [], None, 0
    while hits < kills and number < 6 * kills:
        number += 1
        if folder is None:
            folder = scratch / f"killed{number}"
            _lay(folder, files)
        # Half of the kills hit a run that goes on after an earlier kill.
        line = run.again if _begun(run, folder) else run.line
        try:
            hit = killed(line, folder, said, float(draw.uniform(0.05, 1.0)) * seconds)
            hits += hit
            if hit and draw.random() < 0.5 and hits < kills:
                continue
            if hit:
                to_the_end(run.again if _begun(run, folder) else run.line, folder, said)
            got = found(run, folder, said)
            faults += [f"kill {hits}: {name} differs" for name in wanted if got[name] != wanted[name]]
        except (RuntimeError, OSError, ValueError) as error:
            faults.append(f"kill {hits}: {error}")
        if not faults:
            shutil.rmtree(folder)
        folder = None
    return hits, faults


def _begun(run: Run, folder: Path) -> bool:
    return (folder / "t" / "checkpoint.h5").exists() if "--resume" in run.again else True


def _lay(folder: Path, files: dict[str, bytes]) -> None:
    folder.mkdir()
    for name, content in files.items():
        (folder / name).write_bytes(content)


def main() -> int:
    """Run and report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--quick", action="store_true", help="only the cheapest runs")
    parser.add_argument("--only", default="", help="runs whose name holds this text")
    given = parser.parse_args()
    preload(fields=not given.quick)
    scratch = Path(tempfile.mkdtemp(prefix="femristor-kills-"))
    draw = np.random.default_rng(given.seed)
    runs = [run for run in RUNS if given.only in run.name and not (given.quick and run.slow)]
    total, wrong = 0, 0
    for number, run in enumerate(runs):
        kills = given.kills // len(runs) + (number < given.kills % len(runs))
        begun = time.monotonic()
        hits, faults = check(run, kills, scratch / str(number), draw)
        total, wrong = total + hits, wrong + len(faults)
        print(
            f"{run.name}: {hits} kills, {'; '.join(faults) if faults else 'equal to the bit'} ({time.monotonic() - begun:.0f} s)",
            flush=True,
        )
    print(f"{total} kills of {len(runs)} runs, {wrong} faults" + (f", kept in {scratch}" if wrong else ""))
    if not wrong:
        shutil.rmtree(scratch, ignore_errors=True)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
