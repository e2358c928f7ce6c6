"""Open-loop pulses on the table: trains with figures of merit, and the step of one pulse from each conductance.

Pulses are trapezoids; between them the cell rests at 0 V, where nothing moves. The read takes I/V of the cell
itself and leaves the state alone. Figures of merit: Falcone et al., arXiv 2502.04524, eqs. 1 and 2.
"""

from dataclasses import dataclass

import numpy as np

from femristor.compact.dynamics.integrator import TOLERANCE, Cells
from femristor.compact.ibm import IbmModel
from femristor.compact.results.table import CompactTable, PulseSteps, PulseTrace
from femristor.compact.table.interpolate import LADDER, TableModel
from femristor.core.provenance import Provenance
from femristor.core.traces import figures_of_merit, pulse_phases
from femristor.device.card import DeviceCard
from femristor.device.load_line import Load
from femristor.device.pulse_scheme import PulseScheme
from femristor.device.selector import default_load
from femristor.device.temperature import check_temperatures

LEVELS = 41
"""Default number of conductances of `pulse_steps`."""


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
        load: what is in series; `device.selector_fit.default_load` by default (a bare cell runs away in set).
        start_density_m3: state at the start; the geometric mean of LRS and HRS by default.
        ambient_K: ambient; the card's by default.
        tolerance: of ln N in a step.

    Returns:
        PulseTrace.

    Raises:
        RangeError: the cell leaves the table; the message has time and bias.
        InputError: impossible counts or pulses, or a table of another card.
    """
    table.require_card(card)
    start = start_density_m3 or float(np.sqrt(table.states["lrs"] * table.states["hrs"]))
    return model_pulse_train(
        TableModel(table, ambient_K),
        card,
        scheme=scheme,
        n_up=n_up,
        n_down=n_down,
        n_alternate=n_alternate,
        load=load,
        start_density_m3=start,
        tolerance=tolerance,
    )


def model_pulse_train(
    model: TableModel | IbmModel,
    card: DeviceCard,
    *,
    start_density_m3: float,
    scheme: PulseScheme | None = None,
    n_up: int = 400,
    n_down: int = 400,
    n_alternate: int = 500,
    load: Load | None = None,
    tolerance: float = TOLERANCE,
) -> PulseTrace:
    """The train of `pulse_train` on a table at its ambient or on IBM's law.

    Args:
        model: the cell.
        card: amplitudes, read voltage and selector.
        start_density_m3: state at the start.
        scheme: as in `pulse_train`, like what follows.
        n_up: set pulses.
        n_down: reset pulses.
        n_alternate: alternating pulses.
        load: what is in series; as in `pulse_train`.
        tolerance: of ln N in a step.

    Returns:
        PulseTrace.

    Raises:
        RangeError: the cell leaves its model; the message has time and bias.
        InputError: impossible counts or pulses.
    """
    phase, direction = pulse_phases(n_up, n_down, n_alternate)
    scheme = scheme or PulseScheme.of_card(card)
    load = load or default_load(card)
    read_V = card.statistics.read_voltage_V
    cells = Cells.of_model(model, 1, load)
    time, volt = scheme.waveform(direction)
    density, device = cells.advance(time, volt, np.array([start_density_m3]), tolerance=tolerance)
    # Three corners a pulse: end of rise, end of plateau, end of fall.
    after, plateau, over = density[0, 3::3], density[0, 2::3], device[0, 2::3]
    temperature = model.temperature_mean_K(over, plateau)
    check_temperatures(temperature, card, "The cell of the pulses", volt[2::3])
    conductance = model.conductance_S(after, read_V)
    n_states, skew = figures_of_merit(conductance, phase)
    return PulseTrace(
        phase=phase,
        direction=direction,
        conductance_S=conductance,
        density_m3=after,
        temperature_K=temperature,
        current_A=model.current_A(over, plateau),
        start_conductance_S=float(model.conductance_S(start_density_m3, read_V)),
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
        load: what is in series; `device.selector_fit.default_load` by default.
        conductance_S: (levels,) rising; by default LEVELS over the part of the card's window that the table holds.
        ambient_K: ambient; the card's by default.
        tolerance: of ln N in a step.

    Returns:
        PulseSteps.

    Raises:
        RangeError: a level outside the table, or a pulse that leaves it.
        InputError: a table of another card.
    """
    table.require_card(card)
    scheme = scheme or PulseScheme.of_card(card)
    load = load or default_load(card)
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
