"""Run ngspice on a netlist and read what it saved; every way in which that fails is one sentence.

A netlist is data, never a program: only elements and the dot lines of ANALYSES reach ngspice, which runs scripts
(`.control`, `*#`, `*ng_script`), other files and processes otherwise. It starts without anyone's start-up files.
"""

import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np

from femristor.core.errors import ConvergenceError, InputError, MissingDependencyError

PROGRAM = "ngspice"
TIMEOUT_S = 300.0
"""Longest run."""
ANALYSES = frozenset(
    (
        "subckt",
        "ends",
        "param",
        "model",
        "ic",
        "nodeset",
        "options",
        "option",
        "temp",
        "save",
        "tran",
        "dc",
        "op",
        "ac",
        "end",
    )
)
"""Dot lines that a netlist may hold."""
ELEMENTS = frozenset("bcdefghiklmqrvx")
"""First letters of elements; an `a` device may start another program."""
_UNSAFE = re.compile(r"[^\S \n]|[\x00-\x08\x0e-\x1f\x7f]")


def find_ngspice() -> str:
    """Path of the program.

    Raises:
        MissingDependencyError: it is not installed.
    """
    program = shutil.which(PROGRAM)
    if program is None:
        raise MissingDependencyError(
            "ngspice is not installed or not on PATH; install it with 'sudo apt-get install ngspice' or "
            "'sudo dnf install ngspice'."
        )
    return program


def run_ngspice(netlist: str, *, timeout_s: float = TIMEOUT_S) -> dict[str, np.ndarray]:
    """Run one analysis.

    Args:
        netlist: the deck, with its analysis and the vectors to save.
        timeout_s: longest run.

    Returns:
        Name of each saved vector (lower case, `time` first) to its values (points,).

    Raises:
        MissingDependencyError: ngspice is not installed.
        InputError: a line that is no element, comment or analysis.
        ConvergenceError: it failed, stopped early, or took too long.
    """
    check_netlist(netlist)
    program = find_ngspice()
    with tempfile.TemporaryDirectory(prefix="femristor-ngspice-") as folder:
        deck, raw = Path(folder) / "deck.cir", Path(folder) / "deck.raw"
        deck.write_text(netlist, encoding="utf-8")
        try:
            run = subprocess.run(
                [program, "-n", "-b", "-r", raw.name, deck.name],
                cwd=folder,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=timeout_s,
                check=False,
                env={**os.environ, "OMP_NUM_THREADS": "1", "HOME": folder},
            )
        except subprocess.TimeoutExpired:
            raise ConvergenceError(
                f"ngspice did not end within {timeout_s:g} s; shorten the waveform or loosen its step."
            ) from None
        except OSError as error:
            raise MissingDependencyError(
                f"ngspice at {program} does not start ({error.strerror or error}); install it again."
            ) from None
        complaint = _complaint(run.stdout + "\n" + run.stderr)
        if run.returncode != 0 or complaint or not raw.exists():
            raise ConvergenceError(
                f"ngspice failed with exit code {run.returncode}: {complaint or 'it wrote no result'}; "
                "lower the amplitude or check the netlist."
            )
        return read_raw(raw.read_bytes())


def check_netlist(netlist: str) -> None:
    """Refuse whatever is no element, no comment and no analysis.

    Args:
        netlist: the deck; its first line is a title.

    Raises:
        InputError: names the line.
    """
    odd = _UNSAFE.search(netlist)
    if odd is not None:
        line = netlist.count("\n", 0, odd.start()) + 1
        raise InputError(
            f"Line {line} of the netlist holds the control character {odd.group()!r}; take it out."
        )
    for place, line in enumerate(netlist.split("\n"), start=1):
        text = line.strip().lower()
        word = re.split(r"[\s=(]", text[1:], maxsplit=1)[0]
        if text[:1] == "*":
            allowed = not text.startswith(("*#", "*ng_script"))
        elif text[:1] == ".":
            allowed = word in ANALYSES
        else:
            allowed = place == 1 or text[:1] in {"", "+"} or text[0] in ELEMENTS
        if not allowed:
            raise InputError(
                f"Line {place} of the netlist, '{line.strip()[:60]}', is no element, comment or analysis; only "
                f"elements and .{', .'.join(sorted(ANALYSES))} are run here."
            )


def read_raw(content: bytes) -> dict[str, np.ndarray]:
    """Vectors of a binary raw file, complex ones of an `.ac` analysis.

    Args:
        content: the file.

    Returns:
        Name to values (points,).

    Raises:
        ConvergenceError: the file is cut or of another kind.
    """
    head, mark, body = content.partition(b"Binary:\n")
    fields = [line.split(":", 1) for line in head.decode("ascii", "replace").splitlines() if ":" in line]
    found = {name.strip(): value.strip() for name, value in fields}
    names = [
        line.split()[1].lower()
        for line in head.decode("ascii", "replace").splitlines()
        if line.startswith("\t") and len(line.split()) >= 3
    ]
    points = int(found.get("No. Points", "0"))
    kind = "<c16" if found.get("Flags", "").startswith("complex") else "<f8"
    if not mark or not names or len(body) < int(kind[2:]) * points * len(names) or points == 0:
        raise ConvergenceError(
            "ngspice wrote a result that is cut or empty; run it again or check the netlist."
        )
    values = np.frombuffer(body, dtype=kind, count=points * len(names)).reshape(points, len(names))
    return {name: values[:, column].copy() for column, name in enumerate(names)}


def _complaint(output: str) -> str:
    """First line that says what went wrong."""
    for line in output.splitlines():
        lowered = line.lower()
        if any(
            word in lowered
            for word in ("timestep too small", "aborted", "fatal error", "error:", "error on line")
        ):
            return " ".join(line.split())[:200]
    return ""
