"""Sample a cell into a table: one bias sweep for each (dome density, ambient), side by side, resumable.

Tasks run in this process, in a process pool, or on whatever executor is handed over (for example
mpi4py.futures over the ranks of a job). Each finished sweep goes to the cache at once, so that an interrupted
build continues where it was.
"""

import hashlib
import multiprocessing
import os
import time
from collections.abc import Iterator
from concurrent.futures import BrokenExecutor, Executor, ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from femristor.compact.results.table import QUANTITIES, CompactTable, OffGridErrors
from femristor.compact.table.cache import SweepCache, content_key
from femristor.compact.table.closed_form import fit_closed_form
from femristor.compact.table.grid import Grid
from femristor.compact.table.interpolate import TableModel
from femristor.core.bounds import PROCESSES
from femristor.core.errors import ConvergenceError
from femristor.core.jobs import bare_processes, exclusive
from femristor.core.messages import NullProgress, Progress, gathered
from femristor.core.provenance import Provenance
from femristor.device.card import DeviceCard
from femristor.device.temperature import refuse_void, warn_hot

PROBES = 8
"""Default number of sweeps off the grid."""
SAMPLED_NAMES = {
    "current_A": "current_A",
    "temperature_mean_K": "dome_temperature_mean_K",
    "temperature_max_K": "dome_temperature_max_K",
    "field_mean_V_per_m": "dome_field_mean_V_per_m",
    "hop_rate_set_per_s": "hop_rate_set_per_s",
    "hop_rate_reset_per_s": "hop_rate_reset_per_s",
}
"""Quantity of the table to attribute of what a sampler returns."""


class Sampler(Protocol):
    """What is sampled: a picklable callable that returns an object with the attributes of SAMPLED_NAMES.

    `settings` is a flat dictionary of text and numbers that tells two samplers of one card apart.
    """

    @property
    def settings(self) -> dict[str, float | str]:
        """What, besides the card, the answers depend on."""

    def __call__(self, bias_V: np.ndarray, density_m3: float, ambient_K: float):
        """One bias sweep at a frozen dome density and an ambient."""


@dataclass(frozen=True)
class Task:
    """One sweep to solve; `probe` marks one off the grid."""

    bias_V: tuple[float, ...]
    density_m3: float
    ambient_K: float
    probe: bool


def build_table(
    card: DeviceCard,
    sampler: Sampler,
    grid: Grid,
    *,
    executor: Executor | None = None,
    cache: SweepCache | None = None,
    probes: int = PROBES,
    seed: int = 0,
    progress: Progress | None = None,
) -> CompactTable:
    """Sample, measure the interpolation errors, fit the closed form.

    Args:
        card: device card.
        sampler: what is sampled (field solutions of this card).
        grid: axes.
        executor: where tasks run; None runs them here one after the other.
        cache: where finished sweeps are kept; None keeps nothing.
        probes: sweeps at centres of cells, 0 for none.
        seed: seed of the choice of cells.
        progress: where tasks are shown.

    Returns:
        CompactTable with errors (unless `probes` is 0) and closed form.

    Raises:
        ConvergenceError: a sweep fails; the message names its density and ambient.
        InputError: another process builds the same table with the same cache.
        KeyboardInterrupt: with a sentence on what is kept.
    """
    if cache is not None:
        mark = hashlib.sha256(repr((card.hash, sampler.settings, grid, probes, seed)).encode()).hexdigest()[
            :16
        ]
        with exclusive(
            cache.folder / f"build-{mark}", "wait for it, its sweeps are reused then, or give another --cache"
        ):
            return _build(card, sampler, grid, executor, cache, probes, seed, progress)
    return _build(card, sampler, grid, executor, None, probes, seed, progress)


def _build(card, sampler, grid: Grid, executor, cache, probes: int, seed: int, progress) -> CompactTable:
    tasks = [Task(tuple(grid.bias_V), n, t, False) for n, t in grid.pairs]
    centres = tuple(grid.bias_centres())
    tasks += [Task(centres, n, t, True) for n, t in grid.probes(probes, seed)]
    found = _run_all(card, sampler, tasks, executor, cache, progress or NullProgress())
    shape = (grid.ambient_K.size, grid.density_m3.size, grid.bias_V.size)
    on_grid = [found[task] for task in tasks if not task.probe]
    arrays = {name: np.array([entry[name] for entry in on_grid]).reshape(shape) for name in QUANTITIES}
    warn_hot(arrays["temperature_max_K"], card, f"The table of card {card.name}")
    table = CompactTable(
        bias_V=grid.bias_V,
        density_m3=grid.density_m3,
        ambient_K=grid.ambient_K,
        **arrays,
        density_breaks_m3=grid.breaks_m3,
        nominal_ambient_K=card.ambient_K,
        ionic=card.ionic,
        states={label: state.dome.density_m3 for label, state in card.states.items()},
        card_name=card.name,
        model=", ".join(f"{key} {value}" for key, value in sampler.settings.items()),
        provenance=Provenance.create("compact.sample", card=card, seed=seed),
    )
    off_grid = [task for task in tasks if task.probe]
    errors = measure_errors(table, off_grid, [found[task] for task in off_grid], seed) if off_grid else None
    return replace(table, errors=errors, closed_form=fit_closed_form(table, card))


def measure_errors(table: CompactTable, tasks: list[Task], solved: list[dict], seed: int) -> OffGridErrors:
    """Interpolated minus solved at probes.

    Args:
        table: the table.
        tasks: probes, all with the same biases.
        solved: what was solved there, quantity to (bias,).
        seed: seed of their choice.

    Returns:
        OffGridErrors.
    """
    rows = {"ln_current": [], "ln_rate_set": [], "ln_rate_reset": [], "temperature_K": []}
    for task, truth in zip(tasks, solved, strict=True):
        model, volt = TableModel(table, task.ambient_K), np.array(task.bias_V)
        density = task.density_m3
        rows["ln_current"].append(np.log(model.current_A(volt, density) / truth["current_A"]))
        rows["ln_rate_set"].append(np.log(model.hop_rate_per_s(volt, density) / truth["hop_rate_set_per_s"]))
        reset = -model.hop_rate_per_s(-volt, density)
        rows["ln_rate_reset"].append(np.log(reset / truth["hop_rate_reset_per_s"]))
        rows["temperature_K"].append(model.temperature_mean_K(volt, density) - truth["temperature_mean_K"])
    return OffGridErrors(
        density_m3=np.array([task.density_m3 for task in tasks]),
        ambient_K=np.array([task.ambient_K for task in tasks]),
        bias_V=np.array(tasks[0].bias_V),
        **{name: np.array(values) for name, values in rows.items()},
        seed=seed,
    )


@contextmanager
def process_executor(jobs: int, *, script: bool = True) -> Iterator[Executor | None]:
    """Processes on this machine with one thread each; None for a single job.

    Args:
        jobs: number of processes, at least 1.
        script: workers load the caller's script first, as those of `multiprocessing` do; a sampler that is defined in it
            needs that, a script without a guard of `__main__` must not have it.

    Yields:
        Executor, or None to run here.

    Raises:
        InputError: no job, or more than `bounds.PROCESSES`.
    """
    PROCESSES.check(jobs, "--jobs")
    if jobs == 1:
        yield None
        return
    kept = os.environ.get("OMP_NUM_THREADS")
    os.environ["OMP_NUM_THREADS"] = "1"
    try:
        # Forking would copy the state of PETSc and of threads.
        context = multiprocessing.get_context("spawn") if script else bare_processes()
        with ProcessPoolExecutor(jobs, mp_context=context, initializer=_quiet_worker) as pool:
            yield pool
    finally:
        if kept is None:
            del os.environ["OMP_NUM_THREADS"]
        else:
            os.environ["OMP_NUM_THREADS"] = kept


def _quiet_worker() -> None:
    """Let Ctrl-C reach the parent only."""
    import signal

    signal.signal(signal.SIGINT, signal.SIG_IGN)


def solve(sampler: Sampler, task: Task) -> tuple[dict[str, np.ndarray], float]:
    """Solve one task (runs in a worker).

    Args:
        sampler: what is sampled.
        task: the sweep.

    Returns:
        Quantity to (bias,) array, and the seconds it took.

    Raises:
        ConvergenceError: no solution, or one that no table can hold.
    """
    begun = time.perf_counter()
    place = f"dome density {task.density_m3:.4g} 1/m^3 and {task.ambient_K:.4g} K"
    try:
        # Whoever builds the table tells once how hot the whole of it is.
        with gathered(silent=True):
            answer = sampler(np.array(task.bias_V), task.density_m3, task.ambient_K)
        for bias, hottest in zip(task.bias_V, np.atleast_1d(answer.dome_temperature_max_K), strict=True):
            refuse_void(float(hottest), f"at {bias:.4g} V")
    except ConvergenceError as error:
        raise type(error)(f"The sweep at {place} failed: {error}") from None
    arrays = {name: np.array(getattr(answer, theirs), dtype=float) for name, theirs in SAMPLED_NAMES.items()}
    for name, values in arrays.items():
        if not np.all(np.isfinite(values) & (values > 0)):
            raise ConvergenceError(
                f"The sweep at {place} gave a {name} that is not above 0; refine the mesh with --resolution."
            )
    return arrays, time.perf_counter() - begun


def _run_all(card, sampler, tasks, executor, cache, progress) -> dict[Task, dict[str, np.ndarray]]:
    keys = {t: content_key(card, sampler.settings, t.bias_V, t.density_m3, t.ambient_K) for t in tasks}
    found = {}
    with progress.task("compact table", len(tasks)) as shown:
        for task in tasks:
            kept = cache.get(keys[task], len(task.bias_V)) if cache else None
            if kept is not None:
                found[task] = kept
        if found:
            shown.advance(len(found), f"{len(found)} sweeps from the cache")
        missing = [task for task in tasks if task not in found]
        try:
            for task, (arrays, seconds) in _completed(sampler, missing, executor):
                found[task] = arrays
                if cache:
                    cache.put(keys[task], arrays)
                kind = "check" if task.probe else "grid"
                note = f"{kind} N = {task.density_m3:.2e} 1/m^3, {task.ambient_K:.0f} K: {seconds:.1f} s"
                shown.advance(1, note)
        except KeyboardInterrupt:
            raise KeyboardInterrupt(_kept_sentence(len(found), len(tasks), cache)) from None
    return found


def _kept_sentence(done: int, total: int, cache: SweepCache | None) -> str:
    if cache is None:
        return f"{done} of {total} sweeps were done and none is kept; give a cache folder to keep them."
    return f"{done} of {total} sweeps are kept in {cache.folder}; run the same command again to continue."


def _completed(sampler, tasks, executor):
    """(task, (arrays, seconds)) in the order in which they finish."""
    if executor is None:
        for task in tasks:
            yield task, solve(sampler, task)
        return
    futures = {executor.submit(solve, sampler, task): task for task in tasks}
    try:
        for future in as_completed(futures):
            yield futures[future], future.result()
    except BrokenExecutor as error:
        raise ConvergenceError(
            "A worker process died, most likely for want of memory; finished sweeps are in the cache, run again "
            "with fewer --jobs or a coarser --resolution."
        ) from error
    finally:
        for future in futures:
            future.cancel()
