"""Options of arrays whose vacancies hop (`femristor array cycle`, `pulses`), and the cells that they mean."""

from collections.abc import Callable
from pathlib import Path

import click

from femristor.cli.frame.counts import count_option
from femristor.cli.frame.tables import text_table
from femristor.compact.results.stochastic import MEASURED_CLUSTER
from femristor.core.bounds import SIDE
from femristor.core.errors import InputError
from femristor.core.units import parse_number

size_options = (
    count_option("--rows", bound=SIDE, default=8, help="Rows."),
    count_option("--cols", bound=SIDE, default=4, help="Columns."),
    click.option("--figure", default=None, metavar="PNG", help="Picture in the paper's axes."),
    click.option(
        "--checkpoint", default=None, metavar="FILE", help="HDF5 file; the same run continues there."
    ),
)

_OPTIONS = (
    click.option("--model", type=click.Choice(["ibm", "table"]), default=None, help="Law of cells that hop."),
    click.option("--cluster", default=1.0, show_default=True, help=f"Vacancies that hop together; the paper asks for {MEASURED_CLUSTER}."),
    click.option(
        "--spread", default="fit", show_default=True, metavar="TEXT",
        help="From device to device: fit (to the card's measured spread), none, or radius=0.01,barrier_set=0.005.",
    ),
    *size_options,
)  # fmt: skip


def hop_options(function: Callable) -> Callable:
    """Options of model, noise, spread and size."""
    return with_options(function, _OPTIONS)


def with_options(function: Callable, options) -> Callable:
    """Add options in their order."""
    for option in reversed(options):
        function = option(function)
    return function


def check_outputs(options: dict) -> None:
    """Refuse files that cannot be written before long work begins.

    Raises:
        InputError: a wrong ending.
        OutputError: a folder that cannot be written.
    """
    from femristor.core.io.files import check_output_file

    for name, ending in (("out", ".h5"), ("figure", ".png"), ("checkpoint", ".h5")):
        path = options.get(name)
        if path is not None:
            if Path(path).suffix != ending:
                raise InputError(f"--{name} {path}: this file is written with the ending {ending}; use it.")
            check_output_file(path)


def hop_array(card, options: dict, seed: int):
    """The cells of the options, behind the selector that counts where none is named.

    Raises:
        InputError: an impossible spread or model.
    """
    from femristor.api.arrays import Array
    from femristor.api.cells import ReducedCell
    from femristor.cli.cell.switching import distilled_model
    from femristor.cli.frame.loads import cell_load

    kind = "ibm" if (options["model"] or "ibm") == "ibm" else "compact"
    law = distilled_model(card, kind, {"table": options.get("table"), "ambient": None})
    cell = ReducedCell(card, None if kind == "ibm" else law.table)
    text = options["spread"]
    spread = text if text in ("fit", "none") else spread_of(text)
    load = cell_load(card, "1T1R")
    return Array(cell, seed=seed, cluster=options["cluster"], spread=spread, load=load).cells


def spread_of(text: str) -> dict[str, float]:
    """The spread "radius=0.01,barrier_set=0.005".

    Raises:
        InputError: something else.
    """
    found = {}
    for part in text.split(","):
        name, _, value = part.partition("=")
        try:
            found[name.strip()] = parse_number(value, "--spread")
        except InputError:
            raise InputError(
                f"--spread '{text}' is not fit, none or like radius=0.01,barrier_set=0.005."
            ) from None
    return found


def spread_text(spread: dict[str, float]) -> str:
    """The spread in words."""
    units = {"barrier_set": " eV", "barrier_reset": " eV"}
    return ", ".join(f"{n} {s:.3g}{units.get(n, '')}" for n, s in spread.items()) or "none"


def distribution_table(rows: list[tuple]) -> str:
    """Mean, sigma, least and most of quantities beside the paper's; rows of (name, values, paper)."""
    import numpy as np

    lines = []
    for name, values, paper in rows:
        good = values[np.isfinite(values)]
        told = (np.mean(good), np.std(good), np.min(good), np.max(good)) if good.size else (np.nan,) * 4
        lines.append((name, *(f"{value:.4g}" for value in told), paper))
    return text_table(("", "mean", "sigma", "min", "max", "paper"), lines, right=(1, 2, 3, 4, 5))
