"""The pulsed outer product: binomial statistics on a linear device, management of scales, twin, threads."""

from dataclasses import replace

import numpy as np
import pytest

from femristor.core.errors import InputError
from femristor.nn.devices.soft_bounds import SoftBoundsDevice
from femristor.nn.devices.table_device import TableDevice
from femristor.nn.update.counter_rng import tile_key
from femristor.nn.update.pulsed_update import PulseTrain, train_scales_plain
from femristor.nn.update.rules import analog_sgd
from femristor.nn.update.rules.analog_sgd import AnalogSgdSettings

STATES = 20_000
DELTA = 2.0 / STATES
LINEAR = replace(SoftBoundsDevice().ideal(), n_states_mean=STATES)
GRID_S = np.linspace(9e-6, 88e-6, 24)
SHARE = np.linspace(0.0, 1.0, 24)
TABLE = TableDevice.from_steps(GRID_S, 6e-6 * (1.05 - SHARE), -7e-6 * (0.05 + SHARE), 0.5, step_spread=0.2)


def repeated_updates(x, d, rate, *, count):
    """dw of `count` independent samples of one (x, d), each from weight 0: (count, rows, cols)."""
    devices = LINEAR.sample(d.size, x.size, seed=0)
    out = np.empty((count, d.size, x.size))
    for k in range(count):
        weight = np.zeros((d.size, x.size), dtype=np.float32)
        analog_sgd.update(
            weight,
            devices,
            x[None],
            d=d[None],
            rate=rate,
            settings=AnalogSgdSettings(),
            key=tile_key(11),
            first_sample=k,
        )
        out[k] = weight
    return out


X = np.array([1.0, -0.7, 0.4, 0.05, 0.0], dtype=np.float32)
D = np.array([-0.5, 0.3, 0.02, 0.0], dtype=np.float32)


@pytest.mark.parametrize("wanted", [0.6, 4.3, 25.0])
def test_mean_and_variance_are_binomial_on_a_linear_device(wanted):
    """n ~ Binomial(BL, p q): E dw = -eta x d, Var dw = delta^2 BL p q (1 - p q), for each cell."""
    count = 4000
    rate = wanted * DELTA / 0.5
    slots, a, b = train_scales_plain(rate, 1.0, 0.5, DELTA, (31, True, True))
    assert slots == int(np.ceil(wanted))
    chance = np.outer(a * np.abs(D), b * np.abs(X))
    dw = repeated_updates(X, D, rate, count=count)
    expected = -rate * np.outer(D, X)
    variance = DELTA**2 * slots * chance * (1 - chance)
    assert np.allclose(np.abs(expected), DELTA * slots * chance, rtol=1e-6)
    error = np.sqrt(variance / count) + 2e-3 * np.abs(expected) + 1e-12
    assert np.all(np.abs(dw.mean(axis=0) - expected) < 4.5 * error)
    active = variance > 1e-6 * DELTA**2
    fourth = np.mean((dw - dw.mean(axis=0)) ** 4, axis=0)
    spread = np.sqrt((fourth - variance**2).clip(0) / count) + 4e-3 * variance
    assert np.all(np.abs(dw.var(axis=0) - variance)[active] < 5 * spread[active])
    assert np.all(np.ptp(dw[:, ~active], axis=0) == 0)


def test_cells_of_a_row_share_the_error_bit():
    """cov(n_ij, n_ik) = BL q p_j p_k (1 - q): the bit trains are shared, as on the wires of a crossbar."""
    rate = 4.3 * DELTA / 0.5
    slots, a, b = train_scales_plain(rate, 1.0, 0.5, DELTA, (31, True, True))
    q, p = a * np.abs(D), b * np.abs(X)
    pulses = np.abs(repeated_updates(X, D, rate, count=6000)) / DELTA
    found = np.cov(pulses[:, 1, 0], pulses[:, 1, 1])[0, 1]
    assert found == pytest.approx(slots * q[1] * p[0] * p[1] * (1 - q[1]), rel=0.12)
    far = np.corrcoef(pulses[:, 0, 2], pulses[:, 1, 1])[0, 1]
    assert abs(far) < 5 / np.sqrt(6000)


def test_length_management():
    """BL = ceil(k) below L; above it the inputs stay unclipped and the largest error saturates."""
    train = (31, True, True)
    assert train_scales_plain(1.0, 1.0, 0.05, 1.0, train)[0] == 1
    slots, a, b = train_scales_plain(1.0, 2.0, 50.0, 1.0, train)
    assert slots == 31 and b * 2.0 == pytest.approx(1.0) and a * 50.0 == pytest.approx(100 / 31)
    slots, a, b = train_scales_plain(1.0, 2.0, 3.0, 1.0, train)
    assert slots == 6 and a * 3.0 == pytest.approx(1.0) and b * 2.0 == pytest.approx(1.0)
    assert train_scales_plain(1.0, 1.0, 0.05, 1.0, (31, False, True))[0] == 31
    slots, a, b = train_scales_plain(1.0, 4.0, 0.5, 1.0, (31, True, False))
    assert a == b == pytest.approx(np.sqrt(1.0 / 2))
    for zero in ((0.0, 1.0, 1.0), (1.0, 0.0, 1.0), (1.0, 1.0, 0.0)):
        assert train_scales_plain(*zero, 1.0, train) == (0, 0.0, 0.0)


@pytest.mark.parametrize(
    "device", [SoftBoundsDevice(bound_std=0.1), TABLE, LINEAR], ids=["soft", "table", "linear"]
)
@pytest.mark.parametrize(
    "train", [PulseTrain(), PulseTrain(5), PulseTrain(7, manage_length=False, manage_scale=False)], ids=str
)
def test_kernel_twin_and_threads_agree_bit_for_bit(device, train):
    rng = np.random.default_rng(3)
    rows, cols = 70, 41
    devices = device.sample(rows, cols, seed=1)
    start = devices.clip(0.3 * rng.standard_normal((rows, cols)))
    x = rng.standard_normal((9, cols)).astype(np.float32)
    d = rng.standard_normal((9, rows)).astype(np.float32)
    x[:, ::3], d[2], x[4] = 0, 0, 0
    options = {
        "d": d,
        "rate": 0.2,
        "settings": AnalogSgdSettings(train),
        "key": tile_key(1, 2),
        "first_sample": 77,
    }
    results = []
    for run in (
        analog_sgd.update,
        analog_sgd.update_plain,
        lambda *a, **k: analog_sgd.update(*a, **k, threads=2),
    ):
        weight = start.copy()
        results.append((run(weight, devices, x, **options), weight))
    assert results[0][0] == results[1][0] == results[2][0] > 0
    assert np.array_equal(results[0][1], results[1][1])
    assert np.array_equal(results[0][1], results[2][1])
    assert not np.array_equal(results[0][1], start)


def test_same_seed_same_bits_other_seed_other_bits():
    devices = SoftBoundsDevice().sample(20, 30, seed=0)
    rng = np.random.default_rng(0)
    x, d = rng.standard_normal((5, 30)), rng.standard_normal((5, 20))
    results = []
    for seed in (0, 0, 1):
        weight = devices.clip(np.zeros((20, 30)))
        analog_sgd.update(weight, devices, x, d=d, rate=0.1, settings=AnalogSgdSettings(), key=tile_key(seed))
        results.append(weight)
    assert np.array_equal(results[0], results[1])
    assert not np.array_equal(results[0], results[2])


def test_batches_may_be_cut_anywhere():
    """One batch of 8 is the same as 3 and 5: pulses belong to the sample's number."""
    devices = SoftBoundsDevice().sample(12, 10, seed=0)
    rng = np.random.default_rng(0)
    x, d = rng.standard_normal((8, 10)), rng.standard_normal((8, 12))
    options = {"rate": 0.1, "settings": AnalogSgdSettings(), "key": tile_key(0)}
    whole = devices.clip(np.zeros((12, 10)))
    parts = whole.copy()
    analog_sgd.update(whole, devices, x, d=d, **options)
    analog_sgd.update(parts, devices, x[:3], d=d[:3], **options)
    analog_sgd.update(parts, devices, x[3:], d=d[3:], first_sample=3, **options)
    assert np.array_equal(whole, parts)


def test_analog_sgd_learns_on_a_nearly_linear_device():
    """Linear regression: the weights reach the target to a few steps of the device."""
    rng = np.random.default_rng(2)
    goal = rng.uniform(-0.6, 0.6, (4, 8))
    device = replace(SoftBoundsDevice().ideal(), n_states_mean=2000)
    devices = device.sample(4, 8, seed=0)
    weight = devices.clip(np.zeros((4, 8)))
    for step in range(400):
        x = rng.standard_normal((4, 8)).astype(np.float32)
        d = x @ (weight - goal).T
        options = {
            "rate": 0.02,
            "settings": AnalogSgdSettings(),
            "key": tile_key(0),
            "first_sample": 4 * step,
        }
        analog_sgd.update(weight, devices, x, d=d, **options)
    assert np.sqrt(np.mean((weight - goal) ** 2)) < 0.01


@pytest.mark.parametrize(
    ("x", "d", "words"),
    [
        (np.full((2, 5), np.nan), np.ones((2, 4)), "input of an analog layer is NaN"),
        (np.ones((2, 5)), np.full((2, 4), np.inf), "gradient of an analog layer is NaN or infinite"),
        (np.ones((2, 6)), np.ones((2, 4)), "do not fit"),
        (np.ones((3, 5)), np.ones((2, 4)), "do not fit"),
    ],
)
def test_bad_vectors_leave_the_weights_alone(x, d, words):
    devices = SoftBoundsDevice().sample(4, 5, seed=0)
    weight = devices.clip(np.zeros((4, 5)))
    before = weight.copy()
    with pytest.raises(InputError, match=words):
        analog_sgd.update(weight, devices, x, d=d, rate=0.1, settings=AnalogSgdSettings(), key=tile_key(0))
    assert np.array_equal(weight, before)


def test_bad_trains_and_threads():
    with pytest.raises(InputError, match="slots"):
        PulseTrain(0)
    devices = SoftBoundsDevice().sample(4, 5, seed=0)
    x, d = np.ones((1, 5)), np.ones((1, 4))
    options = {"rate": 0.1, "settings": AnalogSgdSettings(), "key": tile_key(0), "threads": 0}
    with pytest.raises(InputError, match="threads"):
        analog_sgd.update(devices.clip(np.zeros((4, 5))), devices, x, d=d, **options)
