"""What is in series with a cell, for every command that asks: `--cell`, `--selector` and what they mean."""

from pathlib import Path

import click

from femristor.core.messages import notice

SELECTOR_HELP = (
    "1T1R: reference (fitted to the carried record of IBM's circuit), card (the card's tanh law), an .h5 of femristor "
    "fit selector, or a CSV characteristic; by default reference for the shipped card's transistor, card for others."
)

selector_option = click.option("--selector", default=None, metavar="TEXT", help=SELECTOR_HELP)


def cell_load(card, cell: str, selector: str | None = None, *, gate_set_V: float | None = None):
    """Load of a cell.

    Args:
        card: device card, for gates and its own transistor.
        cell: "1R", which is bare here, or "1T1R".
        selector: text of `--selector`; None is `device.selector_fit.default_load`.
        gate_set_V: gate of set; the card's by default.

    Returns:
        Load, whose label says which selector it is.

    Raises:
        InputError: a gate that does not open the transistor.
        DataError: a file that is no fit and no characteristic.
    """
    from femristor.device.load_line import BARE, channel_load, selector_load
    from femristor.device.selector import default_load, has_reference_selector, require_open

    if cell == "1R":
        return BARE
    if selector is None:
        if not has_reference_selector(card):
            notice(
                f"{card.name}: its transistor is not that of the carried record, so the card's own tanh law is in series; "
                "fit yours with femristor fit selector and give it with --selector where the command takes one."
            )
        return default_load(card, gate_set_V=gate_set_V)
    if selector == "card":
        return selector_load(card, gate_set_V=gate_set_V)
    return require_open(channel_load(card, _fit(card, selector).channel, gate_set_V=gate_set_V))


def _fit(card, name: str):
    """The fit of the carried record, of an HDF5 file, or of a characteristic."""
    from femristor.core import store
    from femristor.device.selector import SelectorFit, fit_selector, read_selector_csv, reference_selector

    if name == "reference":
        return reference_selector(card)
    if Path(name).suffix == ".h5":
        return store.load(name, SelectorFit)
    return fit_selector(read_selector_csv(name, card), card)
