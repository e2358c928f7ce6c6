"""CellArray: tiles of rows x cols cells that are programmed, relax, are read and are pulsed."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, fields

import torch

from femristor.array.checks import finite_tensor, require_time, torch_generator
from femristor.array.mapping import ConductanceWindow
from femristor.array.programming.law import programmed_S, programming_line
from femristor.array.retention.read_noise import ReadNoiseProcess
from femristor.array.retention.relaxation import RelaxationProcess, require_memory
from femristor.array.retention.telegraph import TelegraphLaw, TelegraphProcess, draw_traps
from femristor.array.retention.temperature import acceleration, retention_activation_J
from femristor.array.statistics.pulse_model import RESET, SET, PulseModel
from femristor.core.bounds import check_memory
from femristor.core.errors import InputError
from femristor.device.card import DeviceCard

TELEGRAPH = TelegraphLaw()
"""Telegraph noise where nothing else is asked for."""
CELL_BYTES = 80.0
"""Memory of a cell with its processes and one read, about ten numbers."""


@dataclass(frozen=True)
class Effects:
    """Which non-idealities act; those with a measured law of this cell by default.

    Telegraph noise takes a share of the read noise's variance, so all sigmas are the same with and without it. It is
    off by default: for this cell nobody has published the share or the number of traps.
    """

    programming: bool = True
    relaxation: bool = True
    read_noise: bool = True
    telegraph: bool = False

    @classmethod
    def none(cls) -> "Effects":
        """Ideal cells: conductances are the targets at all times."""
        return cls(programming=False, relaxation=False, read_noise=False)

    @classmethod
    def of(cls, names: Iterable[str]) -> "Effects":
        """Only the named effects.

        Raises:
            InputError: an unknown name.
        """
        chosen, known = set(names), {item.name for item in fields(cls)}
        if chosen - known:
            unknown = ", ".join(sorted(chosen - known))
            raise InputError(f"Unknown effects of cells: {unknown}; use some of {', '.join(sorted(known))}.")
        return cls(**{name: name in chosen for name in known})


class CellArray:
    """Conductances of `(*tiles, rows, cols)` cells, float64, on one torch device.

    The clock counts from the programming of the whole array and only moves forward. The state is never
    clipped; what is read is clipped at 0 S, which lies more than five sigma under the lowest level of the
    shipped card after ten years, so the mean of that level stays unbiased. (Clipping at the window's lower
    end would cut half of its noise off.)

    Attributes:
        shape: (*tiles, rows, cols).
        window: conductances that may be programmed.
        time_s: time since programming.
        effective_time_s: the same as time at the card's ambient, longer after a bake.
        revision: rises with every change of the state, for caches.
    """

    def __init__(
        self,
        card: DeviceCard,
        rows: int,
        cols: int,
        *,
        tiles: tuple[int, ...] = (),
        seed: int = 0,
        generator: torch.Generator | None = None,
        effects: Effects = Effects(),
        pulse_model: PulseModel | None = None,
        memory_exponent: float | None = None,
        telegraph: TelegraphLaw = TELEGRAPH,
    ) -> None:
        """Make an array that waits for its targets.

        Args:
            card: device card; its `statistics` are the laws.
            rows: input lines.
            cols: output lines.
            tiles: leading axes, e.g. (2,) for differential pairs.
            seed: of all randomness here, unless a generator is given.
            generator: takes the seed's place and sets the torch device.
            effects: non-idealities that act.
            pulse_model: how pulses change a cell; needed by `pulse` only.
            memory_exponent: of relaxation (see `RelaxationProcess`); the card's by default.
            telegraph: traps and share of telegraph noise, where it acts.

        Raises:
            InputError: a size below 1, more cells than the memory holds, or an impossible memory exponent.
        """
        self.shape = (*map(int, tiles), int(rows), int(cols))
        if min(self.shape) < 1:
            raise InputError(f"An array of shape {self.shape} has no cells; give sizes of at least 1.")
        check_memory(
            CELL_BYTES * math.prod(self.shape),
            f"An array of {' x '.join(map(str, self.shape))} cells",
            "give fewer rows, columns or cells",
        )
        self.window = ConductanceWindow.of(card.statistics)
        self.effects = effects
        self.revision = 0
        self._statistics = card.statistics
        self._reference_K, self._activation_J = card.ambient_K, retention_activation_J(card)
        self._memory = require_memory(
            card.statistics.relaxation.memory_exponent if memory_exponent is None else memory_exponent
        )
        self._telegraph_law = telegraph
        self._telegraph: TelegraphProcess | None = None
        self._generator = torch_generator(seed, 1) if generator is None else generator
        self._pulse_model = pulse_model
        self._base_S: torch.Tensor | None = None
        self._relaxation: RelaxationProcess | None = None
        self._noise: ReadNoiseProcess | None = None
        self.time_s = 0.0
        self.effective_time_s = 0.0

    @property
    def device(self) -> torch.device:
        """Torch device of the cells."""
        return self._generator.device

    def program(self, targets_S, *, acceptance: float = 0.002) -> None:
        """Program all cells by program-verify and start the clock at 0.

        Args:
            targets_S: (*tiles, rows, cols) within the window [S].
            acceptance: accepted error as a fraction of the target, one the card has a line for.

        Raises:
            InputError: wrong shape, NaN, outside the window, or no line for this acceptance.
        """
        targets = finite_tensor(targets_S, "target conductance", device=self.device)
        if tuple(targets.shape) != self.shape:
            raise InputError(
                f"Targets of shape {tuple(targets.shape)} do not fit an array of shape {self.shape}; give one target a cell."
            )
        self.window.require(targets)
        line = programming_line(self._statistics, acceptance)
        reached = (
            programmed_S(line, targets, generator=self._generator)
            if self.effects.programming
            else targets.clone()
        )
        self._restart(reached)

    def _restart(self, conductance_S: torch.Tensor) -> None:
        self._base_S = conductance_S
        self.time_s = self.effective_time_s = 0.0
        self.revision += 1
        laws, source, traps = self._statistics, self._generator, self._telegraph_law
        if self.effects.relaxation:
            self._relaxation = RelaxationProcess(
                laws.relaxation, self.shape, generator=source, memory_exponent=self._memory
            )
        if self.effects.read_noise:
            rest = 1.0 - traps.share if self.effects.telegraph else 1.0
            self._noise = ReadNoiseProcess(laws.read_noise, self.shape, generator=source, share=rest)
        if self.effects.telegraph:
            drawn = draw_traps(traps, laws.read_noise, self.shape, generator=source)
            self._telegraph = TelegraphProcess(drawn, generator=source)

    def advance(self, to_time_s: float, *, temperature_K: float | None = None) -> None:
        """Let time pass; each cell continues its own trajectory.

        Args:
            to_time_s: time since programming, not before the present one.
            temperature_K: during the time that passes now; the card's ambient by default. It accelerates relaxation
                (see `retention.temperature`), not the noise, whose law has no temperature.

        Raises:
            InputError: not programmed yet, a time that is negative or in the past, or an impossible temperature.
        """
        self._programmed()
        time = require_time(to_time_s)
        if time < self.time_s:
            raise InputError(
                f"The array is at {self.time_s:g} s after programming and cannot go back to {time:g} s; "
                "ask for rising times or program it again."
            )
        ambient = self._reference_K if temperature_K is None else temperature_K
        elapsed = acceleration(self._activation_J, ambient, self._reference_K) * (time - self.time_s)
        # At the card's ambient all along the two clocks are the same to the last digit.
        same = ambient == self._reference_K and self.effective_time_s == self.time_s
        effective = time if same else self.effective_time_s + elapsed
        for process, clock in ((self._relaxation, effective), (self._noise, time), (self._telegraph, time)):
            if process is not None:
                process.advance(clock)
        if time > self.time_s:
            self.time_s, self.effective_time_s = time, effective
            self.revision += 1

    def _programmed(self) -> torch.Tensor:
        if self._base_S is None:
            raise InputError("The array has no conductances yet; program it first.")
        return self._base_S

    def _relaxed(self) -> torch.Tensor:
        base = self._programmed()
        return base if self._relaxation is None else base + self._relaxation.change_S

    @property
    def conductance_S(self) -> torch.Tensor:
        """Present conductance without read noise, (*tiles, rows, cols) [S], at least 0.

        Raises:
            InputError: not programmed yet.
        """
        return self._relaxed().clamp(min=0.0)

    def read_conductance_S(self) -> torch.Tensor:
        """Present conductance as a read finds it, with read noise, (*tiles, rows, cols) [S], at least 0.

        The noise is a trajectory in time: reading twice at one time gives the same values.
        """
        present = self._relaxed()
        noise = 0.0 if self._noise is None else self._noise.noise_S(present)
        if self._telegraph is not None:
            noise = noise + self._telegraph.noise_S(self._statistics.read_noise, present)
        return (present + noise).clamp(min=0.0)

    def read(self, voltage_V) -> torch.Tensor:
        """Column currents I_j = sum_i V_i G_ij, columns at virtual ground, no wire resistance.

        Args:
            voltage_V: (..., rows) row voltages, small enough for linear cells (the card reads at 0.2 V); with
                tiles (*tiles, vectors, rows), or (rows,) for all.

        Returns:
            Currents (..., cols), with tiles (*tiles, vectors, cols) [A].

        Raises:
            InputError: wrong shape, NaN, or not programmed yet.
        """
        voltage = finite_tensor(voltage_V, "read voltage", device=self.device)
        if voltage.ndim == 0 or voltage.shape[-1] != self.shape[-2]:
            raise InputError(
                f"Read voltages of shape {tuple(voltage.shape)} do not fit {self.shape[-2]} rows; give one voltage a row."
            )
        try:
            return torch.matmul(voltage, self.read_conductance_S())
        except RuntimeError:
            raise InputError(
                f"Read voltages of shape {tuple(voltage.shape)} do not fit tiles of shape {self.shape}; "
                "give (*tiles, vectors, rows)."
            ) from None

    def pulse(self, direction: int, count: int = 1) -> None:
        """Send identical pulses to all cells; relaxation and read noise start again from time 0.

        Args:
            direction: +1 set, -1 reset.
            count: number of pulses.

        Raises:
            InputError: no pulse model, another direction, a count below 1, or a model whose answer is no conductance.
        """
        if self._pulse_model is None:
            raise InputError("This array has no pulse model; hand one in as pulse_model=.")
        if direction not in (SET, RESET):
            raise InputError(f"A pulse direction of {direction} is unknown; use +1 for set or -1 for reset.")
        if int(count) != count or count < 1:
            raise InputError(f"{count} pulses cannot be sent; give a whole number from 1 on.")
        before = self.conductance_S
        after = finite_tensor(
            self._pulse_model.step(before.cpu().numpy(), int(direction), int(count)),
            "pulsed conductance",
            device=self.device,
        )
        if after.shape != before.shape or float(after.min()) < 0:
            raise InputError(
                f"The pulse model returned shape {tuple(after.shape)} or negative values for {tuple(before.shape)} cells; "
                "its step must return one conductance of 0 or more for each cell."
            )
        self._restart(after)

    def set_conductance(self, conductance_S) -> None:
        """Start from given conductances without programming noise, at time 0.

        Args:
            conductance_S: (*tiles, rows, cols), 0 or more, also outside the window [S].

        Raises:
            InputError: wrong shape, NaN or negative.
        """
        values = finite_tensor(conductance_S, "conductance", device=self.device)
        if tuple(values.shape) != self.shape or float(values.min()) < 0:
            raise InputError(
                f"Conductances of shape {tuple(values.shape)}, from {float(values.min()):g} S, do not fit an array of shape "
                f"{self.shape}; give one value of 0 or more a cell."
            )
        self._restart(values.clone())
