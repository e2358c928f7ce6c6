"""War and Peace: the file, its hash, its split."""

import gzip

import numpy as np
import pytest

from femristor.core.errors import DataError
from femristor.nn.train.datasets import TEXT_FILES, load_text


@pytest.fixture(scope="module")
def text():
    return load_text()


def test_split_is_that_of_the_literature(text):
    assert len(text.train) == 2_933_246 and len(text.test) == 325_000
    assert text.symbols == 87 and text.train.max() == 86
    assert text.hashes == TEXT_FILES


def test_codes_give_the_text_back(text):
    start = bytes(text.alphabet[text.train[3:4000]]).decode()
    assert start.startswith('"Well, Prince, so Genoa and Lucca')
    # the entropy of single characters of English text with its line ends is 4 to 5 bit
    share = np.bincount(text.train, minlength=87) / len(text.train)
    assert 4.2 < -np.sum(share[share > 0] * np.log2(share[share > 0])) < 4.9


def test_missing_and_wrong_text_is_one_sentence(tmp_path):
    with pytest.raises(DataError, match=r"warpeace_input\.txt\.gz not found .* --data"):
        load_text(tmp_path)
    (tmp_path / "warpeace_input.txt.gz").write_bytes(gzip.compress(b"another text"))
    with pytest.raises(DataError, match=r"warpeace_input\.txt\.gz: the SHA-256"):
        load_text(tmp_path)
