"""Finished sweeps on disk, one small .npz each, named by the hash of everything that they depend on."""

import dataclasses
import hashlib
import json
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from femristor import __version__
from femristor.compact.results.table import QUANTITIES
from femristor.core.environment import own_cache
from femristor.core.io.files import atomic_write
from femristor.device.card import DeviceCard

LAYOUT = 1
"""Raise it when the meaning of a cached entry changes."""


def default_cache_folder() -> Path:
    """Folder of cached sweeps: FEMRISTOR_CACHE, or femristor/compact in the user's cache folder."""
    return own_cache("compact")


def card_numbers(card: DeviceCard) -> dict:
    """The numbers of a card that a field solution at a given dome density depends on.

    Args:
        card: device card.

    Returns:
        Nested dictionary for JSON; statistics, selector and range are not in it.
    """
    parts = ("layers", "materials", "filament", "dome", "domain", "hopping", "ionic")
    numbers = dataclasses.asdict(card)
    return {
        **{name: numbers[name] for name in parts},
        "states": {label: dataclasses.asdict(card.states[label]) for label in ("hrs", "lrs")},
        "polarity": card.polarity,
        "cell_width_m": card.cell_width_m,
    }


def content_key(card: DeviceCard, settings: dict, bias_V, density_m3: float, ambient_K: float) -> str:
    """Hash that names one sweep.

    Args:
        card: device card.
        settings: settings of the sampler, e.g. its mesh.
        bias_V: (bias,) biases.
        density_m3: dome density.
        ambient_K: ambient.

    Returns:
        64 hex digits.
    """
    content = {
        "layout": LAYOUT,
        "version": __version__,
        "card": card_numbers(card),
        "settings": settings,
        "bias_V": [float(v) for v in bias_V],
        "density_m3": float(density_m3),
        "ambient_K": float(ambient_K),
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()


@dataclass(frozen=True)
class SweepCache:
    """Cached sweeps; a damaged or foreign entry counts as missing and is solved again.

    Attributes:
        folder: where entries are; made when the first one is written.
    """

    folder: Path

    def get(self, key: str, points: int) -> dict[str, np.ndarray] | None:
        """Arrays of a sweep by quantity, or None.

        Args:
            key: from `content_key`.
            points: number of biases expected.

        Returns:
            Quantity to (bias,) array.
        """
        path = self.folder / f"{key}.npz"
        try:
            # A file of our own: np.load leaves its one open when the archive is damaged.
            with open(path, "rb") as stream, np.load(stream, allow_pickle=False) as file:
                arrays = {name: np.array(file[name], dtype=float) for name in QUANTITIES}
        except (OSError, KeyError, ValueError, EOFError, zipfile.BadZipFile):
            return None
        good = all(a.shape == (points,) and np.all(np.isfinite(a) & (a > 0)) for a in arrays.values())
        return arrays if good else None

    def put(self, key: str, arrays: dict[str, np.ndarray]) -> None:
        """Keep a sweep.

        Args:
            key: from `content_key`.
            arrays: quantity to (bias,) array.

        Raises:
            OutputError: the folder cannot be written.
        """
        with atomic_write(self.folder / f"{key}.npz", "wb") as stream:
            np.savez(stream, **arrays)
