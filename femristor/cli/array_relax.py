"""femristor array relax: cells followed over time."""

import click

from femristor.cli.array_shared import MICRO, acceptance_option, numbers, read_noise_option, save_result
from femristor.cli.options import Context, card_option, common_options, out_option
from femristor.cli.tables import text_table


@click.command("relax")
@card_option
@click.option(
    "--levels-uS", "levels_us", default="9,50,88", show_default=True, help="Programmed levels in uS."
)
@click.option("--cells", default=1000, show_default=True, help="Cells a level.")
@click.option("--times", default=None, help="Times in s, rising from above 0; 10 ms to ten years by default.")
@acceptance_option
@read_noise_option
@out_option("HDF5 file for the trajectories.")
@common_options
def relax(
    context: Context,
    *,
    card: str,
    levels_us: str,
    cells: int,
    times: str | None,
    acceptance: float,
    read_noise: bool,
    out: str | None,
) -> None:
    """Trajectories of cells after programming, beside the measured laws."""
    from femristor.array.traces import DEFAULT_TIMES_S, follow_relaxation
    from femristor.device import load_card

    trace = follow_relaxation(
        load_card(card),
        levels_S=[level / MICRO for level in numbers(levels_us, "--levels-uS")],
        cells=cells,
        times_s=DEFAULT_TIMES_S if times is None else numbers(times, "--times"),
        acceptance=acceptance,
        read_noise=read_noise,
        seed=context.seed,
    )
    save_result(trace, out)
    rows = [
        (f"{time:.4g}", *(f"{value * MICRO:.4f}" for value in values), f"{correlation:.3f}")
        for time, *values, correlation in zip(
            trace.time_s,
            trace.mean_S,
            trace.law_mean_S,
            trace.sigma_S,
            trace.law_sigma_S,
            trace.correlation[-1],
            strict=True,
        )
    ]
    header = ("t [s]", "mean [uS]", "law", "sigma [uS]", "law", "correlation with the last time")
    context.emit(
        {
            "time_s": trace.time_s,
            "mean_S": trace.mean_S,
            "law_mean_S": trace.law_mean_S,
            "sigma_S": trace.sigma_S,
            "law_sigma_S": trace.law_sigma_S,
            "correlation": trace.correlation,
            "law_correlation": trace.law_correlation,
            "out": out,
        },
        text_table(header, rows, right=range(len(header))),
    )
