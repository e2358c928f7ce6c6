"""Quantised analog matrix products per CPU second: ours, plain NumPy, and aihwkit's torch tile.

One thread, float32, 6-bit inputs and 8-bit outputs, all non-idealities of the cells in the weights. NumPy does
the same rounding, clipping and product with as few passes. aihwkit is measured where it is installed.

    python benchmarks/mvm.py [--quick]
"""

# ruff: noqa: E402  (threads are fixed before NumPy is loaded)
import os

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"

import math
import platform
import sys
import time
import warnings

import numpy as np
import torch
from _results import write_result

from femristor.array.weights import weight_arrays
from femristor.core.provenance import dependency_versions
from femristor.device import load_card
from femristor.nn.mvm import AnalogMatrix, MvmSettings

SIZES = (64, 256, 512)
BATCH = 1000
SETTINGS = MvmSettings()


def rate(multiply, inputs, seconds: float) -> float:
    """Vectors per CPU second: the best of five runs of `seconds` / 5 each, after one call to warm up."""
    multiply(inputs)
    best = 0.0
    for _ in range(5):
        calls, begun = 0, time.process_time()
        while (spent := time.process_time() - begun) < seconds / 5:
            multiply(inputs)
            calls += 1
        best = max(best, calls * len(inputs) / spent)
    return best


def numpy_product(weights: np.ndarray, settings: MvmSettings):
    """The same product in plain NumPy on fixed weights."""
    step_in, step_out, bound = settings.dac.step, settings.adc.step, settings.output_bound
    folded = np.ascontiguousarray(weights.T * (step_in / step_out), dtype=np.float32)
    inverse, scale = np.float32(1 / step_in), np.float32(step_out)
    top_in, top_out = np.float32(1 / step_in), np.float32(bound / step_out)

    def multiply(inputs: np.ndarray) -> np.ndarray:
        codes = inputs * inverse
        np.rint(codes, out=codes)
        np.clip(codes, -top_in, top_in, out=codes)
        sums = codes @ folded
        np.rint(sums, out=sums)
        np.clip(sums, -top_out, top_out, out=sums)
        sums *= scale
        return sums

    return multiply


def aihwkit_tile(weights: torch.Tensor, settings: MvmSettings):
    """aihwkit's torch inference tile with the same converters, no wires; None where it is not installed."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from aihwkit.nn import AnalogLinear
            from aihwkit.simulator.configs import TorchInferenceRPUConfig
            from aihwkit.simulator.configs.utils import BoundManagementType, NoiseManagementType
    except ImportError:
        return None
    config = TorchInferenceRPUConfig()
    config.modifier.type = None
    config.mapping.weight_scaling_omega = 0.0
    config.mapping.max_input_size = config.mapping.max_output_size = 0
    forward = config.forward
    forward.is_perfect, forward.out_noise, forward.inp_bound = False, 0.0, 1.0
    forward.inp_res, forward.out_res = 1 / (2**settings.input_bits - 2), 1 / (2**settings.output_bits - 2)
    forward.out_bound = settings.output_bound
    forward.bound_management, forward.noise_management = BoundManagementType.NONE, NoiseManagementType.NONE
    layer = AnalogLinear(weights.shape[1], weights.shape[0], bias=False, rpu_config=config)
    layer.set_weights(weights)
    return layer.eval()


def measure(size: int, seconds: float) -> dict:
    """Rates and agreement at one size."""
    generator = torch.Generator().manual_seed(0)
    weights = (0.5 * torch.randn(size, size, generator=generator)).clamp(-1, 1)
    inputs = (0.5 * torch.randn(BATCH, size, generator=generator)).clamp(-1, 1)
    ours = AnalogMatrix(weights, weight_arrays(load_card("cmo_hfox")), SETTINGS, dtype=torch.float32)
    ours.advance(3600.0)
    now = ours.effective_weights().float()
    plain = numpy_product(now.numpy(), SETTINGS)
    row = {
        "size": size,
        "batch": BATCH,
        "ours": rate(ours, inputs, seconds),
        "numpy": rate(plain, inputs.numpy(), seconds),
    }
    row["largest_difference_to_numpy_lsb"] = _difference(ours(inputs).numpy(), plain(inputs.numpy()))
    peer = aihwkit_tile(now, SETTINGS)
    if peer is not None:
        with torch.no_grad():
            row["aihwkit"] = rate(peer, inputs, seconds)
            row["largest_difference_to_aihwkit_lsb"] = _difference(ours(inputs).numpy(), peer(inputs).numpy())
        row["ours_over_aihwkit"] = row["ours"] / row["aihwkit"]
    row["ours_over_numpy"] = row["ours"] / row["numpy"]
    return row


def _difference(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.abs(a - b).max() / SETTINGS.adc.step)


def main() -> None:
    torch.set_num_threads(1)
    seconds = 0.25 if "--quick" in sys.argv else 2.5
    rows = [measure(size, seconds) for size in SIZES]
    print(
        f"{'size':>5} {'ours':>12} {'numpy':>12} {'aihwkit':>12}   ours/numpy  ours/aihwkit   (vectors per CPU second)"
    )
    for row in rows:
        peer, ratio = row.get("aihwkit", math.nan), row.get("ours_over_aihwkit", math.nan)
        print(
            f"{row['size']:5d} {row['ours']:12.0f} {row['numpy']:12.0f} {peer:12.0f}   "
            f"{row['ours_over_numpy']:10.2f}  {ratio:12.2f}"
        )
    if "aihwkit" not in rows[0]:
        print("aihwkit is not installed here: its column is empty.")
    versions = dependency_versions()
    if "aihwkit" in rows[0]:
        import aihwkit

        versions["aihwkit"] = aihwkit.__version__
    payload = {
        "command": "python benchmarks/mvm.py",
        "unit": "vectors per CPU second, one thread, float32, best of five",
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "versions": versions,
        "rows": rows,
    }
    write_result(__file__, payload)


if __name__ == "__main__":
    main()
