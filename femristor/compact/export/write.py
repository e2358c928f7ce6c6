"""Write a model in one of the formats that other programs read."""

from collections.abc import Callable
from pathlib import Path

from femristor.compact.export.csv import csv
from femristor.compact.export.spice import spice
from femristor.compact.export.verilog import verilog
from femristor.compact.ibm import IbmModel
from femristor.compact.results.table import CompactTable
from femristor.compact.table.interpolate import TableModel
from femristor.core import store
from femristor.core.errors import InputError
from femristor.core.io.files import atomic_write
from femristor.device.load_line import Load

FORMATS = ("spice", "verilog-a", "hdf5", "csv")
"""What `export` writes."""


def export(
    model: TableModel | IbmModel,
    kind: str,
    path: str | Path,
    *,
    load: Load | None = None,
    digits: int | None = None,
    fixed: bool = False,
    sample: Callable[[IbmModel], CompactTable] | None = None,
) -> Path:
    """Write a model.

    Args:
        model: a table at one ambient (hdf5 and csv hold all its ambients), or IBM's law.
        kind: one of FORMATS.
        path: the file; an existing one is replaced when all is written.
        load: what is in series in a SPICE file.
        digits: decimal digits of a table's numbers in spice and verilog-a; the format's own by default.
        fixed: hold the model's ambient in spice and verilog-a; otherwise the cell follows the circuit's temperature.
        sample: makes the table that an hdf5 file of IBM's law holds.

    Returns:
        The path.

    Raises:
        InputError: an unknown format, a load or digits that the format has no place for, too few digits.
        OutputError: the file cannot be written.
    """
    if kind not in FORMATS:
        raise InputError(f"'{kind}' is no format of an export; use one of {', '.join(FORMATS)}.")
    if load is not None and kind != "spice":
        raise InputError(f"A {kind} file holds the cell alone; leave out the load or export spice.")
    if digits is not None and kind in ("hdf5", "csv"):
        raise InputError(f"A {kind} file has no choice of digits; leave them out.")
    if kind == "hdf5":
        return store.save(_table(model, sample), path)
    given = {"fixed": fixed} if digits is None else {"digits": digits, "fixed": fixed}
    if kind == "spice":
        text = spice(model, load=load, **given)
    elif kind == "verilog-a":
        text = verilog(model, **given)
    else:
        text = csv(model)
    with atomic_write(path) as stream:
        stream.write(text)
    return Path(path)


def _table(model, sample) -> CompactTable:
    if isinstance(model, TableModel):
        return model.table
    if sample is None:
        raise InputError("An hdf5 file of IBM's law holds a table of it; build one with compact build.")
    return sample(model)
