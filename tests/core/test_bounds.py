"""Counts and memory are refused with a reason before the work starts."""

import pytest

from femristor.core.bounds import check_count, check_memory, memory_budget_bytes
from femristor.core.errors import InputError


def test_counts():
    assert check_count(5, "--points", 10) == 5
    with pytest.raises(
        InputError, match=r"--points: 11 is more than the 10 allowed, because each .* solution; give"
    ):
        check_count(11, "--points", 10, "each point is a field solution")
    with pytest.raises(InputError, match="--points: 0 is too few; give 1 or more"):
        check_count(0, "--points", 10)
    with pytest.raises(InputError, match="a number of 5001 digits"):
        check_count(10**5000, "--points")


def test_memory_budget(monkeypatch):
    assert 1e8 < memory_budget_bytes() < 1e14
    monkeypatch.setenv("FEMRISTOR_MEMORY_GB", "2")
    assert memory_budget_bytes() == 2e9
    check_memory(1.9e9, "--cells 10", "give fewer cells")
    with pytest.raises(
        InputError, match=r"--cells 10 takes about 2\.1 GB .* 2 GB may be used; give fewer cells"
    ):
        check_memory(2.1e9, "--cells 10", "give fewer cells")
    for wrong in ("x", "-1", "nan", "0"):
        monkeypatch.setenv("FEMRISTOR_MEMORY_GB", wrong)
        with pytest.raises(InputError, match="FEMRISTOR_MEMORY_GB"):
            memory_budget_bytes()
