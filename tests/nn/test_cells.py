"""What the compiled kernels are handed: shapes and types that would be read or written beyond their end are refused."""

from dataclasses import replace

import numpy as np
import pytest

from femristor.core.errors import InputError
from femristor.nn.devices.parameters import NO_LIBRARY, TABLE, DeviceArray
from femristor.nn.devices.soft_bounds import SoftBoundsDevice
from femristor.nn.devices.table_device import TableDevice
from femristor.nn.layers.linear import AnalogLinear
from femristor.nn.update.counter_rng import tile_key
from femristor.nn.update.rules import agad, analog_sgd, mixed_precision

DEVICE = SoftBoundsDevice()
KEY = tile_key(0, 0)


def update(rule, shape=(3, 4), devices=(3, 4), fast=(3, 4), dtype=np.float32):
    weight = np.zeros(shape, dtype=dtype)
    under = DEVICE.sample(*devices, seed=0)
    x, d = np.ones((2, shape[1])), np.ones((2, shape[0]))
    options = {"d": d, "settings": rule, "key": KEY}
    if isinstance(rule, agad.AgadSettings):
        hidden = DEVICE.sample(*fast, seed=0, stream=1)
        state = agad.AgadState.start(hidden)
        return agad.update(weight, under, x, state=state, fast_devices=hidden, lr=0.1, **options)
    if isinstance(rule, mixed_precision.MixedPrecisionSettings):
        state = mixed_precision.MixedPrecisionState.start(DEVICE.sample(*fast, seed=0))
        return mixed_precision.update(weight, under, x, state=state, lr=0.1, **options)
    return analog_sgd.update(weight, under, x, rate=0.1, **options)


@pytest.mark.parametrize(
    "rule",
    [agad.AgadSettings(), analog_sgd.AnalogSgdSettings(), mixed_precision.MixedPrecisionSettings()],
    ids=lambda rule: rule.name,
)
def test_arrays_of_another_shape_or_type_are_refused(rule):
    update(rule)
    wrong = [{"devices": (2, 4)}, {"devices": (3, 5)}, {"dtype": np.float64}]
    if not isinstance(rule, analog_sgd.AnalogSgdSettings):
        wrong.append({"fast": (2, 4)})
    for case in wrong:
        with pytest.raises(InputError, match=r"needs float32 of \(3, 4\)") as caught:
            update(rule, **case)
        assert "\n" not in str(caught.value)


GOOD = DEVICE.sample(3, 4, seed=0)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"parameters": GOOD.parameters.astype(float)}, "float32"),
        ({"parameters": GOOD.parameters[..., :7]}, "rows, cols, 8"),
        ({"parameters": GOOD.parameters[0]}, "rows, cols, 8"),
        ({"parameters": np.full_like(GOOD.parameters, np.nan)}, "finite"),
        ({"granularity": 0.0}, "granularity above 0"),
        ({"granularity": float("nan")}, "granularity above 0"),
        ({"kind": 7}, "kind 0 or 1"),
        ({"library": NO_LIBRARY.astype(float)}, "step tables"),
        ({"library": NO_LIBRARY[:, :1]}, "step tables"),
        ({"library": NO_LIBRARY[:, :, :1]}, "step tables"),
        ({"kind": TABLE, "parameters": np.full_like(GOOD.parameters, 1.0)}, "none of 0 to 0"),
    ],
    ids=range(11),
)
def test_cells_that_the_kernels_cannot_read_are_refused(changes, words):
    with pytest.raises(InputError, match=words) as caught:
        replace(GOOD, **changes)
    assert "\n" not in str(caught.value)


LIBRARY = np.full((2, 2, 5, 2), 0.1, dtype=np.float32)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"library": LIBRARY.astype(float)}, "step tables"),
        ({"library": LIBRARY[0]}, "step tables"),
        ({"library": LIBRARY * np.nan}, "step tables"),
        ({"step_spread": 1.5}, "spread"),
        ({"step_spread": float("nan")}, "spread"),
        ({"w_min": 1.0, "w_max": -1.0}, "windows"),
        ({"windows": np.array([[-1.0, 1.0]])}, "windows"),
        ({"windows": np.array([[-1.0, 1.0], [0.5, 0.5]])}, "windows"),
    ],
    ids=range(8),
)
def test_tables_that_are_none_are_refused(changes, words):
    options = {"library": LIBRARY, "step_spread": 0.0, "g_min_S": 1e-6, "g_max_S": 1e-5}
    assert TableDevice(**options).sample(3, 4, seed=0).shape == (3, 4)
    with pytest.raises(InputError, match=words) as caught:
        TableDevice(**options | changes)
    assert "\n" not in str(caught.value)


class Turned:
    """A device of a user's own that mixes up rows and columns, or draws something else."""

    label, w_min, w_max = "turned", -1.0, 1.0

    def __init__(self, *, plain: bool = False) -> None:
        self.plain = plain

    def sample(self, rows: int, cols: int, *, seed: int, stream: int = 0) -> DeviceArray:
        found = DEVICE.sample(cols, rows, seed=seed, stream=stream)
        return found.parameters if self.plain else found


@pytest.mark.parametrize("plain", [False, True])
def test_devices_of_a_user_draw_as_many_cells_as_the_layer_has(plain):
    for options in ({"device": Turned(plain=plain)}, {"device": Turned(plain=plain), "slow_device": DEVICE}):
        with pytest.raises(InputError, match=r"device= draws.*\(3, 5\)"):
            AnalogLinear(4, 3, **options)
