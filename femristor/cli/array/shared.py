"""What the commands of `femristor array` share: units, lists of numbers, options."""

import click

from femristor.core.units import parse_numbers

MICRO = 1e6
PAPER_OVERLAP_TEN_MINUTES = 0.096
PAPER_MERITS = "22 (16-33), 61 %, 90 %"


def numbers(text: str, option: str) -> tuple[float, ...]:
    """The numbers of "1,600,3600".

    Raises:
        InputError: something else is in the list.
    """
    return parse_numbers(text, option)


def save_result(result, out: str | None) -> None:
    """Write a result to `--out`, where one is given."""
    if out:
        from femristor.core.store import save

        save(result, out)


acceptance_option = click.option(
    "--acceptance", default=0.002, show_default=True, help="Accepted error of program-verify, a fraction."
)
read_noise_option = click.option("--read-noise", is_flag=True, help="Add the 1/f read noise to every read.")
