"""Run all trainings of a run card, several at once, each one resumable, with results as JSON lines.

Every (run, seed) has a folder with its checkpoint; `results.jsonl` beside them has one line for each epoch of each
and is written again whenever a training ends or stops. A training that is finished is not repeated, one that was
interrupted goes on from its checkpoint.
"""

import json
import platform
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from femristor.core import store
from femristor.core.bounds import check_count
from femristor.core.errors import ConvergenceError, InputError
from femristor.core.io.files import atomic_write, ensure_output_dir, write_bytes
from femristor.core.jobs import exclusive
from femristor.core.messages import NullProgress, Progress
from femristor.nn.devices.parameters import Device
from femristor.nn.results.experiment import LINE_SCHEMA, MEASURES, RESULTS_FILE, read_results
from femristor.nn.results.training import TrainingCheckpoint
from femristor.nn.train.job import describe
from femristor.nn.train.processes import run_processes
from femristor.nn.train.run_card import RunCard, RunPlan

CHECKPOINT = "checkpoint.h5"
FAILED = "failed.txt"
LARGEST_PROCESSES = 256
DeviceMaker = Callable[[RunPlan, object], Device | None]


@dataclass(frozen=True)
class Job:
    """One training of an experiment.

    Attributes:
        plan: what is trained, its seed included.
        device: under the weights, or None.
        card: device card.
        folder: of this training.
        data: folder of the data, or None for the project's.
    """

    plan: RunPlan
    device: Device | None
    card: object
    folder: Path
    data: str | None

    @property
    def name(self) -> str:
        """For people."""
        return f"{self.plan.name}, seed {self.plan.settings.seed}"


def run_experiment(
    run_card: RunCard,
    card,
    folder: str | Path,
    *,
    make_device: DeviceMaker,
    only: Sequence[str] = (),
    seeds: Sequence[int] | None = None,
    processes: int = 1,
    data: str | None = None,
    kept: str | Path | None = None,
    progress: Progress | None = None,
) -> Path:
    """Run or continue an experiment.

    Args:
        run_card: what to train.
        card: its device card.
        folder: where checkpoints and results go.
        make_device: device of a run, from (plan, card); None in floating point.
        only: names of runs; all by default.
        seeds: in place of the card's.
        processes: trainings at once.
        data: folder of the data.
        kept: file of results of earlier runs; complete trainings of the same settings in it are taken from there.
        progress: where it is shown.

    Returns:
        The file of results.

    Raises:
        InputError: an unknown run, no process, a folder of another experiment, or one that another run works in.
        ConvergenceError: trainings that diverged; the others are done and kept.
        KeyboardInterrupt: Ctrl-C; checkpoints and a partial result are kept.
    """
    check_count(processes, "--processes", LARGEST_PROCESSES, "each is a process with a network in memory")
    place = ensure_output_dir(folder)
    jobs = plan_jobs(run_card, card, place, make_device=make_device, only=only, seeds=seeds, data=data)
    with exclusive(place, "wait for it, or give another --out"):
        return _run_held(run_card, jobs, place, processes, kept, progress or NullProgress())


def _run_held(run_card: RunCard, jobs: list[Job], place: Path, processes: int, kept, progress) -> Path:
    """The trainings that are left, with the folder locked."""
    earlier = kept_lines(jobs, kept)
    if earlier:
        _merge(run_card, earlier, place)
        done = {(line["run"], line["seed"]) for line in earlier}
        jobs = [job for job in jobs if (job.plan.name, job.plan.settings.seed) not in done]
    waiting = [job for job in jobs if not finished(job)]
    try:
        failed = _run_all(
            waiting, processes, progress, lambda: write_results(run_card, jobs, place)
        )
    except KeyboardInterrupt:
        path = write_results(run_card, jobs, place)
        raise KeyboardInterrupt(
            f"Stopped; checkpoints and the lines so far are kept in {path}; run the same command again to go on."
        ) from None
    path = write_results(run_card, jobs, place)
    if failed:
        first = next(iter(failed.items()))
        raise ConvergenceError(
            f"{len(failed)} of {len(jobs)} trainings failed, the others are kept in {path}; {first[0]}: {first[1]}"
        )
    return path


def plan_jobs(
    run_card: RunCard, card, folder: Path, *, make_device: DeviceMaker, only=(), seeds=None, data=None
) -> list[Job]:
    """All (run, seed) of a card, seeds of a run together.

    Raises:
        InputError: a name in `only` that no run has, seeds below 0 or given twice, or a device that cannot be made.
    """
    names = [run.name for run in run_card.runs]
    for name in only:
        if name not in names:
            raise InputError(f"{run_card.path}: there is no run '{name}'; use {', '.join(names)}.")
    chosen = run_card.seeds if seeds is None else tuple(seeds)
    if not chosen or min(chosen) < 0:
        raise InputError("No seed to run; give --seeds as numbers of 0 or more, 0,1,2 for example.")
    if len(set(chosen)) != len(chosen):
        raise InputError("A seed twice is no second sample; give each of --seeds once.")
    jobs = []
    for run in run_card.runs:
        if only and run.name not in only:
            continue
        device = make_device(run, card)
        for seed in chosen:
            plan = replace(run, settings=replace(run.settings, seed=seed))
            jobs.append(Job(plan, device, card, folder / f"{run.name}-seed{seed}", data))
    return jobs


def finished(job: Job) -> bool:
    """Whether the checkpoint of a job has all its epochs, of this job's settings.

    Raises:
        InputError: it is of other settings.
        StoreError: it cannot be read.
    """
    state = checkpoint_of(job)
    return state is not None and state.epoch >= job.plan.settings.epochs


def checkpoint_of(job: Job) -> TrainingCheckpoint | None:
    """What is kept of a job so far, None before its first epoch."""
    path = job.folder / CHECKPOINT
    if not path.exists():
        return None
    state = store.load(path, TrainingCheckpoint)
    for name, wanted in describe(job.plan.settings, job.device, job.plan.rule).items():
        if name != "epochs" and state.settings.get(name) != wanted:
            raise InputError(
                f"{path}: made with {name} = {state.settings.get(name)}, the card has {wanted}; "
                "use another --out, or remove that folder."
            )
    return state


def train_job(job: Job, progress: Progress | None = None) -> None:
    """Run or continue one training (in a process of its own, or here).

    Args:
        job: the training.
        progress: where it is shown.

    Raises:
        FemristorError: what the training raises.
    """
    folder = ensure_output_dir(job.folder)
    (folder / FAILED).unlink(missing_ok=True)
    path = folder / CHECKPOINT
    options = {
        "device": job.device,
        "rule": job.plan.rule,
        "card": job.card,
        "checkpoint": path,
        "resume": path.exists(),
        "progress": progress,
    }
    try:
        if job.plan.task == "mnist":
            from femristor.nn.train.datasets import load_mnist
            from femristor.nn.train.mnist import train_mnist

            train_mnist(load_mnist(job.data), job.plan.settings, **options)
        else:
            from femristor.nn.train.datasets import load_text
            from femristor.nn.train.text import train_text

            train_text(load_text(job.data), job.plan.settings, **options)
    except ConvergenceError as error:
        write_bytes(folder / FAILED, f"{error}\n".encode())
        raise


def _run_all(jobs: list[Job], processes: int, progress: Progress, after) -> dict[str, str]:
    """Failures by name; other faults are raised."""
    if processes > 1 and len(jobs) > 1:
        calls = {job.name: (train_job, (job,)) for job in jobs}
        return run_processes(calls, processes, progress, after)
    failed: dict[str, str] = {}
    with progress.task("trainings", len(jobs)) as task:
        for job in jobs:
            try:
                train_job(job, progress)
            except ConvergenceError as error:
                failed[job.name] = str(error)
            after()
            task.advance(1, note=job.name)
    return failed


def write_results(run_card: RunCard, jobs: list[Job], folder: Path) -> Path:
    """Write one JSON line for each epoch that is done, runs in the card's order.

    Lines of runs and seeds that these jobs do not have stay as they are.

    Args:
        run_card: the experiment.
        jobs: those to be read again.
        folder: of the experiment.

    Returns:
        The file.
    """
    here = {(job.plan.name, job.plan.settings.seed) for job in jobs}
    return _merge(run_card, [line for job in jobs for line in job_lines(run_card, job)], folder, here=here)


def kept_lines(jobs: list[Job], path: str | Path | None) -> list[dict]:
    """Lines of trainings that an earlier file of results has in full, with the settings that the card has now.

    Args:
        jobs: what is wanted.
        path: the file; None or a missing one has none.

    Returns:
        Its lines of those trainings.

    Raises:
        DataError: it is no file of results.
    """
    if path is None or not Path(path).exists():
        return []
    lines = read_results(path)
    found = []
    for job in jobs:
        own = [x for x in lines if (x["run"], x["seed"]) == (job.plan.name, job.plan.settings.seed)]
        wanted = describe(job.plan.settings, job.device, job.plan.rule)
        same = all(x["settings"].get(k) == v for x in own for k, v in wanted.items() if k != "epochs")
        if len(own) == job.plan.settings.epochs and same:
            found += own
    return found


def _merge(run_card: RunCard, lines: list[dict], folder: Path, *, here=None) -> Path:
    """Put lines in place of those of the same trainings, in the card's order."""
    path = folder / RESULTS_FILE
    here = {(line["run"], line["seed"]) for line in lines} if here is None else here
    others = read_results(path) if path.exists() and path.stat().st_size else []
    lines = lines + [line for line in others if (line["run"], line["seed"]) not in here]
    order = {run.name: number for number, run in enumerate(run_card.runs)}
    lines.sort(key=lambda line: (order.get(line["run"], len(order)), line["seed"], line["epoch"]))
    with atomic_write(path) as stream:
        stream.writelines(json.dumps(line) + "\n" for line in lines)
    return path


def job_lines(run_card: RunCard, job: Job) -> list[dict]:
    """The lines of one training, from its checkpoint, up to the epochs that the card wants."""
    state = checkpoint_of(job)
    if state is None:
        return []
    plan = job.plan
    failure = job.folder / FAILED
    common = {
        "schema": LINE_SCHEMA,
        "experiment": run_card.path.stem,
        "title": run_card.title,
        "run": plan.name,
        "label": plan.label,
        "seed": plan.settings.seed,
        "measure": MEASURES[plan.task],
        "epochs": plan.settings.epochs,
        "paper": plan.paper,
        "source": plan.source,
        "note": plan.note,
        "axis": plan.axis,
        "value": plan.value if np.isfinite(plan.value) else None,
        "failed": failure.read_text(encoding="utf-8").strip() if failure.exists() else "",
    }
    tail = {
        "settings": dict(state.settings),
        "card_hash": state.provenance.card_hash,
        "data": dict(state.provenance.inputs),
        "versions": dict(state.provenance.versions),
        "machine": f"{platform.machine()}, {platform.system()}",
        "created": state.provenance.created,
    }
    return [
        {
            **common,
            "epoch": number + 1,
            "score": float(row[0]),
            "loss": float(row[1]),
            "samples_per_s": round(float(row[2]), 1),
            "fast_pulses": int(row[3]),
            "slow_pulses": int(row[4]),
            **tail,
        }
        for number, row in enumerate(state.history[: plan.settings.epochs])
    ]
