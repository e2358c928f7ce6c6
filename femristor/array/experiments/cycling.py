"""Cycles of slow reset and set sweeps on every cell of an array, 8W polarity: reset at V < 0, set at V > 0.

Cells differ by named physical parameters; vacancies hop at random between any two points of a sweep (Langevin steps as
in pulses). LRS and HRS are read at 0.2 V when a half cycle is back at 0 V. The reset voltage is the applied one at the
largest |I| of the rising part of its half, the set voltage that at the steepest rise of I, both of currents smoothed over
`SMOOTH_V`. Measured counterpart: Falcone et al., arXiv 2502.04524, section 2.1.2.
"""

import itertools
import math

import numpy as np
from numba import njit

from femristor.array.cell.hop_cells import HopArray, part_of
from femristor.array.experiments.batches import BATCH, experiment_key, run_batches, threads
from femristor.array.results.costs import Cost
from femristor.array.results.cycling import ArrayCycling
from femristor.compact.dynamics.integrator import refine
from femristor.compact.ibm import IbmModel
from femristor.compact.kernels import table as kernels
from femristor.compact.kernels.load import RESET, SET
from femristor.compact.kernels.noise import segment
from femristor.compact.kernels.steps import TABLE, read_cell, settle
from femristor.compact.kernels.table import CONVERGED
from femristor.core.bounds import CYCLES, check_memory
from femristor.core.curves import Waveform
from femristor.core.errors import InputError
from femristor.core.provenance import Provenance, Status
from femristor.core.rng import generator
from femristor.device.card import DeviceCard

LONGEST = 0.5
"""Longest step, of the piece between two points: noise is added at the end of a step."""


@njit(cache=True, nogil=True)
def sweep(
    kind, tables, field, ionic, parameters, loads, time, volt, reads, start, tolerance, read_V, per_hop, rng
):
    """Take cells through a waveform whose pieces do not cross 0 V.

    Args:
        kind: TABLE or IBM.
        tables: (patches of one ambient, ln N knots, |V| knots).
        field: of `kernels.noise.activity`.
        ionic: (a/L, N_max, n) of the table.
        parameters: (cells, numbers) of each cell.
        loads: (cells, 3, 11) of `Load.lines`.
        time: (corners,).
        volt: (corners,) applied, 0 at the first.
        reads: (corners,) bool, where a read is taken.
        start: (cells,) ln N.
        tolerance: of u in a drift step.
        read_V: applied to cell and load in a read.
        per_hop: (cells,) F over volume.
        rng: generator.

    Returns:
        ln N, device voltage and current (cells, corners), conductances (cells, reads), status (cells,), time and
        applied voltage of a failure (cells, 2).
    """
    cells, corners = start.size, time.size
    state = np.full((cells, corners), np.nan)
    device, current = np.zeros((cells, corners)), np.zeros((cells, corners))
    found = np.full((cells, reads.sum()), np.nan)
    status, where = np.zeros(cells, np.int64), np.zeros((cells, 2))
    model = (tables[0], tables[1], tables[2], ionic)
    for k in range(cells):
        cell, lines, u = parameters[k], loads[k], start[k]
        sign = 1.0 if volt[0] + volt[1] >= 0 else -1.0
        v, i, code = settle(kind, model, cell, lines[SET if sign > 0 else RESET], u, abs(volt[0]), sign)
        point = (u, v, i, 0.0, 0.0, 0.0)
        state[k, 0], device[k, 0] = u, sign * v
        taken, step = 0, time[-1] - time[0]
        for corner in range(1, corners):
            length, low, high = time[corner] - time[corner - 1], volt[corner - 1], volt[corner]
            sign = 1.0 if low + high >= 0 else -1.0
            line = lines[SET if sign > 0 else RESET]
            span = (length, abs(low), abs(high), 0.0, 1.0)
            point, h, code, reached, _, _, _ = segment(
                kind,
                model,
                field,
                cell,
                line,
                sign,
                span,
                point,
                tolerance,
                step / length,
                per_hop[k],
                rng,
                LONGEST,
            )
            step = h * length
            where[k, 0], where[k, 1] = time[corner - 1] + reached * length, low + (high - low) * reached
            if code != CONVERGED:
                break
            u, v, i = point[0], point[1], point[2]
            if kind == TABLE:
                i = kernels.current(model, cell, u, v)[0]
            state[k, corner], device[k, corner] = u, math.copysign(v, sign)
            current[k, corner] = math.copysign(i, sign)
            if reads[corner]:
                found[k, taken], code = read_cell(kind, model, cell, lines, u, read_V)
                taken += 1
                if code != CONVERGED:
                    break
        status[k] = code
    return state, device, current, found, status, where


PAPER_RATIO = 15.0
"""LRS over HRS of the array (Falcone et al., arXiv 2502.04524, section 2.1.2: about 15)."""
PEAK_SET_V, PEAK_RESET_V = 1.2, -1.2
"""Ends of the sweeps of the published 0-D law; the publication says below 1.5 V (estimate)."""
TABLE_SET_V, TABLE_RESET_V = 1.4, -1.45
"""Ends of the sweeps of a table, those of the field model's loop (estimate)."""
RATE_V_PER_S = 1.0
POINTS = 71
"""Points of each straight piece, 20 mV apart."""
TOLERANCE = 1e-4
"""Of ln N in a drift step."""
SMOOTH_V = 0.06
KEEP = 64


def cycle_array(
    card: DeviceCard,
    array: HopArray,
    *,
    rows: int = 8,
    cols: int = 4,
    cycles: int = 5,
    peak_set_V: float = PEAK_SET_V,
    peak_reset_V: float = PEAK_RESET_V,
    rate_V_per_s: float = RATE_V_PER_S,
    points: int = POINTS,
    tolerance: float = TOLERANCE,
    checkpoint=None,
    progress=None,
) -> ArrayCycling:
    """Cycle every cell of an array; one set half before the first cycle makes the start LRS.

    Args:
        card: device card.
        array: its cells.
        rows: of the array.
        cols: of the array.
        cycles: reset and set halves of each cell.
        peak_set_V: end of the set half, above 0.
        peak_reset_V: end of the reset half, below 0.
        rate_V_per_s: of the sweeps.
        points: points of each straight piece.
        tolerance: of ln N in a drift step.
        checkpoint: file that is continued.
        progress: where cells are shown.

    Returns:
        ArrayCycling.

    Raises:
        InputError: impossible sizes or sweeps.
        RangeError: a cell leaves its model.
        ConvergenceError: a step went to nothing.
    """
    if min(rows, cols, cycles) < 1:
        raise InputError(f"{rows} x {cols} cells and {cycles} cycles make no experiment; give 1 or more.")
    CYCLES.check(cycles, "cycles (--cycles)")
    if not (peak_set_V > 0 > peak_reset_V and 0 < rate_V_per_s < math.inf and points >= 11):
        raise InputError(
            f"A cycle to {peak_reset_V:g} and {peak_set_V:g} V at {rate_V_per_s:g} V/s with {points} points a piece is not "
            "possible; give a set peak above 0, a reset peak below 0 and 11 or more points."
        )
    read_V, count = card.statistics.read_voltage_V, rows * cols
    wave = Waveform.triangle((peak_set_V, *((peak_reset_V, peak_set_V) * cycles)), rate_V_per_s)
    time, volt = refine(wave, points)
    ends = np.flatnonzero(volt == 0.0)[1:]
    check_memory(
        32.0 * volt.size * (threads() * min(count, BATCH) + min(count, KEEP)),
        f"{cycles} cycles of {count} cells (--cycles, --rows x --cols)",
        "give fewer cycles",
    )
    work = _worker(array, array.draw(count), time, volt, ends, tolerance, read_V)
    key = experiment_key(
        **array.settings(),
        count=count,
        time=time,
        volt=volt,
        tolerance=tolerance,
        read_V=read_V,
        what="cycle",
    )
    found = run_batches(
        work,
        count,
        key=key,
        keep={"current_A": KEEP},
        checkpoint=checkpoint,
        name="cycles",
        progress=progress,
    )
    lrs, hrs = found["lrs_S"], found["hrs_S"]
    duration = (time[-1] - time[ends[0]]) * count
    return ArrayCycling(
        rows, cols, cycles, hrs, lrs, found["reset_V"], found["set_V"],
        voltage_V=volt[ends[0] :], current_A=found["current_A"],
        ratio=float(np.median(lrs) / np.median(hrs)), paper_ratio=PAPER_RATIO,
        peak_set_V=peak_set_V, peak_reset_V=peak_reset_V, rate_V_per_s=rate_V_per_s, read_V=read_V,
        cluster=array.noise.cluster, spread=dict(array.spread),
        model="ibm" if isinstance(array.model, IbmModel) else "table", load=array.load.label,
        cost=Cost.of(duration, sweeps=float(found["energy_J"].sum())),
        seed=array.seed, status=Status.SAMPLED,
        provenance=Provenance.create("array.cycling", card=card, seed=array.seed),
    )  # fmt: skip


def _worker(array: HopArray, drawn, time, volt, ends, tolerance: float, read_V: float):
    """The work on a batch of cells: sweep, extract."""
    from femristor.array.experiments.cycling import sweep

    flags = np.zeros(volt.size, dtype=bool)
    flags[ends] = True
    halves = [slice(a, b + 1) for a, b in itertools.pairwise(ends)]

    def work(part: slice) -> dict[str, np.ndarray]:
        own = part_of(drawn, part)
        common, ready = array.kernel_cells(own)
        per_hop = np.full(own.count, array.noise.cluster / array.noise.volume_m3)
        rng = generator(array.seed, 62, part.start)
        state, _, current, reads, status, where = sweep(
            *common, ready.parameters, ready.loads, time, volt, flags, ready.start(array.start_m3()).copy(),
            tolerance, read_V, per_hop, rng,
        )  # fmt: skip

        def place(cell: int) -> tuple[str, float]:
            reached = float(np.exp(state[cell][np.isfinite(state[cell])][-1]))
            return f"at {where[cell, 0]:.4g} s and {where[cell, 1]:.4g} V applied", reached

        array.raise_first(status, part.start, place)
        resets = np.stack([reset_voltage(volt[h], current[:, h]) for h in halves[0::2]], axis=1)
        sets = np.stack([set_voltage(volt[h], current[:, h]) for h in halves[1::2]], axis=1)
        kept = current[:, ends[0] :]
        energy = np.trapezoid(np.abs(volt[ends[0] :] * kept), time[ends[0] :], axis=1)
        return {
            "hrs_S": reads[:, 1::2], "lrs_S": reads[:, 2::2], "reset_V": resets, "set_V": sets,
            "energy_J": energy, "current_A": kept.astype(np.float32),
        }  # fmt: skip

    return work


def set_voltage(voltage_V, current_A) -> np.ndarray:
    """Applied voltage at the steepest rise of the current of a set half.

    Args:
        voltage_V: (points,) from 0 V up and back.
        current_A: (cells, points) or (points,).

    Returns:
        (cells,) voltages.

    Raises:
        InputError: missing points, or a sweep of another direction.
    """
    volt, flow = _rising(voltage_V, current_A, 1.0)
    slope = np.diff(flow, axis=1) / np.diff(volt)
    at = np.argmax(slope, axis=1)
    return 0.5 * (volt[at] + volt[at + 1])


def reset_voltage(voltage_V, current_A) -> np.ndarray:
    """Applied voltage at the largest |current| of the rising part of a reset half; arguments as in `set_voltage`."""
    volt, flow = _rising(voltage_V, current_A, -1.0)
    return -volt[np.argmax(flow, axis=1)]


def _rising(voltage_V, current_A, sign: float) -> tuple[np.ndarray, np.ndarray]:
    """(points,) |V| up to the peak and (cells, points) smoothed |I|."""
    volt, flow = sign * np.asarray(voltage_V, dtype=float), np.atleast_2d(np.asarray(current_A, dtype=float))
    if not (np.isfinite(volt).all() and np.isfinite(flow).all()):
        raise InputError("A sweep has missing points (NaN); remove these rows or leave the cell out.")
    top = int(np.argmax(volt)) + 1
    volt, flow = volt[:top], np.abs(flow[:, :top])
    if top < 5 or np.any(np.diff(volt) <= 0):
        name = "set" if sign > 0 else "reset"
        raise InputError(
            f"The voltage of a {name} half must run from 0 V to its {'positive' if sign > 0 else 'negative'} peak through "
            "5 or more points; sort the sweep or exchange the halves."
        )
    half = round(0.5 * SMOOTH_V / float(np.median(np.diff(volt))))
    if half > 0:
        padded = np.pad(flow, ((0, 0), (half, half)), mode="edge")
        flow = np.lib.stride_tricks.sliding_window_view(padded, 2 * half + 1, axis=1).mean(axis=2)
    return volt, flow
