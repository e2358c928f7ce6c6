"""Run ngspice on a netlist and read what it saved; every way in which that fails is one sentence."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np

from femristor.core.errors import ConvergenceError, MissingDependencyError

PROGRAM = "ngspice"
TIMEOUT_S = 300.0
"""Longest run."""


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
        ConvergenceError: it failed, stopped early, or took too long.
    """
    program = find_ngspice()
    with tempfile.TemporaryDirectory(prefix="femristor-ngspice-") as folder:
        deck, raw = Path(folder) / "deck.cir", Path(folder) / "deck.raw"
        deck.write_text(netlist, encoding="ascii")
        try:
            run = subprocess.run(
                [program, "-b", "-r", raw.name, deck.name],
                cwd=folder,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=timeout_s,
                check=False,
                env={**os.environ, "OMP_NUM_THREADS": "1"},
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


def read_raw(content: bytes) -> dict[str, np.ndarray]:
    """Vectors of a binary raw file of real numbers.

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
    if not mark or not names or len(body) < 8 * points * len(names) or points == 0:
        raise ConvergenceError(
            "ngspice wrote a result that is cut or empty; run it again or check the netlist."
        )
    values = np.frombuffer(body, dtype="<f8", count=points * len(names)).reshape(points, len(names))
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
