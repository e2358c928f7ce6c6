"""Figures of arrays with wires: what the wires take, and what solving them costs."""

import numpy as np

from femristor.array.results.wires import WireSolution
from femristor.plot.style import OURS, REFERENCE, SECOND, THIRD, new_figure


def wires_figure(found: WireSolution, ideal_A: np.ndarray):
    """Column currents beside the ideal ones, and the voltage across each cell, of the first input vector.

    Args:
        found: solution of one tile, fields (vectors, rows, cols).
        ideal_A: (vectors, cols) currents without wires.

    Returns:
        Figure.
    """
    figure, axes = new_figure(2)
    left, right = axes[0]
    columns = np.arange(ideal_A.shape[1])
    left.plot(columns, 1e6 * ideal_A[0], ".", color=REFERENCE, label="ideal product")
    left.plot(columns, 1e6 * found.column_current_A[0], ".", color=OURS, label="with wires")
    left.set_xlabel("column")
    left.set_ylabel("current [uA]")
    left.legend(frameon=False)
    right.grid(visible=False)
    parallel = found.wires["topology"] == "parallel"
    driven = found.drive_V[0][None, :] if parallel else found.drive_V[0][:, None]
    loss = 1e3 * np.abs(driven - found.cell_V[0])
    image = right.imshow(loss, cmap="viridis", aspect="auto")
    figure.colorbar(image, ax=right, label="lost on the wires [mV]")
    right.set_xlabel("column")
    right.set_ylabel("row")
    return figure


def cost_figure(rows: list[dict]):
    """Seconds for a transfer matrix against the size of the array.

    Args:
        rows: one dictionary a size, with `size`, `ours_s`, `scipy_s` and `vector_s` (None where not measured).

    Returns:
        Figure.
    """
    figure, axes = new_figure(1)
    axis = axes[0, 0]
    for name, label, color in (
        ("scipy_s", "SciPy splu, transfer matrix", REFERENCE),
        ("ours_s", "block elimination, transfer matrix", OURS),
        ("batch_s", "the same, a tile of a batch", THIRD),
        ("vector_s", "column_currents, one vector", SECOND),
    ):
        known = [(row["size"], row[name]) for row in rows if row.get(name) is not None]
        if known:
            axis.loglog(*zip(*known, strict=True), "o-", color=color, label=label)
    sizes = np.array([row["size"] for row in rows], dtype=float)
    last = rows[-1]
    axis.loglog(
        sizes, last["ours_s"] * (sizes / last["size"]) ** 4, "--", color=OURS, lw=0.8, label="size to the 4th"
    )
    axis.set_xticks(sizes, [f"{size:g}" for size in sizes])
    axis.minorticks_off()
    axis.set_xlabel("rows = columns")
    axis.set_ylabel("time [s]")
    axis.legend(frameon=False, fontsize=8)
    return figure
