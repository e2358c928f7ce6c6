"""Figure of remedies against wire resistance: error over tile size, and the largest tiles."""

import numpy as np

from femristor.array.results.remedies import RemedyTable
from femristor.plot.style import OURS, REFERENCE, SECOND, SHADE, THIRD, new_figure

FAMILIES = (
    ("wire-aware", SECOND),
    ("pair", "#b8860b"),
    ("common", OURS),
    ("reference", "#7a4fa3"),
    ("two-sided", THIRD),
)
"""A word in the name of a remedy, and its colour; the first that fits."""
MARKERS = "os^vDP"
FLOOR = 1e-4
"""Errors below are drawn here."""


def remedies_figure(table: RemedyTable):
    """RMSE over tile size for each remedy, with the bound; bars of the largest tile within the bound.

    Args:
        table: the comparison.

    Returns:
        Figure.
    """
    advised = table.largest_limit > 0
    figure, axes = new_figure(2 if advised else 1, width=6.6, height=5.2)
    axis = axes[0, 0]
    seen: dict[str, int] = {}
    for index, name in enumerate(table.remedies):
        formula, plain = index == 0, name == "none"
        family = next((color for word, color in FAMILIES if word in name), REFERENCE)
        color = SHADE if formula else family
        count = seen[color] = seen.get(color, -1) + 1
        axis.plot(
            table.size,
            np.maximum(table.rmse[index], FLOOR),
            marker="x" if formula else MARKERS[count % len(MARKERS)],
            ms=4.5,
            lw=2.0 if plain else 1.1,
            ls=":" if formula else "--" if "," in name else "-",
            color=color,
            label=f"{name} ({table.devices[index]} cells)" if table.devices[index] > 1 else name,
        )
    axis.axhline(table.bound, color=REFERENCE, lw=0.8, ls=(0, (1, 2)))
    axis.annotate(
        f"bound {table.bound:g}",
        (table.size[-1], table.bound),
        (4, 0),
        textcoords="offset points",
        fontsize=7,
    )
    axis.set_xscale("log", base=2)
    axis.set_yscale("log")
    axis.set_xticks(table.size, [f"{size}" for size in table.size])
    axis.minorticks_off()
    axis.set_xlabel("rows = columns of the tile")
    axis.set_ylim(bottom=0.7 * FLOOR)
    axis.set_ylabel("RMSE of the product [absolute units]")
    axis.set_title(
        f"{table.segment_ohm:g} ohm a segment, wires only; below {FLOOR:g} drawn there", fontsize=9
    )
    figure.legend(frameon=False, fontsize=7, ncols=5 if advised else 3, loc="outside lower center")
    if advised:
        _bars(axes[0, 1], table)
    return figure


def _bars(axis, table: RemedyTable) -> None:
    names, sizes = table.remedies[1:], table.largest[1:]
    places = np.arange(len(names))[::-1]
    axis.barh(
        places, np.maximum(sizes, 1), color=np.where(sizes >= table.largest_limit, THIRD, OURS).tolist()
    )
    for place, size in zip(places, sizes, strict=True):
        text = f"{size} or more" if size >= table.largest_limit else f"{size}" if size else "none"
        axis.annotate(
            text, (max(size, 1), place), (3, 0), textcoords="offset points", va="center", fontsize=7
        )
    axis.set_yticks(places, names, fontsize=7)
    axis.set_xlim(0, 1.25 * max(int(sizes.max()), 1))
    axis.grid(visible=False, axis="y")
    axis.set_xlabel("largest tile [rows = columns]")
    axis.set_title(f"RMSE up to {table.bound:g}; tried up to {table.largest_limit}", fontsize=9)
