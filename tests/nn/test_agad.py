"""AGAD: twin, reference dynamics, convergence from a wrong reference, agreement of its pieces with the equations."""

import copy
from dataclasses import replace

import numpy as np
import pytest

from femristor.core.errors import InputError
from femristor.nn.devices.soft_bounds import SoftBoundsDevice
from femristor.nn.devices.table_device import TableDevice
from femristor.nn.update.counter_rng import tile_key
from femristor.nn.update.pulsed_update import PulseTrain
from femristor.nn.update.rules import agad
from femristor.nn.update.rules.agad import AgadSettings, AgadState, buffer_rate
from femristor.nn.update.rules.agad_kernel import COLUMN, SAMPLES, SWEEPS
from femristor.nn.update.rules.agad_plain import update_plain

GRID_S = np.linspace(9e-6, 88e-6, 24)
SHARE = np.linspace(0.0, 1.0, 24)
TABLE = TableDevice.from_steps(GRID_S, 6e-6 * (1.05 - SHARE), -7e-6 * (0.05 + SHARE), 0.5)
FINE = replace(SoftBoundsDevice(), n_states_mean=400, n_states_std=0)

VARIANTS = {
    "default": AgadSettings(transfer_every=1),
    "random": AgadSettings(
        transfer_every=2, chop_random=True, forget=False, momentum=0.3, transfer_pulses=3, read_bits=0
    ),
    "static": AgadSettings(reference="static", auto_scale=False, fast_lr=0.2, transfer_every=1),
    "auto granularity": AgadSettings(transfer_every=1, auto_granularity=5.0, read_noise=0.0, tail=2.0),
}


@pytest.mark.parametrize("settings", VARIANTS.values(), ids=VARIANTS)
@pytest.mark.parametrize("device", [SoftBoundsDevice(bound_std=0.1), TABLE], ids=["soft", "table"])
def test_kernel_twin_and_threads_agree_bit_for_bit(device, settings):
    rng = np.random.default_rng(4)
    rows, cols = 66, 7
    devices, fast = (device.sample(rows, cols, seed=1, stream=k) for k in (0, 1))
    runs = []
    for run, extra in ((agad.update, {}), (agad.update, {"threads": 2}), (update_plain, {})):
        weight = devices.clip(np.full((rows, cols), 0.1))
        runs.append((run, extra, weight, AgadState.start(fast), []))
    for _ in range(25):
        x = rng.standard_normal((10, cols)).astype(np.float32)
        d = rng.standard_normal((10, rows)).astype(np.float32)
        x[:, ::3], d[3] = 0, 0
        for run, extra, weight, state, counts in runs:
            options = {
                "d": d,
                "state": state,
                "fast_devices": fast,
                "lr": 0.05,
                "settings": settings,
                "key": tile_key(9),
            }
            counts.append(run(weight, devices, x, **options, **extra))
    _, _, weight, state, counts = runs[0]
    assert sum(written for _, written in counts) > 0
    for _, _, other, other_state, other_counts in runs[1:]:
        assert counts == other_counts
        assert np.array_equal(weight, other)
        for name, values in vars(state).items():
            assert np.array_equal(values, getattr(other_state, name)), name


def train_toy(settings: AgadSettings, *, reference: float, batches: int = 2000, seed: int = 0):
    """Linear regression on one layer of 4 x 8: error of the weights at the start and at the end."""
    rng = np.random.default_rng(seed)
    goal = rng.uniform(-0.5, 0.5, (4, 8)).astype(np.float32)
    fast = SoftBoundsDevice().sample(4, 8, seed=seed, stream=1)
    devices = FINE.sample(4, 8, seed=seed)
    weight = devices.clip(np.zeros((4, 8)))
    state = AgadState.start(fast, reference=reference)
    options = {
        "state": state,
        "fast_devices": fast,
        "lr": 0.02,
        "settings": settings,
        "key": tile_key(seed, 7),
    }
    for _ in range(batches):
        x = rng.standard_normal((10, 8)).astype(np.float32)
        agad.update(weight, devices, x, d=x @ (weight - goal).T, **options)
    return float(np.sqrt(np.mean(goal**2))), float(np.sqrt(np.mean((weight - goal) ** 2))), state


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_converges_from_a_wrong_reference_where_a_static_one_does_not(seed):
    """The paper's fast device; the reference starts at 0.5, the symmetry point is at -0.22."""
    before, dynamic, _ = train_toy(AgadSettings(transfer_every=1), reference=0.5, seed=seed)
    _, static, _ = train_toy(AgadSettings(transfer_every=1, reference="static"), reference=0.5, seed=seed)
    _, calibrated, _ = train_toy(
        AgadSettings(transfer_every=1, reference="static"), reference=-0.22, seed=seed
    )
    assert before > 0.25
    assert dynamic < 0.02
    assert calibrated < 0.02
    assert static > before


def test_reference_follows_the_symmetry_point_without_a_gradient():
    """Input and error of random signs pull A to its symmetry point; P and Q learn it, column by column."""
    rng = np.random.default_rng(0)
    fast = replace(SoftBoundsDevice(), skew_std=0, n_states_std=0, gamma_std=0).sample(40, 6, seed=0)
    devices = FINE.sample(40, 6, seed=1)
    weight = devices.clip(np.zeros((40, 6)))
    state = AgadState.start(fast, reference=0.5)
    settings = AgadSettings(transfer_every=1)
    for _ in range(150):
        x = rng.choice([-1.0, 1.0], (20, 6)).astype(np.float32)
        d = rng.choice([-1.0, 1.0], (20, 40)).astype(np.float32)
        agad.update(
            weight,
            devices,
            x,
            d=d,
            state=state,
            fast_devices=fast,
            lr=0.001,
            settings=settings,
            key=tile_key(0),
        )
    assert state.fast.mean() == pytest.approx(-0.22, abs=0.06)
    assert state.reference.mean() == pytest.approx(-0.22, abs=0.06)
    assert abs(weight.mean()) < 0.02


def test_mean_transfer_is_the_gradient_step_on_a_linear_fast_device():
    """Linear A with a calibrated static reference: over a sweep, C moves by lambda times the mean read.

    After `every` samples of one constant (x, d), A holds -eta_A x d every; the next read of column k is that
    value, and the buffer gets lambda times it; with whole pulses kept in H the sum H + pulses is exact.
    """
    linear = replace(SoftBoundsDevice().ideal(), n_states_mean=4000)
    fast, devices = (linear.sample(5, 3, seed=0, stream=k) for k in (0, 1))
    settings = AgadSettings(
        fast_lr=0.02,
        auto_scale=False,
        transfer_every=4,
        reference="static",
        read_bits=0,
        read_noise=0,
        forget=False,
        transfer_pulses=100,
        train=PulseTrain(31),
    )
    x = np.array([[0.8, -0.5, 0.3]], dtype=np.float32)
    d = np.array([[0.5, -0.3, 0.2, 0.1, 0.0]], dtype=np.float32)
    totals = []
    for seed in range(200):
        weight = devices.clip(np.zeros((5, 3)))
        state = AgadState.start(fast)
        for _ in range(12):
            agad.update(
                weight,
                devices,
                x,
                d=d,
                state=state,
                fast_devices=fast,
                lr=0.01,
                settings=settings,
                key=tile_key(seed),
            )
        rate = buffer_rate(0.01, settings, fast.granularity, cols=3)
        totals.append((weight / devices.granularity + state.buffer) / rate)
    expected = -0.02 * np.outer(d[0], x[0]) * np.array([4, 8, 12])
    error = np.std(totals, axis=0) / np.sqrt(len(totals))
    assert np.all(np.abs(np.mean(totals, axis=0) - expected) <= 4.5 * error + 1e-4 * np.abs(expected))


def test_columns_are_read_in_turn_and_choppers_flip_with_the_period():
    fast, devices = SoftBoundsDevice().sample(3, 4, seed=0), FINE.sample(3, 4, seed=1)
    settings = AgadSettings(transfer_every=2, chop_probability=0.25)
    assert settings.period == 4
    weight, state = devices.clip(np.zeros((3, 4))), AgadState.start(fast)
    x, d = np.ones((1, 4), dtype=np.float32), np.ones((1, 3), dtype=np.float32)
    options = {
        "d": d,
        "state": state,
        "fast_devices": fast,
        "lr": 0.01,
        "settings": settings,
        "key": tile_key(0),
    }
    written = []
    for _ in range(2 * 4 * 4):
        written.append(agad.update(weight, devices, x, **options)[1])
    assert list(state.counters[[SAMPLES, COLUMN, SWEEPS]]) == [32, 0, 4]
    assert np.all(state.chopper == -1) and np.all(state.flipped == 1)
    assert sum(written) == 0 and np.all(weight == 0)
    agad.update(weight, devices, x, **options)
    agad.update(weight, devices, x, **options)
    assert list(state.flipped) == [0, 1, 1, 1]
    assert np.all(state.reference[:, 0] != 0) and np.all(state.reference[:, 1:] == 0)


def test_auto_scale_holds_the_pulses_whatever_the_gradient_scale():
    fast, devices = SoftBoundsDevice().sample(30, 20, seed=0), FINE.sample(30, 20, seed=1)
    rng = np.random.default_rng(0)
    x, d = rng.standard_normal((50, 20)), rng.standard_normal((50, 30))
    counts = []
    for scale in (1.0, 1e-6):
        weight, state = devices.clip(np.zeros((30, 20))), AgadState.start(fast)
        options = {
            "state": state,
            "fast_devices": fast,
            "lr": 0.01,
            "settings": AgadSettings(),
            "key": tile_key(0),
        }
        counts.append(agad.update(weight, devices, x, d=scale * d, **options)[0])
    assert counts[0] > 500
    assert counts[1] == pytest.approx(counts[0], rel=0.02)


def test_states_are_copied_whole():
    fast = SoftBoundsDevice().sample(3, 4, seed=0)
    state = AgadState.start(fast)
    other = copy.deepcopy(state)
    other.fast += 1
    assert not np.array_equal(state.fast, other.fast)


@pytest.mark.parametrize(
    "settings",
    [
        {"transfer_every": 0},
        {"read_bits": 1},
        {"chop_probability": 0.0},
        {"auto_momentum": 1.0},
        {"fast_lr": float("nan")},
        {"reference": "none"},
    ],
    ids=str,
)
def test_bad_settings(settings):
    with pytest.raises(InputError):
        AgadSettings(**settings)
