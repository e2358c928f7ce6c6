"""Checks of what users hand in, each with one sentence, and seeded torch generators."""

import numpy as np
import torch

from femristor.core.errors import InputError


def torch_generator(seed: int, *stream: int, device: str = "cpu") -> torch.Generator:
    """Generator of one named stream of a seed.

    Args:
        seed: the user's seed (0 or more).
        *stream: integers that name the use, so that two uses of a seed are independent.
        device: torch device it draws on.

    Returns:
        torch.Generator; the same arguments give the same numbers on one kind of device.
    """
    words = np.random.SeedSequence([int(seed), *map(int, stream)]).generate_state(2, np.uint32)
    generator = torch.Generator(device=device)
    generator.manual_seed(int(words[0]) << 31 ^ int(words[1]))
    return generator


def finite_tensor(values, name: str, *, device="cpu") -> torch.Tensor:
    """Values as a float64 tensor.

    Args:
        values: tensor, array or nested sequence.
        name: what it is, for the message.
        device: torch device.

    Returns:
        Detached float64 tensor.

    Raises:
        InputError: not numbers, empty, or NaN or infinity among them.
    """
    try:
        # Without the type a Python float would pass through float32.
        tensor = torch.as_tensor(values, dtype=torch.float64, device=device).detach()
    except (TypeError, ValueError, RuntimeError):
        raise InputError(
            f"The {name} is not a rectangular array of numbers; give one number for each entry."
        ) from None
    if tensor.numel() == 0:
        raise InputError(f"The {name} is empty (shape {tuple(tensor.shape)}); give at least one number.")
    bad = int((~torch.isfinite(tensor)).sum())
    if bad:
        raise InputError(f"The {name} has {bad} NaN or infinite entries of {tensor.numel()}; replace them.")
    return tensor


def require_time(time_s: float) -> float:
    """A time after programming.

    Raises:
        InputError: negative, NaN or infinite.
    """
    if not (np.isfinite(time_s) and time_s >= 0):
        raise InputError(
            f"A time of {time_s} s after programming is not possible; give a finite time from 0 s on."
        )
    return float(time_s)


def require_later(to_time_s: float, now_s: float, what: str) -> float:
    """A time that is not before the present one.

    Args:
        to_time_s: asked for.
        now_s: present time.
        what: subject of the sentence, with its verb: "The cells are".

    Returns:
        The time [s].

    Raises:
        InputError: a time before the present one, negative or infinite.
    """
    time = require_time(to_time_s)
    if time < now_s:
        raise InputError(
            f"{what} at {now_s:g} s and cannot go back to {time:g} s; ask for rising times or program again."
        )
    return time
