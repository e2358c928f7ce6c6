"""How well evenly spaced levels stay apart some time after programming."""

import math

import numpy as np
import torch

from femristor.array.cell_array import CellArray, Effects
from femristor.array.checks import require_time, torch_generator
from femristor.array.programming.law import programming_line, programming_sigma_S
from femristor.array.results.cells import LevelDistribution
from femristor.array.retention.read_noise import read_noise_sigma_S
from femristor.array.retention.relaxation import relaxation_mean_S, relaxation_sigma_S
from femristor.core.bounds import LEVELS, check_memory
from femristor.core.errors import InputError
from femristor.core.provenance import Provenance, Status
from femristor.device.card import DeviceCard

GRID_PER_SIGMA = 200


def level_overlap(mean_S: np.ndarray, sigma_S: np.ndarray) -> float:
    """Mean overlap of neighbouring normal distributions, the integral of the smaller density.

    Args:
        mean_S: (levels,) rising [S].
        sigma_S: (levels,) [S].

    Returns:
        Fraction between 0 and 1; for equal sigmas 2 Phi(-spacing/(2 sigma)).

    Raises:
        InputError: fewer than two levels, or a sigma of 0.
    """
    if len(mean_S) < 2 or not np.all(np.asarray(sigma_S) > 0):
        raise InputError("Overlap needs two levels or more, each with a sigma above 0.")
    parts = []
    for low, high, s_low, s_high in zip(mean_S[:-1], mean_S[1:], sigma_S[:-1], sigma_S[1:], strict=True):
        wide = 8 * max(s_low, s_high)
        step = min(s_low, s_high) / GRID_PER_SIGMA
        grid = np.arange(min(low, high) - wide, max(low, high) + wide, step)
        parts.append(np.sum(np.minimum(_normal(grid, low, s_low), _normal(grid, high, s_high))) * step)
    return float(np.mean(parts))


def _normal(x: np.ndarray, mean: float, sigma: float) -> np.ndarray:
    return np.exp(-0.5 * ((x - mean) / sigma) ** 2) / (sigma * math.sqrt(2 * math.pi))


def level_sigma_S(
    card: DeviceCard, target_S, *, acceptance: float, time_s: float, read_noise: bool
) -> np.ndarray:
    """Sigma of a level by the card's laws: programming, relaxation and, if wanted, read noise in quadrature.

    Args:
        card: device card.
        target_S: (levels,) [S].
        acceptance: of program-verify.
        time_s: since programming.
        read_noise: whether a read adds its noise.

    Returns:
        (levels,) standard deviation [S].
    """
    laws = card.statistics
    target = torch.as_tensor(target_S, dtype=torch.float64)
    variance = programming_sigma_S(programming_line(laws, acceptance), target) ** 2
    variance = variance + relaxation_sigma_S(laws.relaxation, time_s) ** 2
    if read_noise:
        present = target + relaxation_mean_S(laws.relaxation, time_s)
        variance = variance + read_noise_sigma_S(laws.read_noise, present, time_s) ** 2
    return variance.sqrt().numpy()


def program_levels(
    card: DeviceCard,
    *,
    levels: int | None = None,
    cells: int = 32,
    acceptance: float = 0.002,
    times_s: tuple[float, ...] = (0.0,),
    read_noise: bool = False,
    seed: int = 0,
) -> tuple[LevelDistribution, ...]:
    """Program `cells` cells to each of evenly spaced levels and read them at several times.

    Args:
        card: device card.
        levels: number of levels over the card's window, the card's (35) by default.
        cells: cells a level, at least 2.
        acceptance: of program-verify.
        times_s: rising times since programming; the same cells are followed.
        read_noise: add the noise of a single read; off by default, since the paper's distributions average reads.
        seed: of the noise.

    Returns:
        One LevelDistribution for each time.

    Raises:
        InputError: too few cells or levels, times that do not rise, or an unknown acceptance.
    """
    if cells < 2:
        raise InputError(f"{cells} cells a level have no distribution; use 2 or more.")
    count = card.statistics.levels if levels is None else levels
    LEVELS.check(count, "levels (--levels)")
    check_memory(
        24.0 * count * cells * count,
        f"{count} levels of {cells} cells, each compared with every level (--levels, --cells)",
        "give fewer levels or cells",
    )
    array = CellArray(
        card, count, cells, generator=torch_generator(seed, 10), effects=Effects(read_noise=read_noise)
    )
    target = array.window.levels_S(count)
    array.program(target[:, None].expand(count, cells), acceptance=acceptance)
    found = []
    for time in times_s:
        array.advance(require_time(time))
        values = array.read_conductance_S().cpu().numpy()
        sigma_law = level_sigma_S(card, target, acceptance=acceptance, time_s=time, read_noise=read_noise)
        found.append(
            _distribution(target.numpy(), values, sigma_law, float(time), acceptance, read_noise, card, seed)
        )
    return tuple(found)


def smooth_sigma(target: np.ndarray, sigma: np.ndarray) -> np.ndarray:
    """Sigma as a smooth function of the level: the scatter of each sample sigma would bias the overlap."""
    shape = np.stack([np.ones_like(target), (target / target.max()) ** 2], axis=1)
    variance = shape @ np.linalg.lstsq(shape, sigma**2, rcond=None)[0]
    return np.sqrt(np.where(variance > 0, variance, np.mean(sigma**2)))


def _distribution(target, values, sigma_law, time, acceptance, read_noise, card, seed) -> LevelDistribution:
    mean, sigma = values.mean(axis=1), values.std(axis=1, ddof=1)
    shift = float(np.mean(mean - target))
    nearest = np.abs(values[:, :, None] - shift - target[None, None, :]).argmin(axis=2)
    return LevelDistribution(
        target_S=target,
        conductance_S=values,
        mean_S=mean,
        sigma_S=sigma,
        time_s=time,
        acceptance=float(acceptance),
        overlap_law=level_overlap(target, sigma_law),
        overlap_sampled=level_overlap(target, smooth_sigma(target, sigma)),
        misread_fraction=float(np.mean(nearest != np.arange(len(target))[:, None])),
        read_noise=read_noise,
        status=Status.SAMPLED,
        provenance=Provenance.create("array.levels", card=card, seed=seed),
    )
