"""Input ranges, DAC and ADC, bound management: formulas by hand, plain twins, gradients, state, bad input."""

import copy
import math

import pytest
import torch

from femristor.core.errors import InputError
from femristor.nn.devices.soft_bounds import SoftBoundsDevice
from femristor.nn.layers.convert import to_analog
from femristor.nn.layers.linear import AnalogLinear
from femristor.nn.layers.networks import perceptron
from femristor.nn.layers.tiling import TiledLinear
from femristor.nn.periphery.converters import Quantiser
from femristor.nn.periphery.management import Periphery, PeripherySettings, calibration
from femristor.nn.update.optimiser import AnalogSGD
from femristor.nn.update.rules.analog_sgd import AnalogSgdSettings

DEVICE = SoftBoundsDevice()
DAC, ADC = Quantiser(6, 1.0), Quantiser(8, 4.0)


def numbers(*shape, seed: int = 0, scale: float = 1.0) -> torch.Tensor:
    return scale * torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def layer(kind: str = "fixed", *, inputs: int = 12, outputs: int = 9, bias=None, **settings) -> AnalogLinear:
    around = PeripherySettings(kind, **({"dac": DAC, "adc": ADC} | settings))
    return AnalogLinear(inputs, outputs, device=DEVICE, rule=AnalogSgdSettings(), bias=bias, periphery=around)


def by_hand(x: torch.Tensor, weight: torch.Tensor, alpha) -> torch.Tensor:
    z = (torch.round(x / alpha / (2 / 62)) * (2 / 62)).clamp(-1, 1)
    return alpha * (torch.round(z @ weight.T / (8 / 254)) * (8 / 254)).clamp(-4, 4)


def test_fixed_and_absmax_are_the_formulas():
    x = numbers(20, 12)
    x[3] = 0.0
    one, two = layer(range=1.7), layer("absmax")
    assert torch.allclose(one(x), by_hand(x, one.weight, 1.7), atol=1e-6)
    largest = x.abs().amax(dim=1, keepdim=True)
    largest[3] = 1.0
    assert torch.allclose(two(x), by_hand(x, two.weight, largest), atol=1e-6)
    assert torch.equal(two(x)[3], torch.zeros(9))
    assert torch.allclose(two(1000 * x), 1000 * two(x), rtol=1e-5), "the range follows the vector"


def test_unit_range_is_the_converters_alone():
    x = numbers(30, 12)
    plain = AnalogLinear(
        12, 9, device=DEVICE, rule=AnalogSgdSettings(), bias=None, input_converter=DAC, output_converter=ADC
    )
    assert torch.equal(layer()(x), plain(x))


def test_no_converters_is_the_exact_product():
    for kind in ("fixed", "absmax"):
        bare = layer(kind, dac=None, adc=None)
        assert torch.allclose(bare(numbers(5, 12)), numbers(5, 12) @ bare.weight.T, atol=1e-6)


@pytest.mark.parametrize("kind", ["fixed", "absmax"])
@pytest.mark.parametrize("most", [1, 2, 10])
@pytest.mark.parametrize("adc", [Quantiser(8, 0.2), Quantiser(None, 0.2)], ids=["8 bits", "no bits"])
def test_bound_management_agrees_with_its_plain_twin(kind, most, adc):
    """In float64, so that the order of a sum does not move a result over a rounding edge."""
    part = Periphery(
        PeripherySettings(kind, dac=Quantiser(7, 1.0), adc=adc, bound_management=True, most_halvings=most)
    )
    x, weight = numbers(4, 40, 12).double(), numbers(9, 12, seed=1, scale=0.3).double()
    assert torch.allclose(part.product(x, weight), part.product_plain(x, weight), atol=1e-12)


def test_bound_management_saves_what_the_adc_would_clip():
    """Outputs of up to 100 bounds: without it all are clipped, with it the error is a DAC and an ADC step."""
    weight, x = (
        torch.full((3, 16), 0.5),
        torch.ones(5, 16) * torch.tensor([0.01, 0.1, 0.5, 0.9, 1.0])[:, None],
    )
    fine = {"dac": Quantiser(12, 1.0), "adc": Quantiser(8, 0.5)}
    clipped = Periphery(PeripherySettings(**fine)).product(x, weight)
    managed = Periphery(PeripherySettings(**fine, bound_management=True)).product(x, weight)
    exact = x @ weight.T
    assert float(clipped.max()) == pytest.approx(0.5)
    assert torch.allclose(managed, exact, rtol=0.02)
    assert torch.equal(managed[:1], clipped[:1]), "vectors within the bound stay as they are"


def test_few_halvings_leave_the_bound():
    weight, x = torch.full((1, 16), 0.5), torch.ones(1, 16)
    settings = PeripherySettings(adc=Quantiser(8, 0.5), bound_management=True, most_halvings=2)
    assert float(Periphery(settings).product(x, weight)) == pytest.approx(0.5 * 4)


class _Round(torch.autograd.Function):
    """Rounding that passes gradients: the textbook's straight-through estimator."""

    @staticmethod
    def forward(ctx, x):
        return torch.round(x)

    @staticmethod
    def backward(ctx, gradient):
        return gradient


def test_learned_range_has_the_straight_through_gradient():
    learned = layer("learned", range=0.8, adc=None)
    x, weights = numbers(50, 12), numbers(50, 9, seed=3)
    (learned(x) * weights).sum().backward()
    theta = torch.tensor(math.log(0.8), requires_grad=True)
    alpha = theta.exp()
    z = _Round.apply((x / alpha).clamp(-1, 1) / (2 / 62)) * (2 / 62)
    (alpha * z @ learned.weight.detach().T * weights).sum().backward()
    assert torch.allclose(learned.periphery.log_range.grad, theta.grad, rtol=1e-4)
    assert float(learned.periphery.log_range.grad.abs()) > 0.1


@pytest.mark.parametrize("start", [0.02, 50.0])
def test_learned_range_finds_the_inputs(start):
    """From far too small and far too large a range, the loss of a fixed matrix falls near that of the best range."""
    net, x = layer("learned", range=start, adc=None), numbers(400, 12)
    goal = x @ net.weight.detach().T
    net.weight.requires_grad_(False)

    def loss(alpha: float) -> float:
        return float((by_dac(x, alpha) @ net.weight.T - goal).square().mean())

    def by_dac(x, alpha):
        return alpha * (torch.round(x / alpha / (2 / 62)) * (2 / 62)).clamp(-1, 1)

    best = min(loss(float(alpha)) for alpha in torch.linspace(0.5, 5, 60))
    optimiser = torch.optim.Adam([net.periphery.log_range], 0.05)
    for _ in range(200):
        optimiser.zero_grad()
        (net(x) - goal).square().mean().backward()
        optimiser.step()
    assert loss(float(net.periphery.log_range.detach().exp())) < 3 * best


def test_learned_range_is_in_the_digital_branch_of_the_optimiser():
    net = layer("learned", range=0.3)
    before = float(net.periphery.log_range.detach())
    net(numbers(50, 12)).square().mean().backward()
    slope = float(net.periphery.log_range.grad)
    AnalogSGD(net, 0.05).step()
    assert float(net.periphery.log_range.detach()) == pytest.approx(before - 0.05 * slope) and slope != 0


def test_calibrated_range_is_the_mean_quantile_and_then_frozen():
    net = layer("calibrated", quantile=0.9)
    with pytest.raises(InputError, match="calibration"):
        net(numbers(5, 12))
    batches = [numbers(200, 12, seed=seed, scale=1 + seed) for seed in range(3)]
    with calibration(net), torch.no_grad():
        for batch in batches:
            net(batch)
    expected = sum(float(torch.quantile(batch.abs(), 0.9)) for batch in batches) / 3
    found = float(net.periphery.measured)
    assert found == pytest.approx(expected, rel=0.01) and int(net.periphery.batches) == 3
    x = numbers(7, 12, scale=30)
    assert torch.allclose(net(x), by_hand(x, net.weight, found), atol=1e-5)
    assert float(net.periphery.measured) == found
    with calibration(net):
        net(batches[0])
    assert int(net.periphery.batches) == 1, "a new calibration starts over"


def test_calibration_leaves_room_for_the_bias_line_and_needs_a_range():
    net = layer("calibrated", bias="analog")
    with calibration(net):
        net(numbers(20, 12, scale=1e-3))
    assert float(net.periphery.measured) == 1.0
    zeros = layer("calibrated")
    with pytest.raises(InputError, match="no data"), calibration(zeros):
        zeros(torch.zeros(3, 12))


def test_state_round_trips_and_copies():
    for kind in ("learned", "calibrated"):
        first, second = layer(kind, range=0.4), layer(kind)
        if kind == "calibrated":
            with calibration(first):
                first(numbers(20, 12))
        second.load_state_dict(first.state_dict())
        x = numbers(9, 12)
        assert torch.equal(first(x), second(x)) and torch.equal(first(x), copy.deepcopy(first)(x))


def test_each_tile_has_its_own_range():
    around = PeripherySettings("absmax", dac=DAC, adc=ADC)
    grid = TiledLinear(12, 9, device=DEVICE, max_tile=6, bias="digital", periphery=around, reference="pair")
    x = numbers(8, 12)
    x[:, 6:] *= 50
    parts = [by_hand(part, weight, part.abs().amax(dim=1, keepdim=True)) for part, weight in _parts(grid, x)]
    rows = [parts[0] + parts[1], parts[2] + parts[3]]
    assert torch.allclose(grid(x), torch.cat(rows, dim=1) + grid.digital_bias, atol=1e-4)


def _parts(grid: TiledLinear, x: torch.Tensor):
    blocks = x.split(grid.in_sizes, dim=1)
    return [(blocks[k % 2], tile.crossbar_weight().detach()) for k, tile in enumerate(grid.tiles)]


def test_whole_networks_take_a_periphery_and_bfloat16():
    around = PeripherySettings("absmax", dac=DAC, adc=Quantiser(8, 15.0), bound_management=True)
    net = perceptron((12, 9, 4), device=DEVICE, max_tile=8, bias="digital", periphery=around)
    x = numbers(16, 12)
    half = copy.deepcopy(net).bfloat16()(x.bfloat16())
    assert half.dtype == torch.bfloat16 and (half.float() - net(x)).abs().max() < 0.1
    torch.manual_seed(0)
    digital = torch.nn.Sequential(torch.nn.Linear(12, 6), torch.nn.Tanh(), torch.nn.Linear(6, 3))
    ranged = PeripherySettings("absmax", dac=Quantiser(12, 1.0), adc=Quantiser(14, 15.0))
    analog = to_analog(
        digital, SoftBoundsDevice().ideal(), periphery=ranged, bias="digital", reference="pair"
    )
    assert torch.allclose(analog(x), digital(x), atol=0.01)


def test_inference_compiles_as_one_graph():
    net, x = torch.nn.Sequential(layer("absmax"), torch.nn.Tanh()), numbers(8, 12)
    with torch.no_grad():
        assert torch.allclose(torch.compile(net, backend="eager", fullgraph=True)(x), net(x), atol=1e-6)
    torch.compiler.reset()


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: PeripherySettings("auto"), "fixed, absmax, learned, calibrated"),
        (lambda: PeripherySettings(range=0.0), "above 0"),
        (lambda: PeripherySettings(range=math.inf), "finite"),
        (lambda: PeripherySettings("calibrated", quantile=1.5), "at most 1"),
        (lambda: PeripherySettings("learned"), "give a dac"),
        (lambda: PeripherySettings(bound_management=True), "finite one"),
        (lambda: PeripherySettings(bound_management=True, adc=Quantiser(None, math.inf)), "finite one"),
        (lambda: PeripherySettings(most_halvings=0), "1 or more"),
        (lambda: calibration(layer()).__enter__(), "no calibrated input range"),
    ],
    ids=range(9),
)
def test_bad_settings_are_named_in_one_sentence(call, words):
    with pytest.raises(InputError) as caught:
        call()
    assert words in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("kind", ["fixed", "learned"])
def test_no_range_clips_the_line_of_an_analog_bias(kind):
    net = layer(kind, bias="analog")
    weight = torch.zeros(9, 13)
    weight[:, -1] = 0.5
    net.set_crossbar_weight(weight)
    with torch.no_grad():
        if kind == "learned":
            net.periphery.log_range.fill_(math.log(0.3))
        assert torch.allclose(net(torch.zeros(2, 12)), torch.full((2, 9), 0.5), atol=0.02)
    with pytest.raises(InputError, match="clips the line of an analog bias"):
        layer(kind, bias="analog", range=0.3)
    layer(kind, bias="digital", range=0.3)


def test_a_learned_range_at_its_least_is_only_pushed_up():
    net = layer("learned", bias="analog", adc=None)
    part, x = net.periphery, torch.full((1, 13), 0.31)
    one, other = (float(part.range_gradient(x, sign * torch.ones(1, 13))) for sign in (1, -1))
    assert {one > 0, other > 0} == {False} and min(one, other) < 0 == max(one, other)
