"""The character network: both kinds agree, its size, and what perplexity means."""

import math

import numpy as np
import pytest
import torch

from femristor.core.errors import InputError
from femristor.nn.devices.soft_bounds import SoftBoundsDevice
from femristor.nn.layers.text_network import CharacterLSTM, perplexity

DEVICE = SoftBoundsDevice()


def test_the_papers_number_of_weights():
    for device in (None, DEVICE):
        network = CharacterLSTM(87, device=device)
        trained = sum(p.numel() for p in network.parameters() if p.requires_grad)
        assert trained == 77_591


@pytest.mark.parametrize("scale", [1.0, 4.0])
def test_both_kinds_are_one_network(scale):
    codes = torch.from_numpy(np.random.default_rng(0).integers(0, 11, (30, 3)))
    digital = CharacterLSTM(11, 8, device=None, seed=2)
    analog = CharacterLSTM(11, 8, device=DEVICE, seed=2, converters=False, weight_scale=scale)
    for one, other in zip(digital(codes)[1], analog(codes)[1], strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(digital(codes)[0], analog(codes)[0], rtol=1e-5, atol=1e-5)


def test_state_carries_over():
    codes = torch.from_numpy(np.random.default_rng(1).integers(0, 5, (20, 2)))
    network = CharacterLSTM(5, 6, device=DEVICE)
    whole = network(codes)[0]
    first, state = network(codes[:13])
    torch.testing.assert_close(whole, torch.cat((first, network(codes[13:], state)[0])))


class Constant(torch.nn.Module):
    """Gives each symbol a fixed probability, whatever came before."""

    def __init__(self, share):
        super().__init__()
        self.share = torch.tensor(share)

    def forward(self, codes, state=None):
        return torch.log(self.share).expand(*codes.shape, len(self.share)), state


def test_perplexity_of_known_distributions():
    rng = np.random.default_rng(3)
    codes = rng.choice(4, size=40_000, p=[0.5, 0.25, 0.125, 0.125])
    assert perplexity(Constant([0.25] * 4), codes) == pytest.approx(4.0, rel=1e-6)
    best = perplexity(Constant([0.5, 0.25, 0.125, 0.125]), codes)
    assert best == pytest.approx(2**1.75, rel=0.02)
    shares = np.bincount(codes, minlength=4) / codes.size
    assert best == pytest.approx(math.exp(-np.sum(shares * np.log([0.5, 0.25, 0.125, 0.125]))), rel=2e-3)


def test_perplexity_does_not_depend_on_the_chunk():
    network = CharacterLSTM(6, 5, device=DEVICE)
    codes = np.random.default_rng(4).integers(0, 6, 1003)
    values = [perplexity(network, codes, streams=5, chunk=chunk) for chunk in (7, 100, 1000)]
    assert values == pytest.approx([values[0]] * 3, rel=1e-6)
    assert network.training


def test_wrong_sizes_are_one_sentence():
    for options in ({"symbols": 0}, {"symbols": 5, "hidden": 0}, {"symbols": 5, "dropout": 1.0}):
        with pytest.raises(InputError, match="1 or more"):
            CharacterLSTM(**options)
    with pytest.raises(InputError, match="weight scale"):
        CharacterLSTM(5, weight_scale=0.0)
    with pytest.raises(InputError, match="nothing to predict"):
        perplexity(CharacterLSTM(5, 4), np.zeros(60))
