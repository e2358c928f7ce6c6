"""Hardware-aware training: what acts during a step, what is left afterwards, and that it helps."""

import math

import numpy as np
import pytest
import torch

from femristor.array.weights import weight_arrays
from femristor.core.errors import InputError
from femristor.device import load_card
from femristor.nn.inference.networks import FitSettings, build_network, fit_images, labelled
from femristor.nn.inference.settings import InferenceSettings
from femristor.nn.train.datasets import load_mnist
from femristor.nn.train.hardware_aware import HardwareAwareSettings, derived_settings, hardware_aware

CARD = load_card("cmo_hfox")
CELLS = weight_arrays(CARD)
QUIET = HardwareAwareSettings(noise=0.0, clip=None, input_bits=None, output_bits=None)


def setting(**changes) -> HardwareAwareSettings:
    return HardwareAwareSettings(
        **{"noise": 0.0, "clip": None, "input_bits": None, "output_bits": None, **changes}
    )


def net(seed=0) -> torch.nn.Module:
    torch.manual_seed(seed)
    return torch.nn.Sequential(torch.nn.Linear(20, 30), torch.nn.Tanh(), torch.nn.Linear(30, 5))


def step(model, optimiser, x, target):
    optimiser.zero_grad()
    loss = (model(x) - target).square().mean()
    loss.backward()
    optimiser.step()
    return loss.detach()


def test_without_noise_it_is_plain_training_to_the_bit():
    x, target = torch.randn(8, 20), torch.randn(8, 5)
    results = []
    for aware in (False, True):
        model = net()
        optimiser = torch.optim.Adam(model.parameters(), 1e-2)
        if aware:
            with hardware_aware(model, optimiser, QUIET):
                losses = [step(model, optimiser, x, target) for _ in range(5)]
        else:
            losses = [step(model, optimiser, x, target) for _ in range(5)]
        results.append((losses, [value.detach().clone() for value in model.parameters()]))
    assert results[0][0] == results[1][0]
    assert all(torch.equal(a, b) for a, b in zip(results[0][1], results[1][1], strict=True))


@pytest.mark.parametrize("scaling", ["column", "tile"])
def test_noise_has_the_size_asked_for_and_is_fresh_after_each_step(scaling):
    model = torch.nn.Linear(200, 100)
    clean, bias = model.weight.detach().clone(), model.bias.detach().clone()
    optimiser = torch.optim.SGD(model.parameters(), 0.0)
    size = clean.abs().amax(dim=1, keepdim=True) if scaling == "column" else clean.abs().max()
    seen = []
    with hardware_aware(model, optimiser, setting(noise=0.07, shift=-0.05, scaling=scaling), seed=3):
        for _ in range(200):
            model(torch.ones(1, 200))
            seen.append((model.weight.detach() - clean) / size)
            model(torch.ones(1, 200))
            assert torch.equal((model.weight.detach() - clean) / size, seen[-1]) and torch.equal(
                model.bias, bias
            )
            optimiser.step()
            assert torch.equal(model.weight, clean)
        model(torch.ones(1, 200))
        model.eval()
        assert torch.equal(model(torch.ones(1, 200)), torch.ones(1, 200) @ clean.T + bias)
        model.train()
        model(torch.ones(1, 200))
    assert torch.equal(model.weight, clean)
    drawn = torch.stack(seen)
    shifts = drawn.mean(dim=(1, 2)).double()
    assert float((drawn - shifts[:, None, None]).std()) == pytest.approx(0.07, rel=0.005)
    # Uniform between 0 and the shift.
    assert float(shifts.mean()) == pytest.approx(-0.025, abs=4 * 0.05 / math.sqrt(12 * 200))
    assert -0.0505 < float(shifts.min()) < -0.045 and -0.005 < float(shifts.max()) < 0.0005


def test_gradient_belongs_to_the_noisy_weights():
    model = torch.nn.Linear(6, 4, bias=False)
    optimiser = torch.optim.SGD(model.parameters(), 1.0)
    clean, x = model.weight.detach().clone(), torch.randn(3, 6)
    with hardware_aware(model, optimiser, setting(noise=0.5), seed=1):
        loss = model(x).square().sum()
        noisy = model.weight.detach().clone()
        loss.backward()
        optimiser.step()
    gradient = 2 * (x @ noisy.T).T @ x
    assert not torch.allclose(noisy, clean)
    torch.testing.assert_close(model.weight.detach(), clean - gradient)


def test_weights_are_clipped_to_their_deviations():
    model = net()
    before = [layer.weight.detach().clone() for layer in (model[0], model[2])]
    optimiser = torch.optim.SGD(model.parameters(), 0.0)
    with hardware_aware(model, optimiser, setting(clip=1.2)):
        step(model, optimiser, torch.ones(1, 20), torch.zeros(1, 5))
    for layer, weight in zip((model[0], model[2]), before, strict=True):
        limit = 1.2 * float(weight.square().mean().sqrt())
        assert float(weight.abs().max()) > limit
        torch.testing.assert_close(layer.weight.detach(), weight.clamp(-limit, limit))


def test_rounding_has_its_levels_and_lets_the_gradient_through():
    model = torch.nn.Linear(4, 3, bias=False)
    optimiser = torch.optim.SGD(model.parameters(), 0.0)
    x = torch.randn(300, 4, requires_grad=True)
    with hardware_aware(model, optimiser, setting(input_bits=3, output_bits=4)):
        y = model(x)
        y.sum().backward()
        assert y.unique().numel() <= 2**4 - 1 and y.unique().numel() > 10
    rounded = (
        torch.round(x.detach() / x.detach().abs().amax(1, keepdim=True) * 3)
        / 3
        * x.detach().abs().amax(1, keepdim=True)
    )
    exact = rounded @ model.weight.detach().T
    assert float((y.detach() - exact).abs().max()) <= 0.5001 * float(exact.abs().max()) / 7
    torch.testing.assert_close(x.grad, model.weight.detach().sum(dim=0).expand(300, 4))
    assert model(x).unique().numel() > 2**4


@pytest.mark.parametrize("mapping", ["single", "pair"])
@pytest.mark.parametrize("compensation", ["none", "shift"])
def test_derived_noise_is_that_of_the_laws(mapping, compensation):
    found = derived_settings(
        CELLS, InferenceSettings(mapping=mapping, compensation=compensation), time_s=3600.0
    )
    laws, low, high = CARD.statistics, 9.0, 88.19
    assert (laws.g_min_S * 1e6, laws.g_max_S * 1e6) == pytest.approx((low, high), rel=0.01)
    # Per cell in uS, at the mean conductance; natural logarithms (Falcone et al.).
    relax = 0.04201137 * math.log(3600) + 0.41183342
    weight_per_uS = (2 if mapping == "single" else 1) / (high - low)
    cells = 1 if mapping == "single" else 2
    floor = relax * weight_per_uS * math.sqrt(cells)
    assert floor < found.noise < 1.15 * floor
    shift = -0.0890 * math.log(3600) * weight_per_uS if (mapping, compensation) == ("single", "none") else 0.0
    assert found.shift == pytest.approx(shift, rel=0.01)


def test_lstm_trains_and_its_states_pass():
    torch.manual_seed(0)
    model = torch.nn.LSTM(5, 6, 2)
    optimiser = torch.optim.SGD(model.parameters(), 0.1)
    clean = [value.detach().clone() for value in model.parameters()]
    with hardware_aware(model, optimiser, HardwareAwareSettings(noise=0.1), seed=2):
        y, (h, _) = model(torch.randn(4, 3, 5))
        assert torch.equal(y[-1], h[-1])
        y.sum().backward()
        optimiser.step()
    assert all(
        float((a - b).detach().abs().max()) > 0 for a, b in zip(model.parameters(), clean, strict=True)
    )


def test_same_seed_same_network_and_it_stands_more_noise_than_a_plain_one():
    data = load_mnist()
    fit, noise = FitSettings(epochs=3, lr=3e-3), HardwareAwareSettings(noise=0.2, clip=2.0)
    plain = build_network("cnn", seed=0)
    fit_images(plain, data, fit, train_images=3000)
    trained = []
    for _ in range(2):
        aware = build_network("cnn", seed=0)
        aware.load_state_dict(plain.state_dict())
        fit_images(aware, data, fit, train_images=3000, aware=noise, seed=1)
        trained.append(aware)
    assert all(
        torch.equal(a, b) for a, b in zip(trained[0].parameters(), trained[1].parameters(), strict=True)
    )
    longer = build_network("cnn", seed=0)
    longer.load_state_dict(plain.state_dict())
    fit_images(longer, data, fit, train_images=3000, seed=1)
    test = labelled(data, test_images=1000)

    def under_noise(network, seed):
        torch.manual_seed(seed)
        kept = {name: value.clone() for name, value in network.state_dict().items()}
        with torch.no_grad():
            for layer in (network[1], network[3], network[6]):
                size = layer.weight.flatten(1).abs().amax(dim=1).reshape(-1, *[1] * (layer.weight.ndim - 1))
                layer.weight.add_(0.2 * size * torch.randn_like(layer.weight))
        accuracy = test.measure(network)
        network.load_state_dict(kept)
        return accuracy

    gains = [under_noise(trained[0], seed) - under_noise(longer, seed) for seed in range(8)]
    assert np.mean(gains) > 3 * np.std(gains, ddof=1) / math.sqrt(8) and np.mean(gains) > 0.02


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"noise": -1.0}, "weight noise of -1"),
        ({"noise": math.nan}, "weight noise of nan"),
        ({"clip": 0.0}, "clipped to 0.0 deviations"),
        ({"scaling": "row"}, "scaling 'row'"),
        ({"input_bits": 1}, "converter of 1 bits"),
    ],
)
def test_wrong_settings(changes, sentence):
    with pytest.raises(InputError, match=sentence):
        setting(**changes)


def test_nothing_to_train():
    model = torch.nn.PReLU()
    with (
        pytest.raises(InputError, match="no Linear"),
        hardware_aware(model, torch.optim.SGD(model.parameters(), 0.1), QUIET),
    ):
        pass
