"""Card, device, model, cell maker, seed and settings of a wrong type: one sentence each, with the remedy."""

import numpy as np
import pytest
import torch

from femristor.array.weights import WeightArray, weight_arrays
from femristor.core.errors import InputError
from femristor.device import load_card
from femristor.nn.devices.soft_bounds import SoftBoundsDevice
from femristor.nn.inference.program import ProgrammedNetwork, program
from femristor.nn.inference.settings import InferenceSettings
from femristor.nn.layers.convert import convert, remap, to_analog, to_digital
from femristor.nn.layers.convolution import AnalogConv2d
from femristor.nn.layers.linear import AnalogLinear
from femristor.nn.layers.networks import perceptron
from femristor.nn.layers.paired import PairedLinear
from femristor.nn.layers.recurrent import AnalogLSTM
from femristor.nn.layers.tiling import TiledLinear
from femristor.nn.train.hardware_aware import HardwareAwareSettings, derived_settings, hardware_aware
from femristor.nn.update.optimiser import AnalogSGD
from femristor.nn.update.pulsed_update import PulseTrain
from femristor.nn.update.rules.agad import AgadSettings

CARD = load_card("cmo_hfox")
DEVICE = SoftBoundsDevice()
MODEL = torch.nn.Sequential(torch.nn.Linear(4, 3))
CELLS = weight_arrays(CARD)
OPEN = InferenceSettings(output_bound=15.0)
AWARE = HardwareAwareSettings(noise=0.1)
WRONG = {
    "text": "cuda",
    "torch device": torch.device("cpu"),
    "number": 3,
    "none": None,
    "class": SoftBoundsDevice,
    "list": [1, 2],
    "tensor": torch.ones(2),
}


def sentence(call) -> str:
    with pytest.raises(InputError) as caught:
        call()
    text = str(caught.value)
    assert "\n" not in text and text.endswith(".") and len(text) < 300
    return text


@pytest.mark.parametrize("given", WRONG.values(), ids=WRONG)
@pytest.mark.parametrize(
    "call",
    [
        lambda card: convert(MODEL, card),
        lambda card: weight_arrays(card),
        lambda card: WeightArray(np.eye(2), card),
        lambda card: SoftBoundsDevice.from_card(card),
    ],
    ids=["convert", "weight_arrays", "WeightArray", "from_card"],
)
def test_cards_of_another_kind(call, given):
    text = sentence(lambda: call(given))
    assert text.startswith("card= got") and "needs a DeviceCard" in text and "load_card(" in text


@pytest.mark.parametrize("given", (WRONG | {"card": CARD}).values(), ids=WRONG | {"card": CARD})
@pytest.mark.parametrize(
    "call",
    [
        lambda device: to_analog(MODEL, device),
        lambda device: AnalogLinear(4, 3, device=device),
        lambda device: PairedLinear(4, 3, device=device),
        lambda device: TiledLinear(4, 3, device=device, max_tile=2),
        lambda device: AnalogConv2d(1, 3, 3, device=device),
        lambda device: AnalogLSTM(4, 3, device=device),
    ],
    ids=["to_analog", "linear", "pair", "tiles", "conv", "lstm"],
)
def test_devices_of_another_kind(call, given):
    text = sentence(lambda: call(given))
    assert text.startswith("device= got") and "needs the device under each cell" in text
    assert "SoftBoundsDevice" in text


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: AnalogLinear(4, 3, device=DEVICE, slow_device="cpu"), ("slow_device=", "device under each")),
        (lambda: PairedLinear(4, 3, device=DEVICE, slow_device=CARD), ("slow_device=", "from_card")),
        (lambda: perceptron((4, 3), device="cuda"), ("device=", "model.to(")),
        (lambda: convert(MODEL, DEVICE), ("card=", "to_analog(model, device)")),
        (lambda: convert(MODEL, CARD, device="cuda"), ("device=", "model.to(")),
        (lambda: weight_arrays(CARD, device="gpu0"), ("device=", "torch device", '"cpu"')),
        (lambda: weight_arrays(CARD, device=DEVICE), ("device=", "torch device", '"cpu"')),
        (lambda: weight_arrays(CARD, device="meta"), ("device=", '"cpu"')),
        (lambda: weight_arrays(CARD, wires=0.35), ("wires=", "WireGrid")),
        (lambda: weight_arrays(CARD, remedy="gains"), ("remedy=", "remedy_named")),
        (lambda: convert("model", CARD), ("model=", "torch.nn.Module")),
        (lambda: to_analog(torch.nn.Linear, DEVICE), ("model=", "Linear(...)")),
        (lambda: to_digital(lambda x: x), ("model=", "torch.nn.Module")),
        (lambda: remap([MODEL]), ("model=", "torch.nn.Module")),
        (lambda: program(MODEL.state_dict(), CELLS, OPEN), ("model=", "torch.nn.Module")),
        (lambda: AnalogSGD(MODEL.parameters(), 0.1), ("model=", "torch.nn.Module")),
        (lambda: program(MODEL, CARD, OPEN), ("make_cells=", "weight_arrays(card)")),
        (lambda: program(MODEL, DEVICE, OPEN), ("make_cells=", "weight_arrays(card)")),
        (lambda: program(MODEL, CELLS, {"mapping": "pair"}), ("settings=", "InferenceSettings(...)")),
        (lambda: program(MODEL, CELLS, OPEN, seed=-1), ("seed=", "whole number")),
        (lambda: program(MODEL, CELLS, OPEN, seed=0.5), ("seed=", "whole number")),
        (lambda: program(MODEL, CELLS, OPEN, draw="1"), ("draw=", "whole number")),
        (lambda: program(MODEL, CELLS, OPEN, max_tile=2.5), ("max_tile=", "whole number")),
        (lambda: to_analog(MODEL, DEVICE, seed=-3), ("seed=", "whole number")),
        (lambda: to_analog(MODEL, DEVICE, seed=True), ("seed=", "whole number")),
        (lambda: AnalogLinear(4, 3, device=DEVICE, seed="a"), ("seed=", "whole number")),
        (lambda: AnalogLinear(4, 3, device=DEVICE, number=-1), ("number=", "whole number")),
        (lambda: AnalogLinear(4.5, 3, device=DEVICE), ("4.5", "at least one")),
        (lambda: to_analog(torch.nn.Tanh(), DEVICE), ("nothing to convert",)),
        (lambda: to_analog(torch.nn.LazyLinear(3), DEVICE), ("lazy", "one batch")),
        (lambda: derived_settings(CARD, OPEN, time_s=1.0), ("make_cells=", "weight_arrays(card)")),
        (lambda: derived_settings(CELLS, AWARE, time_s=1.0), ("settings=", "InferenceSettings")),
        (lambda: AnalogLinear(4, 3, device=DEVICE, weight=np.ones((3, 5)) * 1j), ("weight=", "real numbers")),
        (
            lambda: AnalogLinear(4, 3, device=DEVICE, weight=torch.ones(3, 5) * 1j),
            ("weight=", "real numbers"),
        ),
        (lambda: PairedLinear(4, 3, device=DEVICE, weight="ones"), ("weight=", "real numbers")),
        (lambda: AnalogLinear(4, 3, device=DEVICE, weight=[[1.0], [1.0, 2.0]]), ("weight=", "real numbers")),
        (lambda: AnalogLinear(4, 3, device=DEVICE, output_scale="1"), ("output_scale=", "real numbers")),
        (lambda: TiledLinear(4, 3, device=DEVICE, max_tile=2, output_scale="1"), ("output_scale=",)),
        (lambda: ProgrammedNetwork(MODEL, OPEN).to_time(1.0), ("not programmed yet", "program()")),
        (lambda: AgadSettings(transfer_lr=float("nan")), ("transfer_lr", "finite")),
        (lambda: AgadSettings(tail=-1.0), ("tail", "0 or")),
        (lambda: AgadSettings(momentum=1.5), ("momentum", "0 to 1")),
        (lambda: PulseTrain(length=5.5), ("5.5", "whole number")),
    ],
    ids=range(43),
)
def test_what_is_mixed_up_is_named(call, words):
    text = sentence(call)
    assert all(word in text for word in words), text


def aware(model, optimiser, settings=AWARE, **options):
    with hardware_aware(model, optimiser, settings, **options):
        pass


def test_hardware_aware_training_needs_the_optimiser_of_this_model():
    """Another one would step the noisy weights, and the clean ones would come back at the end."""
    other = torch.optim.SGD(torch.nn.Linear(2, 2).parameters(), 0.1)
    own = torch.optim.SGD(MODEL.parameters(), 0.1)
    aware(MODEL, own)
    assert "optimiser=" in sentence(lambda: aware(MODEL, other))
    assert "optimiser=" in sentence(lambda: aware(MODEL, None))
    assert "settings=" in sentence(lambda: aware(MODEL, own, OPEN))
    assert "seed=" in sentence(lambda: aware(MODEL, own, seed=-1))
    assert "model=" in sentence(lambda: aware(None, own))
    broken = torch.nn.Linear(2, 2)
    with torch.no_grad():
        broken.weight[0, 0] = float("nan")
    assert "NaN" in sentence(lambda: aware(broken, torch.optim.SGD(broken.parameters(), 0.1)))


def test_rates_are_looked_at_in_every_step():
    for lr in (-0.1, float("nan"), float("inf"), "fast", None):
        sentence(lambda lr=lr: AnalogSGD(AnalogLinear(4, 3, device=DEVICE), lr))
    layer = AnalogLinear(4, 3, device=DEVICE)
    optimiser = AnalogSGD(layer, 0.1)
    before = layer.weight.detach().clone()
    layer(torch.ones(2, 4)).sum().backward()
    for lr in (-0.1, float("nan")):
        optimiser.param_groups[0]["lr"] = lr
        assert "learning rate" in sentence(optimiser.step)
    assert torch.equal(layer.weight, before)
    optimiser.param_groups[0]["lr"] = 0.0
    optimiser.step()
    assert torch.equal(layer.weight, before)


def test_weights_that_pulses_cannot_reach_are_refused():
    """A parametrised weight is computed anew, a shared one has two arrays: both lost their pulses in silence."""
    model = torch.nn.Sequential(AnalogLinear(4, 4, device=DEVICE), AnalogLinear(4, 4, device=DEVICE))
    model[1].weight = model[0].weight
    assert "two places" in sentence(lambda: AnalogSGD(model, 0.1))
    layer = AnalogLinear(4, 3, device=DEVICE)
    torch.nn.utils.parametrize.register_parametrization(layer, "weight", torch.nn.Tanh())
    assert "parametrisation" in sentence(lambda: AnalogSGD(torch.nn.Sequential(layer), 0.1))
    torch.nn.utils.parametrize.remove_parametrizations(layer, "weight")
    AnalogSGD(torch.nn.Sequential(layer), 0.1)


class Doubled(torch.nn.Linear):
    """A subclass with a product of its own."""

    def forward(self, x):
        return 2.0 * super().forward(x)


class Renamed(torch.nn.Linear):
    """A subclass with the product of its parent."""


def test_subclasses_keep_their_own_forward_pass():
    """A subclass was converted, and what it does beside the product was lost."""
    torch.manual_seed(0)
    net, x = torch.nn.Sequential(torch.nn.Linear(4, 4), Doubled(4, 4), Renamed(4, 3)), torch.randn(5, 4)
    analog = to_analog(net, SoftBoundsDevice().ideal())
    assert [type(part) for part in analog] == [AnalogLinear, Doubled, AnalogLinear]
    assert torch.allclose(analog(x), net(x), atol=1e-5)
    ideal = program(net, CELLS, InferenceSettings.ideal())
    assert isinstance(ideal.model[1], Doubled)
    assert torch.allclose(ideal(x), net(x), atol=1e-5)


def test_attention_keeps_its_projection():
    """Its weight is used from outside of its Linear layer."""
    torch.manual_seed(0)
    layer = torch.nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True)
    x = torch.randn(3, 5, 8)
    analog = to_analog(layer, SoftBoundsDevice().ideal())
    assert isinstance(analog.linear1, AnalogLinear) and type(analog.self_attn) is torch.nn.MultiheadAttention
    assert torch.allclose(analog(x), layer(x), atol=1e-5)


@pytest.mark.parametrize(
    "put",
    [
        lambda net: to_analog(net, SoftBoundsDevice().ideal()).eval(),
        lambda net: program(net, CELLS, InferenceSettings.ideal()),
    ],
    ids=["analog", "programmed"],
)
@pytest.mark.parametrize("masked", [False, True])
def test_encoders_call_their_layers_in_evaluation(put, masked):
    """Torch's shortcut reads the weights of the layers that were replaced."""
    torch.manual_seed(0)
    net = torch.nn.TransformerEncoder(torch.nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), 2).eval()
    x, mask = torch.randn(3, 5, 8), torch.zeros(3, 5, dtype=torch.bool)
    mask[1, 3:] = masked
    put, net.use_nested_tensor = put(net), False
    with torch.no_grad():
        found, expected = (
            model(x, src_key_padding_mask=mask if masked else None)[~mask] for model in (put, net)
        )
    assert torch.allclose(found, expected, atol=1e-5)
