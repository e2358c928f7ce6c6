"""Transients at a constant voltage over the bare cell: what a distilled model is made from.

Each starts from one state (LRS for reset, HRS for set), holds one voltage, and follows the read conductance until it
leaves the range asked for or stands still. The profile of the vacancies is then the one that this voltage makes, so
that rates belong to it and not to the moment after a jump.
"""

from dataclasses import dataclass

import numpy as np

from femristor.core.curves import Waveform
from femristor.core.errors import ConvergenceError, InputError
from femristor.core.messages import NullProgress
from femristor.core.provenance import Provenance
from femristor.device.temperature import refuse_void, warn_hot
from femristor.fem.results.switching import SwitchingState, Transient, TransientSet
from femristor.fem.switching.cell import SwitchingCell

FIRST_S = 1e-9
"""Step from which the time scale of a voltage is sought."""
SEARCH = 30.0
"""Factor between two trial steps."""
NOTICED = 1e-3
"""Relative change of the read conductance that ends the search."""
STILL = 1e-4
"""Change of ln G in a decade of time below which a transient stands still."""
TURNED = 0.98
"""A transient ends where its conductance has turned back by this factor: too long a set empties the top face."""
DECADES = 12
"""Longest transient, in decades of its time scale."""
TIME_MAX_S = 1e30
RATE_V_PER_S = 1.0
"""Of the sweeps that make the states where transients start."""


@dataclass(frozen=True)
class TransientPlan:
    """What is held and watched.

    Attributes:
        voltages_V: signed voltages over the bare cell; above 0 from HRS, below 0 from LRS.
        lowest_S: read conductance at which a reset ends.
        highest_S: read conductance at which a set ends.
    """

    voltages_V: tuple[float, ...]
    lowest_S: float
    highest_S: float

    def __post_init__(self):
        """Check numbers."""
        if not 0 < self.lowest_S < self.highest_S:
            raise InputError("Transients need a lowest conductance above 0 and below the highest one.")
        if not self.voltages_V or 0.0 in self.voltages_V:
            raise InputError("Transients need voltages other than 0 V.")


class _Reached(Exception):
    """The conductance left the range or turned back."""


def hold(cell: SwitchingCell, start: SwitchingState, voltage_V: float, plan: TransientPlan) -> Transient:
    """One transient.

    Args:
        cell: bare cell.
        start: state at 0 V that it starts from.
        voltage_V: held.
        plan: ends.

    Returns:
        Transient.

    Raises:
        ConvergenceError: a step went to nothing.
    """
    cell.restore(start)
    problem, stepper = cell.problem, cell.stepper
    cell.ramp_frozen(voltage_V)
    problem.set_load(cell.load, voltage_V)
    rows: list[tuple[float, ...]] = []

    def note(time_s: float) -> float:
        now = (
            problem.current_A(),
            problem.hottest_K(),
            problem.dome_field_V_per_m(),
            problem.dome_density_m3(),
        )
        refuse_void(now[1], f"{time_s:.4g} s after {voltage_V:g} V were applied")
        rows.append((time_s, cell.read(), *now))
        return rows[-1][1]

    conductance = note(0.0)
    elapsed = 0.0

    def visit(reached: float, _: float) -> None:
        value = note(elapsed + reached)
        seen = [row[1] for row in rows]
        turned = value < TURNED * max(seen) if voltage_V > 0 else value * TURNED > min(seen)
        if turned or (not plan.lowest_S < value < plan.highest_S and len(rows) > 3):
            raise _Reached

    span = _time_scale(cell, voltage_V, conductance)
    try:
        for _ in range(DECADES):
            if span > TIME_MAX_S:
                break
            before = rows[-1][1]
            stepper.history.forget()
            stepper.piece(span, (voltage_V, voltage_V), visit)
            elapsed += span
            span *= 9 if elapsed == span else 10
            if len(rows) > 8 and abs(np.log(rows[-1][1] / before)) < STILL:
                break
    except _Reached:
        pass
    return Transient(voltage_V, *(np.array(column) for column in zip(*rows, strict=True)))


def _time_scale(cell: SwitchingCell, voltage_V: float, conductance_S: float) -> float:
    """Time in which the conductance begins to move, from single trial steps; the state is put back."""
    kept, span = cell.state(), FIRST_S
    while span < TIME_MAX_S:
        cell.restore(kept)
        cell.problem.set_load(cell.load, voltage_V)
        cell.stepper.next_s = span
        try:
            cell.stepper.piece(span, (voltage_V, voltage_V), lambda *_: None)
        except ConvergenceError:
            break
        if abs(np.log(cell.read() / conductance_S)) > NOTICED:
            break
        span *= SEARCH
    cell.restore(kept)
    cell.problem.set_load(cell.load, voltage_V)
    cell.stepper.next_s = 0.05 * span
    return span


def end_states(cell: SwitchingCell, *, reset_V: float, set_V: float) -> tuple[SwitchingState, SwitchingState]:
    """HRS and LRS of a cell on its own load, at 1 V/s: reset, set (LRS), reset (HRS); where transients start.

    Args:
        cell: in its start.
        reset_V: peak of reset, below 0.
        set_V: peak of set.

    Returns:
        States of HRS and LRS.

    Raises:
        ConvergenceError: a sweep fails.
    """
    cell.run(Waveform.triangle([reset_V, set_V], RATE_V_PER_S))
    high = cell.state()
    cell.run(Waveform.triangle([reset_V], RATE_V_PER_S))
    return cell.state(), high


def sample_transients(
    cell: SwitchingCell,
    plan: TransientPlan,
    *,
    low: SwitchingState,
    high: SwitchingState,
    progress=None,
    kept=(),
    on_found=None,
) -> TransientSet:
    """All transients of a plan.

    Args:
        cell: bare cell.
        plan: voltages and ends.
        low: HRS, where set transients start.
        high: LRS, where reset transients start.
        progress: where the work is shown.
        kept: transients that are there already.
        on_found: called with all transients so far after each new one.

    Returns:
        TransientSet, in the order of the plan.

    Raises:
        ConvergenceError: a step went to nothing.
    """
    found = {entry.voltage_V: entry for entry in kept}
    with (progress or NullProgress()).task("transients", len(plan.voltages_V)) as task:
        for volt in plan.voltages_V:
            if volt not in found:
                found[volt] = hold(cell, low if volt > 0 else high, volt, plan)
                if on_found is not None:
                    on_found(_set_of(cell, tuple(found.values())))
            task.advance(1, f"{volt:g} V")
    return _set_of(cell, tuple(found[volt] for volt in plan.voltages_V))


def _set_of(cell: SwitchingCell, transients: tuple[Transient, ...]) -> TransientSet:
    card = cell.card
    for entry in transients:
        warn_hot(entry.temperature_K, card, "The cell of the transients")
    return TransientSet(
        transients,
        cell.problem.ambient_K,
        f"moving vacancies, {cell.problem.unknowns} unknowns, barriers by {card.vacancies.barrier_law}",
        card.name,
        Provenance.create("fem.transients", card=card),
    )
