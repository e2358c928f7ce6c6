"""Devices: the symmetry point where the skew says, fixed points, tables, bad statistics."""

from dataclasses import replace

import numpy as np
import pytest

from femristor.core.errors import InputError
from femristor.device import load_card
from femristor.nn.devices.parameters import GAMMA_UP, STEP_DOWN, STEP_UP, W_MAX, W_MIN
from femristor.nn.devices.pulse import fire_plain
from femristor.nn.devices.soft_bounds import SoftBoundsDevice, symmetry_point
from femristor.nn.devices.table_device import TableDevice
from femristor.nn.update.counter_rng import child_plain, tile_key

GRID_S = np.linspace(9e-6, 88e-6, 40)


def quiet(**changes) -> SoftBoundsDevice:
    """The paper's mean device without spread and noise."""
    still = SoftBoundsDevice(n_states_std=0, skew_std=0, gamma_std=0, noise_to_signal=0)
    return replace(still, **changes)


def pulses(devices, weight, directions, *, seed=0):
    """Weights after each pulse of a train on all cells, (pulses, rows, cols)."""
    key = tile_key(seed)
    hit = np.ones(weight.shape, dtype=bool)
    trace = []
    for number, up in enumerate(directions):
        keys = child_plain(child_plain(key, number), np.arange(weight.shape[0]))[:, None]
        fire_plain(weight, devices, hit, np.full(weight.shape, up), keys)
        trace.append(weight.copy())
    return np.array(trace)


@pytest.mark.parametrize(
    ("gamma", "asymmetry"), [(1.0, 0.0), (0.6, 0.0), (1.7, 0.0), (1.2, 0.3), (1.0, -0.4)]
)
def test_skew_of_61_percent_gives_a_symmetry_point_of_minus_022(gamma, asymmetry):
    """At -0.22 up and down steps are equal and 1/22 of the window, for any exponents."""
    assert symmetry_point(0.61) == pytest.approx(-0.22, abs=1e-12)
    devices = quiet(gamma_mean=gamma, asymmetry_mean=asymmetry).sample(1, 1, seed=0)
    start = np.full((1, 1), -0.22, dtype=np.float32)
    up = pulses(devices, start.copy(), [True])[0, 0, 0] + 0.22
    down = pulses(devices, start.copy(), [False])[0, 0, 0] + 0.22
    assert up == pytest.approx(2 / 22, rel=2e-6)
    assert down == pytest.approx(-2 / 22, rel=2e-6)


def test_alternating_pulses_find_the_symmetry_point():
    """Mean of an up/down train: its fixed point is -0.22 up to half a step."""
    devices = quiet(n_states_mean=200).sample(3, 4, seed=0)
    trace = pulses(devices, np.full((3, 4), 0.6, dtype=np.float32), [True, False] * 900)
    assert np.allclose(trace[-2:].mean(axis=0), -0.22, atol=0.006)


def test_linear_soft_bounds_at_22_states_step_4_over_22_at_the_far_bound():
    devices = quiet(skew_mean=0.5).sample(1, 1, seed=0)
    assert devices.parameters[0, 0, STEP_UP] == pytest.approx(4 / 22, rel=1e-6)
    assert devices.parameters[0, 0, STEP_DOWN] == pytest.approx(4 / 22, rel=1e-6)
    assert devices.granularity == pytest.approx(2 / 22, rel=1e-6)


def test_bounds_are_fixed_points_and_are_never_passed():
    devices = replace(SoftBoundsDevice(), bound_std=0.1).sample(20, 20, seed=3)
    weight = devices.clip(np.zeros((20, 20)))
    up = pulses(devices, weight.copy(), [True] * 400)
    assert np.all(up <= devices.w_max) and np.all(up >= devices.w_min)
    at_top = devices.w_max.copy()
    still = replace(SoftBoundsDevice(), noise_to_signal=0.0).sample(4, 4, seed=1)
    top = still.w_max.copy()
    assert np.array_equal(pulses(still, top.copy(), [True])[0], top)
    bottom = still.w_min.copy()
    assert np.array_equal(pulses(still, bottom.copy(), [False])[0], bottom)
    assert np.all(at_top == devices.w_max)


def test_measured_figures_of_merit_come_back_from_a_pulse_train():
    """N_states, skew and NSR of single steps at the symmetry point, over many devices of one kind."""
    devices = quiet(noise_to_signal=0.3, n_states_mean=40).sample(200, 100, seed=2)
    start = np.full((200, 100), -0.22, dtype=np.float32)
    steps = pulses(devices, start.copy(), [True])[0] - start
    count = steps.size
    assert 2 / steps.mean() == pytest.approx(40, rel=5 * 0.3 / np.sqrt(count))
    assert steps.std() / steps.mean() == pytest.approx(0.3, rel=5 / np.sqrt(2 * count))


def test_population_has_the_card_statistics():
    card = load_card("cmo_hfox")
    device = SoftBoundsDevice.from_card(card)
    assert (device.n_states_mean, device.skew_mean, device.noise_to_signal) == (22, 0.61, 0.9)
    p = replace(device, gamma_std=0.0).sample(200, 200, seed=4).parameters.astype(float)
    ratio = p[..., STEP_DOWN] / p[..., STEP_UP]
    skew = ratio / (1.0 + ratio)
    n_states = 2.0 / (p[..., STEP_UP] * skew)
    assert skew.mean() == pytest.approx(0.61, abs=5 * 0.05 / 200) and skew.std() == pytest.approx(
        0.05, rel=0.02
    )
    assert n_states.mean() == pytest.approx(22, abs=5 * 4.25 / 200) and n_states.std() == pytest.approx(
        4.25, rel=0.02
    )
    gamma = device.sample(200, 200, seed=4).parameters[..., GAMMA_UP].astype(float)
    assert gamma.mean() == pytest.approx(1.0, abs=5 * 0.1 / 200) and gamma.std() == pytest.approx(
        0.1, rel=0.02
    )
    assert np.all(p[..., W_MIN] == -1) and np.all(p[..., W_MAX] == 1)


def test_the_two_gaussians_carry_their_correlation():
    device = replace(SoftBoundsDevice(), states_skew_correlation=0.8, gamma_std=0.0)
    p = device.sample(100, 100, seed=5).parameters.astype(float)
    ratio = p[..., STEP_DOWN] / p[..., STEP_UP]
    skew = ratio / (1.0 + ratio)
    n_states = 2.0 / (p[..., STEP_UP] * skew)
    assert np.corrcoef(n_states.ravel(), skew.ravel())[0, 1] == pytest.approx(0.8, abs=0.02)
    assert skew.std() == pytest.approx(0.05, rel=0.05)


def test_same_seed_same_devices():
    device = SoftBoundsDevice()
    same = [device.sample(5, 6, seed=1, stream=2).fingerprint() for _ in range(2)]
    other = device.sample(5, 6, seed=1, stream=3).fingerprint()
    assert same[0] == same[1] != other


def test_symmetric_has_its_symmetry_point_at_zero():
    devices = quiet().symmetric().sample(1, 1, seed=0)
    p = devices.parameters[0, 0]
    assert p[STEP_UP] == pytest.approx(p[STEP_DOWN], rel=1e-6)


def soft_table(**options) -> TableDevice:
    """Linear soft bounds of skew 61 % and 22 states written as a table in siemens."""
    w = (GRID_S - GRID_S[0]) / (GRID_S[-1] - GRID_S[0])
    step = (GRID_S[-1] - GRID_S[0]) / 22
    return TableDevice.from_steps(GRID_S, step * (1 - w) / 0.61, -step * w / 0.39, 0.0, **options)


def test_table_of_soft_bounds_steps_is_the_soft_bounds_device():
    table = soft_table()
    assert table.symmetry_point() == pytest.approx(-0.22, abs=1e-6)
    directions = np.random.default_rng(0).random(60) < 0.5
    start = np.linspace(-0.9, 0.9, 12, dtype=np.float32).reshape(3, 4)
    ours = pulses(table.sample(3, 4, seed=0), start.copy(), directions)
    theirs = pulses(quiet().sample(3, 4, seed=0), start.copy(), directions)
    assert np.max(np.abs(ours - theirs)) < 2e-5
    assert table.sample(3, 4, seed=0).granularity == pytest.approx(
        quiet().sample(3, 4, seed=0).granularity, rel=1e-5
    )


def test_table_noise_has_its_nsr():
    w = (GRID_S - GRID_S[0]) / (GRID_S[-1] - GRID_S[0])
    table = TableDevice.from_steps(GRID_S, 2e-6 * (1.2 - w), -2e-6 * (0.2 + w), 0.4)
    devices = table.sample(150, 150, seed=0)
    start = np.zeros((150, 150), dtype=np.float32)
    steps = pulses(devices, start.copy(), [True])[0]
    scale = 2 / (GRID_S[-1] - GRID_S[0])
    assert steps.mean() == pytest.approx(scale * 2e-6 * 0.7, rel=5 * 0.4 / 150)
    assert steps.std() / steps.mean() == pytest.approx(0.4, rel=0.03)


def test_several_tables_are_all_used_and_spread_scales_steps():
    w = (GRID_S - GRID_S[0]) / (GRID_S[-1] - GRID_S[0])
    up = np.stack([2e-6 * (1.2 - w), 4e-6 * (1.2 - w)])
    table = TableDevice.from_steps(GRID_S, up, -2e-6 * np.stack([0.2 + w, 0.2 + w]), 0.0, step_spread=0.1)
    steps = pulses(table.sample(60, 60, seed=0), np.zeros((60, 60), dtype=np.float32), [True])[0]
    small = 2 / (GRID_S[-1] - GRID_S[0]) * 2e-6 * 0.7
    assert np.mean(steps > 1.5 * small) == pytest.approx(0.5, abs=0.05)
    assert np.std(steps[steps < 1.5 * small]) == pytest.approx(0.1 * small, rel=0.1)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: SoftBoundsDevice(skew_mean=1.0), "symmetry point"),
        (lambda: SoftBoundsDevice(skew_mean=61.0), "61 % is 0.61"),
        (lambda: SoftBoundsDevice(n_states_mean=1.0), "states"),
        (lambda: SoftBoundsDevice(n_states_std=-1.0), "negative"),
        (lambda: SoftBoundsDevice(gamma_mean=float("nan")), "finite"),
        (lambda: SoftBoundsDevice(w_min=1.0), "window"),
        (lambda: SoftBoundsDevice(states_skew_correlation=1.5), "correlation"),
        (lambda: SoftBoundsDevice(skew_mean=0.5, skew_std=1e9).sample(10, 10, seed=0), "physical limits"),
        (lambda: SoftBoundsDevice().sample(0, 4, seed=0), "no cell"),
        (lambda: soft_table().sample(4, 0, seed=0), "no cell"),
        (lambda: TableDevice.from_steps(GRID_S[::-1], GRID_S, -GRID_S, 0.1), "increase"),
        (lambda: TableDevice.from_steps(GRID_S, GRID_S[:-1], -GRID_S, 0.1), "do not fit"),
        (lambda: TableDevice.from_steps(GRID_S, GRID_S * np.nan, -GRID_S, 0.1), "not a number"),
        (lambda: TableDevice.from_steps(GRID_S, GRID_S, GRID_S, 0.1), "negative changes"),
        (lambda: TableDevice.from_steps(GRID_S, GRID_S, -2 * GRID_S, 0.1), "no symmetry point"),
        (lambda: TableDevice.from_steps(GRID_S, GRID_S, -GRID_S, -0.1), "nsr"),
    ],
)
def test_bad_devices_are_named_in_one_sentence(call, words):
    with pytest.raises(InputError, match=words) as caught:
        call()
    assert "\n" not in str(caught.value)
