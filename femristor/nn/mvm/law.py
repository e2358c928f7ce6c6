"""Expected error of an analog matrix product in closed form, from the card's laws.

For inputs z and weights W, with the errors of cells independent and small against the ADC's bound:

    rmse^2 = <((z - x) W^T)^2> + s_out^2/12 + <sum_i z_i^2 var(w_i)> + <(m sum_i z_i)^2>

var(w) = (dw/dG)^2 (sigma_programming^2 + sigma_relaxation^2 + sigma_read^2); m = dw/dG times the mean
relaxation, 0 for differential pairs. The last term is common to all columns: it does not average out over the
outputs of one input vector, so the error of a single experiment scatters by several per cent at late times.
"""

import math

import torch

from femristor.nn.mvm.product import AnalogMatrix


def expected_rmse(
    matrix: AnalogMatrix, weights: torch.Tensor, inputs: torch.Tensor, *, time_s: float
) -> float:
    """Root of the expected mean square error over all outputs.

    Args:
        matrix: the analog matrix (its laws and converters are used, not its cells).
        weights: (outputs, inputs) float64, what was programmed.
        inputs: (vectors, inputs) float64.
        time_s: since programming.

    Returns:
        Error in absolute units; clipping by the ADC and at 0 S is left out.
    """
    settings, scale = matrix.settings, matrix.out_scale
    shift, variance = matrix.cells.moments(time_s)
    alpha = torch.full((inputs.shape[0], 1), settings.input_range, dtype=torch.float64)
    if settings.input_scale == "absmax":
        alpha = inputs.abs().amax(dim=-1, keepdim=True).clamp(min=torch.finfo(torch.float64).tiny)
    z = settings.dac(inputs / alpha) * alpha
    rounding = ((z - inputs) @ weights.T).square().mean()
    adc = ((settings.adc.step * scale * alpha) ** 2 / 12).mean()
    cells = scale**2 * (z.square() @ variance).mean()
    common = (scale * shift * z.sum(dim=-1)).square().mean()
    return math.sqrt(float(rounding + adc + cells + common))
