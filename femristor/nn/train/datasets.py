"""War and Peace as a sequence of characters, checked by hash; never fetched from anywhere.

The split is that of Gokmen et al., Front. Neurosci. 12, 745 (2018): the first 2,933,246 characters are learnt, the
last 325,000 are for the test. The 87 byte values that occur are numbered in their order.
"""

import gzip
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from femristor.core.errors import DataError
from femristor.core.io.files import read_bytes, sha256_file

MNIST_FILES = {
    "train-images-idx3-ubyte.gz": "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
    "train-labels-idx1-ubyte.gz": "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
    "t10k-images-idx3-ubyte.gz": "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
    "t10k-labels-idx1-ubyte.gz": "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
}
ENVIRONMENT = "FEMRISTOR_DATA"
_UNSIGNED_BYTE = 0x08


@dataclass(frozen=True)
class Mnist:
    """The digits, as stored: divide by 255 for [0, 1].

    Attributes:
        train_images: (60000, 784) uint8.
        train_labels: (60000,) int64.
        test_images: (10000, 784) uint8.
        test_labels: (10000,) int64.
        hashes: file name to SHA-256.
    """

    train_images: np.ndarray
    train_labels: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray
    hashes: dict[str, str]


def find_folder(name: str, files, folder: str | Path | None = None) -> Path:
    """Folder that holds all files of a data set.

    Args:
        name: of the data set, "mnist".
        files: names that must be there.
        folder: look only here; otherwise in $FEMRISTOR_DATA (itself or its subfolder `name`), then in the
            project's `data/`.

    Returns:
        The first folder that has them all.

    Raises:
        DataError: none has.
    """
    if folder is not None:
        places = [Path(folder), Path(folder) / name]
    else:
        chosen = os.environ.get(ENVIRONMENT)
        places = [Path(chosen), Path(chosen) / name] if chosen else []
        places.append(Path(__file__).resolve().parents[3] / "data" / name)
    for place in places:
        if all((place / file).is_file() for file in files):
            return place
    looked = ", ".join(str(place) for place in places)
    raise DataError(
        f"{name}: {', '.join(files)} not found in {looked}; put the files there, or name their folder with --data or ${ENVIRONMENT}."
    )


def load_mnist(folder: str | Path | None = None) -> Mnist:
    """Read MNIST.

    Args:
        folder: see `find_folder`.

    Returns:
        Images and labels.

    Raises:
        DataError: a file is missing, differs from the published one, or is not IDX.
    """
    place = find_folder("mnist", tuple(MNIST_FILES), folder)
    found = {}
    for file, expected in MNIST_FILES.items():
        if sha256_file(place / file) != expected:
            raise DataError(
                f"{place / file}: the SHA-256 is not that of the published file; copy the file again."
            )
        found[file] = read_idx(place / file)
    train, train_labels, test, test_labels = found.values()
    return Mnist(
        train.reshape(len(train), -1),
        train_labels.astype(np.int64),
        test.reshape(len(test), -1),
        test_labels.astype(np.int64),
        dict(MNIST_FILES),
    )


def read_idx(path: str | Path) -> np.ndarray:
    """Read an IDX file of unsigned bytes, gzipped or not.

    Args:
        path: the file.

    Returns:
        uint8 array of the shape in its header.

    Raises:
        DataError: unreadable, another element type, or cut short.
    """
    source = Path(path)
    try:
        raw = read_bytes(source, "IDX file")
        data = gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw
    except (OSError, EOFError) as error:
        raise DataError(f"{source}: cannot be read as a gzipped IDX file; copy it again.") from error
    if len(data) < 4 or data[:2] != b"\0\0" or data[2] != _UNSIGNED_BYTE:
        raise DataError(f"{source}: not an IDX file of unsigned bytes; take the original MNIST files.")
    axes, start = data[3], 4 + 4 * data[3]
    shape = tuple(int(n) for n in np.frombuffer(data[4:start], dtype=">u4"))
    if len(shape) != axes or len(data) - start != int(np.prod(shape)):
        raise DataError(
            f"{source}: {len(data) - start} bytes of data where the header says {shape}; copy the file again."
        )
    return np.frombuffer(data, dtype=np.uint8, offset=start).reshape(shape).copy()


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
