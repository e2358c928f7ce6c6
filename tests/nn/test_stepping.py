"""What analog layers keep for their update: other optimisers are told apart, memory has a bound."""

import copy
import gc

import pytest
import torch

from femristor.core.errors import InputError
from femristor.nn.devices.soft_bounds import SoftBoundsDevice
from femristor.nn.layers import stepping
from femristor.nn.layers.linear import AnalogLinear
from femristor.nn.layers.paired import PairedLinear
from femristor.nn.layers.tiling import TiledLinear
from femristor.nn.update.optimiser import AnalogSGD
from femristor.nn.update.rules.analog_sgd import AnalogSgdSettings

OPTIONS = {"device": SoftBoundsDevice(), "rule": AnalogSgdSettings()}
KINDS = {
    "linear": lambda: AnalogLinear(4, 3, **OPTIONS),
    "pair": lambda: PairedLinear(4, 3, **OPTIONS),
    "tiles": lambda: TiledLinear(4, 3, max_tile=2, **OPTIONS),
}
FOREIGN = {
    "sgd": lambda values: torch.optim.SGD(values, 0.1),
    "adam": lambda values: torch.optim.Adam(values),
    "adamw": lambda values: torch.optim.AdamW(values),
}
X = torch.ones(8, 4)


def net(kind: str) -> torch.nn.Sequential:
    return torch.nn.Sequential(KINDS[kind](), torch.nn.Linear(3, 2))


def kept(model: torch.nn.Module) -> int:
    return sum(part.kept_batches for part in model.modules() if isinstance(part, AnalogLinear))


def digital(model: torch.nn.Module) -> list[torch.nn.Parameter]:
    return list(model[1].parameters())


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("foreign", FOREIGN)
def test_another_optimiser_is_told_that_it_cannot_move_the_weights(kind, foreign):
    """It passed them by, and the layers kept one batch after the other."""
    model = net(kind)
    optimiser = FOREIGN[foreign](model.parameters())
    before = {name: values.clone() for name, values in model.state_dict().items()}
    model(X).sum().backward()
    with pytest.raises(InputError, match=r"AnalogLinear\(.*AnalogSGD\(model, lr\)") as caught:
        optimiser.step()
    assert type(optimiser).__name__ in str(caught.value) and "\n" not in str(caught.value)
    assert all(torch.equal(values, before[name]) for name, values in model.state_dict().items())


@pytest.mark.parametrize("kind", KINDS)
def test_one_optimiser_for_arrays_and_one_for_the_rest_work_together(kind):
    model = net(kind)
    arrays = AnalogSGD(model, 0.1, groups=model[0].parameters())
    rest = torch.optim.Adam(digital(model), 0.01)
    for _ in range(5):
        arrays.zero_grad()
        rest.zero_grad()
        model(X).square().sum().backward()
        rest.step()
        arrays.step()
        assert kept(model) == 0
    assert arrays.slow_pulses > 0


def test_another_optimiser_that_holds_arrays_of_an_analogsgd_is_told_once_it_steps_alone():
    model = net("linear")
    arrays, all_of_it = AnalogSGD(model, 0.1), torch.optim.Adam(model.parameters(), 0.01)
    for _ in range(3):
        model(X).sum().backward()
        all_of_it.step()
        arrays.step()
    model(X).sum().backward()
    all_of_it.step()
    model(X).sum().backward()
    with pytest.raises(InputError, match="Adam cannot move"):
        all_of_it.step()
    assert kept(model) == 0


def test_digital_models_and_frozen_layers_are_no_concern():
    other = torch.nn.Linear(4, 2)
    model = net("linear")
    model(X).sum().backward()
    optimiser = torch.optim.Adam(other.parameters())
    other(X).sum().backward()
    optimiser.step()
    model[0].forget_records()
    model[0].weight.requires_grad_(False)
    optimiser = torch.optim.SGD(model.parameters(), 0.1)
    for _ in range(3):
        model(X).sum().backward()
        optimiser.step()
    assert kept(model) == 0


@pytest.mark.parametrize("layers", [1, 5])
def test_memory_has_a_bound_where_nobody_takes_what_is_kept(monkeypatch, layers):
    """Over all layers, so that many small ones are seen as well."""
    most = 40_000
    monkeypatch.setattr(stepping, "MOST_KEPT_BYTES", most)
    model = torch.nn.Sequential(*[AnalogLinear(4, 4, **OPTIONS) for _ in range(layers)])
    optimiser = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], 0.1)
    largest = 0
    with pytest.raises(InputError, match=r"no AnalogSGD.*requires_grad_\(False\)") as caught:
        for _ in range(1000):
            model(X).sum().backward()
            optimiser.step()
            largest = max(largest, sum(layer.kept_bytes for layer in model))
    assert "\n" not in str(caught.value) and 0.5 * most < largest <= most
    assert sum(layer.kept_bytes for layer in model) == 0


def test_gradients_may_be_accumulated_as_long_as_an_optimiser_is_there(monkeypatch):
    monkeypatch.setattr(stepping, "MOST_KEPT_BYTES", 1000)
    model = net("linear")
    optimiser = AnalogSGD(model, 0.01)
    for _ in range(50):
        model(X).sum().backward()
    assert kept(model) == 50
    optimiser.step()
    assert kept(model) == 0
    # One batch is as large as it is.
    lonely = AnalogLinear(4, 3, **OPTIONS)
    lonely(torch.ones(500, 4)).sum().backward()
    assert lonely.kept_batches == 1


def test_an_optimiser_that_is_gone_takes_nothing(monkeypatch):
    monkeypatch.setattr(stepping, "MOST_KEPT_BYTES", 1000)
    model = net("linear")
    optimiser = AnalogSGD(model, 0.01)
    assert stepping.is_owned(model[0])
    del optimiser
    gc.collect()
    assert not stepping.is_owned(model[0])
    with pytest.raises(InputError, match="no AnalogSGD"):
        for _ in range(50):
            model(X).sum().backward()


def test_copies_count_for_themselves():
    model = net("linear")
    optimiser = AnalogSGD(model, 0.1)
    other = copy.deepcopy(model)
    model(X).sum().backward()
    assert kept(model) == 1 and kept(other) == 0 and not stepping.is_owned(other[0])
    optimiser.zero_grad()
    assert kept(model) == 0 and model[0].kept_bytes == 0
