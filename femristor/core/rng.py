"""Seeded generators; nothing in the package draws from a global one."""

import numpy as np


def generator(seed: int, *stream: int) -> np.random.Generator:
    """Generator of one named stream of a seed.

    Args:
        seed: the user's seed (0 or more).
        *stream: integers that name the use, so that two uses of a seed are independent.

    Returns:
        A Philox generator; the same arguments give the same numbers.
    """
    return np.random.Generator(np.random.Philox(np.random.SeedSequence([int(seed), *map(int, stream)])))
