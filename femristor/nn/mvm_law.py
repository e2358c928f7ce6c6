"""Expected error of an analog matrix product in closed form, from the card's laws.

For inputs z and weights W, with the errors of cells independent and small against the ADC's bound:

    rmse^2 = <((z - x) W^T)^2> + s_out^2/12 + <sum_i z_i^2 var(w_i)> + <(m sum_i z_i)^2>

var(w) = (dw/dG)^2 (sigma_programming^2 + sigma_relaxation^2 + sigma_read^2); m = dw/dG times the mean
relaxation, 0 for differential pairs. The last term is common to all columns: it does not average out over the
outputs of one input vector, so the error of a single experiment scatters by several per cent at late times.
"""

import math

import torch

from femristor.array.mapping import ConductanceWindow, DifferentialPair, SingleDevice
from femristor.array.programming import programming_line, programming_sigma_S
from femristor.array.read_noise import read_noise_sigma_S
from femristor.array.relaxation import relaxation_mean_S, relaxation_sigma_S
from femristor.device.card import DeviceCard
from femristor.nn.mvm import MvmSettings


def expected_rmse(
    card: DeviceCard, settings: MvmSettings, weights: torch.Tensor, inputs: torch.Tensor, *, time_s: float
) -> float:
    """Root of the expected mean square error over all outputs.

    Args:
        card: device card.
        settings: periphery, mapping and non-idealities.
        weights: (outputs, inputs) float64.
        inputs: (vectors, inputs) float64.
        time_s: since programming.

    Returns:
        Error in absolute units; clipping by the ADC and at 0 S is left out.
    """
    laws, effects = card.statistics, settings.effects
    scale = float(weights.abs().max()) or 1.0
    scaled = weights.T / scale
    make = SingleDevice if settings.mapping == "single" else DifferentialPair
    mapping = make.fit(scaled, ConductanceWindow.of(laws))
    target = mapping.to_conductance(scaled)
    shift = relaxation_mean_S(laws.relaxation, time_s) if effects.relaxation else 0.0
    variance = torch.zeros_like(target)
    if effects.programming:
        variance += programming_sigma_S(programming_line(laws, settings.acceptance), target) ** 2
    if effects.relaxation:
        variance += relaxation_sigma_S(laws.relaxation, time_s) ** 2
    if effects.read_noise:
        variance += read_noise_sigma_S(laws.read_noise, target + shift, time_s) ** 2
    if settings.mapping == "pair":
        variance, shift = variance.sum(dim=-3), 0.0
    variance = variance * (mapping.weight_per_S * scale) ** 2
    alpha = (
        settings.input_range
        if settings.input_scale == "fixed"
        else inputs.abs().amax(dim=-1, keepdim=True).clamp(min=1e-300)
    )
    z = settings.dac(inputs / alpha) * alpha
    rounding = ((z - inputs) @ weights.T).square().mean()
    adc = ((settings.adc.step * scale * torch.as_tensor(alpha, dtype=torch.float64)) ** 2 / 12).mean()
    cells = (z.square() @ variance).mean()
    common = (mapping.weight_per_S * scale * shift * z.sum(dim=-1)).square().mean()
    return math.sqrt(float(rounding + adc + cells + common))
