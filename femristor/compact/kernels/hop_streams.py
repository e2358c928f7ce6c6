"""numba: normal numbers for the kernels, from a NumPy generator or from a stream of a cell's own.

Streams are xoshiro256++ (Blackman & Vigna, ACM Trans. Math. Softw. 47, 2021), four words a cell, so that the numbers
of a cell depend neither on threads nor on batches. Pairs of normal numbers by Marsaglia's polar method.
"""

import math

import numpy as np
from numba import njit, types
from numba.extending import overload

WORDS = 6
"""Words of a stream: four of its state, whether a normal number is left over, and that number's bits."""
TO_UNIT = 2.0**-53


def cell_streams(seed: int, cells: int, *stream: int) -> np.ndarray:
    """(cells, WORDS) uint64 streams; those of the first cells do not depend on how many there are.

    Args:
        seed: the user's, 0 or more.
        cells: how many.
        *stream: integers that name the use.

    Returns:
        States for `normal`, advanced in place by the kernels.
    """
    words = np.random.SeedSequence([int(seed), *map(int, stream)]).generate_state(4 * cells, np.uint64)
    found = np.zeros((cells, WORDS), dtype=np.uint64)
    found[:, :4] = words.reshape(cells, 4)
    return found


@njit(cache=True)
def bits(state):
    """Next 64 random bits of a stream."""
    s0, s1, s2, s3 = state[0], state[1], state[2], state[3]
    total = s0 + s3
    result = ((total << np.uint64(23)) | (total >> np.uint64(41))) + s0
    shifted = s1 << np.uint64(17)
    s2 ^= s0
    s3 ^= s1
    s1 ^= s2
    s0 ^= s3
    s2 ^= shifted
    s3 = (s3 << np.uint64(45)) | (s3 >> np.uint64(19))
    state[0], state[1], state[2], state[3] = s0, s1, s2, s3
    return result


@njit(cache=True)
def stream_normal(state):
    """Next normal number of a stream."""
    if state[4] != np.uint64(0):
        state[4] = np.uint64(0)
        return state[5:6].view(np.float64)[0]
    while True:
        x = 2.0 * (bits(state) >> np.uint64(11)) * TO_UNIT - 1.0
        y = 2.0 * (bits(state) >> np.uint64(11)) * TO_UNIT - 1.0
        square = x * x + y * y
        if 0.0 < square < 1.0:
            factor = math.sqrt(-2.0 * math.log(square) / square)
            state[4] = np.uint64(1)
            state[5:6].view(np.float64)[0] = y * factor
            return x * factor


def normal(source):
    """A normal number of a generator or of a cell's stream (WORDS,)."""
    return stream_normal(source) if isinstance(source, np.ndarray) else source.standard_normal()


@overload(normal)
def _normal_of(source):
    if isinstance(source, types.Array):
        return lambda source: stream_normal(source)
    return lambda source: source.standard_normal()
