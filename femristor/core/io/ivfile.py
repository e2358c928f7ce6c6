"""I-V curves in text files, in and out.

Layouts read: one curve (voltage and current column); several curves told apart by a `label`, `state`,
`curve` or `ambient` column; or one voltage column with several current columns.
"""

import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from femristor.core.constants import T_SINK_K
from femristor.core.curves import IVCurve
from femristor.core.errors import DataError, InputError
from femristor.core.io.csvio import Table, read_table, split_unit
from femristor.core.io.files import atomic_write
from femristor.core.io.text import csv_comment, csv_text

ALIASES = {
    "voltage": ("voltage", "v", "bias", "v_device", "vd", "u"),
    "current": ("current", "i", "id", "abs_current"),
    "ambient": ("ambient", "t_ambient", "tamb", "temperature_ambient"),
    "label": ("label", "state", "curve"),
}
UNITS = {"voltage": "V", "current": "A", "ambient": "K", "label": ""}


def read_iv_csv(
    path: str | Path,
    columns: Mapping[str, str] | None = None,
    *,
    ambient_K: float = T_SINK_K,
    label: str = "",
    sweep: bool = False,
) -> list[IVCurve]:
    """Read the I-V curves of a file.

    Args:
        path: text file; header units such as V_V, I_uA, "current [mA]" are converted.
        columns: quantity ("voltage", "current", "ambient", "label") to header name, where ours do not fit.
        ambient_K: ambient temperature where the file has no column for it.
        label: label where the file has none; by default the file's name.
        sweep: allow voltages that turn (a triangle); otherwise they must strictly rise or fall.

    Returns:
        One IVCurve for each curve in the file.

    Raises:
        DataError: a column is missing, a cell is no number, voltages are unsorted or repeated.
    """
    table = read_table(path, "I-V curve")
    names = _resolve(table, dict(columns or {}))
    base = label or label_of(path)
    voltage = table.numbers(names["voltage"][0], "V")
    ambient = (
        table.numbers(names["ambient"][0], "K") if names["ambient"] else np.full(voltage.size, ambient_K)
    )
    labels = table.columns[names["label"][0]] if names["label"] else [base] * voltage.size
    curves = []
    for name in names["current"]:
        current = table.numbers(name, "A")
        suffix = "" if len(names["current"]) == 1 else f" {name}"
        for key in dict.fromkeys(zip(labels, ambient.tolist(), strict=True)):
            rows = [row for row, here in enumerate(zip(labels, ambient.tolist(), strict=True)) if here == key]
            if len(rows) < 2:
                raise DataError(f"{path}: curve '{key[0]}' has only one row; a curve needs at least two.")
            if not sweep:
                _check_sorted(table, voltage, rows)
            origin = _origin(table, key[0])
            try:
                curves.append(IVCurve(voltage[rows], current[rows], key[1], key[0] + suffix, origin))
            except InputError as error:
                raise DataError(f"{path}: {str(error)[0].lower()}{str(error)[1:]}") from None
    return curves


def label_of(path: str | Path) -> str:
    """Label of a file's curve where neither the file nor the user gives one: the file's name without its ending."""
    return re.sub(r"(\.(csv|tsv|txt))?(\.gz)?$", "", Path(path).name)


def states_ambient(path: str | Path, columns: Mapping[str, str] | None = None) -> bool:
    """Whether a file says its ambient temperature, so that none has to be assumed.

    Args:
        path: text file.
        columns: as in `read_iv_csv`.

    Returns:
        True where it has an ambient column.

    Raises:
        DataError: as `read_iv_csv`.
    """
    return bool(_resolve(read_table(path, "I-V curve"), dict(columns or {}))["ambient"])


def _origin(table: Table, label: str) -> str:
    """The file's name, and what a comment "# label: ..." says of the curve (that it is synthetic, say)."""
    said = [text.removeprefix(f"{label}: ") for text in table.comments if text.startswith(f"{label}: ")]
    return f"{table.path.name}: {said[0]}" if said else table.path.name


def write_iv_csv(curves: list[IVCurve], path: str | Path) -> Path:
    """Write curves to one file that `read_iv_csv` reads back.

    Args:
        curves: the curves.
        path: text file, replaced only when all is written.

    Returns:
        The path.

    Raises:
        OutputError: it cannot be written.
    """
    with atomic_write(path) as stream:
        for curve in curves:
            label, origin = csv_text(curve.label), csv_comment(curve.origin or "femristor")
            stream.write(f"# {label}: {origin}, {curve.status}\n")
        stream.write("label,ambient_K,voltage_V,current_A\n")
        for curve in curves:
            label = csv_text(curve.label)
            for volt, amp in zip(curve.voltage_V, curve.current_A, strict=True):
                stream.write(f"{label},{float(curve.ambient_K)!r},{float(volt)!r},{float(amp)!r}\n")
    return Path(path)


def _resolve(table: Table, mapping: dict[str, str]) -> dict[str, list[str]]:
    for quantity, header in mapping.items():
        if quantity not in ALIASES:
            raise DataError(f"{table.path}: '{quantity}' cannot be mapped; map {', '.join(ALIASES)}.")
        if header not in table.columns:
            raise DataError(
                f"{table.path}: no column '{header}'; its columns are {', '.join(table.columns)}."
            )
    found: dict[str, list[str]] = {}
    for quantity, aliases in ALIASES.items():
        if quantity in mapping:
            found[quantity] = [mapping[quantity]]
            continue
        found[quantity] = [name for name in table.columns if _matches(name, aliases)]
    for quantity in ("voltage", "current"):
        if not found[quantity]:
            raise DataError(
                f"{table.path}: no {quantity} column among {', '.join(list(table.columns)[:8])}; "
                f"name it {quantity}_{UNITS[quantity]} or map it with --column {quantity}=NAME."
            )
    if len(found["voltage"]) > 1:
        raise DataError(
            f"{table.path}: several voltage columns ({', '.join(found['voltage'])}); map one with --column."
        )
    return found


def _matches(header: str, aliases: tuple[str, ...]) -> bool:
    """Whether a header is one of the names, also when numbered ("abs_current_A_001", "current_1_A")."""
    name = split_unit(_unnumbered(header))[0]
    return _unnumbered(name) in aliases


def _unnumbered(name: str) -> str:
    head, _, tail = name.rpartition("_")
    return head if tail.isdigit() else name


def _check_sorted(table: Table, voltage: np.ndarray, rows: list[int]) -> None:
    step = np.diff(voltage[rows])
    direction = np.sign(step[0]) or 1.0
    for index, delta in enumerate(step):
        line = table.lines[rows[index + 1]]
        if delta == 0:
            raise DataError(
                f"{table.path}: line {line}: {voltage[rows[index]]:g} V occurs twice; keep one row a voltage."
            )
        if np.sign(delta) != direction:
            raise DataError(
                f"{table.path}: line {line}: voltages are not sorted ({voltage[rows[index]]:g} V, then "
                f"{voltage[rows[index + 1]]:g} V); sort them or split the sweep into curves."
            )
