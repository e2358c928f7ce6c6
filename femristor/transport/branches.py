"""LRS and HRS read curves out of measured switching sweeps.

A reset sweep starts in LRS and comes back in HRS: where |V| is still low the state does not move, so the first
part of its outgoing branch is an LRS I-V and the last part of its returning branch an HRS I-V.
"""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from femristor.core.curves import IVCurve
from femristor.core.errors import InputError

LIMIT_V = 0.2
MIN_POINTS = 3


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


def low_field_branches(
    curves: Sequence[IVCurve], limit_V: float = LIMIT_V, *, reset_sign: int = -1
) -> list[IVCurve]:
    """LRS and HRS read curves of every reset sweep.

    Args:
        curves: sweeps, read with `read_iv_csv(path, sweep=True)`; absolute currents are given a sign.
        limit_V: largest |V| of the read curves, well below the switching voltages.
        reset_sign: sign of the voltage that resets the cell (-1 for polarity 8W).

    Returns:
        For each reset sweep one curve labelled "<label> lrs" and one "<label> hrs", |V| rising; with several
        sweeps in a curve they are numbered "<label> cycle 2 lrs".

    Raises:
        InputError: a curve without a reset sweep, or with fewer than three points below the limit.
    """
    if not limit_V > 0:
        raise InputError(f"A limit of {limit_V:g} V leaves no read curve; give one above 0.")
    if reset_sign not in (-1, 1):
        raise InputError(f"The reset sign is +1 or -1, not {reset_sign}.")
    found = []
    for curve in curves:
        pairs = _reset_pairs(split_sweep(signed_curve(curve)), reset_sign)
        if not pairs:
            side = "negative" if reset_sign < 0 else "positive"
            raise InputError(
                f"Curve '{curve.label}' has no sweep to {side} voltages and back, so no reset branch; "
                "check the polarity."
            )
        for number, pair in enumerate(pairs, start=1):
            cycle = f" cycle {number}" if len(pairs) > 1 else ""
            for branch, state in zip(pair, ("lrs", "hrs"), strict=True):
                found.append(_low(branch, limit_V, reset_sign, f"{curve.label}{cycle} {state}"))
    return found


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
