"""Second half of the demo: levels, relaxation, matrix products over ten years, training."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from femristor.array.results.cells import LevelDistribution, RelaxationTrace
from femristor.compact.results.table import PulseSteps
from femristor.core.messages import Progress
from femristor.core.provenance import Provenance
from femristor.device import DeviceCard
from femristor.nn.results.mvm import MvmExperiment
from femristor.nn.results.training import TrainingRun
from femristor.report.bundle import ResultBundle
from femristor.report.demo.settings import DemoSettings
from femristor.report.stages import StageBook, stage_digest

TEN_MINUTES_S, HOUR_S, DAY_S, TEN_YEARS_S = 600.0, 3600.0, 86400.0, 315576000.0
RELAXATION_TIMES_S = (1.0, 10.0, 100.0, TEN_MINUTES_S, HOUR_S, DAY_S, 604800.0, TEN_YEARS_S)
RELAXATION_LEVELS_S = (10e-6, 30e-6, 50e-6, 80e-6)


@dataclass(frozen=True)
class NetworkHalf:
    """Results of the second half.

    Attributes:
        levels: level distributions right after programming and after ten minutes.
        relaxation: trajectories up to ten years.
        mvm: matrix products over ten years.
        paper: training on the device with the paper's statistics.
        derived: training on the step table derived in this run.
    """

    levels: tuple[LevelDistribution, ...]
    relaxation: RelaxationTrace
    mvm: MvmExperiment
    paper: TrainingRun
    derived: TrainingRun


def run_network_half(
    folder: Path,
    card: DeviceCard,
    steps: PulseSteps,
    settings: DemoSettings,
    *,
    book: StageBook,
    progress: Progress,
    say: Callable[[str], None],
) -> NetworkHalf:
    """Program, wait, multiply, train.

    Args:
        folder: output folder.
        card: fitted card.
        steps: single-pulse steps of the compact model.
        settings: size of the stages.
        book: keeps results between runs.
        progress: where long work is shown.
        say: where one line a stage goes.

    Returns:
        NetworkHalf.
    """
    key = {"card": card.hash, **settings.part("cells")}
    array = book.get("array", key, lambda: _array(card, settings))
    levels, relaxation = array.items[:-1], array.items[-1]
    say(f"array: {levels[-1].target_S.size} levels, overlap after ten minutes {levels[-1].overlap_law:.1%}")
    key = {"card": card.hash, **settings.part("draws")}
    mvm = book.get("mvm", key, lambda: _mvm(card, settings, progress))
    say(
        "mvm: RMSE "
        + ", ".join(f"{e:.3f} at {t:.3g} s" for t, e in zip(mvm.time_s, mvm.rmse_mean, strict=True))
    )
    key = {"card": card.hash, **settings.part("train_images", "test_images", "epochs")}
    paper = book.get("training_paper", key, lambda: _paper(folder, card, settings, key, progress))
    say(f"training, the paper's device: {100 * paper.accuracy[-1]:.2f} % after {paper.epochs} epochs")
    key = {**key, "steps": _steps_hash(steps), **settings.part("derived_epochs")}
    derived = book.get(
        "training_derived", key, lambda: _derived(folder, card, steps, settings, key, progress)
    )
    say(f"training, the derived device: {100 * derived.accuracy[-1]:.2f} % after {derived.epochs} epochs")
    return NetworkHalf(levels, relaxation, mvm, paper, derived)


def _steps_hash(steps: PulseSteps) -> str:
    parts = (steps.conductance_S, steps.step_up_S, steps.step_down_S)
    return hashlib.sha256(b"".join(np.ascontiguousarray(part).tobytes() for part in parts)).hexdigest()


def _array(card: DeviceCard, settings: DemoSettings) -> ResultBundle:
    from femristor.array.retention.traces import follow_relaxation
    from femristor.array.statistics.levels import program_levels

    levels = program_levels(card, cells=settings.cells, times_s=(0.0, TEN_MINUTES_S), seed=settings.seed)
    relaxation = follow_relaxation(
        card,
        levels_S=RELAXATION_LEVELS_S,
        cells=10 * settings.cells,
        times_s=RELAXATION_TIMES_S,
        seed=settings.seed,
    )
    made = Provenance.create("report.array", card=card, seed=settings.seed)
    return ResultBundle((*levels, relaxation), made)


def _mvm(card: DeviceCard, settings: DemoSettings, progress: Progress) -> MvmExperiment:
    from femristor.array.weights import weight_arrays
    from femristor.nn.mvm.experiment import MvmDesign, mvm_experiment

    design = MvmDesign(draws=settings.draws)
    return mvm_experiment(card, weight_arrays(card), design=design, seed=settings.seed, progress=progress)


def _train(
    folder: Path, card, device, epochs: int, settings: DemoSettings, key: dict, progress
) -> TrainingRun:
    from femristor.nn.train.datasets import load_mnist
    from femristor.nn.train.mnist import TrainSettings, train_mnist

    plan = TrainSettings(
        epochs=epochs,
        train_images=settings.train_images,
        test_images=settings.test_images,
        seed=settings.seed,
    )
    # a checkpoint belongs to one set of inputs: its digest is part of the name
    checkpoint = folder / f"checkpoint-{stage_digest(key)[:12]}.h5"
    run = train_mnist(
        load_mnist(),
        plan,
        device=device,
        card=card,
        checkpoint=checkpoint,
        resume=checkpoint.exists(),
        progress=progress,
    )
    checkpoint.unlink(missing_ok=True)
    return run


def _paper(folder, card, settings: DemoSettings, key: dict, progress) -> TrainingRun:
    from femristor.nn.devices.soft_bounds import SoftBoundsDevice

    device = SoftBoundsDevice.from_card(card)
    return _train(folder, card, device, settings.epochs, settings, {**key, "device": "paper"}, progress)


def _derived(folder, card, steps: PulseSteps, settings: DemoSettings, key: dict, progress) -> TrainingRun:
    from femristor.nn.devices.table_device import TableDevice

    device = TableDevice.from_steps(
        steps.conductance_S,
        steps.step_up_S,
        steps.step_down_S,
        card.statistics.pulses.noise_to_signal,
        label="steps of the compact model",
    )
    return _train(
        folder, card, device, settings.derived_epochs, settings, {**key, "device": "derived"}, progress
    )
