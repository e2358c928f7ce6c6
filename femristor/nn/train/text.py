"""Train the character network: parallel streams through the text, state carried over, perplexity of the test text.

The text is cut into `batch` streams that run side by side; a step takes `sequence` characters of each, and gradients end
at its first one. In floating point the optimiser is plain SGD or Adam; on devices the rule does the updates. The
gradient's norm over all weights is limited to `clip` in both.
"""

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from femristor.core.bounds import BATCH, SIDE, check_memory
from femristor.core.bounds import LAYERS as MOST_LAYERS
from femristor.core.errors import InputError
from femristor.core.messages import Progress
from femristor.core.provenance import Provenance, Status
from femristor.core.rng import generator
from femristor.nn.devices.parameters import Device
from femristor.nn.layers.linear import AnalogLinear, Rule
from femristor.nn.layers.text_network import HIDDEN, LAYERS, CharacterLSTM, perplexity
from femristor.nn.results.training import NamedArray, TextRun
from femristor.nn.train.datasets import Text
from femristor.nn.train.job import TrainingJob
from femristor.nn.train.settings import JobSettings
from femristor.nn.update.optimiser import AnalogSGD
from femristor.nn.update.rules.agad import AgadSettings

OPTIMISERS = ("adam", "sgd")


@dataclass(frozen=True, kw_only=True)
class TextSettings(JobSettings):
    """Settings of a training on text, beside those of `JobSettings`; a batch is of streams that run side by side.

    Attributes:
        sequence: characters of each stream in one step.
        hidden: units of an LSTM layer.
        layers: LSTM layers.
        dropout: between LSTM layers and before the linear layer.
        clip: largest norm of the gradient over all weights; 0 does not limit it.
        optimiser: of the network in floating point: "adam" or "sgd".
        train_characters: how many of the training text, from the front; 0 takes all.
        test_characters: how many of the test text; 0 takes all.
        weight_scale: digital factor behind each crossbar.
    """

    sequence: int = 100
    hidden: int = HIDDEN
    layers: int = LAYERS
    dropout: float = 0.2
    clip: float = 1.0
    optimiser: str = "adam"
    train_characters: int = 0
    test_characters: int = 0
    weight_scale: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.sequence < 1:
            raise InputError(f"A sequence of {self.sequence} characters is too short; give 1 or more.")
        BATCH.check(self.sequence, "sequence")
        SIDE.check(self.hidden, "hidden")
        MOST_LAYERS.check(self.layers, "layers")
        check_memory(
            256.0 * self.layers * self.hidden**2
            + 64.0 * self.layers * self.hidden * self.batch * self.sequence,
            f"{self.layers} layers of {self.hidden} units on {self.batch} streams of {self.sequence} characters",
            "give fewer --layers, --hidden, --batch or --sequence",
        )
        if min(self.train_characters, self.test_characters) < 0 or not self.clip >= 0:
            raise InputError(
                "Training: train characters, test characters and clip are 0 or more; correct them."
            )
        if self.test_characters == 1:
            raise InputError(
                "A test text of 1 character leaves nothing to predict; give 2 or more, or 0 for all."
            )
        if self.optimiser not in OPTIMISERS:
            raise InputError(
                f"There is no optimiser '{self.optimiser}'; in floating point use {' or '.join(OPTIMISERS)}."
            )


def train_text(
    text: Text,
    settings: TextSettings,
    *,
    device: Device | None,
    rule: Rule | None = None,
    card=None,
    checkpoint: str | Path | None = None,
    resume: bool = False,
    progress: Progress | None = None,
) -> TextRun:
    """Train a character network and test it after each epoch.

    Args:
        text: what is learnt.
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
        InputError: settings that do not fit the text, a checkpoint of another run.
        KeyboardInterrupt: Ctrl-C; the message says what was kept.
    """
    job = _TextJob(text, settings, device, rule, card=card, checkpoint=checkpoint)
    job.run(resume=resume, progress=progress)
    return job.result()


class _TextJob(TrainingJob):
    """Streams through a text."""

    unit = "tokens"

    def __init__(self, text: Text, settings: TextSettings, device, rule, *, card, checkpoint) -> None:
        rule = None if device is None else (rule or AgadSettings())
        with torch.random.fork_rng(devices=[]):
            network = CharacterLSTM(
                text.symbols,
                settings.hidden,
                settings.layers,
                device=device,
                dropout=settings.dropout,
                seed=settings.seed,
                rule=rule,
                max_tile=settings.max_tile,
                converters=settings.converters,
                weight_scale=settings.weight_scale,
            )
        if device is None and settings.optimiser == "adam":
            optimiser = torch.optim.Adam([p for p in network.parameters() if p.requires_grad], settings.lr)
        else:
            optimiser = AnalogSGD(network, settings.lr, threads=settings.threads)
        super().__init__(network, optimiser, settings, device=device, rule=rule, checkpoint=checkpoint)
        self.card, self.hashes, self.classes = card, text.hashes, text.symbols
        train = _front(text.train, settings.train_characters, "training")
        self.test = _front(text.test, settings.test_characters, "test")
        self.streams = _streams(train, settings.batch, settings.sequence)
        self.batches = (len(self.streams) - 1) // settings.sequence
        self.samples = self.batches * settings.sequence * settings.batch
        self.state: tuple[torch.Tensor, torch.Tensor] | None = None

    def begin_epoch(self, epoch: int) -> None:
        """Each epoch starts from a zero state."""
        if self.sums.batch == 0:
            self.state = None

    def loss_of(self, batch: int) -> tuple[torch.Tensor, int]:
        """Mean negative log-likelihood of the next `sequence` characters of all streams."""
        steps = self.settings.sequence
        piece = self.streams[batch * steps : (batch + 1) * steps + 1]
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(int(generator(self.settings.seed, 105, self.epoch, batch).integers(2**62)))
            logs, state = self.network(piece[:-1], self.state)
        self.state = (state[0].detach(), state[1].detach())
        loss = torch.nn.functional.nll_loss(logs.reshape(-1, logs.shape[-1]), piece[1:].reshape(-1))
        return loss, steps * piece.shape[1]

    def before_step(self) -> None:
        """Limit the norm of the gradient."""
        if self.settings.clip:
            clip_gradient(self.network, self.settings.clip)

    def score(self) -> float:
        """Perplexity of the test text."""
        return perplexity(self.network, self.test, streams=max(1, min(50, len(self.test) // 100)))

    def shown(self, score: float) -> str:
        """The score for people."""
        return f"perplexity {score:.3f}"

    def provenance(self) -> Provenance:
        """Origin of what this job makes."""
        return Provenance.create("nn.train_text", card=self.card, seed=self.settings.seed, inputs=self.hashes)

    def extra_arrays(self) -> tuple[NamedArray, ...]:
        """State of the streams, and of Adam."""
        found = []
        if self.state is not None:
            found += [
                NamedArray(f"extra.state.{k}", part.numpy().copy()) for k, part in enumerate(self.state)
            ]
        if isinstance(self.optimiser, torch.optim.Adam):
            for index, values in self.optimiser.state_dict()["state"].items():
                found += [
                    NamedArray(f"extra.adam.{index}.{name}", value.numpy().copy())
                    for name, value in values.items()
                ]
        return tuple(found)

    def restore_extra(self, arrays: dict[str, np.ndarray]) -> None:
        """Take them back."""
        parts = [
            torch.from_numpy(np.array(arrays[k])) for k in sorted(arrays) if k.startswith("extra.state.")
        ]
        self.state = (parts[0], parts[1]) if parts else None
        kept: dict[int, dict[str, torch.Tensor]] = {}
        for key, value in arrays.items():
            if key.startswith("extra.adam."):
                _, _, index, name = key.split(".", 3)
                kept.setdefault(int(index), {})[name] = torch.from_numpy(np.array(value))
        if kept:
            whole = self.optimiser.state_dict()
            self.optimiser.load_state_dict({"state": kept, "param_groups": whole["param_groups"]})

    def result(self) -> TextRun:
        """The run so far as a result."""
        curves = self.curves()
        described = self.described()
        return TextRun(
            data_set="war and peace",
            device=str(described["device"]),
            rule=str(described["rule"]),
            symbols=self.classes,
            perplexity=curves.pop("score"),
            tokens_per_s=curves.pop("samples_per_s"),
            **curves,
            train_characters=self.samples,
            test_characters=len(self.test),
            settings=described,
            status=Status.SAMPLED,
            provenance=self.provenance(),
        )


def clip_gradient(network: torch.nn.Module, limit: float) -> float:
    """Scale all gradients so that their norm over all weights is at most `limit`.

    Analog weights have no gradient of their own: theirs is the sum of d^T x over what the layers recorded, and it is the
    errors d that are scaled.

    Args:
        network: after its backward pass.
        limit: largest norm.

    Returns:
        The norm before.
    """
    tiles = [part for part in network.modules() if isinstance(part, AnalogLinear)]
    analog = {id(tile.weight) for tile in tiles}
    digital = [p.grad for p in network.parameters() if p.grad is not None and id(p) not in analog]
    squares = [float(g.pow(2).sum()) for g in digital]
    squares += [float(tile.recorded_gradient().pow(2).sum()) for tile in tiles]
    norm = math.sqrt(sum(squares))
    if norm > limit:
        for gradient in digital:
            gradient.mul_(limit / norm)
        for tile in tiles:
            tile.scale_errors(limit / norm)
    return norm


def _front(codes: np.ndarray, wanted: int, name: str) -> np.ndarray:
    if wanted > len(codes):
        raise InputError(f"{wanted} {name} characters are wanted, but there are {len(codes)}.")
    return codes[:wanted] if wanted else codes


def _streams(codes: np.ndarray, batch: int, sequence: int) -> torch.Tensor:
    """(length + 1, batch) int64; the last character of a stream is the first of the next one."""
    length = (len(codes) - 1) // batch
    if length < sequence:
        raise InputError(
            f"{len(codes)} characters in {batch} streams are less than a sequence of {sequence} each; use more text."
        )
    starts = np.arange(batch) * length
    return torch.from_numpy(codes[starts[None, :] + np.arange(length + 1)[:, None]].astype(np.int64))
