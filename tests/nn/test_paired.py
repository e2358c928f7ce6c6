"""Two devices a weight: the digital step, its variance, where it rests, one ADC, state."""

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch

from femristor.nn.devices.soft_bounds import SoftBoundsDevice
from femristor.nn.layers.linear import AnalogLinear
from femristor.nn.layers.paired import PairedLinear
from femristor.nn.periphery.converters import Quantiser
from femristor.nn.update.optimiser import AnalogSGD
from femristor.nn.update.rules.analog_sgd import AnalogSgdSettings

DEVICE = SoftBoundsDevice()
SGD = AnalogSgdSettings()


def train_steps(model: torch.nn.Module, count: int, *, seed: int = 0, lr: float = 0.05) -> AnalogSGD:
    optimiser = AnalogSGD(model, lr)
    rng = np.random.default_rng(seed)
    for _ in range(count):
        x = torch.from_numpy(rng.standard_normal((8, 6)).astype(np.float32))
        optimiser.zero_grad()
        model(x).square().mean().backward()
        optimiser.step()
    return optimiser


def test_pair_of_linear_devices_takes_the_digital_step():
    linear = replace(DEVICE.ideal(), n_states_mean=20_000)
    layer = PairedLinear(6, 4, device=linear, rule=SGD, weight=np.zeros((4, 7)))
    rng = np.random.default_rng(0)
    x, d = (torch.from_numpy(rng.uniform(-1, 1, (16, n)).astype(np.float32)) for n in (6, 4))
    optimiser = AnalogSGD(layer, 1e-3)
    for _ in range(50):
        optimiser.zero_grad()
        (layer(x) * d).sum().backward()
        optimiser.step()
    exact = -50e-3 * d.T @ torch.cat((x, torch.ones(16, 1)), dim=1)
    # A cell fires about 2,000 pulses of 1e-4, half of that seen by the weight, each member with its own bits.
    error = layer.effective_weight() - exact
    assert error.abs().max() < 0.012 and exact.abs().max() > 0.1
    assert (layer.effective_weight() * exact).sum() / exact.square().sum() == pytest.approx(1.0, abs=0.03)
    # The members move apart: each by its own half, from its own pulses.
    assert torch.allclose(layer.plus.weight, exact, atol=0.015) and torch.allclose(
        layer.minus.weight, -exact, atol=0.015
    )
    assert not torch.equal(layer.plus.weight, -layer.minus.weight)


def test_a_pair_halves_the_variance_of_the_pulses():
    """Two members with bits of their own, (v + v)/4: 800 cells give the ratio of variances to about 10 %."""
    linear = replace(DEVICE.ideal(), n_states_mean=2_000)
    rng = np.random.default_rng(2)
    x, d = (torch.from_numpy(rng.uniform(-1, 1, (64, n)).astype(np.float32)) for n in (40, 20))
    spread = []
    for kind in (AnalogLinear, PairedLinear):
        layer = kind(40, 20, device=linear, rule=SGD, bias=None, weight=np.zeros((20, 40)))
        (layer(x) * d).sum().backward()
        AnalogSGD(layer, 2e-3).step()
        spread.append(float((layer.effective_weight() + 2e-3 * d.T @ x).var()))
    assert spread[1] / spread[0] == pytest.approx(0.5, abs=0.1)


def test_updates_without_a_mean_leave_a_pair_at_zero_and_a_single_device_at_its_symmetry_point():
    skewed = replace(DEVICE, n_states_mean=22, n_states_std=0, skew_std=0, gamma_std=0, noise_to_signal=0.0)
    ends = {}
    for kind in (AnalogLinear, PairedLinear):
        layer = kind(8, 24, device=skewed, rule=SGD, bias=None, weight=np.full((24, 8), 0.5))
        optimiser = AnalogSGD(layer, 0.05)
        rng = np.random.default_rng(1)
        for _ in range(60):
            x, d = (torch.from_numpy(rng.choice([-1.0, 1.0], (32, n)).astype(np.float32)) for n in (8, 24))
            optimiser.zero_grad()
            (layer(x) * d).sum().backward()
            optimiser.step()
        ends[kind] = float(layer.effective_weight().mean())
    assert ends[AnalogLinear] == pytest.approx(-0.22, abs=0.05)
    assert ends[PairedLinear] == pytest.approx(0.0, abs=0.04)


def test_pairs_keep_their_state_and_copies():
    first, second = PairedLinear(6, 4, device=DEVICE), PairedLinear(6, 4, device=DEVICE)
    train_steps(first, 10)
    second.load_state_dict(first.state_dict())
    third = copy.deepcopy(first)
    for layer in (first, second, third):
        train_steps(layer, 10, seed=1)
    for name, values in first.state_dict().items():
        assert torch.equal(values, second.state_dict()[name]) and torch.equal(
            values, third.state_dict()[name]
        )
    start = PairedLinear(6, 4, device=DEVICE, rule=SGD)
    assert torch.allclose(
        start.effective_weight(), AnalogLinear(6, 4, device=DEVICE, rule=SGD).weight, atol=1e-6
    )
    quantised = PairedLinear(6, 4, device=DEVICE, output_converter=Quantiser(8, 0.5), bias=None)
    x = torch.rand(5, 6, generator=torch.Generator().manual_seed(0))
    expected = Quantiser(8, 0.5)(x @ quantised.effective_weight().T)
    assert torch.equal(quantised(x), expected), "one ADC reads the difference"
