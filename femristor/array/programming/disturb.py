"""Disturb: what the pulses and reads of an array do to cells that are not meant.

1T1R, word lines along rows, bit and source lines along columns: while a cell is pulsed, the others of its column have
the full amplitude over cell and closed transistor (gate 0 V), the others of its row have an open gate and 0 V between
bit and source line, so that nothing drives them. 1R crossbars: half (V/2) or a third (V/3) of the amplitude.
The mean law of the compact model is integrated over the accumulated time at the plateau,
`d ln N/dt = rate_set share_set + rate_reset share_reset`, set and reset pulses in turn.
"""

from dataclasses import dataclass

import numpy as np
from scipy.integrate import solve_ivp

from femristor.array.programming.plan import place_in
from femristor.array.results.verify import DisturbReport, ProgramVerify
from femristor.compact.noise.gillespie import device_voltages
from femristor.core.errors import ConvergenceError, InputError
from femristor.core.provenance import Provenance
from femristor.device.load_line import BARE, Load

SCHEMES = {"column": 1.0, "row": 0.0, "half": 0.5, "third": 1 / 3, "ideal": 0.0}
"""Share of the amplitude over cell and load of a cell that is not selected."""
TEN_YEARS_S = 10 * 365.25 * 86400
RELATIVE = 1e-6
"""Of the change of ln N."""


@dataclass(frozen=True)
class Exposure:
    """Accumulated pulses on cells that are not selected; (cells,) or one for all.

    Attributes:
        set_V: amplitude over cell and load of set pulses.
        reset_V: of reset pulses, below 0 or 0.
        set_s: time at the amplitude of all set pulses.
        reset_s: of all reset pulses.
    """

    set_V: float
    reset_V: float
    set_s: np.ndarray | float
    reset_s: np.ndarray | float


def gate_off(load: Load, gate_V: float = 0.0) -> Load:
    """The load of a cell whose word line is not selected.

    Args:
        load: the selected cell's, with a transistor.
        gate_V: of the word lines that are not selected.

    Returns:
        Load.

    Raises:
        InputError: a load without a transistor.
    """
    if load.channel is None:
        raise InputError(
            f"The load '{load.label}' has no gate to close; use the scheme half or third for cells without transistor."
        )
    return Load(
        label=f"closed transistor ({gate_V:g} V)",
        channel=load.channel,
        gate_set_V=gate_V,
        gate_reset_V=gate_V,
        gate_read_V=gate_V,
    )


def shifted_lnN(model, load: Load, density_m3, exposures: list[Exposure]) -> np.ndarray:
    """Change of ln N by exposures that are spread evenly over the same time.

    Args:
        model: `IbmModel` or `TableModel`.
        load: in series with the cell that is not selected.
        density_m3: (cells,) states.
        exposures: voltages and times.

    Returns:
        (cells,) changes; exactly 0 where no voltage is on a cell.

    Raises:
        ConvergenceError: the integration failed.
    """
    start = np.log(np.atleast_1d(np.asarray(density_m3, dtype=float)))
    parts = [(e.set_V, np.broadcast_to(e.set_s, start.shape)) for e in exposures]
    parts += [(e.reset_V, np.broadcast_to(e.reset_s, start.shape)) for e in exposures]
    parts = [(volt, time) for volt, time in parts if volt != 0 and np.any(time > 0)]
    if not parts:
        return np.zeros(start.shape)

    def slope(_: float, change: np.ndarray) -> np.ndarray:
        density = np.exp(start + change)
        total = np.zeros(start.shape)
        for volt, time in parts:
            over = device_voltages(model, density, volt, load)
            total += time * model.density_rate_per_m3s(over, density) / density
        return total

    first = slope(0.0, np.zeros(start.shape))
    if np.max(np.abs(first)) < 1e-4:
        # Half a step more tells how far the slope changes: second order in a change this small.
        return slope(0.5, 0.5 * first)
    found = solve_ivp(slope, (0.0, 1.0), np.zeros(start.shape), method="LSODA", rtol=RELATIVE, atol=1e-9)
    if not found.success:
        raise ConvergenceError(
            f"The disturb of cells could not be integrated ({found.message}); use smaller pulses."
        )
    return found.y[:, -1]


def programming_disturb(
    model,
    load: Load,
    *,
    level_S,
    set_V: float,
    reset_V: float,
    set_pulses: float,
    reset_pulses: float,
    neighbours: int,
    plateau_s: float,
    scheme: str = "column",
    read_V: float = 0.2,
) -> DisturbReport:
    """Change of neighbours by programming all others of their line.

    Args:
        model: the cell's law.
        load: of a selected cell.
        level_S: (levels,) conductances of the neighbours.
        set_V: highest amplitude of set.
        reset_V: of reset, below 0.
        set_pulses: mean pulses a cell.
        reset_pulses: the same of reset.
        neighbours: cells programmed on the line.
        plateau_s: time of a pulse that counts as at its amplitude.
        scheme: column or row (1T1R), half or third (no transistor), ideal (a switch that opens).
        read_V: at which conductances are meant.

    Returns:
        DisturbReport.

    Raises:
        InputError: an unknown scheme, or a column without transistors.
    """
    if scheme not in SCHEMES:
        raise InputError(f"There is no disturb scheme '{scheme}'; use {', '.join(SCHEMES)}.")
    share = SCHEMES[scheme]
    own = gate_off(load) if scheme == "column" else BARE
    time = neighbours * plateau_s
    exposure = Exposure(share * set_V, share * reset_V, time * set_pulses, time * reset_pulses)
    seconds = float(time * (set_pulses + reset_pulses))
    return _report(model, own, level_S, [exposure], f"programming, {scheme}", seconds=seconds, read_V=read_V)


def read_disturb(
    model, load: Load, *, level_S, reads: float, read_s: float, read_V: float = 0.2
) -> DisturbReport:
    """Change of cells by their own reads.

    Args:
        model: the cell's law.
        load: in series during reads.
        level_S: (levels,) conductances.
        reads: how many.
        read_s: length of one.
        read_V: over cell and load.

    Returns:
        DisturbReport.
    """
    seconds = float(reads * read_s)
    reading = _reading(load)
    exposure = Exposure(read_V, 0.0, seconds, 0.0)
    case = f"{reads:.4g} reads of {read_V:g} V"
    return _report(model, reading, level_S, [exposure], case, seconds=seconds, read_V=read_V)


def apply_disturb(result: ProgramVerify, model, load: Load, *, scheme: str = "column") -> np.ndarray:
    """Conductances of a programmed array after the pulses that came behind each cell in its column.

    Cells are programmed row by row; before its own programming a cell does not matter, verify corrects that.

    Args:
        result: the array; its counts and amplitudes are used.
        model: the nominal cell's law.
        load: of a selected cell.
        scheme: as in `programming_disturb`; half and third reach row and column alike, the column is counted.

    Returns:
        (rows, cols) conductances; those of the result where no voltage reaches a cell.
    """
    share, own = SCHEMES[scheme], gate_off(load) if scheme == "column" else BARE
    plateau = result.width_s - result.edge_s
    place = place_in(result.ranges_S, result.target_S)
    exposures = []
    for k, (up, down) in enumerate(zip(result.set_V, result.reset_V, strict=True)):
        later = [
            plateau * (np.cumsum((sent * (place == k))[::-1], axis=0)[::-1] - sent * (place == k))
            for sent in (result.set_pulses, result.reset_pulses)
        ]
        exposures.append(Exposure(share * up, share * down, later[0].ravel(), later[1].ravel()))
    change = shifted_lnN(model, own, result.density_m3.ravel(), exposures)
    moved = np.exp(np.log(result.density_m3.ravel()) + change)
    before, after = (model.conductance_S(n, result.read_V) for n in (result.density_m3.ravel(), moved))
    ratio = np.where(change == 0, 1.0, after / before)
    return result.conductance_S * ratio.reshape(result.target_S.shape)


def _reading(load: Load) -> Load:
    """The load at the gate of reads."""
    if load.channel is None:
        return load
    return gate_off(load, load.gate_read_V)


def _report(model, load, level_S, exposures, case: str, *, seconds: float, read_V: float) -> DisturbReport:
    levels = np.atleast_1d(np.asarray(level_S, dtype=float))
    density = np.asarray(model.density_at(levels, read_V), dtype=float)
    change = shifted_lnN(model, load, density, exposures)
    near = model.conductance_S(density[:, None] * np.array([1 - 1e-4, 1 + 1e-4]), read_V)
    gain = np.log(near[:, 1] / near[:, 0]) / np.log((1 + 1e-4) / (1 - 1e-4))
    # Small changes would be lost in the difference of two conductances.
    large = model.conductance_S(density * np.exp(change), read_V) / levels - 1
    relative = np.where(np.abs(change) < 1e-6, gain * change, large)
    volts = [
        device_voltages(model, density, getattr(exposures[0], name), load) for name in ("set_V", "reset_V")
    ]
    return DisturbReport(
        case=case,
        level_S=levels,
        set_V=volts[0],
        reset_V=volts[1],
        seconds=seconds,
        change=relative,
        worst=float(relative[np.argmax(np.abs(relative))]),
        mean=float(np.mean(np.abs(relative))),
        model=type(model).__name__,
        provenance=Provenance.create("array.disturb", card=getattr(model, "card", None)),
    )
