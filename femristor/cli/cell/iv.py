"""femristor iv: current, heat and fields of a frozen state over bias, by finite elements."""

from pathlib import Path

import click

from femristor.cli.frame.belongs import belongs_to
from femristor.cli.frame.counts import count_option
from femristor.cli.frame.options import Context, card_option, common_options, mpi_rank, out_option
from femristor.cli.frame.tables import text_table
from femristor.core.bounds import FIELD_POINTS
from femristor.core.errors import InputError

MAP_PNG = "map.png"


@click.command("iv")
@card_option
@click.option("--state", default="lrs", show_default=True, help="lrs, hrs or N=2e25 (dome density in 1/m^3).")
@click.option("--vmax", default=0.2, show_default=True, help="Last bias in V, below 0 for the reset side.")
@count_option("--points", bound=FIELD_POINTS, default=21, help="Biases from 0 V to --vmax.")
@click.option("--dim", default="2", type=click.Choice(["2", "3"]), show_default=True, help="2: axisymmetric.")
@click.option("--full", is_flag=True, help="In 3-D the whole cylinder, not a quarter.")
@click.option("--ambient", default=None, metavar="TEXT", help='Such as "350 K"; the card\'s by default.')
@click.option("--resolution", default=1.0, show_default=True, help="Mesh resolution, 2 is twice as fine.")
@click.option("--fields", default=None, metavar="DIR", help="Folder for ParaView fields and map.png.")
@out_option("Curve as .csv, or everything as .h5.")
@belongs_to("dim", {"3": ("full",)})
@common_options
def command(
    context: Context,
    *,
    card: str,
    state: str,
    vmax: float,
    points: int,
    dim: str,
    full: bool,
    ambient: str | None,
    resolution: float,
    fields: str | None,
    out: str | None,
) -> None:
    """Current against voltage of a cell by finite elements; also under mpiexec."""
    import numpy as np

    from femristor.core.units import parse_quantity
    from femristor.device import load_card

    loaded = load_card(card)
    frozen = loaded.state(state)
    if points < 2 or not np.isfinite(vmax) or vmax == 0:
        raise InputError(
            f"{points} points up to {vmax:g} V make no curve; give --points 2 or more and a --vmax."
        )
    kelvin = None if ambient is None else parse_quantity(ambient, "K", "--ambient")
    _check_out(out)

    from femristor.fem.electrothermal.cell import ElectroThermal

    solver = ElectroThermal(loaded, dim=int(dim), resolution=resolution, full=full)
    bias = np.linspace(0.0, vmax, points)
    if fields is None:
        solution = solver.sweep(bias, frozen, ambient_K=kelvin, progress=context.progress)
    else:
        from femristor.fem.export import export_fields

        solution = export_fields(
            solver, fields, bias, state=frozen, ambient_K=kelvin, progress=context.progress
        )
        _write_map(solver.fields(vmax, frozen, ambient_K=kelvin), Path(fields))
    if out is not None and mpi_rank() == 0:
        _write(solution, out)
    context.emit(_payload(solution, out, fields), _text(solution, loaded.name))


def _check_out(out: str | None) -> None:
    if out is not None and Path(out).suffix not in (".csv", ".h5"):
        raise InputError(f"--out {out}: the ending says what is written; use .csv or .h5.")


def _write(solution, out: str) -> None:
    from femristor.core import store
    from femristor.core.io.ivfile import write_iv_csv

    if Path(out).suffix == ".csv":
        write_iv_csv([solution.iv()], out)
    else:
        store.save(solution, out)


def _write_map(found, folder: Path) -> None:
    if mpi_rank() != 0:
        return
    from femristor.plot import save_png
    from femristor.plot.fields import map_figure

    save_png(map_figure([found]), folder / MAP_PNG)


COLUMNS = (
    ("V [V]", "bias_V", 1.0),
    ("I [uA]", "current_A", 1e6),
    ("P [uW]", "power_W", 1e6),
    ("T dome [K]", "dome_temperature_mean_K", 1.0),
    ("T max [K]", "temperature_max_K", 1.0),
    ("|E| dome [MV/m]", "dome_field_mean_V_per_m", 1e-6),
)


def _text(solution, name: str) -> str:
    rows = [
        tuple(f"{float(getattr(solution, key)[index]) * scale:.4g}" for _, key, scale in COLUMNS)
        for index in range(solution.bias_V.size)
    ]
    state = solution.state
    head = (
        f"{name}, state {state.label}: dome N = {state.dome.density_m3:.3g} 1/m^3, around it "
        f"{state.surround.density_m3:.3g} 1/m^3, {solution.ambient_K:g} K, {solution.dim}-D, {solution.unknowns} unknowns"
    )
    return head + "\n" + text_table(tuple(title for title, _, _ in COLUMNS), rows, right=range(len(COLUMNS)))


def _payload(solution, out, fields) -> dict:
    arrays = {key: getattr(solution, key) for _, key, _ in COLUMNS}
    names = ("current_bottom_A", "heat_out_W", "dome_temperature_max_K", "dome_field_max_V_per_m")
    names += ("hop_rate_set_per_s", "hop_rate_reset_per_s", "newton_iterations", "state", "ambient_K", "dim")
    names += ("unknowns", "status", "provenance")
    return {**arrays, **{name: getattr(solution, name) for name in names}, "out": out, "fields": fields}
