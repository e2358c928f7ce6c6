"""femristor array remedies: what helps against wire resistance."""

import math
from pathlib import Path

import click

from femristor.cli.array.shared import save_result
from femristor.cli.frame.belongs import belongs_to
from femristor.cli.frame.counts import count_option, wholes
from femristor.cli.frame.options import Context, card_option, common_options, out_option
from femristor.cli.frame.tables import text_table
from femristor.core.bounds import VECTORS, WIRED_TILE


def _advice(given: dict) -> str:
    """Whether there is an advice, in words."""
    return "--largest above 0" if given["largest"] else "--largest 0"


@click.command("remedies")
@card_option
@click.option("--sizes", default="64,128,256,512", show_default=True, help="Rows = columns of the tiles.")
@click.option("--segment-ohm", default=0.35, show_default=True, help="Resistance of a segment of wire.")
@count_option("--inputs", bound=VECTORS, default=100, help="Input vectors.")
@click.option("--bound", default=0.05, show_default=True, help="RMSE that a tile may have, absolute units.")
@count_option("--largest", bound=WIRED_TILE, default=256, help="Largest tile of the advice; 0 for none.")
@out_option("HDF5 file for the table.")
@click.option("--figure", default=None, metavar="FILE.png", help="Picture of the table.")
@belongs_to(_advice, {"--largest above 0": ("bound",)})
@common_options
def remedies(
    context: Context,
    *,
    card: str,
    sizes: str,
    segment_ohm: float,
    inputs: int,
    bound: float,
    largest: int,
    out: str | None,
    figure: str | None,
) -> None:
    """Error of analog products for each remedy and tile size, and the largest tile that each allows.

    Weights and inputs are normal with standard deviation 0.5, clipped to +-1; no converters, no noise.
    """
    from femristor.array.wires.remedies_table import remedies_table
    from femristor.array.wires.solver import transfer_matrix
    from femristor.core.io.files import ensure_output_dir
    from femristor.device import load_card

    for path in (out, figure):
        if path:
            ensure_output_dir(Path(path).parent)
    found = remedies_table(
        load_card(card),
        transfer_matrix,
        sizes=wholes(sizes, "--sizes", bound=WIRED_TILE),
        segment_ohm=segment_ohm,
        inputs=inputs,
        bound=bound,
        largest_limit=largest,
        seed=context.seed,
        progress=context.progress,
    )
    save_result(found, out)
    if figure:
        from femristor.plot.array.remedies import remedies_figure
        from femristor.plot.style import save_png

        save_png(remedies_figure(found), figure)
    names = ("size", "segment_ohm", "distribution", "inputs", "bound", "largest_limit", "seconds")
    payload = {name: getattr(found, name) for name in names}
    payload["remedies"] = [
        {
            "name": name,
            "devices": found.devices[row],
            "rmse": found.rmse[row],
            "relative": found.relative[row],
            "span": found.span[row],
            "clipped": found.clipped[row],
            "largest": found.largest[row] if row and largest else None,
        }
        for row, name in enumerate(found.remedies)
    ]
    context.emit({**payload, "out": out, "figure": figure}, _text(found))


def _text(found) -> str:
    """Table for people: RMSE, in brackets relative to the products; the span of wire-aware targets below."""
    header = ("remedy", "cells", *(f"{size}" for size in found.size), "largest tile")
    rows = []
    for row, name in enumerate(found.remedies):
        entries = (
            f"{value:.3g} ({100 * part:.2g} %)"
            for value, part in zip(found.rmse[row], found.relative[row], strict=True)
        )
        rows.append((name, f"{found.devices[row]}", *entries, _largest(found, row)))
    spans = []
    for row, name in enumerate(found.remedies):
        if "wire-aware" in name:
            shares = ", ".join(f"{100 * span:.0f} %" for span in found.span[row])
            spans.append(f"{name}: targets use {shares} of the window.")
    lines = [
        f"RMSE in absolute units (in brackets relative to the products), {found.segment_ohm:g} ohm a segment, "
        f"{found.inputs} inputs; {found.distribution}; no converters, no noise",
        text_table(header, rows, right=range(1, len(header))),
        f"largest tile: RMSE up to {found.bound:g}, real sizes up to {found.largest_limit} solved by bisection."
        if found.largest_limit
        else "",
        *spans,
        "seconds: "
        + ", ".join(
            f"{size}: {seconds:.1f}" for size, seconds in zip(found.size, found.seconds, strict=True)
        ),
    ]
    if 64 in found.size and math.isclose(found.segment_ohm, 0.35):
        from femristor.array.wires.remedies_table import EXACT_64, FORMULA_64

        lines.append(
            f"64 x 64 known elsewhere: {EXACT_64} exact (which fits resistance in the columns only, see "
            f"docs/theory/remedies.md), {FORMULA_64} by the closed form."
        )
    return "\n".join(line for line in lines if line)


def _largest(found, row: int) -> str:
    if row == 0 or not found.largest_limit:
        return ""
    size = int(found.largest[row])
    return f"{size} or more" if size >= found.largest_limit else f"{size}" if size else "none"
