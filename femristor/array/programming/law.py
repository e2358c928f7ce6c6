"""Conductance after program-verify: the target plus a normal error whose sigma is a line in the target.

Source: IBM aihwkit, ReRamCMONoiseModel, fitted to the array of Falcone et al., arXiv 2502.04524 (Fig. 4).
"""

import torch

from femristor.core.errors import InputError
from femristor.device.card import LineLaw, Statistics


def programming_line(statistics: Statistics, acceptance: float) -> LineLaw:
    """The sigma line that belongs to an acceptance.

    Args:
        statistics: the card's statistics.
        acceptance: width of the accepted window as a fraction of the target (0.002 or 0.02).

    Returns:
        LineLaw with the slope and offset [S].

    Raises:
        InputError: the card has no line for this acceptance.
    """
    for known, line in statistics.programming.items():
        if abs(known - acceptance) <= 1e-9:
            return line
    known = ", ".join(f"{value:g}" for value in sorted(statistics.programming))
    raise InputError(
        f"The card has no programming noise for an acceptance of {acceptance}; use one of {known}."
    )


def programming_sigma_S(line: LineLaw, target_S: torch.Tensor) -> torch.Tensor:
    """sigma_p = slope G + offset.

    Args:
        line: of one acceptance.
        target_S: target conductances, any shape [S].

    Returns:
        Standard deviation [S], same shape.
    """
    return line.slope * target_S + line.offset_S


def programmed_S(line: LineLaw, target_S: torch.Tensor, *, generator: torch.Generator) -> torch.Tensor:
    """Draw the conductance each cell has after program-verify, G = target + sigma_p xi.

    Args:
        line: of one acceptance.
        target_S: target conductances, any shape [S].
        generator: source of xi, on the same device.

    Returns:
        Programmed conductances [S], same shape; not clipped, so that their mean is the target.
    """
    noise = torch.randn(target_S.shape, generator=generator, dtype=target_S.dtype, device=target_S.device)
    return target_S + programming_sigma_S(line, target_S) * noise
