"""A model as text: current, temperature and rate over ambient, density and bias."""

import numpy as np

from femristor.compact.ibm import IbmModel
from femristor.compact.table.grid import default_grid
from femristor.compact.table.interpolate import TableModel
from femristor.core.io.text import csv_comment

SCHEMA = 1
"""Version of the columns."""
NAME_MAX = 90
"""Most characters of a name in the head."""
COLUMNS = {
    "ambient_K": "temperature of both electrodes",
    "N_m3": "state: dome density of the table, N of the 0-D law",
    "V_V": "voltage over the cell; currents are odd in it",
    "I_A": "current",
    "T_K": "mean temperature of the dome",
    "rate_set_per_s": "d(ln N)/dt at +V, from 0 up",
    "rate_reset_per_s": "d(ln N)/dt at -V, from 0 down",
}
"""Columns and what they hold; the last part of a name is the unit."""


def csv(model: TableModel | IbmModel) -> str:
    """Rows at the points of the table (all its ambients), or of a grid over the card's range.

    Args:
        model: what is exported.

    Returns:
        Text: comments with the schema and the columns, a line of names, one row for each point.
    """
    if isinstance(model, IbmModel):
        grid = default_grid(model.card)
        axes, models = (grid.density_m3, grid.bias_V), [model]
        name, made = (csv_comment(text, NAME_MAX) for text in (model.card.name, model.card.hash[:12]))
        origin = f"IBM's published 0-D law for card {name} (hash {made})"
    else:
        table = model.table
        name, made = (csv_comment(text, NAME_MAX) for text in (table.card_name, table.model))
        axes, origin = (table.density_m3, table.bias_V), f"{name} sampled from {made}"
        models = [TableModel(table, ambient) for ambient in table.ambient_K]
    lines = [f"# femristor compact csv, schema {SCHEMA}", f"# {origin}"]
    lines += [f"# {name}: {text}" for name, text in COLUMNS.items()]
    lines.append(",".join(COLUMNS))
    for each in models:
        lines += [",".join(f"{value:.12g}" for value in row) for row in _rows(each, *axes)]
    return "\n".join(lines) + "\n"


def _rows(model, density_m3, bias_V) -> np.ndarray:
    density, volt = (part.ravel() for part in np.meshgrid(density_m3, bias_V, indexing="ij"))
    return np.column_stack(
        [
            np.full(volt.size, model.ambient_K),
            density,
            volt,
            model.current_A(volt, density),
            model.temperature_mean_K(volt, density),
            model.density_rate_per_m3s(volt, density) / density,
            model.density_rate_per_m3s(-volt, density) / density,
        ]
    )
