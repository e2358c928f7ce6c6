"""Programmed networks: the floating-point network in the ideal case, the card's laws otherwise."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from femristor.array.checks import torch_generator
from femristor.array.weights import weight_arrays
from femristor.core.errors import InputError
from femristor.device import load_card
from femristor.nn.inference.layers import ProgrammedConv2d, ProgrammedLinear, ProgrammedLSTM
from femristor.nn.inference.program import ProgrammedNetwork, program
from femristor.nn.inference.settings import InferenceSettings
from femristor.nn.inference.tiles import pieces

CARD = load_card("cmo_hfox")
CELLS = weight_arrays(CARD)
TEN_YEARS_S = 3.1536e8
RAW = InferenceSettings.ideal(effects=("programming", "relaxation", "read_noise"))


def normal(*shape, seed=0) -> torch.Tensor:
    return torch.randn(shape, generator=torch_generator(seed, 98), dtype=torch.float32)


def filled(model: torch.nn.Module, seed=0) -> torch.nn.Module:
    with torch.no_grad():
        for number, value in enumerate(model.parameters()):
            value.copy_(0.4 * normal(*value.shape, seed=100 * seed + number))
    return model.eval()


class Mixed(torch.nn.Module):
    """Convolution with everything, batch norm, a bidirectional LSTM, a linear layer."""

    def __init__(self):
        super().__init__()
        self.conv = torch.nn.Conv2d(4, 6, (3, 2), stride=(2, 1), padding=(1, 2), groups=2, dilation=(1, 2))
        self.norm = torch.nn.BatchNorm2d(6)
        self.lstm = torch.nn.LSTM(7, 5, 2, bidirectional=True, batch_first=True, dropout=0.5)
        self.out = torch.nn.Linear(10, 3)

    def forward(self, x, state=None):
        y = torch.relu(self.norm(self.conv(x))).flatten(1)[:, :42].unflatten(1, (6, 7))
        y, (h, c) = self.lstm(y, state)
        return torch.cat((self.out(y).flatten(), h.flatten(), c.flatten()))


@pytest.mark.parametrize("mapping", ["single", "pair"])
@pytest.mark.parametrize("input_range", ["absmax", "calibrated"])
@pytest.mark.parametrize(
    ("bias", "scaling"), [("digital", "column"), ("analog", "tile"), ("analog", "column")]
)
@pytest.mark.parametrize("max_tile", [7, 512])
def test_ideal_settings_are_the_floating_point_network(mapping, input_range, bias, scaling, max_tile):
    model, x = filled(Mixed()), normal(5, 4, 8, 8, seed=7)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    state = (normal(4, 5, 5, seed=8), normal(4, 5, 5, seed=9))
    ideal = InferenceSettings.ideal(
        mapping=mapping,
        input_range=input_range,
        bias=bias,
        scaling=scaling,
        quantile=1.0,
        compensation="shift",
    )
    network = program(model, CELLS, ideal, max_tile=max_tile, calibration=(x, state))
    with torch.no_grad():
        exact = model(x, state)
    torch.testing.assert_close(network.to_time(TEN_YEARS_S)(x, state), exact, rtol=1e-5, atol=1e-5)
    kinds = [type(layer) for layer in network.model.children()]
    assert kinds == [ProgrammedConv2d, torch.nn.BatchNorm2d, ProgrammedLSTM, ProgrammedLinear]
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name])


@pytest.mark.parametrize("padding", ["same", 0])
@pytest.mark.parametrize("mode", ["zeros", "reflect"])
def test_convolution_without_batch_bias_and_with_padding_by_words(padding, mode):
    model = filled(torch.nn.Conv2d(2, 3, 3, padding=padding, padding_mode=mode, bias=False))
    network = program(model, CELLS, InferenceSettings.ideal(), calibration=None)
    x = normal(2, 6, 5)
    torch.testing.assert_close(network(x), model(x).detach(), rtol=1e-5, atol=1e-5)


def test_lstm_without_batch_and_without_bias():
    model = filled(torch.nn.LSTM(3, 4, bias=False))
    network = program(model, CELLS, InferenceSettings.ideal(), max_tile=5)
    x, state = normal(6, 3), (normal(1, 4, seed=1), normal(1, 4, seed=2))
    for ours, theirs in zip(
        torch.utils._pytree.tree_leaves(network(x, state)),
        torch.utils._pytree.tree_leaves(model(x, state)),
        strict=True,
    ):
        torch.testing.assert_close(ours, theirs.detach(), rtol=1e-5, atol=1e-5)


def test_a_layer_used_twice_is_programmed_once():
    shared = torch.nn.Linear(4, 4)
    model = filled(torch.nn.Sequential(shared, torch.nn.Tanh(), shared))
    network = program(model, CELLS, InferenceSettings.ideal())
    x = normal(3, 4)
    assert len(network.grids) == 1
    torch.testing.assert_close(network(x), model(x).detach(), rtol=1e-5, atol=1e-5)


def test_tiles_are_small_enough_and_cover_the_matrix():
    assert [part.stop - part.start for part in pieces(785, 300)] == [261, 262, 262]
    network = ProgrammedNetwork(filled(torch.nn.Linear(20, 11)), replace(RAW, bias="analog"), max_tile=6)
    covered = torch.zeros(11, 21)
    for tile in network.grids[0].tiles:
        assert max(tile.targets.shape) <= 6
        covered[tile.cols, tile.rows] += 1
    assert torch.all(covered == 1) and network.cells == 231 and network.tiles == 8


def test_same_draw_same_bits_other_draw_other_cells():
    model, x = filled(torch.nn.Linear(30, 12)), normal(8, 30)
    network = ProgrammedNetwork(model, InferenceSettings(), max_tile=16, calibration=x)

    def ages(draw, seed=0):
        network.program(CELLS, seed=seed, draw=draw)
        return torch.stack([network.to_time(time)(x) for time in (0.0, 3600.0, TEN_YEARS_S)])

    first, other = ages(0), ages(1)
    assert torch.equal(ages(0), first)
    assert not torch.equal(other, first) and not torch.equal(ages(0, seed=1), first)
    with pytest.raises(InputError, match="program again"):
        network.advance(1.0)


@pytest.mark.parametrize("mapping", ["single", "pair"])
def test_error_of_a_layer_follows_the_laws(mapping):
    weight, x = normal(40, 60), normal(1, 60, seed=1)
    model = torch.nn.Linear(60, 40, bias=False)
    model.weight.data.copy_(weight)
    network = ProgrammedNetwork(model, replace(RAW, mapping=mapping), max_tile=32)
    errors = []
    for draw in range(60):
        network.program(CELLS, draw=draw)
        errors.append(network.to_time(TEN_YEARS_S)(x)[0] - weight @ x[0])
    errors = torch.stack(errors).double()
    shift, variance = 0.0, torch.zeros(40, dtype=torch.float64)
    for tile in network.grids[0].tiles:
        mean, var = tile.matrix.cells.moments(TEN_YEARS_S)
        x_k = x[0, tile.rows].double()
        shift = shift + tile.scale.new_zeros(40).index_copy(
            0, torch.arange(40)[tile.cols], tile.scale * mean * x_k.sum()
        )
        variance[tile.cols] += tile.scale**2 * (var.T @ x_k**2)
    standard = (errors.mean(dim=0) - shift) / (variance / 60).sqrt()
    assert float(standard.square().mean()) == pytest.approx(1.0, abs=4 * math.sqrt(2 / 40))
    assert float((errors.var(dim=0) / variance).mean()) == pytest.approx(1.0, abs=4 * math.sqrt(2 / 60 / 40))


def test_compensation_takes_the_shift_and_column_takes_its_scatter():
    model = filled(torch.nn.Linear(200, 50, bias=False))
    x = 1 + 0.3 * normal(100, 200)
    exact = model(x).detach()

    def error(compensation, **changes):
        settings = replace(
            InferenceSettings(), compensation=compensation, output_bits=10, input_bits=8, **changes
        )
        network = program(model, CELLS, settings, max_tile=128, calibration=x)
        return float((network.to_time(TEN_YEARS_S)(x) - exact).square().mean().sqrt())

    none, shift, column = error("none"), error("shift"), error("column")
    assert shift < 0.3 * none and column < 0.6 * shift
    # At time 0 there is nothing to take: the reads add no error of their own beyond the rounding.
    network = program(model, CELLS, replace(RAW, compensation="shift"), max_tile=128, calibration=x)
    network.advance(0.0)
    assert all(float(tile.correction.abs().max()) < 1e-6 for tile in network.grids[0].tiles)


@pytest.mark.parametrize("input_range", ["absmax", "calibrated", 0.7])
def test_shift_estimate_through_the_converters_is_the_law(input_range):
    model, x = filled(torch.nn.Linear(256, 64)), normal(200, 256)
    settings = InferenceSettings(compensation="shift", input_range=input_range)
    network = program(model, CELLS, settings, calibration=x).to_time(TEN_YEARS_S)
    (tile,) = network.grids[0].tiles
    mean, variance = tile.matrix.cells.moments(TEN_YEARS_S)
    assert float(tile.correction[0]) == pytest.approx(
        mean, abs=5 * math.sqrt(float(variance.mean()) / 256 / 64)
    )


def test_ranges_come_from_the_calibration_batch():
    model, x = filled(torch.nn.Linear(30, 6)), normal(500, 30)
    settings = InferenceSettings(input_range="calibrated", quantile=1.0, effects=())
    network = program(model, CELLS, settings, max_tile=15, calibration=x)
    for tile in network.grids[0].tiles:
        part, own = x[:, tile.rows], tile.matrix.settings
        assert own.input_range == pytest.approx(float(part.abs().max()))
        y = (part.double() @ tile.targets.T) / own.input_range
        assert own.output_bound == pytest.approx(float(y.abs().max()))
    clipped = program(model, CELLS, replace(settings, quantile=0.9), max_tile=15, calibration=x)
    for tile in clipped.grids[0].tiles:
        expected = float(np.quantile(x[:, tile.rows].abs(), 0.9))
        assert tile.matrix.settings.input_range == pytest.approx(expected, rel=0.01)
    fixed = program(model, CELLS, replace(settings, input_range=2.0, output_bound=9.0))
    assert fixed.grids[0].tiles[0].matrix.settings.output_bound == 9.0


def test_inference_stays_in_evaluation():
    model = torch.nn.Sequential(torch.nn.Linear(4, 50), torch.nn.Dropout(0.5))
    network = program(model, CELLS, InferenceSettings.ideal())
    network.train()
    x = normal(3, 4)
    assert torch.equal(network(x), network(x)) and not network(x).requires_grad


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: InferenceSettings(bias="none"), "bias 'none' is unknown"),
        (lambda: InferenceSettings(scaling="row"), "scaling 'row'"),
        (lambda: InferenceSettings(compensation="magic"), "compensation 'magic'"),
        (lambda: InferenceSettings(input_range="learned"), "input range 'learned'"),
        (lambda: InferenceSettings(output_bound="auto"), "output bound 'auto'"),
        (lambda: InferenceSettings(quantile=0.0), "quantile of 0.0"),
        (lambda: InferenceSettings(mapping="triple"), "mapping 'triple'"),
        (lambda: program(torch.nn.ReLU(), CELLS, RAW), "nothing to program"),
        (lambda: program(torch.nn.Linear(2, 2), CELLS), "no calibration batch"),
        (lambda: program(torch.nn.Linear(2, 2), CELLS, RAW, max_tile=0), "tiles of 1 row"),
        (lambda: program(torch.nn.LSTM(2, 3, proj_size=2), CELLS, RAW), "proj_size"),
        (lambda: ProgrammedNetwork(torch.nn.Linear(2, 2), RAW)(normal(1, 2)), "not programmed yet"),
    ],
)
def test_wrong_input_gets_one_sentence(make, sentence):
    with pytest.raises(InputError, match=sentence):
        make()


def test_weights_that_are_not_finite():
    model = torch.nn.Linear(2, 2)
    model.weight.data[0, 0] = math.nan
    with pytest.raises(InputError, match="NaN or infinite"):
        program(model, CELLS, RAW)
