"""Random numbers that are hashes of counters, the same in compiled and in plain code.

Keys: the finaliser of splitmix64 (Steele, Lea and Flood, OOPSLA 2014) maps a 64-bit counter to 64 mixed bits.
Numbers: a 32-bit finaliser (two multiplications, after C. Wellons' `lowbias32`) of the counter, started from
one half of the key and crossed with the other, gives 32 bits; sixteen of them fit a vector register.
A number belongs to its counter, not to the order of drawing: results do not depend on the number of threads,
and the generator's whole state is the tile's key and its count of samples.

Standard normal numbers need no table: with `n` ones among the 32 bits and `t` triangular in (-1, 1)::

    s = (n - 16 + t)/sqrt(8 + 1/6),     xi = s (a + b s^2)

a sum of fair coins, made smooth by t; b takes its excess kurtosis (-0.06) away and a keeps the variance at 1.
"""

import numba
import numpy as np
from numba.extending import intrinsic

GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MULTIPLIER_1 = np.uint64(0xBF58476D1CE4E5B9)
_MULTIPLIER_2 = np.uint64(0x94D049BB133111EB)
_SHIFT_1, _SHIFT_2, _SHIFT_3, _HALF = np.uint64(30), np.uint64(27), np.uint64(31), np.uint64(32)
_STRIDE, _SMALL_1, _SMALL_2, _SMALL_3 = map(np.uint32, (0x9E3779B9, 0x21F0AAAD, 0x735A2D97, 0x85EBCA6B))
_SHIFT_16, _SHIFT_15, _SHIFT_8, _LOW_16 = map(np.uint32, (16, 15, 8, 0xFFFF))
_UNIT_24 = np.float32(2.0**-24)
_CENTRE = np.int32(16 * 65536 + 65535)
_WORD = 2**64 - 1


def _normal_factors() -> tuple[np.float32, np.float32, np.float32]:
    """Scale of s and the factors a and b, from the exact cumulants of 32 coins and a triangle."""
    variance = 8.0 + 1.0 / 6.0
    fourth = (-4.0 - 1.0 / 60.0) / variance**2
    sixth = (32.0 / 4.0 + 2.0 / 252.0) / variance**3
    m4, m6 = 3.0 + fourth, 15.0 + 15.0 * fourth + sixth
    ratio = -fourth / 24.0 / (1.0 + fourth / 8.0)
    a = 1.0 / np.sqrt(1.0 + 2.0 * ratio * m4 + ratio**2 * m6)
    return np.float32(1.0 / np.sqrt(variance) / 65536.0), np.float32(a), np.float32(a * ratio)


_SCALE, _LINEAR, _CUBIC = _normal_factors()


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


def draw_plain(key, index) -> np.ndarray:
    """32 mixed bits of counter number `index` below a key.

    Args:
        key: uint64 scalar or array.
        index: non-negative integers below 2^32, scalar or array; broadcast against `key`.

    Returns:
        uint32 array of at least one dimension.
    """
    key = np.atleast_1d(np.asarray(key, dtype=np.uint64))
    z = key.astype(np.uint32) + np.atleast_1d(np.asarray(index)).astype(np.uint32) * _STRIDE
    z = ((z ^ (z >> _SHIFT_16)) * _SMALL_1) ^ (key >> _HALF).astype(np.uint32)
    z = (z ^ (z >> _SHIFT_15)) * _SMALL_2
    return z ^ (z >> _SHIFT_15)


def uniform_plain(bits: np.ndarray) -> np.ndarray:
    """Uniform numbers in [0, 1) on a grid of 2^-24.

    Args:
        bits: mixed uint32 array.

    Returns:
        float32 array.
    """
    return (bits >> _SHIFT_8).astype(np.float32) * _UNIT_24


def normal_plain(bits: np.ndarray) -> np.ndarray:
    """Standard normal numbers (largest 5.8).

    Args:
        bits: mixed uint32 array.

    Returns:
        float32 array.
    """
    other = (bits ^ (bits >> _SHIFT_15)) * _SMALL_3
    ones = np.bitwise_count(bits).astype(np.int32) << np.int32(16)
    both = ((other & _LOW_16) + (other >> _SHIFT_16)).astype(np.int32)
    s = (ones + both - _CENTRE).astype(np.float32) * _SCALE
    return s * (_LINEAR + _CUBIC * (s * s))


@intrinsic
def _count_ones(context, bits):
    """Number of set bits of a uint32, one machine instruction where there is one."""

    def build(_, builder, signature, arguments):
        return builder.ctpop(arguments[0])

    return numba.types.uint32(numba.types.uint32), build


mix = numba.njit(inline="always")(mix_plain)


@numba.njit(inline="always")
def draw(key, index):
    """The bits of `draw_plain`; key a uint64, index any integer."""
    z = np.uint32(np.uint32(key) + np.uint32(np.uint32(index) * _STRIDE))
    z = np.uint32(np.uint32(np.uint32(z ^ (z >> _SHIFT_16)) * _SMALL_1) ^ np.uint32(key >> _HALF))
    z = np.uint32(np.uint32(z ^ (z >> _SHIFT_15)) * _SMALL_2)
    return np.uint32(z ^ (z >> _SHIFT_15))


@numba.njit(inline="always")
def uniform(bits):
    """One number of `uniform_plain`."""
    return np.float32(np.int32(bits >> _SHIFT_8)) * _UNIT_24


@numba.njit(inline="always")
def normal(bits):
    """One number of `normal_plain`."""
    other = np.uint32(np.uint32(bits ^ (bits >> _SHIFT_15)) * _SMALL_3)
    ones = np.int32(np.uint32(_count_ones(bits)) << _SHIFT_16)
    both = np.int32(np.uint32(np.uint32(other & _LOW_16) + np.uint32(other >> _SHIFT_16)))
    s = np.float32(np.int32(ones + both - _CENTRE)) * _SCALE
    return s * (_LINEAR + _CUBIC * (s * s))


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
