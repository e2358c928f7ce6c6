"""AnalogLinear and AnalogSGD: the textbook in the ideal configuration, state round trips, bad input."""

import copy
import math

import numpy as np
import pytest
import torch

from femristor.core.errors import InputError
from femristor.nn.devices.soft_bounds import SoftBoundsDevice
from femristor.nn.layers.linear import AnalogLinear
from femristor.nn.layers.networks import perceptron
from femristor.nn.layers.paired import PairedLinear
from femristor.nn.layers.tiling import TiledLinear, analog_linear
from femristor.nn.periphery.converters import Quantiser
from femristor.nn.periphery.management import PeripherySettings
from femristor.nn.update.optimiser import AnalogSGD
from femristor.nn.update.rules.agad import AgadSettings
from femristor.nn.update.rules.analog_sgd import AnalogSgdSettings

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
    with pytest.raises(InputError, match=r"AnalogLinear\(6, 4\) was in evaluation mode.*model.train\(\)"):
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


@pytest.mark.parametrize("where", ["analog", "digital"])
@pytest.mark.parametrize("path", ["sequential", "batched"])
def test_nan_in_one_layer_leaves_all_layers(where, path):
    last = AnalogLinear(4, 2, device=DEVICE, number=1) if where == "analog" else torch.nn.Linear(4, 2)
    model = torch.nn.Sequential(small(), last)
    optimiser = AnalogSGD(model, 0.05, path=path)
    before = copy.deepcopy(model.state_dict())
    (model(torch.ones(2, 6)) * torch.tensor([1.0, float("nan")])).sum().backward()
    model[0].forget_records()
    model[0].record(torch.ones(2, 7), torch.ones(2, 4))
    with pytest.raises(InputError, match="NaN"):
        optimiser.step()
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name]), name


def test_nan_gradient_is_an_error_and_changes_nothing():
    layer = small()
    optimiser = AnalogSGD(layer, 0.1)
    before = layer.weight.detach().clone()
    (layer(torch.ones(2, 6)) * float("nan")).sum().backward()
    with pytest.raises(InputError, match="NaN"):
        optimiser.step()
    assert torch.equal(layer.weight, before)


@pytest.mark.parametrize("kind", ["input", "gradient"])
def test_records_are_looked_at_before_the_first_pulse(kind):
    """A layer whose second time step is bad has no pulse from the first one."""
    layer = small()
    layer.record(torch.ones(2, 7), torch.ones(2, 4))
    layer.record(torch.ones(3, 7), torch.ones(3, 4))
    layer._records[1][kind == "gradient"][0, 0] = math.inf
    before = {name: value.clone() for name, value in layer.state_dict().items()}
    with pytest.raises(InputError, match=f"The {kind} of an analog layer is NaN"):
        layer.check_records()
    with pytest.raises(InputError, match=f"The {kind} of an analog layer is NaN"):
        layer.apply_updates(0.1)
    assert all(torch.equal(value, before[name]) for name, value in layer.state_dict().items())


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16, torch.float16])
def test_other_types_multiply_but_state_stays_float32(dtype):
    """The product is in the type of the input; what the update needs never loses bits."""
    layer, plain = (
        small(output_scale=np.full(4, 0.7), bias="digital"),
        small(output_scale=np.full(4, 0.7), bias="digital"),
    )
    layer = layer.to(dtype)
    assert {t.dtype for t in layer.state_dict().values()} == {t.dtype for t in plain.state_dict().values()}
    x = torch.rand(64, 6, generator=torch.Generator().manual_seed(0)) * 2 - 1
    y = layer(x.to(dtype))
    assert y.dtype == dtype
    # Two roundings of a product of six terms, each of at most |w| 1/sqrt(6): a few ulps of 1.
    assert (y.float() - plain(x)).abs().max() < 6 * torch.finfo(dtype).eps + 1e-6
    y.float().square().mean().backward()
    AnalogSGD(layer, 0.05).step()
    assert int(layer.agad_counters[0]) == 64


def test_autocast_forward_and_update():
    layer = small(rule=SGD)
    x = torch.rand(16, 6, generator=torch.Generator().manual_seed(0), requires_grad=True)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        y = layer(x)
    assert y.dtype == torch.bfloat16
    assert torch.allclose(y.float(), small(rule=SGD)(x), atol=0.02)
    y.float().square().sum().backward()
    AnalogSGD(layer, 0.05).step()
    assert x.grad.dtype == torch.float32 and not torch.equal(layer.weight, small(rule=SGD).weight)


def test_moves_and_trains_on_the_cpu_only():
    """The meta device stands for any other one: shapes pass, training says where it happens."""
    layer = small(output_scale=np.ones(4), bias="digital").to("meta")
    x = torch.ones(2, 6, device="meta")
    assert layer(x).device.type == "meta"
    layer(x).sum().backward()
    with pytest.raises(InputError, match="trained on the CPU"):
        layer.apply_updates(0.1)


def test_digital_bias_is_trained_by_the_digital_branch():
    layer, analog = small(bias="digital", rule=SGD), small(rule=SGD)
    assert layer.weight.shape == (4, 6) and torch.equal(layer.effective_weight(), analog.effective_weight())
    x = torch.rand(8, 6, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(layer(x), analog(x), atol=1e-6)
    before = layer.digital_bias.detach().clone()
    layer(x).sum().backward()
    AnalogSGD(layer, 0.01).step()
    assert torch.allclose(layer.digital_bias, before - 0.08, atol=1e-6)
    assert "digital_bias" in layer.state_dict() and "digital_bias" not in analog.state_dict()
    assert torch.equal(small(bias="analog").weight, small(bias=True).weight)
    assert small(bias=None).weight.shape == small(bias=False).weight.shape == (4, 6)


@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor")  # by torch itself, behind a graph break
def test_compiled_model_gives_the_same_numbers():
    """Without gradients the whole graph compiles; with them each analog layer is a break, as its record is kept in Python."""
    model = torch.nn.Sequential(small(rule=SGD), torch.nn.Tanh(), torch.nn.Linear(4, 2))
    other = copy.deepcopy(model)
    x = torch.rand(8, 6, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        whole = torch.compile(model, backend="eager", fullgraph=True)
        assert torch.allclose(whole(x), other(x), atol=1e-6)
    torch.compiler.reset()
    compiled = torch.compile(model, backend="eager")
    for one, net in ((compiled, model), (other, other)):
        optimiser = AnalogSGD(net, 0.05)
        one(x).square().sum().backward()
        optimiser.step()
    for ours, theirs in zip(model.parameters(), other.parameters(), strict=True):
        assert torch.allclose(ours, theirs, atol=1e-6)
    torch.compiler.reset()


@pytest.mark.parametrize(
    "other",
    [
        lambda: AnalogLinear(5, 4, device=DEVICE),
        lambda: small(bias=None),
        lambda: small(bias="digital"),
        lambda: small(rule=SGD),
        lambda: small(output_scale=np.ones(4)),
        lambda: PairedLinear(6, 4, device=DEVICE),
        lambda: TiledLinear(6, 4, device=DEVICE, max_tile=4),
        lambda: small(periphery=PeripherySettings("learned", dac=Quantiser(6, 1.0))),
        lambda: small(seed=5),
    ],
    ids=["inputs", "bias", "digital", "rule", "scale", "pair", "tiles", "range", "seed"],
)
def test_state_of_another_architecture_is_refused_in_one_sentence_both_ways(other):
    for ours, theirs in ((small(), other()), (other(), small())):
        model = torch.nn.Sequential(ours)
        before = {name: values.clone() for name, values in model.state_dict().items()}
        with pytest.raises(InputError, match=r"another architecture|other devices") as caught:
            model.load_state_dict(torch.nn.Sequential(theirs).state_dict())
        assert "\n" not in str(caught.value)
        assert all(torch.equal(values, before[name]) for name, values in model.state_dict().items())


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: small(bias="both"), "'analog', 'digital' or None"),
        (lambda: small(periphery=PeripherySettings(), input_converter=Quantiser(6, 1.0)), "not both"),
        (lambda: PairedLinear(6, 4, device=DEVICE, weight=np.full((4, 7), 1.5)), "do not fit a pair"),
        (lambda: PairedLinear(6, 4, device=DEVICE, weight=np.full((4, 7), np.nan)), "NaN"),
        (lambda: PairedLinear(0, 4, device=DEVICE), "has no weight"),
        (lambda: small(bias="digital", weight=np.full((4, 7), np.nan)), "NaN"),
        (lambda: small().remap(), "output_scale"),
        (lambda: small(output_scale=np.ones(4)).remap(1.5), "at most 1"),
        (lambda: small(output_scale=np.zeros(4)), "above 0"),
        (lambda: small()(torch.ones(2, 6, dtype=torch.int64)), "float"),
        (lambda: analog_linear(6, 4, device=DEVICE, reference="three"), "'column' or 'pair'"),
    ],
    ids=range(11),
)
def test_bad_options_are_named_in_one_sentence(call, words):
    with pytest.raises(InputError) as caught:
        call()
    assert words in str(caught.value) and "\n" not in str(caught.value)


def test_nan_gradient_of_a_pair_on_tiles_is_an_error():
    layer = TiledLinear(6, 4, device=DEVICE, max_tile=4, reference="pair")
    (layer(torch.ones(2, 6)) * float("nan")).sum().backward()
    with pytest.raises(InputError, match="NaN"):
        AnalogSGD(layer, 0.1).step()
