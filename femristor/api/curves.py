"""Curves in, fits out: measured I-V files, waveforms, the fits of forming and of hopping conduction."""

from collections.abc import Callable, Sequence
from pathlib import Path

from femristor.core.curves import IVCurve, Waveform
from femristor.core.errors import InputError
from femristor.core.io.ivfile import read_iv_csv
from femristor.core.units import optional, si
from femristor.device.card import DeviceCard
from femristor.device.card.given import require_card
from femristor.transport.forming import fit as forming
from femristor.transport.hopping import fit as hopping
from femristor.transport.result import FormingFit, HoppingFit

FIT_RESOLUTION = 1.0
"""Mesh of the fits; 2 halves the edge length."""


class Deferred:
    """A solver that is built at its first use, so that bad data are told before a mesh is made."""

    def __init__(self, make: Callable[[], object]):
        """Keep the recipe."""
        self._make = make
        self._made: object = None

    def __getattr__(self, name: str):
        """The built solver's attribute."""
        if self._made is None:
            self._made = self._make()
        return getattr(self._made, name)


def read_iv(
    *paths: str | Path, columns: dict[str, str] | None = None, labels: Sequence[str] = (), ambient=None
) -> tuple[IVCurve, ...]:
    """Read I-V curves.

    Args:
        *paths: CSV files with a voltage and a current column; labels and ambients may stand in columns too.
        columns: quantity to the column's name, e.g. {"current": "I_A"}.
        labels: one for each file, e.g. ("lrs", "hrs"); by default what the file says, or its name.
        ambient: temperature of all curves [K], or text; 293 K where neither this nor the file says one.

    Returns:
        Curves of all files, in order.

    Raises:
        InputError: no path, or not one label for each.
        DataError: a file that cannot be read.
    """
    if not paths:
        raise InputError('read_iv needs a file; give one or more paths, e.g. read_iv("lrs.csv").')
    if labels and len(labels) != len(paths):
        raise InputError(f"read_iv got {len(labels)} labels for {len(paths)} files; give one each, or none.")
    kelvin = optional(ambient, "K", "ambient")
    options: dict = {} if kelvin is None else {"ambient_K": kelvin}
    found: list[IVCurve] = []
    for number, path in enumerate(paths):
        label = labels[number] if labels else ""
        found += read_iv_csv(path, dict(columns or {}), label=label, **options)
    return tuple(found)


def triangle(*peaks, rate=1.0) -> Waveform:
    """A sweep from 0 V through each peak in turn, with 0 V between them, back to 0 V.

    Args:
        *peaks: volts or text, e.g. "1.3 V", "-1.45 V"; repeat them for more cycles.
        rate: V/s or text.

    Returns:
        Waveform.

    Raises:
        InputError: no peak, a peak of 0 V, or a rate that is not above 0.
    """
    if not peaks:
        raise InputError('triangle needs a peak; give e.g. triangle("1.3 V", "-1.3 V").')
    return Waveform.triangle([si(peak, "V", "peak") for peak in peaks], si(rate, "V/s", "rate"))


def fit_forming(
    curves: Sequence[IVCurve], card: DeviceCard, *, resolution: float = FIT_RESOLUTION, **options
) -> FormingFit:
    """Filament radius and conductivity of the CMO from the linear regimes around forming.

    Args:
        curves: of `read_iv`, labelled "formed..." and "after...".
        card: device card to start from.
        resolution: of the mesh.
        **options: of `femristor.transport.forming.fit.fit_forming`.

    Returns:
        FormingFit; `card.updated(fit)` is the card with its numbers.

    Raises:
        InputError: curves that do not tell a radius.
        ConvergenceError: no radius fits them.
    """
    require_card(card)

    def solver():
        from femristor.fem.electrothermal.ohmic import OhmicCell

        return OhmicCell(card, resolution=resolution)

    return forming.fit_forming(list(curves), card, Deferred(solver), **options)


def fit_hopping(
    curves: Sequence[IVCurve], card: DeviceCard, *, resolution: float = FIT_RESOLUTION, **options
) -> HoppingFit:
    """Hopping parameters (N, a_e, dE) of each state from its read I-V.

    Args:
        curves: of `read_iv`; the word lrs or hrs in a label names the state.
        card: device card to start from.
        resolution: of the mesh.
        **options: of `femristor.transport.hopping.fit.fit_hopping`.

    Returns:
        HoppingFit; `card.updated(fit)` is the card with its numbers.

    Raises:
        InputError: curves that do not tell the parameters.
        ConvergenceError: the search does not settle.
    """
    require_card(card)

    def solver():
        from femristor.fem.electrothermal.cell import ElectroThermal

        return ElectroThermal(card, resolution=resolution)

    return hopping.fit_hopping(list(curves), card, Deferred(solver), **options)
