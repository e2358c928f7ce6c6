"""Products in converter codes with 8-bit integer instructions, two planes of the weights.

A DAC of up to 8 bits puts out whole numbers |c| <= 127. The folded weights of output j are w_ij = s_j q_ij with whole
numbers |q| <= 32639 (s_j from the largest weight of the column), q = 256 h + l with two signed bytes, so

    y_j = s_j (256 sum_i c_i h_ij + sum_i c_i l_ij),

both sums exact in 32-bit integers, in any order and at any number of threads. What is lost is the rounding of w to
s_j: at most s_j/2 a weight, some 1e-4 to 1e-3 of an ADC step in y, which moves as large a share of the outputs by one
step. Needs a CPU with VNNI, whose byte products cannot saturate; elsewhere `AnalogMatrix` multiplies in floating point.
"""

import math

import numpy as np
import torch
from numba import njit

WHOLE = 127 * 256 + 127
"""Largest whole number of two signed bytes with the upper one up to 127."""
EXACT_SUM = 2**24
"""Sums of a plane below this pass through single precision exactly."""
MOST_ERROR = 0.01
"""Expected error in ADC steps above which floating point is used instead."""


def available() -> bool:
    """Whether this CPU has integer instructions that cannot saturate, and torch uses them."""
    supported = getattr(torch.cpu, "_is_vnni_supported", None)
    return hasattr(torch, "_int_mm") and supported is not None and bool(supported())


class IntegerProduct:
    """Folded weights as two planes of bytes.

    Attributes:
        error: expected rounding error of an output by that of the weights, in ADC steps.
        exact: whether both sums are exact and the error small enough to be used.
    """

    def __init__(self, folded: torch.Tensor, *, top_in: int, top_out: int) -> None:
        """Round the weights.

        Args:
            folded: (inputs, outputs) float64 factors from DAC codes to ADC codes, on the CPU.
            top_in: largest DAC code, up to 127.
            top_out: largest ADC code.
        """
        inputs = folded.shape[0]
        step = folded.abs().amax(dim=0) / WHOLE
        step = torch.where(step > 0, step, torch.ones_like(step))
        whole = torch.round(folded / step).to(torch.int32)
        upper = torch.div(whole + 128, 256, rounding_mode="floor")
        self._planes = torch.cat([upper, whole - 256 * upper], dim=1).to(torch.int8).contiguous()
        self._step = step.to(torch.float32).numpy()
        self._top_in, self._top_out = np.float32(top_in), np.float32(top_out)
        self.error = top_in * float(step.max()) * math.sqrt(inputs / 36)
        self.exact = top_in <= 127 and top_in * 128 * inputs < EXACT_SUM and self.error < MOST_ERROR

    def __call__(
        self, values: torch.Tensor, to_code: np.ndarray, from_code: np.ndarray
    ) -> torch.Tensor | None:
        """Products between the converters.

        Args:
            values: (vectors, inputs) float32, contiguous.
            to_code: (vectors,) or (1,) float32 DAC codes for 1 of the input.
            from_code: (vectors,) or (1,) float32 result for one ADC code.

        Returns:
            (vectors, outputs) float32; None where an input is NaN or infinite.
        """
        codes = torch.empty(values.shape, dtype=torch.int8)
        if _encode(values.numpy(), to_code, self._top_in, codes.numpy()):
            return None
        sums = torch._int_mm(codes, self._planes)
        result = torch.empty(values.shape[0], self._step.size, dtype=torch.float32)
        _decode(sums.numpy(), self._step, self._top_out, from_code, result.numpy())
        return result


@njit(cache=True, nogil=True, error_model="numpy")
def _encode(values, to_code, top, codes):
    """Rounded and clipped codes; 1 where an input is not finite."""
    bad = 0
    for row in range(values.shape[0]):
        factor = to_code[row if to_code.size > 1 else 0]
        for col in range(values.shape[1]):
            value = values[row, col]
            bad |= not (abs(value) <= np.float32(3.4028234e38))
            codes[row, col] = np.int8(min(max(np.rint(value * factor), -top), top))
    return bad


@njit(cache=True, nogil=True, error_model="numpy")
def _decode(sums, step, top, from_code, result):
    """Both planes together, rounded and clipped to ADC codes, in units of the result."""
    outputs = result.shape[1]
    for row in range(result.shape[0]):
        unit = from_code[row if from_code.size > 1 else 0]
        for col in range(outputs):
            whole = np.float32(sums[row, col]) * np.float32(256) + np.float32(sums[row, col + outputs])
            result[row, col] = min(max(np.rint(whole * step[col]), -top), top) * unit
