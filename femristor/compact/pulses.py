"""Open-loop pulses on the table: trains with figures of merit, and the step of one pulse from each conductance.

Pulses are trapezoids; between them the cell rests at 0 V, where nothing moves. The read takes I/V of the cell
itself and leaves the state alone. Figures of merit: Falcone et al., arXiv 2502.04524, eqs. 1 and 2.
"""

from dataclasses import dataclass

import numpy as np

from femristor.compact.integrator import TOLERANCE, Cells
from femristor.compact.interpolate import LADDER, TableModel
from femristor.compact.result import ALTERNATING, DOWN, UP, CompactTable, PulseSteps, PulseTrace
from femristor.core.curves import Waveform
from femristor.core.errors import InputError
from femristor.core.provenance import Provenance
from femristor.device.card import DeviceCard
from femristor.device.load_line import Load, selector_load

EDGE_SHARE = 0.3
"""Default length of an edge, of the pulse: 0.75 of 2.5 us in the published circuit simulations."""
LEVELS = 41
"""Default number of conductances of `pulse_steps`."""


@dataclass(frozen=True)
class PulseScheme:
    """One set and one reset pulse.

    Attributes:
        set_V: amplitude of set, above 0.
        reset_V: amplitude of reset, below 0.
        width_s: length of the pulse from foot to foot.
        edge_s: length of each edge; 0 takes EDGE_SHARE of the pulse.
    """

    set_V: float
    reset_V: float
    width_s: float
    edge_s: float = 0.0

    def __post_init__(self):
        """Check signs, fill in the edge."""
        if not (self.set_V > 0 and self.reset_V < 0):
            raise InputError(
                f"Set needs a voltage above 0 and reset one below, not {self.set_V:g} and {self.reset_V:g} V."
            )
        if not (self.width_s > 0 and self.edge_s >= 0):
            raise InputError(
                f"A pulse of {self.width_s:g} s with edges of {self.edge_s:g} s is not possible; give times above 0."
            )
        if self.edge_s == 0:
            object.__setattr__(self, "edge_s", EDGE_SHARE * self.width_s)
        if not 2 * self.edge_s < self.width_s:
            raise InputError(
                f"Two edges of {self.edge_s:g} s leave no plateau in a pulse of {self.width_s:g} s; shorten them."
            )

    @classmethod
    def of_card(cls, card: DeviceCard) -> "PulseScheme":
        """Amplitudes and width of the card's open-loop experiment."""
        pulses = card.statistics.pulses
        return cls(pulses.set_amplitude_V, pulses.reset_amplitude_V, pulses.pulse_width_s)

    def waveform(self, directions) -> tuple[np.ndarray, np.ndarray]:
        """Corner times and voltages of a train (3 pulses + 1,); each pulse ends at a multiple of 3 corners."""
        one = Waveform.pulse(1.0, self.width_s - 2 * self.edge_s, self.edge_s)
        rise = one.time_s[1:]
        time = np.concatenate([[0.0], *(k * rise[-1] + rise for k in range(len(directions)))])
        volts = [self.set_V if d > 0 else self.reset_V for d in directions]
        volt = np.concatenate([[0.0], *(v * one.voltage_V[1:] for v in volts)])
        return time, volt


def pulse_train(
    table: CompactTable,
    card: DeviceCard,
    *,
    scheme: PulseScheme | None = None,
    n_up: int = 400,
    n_down: int = 400,
    n_alternate: int = 500,
    load: Load | None = None,
    start_density_m3: float | None = None,
    ambient_K: float | None = None,
    tolerance: float = TOLERANCE,
) -> PulseTrace:
    """Identical set pulses, then reset pulses, then one of each in turn.

    Args:
        table: the sampled cell.
        card: its card (amplitudes, read voltage, selector).
        scheme: amplitudes and times; the card's open-loop experiment by default.
        n_up: set pulses.
        n_down: reset pulses.
        n_alternate: alternating pulses, the first is set.
        load: what is in series; the card's selector by default (a bare cell runs away in set).
        start_density_m3: state at the start; the geometric mean of LRS and HRS by default.
        ambient_K: ambient; the card's by default.
        tolerance: of ln N in a step.

    Returns:
        PulseTrace.

    Raises:
        RangeError: the cell leaves the table; the message has time and bias.
        InputError: impossible counts or pulses.
    """
    if min(n_up, n_down, n_alternate) < 0 or n_up + n_down + n_alternate == 0:
        raise InputError(
            f"{n_up} up, {n_down} down and {n_alternate} alternating pulses make no train; give some."
        )
    scheme = scheme or PulseScheme.of_card(card)
    load = load or selector_load(card)
    read_V = card.statistics.read_voltage_V
    phase = np.repeat([UP, DOWN, ALTERNATING], [n_up, n_down, n_alternate])
    turns = np.where(np.arange(n_alternate) % 2 == 0, 1, -1)
    direction = np.concatenate([np.ones(n_up, int), -np.ones(n_down, int), turns])
    start = start_density_m3 or float(np.sqrt(table.states["lrs"] * table.states["hrs"]))
    cells = Cells.of(table, 1, ambient_K, load)
    model = cells.models[0]
    time, volt = scheme.waveform(direction)
    density, device = cells.advance(time, volt, np.array([start]), tolerance=tolerance)
    # Three corners a pulse: end of rise, end of plateau, end of fall.
    after, plateau, over = density[0, 3::3], density[0, 2::3], device[0, 2::3]
    conductance = model.conductance_S(after, read_V)
    n_states, skew = figures_of_merit(conductance, phase)
    return PulseTrace(
        phase=phase,
        direction=direction,
        conductance_S=conductance,
        density_m3=after,
        temperature_K=model.temperature_mean_K(over, plateau),
        current_A=model.current_A(over, plateau),
        start_conductance_S=float(model.conductance_S(start, read_V)),
        set_V=scheme.set_V,
        reset_V=scheme.reset_V,
        width_s=scheme.width_s,
        edge_s=scheme.edge_s,
        read_V=read_V,
        load=load.label,
        n_states=n_states,
        skew=skew,
        provenance=Provenance.create("compact.pulse_train", card=card),
    )


def figures_of_merit(conductance_S, phase) -> tuple[float, float]:
    """Number of states and skew of the symmetry point.

    The window is that of the up and down phases; the symmetry point is the mean of the second half of the
    alternating phase.

    Args:
        conductance_S: (pulses,) after each pulse.
        phase: (pulses,) 0 up, 1 down, 2 alternating.

    Returns:
        (G_max - G_min) / mean|dG| and (G_max - G_SP) / (G_max - G_min); NaN where a phase is missing.
    """
    batch, alternate = conductance_S[phase != ALTERNATING], conductance_S[phase == ALTERNATING]
    if batch.size < 2 or alternate.size < 4:
        return float("nan"), float("nan")
    settled = alternate[alternate.size // 2 :]
    window = batch.max() - batch.min()
    step = np.mean(np.abs(np.diff(settled)))
    if not (window > 0 and step > 0):
        return float("nan"), float("nan")
    return float(window / step), float((batch.max() - settled.mean()) / window)


def pulse_steps(
    table: CompactTable,
    card: DeviceCard,
    *,
    scheme: PulseScheme | None = None,
    load: Load | None = None,
    conductance_S=None,
    ambient_K: float | None = None,
    tolerance: float = TOLERANCE,
) -> PulseSteps:
    """Step of one set and of one reset pulse from each conductance.

    Args:
        table: the sampled cell.
        card: its card (amplitudes, read voltage, window, selector).
        scheme: amplitudes and times; the card's by default.
        load: what is in series; the card's selector by default.
        conductance_S: (levels,) rising; by default LEVELS over the part of the card's window that the table holds.
        ambient_K: ambient; the card's by default.
        tolerance: of ln N in a step.

    Returns:
        PulseSteps.

    Raises:
        RangeError: a level outside the table, or a pulse that leaves it.
    """
    scheme = scheme or PulseScheme.of_card(card)
    load = load or selector_load(card)
    read_V = card.statistics.read_voltage_V
    model = TableModel(table, ambient_K)
    levels = _levels(model, card, read_V) if conductance_S is None else np.asarray(conductance_S, dtype=float)
    pulses = CompactPulses(table, scheme, load, read_V, ambient_K, tolerance)
    return PulseSteps(
        conductance_S=levels,
        step_up_S=np.maximum(pulses.step(levels, 1, 1) - levels, 0.0),
        step_down_S=np.minimum(pulses.step(levels, -1, 1) - levels, 0.0),
        set_V=scheme.set_V,
        reset_V=scheme.reset_V,
        width_s=scheme.width_s,
        load=load.label,
        provenance=Provenance.create("compact.pulse_steps", card=card),
    )


@dataclass(frozen=True)
class CompactPulses:
    """Cells of the table under identical pulses, as an array asks for them.

    Attributes:
        table: the sampled cell.
        scheme: amplitudes and times.
        load: what is in series.
        read_V: read voltage over the cell.
        ambient_K: ambient; None is the card's.
        tolerance: of ln N in a step.
    """

    table: CompactTable
    scheme: PulseScheme
    load: Load
    read_V: float = 0.2
    ambient_K: float | None = None
    tolerance: float = TOLERANCE

    def step(self, conductance_S, direction: int, count: int) -> np.ndarray:
        """Conductances after some pulses in one direction.

        Args:
            conductance_S: (...) conductances [S].
            direction: +1 set, -1 reset.
            count: pulses.

        Returns:
            (...) conductances [S].

        Raises:
            RangeError: a conductance outside the table, or a pulse that leaves it.
        """
        before = np.asarray(conductance_S, dtype=float)
        if count < 1 or before.size == 0:
            return before.copy()
        cells = Cells.of(self.table, before.size, self.ambient_K, self.load)
        start = cells.models[0].density_at(before.ravel(), self.read_V)
        time, volt = self.scheme.waveform([direction] * count)
        density, _ = cells.advance(time, volt, start, tolerance=self.tolerance)
        return cells.models[0].conductance_S(density[:, -1], self.read_V).reshape(before.shape)


def _levels(model: TableModel, card: DeviceCard, read_V: float) -> np.ndarray:
    """Levels in the card's window, within the inner 98 % of what the table reads."""
    knots = model.knots_ln_density
    reads = model.conductance_S(np.exp(np.linspace(knots[0], knots[-1], LADDER)), read_V)
    margin = 0.01 * (reads.max() - reads[0])
    ends = reads[0] + margin, reads.max() - margin
    low, high = max(card.statistics.g_min_S, ends[0]), min(card.statistics.g_max_S, ends[1])
    if not low < high:
        low, high = ends
    return np.linspace(low, high, LEVELS)
