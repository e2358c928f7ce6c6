"""Random numbers that are hashes of counters, the same in compiled and in plain code.

The finaliser of splitmix64 (Steele, Lea and Flood, OOPSLA 2014) maps a 64-bit counter to 64 mixed bits.
A number belongs to its counter, not to the order of drawing: results do not depend on the number of threads,
and the generator's whole state is the tile's key and its count of samples.

Each function is written once for arrays and compiled from the same source for scalars.
"""

from statistics import NormalDist

import numba
import numpy as np

GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MULTIPLIER_1 = np.uint64(0xBF58476D1CE4E5B9)
_MULTIPLIER_2 = np.uint64(0x94D049BB133111EB)
_SHIFT_1, _SHIFT_2, _SHIFT_3 = np.uint64(30), np.uint64(27), np.uint64(31)
_SHIFT_24 = np.uint64(40)
_UNIT_24 = np.float32(2.0**-24)
_TABLE_BITS = 12
_TABLE_SHIFT = np.uint64(_TABLE_BITS)
_TABLE_MASK = np.uint64(2**_TABLE_BITS - 1)
_HALF_ROOT = np.float32(np.sqrt(0.5))
_WORD = 2**64 - 1


def _normal_quantiles() -> np.ndarray:
    size = 2**_TABLE_BITS
    upper = np.array([NormalDist().inv_cdf((size // 2 + k + 0.5) / size) for k in range(size // 2)])
    upper /= np.sqrt(np.mean(upper**2))
    return np.concatenate([-upper[::-1], upper]).astype(np.float32)


NORMAL_QUANTILES = _normal_quantiles()


def mix_plain(counter):
    """Mix 64-bit counters.

    Args:
        counter: uint64 array.

    Returns:
        uint64 array of the same shape.
    """
    z = (counter ^ (counter >> _SHIFT_1)) * _MULTIPLIER_1
    z = (z ^ (z >> _SHIFT_2)) * _MULTIPLIER_2
    return z ^ (z >> _SHIFT_3)


def uniform_plain(bits):
    """Uniform numbers in [0, 1) on a grid of 2^-24.

    Args:
        bits: mixed uint64 array.

    Returns:
        float32 array.
    """
    return (bits >> _SHIFT_24).astype(np.float32) * _UNIT_24


def normal_plain(bits):
    """Standard normal numbers: the scaled sum of two draws from 4096 quantiles (largest 5.2).

    Args:
        bits: mixed uint64 array.

    Returns:
        float32 array.
    """
    first = NORMAL_QUANTILES[bits & _TABLE_MASK]
    second = NORMAL_QUANTILES[(bits >> _TABLE_SHIFT) & _TABLE_MASK]
    return (first + second) * _HALF_ROOT


mix = numba.njit(inline="always")(mix_plain)
normal = numba.njit(inline="always")(normal_plain)


@numba.njit(inline="always")
def uniform(bits):
    """One number of `uniform_plain`."""
    return np.float32(bits >> _SHIFT_24) * _UNIT_24


@numba.njit(inline="always")
def child(key, index):
    """Key number `index` (uint64) below a key."""
    return mix(key + index * GOLDEN)


def child_plain(key, index) -> np.ndarray:
    """The keys of `child` as an array.

    Args:
        key: uint64 scalar or array.
        index: non-negative integers, scalar or array; broadcast against `key`.

    Returns:
        uint64 array of at least one dimension.
    """
    index = np.atleast_1d(np.asarray(index)).astype(np.uint64)
    return mix_plain(np.atleast_1d(np.asarray(key, dtype=np.uint64)) + index * GOLDEN)


def tile_key(seed: int, *words: int) -> np.uint64:
    """Key of a tile's stream.

    Args:
        seed: the user's seed.
        *words: integers that name the tile (layer number and use).

    Returns:
        64-bit key; other arguments give an unrelated one.
    """
    key = np.zeros(1, dtype=np.uint64)
    for word in (int(seed), *map(int, words)):
        key = child_plain(child_plain(key, word & _WORD), 1)
    return np.uint64(key[0])
