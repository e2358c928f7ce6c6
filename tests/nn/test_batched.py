"""The batched path and the optimiser around both: distribution, difference from the sequential rule, schedules, resuming."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from femristor.core.errors import InputError
from femristor.nn.devices.soft_bounds import SoftBoundsDevice
from femristor.nn.devices.table_device import TableDevice
from femristor.nn.layers.linear import AnalogLinear
from femristor.nn.layers.recurrent import AnalogLSTM
from femristor.nn.update.batched import torch_laws
from femristor.nn.update.optimiser import AnalogSGD
from femristor.nn.update.pulsed_update import PulseTrain
from femristor.nn.update.rules.agad import AgadSettings
from femristor.nn.update.rules.analog_sgd import AnalogSgdSettings
from femristor.nn.update.rules.chopped import chopped_settings
from femristor.nn.update.rules.mixed_precision import MixedPrecisionSettings
from femristor.nn.update.rules.ttv1 import ttv1_settings
from femristor.nn.update.rules.ttv2 import ttv2_settings

LINEAR = replace(SoftBoundsDevice().ideal(), n_states_mean=20_000)
GRID_S, SHARE = np.linspace(9e-6, 88e-6, 24), np.linspace(0.0, 1.0, 24)
TABLE = TableDevice.from_steps(GRID_S, 6e-6 * (1.05 - SHARE), -7e-6 * (0.05 + SHARE), 0.5)
X, D = torch.tensor([[1.0, -0.7, 0.4, 0.0]]), torch.tensor([[-0.5, 0.3, 0.02]])


def layer_of(device, rule, seed=0, shape=(4, 3)):
    return AnalogLinear(*shape, device=device, rule=rule, bias=False, seed=seed, weight=np.zeros(shape[::-1]))


def update(layer, x, d, lr, **options):
    layer.record(x, d)
    optimiser = AnalogSGD(layer, lr, **options)
    optimiser.step()
    return optimiser.fast_pulses, optimiser.slow_pulses


@pytest.mark.parametrize("path", ["sequential", "batched"])
def test_mean_and_variance_are_those_of_the_pulses_on_a_linear_device(path):
    """2,000 samples of one pair, each path: E dw = -eta d x and the binomial variance of the trains."""
    layer, count, rate = layer_of(LINEAR, AnalogSgdSettings()), 2000, 4.3e-4 / 0.5
    optimiser, weights = AnalogSGD(layer, rate, path=path, sub_batch=1), []
    for _ in range(count):
        layer.weight.detach().zero_()
        layer.record(X, D)
        optimiser.step()
        weights.append(layer.weight.detach().numpy().copy())
    expected = -rate * (D.T @ X).numpy()
    error = np.std(weights, axis=0) / np.sqrt(count) + 2e-3 * np.abs(expected) + 1e-12
    assert np.all(np.abs(np.mean(weights, axis=0) - expected) < 4.5 * error)
    delta = layer.devices.granularity
    chance = np.abs(expected) / (5 * delta)
    variance = 5 * delta**2 * chance * (1 - chance)
    assert np.allclose(np.var(weights, axis=0), variance, rtol=0.2, atol=5e-3 * delta**2)


@pytest.mark.parametrize("device", [SoftBoundsDevice(), TABLE], ids=["soft", "table"])
def test_a_pulse_is_that_of_the_sequential_device(device):
    """One pulse a cell: mean and spread over the cells of many moves, as the compiled kernel has them."""
    devices = device.sample(30, 40, seed=0)
    laws = torch_laws(devices, torch.device("cpu"))
    start = torch.full((30, 40), 0.2)
    f, g, s, t = laws.steps(start)
    moved = []
    for seed in range(300):
        weight, random = start.clone(), torch.Generator().manual_seed(seed)
        laws.move(weight, torch.ones(30, 40), torch.zeros(30, 40), random)
        moved.append(weight)
    moved = torch.stack(moved) - start
    assert torch.all((moved.mean(0) - f).abs() < 5 * s / np.sqrt(300))
    assert moved.std(0).mean() == pytest.approx(float(s.mean()), rel=0.02)
    from femristor.nn.devices.pulse import fire_plain

    total = np.zeros((30, 40))
    for key in range(200):
        weight = start.numpy().copy()
        keys = np.arange(30, dtype=np.uint64)[:, None] + np.uint64(1000 * key)
        fire_plain(weight, devices, np.ones((30, 40), bool), np.zeros((30, 40), bool), keys)
        total += weight - start.numpy()
    assert np.all(np.abs(total / 200 + g.numpy()) < 5 * t.numpy() / np.sqrt(200))


@pytest.mark.parametrize("rule", [AgadSettings(), ttv1_settings(), ttv2_settings(), chopped_settings()])
def test_transfer_rules_agree_with_the_sequential_ones(rule):
    """Counters and choppers exactly (regular chopping); A's mean and the pulses within sampling over 20 tiles."""
    rule = replace(rule, transfer_every=2, chop_random=False)
    found = {}
    for path in ("sequential", "batched"):
        tiles = []
        for seed in range(20):
            torch.manual_seed(seed)
            layer = layer_of(SoftBoundsDevice(), rule, seed=seed, shape=(5, 8))
            for _ in range(20):
                x = torch.rand(4, 5)
                pulses = update(layer, x, 0.3 + 0.2 * torch.randn(4, 8), 0.02, path=path, sub_batch=2)
                assert pulses[0] > 0
            tiles.append((float(layer.agad_fast.mean()), float(layer.weight.detach().mean())))
            state = layer.agad_counters.tolist(), layer.agad_chopper.tolist(), layer.agad_flipped.tolist()
        found[path] = np.array(tiles), state
    assert found["sequential"][1] == found["batched"][1]
    one, other = found["sequential"][0], found["batched"][0]
    error = np.sqrt((one.var(0) + other.var(0)) / 20) + 1e-9
    assert np.all(np.abs(one.mean(0) - other.mean(0)) < 4 * error)


def regression(rule, path, batches=400):
    generator = torch.Generator().manual_seed(0)
    goal = torch.rand(4, 8, generator=generator) - 0.5
    fine = replace(SoftBoundsDevice(), n_states_mean=400, n_states_std=0)
    layer = AnalogLinear(
        8,
        4,
        device=SoftBoundsDevice(),
        slow_device=fine,
        rule=rule,
        bias=False,
        seed=1,
        weight=np.zeros((4, 8)),
    )
    for _ in range(batches):
        x = torch.randn(10, 8, generator=generator)
        update(layer, x, x @ (layer.weight.detach() - goal).T, 0.02, path=path, sub_batch=1)
    return float((layer.weight.detach() - goal).square().mean().sqrt())


def test_agad_learns_on_the_batched_path():
    """400 of the 2,000 batches that it takes: the same way gone on both paths, from an error of 0.29."""
    sequential, batched = (regression(AgadSettings(transfer_every=1), p) for p in ("sequential", "batched"))
    assert sequential < 0.15 and batched == pytest.approx(sequential, rel=0.12)


def model():
    fine = replace(SoftBoundsDevice(), n_states_mean=400, n_states_std=0)
    options = {"device": fine, "rule": AgadSettings(transfer_every=1)}
    parts = AnalogLinear(6, 5, number=0, **options), torch.nn.Sigmoid(), torch.nn.Linear(5, 2)
    torch.manual_seed(0)
    parts[2].reset_parameters()
    return torch.nn.Sequential(*parts)


@pytest.mark.parametrize("path", ["sequential", "batched"])
def test_schedules_groups_and_resuming_bit_for_bit(path):
    """Two groups of own rates, a torch schedule; model, optimiser and schedule resumed halfway."""

    def build():
        network = model()
        groups = [{"params": [network[0].weight], "lr": 0.05}, {"params": network[2].parameters(), "lr": 0.2}]
        optimiser = AnalogSGD(network, 0.05, groups=groups, path=path)
        return network, optimiser, torch.optim.lr_scheduler.StepLR(optimiser, step_size=10, gamma=0.5)

    data = [torch.randn(6, 6, generator=torch.Generator().manual_seed(k)) for k in range(40)]

    def train(network, optimiser, schedule, batches):
        for x in batches:
            optimiser.zero_grad()
            network(x).square().mean().backward()
            optimiser.step()
            schedule.step()

    whole = build()
    train(*whole, data)
    assert [group["lr"] for group in whole[1].param_groups] == pytest.approx([0.05 / 16, 0.2 / 16])
    first, second = build(), build()
    train(*first, data[:17])
    for old, new in zip(first, second, strict=True):
        new.load_state_dict(old.state_dict())
    train(*second, data[17:])
    for name, values in whole[0].state_dict().items():
        assert torch.equal(values, second[0].state_dict()[name]), name


def test_time_steps_are_joined_without_a_change_of_bits(monkeypatch):
    """An LSTM of 10 steps: one joined update a layer, one for each step, and two threads give the same state."""
    states = []
    for most, threads in ((2**24, 1), (1, 1), (2**24, 2)):
        monkeypatch.setattr("femristor.nn.update.records.MOST_CODES", most)
        network = AnalogLSTM(7, 40, 2, device=SoftBoundsDevice(), seed=1)
        optimiser = AnalogSGD(network, 0.05, threads=threads)
        for k in range(3):
            optimiser.zero_grad()
            out, _ = network(torch.rand(10, 6, 7, generator=torch.Generator().manual_seed(k)))
            out.square().mean().backward()
            optimiser.step()
        assert optimiser.fast_pulses > 1000
        states.append((network.state_dict(), optimiser.fast_pulses, optimiser.slow_pulses))
    for state, *counts in states[1:]:
        assert counts == list(states[0][1:])
        assert all(torch.equal(values, state[name]) for name, values in states[0][0].items())


def test_bad_paths_and_rules():
    layer = layer_of(LINEAR, MixedPrecisionSettings())
    with pytest.raises(InputError, match="Path 'gpu'"):
        AnalogSGD(layer, 0.1, path="gpu")
    with pytest.raises(InputError, match="sub-batches of 0"):
        AnalogSGD(layer, 0.1, path="batched", sub_batch=0)
    with pytest.raises(InputError, match="no batched path"):
        update(layer, X, D, 0.1, path="batched")
    bad = layer_of(LINEAR, AnalogSgdSettings(PulseTrain(5)))
    before = bad.weight.detach().clone()
    with pytest.raises(InputError, match="NaN or infinite"):
        update(bad, X * float("nan"), D, 0.1, path="batched")
    assert torch.equal(bad.weight, before)
