"""One cell: by fields with moving vacancies, or by a reduced model. Both are swept and pulsed in the same words."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from functools import cached_property

from femristor.compact.ibm import IbmModel
from femristor.compact.results.table import CompactTable
from femristor.compact.table.interpolate import TableModel
from femristor.core.curves import Waveform
from femristor.core.errors import InputError
from femristor.core.messages import Progress
from femristor.core.traces import PulseTrace, SwitchingTrace
from femristor.core.units import is_number, optional, parse_number
from femristor.device.card import DeviceCard, Selector
from femristor.device.card.given import require_card
from femristor.device.load_line import BARE, Load
from femristor.device.pulse_scheme import PulseScheme
from femristor.device.selector import default_load

FIELD_RESOLUTION = 0.7
"""Mesh of cells that switch; 2 halves the edge length."""
BIAS_POINTS, DENSITY_POINTS, AMBIENTS, PROBES, JOBS = 25, 15, 3, 8, 2
"""Of `reduce`: points of a table's axes, sweeps off its grid that measure its error, processes."""
PUBLISHED_STATES = {"lrs": 3.77e25, "hrs": 7e24}
"""Densities of the published 0-D law [1/m^3], IBM compact model."""


def load_of(card: DeviceCard, load) -> Load:
    """What is in series with a cell.

    Args:
        card: device card.
        load: a Load; None or `card.selector` for the transistor of the card; "bare" for none.

    Returns:
        Load.

    Raises:
        InputError: something else.
    """
    if load is None or isinstance(load, Selector):
        return default_load(card)
    if load == "bare":
        return BARE
    if not isinstance(load, Load):
        raise InputError(
            f"load= got {type(load).__name__}, but needs a Load, card.selector, \"bare\" or None; "
            "make one with femristor.Load.series(ohm) or femristor.Load.limited(ampere)."
        )
    return load


def scheme_of(card: DeviceCard, set_voltage=None, reset_voltage=None, width=None) -> PulseScheme:
    """Amplitudes and width of pulses, the card's where they are not given.

    Args:
        card: device card.
        set_voltage: V or text.
        reset_voltage: V or text, below 0.
        width: s or text, foot to foot.

    Returns:
        PulseScheme.

    Raises:
        InputError: impossible numbers.
    """
    usual = PulseScheme.of_card(card)
    up, down, wide = (
        optional(set_voltage, "V", "set_voltage"),
        optional(reset_voltage, "V", "reset_voltage"),
        optional(width, "s", "width"),
    )
    return PulseScheme(
        usual.set_V if up is None else up,
        usual.reset_V if down is None else down,
        usual.width_s if wide is None else wide,
    )


def start_density(
    card: DeviceCard, start, states: dict[str, float] | None = None, *, name: str = "start"
) -> float:
    """Density of a start.

    Args:
        card: device card, whose states count by default.
        start: label of a state, text "N=2e25", or a density [1/m^3]; None for HRS.
        states: densities by label of a model with states of its own.
        name: of the argument, for the message.

    Returns:
        Density [1/m^3].

    Raises:
        InputError: no such start.
    """
    start = "hrs" if start is None else start
    if states is not None and start in states:
        return states[start]
    if start in card.states:
        return card.states[start].dome.density_m3
    text = str(start).removeprefix("N=")
    density = parse_number(text, name) if is_number(text) else 0.0
    if not density > 0:
        raise InputError(f"{name} {start}: use {', '.join(card.states)} or N=<density in 1/m^3>.")
    return density


class Cell(ABC):
    """What every cell does.

    Attributes:
        card: device card.
    """

    card: DeviceCard

    @abstractmethod
    def sweep(self, waveform: Waveform, *, load=None, start=None) -> SwitchingTrace:
        """Drive the cell with a waveform.

        Args:
            waveform: voltage over cell and load, e.g. of `triangle`.
            load: as in `load_of`.
            start: where the cell starts.

        Returns:
            SwitchingTrace.
        """

    @abstractmethod
    def pulses(
        self, *, set_voltage=None, reset_voltage=None, width=None, protocol=(400, 400, 500), load=None, start=None
    ) -> PulseTrace:  # fmt: skip
        """Send the open-loop train: set pulses, reset pulses, then one of each in turn, a read after each.

        Args:
            set_voltage: V or text; the card's by default.
            reset_voltage: V or text, below 0; the card's by default.
            width: s or text, foot to foot; the card's by default.
            protocol: set, reset and alternating pulses.
            load: as in `load_of`.
            start: where the cell starts.

        Returns:
            PulseTrace.
        """


@dataclass(frozen=True)
class FieldCell(Cell):
    """A cell whose vacancies move in the fields (finite elements); each sweep or train starts anew.

    Attributes:
        card: device card with a section [vacancies].
        resolution: of the mesh.
        ambient: temperature of the electrodes [K] or text; the card's by default.
        dim: 2 (axisymmetric) or 3 (a quarter of the cylinder).
        tolerance: relative error of a step; None for the solver's.
    """

    card: DeviceCard
    resolution: float = FIELD_RESOLUTION
    ambient: float | str | None = None
    dim: int = 2
    tolerance: float | None = None

    def __post_init__(self) -> None:
        """Refuse what is no card."""
        require_card(self.card)

    def __repr__(self) -> str:
        """Card and numerics in one line."""
        return f"FieldCell({self.card.name}, resolution {self.resolution:g}, {self.dim}-D)"

    def solver(self, load=None, start=None):
        """The solver behind it, at its start.

        Args:
            load: as in `load_of`.
            start: None or "formed" (after forming and the negative sweep, as the card has it), "history" (form it first),
                or text "N=2e25" for one density everywhere.

        Returns:
            femristor.fem.switching.cell.SwitchingCell.

        Raises:
            InputError: a card without vacancies, or no such start.
        """
        from femristor.fem.switching.cell import SwitchingCell

        if start in ("lrs", "hrs"):
            raise InputError(f'start="{start}": fields start "formed", with their "history", or from "N=2e25".')
        more = {} if self.tolerance is None else {"tolerance": self.tolerance}
        cell = SwitchingCell(
            self.card,
            load=load_of(self.card, load),
            dim=self.dim,
            resolution=self.resolution,
            ambient_K=optional(self.ambient, "K", "ambient"),
            **more,
        )
        if start == "history":
            from femristor.fem.forming.history import history

            cell.restore(history(self.card, resolution=self.resolution)[1])
        elif start not in (None, "formed"):
            cell.start(start_density(self.card, start))
        return cell

    def sweep(self, waveform, *, load=None, start=None, progress: Progress | None = None, **options):
        """As `Cell.sweep`; options are those of `SwitchingCell.run`. `trace` of the solver's result."""
        return self.solver(load, start).run(waveform, progress=progress, **options).trace

    def pulses(
        self, *, set_voltage=None, reset_voltage=None, width=None, protocol=(400, 400, 500), load=None, start=None,
        progress: Progress | None = None, **options,
    ):  # fmt: skip
        """As `Cell.pulses`; options are those of `femristor.fem.switching.pulses.pulse_train`."""
        from femristor.fem.switching.pulses import pulse_train

        scheme = scheme_of(self.card, set_voltage, reset_voltage, width)
        up, down, alternate = protocol
        return pulse_train(
            self.solver(load, start), scheme, n_up=up, n_down=down, n_alternate=alternate, progress=progress, **options
        )


@dataclass(frozen=True)
class ReducedCell(Cell):
    """A cell as a reduced model: a table of field solutions, or the published 0-D law.

    Attributes:
        card: device card.
        table: of the field solutions; None for the published law.
        ambient: temperature of the electrodes [K] or text; the card's by default.
    """

    card: DeviceCard
    table: CompactTable | None = field(default=None, repr=False)
    ambient: float | str | None = None

    def __post_init__(self) -> None:
        """Refuse what is no card, and a table of another one."""
        require_card(self.card)
        if self.table is not None:
            self.table.require_card(self.card)

    def __repr__(self) -> str:
        """Card and model in one line."""
        kind = "published 0-D law" if self.table is None else f"table sampled from {self.table.model}"
        return f"ReducedCell({self.card.name}, {kind})"

    @cached_property
    def model(self) -> TableModel | IbmModel:
        """Current, temperature and rate of (V, N) at the ambient."""
        kelvin = optional(self.ambient, "K", "ambient")
        return IbmModel(self.card, kelvin) if self.table is None else TableModel(self.table, kelvin)

    def start(self, start=None) -> float:
        """Density of a start [1/m^3], see `start_density`; a table has its own LRS and HRS."""
        return start_density(self.card, start, PUBLISHED_STATES if self.table is None else self.table.states)

    def sweep(self, waveform, *, load=None, start=None, **options):
        """As `Cell.sweep`; options are those of `femristor.compact.dynamics.trace.trace_sweep`."""
        from femristor.compact.dynamics.trace import trace_sweep

        return trace_sweep(self.model, waveform, self.start(start), load=load_of(self.card, load), **options)

    def pulses(
        self, *, set_voltage=None, reset_voltage=None, width=None, protocol=(400, 400, 500), load=None, start=None,
        **options,
    ):  # fmt: skip
        """As `Cell.pulses`; options are those of `femristor.compact.dynamics.pulses.model_pulse_train`."""
        from femristor.compact.dynamics.pulses import model_pulse_train

        up, down, alternate = protocol
        return model_pulse_train(
            self.model,
            self.card,
            scheme=scheme_of(self.card, set_voltage, reset_voltage, width),
            load=load_of(self.card, load),
            start_density_m3=self.start(start),
            n_up=up,
            n_down=down,
            n_alternate=alternate,
            **options,
        )

    def export(self, path, kind: str = "spice", **options):
        """Write the model for other programs.

        Args:
            path: the file.
            kind: "spice", "verilog-a", "hdf5" or "csv".
            **options: of `femristor.compact.export.write.export`.

        Returns:
            The path.
        """
        from femristor.compact.export.write import export

        return export(self.model, kind, path, **options)


def reduce(
    card: DeviceCard,
    *,
    resolution: float = 1.0,
    bias_points: int = BIAS_POINTS,
    density_points: int = DENSITY_POINTS,
    ambients: int = AMBIENTS,
    probes: int = PROBES,
    jobs: int = JOBS,
    cache: bool = True,
    seed: int = 0,
    progress: Progress | None = None,
) -> ReducedCell:
    """The compact model of a cell: field solutions of its dome-averaged state, sampled into a table.

    Args:
        card: device card.
        resolution: of the mesh.
        bias_points: biases, from 0 V to the card's highest.
        density_points: dome densities.
        ambients: ambient temperatures; 1 takes the card's only.
        probes: sweeps off the grid that measure the interpolation error.
        jobs: processes.
        cache: reuse and keep finished field solutions in the user's cache folder.
        seed: of the probes.
        progress: where the work is shown.

    Returns:
        ReducedCell.

    Raises:
        ConvergenceError: a field solution failed.
        InputError: impossible counts.
    """
    from femristor.compact.table.cache import SweepCache, default_cache_folder
    from femristor.compact.table.grid import default_grid
    from femristor.compact.table.sample import build_table, process_executor
    from femristor.fem.electrothermal.executor import DomeSampler

    require_card(card)
    grid = default_grid(card, bias_points=bias_points, density_points=density_points, ambient_points=ambients)
    kept = SweepCache(default_cache_folder()) if cache else None
    with process_executor(jobs, script=False) as executor:
        table = build_table(
            card, DomeSampler(card, resolution=resolution), grid, executor=executor, cache=kept, probes=probes,
            seed=seed, progress=progress,
        )  # fmt: skip
    return ReducedCell(card, table)


def published_law(card: DeviceCard, *, ambient=None) -> ReducedCell:
    """IBM's published 0-D law for this card: the control beside every derived cell.

    Args:
        card: device card.
        ambient: temperature of the electrodes [K] or text; the card's by default.

    Returns:
        ReducedCell.
    """
    return ReducedCell(card, None, ambient)
