"""What became of a computation."""

import datetime as _dt
import platform
from dataclasses import dataclass, field
from enum import StrEnum
from importlib import metadata

from femristor import __version__

TRACKED = ("numpy", "scipy", "dolfinx-solver-real", "gmsh", "torch", "numba")


def dependency_versions() -> dict[str, str]:
    """Versions of the packages that results depend on.

    Returns:
        Name to version; packages that are not installed are left out.
    """
    found = {"femristor": __version__, "python": platform.python_version()}
    for name in TRACKED:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


@dataclass(frozen=True)
class Provenance:
    """Origin of a result.

    Attributes:
        step: what made it, e.g. "fem.electrothermal".
        card_hash: hash of the device card, or "".
        seed: seed used, or -1 where nothing is random.
        inputs: name of each input to its hash (files, earlier results).
        versions: package versions.
        created: UTC time, ISO 8601.
        notes: what a reader should know ("synthetic curve", "dE held at ...").
    """

    step: str
    card_hash: str = ""
    seed: int = -1
    inputs: dict[str, str] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    created: str = ""
    notes: tuple[str, ...] = ()

    @classmethod
    def create(cls, step: str, *, card=None, seed: int = -1, inputs: dict[str, str] | None = None, notes=()):
        """Provenance of a result that is made now.

        Args:
            step: what makes it.
            card: the device card (its `hash` is kept) or None.
            seed: the seed, -1 where nothing is random.
            inputs: input name to hash.
            notes: sentences for the reader.

        Returns:
            Provenance.
        """
        return cls(
            step=step,
            card_hash="" if card is None else card.hash,
            seed=seed,
            inputs=dict(inputs or {}),
            versions=dependency_versions(),
            created=_dt.datetime.now(_dt.UTC).isoformat(timespec="seconds"),
            notes=tuple(notes),
        )

    def as_dict(self) -> dict:
        """Plain dictionary for JSON."""
        return {
            "step": self.step,
            "card_hash": self.card_hash,
            "seed": self.seed,
            "inputs": dict(self.inputs),
            "versions": dict(self.versions),
            "created": self.created,
            "notes": list(self.notes),
        }


class Status(StrEnum):
    """Outcome stored with every result (a failed solve raises and has no result)."""

    CONVERGED = "converged"
    MEASURED = "measured"
    SAMPLED = "sampled"
    INTERRUPTED = "interrupted"
