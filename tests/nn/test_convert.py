"""Conv2d, LSTM and conversion both ways: torch's own numbers, gradients, learning, round trips, bad input."""

import copy
from dataclasses import replace

import pytest
import torch

from femristor.core.errors import InputError
from femristor.device import load_card
from femristor.nn.devices.soft_bounds import SoftBoundsDevice
from femristor.nn.layers.convert import convert, remap, to_analog, to_digital
from femristor.nn.layers.convolution import AnalogConv2d
from femristor.nn.layers.linear import AnalogLinear
from femristor.nn.layers.recurrent import AnalogLSTM
from femristor.nn.periphery.converters import Quantiser
from femristor.nn.periphery.management import PeripherySettings
from femristor.nn.update.optimiser import AnalogSGD
from femristor.nn.update.rules.analog_sgd import AnalogSgdSettings
from femristor.nn.update.rules.mixed_precision import MixedPrecisionSettings

CELLS = SoftBoundsDevice()
WIDE = replace(SoftBoundsDevice().ideal(), n_states_mean=4000)


class Net(torch.nn.Module):
    """A convolution, an LSTM over its rows and a linear layer."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = torch.nn.Conv2d(2, 3, (3, 2), stride=(2, 1), padding=(1, 0), dilation=(1, 2))
        self.lstm = torch.nn.LSTM(12, 5, num_layers=2, batch_first=True)
        self.head = torch.nn.Sequential(torch.nn.Linear(5, 4, bias=False), torch.nn.Tanh())

    def forward(self, x):
        features = self.conv(x)
        sequence, _ = self.lstm(features.transpose(1, 2).flatten(2))
        return self.head(sequence[:, -1])


def made(seed: int = 0) -> tuple[Net, torch.Tensor]:
    torch.manual_seed(seed)
    return Net(), torch.randn(6, 2, 7, 6)


def test_converted_model_gives_the_same_numbers_and_input_gradients():
    net, x = made()
    analog = to_analog(net, WIDE)
    one, two = x.clone().requires_grad_(), x.clone().requires_grad_()
    first, second = net(one), analog(two)
    assert torch.allclose(first, second, atol=2e-6)
    first.square().sum().backward()
    second.square().sum().backward()
    assert torch.allclose(one.grad, two.grad, atol=1e-5)


def test_round_trip_gives_the_model_back():
    net, x = made(1)
    back = to_digital(to_analog(net, WIDE))
    assert {type(module) for module in back.modules()} == {type(module) for module in net.modules()}
    assert torch.allclose(net(x), back(x), atol=2e-6)
    assert torch.allclose(net.lstm.weight_hh_l1, back.lstm.weight_hh_l1, atol=1e-6)


@pytest.mark.parametrize("max_tile", [0, 7])
@pytest.mark.parametrize("reference", ["column", "pair"])
@pytest.mark.parametrize("bias", ["analog", "digital"])
def test_all_options_give_the_same_numbers_and_the_model_back(max_tile, reference, bias):
    net, x = made(1)
    fine = PeripherySettings("absmax", dac=Quantiser(18, 1.0), adc=Quantiser(20, 20.0), bound_management=True)
    options = {"max_tile": max_tile, "reference": reference, "bias": bias, "rule": AnalogSgdSettings()}
    for around in (None, fine):
        analog = to_analog(net, WIDE, periphery=around, **options)
        tiles = [part for part in analog.modules() if isinstance(part, AnalogLinear)]
        numbers = [int(part.tile_key) for part in tiles]
        assert len(set(numbers)) == len(numbers)
        assert max_tile == 0 or all(max(part.weight.shape) <= max_tile for part in tiles)
        assert any("digital_bias" in name for name in analog.state_dict()) == (bias == "digital")
        assert torch.allclose(net(x), analog(x), atol=2e-6 if around is None else 1e-3)
        back = to_digital(analog)
        assert {name: value.shape for name, value in back.state_dict().items()} == {
            name: value.shape for name, value in net.state_dict().items()
        }
        assert torch.allclose(net(x), back(x), atol=2e-6)
        other = to_analog(made(7)[0], WIDE, periphery=around, **options)
        other.load_state_dict(analog.state_dict())
        assert torch.equal(other(x), analog(x))
        assert torch.equal(copy.deepcopy(analog)(x), analog(x))


def test_training_moves_all_kinds_of_layers_downhill():
    net, x = made(3)
    goal = torch.randn(6, 4, generator=torch.Generator().manual_seed(5)).tanh()
    options = {"max_tile": 7, "reference": "pair", "bias": "digital", "rule": MixedPrecisionSettings()}
    analog = to_analog(net, WIDE, **options)
    optimiser, losses = AnalogSGD(analog, 3.0), []
    for _ in range(60):
        optimiser.zero_grad()
        loss = (analog(x) - goal).square().mean()
        losses.append(float(loss.detach()))
        loss.backward()
        optimiser.step()
    assert losses[-1] < 0.5 * losses[0] and optimiser.slow_pulses > 0


def test_a_layer_at_two_places_stays_one():
    layer = torch.nn.Linear(6, 6)
    inner = torch.nn.Sequential(torch.nn.Tanh(), layer)
    model = torch.nn.Sequential(layer, torch.nn.Tanh(), layer, inner)
    analog = to_analog(model, SoftBoundsDevice())
    assert isinstance(analog[0], AnalogLinear)
    assert analog[2] is analog[0] and analog[3][1] is analog[0] and model[2] is layer
    x = torch.rand(5, 6)
    assert torch.allclose(analog(x), model(x), atol=1e-5)
    back = to_digital(analog)
    assert back[2] is back[0] and back[3][1] is back[0] and isinstance(back[0], torch.nn.Linear)


def test_a_card_is_enough():
    card = load_card("cmo_hfox")
    net, x = made(1)
    analog = convert(net, card, max_tile=7, reference="pair")
    # Each device's own bounds are the window, so that the weights are the model's.
    assert torch.allclose(net(x), analog(x), atol=2e-6)
    tile = next(part for part in analog.modules() if isinstance(part, AnalogLinear))
    assert tile.devices.label == SoftBoundsDevice.from_card(card).label
    quiet = convert(torch.nn.Linear(3, 2), card, symmetric=True, noise_to_signal=0.2)
    assert quiet.devices.label.endswith("symmetric") and quiet.devices.parameters[0, 0, 7] == pytest.approx(
        0.2
    )


@pytest.mark.parametrize("reference", ["column", "pair"])
def test_remapping_keeps_the_products_and_uses_the_window(reference):
    net, x = made(1)
    analog = to_analog(net, WIDE, reference=reference, max_tile=7)
    before = analog(x)
    head = analog.head[0].tiles[0] if hasattr(analog.head[0], "tiles") else analog.head[0]
    head.set_crossbar_weight(0.1 * head.crossbar_weight().detach())
    assert not torch.allclose(analog(x), before, atol=1e-3)
    shrunk = analog(x)
    remap(analog, use=0.8)
    assert torch.allclose(analog(x), shrunk, atol=2e-6)
    assert torch.allclose(head.crossbar_weight().abs().amax(dim=1), torch.full((4,), 0.8), atol=1e-6)
    with pytest.raises(InputError, match="output scales"):
        remap(net)


def test_every_row_uses_its_share_of_the_window():
    net, _ = made()
    with torch.no_grad():
        net.head[0].weight[1] *= 1e-4
    analog = to_analog(net, WIDE, use=0.5)
    assert torch.allclose(analog.head[0].weight.abs().amax(dim=1), torch.full((4,), 0.5), atol=1e-6)


def test_state_dict_round_trip_keeps_scales_and_state():
    net, x = made()
    options = {"rule": MixedPrecisionSettings(), "seed": 4}
    first, second = to_analog(net, WIDE, **options), to_analog(made(7)[0], WIDE, **options)
    assert not torch.allclose(first(x), second(x), atol=1e-3)
    second.load_state_dict(first.state_dict())
    assert torch.equal(first(x), second(x))


@pytest.mark.parametrize("rule", [AnalogSgdSettings(), MixedPrecisionSettings()], ids=lambda rule: rule.name)
def test_pulses_follow_the_digital_gradient(rule):
    """On nearly linear devices without noise a few small steps move every layer as torch's SGD does."""
    net, x = made(2)
    goal = torch.randn(6, 4, generator=torch.Generator().manual_seed(5)).tanh()
    device = replace(WIDE, n_states_mean=200_000, noise_to_signal=0.0)
    analog = to_analog(net, device, rule=rule)
    start = to_digital(analog)
    digital = torch.optim.SGD(net.parameters(), 0.02)
    optimiser = AnalogSGD(analog, 0.02)
    scale = {name: (tile.output_scale**2)[:, None] for name, tile in _tiles(analog)}
    for _ in range(20):
        for model, one in ((net, digital), (analog, optimiser)):
            one.zero_grad()
            (model(x) - goal).square().mean().backward()
            one.step()
    moved = _weights(to_digital(analog)), _weights(start), _weights(net)
    for name in scale:
        ours, theirs = moved[0][name] - moved[1][name], (moved[2][name] - moved[1][name]) * 1.0
        # A step on the scaled weight moves the effective one by the square of the scale.
        per_row = (ours / scale[name]).flatten(), theirs.flatten()
        cosine = torch.nn.functional.cosine_similarity(*per_row, dim=0)
        assert cosine > 0.9, (name, float(cosine))


def _tiles(analog):
    return [
        ("conv", analog.conv.tile),
        ("ih0", analog.lstm.tiles[0]),
        ("ih1", analog.lstm.tiles[1]),
        ("head", analog.head[0]),
    ]


def _weights(net) -> dict[str, torch.Tensor]:
    found = {
        "conv": net.conv.weight.flatten(1),
        "ih0": net.lstm.weight_ih_l0,
        "ih1": net.lstm.weight_ih_l1,
        "head": net.head[0].weight,
    }
    return {name: values.detach().clone() for name, values in found.items()}


def test_lstm_state_continues_a_sequence():
    lstm = AnalogLSTM(3, 4, 2, device=WIDE)
    x = torch.randn(9, 2, 3, generator=torch.Generator().manual_seed(0))
    whole, last = lstm(x)
    front, state = lstm(x[:4])
    back, end = lstm(x[4:], state)
    assert torch.allclose(whole, torch.cat((front, back)), atol=1e-6)
    assert torch.allclose(last[1], end[1], atol=1e-6)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (lambda: AnalogLSTM(3, 4, 2, device=WIDE), lambda: AnalogLSTM(3, 4, 1, device=WIDE)),
        (lambda: AnalogLSTM(3, 4, 2, device=WIDE), lambda: AnalogLSTM(3, 4, 2, device=WIDE, max_tile=8)),
        (lambda: AnalogLSTM(3, 4, device=CELLS, seed=1), lambda: AnalogLSTM(3, 4, device=CELLS, seed=2)),
        (lambda: AnalogConv2d(1, 2, 3, device=WIDE), lambda: AnalogConv2d(1, 2, 5, device=WIDE)),
        (lambda: AnalogConv2d(1, 2, 3, device=WIDE), lambda: AnalogConv2d(1, 2, 3, device=WIDE, bias=None)),
        (
            lambda: AnalogConv2d(1, 2, 3, device=WIDE, max_tile=5),
            lambda: AnalogConv2d(1, 4, 3, device=WIDE, max_tile=5),
        ),
    ],
    ids=["layers", "tiles", "seed", "kernel", "bias", "channels"],
)
def test_states_of_others_are_refused_in_one_sentence_before_anything_is_taken(ours, theirs):
    for one, other in ((ours(), theirs()), (theirs(), ours())):
        before = {name: values.clone() for name, values in one.state_dict().items()}
        with pytest.raises(InputError, match="build the network") as caught:
            one.load_state_dict(other.state_dict())
        assert "\n" not in str(caught.value)
        assert all(torch.equal(values, before[name]) for name, values in one.state_dict().items())


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: to_analog(torch.nn.Conv2d(4, 4, 3, groups=2), WIDE), "one group"),
        (lambda: to_analog(torch.nn.LSTM(3, 3, bidirectional=True), WIDE), "bidirectional"),
        (lambda: to_analog(torch.nn.Linear(3, 3), WIDE, use=0.0), "share above 0"),
        (lambda: to_analog(torch.nn.Linear(3, 3), WIDE, bias=False), "keeps the biases"),
        (lambda: to_analog(torch.nn.Linear(3, 3), WIDE, bias="none"), "'analog', 'digital'"),
        (lambda: to_analog(torch.nn.Linear(3, 3), WIDE, reference="both"), "'column' or 'pair'"),
        (lambda: to_analog(torch.nn.Linear(3, 3), WIDE, max_tile=-1), "0 for no limit"),
        (lambda: AnalogConv2d(0, 3, 3, device=WIDE), "1 or more"),
        (lambda: AnalogConv2d(1, 3, 3, device=WIDE, padding=-1), "0 or more"),
        (lambda: AnalogConv2d(1, 3, 5, device=WIDE)(torch.zeros(1, 1, 4, 4)), "smaller than the kernel"),
        (lambda: AnalogConv2d(1, 3, 2, device=WIDE)(torch.zeros(1, 2, 4, 4)), "(batch, 1"),
        (lambda: AnalogLSTM(3, 0, device=WIDE), "1 or more"),
        (lambda: AnalogLSTM(3, 2, device=WIDE)(torch.zeros(4, 1, 5)), "3 inputs"),
        (
            lambda: AnalogLSTM(3, 2, device=WIDE)(torch.zeros(4, 1, 3), (torch.zeros(1, 2, 2),) * 2),
            "two tensors",
        ),
    ],
    ids=range(14),
)
def test_bad_input(make, words):
    with pytest.raises(InputError) as caught:
        make()
    assert words in str(caught.value)
