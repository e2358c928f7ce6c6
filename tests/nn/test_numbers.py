"""Layers that their user did not number have cells of their own, the same ones whenever the model is built again."""

import copy

import numpy as np
import pytest
import torch

from femristor.array.weights import weight_arrays
from femristor.core.errors import InputError
from femristor.device import load_card
from femristor.nn.devices.soft_bounds import SoftBoundsDevice
from femristor.nn.inference.program import program
from femristor.nn.inference.settings import InferenceSettings
from femristor.nn.layers.convert import convert, to_analog
from femristor.nn.layers.convolution import AnalogConv2d
from femristor.nn.layers.linear import AnalogLinear
from femristor.nn.layers.networks import perceptron
from femristor.nn.layers.numbers import units
from femristor.nn.layers.paired import PairedLinear
from femristor.nn.layers.recurrent import AnalogLSTM
from femristor.nn.layers.text_network import CharacterLSTM
from femristor.nn.layers.tiling import TiledLinear, analog_linear
from femristor.nn.train.checkpoint import network_arrays, restore_network
from femristor.nn.update.optimiser import AnalogSGD
from femristor.nn.update.rules.analog_sgd import AnalogSgdSettings

CARD = load_card("cmo_hfox")
DEVICE = SoftBoundsDevice()
SGD = AnalogSgdSettings()
MAKERS = {
    "linear": lambda **o: AnalogLinear(4, 4, device=DEVICE, **o),
    "linear, sgd": lambda **o: AnalogLinear(4, 4, device=DEVICE, rule=SGD, bias="digital", **o),
    "pair": lambda **o: PairedLinear(4, 4, device=DEVICE, **o),
    "tiles": lambda **o: TiledLinear(4, 4, device=DEVICE, max_tile=3, **o),
    "tiles of pairs": lambda **o: analog_linear(4, 4, device=DEVICE, max_tile=3, reference="pair", **o),
    "convolution": lambda **o: AnalogConv2d(1, 4, 2, device=DEVICE, **o),
    "lstm": lambda **o: AnalogLSTM(4, 4, 2, device=DEVICE, **o),
    "converted": lambda **o: to_analog(torch.nn.Linear(4, 4), DEVICE, **o),
}
ALL = pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)


def arrays(model: torch.nn.Module) -> list[AnalogLinear]:
    return [part for part in model.modules() if isinstance(part, AnalogLinear)]


def prints(model: torch.nn.Module) -> list[str]:
    """Fingerprints of all arrays, fast and slow, and their keys of pulses."""
    found = []
    for tile in arrays(model):
        found += [tile.devices.fingerprint(), str(int(tile.tile_key))]
        if tile.fast_devices is not None:
            found.append(tile.fast_devices.fingerprint())
    return found


def all_differ(model: torch.nn.Module) -> bool:
    return len(set(prints(model))) == len(prints(model))


def same(one: torch.nn.Module, other: torch.nn.Module) -> bool:
    ours, theirs = one.state_dict(), other.state_dict()
    return ours.keys() == theirs.keys() and all(torch.equal(ours[name], theirs[name]) for name in ours)


class Attributes(torch.nn.Module):
    """Layers as attributes."""

    def __init__(self, make) -> None:
        super().__init__()
        self.first = make()
        self.second = make()


class EmptyFirst(torch.nn.Module):
    """A list that is filled after it belongs to the model, beside another layer."""

    def __init__(self, make) -> None:
        super().__init__()
        self.head, self.body = make(), torch.nn.ModuleList()
        for _ in range(2):
            self.body.append(make())


ASSEMBLIES = {
    "sequential": lambda make: torch.nn.Sequential(make(), torch.nn.Tanh(), make(), make()),
    "list": lambda make: torch.nn.ModuleList([make(), make()]),
    "dictionary": lambda make: torch.nn.ModuleDict({"a": make(), "b": make()}),
    "attributes": Attributes,
    "filled later": EmptyFirst,
    "nested": lambda make: torch.nn.Sequential(*[torch.nn.Sequential(make(), make()) for _ in range(2)]),
    "nested attributes": lambda make: torch.nn.ModuleList([Attributes(make), EmptyFirst(make)]),
    "copies": lambda make: torch.nn.ModuleList([copy.deepcopy(layer) for layer in [make()] * 3]),
    "copies of blocks": lambda make: torch.nn.ModuleList([copy.deepcopy(b) for b in [Attributes(make)] * 3]),
    "registered": lambda make: _registered(make),
}


def _registered(make) -> torch.nn.Module:
    model = torch.nn.Module()
    model.register_module("a", make())
    model.add_module("b", make())
    return model


@ALL
@pytest.mark.parametrize("assemble", ASSEMBLIES.values(), ids=ASSEMBLIES)
def test_layers_of_a_model_differ_and_it_is_the_same_when_built_again(make, assemble):
    torch.manual_seed(1)
    model = assemble(make)
    assert all_differ(model), "layers of one shape shared their cells"
    before = prints(model)
    AnalogSGD(model, 0.1)
    assert prints(model) == before
    torch.manual_seed(1)
    again = assemble(make)
    assert prints(again) == before and same(model, again)
    restore_network(again, network_arrays(model), origin="file")
    assert not set(prints(model)) & set(prints(assemble(lambda: make(seed=1))))


NUMBERED = pytest.mark.parametrize(
    "make",
    [make for name, make in MAKERS.items() if name != "converted"],
    ids=[n for n in MAKERS if n != "converted"],
)


@NUMBERED
def test_a_layer_alone_has_number_zero_and_the_next_one_the_next(make):
    assert same(make(), make(number=0))
    model = torch.nn.Sequential(make(), make())
    assert same(model[0], make(number=0))
    span = model[0].cell_number.span
    assert same(model[1], make(number=span)) and span == getattr(model[0], "num_layers", 1)


@NUMBERED
def test_numbers_of_the_user_stay_and_others_go_around_them(make):
    model = torch.nn.Sequential(make(), make(number=0), make(), make(number=5))
    assert all_differ(model)
    assert same(model[1], make(number=0)) and same(model[3], make(number=5))
    twice = torch.nn.Sequential(make(number=3), make(number=3))
    assert same(*twice), "the user wanted the same cells"
    seeds = torch.nn.Sequential(make(seed=1), make(seed=2))
    assert same(seeds[0], make(seed=1)) and same(seeds[1], make(seed=2)) and all_differ(seeds)


@ALL
@pytest.mark.parametrize("how", ["trained", "loaded", "written", "kept"])
def test_only_layers_as_they_were_made_move(make, how):
    torch.manual_seed(1)
    layer = make()
    if how == "loaded":
        state = {name: values.clone() for name, values in layer.state_dict().items()}
        next(values for name, values in state.items() if name.endswith("weight"))[0, 0] = 0.125
        layer.load_state_dict(state)
    elif how == "written":
        tile = arrays(layer)[0]
        tile.set_crossbar_weight(0.5 * tile.weight)
    else:
        optimiser = AnalogSGD(copy.deepcopy(layer) if how == "kept" else layer, 0.5)
        x = torch.ones(3, 1, 3, 3) if isinstance(layer, AnalogConv2d) else torch.ones(30, 2, 4)
        y = layer(x)
        (y[0] if isinstance(y, tuple) else y).sum().backward()
        optimiser.step()
    before = {name: values.clone() for name, values in layer.state_dict().items()}
    model = torch.nn.Sequential(make(), layer)
    assert all(torch.equal(values, before[name]) for name, values in layer.state_dict().items())
    assert all_differ(model), "the one that is as it was made moves instead"


@ALL
def test_a_copy_beside_its_original_is_another_piece_of_hardware_with_the_same_weights(make):
    layer = make()
    model = torch.nn.ModuleList([layer, copy.deepcopy(layer)])
    assert all_differ(model)
    wide = max(float(a.devices.w_max.max() - a.devices.w_max.min()) for a in arrays(model))
    for one, other in zip(arrays(model[0]), arrays(model[1]), strict=True):
        assert wide == 0.0 and torch.equal(one.weight, other.weight)
    nested = torch.nn.Sequential(model, copy.deepcopy(model))
    assert all_differ(nested)
    assert same(copy.deepcopy(nested), nested), "a copy of the whole stays the same hardware"


def test_layers_that_slip_in_behind_the_hook_are_found_by_the_optimiser():
    model = torch.nn.ModuleList([AnalogLinear(4, 4, device=DEVICE)])
    model.insert(0, AnalogLinear(4, 4, device=DEVICE))
    model._modules["9"] = AnalogLinear(4, 4, device=DEVICE)
    assert not all_differ(model)
    weights = [layer.weight for layer in model]
    optimiser = AnalogSGD(model, 0.1)
    assert all_differ(model)
    assert all(layer.weight is weight for layer, weight in zip(model, weights, strict=True))
    before = prints(model)
    torch.nn.ModuleList([AnalogLinear(4, 4, device=DEVICE), model])
    assert prints(model) == before, "an optimiser holds them"
    assert optimiser.param_groups[0]["params"][0] is weights[0]


def test_one_layer_at_two_places_stays_one():
    layer = AnalogLinear(4, 4, device=DEVICE)
    before = prints(layer)
    model = torch.nn.Sequential(layer, torch.nn.Sequential(layer))
    assert prints(layer) == before and len(units(model)) == 1


def test_a_layer_in_place_of_another_takes_its_number():
    model = torch.nn.Sequential(AnalogLinear(4, 4, device=DEVICE), AnalogLinear(4, 4, device=DEVICE))
    second = prints(model[1])
    model[1] = AnalogLinear(4, 4, device=DEVICE)
    assert prints(model[1]) == second


class Mine(AnalogLinear):
    """A subclass with state of its own."""

    def __init__(self, size: int) -> None:
        super().__init__(size, size, device=DEVICE)
        self.gain = torch.nn.Parameter(torch.ones(size))
        self.inner = torch.nn.Linear(size, size)


def test_subclasses_are_numbered_too():
    model = torch.nn.Sequential(Mine(4), Mine(4), AnalogLinear(4, 4, device=DEVICE))
    assert all_differ(model) and isinstance(model[1], Mine)
    assert torch.equal(model[1].gain, torch.ones(4))


def test_parametrised_layers_do_not_break_a_model():
    layer = AnalogLinear(4, 4, device=DEVICE)
    torch.nn.utils.parametrize.register_parametrization(layer, "weight", torch.nn.Tanh())
    model = torch.nn.Sequential(layer, AnalogLinear(4, 4, device=DEVICE))
    assert all_differ(model)


def test_layers_of_different_shapes_differ_too():
    """Devices of one number are drawn one after the other, so those of a smaller array were those of a larger one."""
    model = torch.nn.Sequential(AnalogLinear(4, 4, device=DEVICE), AnalogLinear(4, 2, device=DEVICE))
    first, second = (part.devices.parameters.reshape(-1, 8)[:5, 2] for part in model)
    assert not np.allclose(first, second)


def test_two_converted_models_of_one_seed_differ_inside_one_model():
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.LSTM(4, 4, 2), torch.nn.Linear(4, 4))
    for put in (lambda: convert(net, CARD), lambda: convert(net, CARD, max_tile=3, reference="pair")):
        one = put()
        both = torch.nn.ModuleList([put(), put()])
        assert all_differ(both) and same(both[0], one)


def test_two_networks_of_the_experiments_differ_inside_one_model():
    for make in (
        lambda: perceptron((4, 4, 3), device=DEVICE),
        lambda: CharacterLSTM(5, 4, 2, device=DEVICE, rule=SGD),
    ):
        one, both = make(), torch.nn.ModuleList([make(), make()])
        assert all_differ(both) and same(both[0], one)
        for number, tile in enumerate(arrays(one)):
            named = AnalogLinear(
                tile.in_features, tile.out_features, device=DEVICE, number=number, rule=tile.rule
            )
            assert prints(tile) == prints(named), "the k-th array has number k, as ever"


def test_a_conversion_has_one_seed_and_torch_has_no_part_in_it():
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.LSTM(4, 4, 2), torch.nn.Linear(4, 4))
    torch.manual_seed(1)
    one = convert(net, CARD, seed=3)
    torch.manual_seed(2)
    two = convert(net, CARD, seed=3)
    assert same(one, two) and all_differ(one)
    assert not set(prints(one)) & set(prints(convert(net, CARD, seed=4)))
    # The k-th array has number k, as ever.
    device = SoftBoundsDevice.from_card(CARD)
    for number, tile in enumerate(arrays(one)):
        named = AnalogLinear(tile.in_features, tile.out_features, device=device, seed=3, number=number)
        assert prints(tile) == prints(named)


def test_programmed_layers_of_one_shape_differ_and_torch_has_no_part_in_it():
    layer = torch.nn.Linear(4, 4)
    net = torch.nn.Sequential(layer, torch.nn.Tanh(), copy.deepcopy(layer))
    settings = InferenceSettings.ideal(effects=("programming",))
    found = []
    for state, seed in ((1, 0), (2, 0), (3, 1)):
        torch.manual_seed(state)
        network = program(net, weight_arrays(CARD), settings, seed=seed)
        found.append([grid.tiles[0].matrix.effective_weights() for grid in network.grids])
    assert not torch.allclose(found[0][0], found[0][1]), "two layers of the same weights have their own cells"
    assert all(torch.equal(one, two) for one, two in zip(*found[:2], strict=True))
    assert not any(torch.allclose(one, two) for one, two in zip(found[0], found[2], strict=True))


def test_states_go_to_a_model_that_is_built_again_and_to_no_other():
    model = ASSEMBLIES["filled later"](MAKERS["pair"])
    with torch.no_grad():
        arrays(model)[0].weight.mul_(0.5)
    again = ASSEMBLIES["filled later"](MAKERS["pair"])
    again.load_state_dict(model.state_dict())
    assert same(model, again) and prints(model) == prints(again)
    other = ASSEMBLIES["filled later"](lambda: MAKERS["pair"](seed=1))
    with pytest.raises(InputError, match="other devices"):
        other.load_state_dict(model.state_dict())


def test_modules_without_arrays_are_left_alone():
    model = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Sequential(torch.nn.Tanh()))
    state = {name: values.clone() for name, values in model.state_dict().items()}
    torch.nn.ModuleList([model, AnalogLinear(4, 4, device=DEVICE)])
    assert all(torch.equal(values, state[name]) for name, values in model.state_dict().items())
    assert units(model) == [] and units(None) == []
