"""AnalogLinear and AnalogSGD: the textbook in the ideal configuration, state round trips, bad input."""

import copy

import numpy as np
import pytest
import torch

from femristor.core.errors import InputError
from femristor.nn.converters import Quantiser
from femristor.nn.devices.soft_bounds import SoftBoundsDevice
from femristor.nn.layers import AnalogLinear
from femristor.nn.networks import perceptron
from femristor.nn.optimiser import AnalogSGD
from femristor.nn.rules.agad import AgadSettings
from femristor.nn.rules.analog_sgd import AnalogSgdSettings

DEVICE = SoftBoundsDevice()
SGD = AnalogSgdSettings()


def small(**options) -> AnalogLinear:
    return AnalogLinear(6, 4, device=DEVICE, **options)


def train_steps(model: torch.nn.Module, count: int, *, seed: int = 0, lr: float = 0.05) -> AnalogSGD:
    optimiser = AnalogSGD(model, lr)
    rng = np.random.default_rng(seed)
    for _ in range(count):
        x = torch.from_numpy(rng.standard_normal((8, 6)).astype(np.float32))
        optimiser.zero_grad()
        model(x).square().mean().backward()
        optimiser.step()
    return optimiser


def test_forward_and_input_gradient_are_those_of_torch_linear():
    layer = small()
    reference = torch.nn.Linear(6, 4)
    with torch.no_grad():
        reference.weight.copy_(layer.weight[:, :6])
        reference.bias.copy_(layer.weight[:, 6])
    x = torch.randn(3, 5, 6, generator=torch.Generator().manual_seed(0), requires_grad=True)
    other = x.detach().clone().requires_grad_()
    layer(x).sin().sum().backward()
    reference(other).sin().sum().backward()
    assert torch.allclose(layer(x), reference(other), atol=1e-6)
    assert torch.allclose(x.grad, other.grad, atol=1e-6)
    assert layer.weight.grad is None


def test_without_bias_and_with_converters():
    layer = small(bias=False, input_converter=Quantiser(6, 1.0), output_converter=Quantiser(8, 15.0))
    assert layer.weight.shape == (4, 6)
    x = torch.rand(7, 6, generator=torch.Generator().manual_seed(0)) * 2 - 1
    coarse = torch.round(x / (2 / 62)) * (2 / 62)
    expected = torch.round((coarse @ layer.weight.T) / (30 / 254)) * (30 / 254)
    assert torch.allclose(layer(x), expected, atol=1e-6)


def test_update_happens_in_the_optimiser_and_only_in_training():
    layer = small(rule=SGD)
    before = layer.weight.detach().clone()
    layer.eval()
    layer(torch.ones(2, 6)).sum().backward()
    AnalogSGD(layer, 0.1).step()
    assert torch.equal(layer.weight, before)
    layer.train()
    optimiser = AnalogSGD(layer, 0.1)
    layer(torch.ones(2, 6)).sum().backward()
    assert torch.equal(layer.weight, before)
    optimiser.step()
    assert not torch.equal(layer.weight, before)
    assert optimiser.slow_pulses > 0 and optimiser.fast_pulses == 0
    kept = layer.weight.detach().clone()
    optimiser.step()
    assert torch.equal(layer.weight, kept)
    layer(torch.ones(2, 6)).sum().backward()
    optimiser.zero_grad()
    optimiser.step()
    assert torch.equal(layer.weight, kept)


def test_digital_parameters_get_plain_sgd_and_groups_their_rate():
    model = torch.nn.Sequential(small(rule=SGD), torch.nn.Linear(4, 2))
    reference = copy.deepcopy(model[1])
    groups = [{"params": model[0].parameters()}, {"params": model[1].parameters(), "lr": 0.3}]
    optimiser = AnalogSGD(model, 0.1, groups=groups)
    x = torch.ones(3, 6)
    hidden = model[0](x).detach()
    optimiser.zero_grad()
    model(x).sum().backward()
    optimiser.step()
    plain = torch.optim.SGD(reference.parameters(), lr=0.3)
    reference(hidden).sum().backward()
    plain.step()
    assert torch.allclose(model[1].weight, reference.weight) and torch.allclose(model[1].bias, reference.bias)


def test_learning_rate_schedulers_work():
    optimiser = AnalogSGD(small(), 0.1)
    schedule = torch.optim.lr_scheduler.StepLR(optimiser, 1, gamma=0.5)
    optimiser.step()
    schedule.step()
    assert optimiser.param_groups[0]["lr"] == pytest.approx(0.05)


@pytest.mark.parametrize("rule", [AgadSettings(transfer_every=1), SGD], ids=["agad", "sgd"])
def test_state_dict_continues_bit_for_bit(rule):
    """Weights, hidden arrays and the generator's counters are all in the state_dict."""
    whole = small(rule=rule)
    train_steps(whole, 40)
    train_steps(whole, 30, seed=1)
    first = small(rule=rule)
    train_steps(first, 40)
    second = small(rule=rule)
    second.load_state_dict(first.state_dict())
    train_steps(second, 30, seed=1)
    for name, values in whole.state_dict().items():
        assert torch.equal(values, second.state_dict()[name]), name
    assert any("counters" in name or "samples" in name for name in whole.state_dict())


def test_float_changes_nothing():
    other = small().float()
    train_steps(other, 5)
    train_steps(other.float(), 5)
    again = small()
    train_steps(again, 5)
    train_steps(again, 5)
    assert torch.equal(other.weight, again.weight) and torch.equal(other.agad_fast, again.agad_fast)
    assert torch.equal(other.agad_scales, again.agad_scales)


def test_deep_copies_are_independent():
    layer = small()
    other = copy.deepcopy(layer)
    train_steps(other, 5)
    assert torch.equal(layer.weight, small().weight)
    assert int(layer.agad_counters[0]) == 0 and int(other.agad_counters[0]) == 40


def test_seeds_and_numbers_name_layers():
    same, other, third = small(seed=1), small(seed=2), small(seed=1, number=1)
    assert torch.equal(small(seed=1).weight, same.weight)
    assert not torch.equal(same.weight, other.weight) and not torch.equal(same.weight, third.weight)
    assert same.devices.fingerprint() != other.devices.fingerprint()
    assert same.fast_devices.fingerprint() != same.devices.fingerprint()


def test_given_weights_are_taken():
    weight = np.linspace(-1, 1, 28).reshape(4, 7)
    assert np.allclose(small(weight=weight).weight.detach(), weight, atol=1e-6)
    assert torch.allclose(
        small(weight=torch.from_numpy(weight)).weight.detach().double(), torch.from_numpy(weight)
    )


def test_perceptron_of_the_paper_has_235146_weights():
    network = perceptron(device=DEVICE)
    assert sum(layer.weight.numel() for layer in network if isinstance(layer, AnalogLinear)) == 235_146
    digital = perceptron(device=None)
    assert sum(parameter.numel() for parameter in digital.parameters()) == 235_146
    first = network[0].weight.detach()
    assert torch.equal(first[:, :-1], digital[0].weight) and torch.equal(first[:, -1], digital[0].bias)
    assert "soft bounds" in repr(network)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: AnalogLinear(0, 4, device=DEVICE), "has no weight"),
        (lambda: AnalogLinear(4, 0, device=DEVICE), "has no weight"),
        (lambda: small(weight=np.full((4, 7), 1.5)), "window"),
        (lambda: small(weight=np.full((4, 7), np.nan)), "NaN"),
        (lambda: small(weight=np.zeros((4, 6))), "do not fit"),
        (lambda: small(rule="agad"), "update rule"),
        (lambda: small()(torch.ones(2, 5)), "last axis"),
        (lambda: small(rule=SGD).agad_state(), "AGAD"),
        (lambda: AnalogSGD(small(), 0.0), "learning rate"),
        (lambda: AnalogSGD(small(), float("nan")), "learning rate"),
        (lambda: perceptron((4,), device=DEVICE), "widths"),
        (lambda: perceptron((4, 0, 2), device=DEVICE), "widths"),
        (lambda: small(seed=1).load_state_dict(small(seed=2).state_dict()), "other devices"),
    ],
)
def test_bad_layers_are_named_in_one_sentence(call, words):
    with pytest.raises(InputError, match=words) as caught:
        call()
    assert "\n" not in str(caught.value)


def test_nan_gradient_is_an_error_and_changes_nothing():
    layer = small()
    optimiser = AnalogSGD(layer, 0.1)
    before = layer.weight.detach().clone()
    (layer(torch.ones(2, 6)) * float("nan")).sum().backward()
    with pytest.raises(InputError, match="NaN"):
        optimiser.step()
    assert torch.equal(layer.weight, before)


def test_double_precision_is_refused():
    layer = small().double()
    layer(torch.ones(2, 6, dtype=torch.float64)).sum().backward()
    with pytest.raises(InputError, match="float32"):
        AnalogSGD(layer, 0.1).step()
