"""Shared by all tests: the `golden` fixture and its option `--refresh-golden`.

A golden is a small CSV under tests/golden/ with the curves that the code gave when they were last reviewed::

    def test_read_curve(golden):
        golden("iv_lrs", {"voltage_V": v, "current_A": i}, rtol=1e-4)

The first column is the axis: a difference names the curve, its worst point, both values and the command
that refreshes the file after a wanted change of physics, `make golden`.
"""

import os
from dataclasses import dataclass, field
from pathlib import Path

import pytest

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MPLBACKEND", "Agg")

import numpy as np

GOLDEN_FOLDER = Path(__file__).parent / "golden"
REFRESH = "make golden   (that is: pytest tests/golden --refresh-golden)"
_REFRESHED: list[str] = []


def pytest_addoption(parser):
    parser.addoption(
        "--refresh-golden", action="store_true", help="write tests/golden/*.csv anew instead of comparing"
    )


def pytest_terminal_summary(terminalreporter):
    for line in _REFRESHED:
        terminalreporter.write_line(f"refreshed {line}")


@dataclass
class Golden:
    """Compares columns with a CSV file, or writes it."""

    folder: Path
    refresh: bool
    refreshed: list[str] = field(default_factory=list)

    def __call__(self, name: str, arrays: dict, rtol: float, *, atol: float = 0.0) -> None:
        columns = {key: np.asarray(values, dtype=float) for key, values in arrays.items()}
        if len({values.shape for values in columns.values()}) != 1 or next(iter(columns.values())).ndim != 1:
            raise ValueError(f"{name}: all columns of a golden have one dimension and the same length")
        path = self.folder / f"{name}.csv"
        if self.refresh:
            self._write(path, columns)
        elif not path.exists():
            pytest.fail(f"golden {path.name} does not exist; write it with\n  {REFRESH}", pytrace=False)
        else:
            report = difference(read(path), columns, rtol, atol)
            if report:
                head = f"golden {path.name} differs by more than rtol {rtol:g}"
                if atol:
                    head += f" and atol {atol:g}"
                tail = f"If the change of physics is wanted, review it and refresh with\n  {REFRESH}"
                pytest.fail("\n".join([head, *report, tail]), pytrace=False)

    def _write(self, path: Path, columns: dict) -> None:
        change = "new"
        if path.exists():
            change = "; ".join(difference(read(path), columns, 0.0, 0.0)) or "unchanged"
        path.parent.mkdir(parents=True, exist_ok=True)
        rows = zip(*columns.values(), strict=True)
        lines = [",".join(columns), *(",".join(f"{value:.9g}" for value in row) for row in rows)]
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        self.refreshed.append(f"{path.name}: {change}")


def read(path: Path) -> dict:
    """Columns of a golden file by name."""
    header, *rows = path.read_text(encoding="utf-8").splitlines()
    data = np.array([[float(cell) for cell in row.split(",")] for row in rows])
    return dict(zip(header.split(","), data.T, strict=True))


def difference(expected: dict, got: dict, rtol: float, atol: float) -> list[str]:
    """One line for each curve that differs, none when all agree."""
    if list(expected) != list(got):
        return [f"  columns: expected {', '.join(expected)}; got {', '.join(got)}"]
    axis = next(iter(expected))
    lines = []
    for name, old in expected.items():
        new = got[name]
        if old.shape != new.shape:
            return [f"  {name}: expected {old.size} points, got {new.size}"]
        excess = np.abs(new - old) - (atol + np.maximum(rtol, 1e-8) * np.abs(old))
        excess = np.where(np.isnan(new) != np.isnan(old), np.inf, np.nan_to_num(excess, nan=-1.0))
        bad = int(np.count_nonzero(excess > 0))
        if bad:
            relative = np.abs(new - old) / np.maximum(np.abs(old), np.finfo(float).tiny)
            worst = int(np.nanargmax(np.where(excess > 0, np.nan_to_num(relative, nan=np.inf), -1.0)))
            lines.append(
                f"  {name}: {bad} of {old.size} points, worst at point {worst} ({axis} = {expected[axis][worst]:g}): "
                f"expected {old[worst]:.9g}, got {new[worst]:.9g}, relative difference {relative[worst]:.3g}"
            )
    return lines


@pytest.fixture
def golden(request) -> Golden:
    """Compare arrays with tests/golden/<name>.csv; see the top of this file."""
    return Golden(GOLDEN_FOLDER, request.config.getoption("--refresh-golden"), _REFRESHED)
