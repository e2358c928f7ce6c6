"""femristor mvm: analog matrix products and their error over the time after programming."""

import click

from femristor.cli.options import Context, card_option, common_options, out_option
from femristor.cli.tables import text_table
from femristor.core.errors import InputError


def _bits(value: int) -> int | None:
    return None if value == 0 else value


@click.command("mvm")
@card_option
@click.option("--size", default=64, show_default=True, help="Rows and columns of the matrix.")
@click.option("--inputs", default=100, show_default=True, help="Input vectors a draw.")
@click.option("--draws", default=10, show_default=True, help="Repetitions: other matrix, inputs and cells.")
@click.option("--deviation", default=0.5, show_default=True, help="Standard deviation of weights and inputs.")
@click.option("--times", default=None, help="Times in s, rising; 0, 1 s, 1 h, 1 day, 10 years by default.")
@click.option("--input-bits", default=6, show_default=True, help="DAC bits; 0 for no rounding.")
@click.option("--output-bits", default=8, show_default=True, help="ADC bits; 0 for no rounding.")
@click.option("--output-bound", default=15.0, show_default=True, help="ADC bound.")
@click.option("--input-scale", type=click.Choice(["fixed", "absmax"]), default="fixed", show_default=True)
@click.option(
    "--mapping",
    type=click.Choice(["single", "pair"]),
    default="single",
    show_default=True,
    help="Cells a weight: one, or a differential pair.",
)
@click.option("--acceptance", default=0.002, show_default=True, help="Accepted error of program-verify.")
@click.option("--no-read-noise", is_flag=True, help="Leave the 1/f read noise out.")
@out_option("HDF5 file for the experiment.")
@common_options
def command(
    context: Context,
    *,
    card: str,
    size: int,
    inputs: int,
    draws: int,
    deviation: float,
    times: str | None,
    input_bits: int,
    output_bits: int,
    output_bound: float,
    input_scale: str,
    mapping: str,
    acceptance: float,
    no_read_noise: bool,
    out: str | None,
) -> None:
    """Program a matrix, wait, multiply, compare with floating point.

    Without wire resistance; weights and inputs are normal with the given standard deviation, clipped to +-1.
    """
    from femristor.array.weights import weight_arrays
    from femristor.core.store import save
    from femristor.device import load_card
    from femristor.nn.mvm import EFFECTS, MvmSettings
    from femristor.nn.mvm_experiment import DEFAULT_TIMES_S, MvmDesign, mvm_experiment

    settings = MvmSettings(
        input_bits=_bits(input_bits),
        output_bits=_bits(output_bits),
        output_bound=output_bound,
        input_scale=input_scale,
        mapping=mapping,
        acceptance=acceptance,
        effects=EFFECTS[:2] if no_read_noise else EFFECTS,
    )
    times_s = DEFAULT_TIMES_S if times is None else _times(times)
    design = MvmDesign(size=size, inputs=inputs, deviation=deviation, draws=draws, times_s=times_s)
    loaded = load_card(card)
    found = mvm_experiment(
        loaded,
        weight_arrays(loaded),
        design=design,
        settings=settings,
        seed=context.seed,
        progress=context.progress,
    )
    if out:
        save(found, out)
    payload = {
        name: getattr(found, name)
        for name in (
            "settings",
            "time_s",
            "rmse_mean",
            "rmse_std",
            "rmse_law",
            "rmse",
            "causes",
            "rmse_by_cause",
            "reference_time_s",
            "reference_rmse",
            "reference_note",
        )
    }
    context.emit({**payload, "out": out}, _text(found))


def _times(text: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise InputError(f"--times '{text}' is no list of numbers; write it as 0,1,3600.") from None


def _text(found) -> str:
    """Table for people: ours, spread, closed form, references, budget by cause."""
    from femristor.nn.mvm_experiment import PAPER_RMSE

    reference = dict(zip(found.reference_time_s, found.reference_rmse, strict=True))
    header = ("t [s]", "rmse", "spread", "laws", "reference", "difference", "paper", *found.causes)
    rows = []
    for index, time in enumerate(found.time_s):
        mean = found.rmse_mean[index]
        known = reference.get(time)
        rows.append(
            (
                f"{time:.5g}",
                f"{mean:.4f}",
                f"{found.rmse_std[index]:.4f}",
                f"{found.rmse_law[index]:.4f}",
                "" if known is None else f"{known:.3f}",
                "" if known is None else f"{100 * (mean / known - 1):+.1f} %",
                f"{PAPER_RMSE[time]:g}" if known is not None and time in PAPER_RMSE else "",
                *(f"{value:.4f}" for value in found.rmse_by_cause[:, index]),
            )
        )
    words = found.settings
    lines = [
        f"{words['size']} x {words['size']}, {words['inputs']} inputs, {words['draws']} draws; {words['distribution']}",
        f"{words['mapping']} mapping, effects: {words['effects']}, wires: {words['wires']}",
        text_table(header, rows, right=range(len(header))),
        "spread: standard deviation of single draws; laws: expectation in closed form; then each cause alone.",
    ]
    if reference:
        lines.append(f"reference: {found.reference_note}; paper: with wires of 0.35 ohm.")
    return "\n".join(lines)
