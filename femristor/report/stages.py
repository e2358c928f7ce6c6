"""Stages of a long run: each keeps its result in the output folder and is skipped when nothing changed."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from femristor import __version__
from femristor.core import store
from femristor.core.errors import StoreError
from femristor.core.io.files import ensure_output_dir


@dataclass(frozen=True)
class StageBook:
    """Results of a run by stage.

    Attributes:
        folder: output folder.
        say: where one line a stage goes.
    """

    folder: Path
    say: Callable[[str], None]

    def get(self, name: str, key: dict, compute: Callable[[], Any]):
        """Result of a stage, from the folder when it was made from the same inputs.

        Args:
            name: stage, also the file's name.
            key: everything that the result depends on (card hash, settings, hashes of earlier results).
            compute: makes the result.

        Returns:
            The result.

        Raises:
            OutputError: the folder cannot be written.
        """
        ensure_output_dir(self.folder)
        file = self.folder / f"{name}.h5"
        digest = stage_digest(key)
        if file.exists():
            try:
                if store.tag_of(file) == digest:
                    result = store.load(file)
                    self.say(f"{name}: kept from an earlier run ({file.name})")
                    return result
            except StoreError as error:
                self.say(f"{name}: {error} It is made again.")
        result = compute()
        store.save(result, file, tag=digest)
        return result


def stage_digest(key: dict) -> str:
    """Digest of a stage's inputs and of the package version."""
    text = json.dumps({"version": __version__, **key}, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()
