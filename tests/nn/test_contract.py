"""One contract for the inputs of all layers on arrays: what does not fit is refused in one sentence, the rest passes."""

import numpy as np
import pytest
import torch

from femristor.array.weights import weight_arrays
from femristor.core.errors import InputError
from femristor.device import load_card
from femristor.nn.devices.soft_bounds import SoftBoundsDevice
from femristor.nn.inference.program import program
from femristor.nn.inference.settings import InferenceSettings
from femristor.nn.inference.tiles import TileGrid
from femristor.nn.layers.convert import to_analog
from femristor.nn.layers.convolution import AnalogConv2d
from femristor.nn.layers.linear import AnalogLinear
from femristor.nn.layers.paired import PairedLinear
from femristor.nn.layers.recurrent import AnalogLSTM
from femristor.nn.layers.tiling import TiledLinear
from femristor.nn.mvm.product import AnalogMatrix
from femristor.nn.update.optimiser import AnalogSGD
from femristor.nn.update.rules.analog_sgd import AnalogSgdSettings

CARD = load_card("cmo_hfox")
DEVICE = SoftBoundsDevice()
OPEN = InferenceSettings(output_bound=15.0)
ANALOG = {"device": DEVICE, "rule": AnalogSgdSettings()}


def programmed(layer: torch.nn.Module, **options) -> torch.nn.Module:
    return program(layer, weight_arrays(CARD), OPEN, **options).model


LINEAR = {
    "linear": lambda: AnalogLinear(4, 3, **ANALOG),
    "digital bias": lambda: AnalogLinear(4, 3, bias="digital", **ANALOG),
    "pair": lambda: PairedLinear(4, 3, **ANALOG),
    "tiles": lambda: TiledLinear(4, 3, max_tile=2, **ANALOG),
    "tiles of pairs": lambda: TiledLinear(4, 3, max_tile=2, reference="pair", **ANALOG),
    "programmed": lambda: programmed(torch.nn.Linear(4, 3)),
    "programmed tiles": lambda: programmed(torch.nn.Linear(4, 3), max_tile=2),
}
CONV = {
    "convolution": lambda: AnalogConv2d(2, 3, 3, **ANALOG),
    "convolution on tiles": lambda: AnalogConv2d(2, 3, 3, max_tile=5, reference="pair", **ANALOG),
    "programmed convolution": lambda: programmed(torch.nn.Conv2d(2, 3, 3)),
    "programmed groups": lambda: programmed(torch.nn.Conv2d(2, 4, 3, groups=2)),
}
LSTM = {
    "lstm": lambda: AnalogLSTM(4, 3, 2, **ANALOG),
    "lstm on tiles": lambda: AnalogLSTM(4, 3, max_tile=4, **ANALOG),
    "programmed lstm": lambda: programmed(torch.nn.LSTM(4, 3, 2)),
    "programmed both ways": lambda: programmed(torch.nn.LSTM(4, 3, bidirectional=True)),
}
FITS = (
    dict.fromkeys(LINEAR, torch.ones(5, 4))
    | dict.fromkeys(CONV, torch.ones(2, 2, 5, 6))
    | dict.fromkeys(LSTM, torch.ones(6, 2, 4))
)
LAYERS = LINEAR | CONV | LSTM
TRAINED = {kind: make for kind, make in LAYERS.items() if "programmed" not in kind}
WIDTH_AXIS = dict.fromkeys(LINEAR, -1) | dict.fromkeys(CONV, -3) | dict.fromkeys(LSTM, -1)
BATCH_AXIS = dict.fromkeys(LINEAR, 0) | dict.fromkeys(CONV, 0) | dict.fromkeys(LSTM, 1)
ALL = pytest.mark.parametrize("kind", LAYERS)


def resized(x: torch.Tensor, axis: int, size: int) -> torch.Tensor:
    shape = list(x.shape)
    shape[axis] = size
    return torch.ones(shape)


def refused(kind: str, x, *words: str) -> None:
    layer = LAYERS[kind]()
    for grad in (True, False):
        with torch.set_grad_enabled(grad), pytest.raises(InputError) as caught:
            layer(x)
        text = str(caught.value)
        assert type(layer).__name__ in text, text
        assert all(word in text for word in words), text
        assert "\n" not in text and text.endswith(".") and len(text) < 300
        assert not any(getattr(part, "kept_batches", 0) for part in layer.modules())


@ALL
def test_what_fits_passes(kind):
    layer, x = LAYERS[kind](), FITS[kind]
    y = layer(x)
    y = y[0] if isinstance(y, tuple) else y
    assert y.dtype == torch.float32 and bool(torch.isfinite(y).all()) and y.abs().max() > 0
    assert torch.equal((layer(x)[0] if isinstance(layer(x), tuple) else layer(x)), y)


@ALL
@pytest.mark.parametrize("size", [1, 3, 20])
def test_another_width_is_refused(kind, size):
    """20 columns for a layer of 4 gave a product of the first 4."""
    if size == FITS[kind].shape[WIDTH_AXIS[kind]]:
        size += 1
    refused(kind, resized(FITS[kind], WIDTH_AXIS[kind], size), "shape", "needs", str(size))


@ALL
@pytest.mark.parametrize(
    "dtype", [torch.int64, torch.int32, torch.uint8, torch.bool, torch.complex64], ids=str
)
def test_other_types_are_refused(kind, dtype):
    """Whole numbers gave zeros, as the result took their type."""
    refused(kind, FITS[kind].to(dtype), str(dtype).removeprefix("torch."), ".float()")


@ALL
@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16], ids=str)
def test_floating_point_of_any_size_passes(kind, dtype):
    layer, x = LAYERS[kind](), FITS[kind]
    y, plain = layer(x.to(dtype)), layer(x)
    y, plain = (found[0] if isinstance(found, tuple) else found for found in (y, plain))
    assert y.dtype == dtype
    # An LSTM of low precision rounds at every step; converters may round to the next level.
    assert (y.float() - plain).abs().max() < 0.13


@ALL
def test_empty_batches_are_refused(kind):
    refused(kind, resized(FITS[kind], BATCH_AXIS[kind], 0), "empty batch", "leave")


@ALL
def test_other_axes_are_refused(kind):
    x = FITS[kind]
    wrong = torch.tensor(1.0) if kind in LINEAR else x[None, None]
    refused(kind, wrong, "shape", "needs")


@ALL
@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_what_is_not_finite_is_refused(kind, value):
    x = FITS[kind].clone()
    x.view(-1)[3] = value
    if kind in TRAINED:
        refused(kind, x, "1 NaN or infinite", "learning rate")
        return
    with pytest.raises(InputError, match="NaN or infinite entries"):
        LAYERS[kind]()(x)


@pytest.mark.parametrize("kind", TRAINED)
def test_in_evaluation_nan_gives_nan_as_in_torch(kind):
    layer, x = LAYERS[kind]().eval(), FITS[kind].clone()
    x.view(-1)[3] = float("nan")
    y = layer(x)
    assert bool(torch.isnan(y[0] if isinstance(y, tuple) else y).any())


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_calibration_refuses_what_is_not_finite(value):
    """It became the range of the converters."""
    x = torch.ones(5, 4)
    x[2, 1] = value
    with pytest.raises(InputError, match=r"ProgrammedLinear\(4, 3\) at model got 1 NaN or infinite"):
        program(torch.nn.Linear(4, 3), weight_arrays(CARD), calibration=x)


@ALL
def test_other_devices_are_refused(kind):
    """The meta device stands for any other one."""
    refused(kind, FITS[kind].to("meta"), "device meta", "x.to('cpu')")


@ALL
@pytest.mark.parametrize("x", [[1.0, 2.0, 3.0, 4.0], np.ones((5, 4), dtype=np.float32), None, "x"])
def test_what_is_no_tensor_is_refused(kind, x):
    refused(kind, x, "floating-point tensor", "torch.as_tensor")


@pytest.mark.parametrize("kind", LSTM)
def test_packed_sequences_are_refused(kind):
    refused(kind, torch.nn.utils.rnn.pack_padded_sequence(FITS[kind], [6, 4]), "unpack")


@pytest.mark.parametrize("kind", CONV)
def test_images_smaller_than_the_kernel_are_refused(kind):
    refused(kind, torch.ones(1, 2, 2, 6), "smaller than the kernel", "pad")


@pytest.mark.parametrize("kind", LSTM)
@pytest.mark.parametrize(
    "change",
    [
        lambda h: h[:, :1],
        lambda h: h[..., :2],
        lambda h: h.long(),
        lambda h: h.to("meta"),
        lambda h: h * float("nan"),
        lambda h: None,
    ],
    ids=["batch", "width", "type", "device", "nan", "none"],
)
def test_states_that_do_not_belong_to_the_sequence_are_refused(kind, change):
    layer, x = LAYERS[kind](), FITS[kind]
    _, (h, c) = layer(x)
    again, _ = layer(x, (h, c))
    assert bool(torch.isfinite(again).all())
    for state in ((change(h), c), (h, change(c)), h, (h,)):
        with pytest.raises(InputError, match="state") as caught:
            layer(x, state)
        assert "\n" not in str(caught.value) and str(tuple(h.shape)) in str(caught.value)


@pytest.mark.parametrize(
    "put",
    [lambda net: to_analog(net, DEVICE), lambda net: to_analog(net, DEVICE, max_tile=3), programmed],
    ids=["analog", "tiles", "programmed"],
)
def test_layers_of_a_model_say_where_they_are(put):
    net = torch.nn.ModuleDict({"head": torch.nn.Sequential(torch.nn.Tanh(), torch.nn.Linear(4, 3))})
    model = put(torch.nn.Sequential(net["head"]))
    with pytest.raises(InputError, match=r"Linear\(4, 3\) at model\.0\.1 got inputs of shape"):
        model(torch.ones(5, 9))


def test_moved_layers_take_inputs_where_they_are():
    layer = AnalogLinear(4, 3, **ANALOG).to("meta")
    assert layer(torch.ones(2, 4, device="meta")).is_meta
    with pytest.raises(InputError, match="device cpu, but needs them on meta"):
        layer(torch.ones(2, 4))


def test_sums_that_overflow_are_no_infinities():
    layer = AnalogLinear(4, 3, **ANALOG)
    assert bool(torch.isfinite(layer(torch.full((300, 4), 60000.0, dtype=torch.float16).float())).all())
    half = torch.full((300, 4), 1000.0, dtype=torch.float16)
    assert not torch.isfinite(half.sum()) and layer(half).shape == (300, 3)


def test_vmap_passes():
    layer = AnalogLinear(4, 3, **ANALOG)
    x = torch.rand(5, 4)
    with torch.no_grad():
        assert torch.allclose(torch.func.vmap(layer)(x), layer(x), atol=1e-6)


def test_a_grid_of_tiles_looks_at_its_own_inputs():
    grid = TileGrid(torch.ones(3, 4), None, OPEN, number=0, max_tile=2)
    grid.program(weight_arrays(CARD), seed=0, draw=0)
    for x in (torch.ones(2, 20), torch.ones(2, 4, dtype=torch.int64), torch.ones(0, 4)):
        with pytest.raises(InputError, match=r"TileGrid\(4, 3\)"):
            grid(x)


def test_matrices_refuse_complex_inputs_and_take_whole_numbers():
    matrix = AnalogMatrix(np.eye(3), weight_arrays(CARD))
    with pytest.raises(InputError, match="complex"):
        matrix(np.ones(3) + 1j)
    with pytest.raises(InputError, match="complex"):
        matrix(torch.ones(3, dtype=torch.complex64))
    with pytest.raises(InputError, match="complex"):
        AnalogMatrix(np.eye(3) * 1j, weight_arrays(CARD))
    assert torch.equal(matrix([1, 0, 1]), matrix([1.0, 0.0, 1.0]))


@pytest.mark.parametrize("kind", TRAINED)
def test_training_in_evaluation_mode_is_refused(kind):
    """Nothing was kept, and the step did nothing in silence."""

    def backward(layer):
        y = layer(FITS[kind])
        (y[0] if isinstance(y, tuple) else y).sum().backward()

    layer = TRAINED[kind]().eval()
    optimiser = AnalogSGD(layer, 0.05)
    before = {name: values.clone() for name, values in layer.state_dict().items()}
    backward(layer)
    with pytest.raises(InputError, match=r"evaluation mode.*model.train\(\)") as caught:
        optimiser.step()
    assert "\n" not in str(caught.value)
    assert all(torch.equal(values, before[name]) for name, values in layer.state_dict().items())
    optimiser.zero_grad()
    optimiser.step()
    layer.train()
    backward(layer)
    optimiser.step()
    assert optimiser.slow_pulses > 0


def test_frozen_layers_may_be_in_evaluation_mode():
    model = torch.nn.Sequential(AnalogLinear(4, 4, **ANALOG), AnalogLinear(4, 3, **ANALOG))
    model[0].weight.requires_grad_(False)
    model[0].eval()
    optimiser = AnalogSGD(model, 0.05)
    before = model[0].weight.clone()
    model(torch.ones(5, 4)).sum().backward()
    optimiser.step()
    assert torch.equal(before, model[0].weight) and optimiser.slow_pulses > 0
