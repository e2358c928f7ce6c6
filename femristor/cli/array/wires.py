"""femristor array wires: column currents of an array with resistive wires, by an exact nodal solution."""

from pathlib import Path

import click
import numpy as np

from femristor.cli.frame.options import Context, common_options, out_option
from femristor.cli.frame.tables import text_table
from femristor.core.errors import InputError

SHOWN = 16


@click.command("wires")
@click.option(
    "--conductance",
    required=True,
    metavar="G.csv",
    help="Conductances in S, rows x columns, one header line.",
)
@click.option(
    "--voltages",
    required=True,
    metavar="V.csv",
    help="Voltages in V, one a row, header or none; more columns are more input vectors.",
)
@click.option("--segment-ohm", default=0.35, show_default=True, help="Row wire from one cell to the next.")
@click.option("--column-segment-ohm", default=None, type=float, help="Column wire; as the rows by default.")
@click.option("--driver-ohm", default=0.0, show_default=True, help="In series with each driven end.")
@click.option("--sense-ohm", default=0.0, show_default=True, help="In series with each sensed end.")
@click.option("--drive", default="left", show_default=True, help="Driven end of the rows: left, right, both.")
@click.option(
    "--sense", default="bottom", show_default=True, help="Sensed end of columns: bottom, top, both."
)
@click.option(
    "--topology",
    default="crosspoint",
    show_default=True,
    help="crosspoint, or parallel: source lines along the bit lines.",
)
@click.option("--read-s", default=300e-6, show_default=True, help="Length of a read in s, for its energy.")
@click.option("--figure", default=None, metavar="FILE.png", help="Currents and cell voltages.")
@out_option("CSV file for the currents (.csv), or HDF5 file for the whole solution.")
@common_options
def wires(
    context: Context,
    *,
    conductance: str,
    voltages: str,
    figure: str | None,
    out: str | None,
    read_s: float,
    **options,
) -> None:
    """Column currents of an array with wires, beside those of the ideal product."""
    from femristor.array.costs import wired_read_cost
    from femristor.array.wires.grid import WireGrid, require_cells, require_lines
    from femristor.array.wires.input import read_matrix
    from femristor.array.wires.solver import solve_wires

    if not 0 < read_s < float("inf"):
        raise InputError(f"--read-s {read_s:g}: a read takes time; give seconds above 0, such as 300e-6.")
    grid = WireGrid(**options)
    cells = read_matrix(conductance, "table of conductances in S", header=True)
    try:
        require_cells(cells.shape, float(cells.min()), 0)
    except InputError as error:
        raise InputError(f"{conductance}: {str(error)[0].lower()}{str(error)[1:]}") from None
    require_lines(cells.sum(1), cells.sum(0), where=conductance)
    vectors = read_matrix(voltages, "list of voltages in V", header=False).T
    lines = grid.inputs(*cells.shape)
    if vectors.shape[1] != lines:
        raise InputError(
            f"{voltages}: has {vectors.shape[1]} voltages, but {conductance} has {cells.shape[0]} rows and "
            f"{cells.shape[1]} columns; write {lines} voltages, one a row."
        )
    found = solve_wires(cells, vectors, grid)
    ideal = vectors * cells.sum(0) if grid.parallel else vectors @ cells
    power_W = (found.cell_V**2 * cells).sum(axis=(-2, -1))
    cost = wired_read_cost(found.drive_V, found.driver_current_A, power_W, width_s=read_s)
    _write(found, out, figure, ideal)
    payload = {**_payload(found, ideal, cells.shape), "cost": cost, "out": out, "figure": figure}
    context.emit(payload, f"{_text(found, ideal)}\nreading costs {cost.sentence()}")


def _payload(found, ideal: np.ndarray, shape: tuple[int, int]) -> dict:
    """What a program wants; one vector is written without its axis."""
    current = found.column_current_A

    def plain(values: np.ndarray) -> np.ndarray:
        return values[0] if len(values) == 1 else values

    return {
        "column_current_A": plain(current),
        "ideal_current_A": plain(ideal),
        "driver_current_A": plain(found.driver_current_A),
        "worst_relative_error": _worst(current, ideal),
        "rmse_A": float(np.sqrt(np.mean((current - ideal) ** 2))),
        "kirchhoff_residual_A": found.residual_A,
        "kirchhoff_residual_relative": found.relative_residual,
        "rows": shape[0],
        "cols": shape[1],
        "vectors": len(current),
        "wires": found.wires,
    }


def _worst(current: np.ndarray, ideal: np.ndarray) -> float:
    """Largest error over the largest ideal current."""
    scale = float(np.abs(ideal).max())
    return float(np.abs(current - ideal).max()) / scale if scale > 0 else 0.0


def _text(found, ideal: np.ndarray) -> str:
    current = found.column_current_A
    rows = [
        (str(vector), str(column), f"{current[vector, column]:.6e}", f"{ideal[vector, column]:.6e}")
        for vector in range(len(current))
        for column in range(current.shape[1])
    ]
    table = text_table(("vector", "column", "current [A]", "ideal [A]"), rows[:SHOWN], right=range(4))
    lines = [table]
    if len(rows) > SHOWN:
        lines.append(f"... and {len(rows) - SHOWN} more; --json or --out has all.")
    rmse = float(np.sqrt(np.mean((current - ideal) ** 2)))
    lines.append(
        f"worst error {100 * _worst(current, ideal):.3g} % of the largest ideal current, RMSE {rmse:.3e} A, "
        f"Kirchhoff residual {found.relative_residual:.1e} of the largest current"
    )
    return "\n".join(lines)


def _write(found, out: str | None, figure: str | None, ideal: np.ndarray) -> None:
    if out and Path(out).suffix.lower() == ".csv":
        from femristor.core.io.files import atomic_write

        names = [f"current_{vector}_A" for vector in range(len(ideal))]
        names += [f"ideal_{vector}_A" for vector in range(len(ideal))]
        with atomic_write(out) as stream:
            stream.write(",".join(["column", *names]) + "\n")
            for column, values in enumerate(np.concatenate([found.column_current_A, ideal]).T):
                stream.write(",".join([str(column), *(f"{value:.17g}" for value in values)]) + "\n")
    elif out:
        from femristor.core.store import save

        save(found, out)
    if figure:
        from femristor.plot.array.wires import wires_figure
        from femristor.plot.style import save_png

        save_png(wires_figure(found, ideal), figure)
