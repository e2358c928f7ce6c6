"""Published noise of two other memories, as aihwkit (MIT) writes them: formulas, own code. Conductances in uS.

Wan: Wan et al., Nature 608, 504 (2022), 1T1R ReRAM; aihwkit's ReRamWan2022NoiseModel, whose authors read the standard
deviation of G - G_target off the published figures after 1 s, 1 day and 2 days as polynomials in g = G_target/40 uS.

PCM: Nandakumar et al., ICECS 2019, and Joshi et al., Nat. Commun. 11, 2473 (2020); aihwkit's PCMLikeNoiseModel:
programming sigma a polynomial in g = G_target/25 uS, drift G (t/t_0)^-nu with a cell's own nu, t_0 = 20 s, and 1/f read
noise G q sqrt(ln((t + t_r)/(2 t_r))), t_r = 250 ns; its clock t starts t_0 before ours.
"""

import math

import torch

WAN_MAX_uS = 40.0
WAN_TIMES_S = (1.0, 86400.0, 172800.0)
WAN_SIGMA_uS = (
    (0.348, 16.030, -43.853, 45.393, -16.815),
    (0.701, 22.086, -50.773, 47.095, -16.458),
    (0.782, 20.274, -43.507, 37.062, -11.934),
)
"""Ascending coefficients of g at WAN_TIMES_S."""
PCM_MAX_uS = 25.0
PCM_SIGMA_uS = (0.26348, 1.9650, -1.1731)
PCM_FIRST_S = 20.0
PCM_READ_S = 250e-9


def polynomial(coefficients, at: torch.Tensor) -> torch.Tensor:
    """sum_k c_k at^k."""
    total = torch.zeros_like(at)
    for value in reversed(coefficients):
        total = total * at + value
    return total


def wan_sigma_uS(target_uS: torch.Tensor, time_s: float) -> torch.Tensor:
    """Standard deviation from the target; the three measured times, linear in ln t between and beyond them.

    Before 1 s the value of 1 s is kept. Beyond two days the slope of 1 s to 2 days goes on: ten years are seven times the
    span of ln t that was measured after the first day, so the extrapolation is ours and not a datum.

    Args:
        target_uS: any shape.
        time_s: since programming.
    """
    first, day, last = (polynomial(row, target_uS / WAN_MAX_uS).abs() for row in WAN_SIGMA_uS)
    at = math.log(max(time_s, WAN_TIMES_S[0]))
    knot, end = math.log(WAN_TIMES_S[1]), math.log(WAN_TIMES_S[2])
    if at <= knot:
        return first + (day - first) * (at / knot)
    if at <= end:
        return day + (last - day) * ((at - knot) / (end - knot))
    return (last + (last - first) * ((at - end) / end)).clamp(min=0.0)


def pcm_programming_sigma_uS(target_uS: torch.Tensor) -> torch.Tensor:
    """Standard deviation of what is programmed, any shape."""
    return polynomial(PCM_SIGMA_uS, target_uS / PCM_MAX_uS)


def pcm_drift_law(target_uS: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean and deviation of the drift exponent nu, of the targets' shape."""
    log_g = torch.log((target_uS.abs() / PCM_MAX_uS).clamp(min=1e-7))
    mean = (-0.0155 * log_g + 0.0244).clamp(min=0.049, max=0.1)
    return mean, (-0.0125 * log_g - 0.0059).clamp(min=0.008, max=0.045)


def pcm_read_relative(programmed_uS: torch.Tensor, time_s: float) -> torch.Tensor:
    """Standard deviation of the read noise over the drifted conductance, of the cells' shape."""
    relative = ((programmed_uS.abs() / PCM_MAX_uS) ** 0.65).clamp(min=1e-3)
    amplitude = (0.0088 / relative).clamp(max=0.2)
    since = time_s + PCM_FIRST_S
    return amplitude * math.sqrt(math.log((since + PCM_READ_S) / (2 * PCM_READ_S)))
