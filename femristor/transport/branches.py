"""LRS and HRS read curves out of measured switching sweeps.

A reset sweep starts in LRS and comes back in HRS: where |V| is still low the state does not move, so the first
part of its outgoing branch is an LRS I-V and the last part of its returning branch an HRS I-V. Which polarity resets
is read off the resistances.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from femristor.core.curves import IVCurve
from femristor.core.errors import InputError

LIMIT_V = 0.2
MIN_POINTS = 3
LEAST_RATIO = 1.1
"""LRS over HRS below which a sweep is said to have reset hardly: the order of what a read drifts."""
_SIDES = {-1: "negative", 1: "positive"}


def signed_curve(curve: IVCurve) -> IVCurve:
    """Give an absolute current the sign of its voltage.

    Args:
        curve: a sweep; signed ones come back as they are.

    Returns:
        IVCurve with current along the voltage where no current of the file is negative.
    """
    if np.any(curve.current_A < 0) or not np.any(curve.voltage_V < 0):
        return curve
    return curve.replace(curve.voltage_V, np.where(curve.voltage_V < 0, -1.0, 1.0) * curve.current_A)


def split_sweep(curve: IVCurve) -> list[IVCurve]:
    """Cut a sweep where the voltage turns; a voltage that is repeated at the turn belongs to both branches.

    Args:
        curve: a sweep such as 0, +2.5, 0, -1.6, 0 V.

    Returns:
        Branches in the order of the measurement, each strictly rising or falling.
    """
    volt, amp = curve.voltage_V, curve.current_A
    step = np.sign(np.diff(volt))
    # a voltage that is repeated while the sweep goes on is one point too many
    repeated = np.zeros(volt.size, dtype=bool)
    repeated[1:-1] = (step[:-1] == 0) & (step[1:] != 0) & (np.roll(step, 1)[:-1] == step[1:])
    repeated[1] = False
    volt, amp = volt[~repeated], amp[~repeated]
    branches, begin, direction = [], 0, 0.0
    for index, move in enumerate([*np.sign(np.diff(volt)), None]):
        if move is not None and direction in (0.0, move) and move != 0:
            direction = move
            continue
        if direction != 0:
            branches.append(curve.replace(volt[begin : index + 1], amp[begin : index + 1]))
        begin = index + 1 if move == 0 else index
        direction = move or 0.0
    return branches


@dataclass(frozen=True)
class ReadCurves:
    """LRS and HRS read curves of some sweeps.

    Attributes:
        curves: for each reset sweep one labelled "<label> lrs" and one "<label> hrs", |V| rising; with several
            sweeps in a curve they are numbered "<label> cycle 2 lrs".
        reset_sign: sign of the voltage that resets the cell, found from the resistances.
        ratio: (sweeps,) conductance before each reset sweep over that after it; LRS over HRS where it is above 1.
        warnings: sweeps that did not lower the conductance, in sentences.
    """

    curves: tuple[IVCurve, ...]
    reset_sign: int
    ratio: np.ndarray
    warnings: tuple[str, ...]


def low_field_branches(
    curves: Sequence[IVCurve], limit_V: float = LIMIT_V, *, reset_sign: int | None = None
) -> ReadCurves:
    """LRS and HRS read curves of every reset sweep.

    A reset sweep leaves the cell less conductive than it found it: where the sign of reset is not given, it is the one
    whose sweeps do so (median over all sweeps). Of each pair the branch that conducts more is LRS.

    Args:
        curves: sweeps, read with `read_iv_csv(path, sweep=True)`; absolute currents are given a sign.
        limit_V: largest |V| of the read curves, well below the switching voltages.
        reset_sign: sign of the voltage that resets the cell (-1 for polarity 8W), or None to find it.

    Returns:
        ReadCurves.

    Raises:
        InputError: a curve without a reset sweep, or with fewer than three points below the limit; sweeps of the given
            sign, or of both signs, that do not lower the conductance.
    """
    if not limit_V > 0:
        raise InputError(f"A limit of {limit_V:g} V leaves no read curve; give one above 0.")
    if reset_sign not in (-1, 1, None):
        raise InputError(f"The reset sign is +1 or -1, not {reset_sign}.")
    sweeps = [(curve.label, split_sweep(signed_curve(curve))) for curve in curves]
    sign = _found_sign(sweeps, limit_V) if reset_sign is None else reset_sign
    found, ratios, warnings = [], [], []
    for label, branches in sweeps:
        pairs = _reset_pairs(branches, sign)
        if not pairs:
            raise InputError(
                f"Curve '{label}' has no sweep to {_SIDES[sign]} voltages and back, so no reset branch; "
                "check the polarity."
            )
        for number, pair in enumerate(pairs, start=1):
            name = f"{label} cycle {number}" if len(pairs) > 1 else label
            low = [_low(branch, limit_V, sign, name) for branch in pair]
            ratios.append(_conductance(low[0]) / _conductance(low[1]))
            if ratios[-1] < LEAST_RATIO:
                warnings.append(_weak(name, sign, ratios[-1]))
            states = ("lrs", "hrs") if ratios[-1] >= 1 else ("hrs", "lrs")
            named = [replace(part, label=f"{name} {state}") for part, state in zip(low, states, strict=True)]
            found += named if ratios[-1] >= 1 else named[::-1]
    middle = float(np.median(ratios))
    if not middle > 1:
        raise InputError(
            f"Sweeps to {_SIDES[sign]} voltages raise the conductance ({1 / middle:.3g} times, the median), so they set "
            f"the cell and do not reset it; take the {_SIDES[-sign]} ones, or leave the sign to be found."
        )
    return ReadCurves(tuple(found), sign, np.array(ratios), tuple(warnings))


def _found_sign(sweeps: Sequence[tuple[str, list[IVCurve]]], limit_V: float) -> int:
    """Sign of the half sweeps after which the cell conducts less, by the median over all of them."""
    change, refused = {}, []
    for sign in (-1, 1):
        every = []
        for label, branches in sweeps:
            for pair in _reset_pairs(branches, sign):
                try:
                    out, back = (_conductance(_low(branch, limit_V, sign, label)) for branch in pair)
                    every.append(float(np.log(out / back)))
                except InputError as error:
                    refused.append(error)
        if every:
            change[sign] = float(np.median(every))
    if not change and refused:
        raise refused[0]
    if not change:
        raise InputError(
            f"Curve '{sweeps[0][0]}' has no sweep to a voltage and back, so no reset branch; give switching sweeps."
        )
    sign = max(change, key=change.__getitem__)
    if not change[sign] > 0:
        told = " and ".join(f"{np.exp(-change[key]):.3g} times to {_SIDES[key]} voltages" for key in change)
        raise InputError(
            f"No half of the sweeps lowers the conductance (it rises {told}), so there is no reset branch; give sweeps "
            "that reset the cell."
        )
    return sign


def _weak(name: str, sign: int, ratio: float) -> str:
    if ratio < 1:
        return (
            f"{name}: the sweep to {_SIDES[sign]} voltages raised the conductance {1 / ratio:.3g} times, so it is no reset; "
            "its branch that conducts more is labelled lrs."
        )
    return f"{name}: LRS conducts only {ratio:.3g} times what HRS does; the sweep hardly reset the cell."


def _conductance(curve: IVCurve) -> float:
    """Median I/V; a branch lost in noise counts as its smallest positive size."""
    value = float(np.median(curve.current_A / curve.voltage_V))
    return max(value, np.finfo(float).tiny)


def _reset_pairs(branches: list[IVCurve], sign: int) -> list[tuple[IVCurve, IVCurve]]:
    pairs = []
    for out, back in pairwise(branches):
        far, near = sign * out.voltage_V[-1], sign * back.voltage_V[-1]
        if far > 0 and sign * (out.voltage_V[-1] - out.voltage_V[0]) > 0 and near < far:
            pairs.append((out, back))
    return pairs


def _low(branch: IVCurve, limit_V: float, sign: int, label: str) -> IVCurve:
    order = np.argsort(np.abs(branch.voltage_V), kind="stable")
    volt, amp = branch.voltage_V[order], branch.current_A[order]
    # the branch may begin at the set voltage and pass 0 V
    keep = (np.abs(volt) <= limit_V + 1e-9) & (volt * sign > 1e-12)
    if keep.sum() < MIN_POINTS:
        raise InputError(
            f"Branch '{label}' has {int(keep.sum())} points below {limit_V:g} V and a read curve needs "
            f"{MIN_POINTS}; raise the limit."
        )
    origin = f"{branch.origin}, low-field part of a reset branch".strip(", ")
    return IVCurve(volt[keep], amp[keep], branch.ambient_K, label, origin, branch.status)
