"""What program-verify by pulses leaves: sigma(G) as a line, distributions of levels, energy and latency."""

import math

import numpy as np

from femristor.array.costs import read_cost, work_cost
from femristor.array.programming.law import programming_line
from femristor.array.results.cells import LevelDistribution
from femristor.array.results.costs import Cost
from femristor.array.results.verify import ProgramVerify, SigmaLine
from femristor.array.statistics.levels import level_overlap, smooth_sigma
from femristor.core.errors import InputError
from femristor.core.provenance import Status
from femristor.device.card import DeviceCard

GROUPS = 20
"""Groups of cells where targets are not levels."""
LEAST = 8
"""Least accepted cells of a group."""


def sigma_line(result: ProgramVerify, values: str = "conductance") -> SigmaLine:
    """Fit sigma(G) = slope G + offset to the errors of accepted cells.

    Groups are the levels where targets repeat, else equal shares of the sorted targets. Each sigma of n cells has the
    weight 2 (n - 1)/sigma^2 of its own line (two passes); errors come from the scatter about it.

    Args:
        result: a programmed array.
        values: "conductance" (true) or "read" (the accepted read).

    Returns:
        SigmaLine.

    Raises:
        InputError: fewer than three groups of LEAST accepted cells.
    """
    good = result.accepted
    target = result.target_S[good]
    error = (result.conductance_S if values == "conductance" else result.read_S)[good] - target
    groups = [part for part in _groups(target) if part.size >= LEAST]
    if len(groups) < 3:
        raise InputError(
            f"A line of sigma over G needs three groups of {LEAST} accepted cells; program more cells."
        )
    centre = np.array([target[part].mean() for part in groups])
    sigma = np.array([error[part].std(ddof=1) for part in groups])
    count = np.array([part.size for part in groups])
    weight, design = 1 / sigma, np.stack([centre, np.ones_like(centre)], axis=1)
    for _ in range(2):
        best = np.linalg.lstsq(design * weight[:, None], sigma * weight, rcond=None)[0]
        weight = np.sqrt(2 * (count - 1)) / np.maximum(design @ best, 0.1 * sigma)
    best = np.linalg.lstsq(design * weight[:, None], sigma * weight, rcond=None)[0]
    scatter = np.sum((weight * (sigma - design @ best)) ** 2) / (len(groups) - 2)
    matrix = design * weight[:, None] / centre.max() ** np.array([1, 0])
    covariance = np.linalg.inv(matrix.T @ matrix) * scatter
    slope_error, offset_error = np.sqrt(np.diag(covariance)) / np.array([centre.max(), 1])
    return SigmaLine(
        centre, sigma, count, float(best[0]), float(best[1]), float(slope_error), float(offset_error)
    )


def _groups(target: np.ndarray) -> list[np.ndarray]:
    levels, place = np.unique(target, return_inverse=True)
    if levels.size and target.size >= 2 * levels.size:
        return [np.flatnonzero(place == k) for k in range(levels.size)]
    return np.array_split(np.argsort(target), GROUPS)


def level_distribution(
    result: ProgramVerify, card: DeviceCard, values: str = "conductance"
) -> LevelDistribution:
    """Distributions of an array whose rows are levels, as `levels.program_levels` gives them at time 0.

    Means and sigmas are those of accepted cells; cells that failed stay in `conductance_S` and count as misread where
    they are nearer to another level.

    Args:
        result: rows of one target each, rising.
        card: device card, for the overlap of its own law.
        values: "conductance" or "read".

    Returns:
        LevelDistribution; `overlap_law` is NaN for an acceptance that the card has no line for.

    Raises:
        InputError: rows that are not rising levels, or a row with fewer than two accepted cells.
    """
    target = result.target_S[:, 0]
    if np.any(result.target_S != target[:, None]) or target.size < 2 or np.any(np.diff(target) <= 0):
        raise InputError("Level distributions need one target a row, rising from row to row; program levels.")
    found = result.conductance_S if values == "conductance" else result.read_S
    good = result.accepted
    if np.any(good.sum(axis=1) < 2):
        raise InputError(
            "A level has fewer than two accepted cells; raise the most pulses or use more cells."
        )
    kept = np.where(good, found, np.nan)
    mean, sigma = np.nanmean(kept, axis=1), np.nanstd(kept, axis=1, ddof=1)
    try:
        line = programming_line(card.statistics, result.acceptance)
        law = level_overlap(target, line.slope * target + line.offset_S)
    except InputError:
        law = math.nan
    nearest = np.abs(found[:, :, None] - target[None, None, :]).argmin(axis=2)
    return LevelDistribution(
        target_S=target,
        conductance_S=found,
        mean_S=mean,
        sigma_S=sigma,
        time_s=0.0,
        acceptance=result.acceptance,
        overlap_law=law,
        overlap_sampled=level_overlap(target, smooth_sigma(target, sigma)),
        misread_fraction=float(np.mean(nearest != np.arange(target.size)[:, None])),
        read_noise=values == "read" and result.read_noise != "off",
        status=Status.SAMPLED,
        provenance=result.provenance,
    )


def programming_cost(result: ProgramVerify, *, at_once: int | None = 1) -> Cost:
    """Energy and latency of the programming: the integral of V I over every pulse, every verify read.

    Args:
        result: a programmed array.
        at_once: cells programmed at the same time; 1 is cell by cell.

    Returns:
        Cost with the parts set, reset and read (cell, selector and what is in series together).
    """
    work = (("set", result.set_J, result.set_pulses), ("reset", result.reset_J, result.reset_pulses))
    parts = [
        work_cost(joule, width_s=result.width_s, pulses=sent, at_once=at_once, part=name)
        for name, joule, sent in work
    ]
    reads = result.pulses + 1
    current = result.reads_A / reads
    return sum(parts) + read_cost(result.read_V, current, width_s=result.read_s, reads=reads, at_once=at_once)
