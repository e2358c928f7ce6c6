"""Quasi-static forming of a whole array at a constant gate, from field solutions of a few devices.

Before its jump a device is an insulator of one conductance, at the jump it forms within a microvolt of the sweep, and
after it the device is a static nonlinear resistor I(V_device) (its vacancies stand still in the field solution). So the
curve of any cell is: leak up to V_jump(E_a), from there the point where the selector's load line meets I(V_device).
V_jump is monotone between the activation energies solved for (PCHIP). Every cell draws its own activation energy (the
card's stated spread) and, if asked for, threshold of its selector; the same extraction as on measured curves follows.
"""

import dataclasses
import math

import numpy as np
from scipy.interpolate import PchipInterpolator

from femristor.array.experiments.batches import experiment_key, run_batches
from femristor.array.experiments.forming_extract import (
    LEAST_RATIO,
    FormingPoints,
    extract_curves,
    extract_forming,
)
from femristor.array.results.costs import Cost
from femristor.array.results.forming import ArrayForming, FormingFamily
from femristor.core.bounds import CELLS, INSTRUMENT_POINTS
from femristor.core.constants import EV
from femristor.core.curves import IVCurve
from femristor.core.errors import InputError, RangeError
from femristor.core.provenance import Provenance, Status
from femristor.core.rng import generator
from femristor.device.card import DeviceCard
from femristor.device.load_line import current as load_current
from femristor.device.load_line import selector_load
from femristor.fem.results.forming import FormingResult

PAPER_MEAN_V, PAPER_SIGMA_V = 3.2, 0.075
"""Forming voltages of 32 cells (Falcone et al., arXiv 2502.04524)."""
PEAK_V = 3.6
"""End of the sweep (estimate)."""
STEP_V = 0.005
"""Step of the instrument."""
RATE_V_PER_S = 1.0
KEEP = 256
"""Cells whose curves are kept."""
BATCH = 512
SHIFTS = 9
"""Selectors between which those of the cells lie."""
DEVICE_POINTS = 161


def family_key(card: DeviceCard) -> str:
    """Hash of the parts of a card that forming depends on; the stated spread is none of them."""
    parts = ("layers", "materials", "filament", "domain", "hopping", "forming", "vacancies", "selector")
    numbers = dataclasses.asdict(card)
    kept = {name: numbers[name] for name in parts}
    kept["forming"] = {k: v for k, v in (kept["forming"] or {}).items() if k != "activation_spread_J"}
    return experiment_key(**kept, ambient=card.ambient_K)


def build_family(
    card: DeviceCard, solved: list[FormingResult], device: FormingResult | None = None
) -> FormingFamily:
    """Reduce field solutions of whole forming sweeps to a family.

    Args:
        card: device card that they were made from.
        solved: two or more devices of different activation energy, each swept up past its jump and back to 0 V.
        device: a sweep at a higher gate, whose formed device saw more voltage; one of `solved` by default.

    Returns:
        FormingFamily.

    Raises:
        InputError: too few devices, sweeps that do not come back, jumps that do not rise with the energy.
    """
    order = sorted(solved, key=lambda entry: entry.activation_J)
    energies = np.array([entry.activation_J for entry in order])
    # The jump itself, between two accepted steps a microvolt apart, not the instrument's step that saw it.
    jumps = np.array(
        [entry.voltage_applied_V[int(np.argmax(np.diff(entry.current_A))) + 1] for entry in order]
    )
    if len(order) < 2 or np.any(np.diff(energies) <= 0) or np.any(np.diff(jumps) <= 0):
        raise InputError(
            "A forming family needs two or more devices whose jump rises with their activation energy; solve others."
        )
    widest = device or max(
        order, key=lambda entry: float(entry.voltage_device_V[np.argmax(entry.voltage_applied_V)])
    )
    top = int(np.argmax(widest.voltage_applied_V))
    volt, amp = widest.voltage_device_V[top:][::-1], widest.current_A[top:][::-1]
    if volt.size < 10 or volt[0] > 0.05 * volt[-1]:
        raise InputError("A forming sweep of a family must come back to 0 V; solve it without until_formed.")
    rising = np.concatenate([[True], np.diff(np.maximum.accumulate(volt)) > 0])
    volt, amp = volt[rising], np.maximum.accumulate(amp[rising])
    grid = np.linspace(0.0, volt[-1], DEVICE_POINTS)
    return FormingFamily(
        key=family_key(card),
        activation_J=energies,
        jump_V=jumps,
        leak_S=float(order[0].pristine_S),
        device_V=grid,
        device_A=PchipInterpolator(volt, amp)(grid),
        provenance=Provenance.create("array.forming_family", card=card),
    )


def form_array(
    card: DeviceCard,
    family: FormingFamily,
    *,
    rows: int = 8,
    cols: int = 4,
    seed: int = 0,
    gate_V: float | None = None,
    peak_V: float = PEAK_V,
    step_V: float = STEP_V,
    spread_J: float | None = None,
    threshold_spread_V: float = 0.0,
    noise_A: float = 0.0,
    checkpoint=None,
    progress=None,
) -> ArrayForming:
    """Sweep every cell of an array up to the peak and back, and extract its forming voltage.

    Args:
        card: device card.
        family: its forming by field solutions.
        rows: of the array.
        cols: of the array.
        seed: of the spread.
        gate_V: constant gate of the selectors; the card's forming gate by default.
        peak_V: end of the sweep.
        step_V: step of the instrument.
        spread_J: standard deviation of the activation energy; the card's stated one by default.
        threshold_spread_V: standard deviation of the selectors' threshold (the card states none).
        noise_A: standard deviation of the instrument's current.
        checkpoint: file that is continued.
        progress: where cells are shown.

    Returns:
        ArrayForming.

    Raises:
        InputError: impossible sizes or sweeps, or a family of another card.
        RangeError: a device outside the energies that the family holds, or no device forms up to the peak.
    """
    _check(rows, cols, peak_V, step_V, threshold_spread_V, noise_A)
    CELLS.check(rows * cols, "--rows x --cols")
    if card.forming is None or family.key != family_key(card):
        raise InputError(f"This forming family was not solved for card {card.name}; solve it again.")
    count, gate = rows * cols, card.selector.gate_forming_V if gate_V is None else gate_V
    spread = card.forming.activation_spread_J if spread_J is None else spread_J
    rng = generator(seed)
    energies = card.forming.activation_J + spread * rng.standard_normal(count)
    shifts = threshold_spread_V * rng.standard_normal(count)
    jumps = _jumps(family, energies)
    if jumps.min() > peak_V:
        raise RangeError(
            f"None of {count} devices forms up to {peak_V:g} V, the first would at {jumps.min():.4g} V; raise the peak (--peak) "
            "or check forming.activation_energy of the card."
        )
    volt = sweep_voltage(peak_V, step_V)
    knots, formed = _formed_currents(card, family, volt, gate, shifts)
    triode = float(selector_load(card, gate_set_V=gate).line(1.0).ohm)

    def work(part: slice) -> dict[str, np.ndarray]:
        current = _curves(volt, jumps[part], family.leak_S, knots, formed, shifts[part])
        if noise_A:
            current = current + noise_A * generator(seed, 51, part.start).standard_normal(current.shape)
        found = extract_forming(volt, current, triode)
        energy = np.sum(np.abs(volt * current), axis=1) * step_V / RATE_V_PER_S
        return {**dataclasses.asdict(found), "energy_J": energy, "current_A": current.astype(np.float32)}

    key = experiment_key(
        family=family.key, energies=energies, shifts=shifts, gate=gate, volt=volt, noise=noise_A, seed=seed
    )
    found = run_batches(
        work, count, key=key, keep={"current_A": KEEP}, checkpoint=checkpoint, batch=BATCH,
        name="forming", progress=progress,
    )  # fmt: skip
    points = FormingPoints(found["form_V"], found["form_applied_V"], found["form_current_A"])
    cost = Cost.of(count * (volt.size - 1) * step_V / RATE_V_PER_S, forming=float(found["energy_J"].sum()))
    return ArrayForming(
        rows, cols, energies, shifts,
        voltage_V=volt, current_A=found["current_A"], spread_J=float(spread), triode_ohm=triode, cost=cost,
        seed=seed, status=Status.SAMPLED, provenance=Provenance.create("array.forming", card=card, seed=seed),
        **_statistics(points),
    )  # fmt: skip


def measured_forming(
    curves: list[IVCurve], triode_ohm: float, *, rows: int = 0, cols: int = 0, inputs: dict | None = None
) -> ArrayForming:
    """The same of measured sweeps.

    Args:
        curves: one a cell.
        triode_ohm: resistance of the selector at the gate of the sweeps.
        rows: of the array, 0 if not known.
        cols: of the array, 0 if not known.
        inputs: hashes of the files.

    Returns:
        ArrayForming.

    Raises:
        InputError: as in `forming_extract.extract_curves`, or no cell formed.
    """
    points = extract_curves(curves, triode_ohm, cells=rows * cols or None)
    volt = curves[0].voltage_V
    alike = [c for c in curves[:KEEP] if c.voltage_V.shape == volt.shape and np.allclose(c.voltage_V, volt)]
    nothing = np.empty(0)
    return ArrayForming(
        rows, cols, nothing, nothing,
        voltage_V=volt, current_A=np.stack([curve.current_A for curve in alike]), spread_J=math.nan,
        triode_ohm=float(triode_ohm), cost=None, seed=-1, status=Status.CONVERGED,
        provenance=Provenance.create("array.forming_measured", inputs=inputs), **_statistics(points),
    )  # fmt: skip


def sweep_voltage(peak_V: float, step_V: float) -> np.ndarray:
    """(points,) from 0 V up to the peak and back."""
    points = INSTRUMENT_POINTS.check(
        round(min(peak_V / step_V, 1e18)) + 1, "points of a sweep (--peak / --step)"
    )
    up = np.linspace(0.0, peak_V, points)
    return np.concatenate([up, up[-2::-1]])


def _jumps(family: FormingFamily, energies: np.ndarray) -> np.ndarray:
    low, high = family.activation_J[[0, -1]]
    slack = 1e-9 * high
    if energies.min() < low - slack or energies.max() > high + slack:
        raise RangeError(
            f"Devices of {energies.min() / EV:.3g} to {energies.max() / EV:.3g} eV leave the energies solved for "
            f"({low / EV:.3g} to {high / EV:.3g} eV); lower the spread or solve a wider family."
        )
    return PchipInterpolator(family.activation_J, family.jump_V)(np.clip(energies, low, high))


def _formed_currents(card, family, volt, gate_V: float, shifts) -> tuple[np.ndarray, np.ndarray]:
    """Threshold shifts (knots,) and the current of a formed cell (knots, points) behind each such selector."""
    knots = (
        np.linspace(shifts.min(), shifts.max(), SHIFTS) if np.ptp(shifts) > 0 else np.array([shifts.flat[0]])
    )
    rows = [_meet(selector_load(card, gate_set_V=gate_V - shift), family, volt) for shift in knots]
    return knots, np.stack(rows)


def _meet(load, family: FormingFamily, volt: np.ndarray) -> np.ndarray:
    """(points,) current where the load line meets the formed device, by bisection of the device voltage."""
    line, device = load.line(1.0), PchipInterpolator(family.device_V, family.device_A)
    low, high = np.zeros_like(volt), np.minimum(volt, family.device_V[-1])
    past = load_current(line, volt, high) > device(high) * (1 + 1e-9) + 1e-18
    if past.any():
        raise RangeError(
            f"At {volt[int(np.argmax(past))]:.4g} V a formed device takes more than the {family.device_V[-1]:.3g} V solved "
            "for; lower the peak or solve a family with a higher one."
        )
    for _ in range(60):
        middle = 0.5 * (low + high)
        more = load_current(line, volt, middle) > device(middle)
        low, high = np.where(more, middle, low), np.where(more, high, middle)
    return device(0.5 * (low + high))


def _curves(volt, jumps, leak_S: float, knots, formed, shifts) -> np.ndarray:
    """(cells, points) currents."""
    top = int(np.argmax(volt))
    after = (volt >= jumps[:, None]) | ((np.arange(volt.size) > top) & (jumps <= volt[top])[:, None])
    if knots.size == 1:
        own = formed[0]
    else:
        place = (shifts - knots[0]) / (knots[1] - knots[0])
        index = np.clip(place.astype(int), 0, knots.size - 2)
        share = (place - index)[:, None]
        own = (1 - share) * formed[index] + share * formed[index + 1]
    return np.where(after, own, leak_S * volt)


def _statistics(points: FormingPoints) -> dict:
    good = points.form_V[points.formed]
    if not good.size:
        raise InputError(
            f"None of {points.formed.size} sweeps has the jump of forming, a current {LEAST_RATIO:g} times as large that stays: give "
            "whole forming sweeps and check their columns, or raise the gate."
        )
    return {
        **dataclasses.asdict(points),
        "mean_V": float(good.mean()),
        "sigma_V": float(good.std(ddof=1)) if good.size > 1 else math.nan,
        "yielded": float(points.formed.mean()),
        "paper_mean_V": PAPER_MEAN_V,
        "paper_sigma_V": PAPER_SIGMA_V,
    }


def _check(rows: int, cols: int, peak_V: float, step_V: float, threshold_V: float, noise_A: float) -> None:
    if min(rows, cols) < 1:
        raise InputError(f"An array of {rows} x {cols} has no cell; give 1 or more rows and columns.")
    if not (0 < step_V <= peak_V / 20 < math.inf):
        raise InputError(
            f"Steps of {step_V:g} V up to {peak_V:g} V make no forming sweep; give 20 or more steps above 0 V."
        )
    if not (0 <= threshold_V < math.inf and 0 <= noise_A < math.inf):
        raise InputError("A spread of thresholds and a noise are 0 or more; correct them.")
