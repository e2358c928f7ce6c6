"""A lock holds also where its text cannot be written, and leaves nothing behind."""

import errno
import os

import pytest

from femristor.core import lock
from femristor.core.errors import InputError


def test_a_full_disk_does_not_keep_a_lock_from_holding(tmp_path, monkeypatch):
    def full(*_arguments):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(lock.os, "pwrite", full)
    with lock.exclusive(tmp_path):
        with pytest.raises(InputError, match="another run works on it"), lock.exclusive(tmp_path):
            pass
    assert not list(tmp_path.iterdir())
