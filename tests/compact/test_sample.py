"""Sampling: resumed from the cache, side by side, interrupted; grids and their kinks."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest

from femristor.compact.results.table import QUANTITIES, CompactTable
from femristor.compact.table.cache import SweepCache, content_key, default_cache_folder
from femristor.compact.table.closed_form import ClosedFormSampler
from femristor.compact.table.grid import default_grid
from femristor.compact.table.sample import build_table, process_executor
from femristor.core import store
from femristor.core.errors import ConvergenceError
from femristor.device import load_card


@dataclass
class Counting:
    """A sampler that counts its calls and stops the build at one of them."""

    inner: ClosedFormSampler
    stop_at: int = -1
    error: type[BaseException] = KeyboardInterrupt
    calls: list = field(default_factory=list)

    @property
    def settings(self):
        return self.inner.settings

    def __call__(self, bias_V, density_m3, ambient_K):
        if len(self.calls) == self.stop_at:
            raise self.error("stopped")
        self.calls.append((density_m3, ambient_K))
        return self.inner(bias_V, density_m3, ambient_K)


@pytest.fixture
def small(card):
    return default_grid(card, bias_points=6, density_points=5, ambient_points=2)


def test_interrupted_build_continues(card, sampler, small, tmp_path):
    cache, total = SweepCache(tmp_path / "cache"), len(small.pairs) + 3
    first = Counting(sampler, stop_at=4)
    with pytest.raises(
        KeyboardInterrupt, match=f"4 of {total} sweeps are kept in .*run the same command again"
    ):
        build_table(card, first, small, cache=cache, probes=3)
    assert len(list((tmp_path / "cache").glob("*.npz"))) == 4
    second = Counting(sampler)
    table = build_table(card, second, small, cache=cache, probes=3)
    assert len(second.calls) == total - 4 and not set(first.calls) & set(second.calls)
    third = Counting(sampler)
    again = build_table(card, third, small, cache=cache, probes=3)
    assert third.calls == []
    for name in QUANTITIES:
        np.testing.assert_array_equal(getattr(again, name), getattr(table, name))


def test_a_failure_keeps_what_is_done_and_names_its_place(card, sampler, small, tmp_path):
    cache = SweepCache(tmp_path)
    with pytest.raises(ConvergenceError, match=r"sweep at dome density .* 1/m\^3 and 273 K failed: stopped"):
        build_table(card, Counting(sampler, 2, ConvergenceError), small, cache=cache)
    assert len(list(tmp_path.glob("*.npz"))) == 2


def test_interrupt_without_cache_says_that_nothing_is_kept(card, sampler, small):
    with pytest.raises(KeyboardInterrupt, match="none is kept"):
        build_table(card, Counting(sampler, 1), small)


def test_damaged_cache_entries_are_solved_again(card, sampler, small, tmp_path):
    cache = SweepCache(tmp_path)
    table = build_table(card, sampler, small, cache=cache, probes=0)
    first, second, third = sorted(tmp_path.glob("*.npz"))[:3]
    first.write_bytes(first.read_bytes()[:100])
    second.write_bytes(b"")
    np.savez(third, current_A=np.ones(3))
    counting = Counting(sampler)
    again = build_table(card, counting, small, cache=cache, probes=0)
    assert len(counting.calls) == 3
    np.testing.assert_array_equal(again.current_A, table.current_A)


def test_key_follows_what_a_sweep_depends_on(card, sampler):
    def key(**changes):
        numbers = {
            "card": card, "settings": sampler.settings, "bias_V": [0.1, 0.2], "density_m3": 1e25, "ambient_K": 293.0
        }  # fmt: skip
        return content_key(**{**numbers, **changes})

    assert key() == key()
    others = [
        key(card=replace(card, filament=replace(card.filament, radius_m=12e-9))),
        key(card=replace(card, ionic=replace(card.ionic, barrier_set_J=1e-19))),
        key(settings={**sampler.settings, "resolution": 2.0}),
        key(bias_V=[0.1, 0.21]),
        key(density_m3=1.1e25),
        key(ambient_K=294.0),
    ]
    assert len({key(), *others}) == 7
    statistics = replace(card.statistics, g_min_S=1e-6)
    assert key(card=replace(card, statistics=statistics, description="other words")) == key()


def test_cache_folder_is_the_users(monkeypatch, tmp_path):
    monkeypatch.delenv("FEMRISTOR_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert default_cache_folder() == tmp_path / "femristor" / "compact"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert default_cache_folder() == Path.home() / ".cache" / "femristor" / "compact"


def test_processes_give_the_same_table(card, sampler, small, tmp_path):
    plain = build_table(card, sampler, small, probes=2)
    with process_executor(2) as executor:
        pooled = build_table(card, sampler, small, executor=executor, cache=SweepCache(tmp_path), probes=2)
    np.testing.assert_array_equal(pooled.current_A, plain.current_A)
    np.testing.assert_array_equal(pooled.errors.ln_rate_set, plain.errors.ln_rate_set)
    assert len(list(tmp_path.glob("*.npz"))) == len(small.pairs) + 2


SLOW_BUILD = """
import sys, time
from dataclasses import dataclass
from femristor.compact.table.cache import SweepCache
from femristor.compact.table.closed_form import ClosedFormSampler, published_form
from femristor.compact.table.grid import default_grid
from femristor.compact.table.sample import build_table
from femristor.device import load_card
from pathlib import Path

class Slow(ClosedFormSampler):
    def __call__(self, *task):
        time.sleep(0.2)
        return super().__call__(*task)

card = load_card("cmo_hfox")
sampler = Slow(card, published_form(card))
print("begun", flush=True)
try:
    build_table(card, sampler, default_grid(card), cache=SweepCache(Path(sys.argv[1])))
except KeyboardInterrupt as stop:
    print(stop, flush=True)
    sys.exit(130)
"""


def test_ctrl_c_leaves_finished_sweeps(tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-c", SLOW_BUILD, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "begun\n"
    for _ in range(200):
        if len(list(tmp_path.glob("*.npz"))) >= 2:
            break
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGINT)
    told = process.communicate(timeout=20)[0]
    entries = list(tmp_path.glob("*.npz"))
    assert process.returncode == 130
    assert f"{len(entries)} of 53 sweeps are kept in {tmp_path}" in told
    assert not list(tmp_path.glob(".*"))
    for entry in entries:
        assert SweepCache(tmp_path).get(entry.stem, 25) is not None


def test_grid_covers_the_card_and_holds_its_kink(card):
    grid = default_grid(card)
    assert (grid.bias_V.size, grid.density_m3.size, grid.ambient_K.size) == (25, 15, 3)
    assert grid.bias_V[-1] == 1.5 and 0 < grid.bias_V[0] < 0.03
    assert (grid.density_m3[0], grid.density_m3[-1]) == (3e23, 8e25)
    assert (grid.ambient_K[0], grid.ambient_K[-1]) == (273, 373)
    law = card.hopping
    assert (
        law.distance_m(grid.breaks_m3[0] * 1.01)
        == law.distance_min_m
        < law.distance_m(grid.breaks_m3[0] * 0.99)
    )
    assert grid.breaks_m3[0] in grid.density_m3
    assert default_grid(card, ambient_points=1).ambient_K == [293.0]


def test_probes_are_seeded_cell_centres(card):
    grid = default_grid(card)
    assert grid.probes(8, 1) == grid.probes(8, 1) != grid.probes(8, 2)
    for density, ambient in grid.probes(8, 1):
        assert np.min(np.abs(np.log(grid.density_m3 / density))) > 0.05
        assert np.min(np.abs(grid.ambient_K - ambient)) > 15
    assert len(grid.probes(1000, 0)) == 14 * 2


def test_table_is_stored(table, tmp_path):
    again = store.load(store.save(table, tmp_path / "table.h5"), CompactTable)
    for name in (*QUANTITIES, "bias_V", "density_m3", "ambient_K", "density_breaks_m3"):
        np.testing.assert_array_equal(getattr(again, name), getattr(table, name))
    assert again.ionic == table.ionic and again.states == table.states
    assert again.states == {label: state.dome.density_m3 for label, state in load_card().states.items()}
    assert again.closed_form == table.closed_form
    assert again.errors.worst() == table.errors.worst()
    assert again.provenance == table.provenance
