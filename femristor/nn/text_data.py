"""War and Peace as a sequence of characters, checked by hash; never fetched from anywhere.

The split is that of Gokmen et al., Front. Neurosci. 12, 745 (2018): the first 2,933,246 characters are learnt, the
last 325,000 are for the test. The 87 byte values that occur are numbered in their order.
"""

import gzip
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from femristor.core.errors import DataError
from femristor.core.files import read_bytes, sha256_file
from femristor.nn.datasets import find_folder

TEXT_FILES = {
    "warpeace_input.txt.gz": "4b3786ba7e225877f4d9b40fff36c49f85e1122c7fba6f0c72e719517d141463",
}
TEST_CHARACTERS = 325_000


@dataclass(frozen=True)
class Text:
    """A text as numbers.

    Attributes:
        train: (n,) uint8, character codes from 0 to symbols - 1.
        test: (m,) uint8, the end of the text.
        alphabet: (symbols,) uint8, the byte of each code.
        hashes: file name to SHA-256.
    """

    train: np.ndarray
    test: np.ndarray
    alphabet: np.ndarray
    hashes: dict[str, str]

    @property
    def symbols(self) -> int:
        """Different characters."""
        return int(self.alphabet.size)


def load_text(folder: str | Path | None = None) -> Text:
    """Read War and Peace.

    Args:
        folder: where `warpeace_input.txt.gz` is; otherwise as `datasets.find_folder` looks for it.

    Returns:
        Training text and test text.

    Raises:
        DataError: the file is missing or is not the one of the experiments.
    """
    place = find_folder("text", tuple(TEXT_FILES), folder)
    ((name, expected),) = TEXT_FILES.items()
    path = place / name
    if sha256_file(path) != expected:
        raise DataError(f"{path}: the SHA-256 is not that of the published text; copy the file again.")
    raw = np.frombuffer(gzip.decompress(read_bytes(path, "text")), dtype=np.uint8)
    alphabet, codes = np.unique(raw, return_inverse=True)
    codes = codes.astype(np.uint8)
    return Text(codes[:-TEST_CHARACTERS], codes[-TEST_CHARACTERS:], alphabet, dict(TEXT_FILES))
