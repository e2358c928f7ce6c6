"""Runs commands in forked copies of a process that has everything imported, and looks at what they leave behind."""

import json
import os
import re
import select
import shlex
import shutil
import signal
import sys
import threading
import time
import traceback
import warnings
from dataclasses import dataclass, field
from pathlib import Path

DEVICES = ("/dev/null", "/dev/full", "/dev/zero")
MEMORY_BYTES = 4e9
HANG_S = 60.0
LEFTOVER = re.compile(r"\.(tmp|partial|old|lock)$|^core\b")
ENDINGS = {".png": b"IEND\xaeB`\x82", ".toml": b"\n", ".csv": b"\n", ".jsonl": b"\n"}


@dataclass
class Case:
    """One call.

    Attributes:
        family: what is wrong in it (cards, csv, ...).
        argv: arguments of femristor.
        files: made in the empty folder that it runs in, by relative path.
        keeps: files that it may change or leave behind when it fails (checkpoints, what is done).
        note: what was changed, for people.
        slow: leave it out of the quick part.
    """

    family: str
    argv: list[str]
    files: dict[str, bytes] = field(default_factory=dict)
    keeps: tuple[str, ...] = ()
    note: str = ""
    slow: bool = False


@dataclass
class Outcome:
    """What became of a call."""

    case: Case
    folder: Path
    code: int
    seconds: float
    memory: float
    interrupted: bool
    faults: list[str]


def preload(*, fields: bool) -> None:
    """Import what commands import, so that a call costs its own work only; starts no threads of kernels.

    Args:
        fields: finite elements too.
    """
    import importlib
    import pkgutil

    import femristor

    # No thread of ours runs when a copy is made.
    warnings.filterwarnings("ignore", message=".*use of fork", category=DeprecationWarning)
    for found in pkgutil.walk_packages(femristor.__path__, "femristor."):
        if fields or not found.name.startswith(("femristor.fem.", "femristor.report.")):
            importlib.import_module(found.name)


class Runner:
    """Up to `jobs` calls at once, each in a process group of its own."""

    def __init__(self, scratch: Path, jobs: int, patience_s: float, hang_s: float = HANG_S):
        """Arguments: folder for the calls, how many at once, seconds of work after which a call gets a Ctrl-C, and ends."""
        self.scratch, self.jobs, self.patience_s, self.hang_s = scratch, jobs, patience_s, hang_s
        self._number = 0

    def run(self, cases):
        """Outcomes of all cases as they end."""
        waiting, live = iter(cases), {}
        while True:
            while len(live) < self.jobs and (case := next(waiting, None)) is not None:
                call = self._start(case)
                live[call.pid] = call
            if not live:
                return
            yield from [
                self._finish(live.pop(pid))
                for pid in list(live)
                if live[pid].look(self.patience_s, self.hang_s)
            ]
            select.select([], [], [], 0.02)

    def _start(self, case: Case):
        self._number += 1
        folder = self.scratch / f"{self._number:05d}"
        (folder / "tmp").mkdir(parents=True)
        for name, content in case.files.items():
            place = folder / "work" / name
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content)
        (folder / "work").mkdir(exist_ok=True)
        sys.stdout.flush()
        sys.stderr.flush()
        pid = os.fork()
        if pid == 0:
            _child(case, folder)
        return _Call(case, folder, pid)

    def _finish(self, call: "_Call") -> Outcome:
        outcome = Outcome(
            call.case, call.folder, call.code, call.seconds, call.memory, call.interrupted_at is not None, []
        )
        outcome.faults = call.faults + look_at(outcome)
        return outcome


class _Call:
    def __init__(self, case: Case, folder: Path, pid: int):
        self.case, self.folder, self.pid = case, folder, pid
        self.begun = time.monotonic()
        self.seconds = self.memory = 0.0
        self.code = 0
        self.interrupted_at: float | None = None
        self.faults: list[str] = []
        self._looked = 0.0

    def look(self, patience_s: float, hang_s: float) -> bool:
        """Whether it has ended; interrupts it when it works on, ends it when it hangs or grows too large."""
        pid, status, usage = os.wait4(self.pid, os.WNOHANG)
        now = time.monotonic()
        self.seconds = now - self.begun
        if pid:
            self.memory = max(self.memory, usage.ru_maxrss * 1024.0)
            self.code = os.waitstatus_to_exitcode(status)
            if _group_lives(self.pid):
                self.faults.append("processes left behind")
                self._signal(signal.SIGKILL)
            if self.memory > MEMORY_BYTES and not self.faults:
                self.faults.append(f"memory of {self.memory / 1e9:.1f} GB")
            return True
        if now - self._looked > 0.15:
            self._looked = now
            self.memory = max(self.memory, _memory_bytes(self.pid))
        if self.memory > MEMORY_BYTES and not self.faults:
            self.faults.append(f"memory of {self.memory / 1e9:.1f} GB")
            self._signal(signal.SIGKILL)
        elif self.interrupted_at is None and (self._work_s() > patience_s or self.seconds > hang_s / 1.5):
            self.interrupted_at = now
            self._signal(signal.SIGINT)
        elif self.seconds > hang_s and not self.faults:
            self.faults.append(f"still there after {hang_s:.0f} s")
            self._signal(signal.SIGKILL)
        return False

    def _work_s(self) -> float:
        """Processor time so far: on a busy machine it tells a long job from one that waits for its turn."""
        try:
            fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            return 0.0
        return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")

    def _signal(self, number: int) -> None:
        try:
            os.killpg(self.pid, number)
        except ProcessLookupError:
            pass


def _child(case: Case, folder: Path):
    """Run the command line as the script does; never returns."""
    code = 70
    try:
        os.setpgid(0, 0)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        for descriptor, name in ((1, "out"), (2, "err")):
            handle = os.open(folder / name, os.O_WRONLY | os.O_CREAT)
            os.dup2(handle, descriptor)
        os.dup2(os.open("/dev/null", os.O_RDONLY), 0)
        sys.stdout = open(1, "w", encoding="utf-8", closefd=False)
        sys.stderr = open(2, "w", encoding="utf-8", closefd=False, errors="backslashreplace")
        os.environ["TMPDIR"] = str(folder / "tmp")
        os.environ["FEMRISTOR_CACHE"] = str(folder / "cache")
        os.chdir(folder / "work")
        sys.argv = ["femristor", *case.argv]
        from femristor.cli.main import main

        code = main(list(case.argv))
        # What the end of a process would wait for.
        threading._shutdown()
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else 1
    except BaseException:
        traceback.print_exc()
    finally:
        try:
            sys.stdout.flush()
            sys.stderr.flush()
        finally:
            os._exit(code & 0xFF)


def _group_lives(group: int) -> bool:
    deadline = time.monotonic() + 2.0
    while time.monotonic() < deadline:
        members = [pid for pid in _numbers() if _group_of(pid) == group]
        if not members:
            return False
        time.sleep(0.05)
    return True


def _numbers():
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def _group_of(pid: int) -> int:
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return -1
    state, _, group = text.rpartition(")")[2].split()[:3]
    return -1 if state == "Z" else int(group)


def _memory_bytes(pid: int) -> float:
    """Memory of a process and all that it started."""
    total, pending = 0.0, [pid]
    while pending:
        one = pending.pop()
        try:
            status = Path(f"/proc/{one}/status").read_text()
            for task in os.listdir(f"/proc/{one}/task"):
                pending += map(int, Path(f"/proc/{one}/task/{task}/children").read_text().split())
        except OSError:
            continue
        found = re.search(r"RssAnon:\s+(\d+)", status)
        total += 1024.0 * int(found[1]) if found else 0.0
    return total


def look_at(outcome: Outcome) -> list[str]:
    """Everything that a call must not do."""
    case, work = outcome.case, outcome.folder / "work"
    faults = []
    out = (outcome.folder / "out").read_bytes()
    err = (outcome.folder / "err").read_bytes().decode("utf-8", "replace")
    allowed = (0, 2, 130) if outcome.interrupted else (0, 2)
    if outcome.code not in allowed:
        faults.append(f"exit code {outcome.code}")
    if "internal error" in err:
        faults.append("internal error")
    if "Traceback (most recent call last)" in err:
        faults.append("traceback")
    faults += _sentence_faults(outcome.code, err, case)
    if outcome.code == 0 and "--json" in case.argv and "--help" not in case.argv:
        faults += _json_faults(out)
    faults += _folder_faults(outcome, work)
    faults += [f"{name} is no device any more" for name in DEVICES if not Path(name).is_char_device()]
    if any((outcome.folder / "tmp").iterdir()):
        faults.append("temporary files left behind")
    return faults


def _sentence_faults(code: int, err: str, case: Case) -> list[str]:
    said = [line for line in err.splitlines() if line.startswith("femristor: ")]
    if code != 2 or case.argv[:1] == ["doctor"] or case.argv[:2] == ["card", "check"]:
        return []
    if len(said) != 1:
        return [f"{len(said)} sentences"]
    if len(said[0]) > 1500 or any(not mark.isprintable() for mark in said[0]):
        return ["a sentence too long or with control characters"]
    return []


def _json_faults(out: bytes) -> list[str]:
    try:
        json.loads(out.decode(), parse_constant=lambda name: (_ for _ in ()).throw(ValueError(name)))
    except (ValueError, UnicodeDecodeError):
        return ["standard output is not one JSON object"]
    return []


def _folder_faults(outcome: Outcome, work: Path) -> list[str]:
    case, faults = outcome.case, []
    for name, content in case.files.items():
        if _kept(name, case):
            continue
        if not (work / name).is_file() or (work / name).read_bytes() != content:
            faults.append(f"input {name} changed")
    for path in sorted(work.rglob("*")):
        name = str(path.relative_to(work))
        if path.name == "owned":
            faults.append("ran a command of its input")
        elif LEFTOVER.search(path.name) and name not in case.files:
            faults.append(f"left behind: {name[:60]}")
        elif path.is_file() and not path.is_symlink() and name not in case.files:
            if outcome.code == 2 and not _kept(name, case):
                faults.append(f"written though refused: {name[:60]}")
            faults += _half(path)
    return faults


def _kept(name: str, case: Case) -> bool:
    return any(name == kept or name.startswith(kept + "/") for kept in case.keeps)


def _half(path: Path) -> list[str]:
    content = path.read_bytes()
    ending = ENDINGS.get(path.suffix)
    # Results of an experiment that was stopped before its first epoch have no line.
    if ending is not None and not content.endswith(ending) and (content or path.suffix != ".jsonl"):
        return [f"half-written: {path.name[:60]}"]
    if path.suffix == ".h5" and not sealed(content):
        return [f"half-written: {path.name[:60]}"]
    return []


def sealed(content: bytes) -> bool:
    """Whether the checksum in the header of a result fits its content."""
    from femristor.core.errors import StoreError
    from femristor.core.store.file import check_header

    try:
        check_header(Path("result"), content)
    except StoreError:
        return False
    return True


def reproducer(outcome: Outcome) -> str:
    """A line for the shell; the files lie in the folder."""
    return f"cd {outcome.folder / 'work'} && femristor {' '.join(map(shlex.quote, outcome.case.argv))}"


def tidy(outcome: Outcome) -> None:
    """Remove the folder of a call that was good."""
    shutil.rmtree(outcome.folder, ignore_errors=True)
