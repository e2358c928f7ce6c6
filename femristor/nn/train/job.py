"""What every training shares: epochs of batches, the watch on the loss, history, checkpoint and Ctrl-C.

All randomness is a function of (seed, epoch, batch) or kept in the network's state, and products run on one thread:
a run that is interrupted and resumed gives the same bits as one that was not, at any number of kernel threads.
"""

import hashlib
import math
import time
from abc import ABC, abstractmethod
from contextlib import nullcontext
from dataclasses import asdict, dataclass, is_dataclass
from pathlib import Path

import numpy as np
import torch

from femristor.core import store
from femristor.core.errors import ConvergenceError, InputError
from femristor.core.jobs import exclusive
from femristor.core.messages import NullProgress, Progress
from femristor.core.provenance import Provenance
from femristor.nn.layers.linear import AnalogLinear
from femristor.nn.results.training import NamedArray, TrainingCheckpoint
from femristor.nn.train.checkpoint import load_checkpoint, network_arrays, restore_network
from femristor.nn.train.threads import InterruptFlag, one_thread

DIVERGED = 5.0
WATCH = 200
COLUMNS = 5


@dataclass
class EpochSums:
    """Running sums of one epoch."""

    batch: int = 0
    loss: float = 0.0
    seconds: float = 0.0
    samples: float = 0.0
    fast: int = 0
    slow: int = 0


class TrainingJob(ABC):
    """One training: network, optimiser, the place in the data and the history.

    A kind of training says what a batch is (`loss_of`), how many there are, and what the test gives.

    Args:
        network: what is trained.
        optimiser: steps it.
        settings: of the run; it has `epochs`, `seed` and `rate(epoch)`.
        device: under the weights, or None.
        rule: of the analog layers, or None.
        checkpoint: file that is written after each epoch and on Ctrl-C.

    Attributes:
        unit: what is counted, for people.
        classes: outcomes that guessing would choose from.
        samples: of one epoch.
        batches: of one epoch.
        history: one row an epoch: score, loss, samples/s, fast and slow pulses.
    """

    unit = "samples"
    classes = 10
    samples = 0
    batches = 0

    def __init__(self, network, optimiser, settings, *, device, rule, checkpoint) -> None:
        self.network, self.optimiser, self.settings = network, optimiser, settings
        self.device, self.rule = device, rule
        self.checkpoint = None if checkpoint is None else Path(checkpoint)
        self.epoch = 0
        self.sums = EpochSums()
        self.history: list[tuple[float, ...]] = []

    def begin_epoch(self, epoch: int) -> None:
        """Make ready for an epoch, at its start or in its middle."""
        return None

    @abstractmethod
    def loss_of(self, batch: int) -> tuple[torch.Tensor, int]:
        """Mean loss of a batch of this epoch, and its samples."""

    def before_step(self) -> None:
        """Between the gradient and the update."""
        return None

    @abstractmethod
    def score(self) -> float:
        """What the test gives after an epoch."""

    @abstractmethod
    def shown(self, score: float) -> str:
        """The score for people."""

    @abstractmethod
    def provenance(self) -> Provenance:
        """Origin of what this job makes."""

    def extra_arrays(self) -> tuple[NamedArray, ...]:
        """What the checkpoint keeps besides the network."""
        return ()

    def restore_extra(self, arrays: dict[str, np.ndarray]) -> None:
        """Take back what `extra_arrays` gave."""
        return None

    def run(self, *, resume: bool = False, progress: Progress | None = None) -> None:
        """Train until the last epoch.

        Args:
            resume: continue the checkpoint.
            progress: where it is shown.

        Raises:
            ConvergenceError: the loss is not finite, or grows far beyond that of guessing.
            InputError: a checkpoint of another run, or one that another process works on.
            KeyboardInterrupt: Ctrl-C; the message says what was kept.
        """
        with one_thread(), InterruptFlag() as interrupt, self._held():
            if resume:
                self.restore()
            for epoch in range(self.epoch, self.settings.epochs):
                self._run_epoch(epoch, interrupt, progress or NullProgress())

    def _held(self):
        """The checkpoint for this process alone: a process that outlives its parent still writes it."""
        if self.checkpoint is None:
            return nullcontext()
        return exclusive(self.checkpoint, "wait for it, or give another --out")

    def described(self) -> dict[str, str | int | float | bool | None]:
        """All that the result depends on, flat."""
        flat = describe(self.settings, self.device, self.rule)
        tiles = [part for part in self.network.modules() if isinstance(part, AnalogLinear)]
        if tiles:
            flat["devices"] = tiles[0].devices.fingerprint()
        return flat

    def _run_epoch(self, epoch: int, interrupt: InterruptFlag, progress: Progress) -> None:
        self.epoch = epoch
        for group in self.optimiser.param_groups:
            group["lr"] = self.settings.rate(epoch)
        self.begin_epoch(epoch)
        with progress.task(f"epoch {epoch + 1}/{self.settings.epochs}", self.samples) as task:
            task.advance(int(self.sums.samples))
            recent = 0.0
            while self.sums.batch < self.batches:
                loss, count = self._step(self.sums.batch)
                recent += loss
                if self.sums.batch % WATCH == 0:
                    self._watch(recent / WATCH)
                    recent = 0.0
                task.advance(count, note=self._note() if self.sums.batch % 20 == 0 else "")
                if interrupt.raised:
                    self._stop()
            self._watch(self.sums.loss / self.batches)
            self._finish_epoch(task)

    def _finish_epoch(self, task) -> None:
        score = self.score()
        rate = self.sums.samples / max(self.sums.seconds, 1e-9)
        fast, slow = self.sums.fast, self.sums.slow
        self.history.append((score, self.sums.loss / self.batches, rate, fast, slow))
        task.advance(0, note=f"test {self.shown(score)}, {rate:.0f} {self.unit}/s, {fast + slow:.3g} pulses")
        self.sums = EpochSums()
        self.epoch += 1
        self.save()

    def _step(self, batch: int) -> tuple[float, int]:
        started = time.perf_counter()
        fast, slow = self._pulses()
        self.optimiser.zero_grad()
        loss, count = self.loss_of(batch)
        value = float(loss.detach())
        if not math.isfinite(value):
            raise ConvergenceError(self._diverged(value))
        loss.backward()
        self.before_step()
        self.optimiser.step()
        fired, written = self._pulses()
        sums = self.sums
        sums.batch, sums.loss, sums.samples = sums.batch + 1, sums.loss + value, sums.samples + count
        sums.seconds += time.perf_counter() - started
        sums.fast += fired - fast
        sums.slow += written - slow
        return value, count

    def _pulses(self) -> tuple[int, int]:
        return getattr(self.optimiser, "fast_pulses", 0), getattr(self.optimiser, "slow_pulses", 0)

    def _watch(self, loss: float) -> None:
        if loss > DIVERGED * math.log(self.classes):
            raise ConvergenceError(self._diverged(loss))

    def _diverged(self, loss: float) -> str:
        return (
            f"Training diverged in epoch {self.epoch + 1} after {self.sums.batch} batches: the loss is {loss:.3g} where guessing gives "
            f"{math.log(self.classes):.2f}; lower --lr (now {self.settings.lr:g})."
        )

    def _note(self) -> str:
        rate = self.sums.samples / max(self.sums.seconds, 1e-9)
        before = f", test {self.shown(self.history[-1][0])}" if self.history else ""
        return f"loss {self.sums.loss / self.sums.batch:.3f}, {rate:.0f} {self.unit}/s{before}"

    def _stop(self) -> None:
        self.save()
        kept = (
            "nothing was kept (no checkpoint file was named)"
            if self.checkpoint is None
            else f"kept in {self.checkpoint}"
        )
        raise KeyboardInterrupt(
            f"Stopped in epoch {self.epoch + 1} after {self.sums.batch} batches, {kept}; run again with --resume to go on."
        )

    def save(self) -> None:
        """Write the checkpoint, if one is wanted."""
        if self.checkpoint is None:
            return
        s = self.sums
        state = TrainingCheckpoint(
            settings=self.described(),
            epoch=self.epoch,
            batch=s.batch,
            tensors=network_arrays(self.network) + self.extra_arrays(),
            partial=np.array([s.loss, s.seconds, s.samples]),
            pulses=np.array([s.fast, s.slow], dtype=np.int64),
            history=np.array(self.history, dtype=np.float64).reshape(-1, COLUMNS),
            provenance=self.provenance(),
        )
        store.save(state, self.checkpoint)

    def restore(self) -> None:
        """Continue the checkpoint.

        Raises:
            InputError: no checkpoint file was named, or it is of another run.
            StoreError: it cannot be read.
        """
        if self.checkpoint is None:
            raise InputError("There is no checkpoint to resume from; name its file.")
        state = load_checkpoint(self.checkpoint, self.described())
        extra = {item.name: item.values for item in state.tensors if item.name.startswith("extra.")}
        tensors = tuple(item for item in state.tensors if item.name not in extra)
        restore_network(self.network, tensors, origin=str(self.checkpoint))
        self.restore_extra(extra)
        loss, seconds, samples = (float(value) for value in state.partial)
        fast, slow = (int(value) for value in state.pulses)
        self.epoch = state.epoch
        self.sums = EpochSums(state.batch, loss, seconds, samples, fast, slow)
        self.history = [tuple(row) for row in state.history.tolist()]

    def curves(self) -> dict[str, np.ndarray]:
        """History by column: score, loss, samples_per_s, fast_pulses, slow_pulses, each (epochs,)."""
        columns = np.array(self.history, dtype=np.float64).reshape(-1, COLUMNS).T
        return {
            "score": columns[0],
            "loss": columns[1],
            "samples_per_s": columns[2],
            "fast_pulses": columns[3].astype(np.int64),
            "slow_pulses": columns[4].astype(np.int64),
        }


def describe(settings, device, rule) -> dict[str, str | int | float | bool | None]:
    """Settings, device and rule of a training as one flat table; arrays by their hash.

    Args:
        settings: dataclass of the run; its threads do not count, since results do not depend on them.
        device: dataclass of the device, or None.
        rule: settings of the rule, or None.

    Returns:
        Name to text, number, boolean or None.
    """
    flat: dict[str, str | int | float | bool | None] = {}
    for name, value in asdict(settings).items():
        if name != "threads":
            flat[name] = "-".join(map(str, value)) if isinstance(value, tuple) else value
    flat["device"] = "floating point" if device is None else device.label
    flat["rule"] = "floating point" if rule is None else rule.name
    for name, value in ({} if rule is None else asdict(rule)).items():
        inner = value if isinstance(value, dict) else {None: value}
        flat.update({f"rule.{name}" + (f".{k}" if k else ""): v for k, v in inner.items()})
    for name, value in vars(device).items() if is_dataclass(device) else ():
        if isinstance(value, np.ndarray):
            flat[f"device.{name}"] = hashlib.sha256(np.ascontiguousarray(value)).hexdigest()[:16]
        elif isinstance(value, str | int | float | bool) and name != "label":
            flat[f"device.{name}"] = value
    return flat
