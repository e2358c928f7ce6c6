"""Open-loop pulses on all cells of an array: device to device by named parameters, cycle to cycle by hops.

The protocol is 400 set, 400 reset and 500 alternating pulses with one pair of amplitudes for all cells, a read at 0.2 V
after each (Falcone et al., arXiv 2502.04524, eqs. 1-3). Energy is `int |V I| dt` of each pulse at the terminals of cell
and selector, from the currents of its own steps (`kernels.noise.step_energy`). A search finds the pair of amplitudes with given figures.
"""

import math
from dataclasses import replace

import numpy as np
from numba import njit

from femristor.array.cell.hop_cells import HopArray, part_of
from femristor.array.costs import read_cost, work_cost
from femristor.array.experiments.batches import BATCH, experiment_key, run_batches, threads
from femristor.array.results.costs import Cost
from femristor.array.results.open_loop import OpenLoopArray
from femristor.compact.ibm import IbmModel
from femristor.compact.kernels.noise import JOULE, fresh_hints, pulse
from femristor.compact.kernels.steps import read_flow
from femristor.compact.kernels.table import CONVERGED
from femristor.compact.noise.stochastic import merits, protocol
from femristor.core.bounds import check_memory
from femristor.core.errors import ConvergenceError, InputError
from femristor.core.messages import NullProgress
from femristor.core.provenance import Provenance, Status
from femristor.core.rng import generator
from femristor.device.card import DeviceCard
from femristor.device.pulse_scheme import PulseScheme

LONGEST = (1.0, 0.25, 0.125, 0.25, 1.0)
"""Longest step of the five pieces of a pulse: foot, rise, plateau, fall, foot."""


@njit(cache=True, nogil=True)
def train(
    kind, tables, field, ionic, parameters, loads, shape, directions, start, tolerance, read_V, per_hop, rng
):
    """Take cells through one pulse train; arguments as of `kernels.noise.train`, but one `shape` (4,) for all cells.

    Returns:
        Conductance (cells, pulses + 1) from the start on, last ln N (cells,), energy [J] of set and of reset pulses
        and sum of the currents of all reads [A] (cells, 3), status (cells,), pulse, time in it and applied voltage of a
        failure (cells, 3).
    """
    cells, pulses = start.size, directions.size
    found = np.full((cells, pulses + 1), np.nan)
    state, status, where = start.copy(), np.zeros(cells, np.int64), np.zeros((cells, 3))
    work = np.zeros((cells, 3))
    model = (tables[0], tables[1], tables[2], ionic)
    for k in range(cells):
        hints, u, code = fresh_hints(), start[k], CONVERGED
        for shot in range(pulses + 1):
            if shot > 0:
                where[k, 0] = shot - 1
                sign = 1.0 if directions[shot - 1] > 0 else -1.0
                u, code, where[k, 1], where[k, 2] = pulse(
                    kind, model, field, parameters[k], loads[k], u, shape, sign, tolerance, hints, per_hop[k], rng,
                    LONGEST,
                )  # fmt: skip
                row = 0 if sign > 0 else 1
                work[k, row] += hints[row, JOULE]
            if code == CONVERGED:
                found[k, shot], flow, code = read_flow(kind, model, parameters[k], loads[k], u, read_V)
                work[k, 2] += flow
            if code != CONVERGED:
                break
        state[k], status[k] = u, code
    return found, state, work, status, where


KEEP = 64
TOLERANCE = 1e-4
"""Of ln N in a drift step: the noise-free figures are those at 1e-6 within 0.5 %."""
SEARCH_CELLS, TRIES = 32, 14
"""Cells and most trains of a search for amplitudes."""
CLOSE_STATES, CLOSE_SKEW = 0.03, 0.01
"""Relative distance of N_states and distance of the skew at which a search ends."""
PROBE_V, STEP_MOST_V = 0.02, 0.06
AMPLITUDES_V = (0.6, 1.9)
"""Amplitudes between which a search stays."""
SCHEDULE = (400, 400, 500)


def pulse_array(
    card: DeviceCard,
    array: HopArray,
    scheme: PulseScheme,
    *,
    rows: int = 8,
    cols: int = 4,
    pulses: tuple[int, int, int] = SCHEDULE,
    tolerance: float = TOLERANCE,
    checkpoint=None,
    progress=None,
) -> OpenLoopArray:
    """Send the protocol to every cell of an array.

    Args:
        card: device card.
        array: its cells.
        scheme: amplitudes and times, one for all cells.
        rows: of the array.
        cols: of the array.
        pulses: set, reset and alternating pulses.
        tolerance: of ln N in a drift step.
        checkpoint: file that is continued.
        progress: where cells are shown.

    Returns:
        OpenLoopArray.

    Raises:
        InputError: impossible sizes or protocols.
        RangeError: a cell leaves its model.
        ConvergenceError: a step went to nothing.
    """
    if min(rows, cols) < 1:
        raise InputError(f"An array of {rows} x {cols} has no cell; give 1 or more rows and columns.")
    count, directions, read_V = rows * cols, protocol(*pulses), card.statistics.read_voltage_V
    check_memory(
        16.0 * directions.size * (threads() * min(count, BATCH) + min(count, KEEP)),
        f"{directions.size} pulses on {count} cells (--protocol, --rows x --cols)",
        "give fewer pulses",
    )
    work = _worker(array, array.draw(count), scheme, directions, pulses[2], (tolerance, read_V))
    key = experiment_key(
        **array.settings(),
        count=count,
        scheme=scheme,
        pulses=pulses,
        tolerance=tolerance,
        what="pulses with their energy",
    )
    found = run_batches(
        work, count, key=key, keep={"conductance_S": KEEP}, checkpoint=checkpoint, batch=BATCH, name="pulses",
        progress=progress,
    )  # fmt: skip
    spent = found.pop("spent")
    goal = card.statistics.pulses
    return OpenLoopArray(
        rows, cols, directions, **found,
        set_V=scheme.set_V, reset_V=scheme.reset_V, width_s=scheme.width_s, cluster=array.noise.cluster,
        spread=dict(array.spread), model="ibm" if isinstance(array.model, IbmModel) else "table",
        load=array.load.label, paper_n_states=goal.n_states_mean, paper_skew=goal.skew_mean,
        paper_nsr=goal.noise_to_signal, cost=train_cost(spent, directions, width_s=scheme.width_s, read_V=read_V),
        seed=array.seed, status=Status.SAMPLED,
        provenance=Provenance.create("array.open_loop", card=card, seed=array.seed),
    )  # fmt: skip


def _worker(array: HopArray, drawn, scheme: PulseScheme, directions, alternating: int, settings):
    """The work on a batch of cells: pulses, figures of merit."""
    from femristor.array.experiments.open_loop import train

    shape = np.array([scheme.set_V, scheme.reset_V, scheme.edge_s, scheme.width_s - 2 * scheme.edge_s])
    shots = directions.astype(np.int8)

    def work(part: slice) -> dict[str, np.ndarray]:
        own = part_of(drawn, part)
        common, ready = array.kernel_cells(own)
        per_hop = np.full(own.count, array.noise.cluster / array.noise.volume_m3)
        trace, state, work_done, status, where = train(
            *common, ready.parameters, ready.loads, shape, shots, ready.start(array.start_m3()).copy(), *settings,
            per_hop, generator(array.seed, 63, part.start),
        )  # fmt: skip

        def place(cell: int) -> tuple[str, float]:
            shot, time_s, volt = where[cell]
            text = f"in pulse {int(shot) + 1} at {time_s:.4g} s and {volt:.4g} V applied"
            return text, float(np.exp(state[cell]))

        array.raise_first(status, part.start, place)
        found = merits(trace, directions, alternating)
        return {**found, "spent": work_done, "conductance_S": trace}

    return work


def search_amplitudes(
    card: DeviceCard,
    array: HopArray,
    start: PulseScheme,
    *,
    n_states: float | None = None,
    skew: float | None = None,
    cells: int = SEARCH_CELLS,
    pulses: tuple[int, int, int] = SCHEDULE,
    progress=None,
) -> PulseScheme:
    """Amplitudes whose median N_states and/or skew over a few cells are as wanted, by damped Newton steps.

    The slopes are those of the noise-free nominal cell; all trains draw the same random numbers. With one figure
    wanted, both amplitudes move by the same voltage (N_states) or against each other (skew).

    Args:
        card: device card.
        array: the cells.
        start: where the search starts.
        n_states: wanted median.
        skew: wanted median, from 0 to 1.
        cells: of the fleet.
        pulses: of the trains.
        progress: where trains are shown.

    Returns:
        PulseScheme.

    Raises:
        InputError: nothing wanted, or an impossible figure.
        ConvergenceError: not found; the message has the nearest pair.
    """
    wanted = {"n_states": n_states, "skew": skew}
    names = [name for name, value in wanted.items() if value is not None]
    if not names or not all(wanted[name] > 0 for name in names) or (skew is not None and skew >= 1):
        raise InputError("A search needs N_states above 0, a skew between 0 and 1, or both; give them.")
    goal = np.array([math.log(n_states) if name == "n_states" else skew for name in names])
    limit = np.array([CLOSE_STATES if name == "n_states" else CLOSE_SKEW for name in names])
    ways = {"n_states": np.array([1.0, 1.0]), "skew": np.array([1.0, -1.0])}
    axes = np.stack([ways[name] for name in names], axis=1)
    quiet = replace(array, noise=replace(array.noise, cluster=0.0), spread={})
    here, near = np.array([start.set_V, -start.reset_V]), (math.inf, np.empty(0), start)
    with (progress or NullProgress()).task("search of amplitudes", TRIES) as task:
        for _ in range(TRIES):
            scheme = replace(start, set_V=float(here[0]), reset_V=float(-here[1]))
            found = _figures(card, array, scheme, names, cells, pulses)
            gap = goal - found
            far = float(np.max(np.abs(gap) / limit)) if np.isfinite(gap).all() else math.inf
            near = min(near, (far, found, scheme), key=lambda entry: entry[0])
            task.advance(1, f"{scheme.set_V:.3f} / {scheme.reset_V:.3f} V")
            if far < 1:
                return scheme
            slopes = _slopes(card, quiet, start, here, axes, names, pulses)
            if not (np.isfinite(slopes).all() and np.isfinite(gap).all()):
                break
            move = axes @ np.linalg.lstsq(slopes, gap, rcond=1e-3)[0]
            move *= min(1.0, STEP_MOST_V / max(float(np.max(np.abs(move))), 1e-12))
            here = np.clip(here + move, *AMPLITUDES_V)
    reached = ", ".join(
        f"{name} {math.exp(v) if name == 'n_states' else v:.3g}"
        for name, v in zip(names, near[1], strict=False)
    )
    asked = " and ".join(f"{name} {wanted[name]:g}" for name in names)
    raise ConvergenceError(
        f"No amplitudes give {asked}; nearest at {near[2].set_V:.4g} / {near[2].reset_V:.4g} V with {reached or 'no window'}; "
        "ask for one figure less, or for others."
    )


def _figures(card, array, scheme, names, cells: int, pulses) -> np.ndarray:
    """Medians of ln N_states and skew, those that are named."""
    found = pulse_array(card, array, scheme, rows=1, cols=cells, pulses=pulses)
    values = {"n_states": np.log(np.median(np.abs(found.n_states))), "skew": np.median(found.skew)}
    return np.array([float(values[name]) for name in names])


def _slopes(card, quiet, start, here, axes, names, pulses) -> np.ndarray:
    """(figures, axes) central differences of the noise-free cell."""
    columns = []
    for way in axes.T:
        ends = []
        for sign in (1, -1):
            at = here + sign * PROBE_V * way
            scheme = replace(start, set_V=float(at[0]), reset_V=float(-at[1]))
            ends.append(_figures(card, quiet, scheme, names, 1, pulses))
        columns.append((ends[0] - ends[1]) / (2 * PROBE_V))
    return np.stack(columns, axis=1)


def train_cost(spent, directions, *, width_s: float, read_V: float) -> Cost:
    """All cells at once: energy of the pulses as the cells conducted in them, and the reads.

    Args:
        spent: (cells, 3) energy of set and of reset pulses [J], sum of the currents of all reads [A].
        directions: (pulses,) +1 set, -1 reset.
        width_s: of a pulse.
        read_V: applied in a read.

    Returns:
        Cost with the parts read, set and reset (cell and what is in series; lines and periphery are not in it).
    """
    reads = directions.size + 1
    total = read_cost(read_V, spent[:, 2] / reads, reads=reads)
    for row, name, sign in ((0, "set", 1), (1, "reset", -1)):
        sent = int(np.sum(directions == sign))
        total = total + work_cost(spent[:, row], width_s=width_s, pulses=sent, part=name)
    return total
