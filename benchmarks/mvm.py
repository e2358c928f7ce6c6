"""Quantised analog matrix products per CPU second: ours, plain NumPy, and aihwkit's tiles.

One thread, float32, 6-bit inputs and 8-bit outputs, all non-idealities of the cells in the weights. NumPy does
the same rounding, clipping and product with as few passes. aihwkit is measured where it is installed: its torch tile
without wires, its C++ tile with the closed form of the drop. Ours with exact wires is the same product with the
transfer matrix in the place of the weights; the CPU seconds to solve for it once are given beside, with the number of
vectors after which both have cost the same.

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
from femristor.array.wires.grid import WireGrid
from femristor.core.provenance import dependency_versions
from femristor.device import load_card
from femristor.nn.mvm.codes import available
from femristor.nn.mvm.experiment import output_bound
from femristor.nn.mvm.product import AnalogMatrix, MvmSettings, plain_product

SIZES = (64, 256, 512)
BATCH = 1000
SEGMENT_OHM = 0.35


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


def aihwkit_tile(weights: torch.Tensor, settings: MvmSettings, *, wires: bool = False):
    """aihwkit's torch tile with the same converters, or its C++ tile with wires; None where it is not installed."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from aihwkit.nn import AnalogLinear
            from aihwkit.simulator.configs import InferenceRPUConfig, TorchInferenceRPUConfig
            from aihwkit.simulator.configs.utils import (
                BoundManagementType,
                NoiseManagementType,
                WeightModifierType,
            )
    except ImportError:
        return None
    config = InferenceRPUConfig() if wires else TorchInferenceRPUConfig()
    config.modifier.type = WeightModifierType.NONE
    config.mapping.weight_scaling_omega = 0.0
    config.mapping.max_input_size = config.mapping.max_output_size = 0
    forward = config.forward
    forward.is_perfect, forward.out_noise, forward.inp_bound = False, 0.0, 1.0
    forward.inp_res, forward.out_res = 1 / (2**settings.input_bits - 2), 1 / (2**settings.output_bits - 2)
    forward.out_bound = settings.output_bound
    forward.bound_management, forward.noise_management = BoundManagementType.NONE, NoiseManagementType.NONE
    if wires:
        forward.ir_drop, forward.ir_drop_g_ratio = 1.0, 1 / (SEGMENT_OHM * 100e-6)
    layer = AnalogLinear(weights.shape[1], weights.shape[0], bias=False, rpu_config=config)
    layer.set_weights(weights)
    return layer.eval()


def measure(size: int, seconds: float) -> dict:
    """Rates, shares and agreement at one size."""
    settings = MvmSettings(output_bound=output_bound(size))
    generator = torch.Generator().manual_seed(0)
    weights = (0.5 * torch.randn(size, size, generator=generator)).clamp(-1, 1)
    inputs = (0.5 * torch.randn(BATCH, size, generator=generator)).clamp(-1, 1)
    card = load_card("cmo_hfox")
    ours = AnalogMatrix(weights, weight_arrays(card), settings, dtype=torch.float32)
    ours.advance(3600.0)
    now = ours.effective_weights().float()
    plain = numpy_product(now.numpy(), settings)
    row = {
        "size": size,
        "batch": BATCH,
        "ours": rate(ours, inputs, seconds),
        "numpy": rate(plain, inputs.numpy(), seconds),
        "float_product_alone": rate(lambda x: x @ now, inputs, seconds),
    }
    if available():
        codes, planes = (31 * inputs).round().to(torch.int8), torch.ones(size, 2 * size, dtype=torch.int8)
        row["integer_product_alone"] = rate(lambda x: torch._int_mm(x, planes), codes, seconds)
        row["integer_product_share"] = row["ours"] / row["integer_product_alone"]
    row |= _agreement("twin", ours(inputs), plain_product(ours, inputs.double()), settings)
    row |= _agreement("numpy", ours(inputs), torch.from_numpy(plain(inputs.numpy())), settings)
    peer = aihwkit_tile(now, settings)
    if peer is not None:
        with torch.no_grad():
            row["aihwkit"] = rate(peer, inputs, seconds)
            row |= _agreement("aihwkit", ours(inputs), peer(inputs), settings)
        row["ours_over_aihwkit"] = row["ours"] / row["aihwkit"]
    row["ours_over_numpy"] = row["ours"] / row["numpy"]
    return row | _with_wires(card, weights, inputs, settings, seconds)


def _with_wires(card, weights, inputs, settings, seconds: float) -> dict:
    """Ours with exact wires, and aihwkit's C++ tile with its closed form."""
    begun = time.process_time()
    wires = weight_arrays(card, wires=WireGrid(SEGMENT_OHM))
    ours = AnalogMatrix(weights, wires, settings, dtype=torch.float32)
    ours(inputs)
    row = {"exact_wires_solved_cpu_s": time.process_time() - begun}
    row["exact_wires"] = rate(ours, inputs, seconds)
    peer = aihwkit_tile(weights, settings, wires=True)
    if peer is not None:
        with torch.no_grad():
            row["aihwkit_closed_form"] = rate(peer, inputs, seconds)
        row["exact_wires_over_closed_form"] = row["exact_wires"] / row["aihwkit_closed_form"]
        saved = 1 / row["aihwkit_closed_form"] - 1 / row["exact_wires"]
        row["vectors_to_break_even"] = row["exact_wires_solved_cpu_s"] / saved
    return row


def _agreement(name: str, a: torch.Tensor, b: torch.Tensor, settings: MvmSettings) -> dict:
    """Largest difference in ADC steps, and the share of outputs that differ by half a step or more."""
    steps = (a.double() - b.double()).abs() / settings.adc.step
    return {
        f"largest_difference_to_{name}_lsb": float(steps.max()),
        f"share_different_from_{name}": float((steps > 0.5).double().mean()),
    }


def main() -> None:
    torch.set_num_threads(1)
    seconds = 0.25 if "--quick" in sys.argv else 2.5
    rows = [measure(size, seconds) for size in SIZES]
    heads = ("ours", "numpy", "aihwkit", "exact wires", "closed form")
    keys = ("ours", "numpy", "aihwkit", "exact_wires", "aihwkit_closed_form")
    print(f"{'size':>5}" + "".join(f" {head:>12}" for head in heads) + "   (vectors per CPU second)")
    for row in rows:
        print(f"{row['size']:5d}" + "".join(f" {row.get(key, math.nan):12.0f}" for key in keys))
        print(
            f"      ours/aihwkit {row.get('ours_over_aihwkit', math.nan):.2f}, exact wires/closed form "
            f"{row.get('exact_wires_over_closed_form', math.nan):.1f} after {row['exact_wires_solved_cpu_s']:.2g} s "
            f"for the solution; {100 * row['share_different_from_twin']:.3f} % of outputs one step off the twin; "
            f"integer product {100 * row.get('integer_product_share', math.nan):.0f} % of the time"
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
        "integer_instructions": available(),
        "segment_ohm": SEGMENT_OHM,
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "versions": versions,
        "rows": rows,
    }
    write_result(__file__, payload)


if __name__ == "__main__":
    main()
