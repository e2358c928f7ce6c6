"""What an array needs to know about pulses, and a table of conductance steps that is such a model."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np

from femristor.compact.results.table import PulseSteps
from femristor.core.errors import DataError, InputError, RangeError
from femristor.core.io.csvio import read_table, split_unit
from femristor.core.rng import generator

SET, RESET = 1, -1


class PulseModel(Protocol):
    """A cell under identical pulses."""

    def step(self, conductance_S: np.ndarray, direction: int, count: int) -> np.ndarray:
        """Conductances after `count` pulses in one direction (+1 set, -1 reset), of the same shape [S]."""


@dataclass(frozen=True)
class StepTable:
    """Pulse steps as a function of the conductance, linear between the table's points.

    A pulse changes G by step(G) (1 + noise xi); G stays between the table's first and last point.

    Attributes:
        conductance_S: (points,) rising.
        step_up_S: (points,) change by a set pulse, 0 or more.
        step_down_S: (points,) change by a reset pulse, 0 or less.
        noise_to_signal: sigma of a step divided by its mean.
        name: where the table comes from.
        rng: source of the noise.
    """

    conductance_S: np.ndarray
    step_up_S: np.ndarray
    step_down_S: np.ndarray
    noise_to_signal: float = 0.0
    name: str = "step table"
    rng: np.random.Generator = field(default_factory=lambda: generator(0))

    def __post_init__(self) -> None:
        """Check shapes, order and signs."""
        points = np.asarray(self.conductance_S, dtype=float)
        up, down = np.asarray(self.step_up_S, dtype=float), np.asarray(self.step_down_S, dtype=float)
        if points.ndim != 1 or points.size < 2 or up.shape != points.shape or down.shape != points.shape:
            raise InputError(
                f"{self.name}: conductance, step up and step down need one length of at least 2."
            )
        if not (np.isfinite(points).all() and np.isfinite(up).all() and np.isfinite(down).all()):
            raise InputError(f"{self.name}: there are NaN or infinite entries; remove these rows.")
        if points[0] < 0 or np.any(np.diff(points) <= 0):
            raise InputError(
                f"{self.name}: conductances must rise from 0 or more without repeats; sort the rows."
            )
        if np.any(up < 0) or np.any(down > 0):
            raise InputError(
                f"{self.name}: a set pulse must not lower and a reset pulse not raise G; check the signs."
            )
        if not 0 <= self.noise_to_signal < 100:
            raise InputError(
                f"{self.name}: a step noise of {self.noise_to_signal} is not possible; give 0 or more."
            )
        for key, value in (("conductance_S", points), ("step_up_S", up), ("step_down_S", down)):
            object.__setattr__(self, key, value)

    @classmethod
    def of(cls, steps: PulseSteps, *, noise_to_signal: float = 0.0, seed: int = 0) -> "StepTable":
        """The table of a compact model.

        Args:
            steps: steps of identical pulses from each conductance.
            noise_to_signal: sigma of a step divided by its mean.
            seed: of that noise.

        Returns:
            StepTable.
        """
        return cls(
            steps.conductance_S,
            steps.step_up_S,
            steps.step_down_S,
            noise_to_signal=noise_to_signal,
            name=f"pulses of {steps.set_V:g}/{steps.reset_V:g} V, {steps.width_s:g} s, {steps.load}",
            rng=generator(seed, 3),
        )

    def open_ends(self) -> tuple[str, ...]:
        """Ends of the table where a pulse would still lead out, so that cells stop for want of data."""
        span = self.conductance_S[-1] - self.conductance_S[0]
        ends = []
        if self.step_up_S[-1] > 1e-3 * span:
            ends.append(
                f"set still adds {self.step_up_S[-1] * 1e6:.3g} uS at {self.conductance_S[-1] * 1e6:.4g} uS"
            )
        if self.step_down_S[0] < -1e-3 * span:
            ends.append(
                f"reset still takes {-self.step_down_S[0] * 1e6:.3g} uS at {self.conductance_S[0] * 1e6:.4g} uS"
            )
        return tuple(ends)

    def step(self, conductance_S: np.ndarray, direction: int, count: int) -> np.ndarray:
        """Conductances after `count` pulses.

        Args:
            conductance_S: any shape [S].
            direction: +1 set, -1 reset.
            count: number of pulses.

        Returns:
            Conductances [S], same shape.

        Raises:
            RangeError: a conductance outside the table.
        """
        low, high = self.conductance_S[0], self.conductance_S[-1]
        now = np.array(conductance_S, dtype=float)
        slack = 1e-9 * (high - low)
        if now.min() < low - slack or now.max() > high + slack:
            raise RangeError(
                f"{self.name}: cells between {now.min() * 1e6:g} and {now.max() * 1e6:g} uS leave the table, which runs "
                f"from {low * 1e6:g} to {high * 1e6:g} uS; start inside it."
            )
        steps = self.step_up_S if direction > 0 else self.step_down_S
        for _ in range(count):
            change = np.interp(now, self.conductance_S, steps)
            if self.noise_to_signal:
                change = change * (1 + self.noise_to_signal * self.rng.standard_normal(now.shape))
            now = np.clip(now + change, low, high)
        return now


def read_step_table(path: str | Path, *, noise_to_signal: float = 0.0, seed: int = 0) -> StepTable:
    """Read a step table from a file.

    Args:
        path: columns conductance, step_up, step_down with their units in the header (`conductance_uS`, or
            "step_up [uS]"; siemens without one); step_down negative, or positive throughout as a size.
        noise_to_signal: sigma of a step divided by its mean.
        seed: of that noise.

    Returns:
        StepTable.

    Raises:
        DataError: a missing column, text or NaN, or rows that make no table.
    """
    table = read_table(path, "step table")
    names = {split_unit(header)[0].replace(" ", "_"): header for header in table.columns}
    columns = {}
    for wanted in ("conductance", "step_up", "step_down"):
        if wanted not in names:
            raise DataError(
                f"{table.path}: there is no column {wanted}; a step table has conductance_uS, step_up_uS and step_down_uS."
            )
        columns[wanted] = table.numbers(names[wanted], "S")
    down = columns["step_down"]
    down = -down if np.all(down >= 0) else down
    try:
        return StepTable(
            columns["conductance"],
            columns["step_up"],
            down,
            noise_to_signal=noise_to_signal,
            name=table.path.name,
            rng=generator(seed, 3),
        )
    except InputError as error:
        raise DataError(f"{table.path}: {str(error).partition(': ')[2]}") from None
