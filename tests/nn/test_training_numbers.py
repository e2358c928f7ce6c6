"""Random numbers and powers of the kernels: right, and the same in compiled and plain code."""

import numba
import numpy as np
from scipy import stats

from femristor.nn.update.counter_rng import (
    GOLDEN,
    child_plain,
    draw,
    draw_plain,
    mix_plain,
    normal,
    normal_plain,
    tile_key,
    uniform,
    uniform_plain,
)
from femristor.nn.update.power import power, power_plain

COUNT = 200_000


@numba.njit
def _draw(key, count):
    u, z = np.empty(count, np.float32), np.empty(count, np.float32)
    for k in range(count):
        bits = draw(key, k)
        u[k], z[k] = uniform(bits), normal(bits)
    return u, z


@numba.njit
def _powers(u, gamma):
    out = np.empty_like(u)
    for k in range(u.size):
        out[k] = power(u[k], gamma[k])
    return out


def test_draws_agree_and_have_the_right_distribution():
    key = tile_key(5, 1)
    u, z = _draw(key, COUNT)
    bits = draw_plain(key, np.arange(COUNT))
    assert np.array_equal(u, uniform_plain(bits))
    assert np.array_equal(z, normal_plain(bits))
    assert stats.kstest(u, "uniform").statistic < 1.63 / np.sqrt(COUNT)
    assert stats.kstest(z, "norm").statistic < 1.63 / np.sqrt(COUNT)
    assert abs(stats.kurtosis(z)) < 5 * np.sqrt(24 / COUNT)
    assert abs(np.mean(z)) < 5 / np.sqrt(COUNT) and abs(np.var(z) - 1) < 5 * np.sqrt(2 / COUNT)
    assert abs(np.mean(z.astype(float) ** 6) - 15) < 5 * np.sqrt(10170 / COUNT)
    assert 0 <= u.min() and u.max() < 1


def test_neighbours_are_uncorrelated():
    key = tile_key(0)
    bits = draw_plain(key, np.arange(COUNT))
    z = normal_plain(bits)
    for lag in (1, 2, 64, 785):
        assert abs(np.corrcoef(z[:-lag], z[lag:])[0, 1]) < 5 / np.sqrt(COUNT)
    other = normal_plain(draw_plain(tile_key(1), np.arange(COUNT)))
    assert abs(np.corrcoef(z, other)[0, 1]) < 5 / np.sqrt(COUNT)


def test_numbers_of_neighbouring_keys_are_uncorrelated():
    """Rows of one slot are children of one key; their noise must not know of each other, cell by cell."""
    keys = child_plain(tile_key(3), np.arange(2000))[:, None]
    z = normal_plain(draw_plain(keys, np.arange(400)[None, :]))
    assert abs(np.corrcoef(z[:-1].ravel(), z[1:].ravel())[0, 1]) < 5 / np.sqrt(z.size)
    for axis, count in ((0, 2000), (1, 400)):
        means = z.mean(axis=axis) * np.sqrt(count)
        assert abs(np.var(means) - 1) < 5 * np.sqrt(2 / means.size)


def test_tile_keys_differ_with_every_word():
    keys = {int(tile_key(*words)) for words in ((0,), (1,), (0, 0), (0, 1), (1, 0), (0, 0, 0))}
    assert len(keys) == 6


def test_mixer_is_splitmix64():
    """First outputs of splitmix64 with seed 0, from its published reference code."""
    state = np.arange(1, 4, dtype=np.uint64) * GOLDEN
    expected = [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F]
    assert [int(value) for value in mix_plain(state)] == expected


def test_power_is_close_to_the_exact_one_and_the_same_in_both():
    rng = np.random.default_rng(1)
    u = rng.random(COUNT).astype(np.float32)
    gamma = (4 * rng.random(COUNT)).astype(np.float32)
    u[:4], gamma[:4] = (0.0, 1.0, -1e-3, 0.5), (1.0, 3.0, 1.0, 0.0)
    fast = _powers(u, gamma)
    assert np.array_equal(fast, power_plain(u, gamma))
    exact = np.where(u > 0, np.abs(u.astype(float)) ** gamma, 0.0)
    assert np.max(np.abs(fast - exact)) < 4e-7
    assert fast[0] == 0 and fast[1] == 1 and fast[2] == 0 and fast[3] == 1
