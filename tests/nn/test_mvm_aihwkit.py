"""Another code: aihwkit's inference tile and ReRAM noise model, where it is installed."""

import math
import warnings

import numpy as np
import pytest
import torch

from femristor.array.weights import weight_arrays
from femristor.array.wires.ir_drop import closed_form_arrays
from femristor.device import load_card
from femristor.nn.mvm.experiment import DEFAULT_TIMES_S, MvmDesign, mvm_experiment
from femristor.nn.mvm.product import AnalogMatrix, MvmSettings

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    pytest.importorskip("aihwkit", reason="the peer aihwkit is not installed")
    from aihwkit.inference.noise.reram import ReRamCMONoiseModel
    from aihwkit.nn import AnalogLinear
    from aihwkit.simulator.configs import InferenceRPUConfig, TorchInferenceRPUConfig
    from aihwkit.simulator.configs.utils import (
        BoundManagementType,
        NoiseManagementType,
        WeightModifierType,
    )

pytestmark = pytest.mark.filterwarnings("ignore")
CARD = load_card("cmo_hfox")
CELLS = weight_arrays(CARD)


def peer(weights: torch.Tensor, *, noise: bool, wire_ratio: float | None = None) -> AnalogLinear:
    config = TorchInferenceRPUConfig() if wire_ratio is None else InferenceRPUConfig()
    config.modifier.type = WeightModifierType.NONE
    config.mapping.weight_scaling_omega = 0.0
    forward = config.forward
    forward.is_perfect, forward.out_noise, forward.inp_bound, forward.out_bound = False, 0.0, 1.0, 15.0
    forward.inp_res, forward.out_res = 1 / 62, 1 / 254
    forward.bound_management, forward.noise_management = BoundManagementType.NONE, NoiseManagementType.NONE
    config.drift_compensation = None
    if wire_ratio is not None:
        forward.ir_drop, forward.ir_drop_g_ratio = 1.0, wire_ratio
    if noise:
        config.noise_model = ReRamCMONoiseModel(g_max=88.19, g_min=9.0, acceptance_range=0.2)
    layer = AnalogLinear(weights.shape[1], weights.shape[0], bias=False, rpu_config=config)
    layer.set_weights(weights)
    return layer.eval()


def test_converters_agree_but_for_ties_of_single_precision():
    weights, inputs = (one.float() for one in MvmDesign().draw(0, 0))
    ours = AnalogMatrix(weights, CELLS, MvmSettings(effects=()))
    with torch.no_grad():
        steps = (ours(inputs) - peer(weights, noise=False)(inputs)) / ours.settings.adc.step
    assert float(steps.abs().max()) < 1.001
    assert float((steps.abs() > 0.5).double().mean()) < 1e-3


@pytest.mark.parametrize("size", [64, 128])
def test_closed_form_of_the_drop_agrees(size):
    """Ours against the C++ tile with `ir_drop`, both behind the same converters."""
    weights, inputs = (one.float() for one in MvmDesign(size=size).draw(0, 0))
    settings = MvmSettings(effects=())
    ours = AnalogMatrix(weights, closed_form_arrays(CARD, 0.35), settings)
    with torch.no_grad():
        theirs = peer(weights, noise=False, wire_ratio=1 / (0.35 * 100e-6))(inputs)
    steps = (ours(inputs) - theirs) / settings.adc.step
    assert float(steps.abs().max()) < 1.001
    assert float((steps.abs() > 0.5).double().mean()) < 2e-3
    bare = AnalogMatrix(weights, CELLS, settings)(inputs)
    assert float(((ours(inputs) - bare).abs() > 0.5 * settings.adc.step).double().mean()) > 0.05


def test_rmse_over_ten_years_agrees_within_the_clipping_of_the_peer():
    """The peer clips at the window's ends and redraws the relaxation; both change the mean by less than 3 %."""
    design = MvmDesign(draws=40)
    found = mvm_experiment(CARD, CELLS, design=design, seed=3)
    rmse = np.empty_like(found.rmse)
    for index in range(design.draws):
        torch.manual_seed(index)
        weights, inputs = (one.float() for one in design.draw(3, index))
        layer = peer(weights, noise=True)
        layer.program_analog_weights()
        for row, time in enumerate(DEFAULT_TIMES_S):
            layer.drift_analog_weights(time)
            with torch.no_grad():
                rmse[row, index] = (layer(inputs) - inputs @ weights.T).square().mean().sqrt()
    spread = 3 * 0.02 / math.sqrt(design.draws)
    np.testing.assert_allclose(rmse.mean(axis=1), found.rmse_mean, rtol=0.03 + spread)
