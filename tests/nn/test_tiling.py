"""Layers on a grid of tiles: sizes, the same numbers as one tile, own tiles for all, learning, round trips."""

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch

from femristor.core.errors import InputError
from femristor.nn.devices.soft_bounds import SoftBoundsDevice
from femristor.nn.layers.convert import to_analog, to_digital
from femristor.nn.layers.linear import AnalogLinear
from femristor.nn.layers.networks import perceptron
from femristor.nn.layers.numbers import part_number
from femristor.nn.layers.tiling import TiledLinear, analog_linear, split_sizes
from femristor.nn.periphery.converters import Quantiser
from femristor.nn.update.optimiser import AnalogSGD
from femristor.nn.update.rules.agad import AgadSettings
from femristor.nn.update.rules.analog_sgd import AnalogSgdSettings

DEVICE = SoftBoundsDevice()
LINEAR = replace(DEVICE.ideal(), n_states_mean=20_000)
SGD = AnalogSgdSettings()


def tiled(max_tile: int = 4, **options) -> TiledLinear:
    return TiledLinear(9, 6, **({"device": DEVICE, "max_tile": max_tile} | options))


def inputs(count: int = 7, size: int = 9, seed: int = 0) -> torch.Tensor:
    return torch.rand(count, size, generator=torch.Generator().manual_seed(seed)) * 2 - 1


@pytest.mark.parametrize("size", [1, 2, 7, 10, 784])
@pytest.mark.parametrize("extra", [0, 1])
@pytest.mark.parametrize("limit", [2, 3, 512, 0])
def test_blocks_are_equal_and_fit(size, extra, limit):
    sizes = split_sizes(size, limit, extra=extra)
    assert sum(sizes) == size and min(sizes) >= 1 and max(sizes) - min(sizes) <= 1
    assert limit == 0 or (max(sizes) <= limit and sizes[-1] + extra <= limit)
    assert limit == 0 or (len(sizes) - 1) * limit < size + extra, "no more blocks than needed"


def test_mnist_at_512_is_aihwkits_split():
    assert split_sizes(784, 512, extra=1) == [392, 392]
    network = perceptron(device=DEVICE, max_tile=512)
    assert isinstance(network[0], TiledLinear) and isinstance(network[2], AnalogLinear)
    assert [tuple(tile.weight.shape) for tile in network[0].tiles] == [(256, 392), (256, 393)]


def test_one_tile_is_analog_linear_to_the_bit():
    grid, plain = tiled(16), AnalogLinear(9, 6, device=DEVICE)
    for layer in (grid, plain):
        optimiser = AnalogSGD(layer, 0.05)
        layer(inputs()).square().mean().backward()
        optimiser.step()
    assert torch.equal(grid.tiles[0].weight, plain.weight)
    assert type(analog_linear(9, 6, device=DEVICE, max_tile=10)) is AnalogLinear
    assert type(analog_linear(9, 6, device=DEVICE, max_tile=9)) is TiledLinear


def test_product_and_input_gradient_are_those_of_torch_linear():
    layer, reference = tiled(), torch.nn.Linear(9, 6)
    weight = layer.effective_weight()
    assert torch.equal(weight, AnalogLinear(9, 6, device=DEVICE).weight.detach())
    with torch.no_grad():
        reference.weight.copy_(weight[:, :9])
        reference.bias.copy_(weight[:, 9])
    x, other = inputs().requires_grad_(), inputs().requires_grad_()
    layer(x).sin().sum().backward()
    reference(other).sin().sum().backward()
    assert torch.allclose(layer(x), reference(other), atol=1e-6)
    assert torch.allclose(x.grad, other.grad, atol=1e-6)


def test_each_tile_has_its_own_converter():
    layer = tiled(input_converter=Quantiser(6, 1.0), output_converter=Quantiser(8, 0.5), bias=False)
    x, weight = inputs(), layer.effective_weight()
    coarse = torch.round(x / (2 / 62)) * (2 / 62)
    expected, first = torch.zeros(7, 6), 0
    for size in layer.in_sizes:
        part = coarse[:, first : first + size] @ weight[:, first : first + size].T
        expected += (torch.round(part / (1 / 254)) * (1 / 254)).clamp(-0.5, 0.5)
        first += size
    assert torch.allclose(layer(x), expected, atol=1e-6)


def test_no_two_tiles_share_devices_or_pulses():
    network = perceptron((9, 6, 5), device=DEVICE, max_tile=3)
    tiles = [module for module in network.modules() if isinstance(module, AnalogLinear)]
    assert len(tiles) > 10
    assert len({int(tile.tile_key) for tile in tiles}) == len(tiles)
    prints = [tile.devices.fingerprint() for tile in tiles] + [t.fast_devices.fingerprint() for t in tiles]
    assert len(set(prints)) == len(prints)
    numbers = {
        part_number(layer, tile) for layer in (0, 1, 65535, part_number(0, 0)) for tile in (0, 1, 65535)
    }
    assert len(numbers) == 12 and min(numbers) > 65535


def test_linear_devices_follow_the_digital_gradient():
    """Same inputs and errors 25 times: the sum of all pulses is -lr d^T x within its sampling error."""
    layer = tiled(device=LINEAR, rule=SGD, weight=np.zeros((6, 10)))
    x, d = inputs(16), inputs(16, 6, seed=1)
    optimiser = AnalogSGD(layer, 1e-3)
    for _ in range(25):
        optimiser.zero_grad()
        (layer(x) * d).sum().backward()
        optimiser.step()
    exact = -25e-3 * d.T @ torch.cat((x, torch.ones(16, 1)), dim=1)
    assert torch.allclose(layer.effective_weight(), exact, atol=0.008)
    assert exact.abs().max() > 0.08


@pytest.mark.parametrize("rule", [AgadSettings(transfer_every=1), SGD], ids=["agad", "sgd"])
def test_state_dict_and_copies_continue_bit_for_bit(rule):
    def steps(layer, seeds):
        optimiser = AnalogSGD(layer, 0.05)
        for seed in seeds:
            optimiser.zero_grad()
            layer(inputs(seed=seed)).square().mean().backward()
            optimiser.step()

    whole, first = tiled(rule=rule), tiled(rule=rule)
    steps(whole, range(20))
    steps(first, range(12))
    second, third = tiled(rule=rule), copy.deepcopy(first)
    second.load_state_dict(first.state_dict())
    for layer in (second, third):
        steps(layer, range(12, 20))
        for name, values in whole.state_dict().items():
            assert torch.equal(values, layer.state_dict()[name]), name


def test_models_convert_both_ways_on_tiles():
    torch.manual_seed(0)

    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.lstm = torch.nn.Conv2d(2, 3, 3), torch.nn.LSTM(12, 5, 2)
            self.head = torch.nn.Linear(5, 9)

        def forward(self, x):
            return self.head(
                self.lstm(self.conv(x).flatten(2).transpose(1, 2).flatten(2)[:, :, :3].repeat(1, 1, 4))[0]
            )

    net, x = Net(), torch.randn(2, 2, 6, 6)
    analog = to_analog(net, replace(DEVICE.ideal(), n_states_mean=4000), max_tile=7)
    assert sum(isinstance(module, TiledLinear) for module in analog.modules()) == 4
    assert all(max(m.weight.shape) <= 7 for m in analog.modules() if isinstance(m, AnalogLinear))
    assert torch.allclose(net(x), analog(x), atol=2e-6)
    assert torch.allclose(net(x), to_digital(analog)(x), atol=2e-6)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: tiled(-1), "0 for no limit"),
        (lambda: tiled(1), "2 or more"),
        (lambda: perceptron((9, 6), device=DEVICE, max_tile=-3), "0 for no limit"),
        (lambda: TiledLinear(0, 3, device=DEVICE, max_tile=4), "has no weight"),
        (lambda: tiled(weight=np.zeros((6, 9))), "do not fit"),
        (lambda: tiled(weight=np.full((6, 10), 1.5)), "window"),
        (lambda: tiled(output_scale=np.ones(5)), "do not fit"),
        (lambda: tiled()(torch.ones(2, 8)), "last axis"),
        (lambda: tiled(seed=1).load_state_dict(tiled(seed=2).state_dict()), "other devices"),
        (lambda: part_number(0, 65536), "at most"),
    ],
    ids=range(10),
)
def test_bad_grids_are_named_in_one_sentence(call, words):
    with pytest.raises(InputError, match=words) as caught:
        call()
    assert "\n" not in str(caught.value)
