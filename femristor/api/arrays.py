"""Arrays of cells that differ and whose vacancies hop at random."""

from dataclasses import dataclass
from functools import cached_property

from femristor.api.cells import ReducedCell, load_of, scheme_of
from femristor.array.cell.hop_cells import HopArray, fitted_spread
from femristor.array.results.cycling import ArrayCycling
from femristor.array.results.open_loop import OpenLoopArray
from femristor.compact.noise.stochastic import HopNoise, switching_volume_m3
from femristor.core.errors import InputError
from femristor.core.messages import Progress
from femristor.core.units import optional, si


@dataclass(frozen=True)
class Array:
    """Rows x columns of one cell, each behind its selector.

    Attributes:
        cell: of `reduce` or `published_law`.
        rows: of the array.
        cols: of the array.
        seed: of what differs from device to device, and of the hops.
        cluster: vacancies that hop together.
        spread: "fit" (to the deviations that the card's array was measured to have), "none", or the standard deviation of
            named parameters, e.g. {"radius": 0.01, "barrier_set": 0.005}.
        load: as in `load_of`.
    """

    cell: ReducedCell
    rows: int = 8
    cols: int = 4
    seed: int = 0
    cluster: float = 1.0
    spread: str | dict[str, float] = "fit"
    load: object = None

    def __post_init__(self) -> None:
        """Check kinds here, so that the sentence names the argument."""
        if not isinstance(self.cell, ReducedCell):
            raise InputError(
                f"cell= got {type(self.cell).__name__}, but needs a ReducedCell: give femristor.reduce(card) or "
                "femristor.published_law(card)."
            )
        if isinstance(self.spread, str) and self.spread not in ("fit", "none"):
            raise InputError(f'spread="{self.spread}" is unknown; give "fit", "none" or {{"radius": 0.01}}.')

    def __repr__(self) -> str:
        """Size and cell in one line."""
        return f"Array({self.rows} x {self.cols}, {self.cell!r}, seed {self.seed})"

    @cached_property
    def cells(self) -> HopArray:
        """The cells as every experiment takes them; the fit of the spread is made here, once."""
        card, model = self.cell.card, self.cell.model
        load = load_of(card, self.load)
        noise = HopNoise(switching_volume_m3(model, card.dome.radius_m), self.cluster)
        spread = self.spread
        if isinstance(spread, str):
            spread = fitted_spread(card, model, load) if spread == "fit" else {}
        found = HopArray(model, noise, load, dict(spread), self.seed)
        found.draw(1)
        return found

    def pulses(
        self, *, set_voltage=None, reset_voltage=None, width=None, protocol=(400, 400, 500),
        progress: Progress | None = None, **options,
    ) -> OpenLoopArray:  # fmt: skip
        """Send the open-loop train to every cell: set pulses, reset pulses, then one of each in turn.

        Args:
            set_voltage: V or text; the card's by default.
            reset_voltage: V or text, below 0; the card's by default.
            width: s or text, foot to foot; the card's by default.
            protocol: set, reset and alternating pulses.
            progress: where cells are shown.
            **options: of `femristor.array.experiments.open_loop.pulse_array`.

        Returns:
            OpenLoopArray.

        Raises:
            RangeError: a cell leaves its model.
        """
        from femristor.array.experiments.open_loop import pulse_array

        scheme = scheme_of(self.cell.card, set_voltage, reset_voltage, width)
        return pulse_array(
            self.cell.card, self.cells, scheme, rows=self.rows, cols=self.cols, pulses=tuple(protocol),
            progress=progress, **options,
        )  # fmt: skip

    def cycle(
        self, cycles: int = 5, *, set_voltage=None, reset_voltage=None, rate=1.0, progress: Progress | None = None,
        **options,
    ) -> ArrayCycling:  # fmt: skip
        """Slow reset and set sweeps of every cell.

        Args:
            cycles: reset and set halves of each cell.
            set_voltage: end of the set half, V or text.
            reset_voltage: end of the reset half, V or text, below 0.
            rate: of the sweeps, V/s or text.
            progress: where cells are shown.
            **options: of `femristor.array.experiments.cycling.cycle_array`.

        Returns:
            ArrayCycling.

        Raises:
            RangeError: a cell leaves its model.
        """
        from femristor.array.experiments import cycling

        own = (cycling.PEAK_SET_V, cycling.PEAK_RESET_V)
        if self.cell.table is not None:
            own = (cycling.TABLE_SET_V, cycling.TABLE_RESET_V)
        up, down = optional(set_voltage, "V", "set_voltage"), optional(reset_voltage, "V", "reset_voltage")
        return cycling.cycle_array(
            self.cell.card, self.cells, rows=self.rows, cols=self.cols, cycles=cycles,
            peak_set_V=own[0] if up is None else up, peak_reset_V=own[1] if down is None else down,
            rate_V_per_s=si(rate, "V/s", "rate"), progress=progress, **options,
        )  # fmt: skip
