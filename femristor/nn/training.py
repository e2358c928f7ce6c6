"""Train a classifier on MNIST with analog layers: epochs, checkpoints, and what came of it.

The order of the images is a permutation of (seed, epoch), all other randomness is a hash of counters kept in the
network's state, and products run on one thread: a run that is interrupted and resumed gives the same bits as
one that was not, at any number of kernel threads.
"""

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch

from femristor.core import store
from femristor.core.errors import ConvergenceError, InputError
from femristor.core.progress import NullProgress, Progress
from femristor.core.provenance import Provenance
from femristor.core.rng import generator
from femristor.core.status import Status
from femristor.nn.checkpoint import load_checkpoint, network_arrays, restore_network
from femristor.nn.datasets import Mnist
from femristor.nn.devices.parameters import Device
from femristor.nn.interrupt import InterruptFlag
from femristor.nn.layers import AnalogLinear, Rule
from femristor.nn.networks import MNIST_LAYERS, perceptron
from femristor.nn.optimiser import AnalogSGD
from femristor.nn.rules.agad import AgadSettings
from femristor.nn.training_result import TrainingCheckpoint, TrainingRun

DIVERGED = 5.0
WATCH = 200


@dataclass(frozen=True)
class TrainSettings:
    """Settings of a training.

    Attributes:
        epochs: passes over the training images.
        lr: learning rate.
        lr_decay: factor on it after each epoch.
        lr_hold: first epochs without that factor.
        batch: images per step.
        train_images: how many of the 60,000 are used, from the front.
        test_images: how many of the 10,000.
        layers: widths of the network.
        converters: DAC and ADC in the forward products of analog layers.
        max_tile: most inputs and outputs of a tile; 0 puts each layer on one.
        seed: of everything random.
        threads: threads of the pulse kernels; the result does not depend on it.
    """

    epochs: int = 5
    lr: float = 0.01
    lr_decay: float = 1.0
    lr_hold: int = 0
    batch: int = 32
    train_images: int = 60000
    test_images: int = 10000
    layers: tuple[int, ...] = MNIST_LAYERS
    converters: bool = True
    max_tile: int = 0
    seed: int = 0
    threads: int = 1

    def __post_init__(self) -> None:
        if min(self.epochs, self.batch, self.train_images, self.test_images, self.threads) < 1:
            raise InputError(
                "Training: epochs, batch, train images, test images and threads must each be at least 1."
            )
        if self.max_tile < 0 or self.max_tile == 1:
            raise InputError(
                f"A tile of {self.max_tile} lines is not possible; give 2 or more (an input and the bias), or 0 for no limit."
            )
        if not 0 < self.lr < math.inf:
            raise InputError(f"The learning rate is {self.lr}; give a positive number.")
        if not 0 < self.lr_decay <= 1 or self.lr_hold < 0:
            raise InputError(
                f"A decay of {self.lr_decay:g} after {self.lr_hold} epochs is not possible; give a factor above 0, at most 1."
            )

    def rate(self, epoch: int) -> float:
        """Learning rate of an epoch, from 0: lr decay^max(0, epoch - hold)."""
        return self.lr * self.lr_decay ** max(0, epoch - self.lr_hold)


@dataclass
class _Epoch:
    """Running sums of one epoch."""

    batch: int
    loss: float
    seconds: float
    samples: float
    fast: int
    slow: int


def train_mnist(
    data: Mnist,
    settings: TrainSettings,
    *,
    device: Device | None,
    rule: Rule | None = None,
    card=None,
    checkpoint: str | Path | None = None,
    resume: bool = False,
    progress: Progress | None = None,
) -> TrainingRun:
    """Train a perceptron and test it after each epoch.

    Args:
        data: the digits.
        settings: of the run.
        device: under the weights, or None for floating point.
        rule: how the devices are updated; AGAD by default.
        card: device card, for the provenance.
        checkpoint: file that is written after each epoch and on Ctrl-C.
        resume: continue that file.
        progress: where it is shown.

    Returns:
        The run.

    Raises:
        ConvergenceError: the loss is not finite, or grows far beyond that of guessing.
        InputError: settings that do not fit the data, a checkpoint of another run.
        KeyboardInterrupt: Ctrl-C; the message says what was kept.
    """
    job = _Job(data, settings, device, rule, card, checkpoint)
    with _one_thread(), InterruptFlag() as interrupt:
        if resume:
            job.restore()
        for epoch in range(job.epoch, settings.epochs):
            job.run_epoch(epoch, interrupt, progress or NullProgress())
    return job.result()


class _Job:
    """One training: the network, its optimiser, the place in the data and the history."""

    def __init__(self, data: Mnist, settings: TrainSettings, device, rule, card, checkpoint) -> None:
        if settings.train_images > len(data.train_images) or settings.test_images > len(data.test_images):
            raise InputError(
                f"{settings.train_images} training and {settings.test_images} test images are wanted, but there are "
                f"{len(data.train_images)} and {len(data.test_images)}."
            )
        self.settings, self.device, self.card = settings, device, card
        self.rule = None if device is None else (rule or AgadSettings())
        self.checkpoint = None if checkpoint is None else Path(checkpoint)
        self.images = data.train_images[: settings.train_images]
        self.labels = torch.from_numpy(data.train_labels[: settings.train_images])
        self.test_images = data.test_images[: settings.test_images]
        self.test_labels = torch.from_numpy(data.test_labels[: settings.test_images])
        self.hashes = data.hashes
        self.network = perceptron(
            settings.layers,
            device=device,
            rule=self.rule,
            seed=settings.seed,
            converters=settings.converters,
            max_tile=settings.max_tile,
        )
        self.optimiser = AnalogSGD(self.network, settings.lr, threads=settings.threads)
        self.epoch = 0
        self.sums = _Epoch(0, 0.0, 0.0, 0.0, 0, 0)
        self.history: list[tuple[float, ...]] = []

    @property
    def rule_name(self) -> str:
        return "floating point" if self.rule is None else self.rule.name

    def described(self) -> dict[str, str | int | float | bool]:
        """All that the result depends on, flat."""
        flat: dict[str, str | int | float | bool] = {
            name: value for name, value in asdict(self.settings).items() if name not in ("layers", "threads")
        }
        flat["layers"] = "-".join(map(str, self.settings.layers))
        flat["device"] = "floating point" if self.device is None else self.device.label
        flat["rule"] = self.rule_name
        for name, value in ({} if self.rule is None else asdict(self.rule)).items():
            inner = value if isinstance(value, dict) else {None: value}
            flat.update({f"rule.{name}" + (f".{k}" if k else ""): v for k, v in inner.items()})
        if self.device is not None:
            layers = [layer for layer in self.network.modules() if isinstance(layer, AnalogLinear)]
            flat["devices"] = layers[0].devices.fingerprint()
        return flat

    def run_epoch(self, epoch: int, interrupt: InterruptFlag, progress: Progress) -> None:
        """Train one epoch from where it stands, test, keep a checkpoint."""
        self.epoch = epoch
        for group in self.optimiser.param_groups:
            group["lr"] = self.settings.rate(epoch)
        order = generator(self.settings.seed, 104, epoch).permutation(len(self.images))
        size = self.settings.batch
        batches = math.ceil(len(order) / size)
        with progress.task(f"epoch {epoch + 1}/{self.settings.epochs}", len(order)) as task:
            task.advance(min(self.sums.batch * size, len(order)))
            recent = 0.0
            while self.sums.batch < batches:
                first = self.sums.batch * size
                loss, count = self._step(order[first : first + size])
                recent += loss
                if self.sums.batch % WATCH == 0:
                    self._watch(recent / WATCH)
                    recent = 0.0
                task.advance(count, note=self._note() if self.sums.batch % 20 == 0 else "")
                if interrupt.raised:
                    self._stop()
            self._watch(self.sums.loss / batches)
            self._finish_epoch(batches, task)

    def _finish_epoch(self, batches: int, task) -> None:
        accuracy = self.test()
        rate = self.sums.samples / max(self.sums.seconds, 1e-9)
        self.history.append((accuracy, self.sums.loss / batches, rate, self.sums.fast, self.sums.slow))
        task.advance(
            0,
            note=f"test {100 * accuracy:.2f} %, {rate:.0f} samples/s, {self.sums.fast + self.sums.slow:.3g} pulses",
        )
        self.sums = _Epoch(0, 0.0, 0.0, 0.0, 0, 0)
        self.epoch += 1
        self.save()

    def _step(self, chosen: np.ndarray) -> tuple[float, int]:
        started = time.perf_counter()
        fast, slow = self.optimiser.fast_pulses, self.optimiser.slow_pulses
        x = torch.from_numpy(self.images[chosen]).to(torch.float32).mul_(1.0 / 255.0)
        self.optimiser.zero_grad()
        loss = torch.nn.functional.nll_loss(self.network(x), self.labels[torch.from_numpy(chosen)])
        value = float(loss.detach())
        if not math.isfinite(value):
            raise ConvergenceError(self._diverged(value))
        loss.backward()
        self.optimiser.step()
        sums = self.sums
        sums.batch, sums.loss, sums.samples = sums.batch + 1, sums.loss + value, sums.samples + len(chosen)
        sums.seconds += time.perf_counter() - started
        sums.fast += self.optimiser.fast_pulses - fast
        sums.slow += self.optimiser.slow_pulses - slow
        return value, len(chosen)

    def _watch(self, loss: float) -> None:
        if loss > DIVERGED * math.log(self.settings.layers[-1]):
            raise ConvergenceError(self._diverged(loss))

    def _diverged(self, loss: float) -> str:
        return (
            f"Training diverged in epoch {self.epoch + 1} after {self.sums.batch} batches: the loss is {loss:.3g} where guessing gives "
            f"{math.log(self.settings.layers[-1]):.2f}; lower --lr (now {self.settings.lr:g})."
        )

    def _note(self) -> str:
        rate = self.sums.samples / max(self.sums.seconds, 1e-9)
        before = f", test {100 * self.history[-1][0]:.2f} %" if self.history else ""
        return f"loss {self.sums.loss / self.sums.batch:.3f}, {rate:.0f} samples/s{before}"

    def test(self) -> float:
        """Part of the test images that is classified right."""
        self.network.eval()
        right = 0
        with torch.no_grad():
            for first in range(0, len(self.test_images), 1000):
                x = (
                    torch.from_numpy(self.test_images[first : first + 1000])
                    .to(torch.float32)
                    .mul_(1.0 / 255.0)
                )
                right += int((self.network(x).argmax(dim=1) == self.test_labels[first : first + 1000]).sum())
        self.network.train()
        return right / len(self.test_images)

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

    def provenance(self) -> Provenance:
        """Origin of what this job makes."""
        return Provenance.create(
            "nn.train_mnist", card=self.card, seed=self.settings.seed, inputs=self.hashes
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
            tensors=network_arrays(self.network),
            partial=np.array([s.loss, s.seconds, s.samples]),
            pulses=np.array([s.fast, s.slow], dtype=np.int64),
            history=np.array(self.history, dtype=np.float64).reshape(-1, 5),
            provenance=self.provenance(),
        )
        store.save(state, self.checkpoint)

    def restore(self) -> None:
        """Continue the checkpoint."""
        if self.checkpoint is None:
            raise InputError("There is no checkpoint to resume from; name its file.")
        state = load_checkpoint(self.checkpoint, self.described())
        restore_network(self.network, state.tensors, origin=str(self.checkpoint))
        loss, seconds, samples = (float(value) for value in state.partial)
        fast, slow = (int(value) for value in state.pulses)
        self.epoch = state.epoch
        self.sums = _Epoch(state.batch, loss, seconds, samples, fast, slow)
        self.history = [tuple(row) for row in state.history.tolist()]

    def result(self) -> TrainingRun:
        """The run so far as a result."""
        columns = np.array(self.history, dtype=np.float64).reshape(-1, 5).T
        described = self.described()
        return TrainingRun(
            data_set="mnist",
            device=str(described["device"]),
            rule=self.rule_name,
            layers=np.array(self.settings.layers, dtype=np.int64),
            accuracy=columns[0],
            loss=columns[1],
            samples_per_s=columns[2],
            fast_pulses=columns[3].astype(np.int64),
            slow_pulses=columns[4].astype(np.int64),
            train_images=len(self.images),
            test_images=len(self.test_images),
            settings=described,
            status=Status.SAMPLED,
            provenance=self.provenance(),
        )


@contextmanager
def _one_thread() -> Iterator[None]:
    """Torch on one thread: small products gain nothing from more, and sums keep their order."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
