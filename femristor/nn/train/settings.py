"""What the settings of every training share: epochs, the rate and its schedule, batch, tiles, seed, threads."""

import math
from dataclasses import dataclass

from femristor.core.bounds import BATCH, EPOCHS, HOLD, TILE
from femristor.core.errors import InputError
from femristor.nn.update.rows import check_threads


@dataclass(frozen=True, kw_only=True)
class JobSettings:
    """Settings that do not depend on what is learnt.

    Attributes:
        epochs: passes over the training data.
        lr: learning rate.
        lr_decay: factor on it after each epoch.
        lr_hold: first epochs without that factor.
        batch: samples, or streams of a text, per step.
        converters: DAC and ADC in the forward products of analog layers.
        max_tile: most inputs and outputs of a tile; 0 puts each layer on one.
        seed: of everything random.
        threads: threads of the pulse kernels; the result does not depend on it.

    Raises:
        InputError: a number out of its range.
    """

    epochs: int = 5
    lr: float = 0.01
    lr_decay: float = 1.0
    lr_hold: int = 0
    batch: int = 32
    converters: bool = True
    max_tile: int = 0
    seed: int = 0
    threads: int = 1

    def __post_init__(self) -> None:
        """Check the ranges."""
        if min(self.epochs, self.batch) < 1:
            raise InputError("Training: epochs and batch must each be at least 1.")
        EPOCHS.check(self.epochs, "epochs")
        BATCH.check(self.batch, "batch")
        HOLD.check(self.lr_hold, "lr_hold")
        TILE.check(self.max_tile, "max_tile")
        check_threads(self.threads)
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
