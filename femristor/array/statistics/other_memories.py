"""Weights on two other memories for comparison: ReRAM of Wan et al. and phase change.

Weights lie on differential pairs from 0 uS on, as in aihwkit's SinglePairConductanceConverter. Each cell keeps its own
random numbers: Wan's deviation is one number times the growing sigma, PCM keeps its programming error and its nu; PCM's
read noise is drawn at each new time, as in aihwkit. Conductances end at 0 S.
"""

import math

import torch

from femristor.array.checks import finite_tensor, require_later, torch_generator
from femristor.array.mapping import ConductanceWindow, DifferentialPair, SingleDevice
from femristor.core.errors import InputError

WAN_MAX_uS = 40.0
WAN_TIMES_S = (1.0, 86400.0, 172800.0)
WAN_SIGMA_uS = (
    (0.348, 16.030, -43.853, 45.393, -16.815),
    (0.701, 22.086, -50.773, 47.095, -16.458),
    (0.782, 20.274, -43.507, 37.062, -11.934),
)
"""Ascending coefficients of g at WAN_TIMES_S."""
PCM_MAX_uS = 25.0
PCM_SIGMA_uS = (0.26348, 1.9650, -1.1731)
PCM_FIRST_S = 20.0
PCM_READ_S = 250e-9


def polynomial(coefficients, at: torch.Tensor) -> torch.Tensor:
    """sum_k c_k at^k."""
    total = torch.zeros_like(at)
    for value in reversed(coefficients):
        total = total * at + value
    return total


def wan_sigma_uS(target_uS: torch.Tensor, time_s: float) -> torch.Tensor:
    """Standard deviation from the target; the three measured times, linear in ln t between and beyond them.

    Before 1 s the value of 1 s is kept. Beyond two days the slope of 1 s to 2 days goes on: ten years are seven times the
    span of ln t that was measured after the first day, so the extrapolation is ours and not a datum.

    Args:
        target_uS: any shape.
        time_s: since programming.
    """
    first, day, last = (polynomial(row, target_uS / WAN_MAX_uS).abs() for row in WAN_SIGMA_uS)
    at = math.log(max(time_s, WAN_TIMES_S[0]))
    knot, end = math.log(WAN_TIMES_S[1]), math.log(WAN_TIMES_S[2])
    if at <= knot:
        return first + (day - first) * (at / knot)
    if at <= end:
        return day + (last - day) * ((at - knot) / (end - knot))
    return (last + (last - first) * ((at - end) / end)).clamp(min=0.0)


def pcm_programming_sigma_uS(target_uS: torch.Tensor) -> torch.Tensor:
    """Standard deviation of what is programmed, any shape."""
    return polynomial(PCM_SIGMA_uS, target_uS / PCM_MAX_uS)


def pcm_drift_law(target_uS: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean and deviation of the drift exponent nu, of the targets' shape."""
    log_g = torch.log((target_uS.abs() / PCM_MAX_uS).clamp(min=1e-7))
    mean = (-0.0155 * log_g + 0.0244).clamp(min=0.049, max=0.1)
    return mean, (-0.0125 * log_g - 0.0059).clamp(min=0.008, max=0.045)


def pcm_read_relative(programmed_uS: torch.Tensor, time_s: float) -> torch.Tensor:
    """Standard deviation of the read noise over the drifted conductance, of the cells' shape."""
    relative = ((programmed_uS.abs() / PCM_MAX_uS) ** 0.65).clamp(min=1e-3)
    amplitude = (0.0088 / relative).clamp(max=0.2)
    since = time_s + PCM_FIRST_S
    return amplitude * math.sqrt(math.log((since + PCM_READ_S) / (2 * PCM_READ_S)))


MICRO = 1e-6
MAPPINGS = {"single": SingleDevice, "pair": DifferentialPair}


class ComparisonCells:
    """Programmed cells of another memory; subclasses say how they change.

    Attributes:
        device: torch device.
        revision: rises with every change of the cells.
        time_s: since programming.
        mapping: between weights and conductances.
    """

    g_max_uS = 1.0

    def __init__(
        self, weights, *, mapping: str, effects: tuple[str, ...], generator: torch.Generator
    ) -> None:
        """Program; the clock starts at 0.

        Args:
            weights: (rows, cols), rows are the inputs.
            mapping: "single" or "pair".
            effects: some of programming, relaxation, read_noise.
            generator: source of all randomness, and torch device.

        Raises:
            InputError: no finite matrix or an unknown mapping or effect.
        """
        if mapping not in MAPPINGS:
            raise InputError(f"A mapping '{mapping}' is unknown; use one of {', '.join(MAPPINGS)}.")
        unknown = set(effects) - {"programming", "relaxation", "read_noise"}
        if unknown:
            raise InputError(
                f"Unknown effects of cells: {', '.join(sorted(unknown))}; use programming, relaxation, read_noise."
            )
        self._generator, self.device, self._effects = generator, generator.device, frozenset(effects)
        values = finite_tensor(weights, "weight matrix", device=self.device)
        if values.ndim != 2:
            raise InputError(f"Weights of shape {tuple(values.shape)} are no matrix; give (rows, cols).")
        window = ConductanceWindow(0.0, self.g_max_uS * MICRO)
        self.mapping = MAPPINGS[mapping].fit(values, window)
        self._target_uS = self.mapping.to_conductance(values) / MICRO
        self.time_s, self.revision = 0.0, 0
        self._start()
        self._now_uS = self._present_uS()

    def _normal(self) -> torch.Tensor:
        shape = self._target_uS.shape
        return torch.randn(shape, generator=self._generator, dtype=torch.float64, device=self.device)

    def _start(self) -> None:
        """Draw what a cell keeps."""

    def _present_uS(self) -> torch.Tensor:
        """Conductances at `time_s`."""
        return self._target_uS

    def advance(self, to_time_s: float) -> None:
        """Let time pass; only forward.

        Raises:
            InputError: a time before the present one.
        """
        time = require_later(to_time_s, self.time_s, "The cells are")
        if time > self.time_s:
            self.time_s = time
            self.revision += 1
            self._now_uS = self._present_uS()

    def weights(self) -> torch.Tensor:
        """Weights that the cells have now, (rows, cols) float64."""
        return self.mapping.to_weights(self._now_uS * MICRO)

    def moments(self, time_s: float) -> tuple[float, torch.Tensor]:
        """NaN: their laws have no mean change common to all weights."""
        return float("nan"), torch.full_like(self.weights(), float("nan"))


class WanCells(ComparisonCells):
    """ReRAM of Wan et al. (2022); "programming" is the deviation after 1 s, "relaxation" its growth since."""

    g_max_uS = WAN_MAX_uS

    def _start(self) -> None:
        self._programmed, self._grown = self._normal(), self._normal()

    def _present_uS(self) -> torch.Tensor:
        first = wan_sigma_uS(self._target_uS, 1.0)
        # Two independent parts whose variances add up to the law's.
        growth = (wan_sigma_uS(self._target_uS, self.time_s) ** 2 - first**2).clamp(min=0.0).sqrt()
        present = self._target_uS.clone()
        if "programming" in self._effects:
            present += first * self._programmed
        if "relaxation" in self._effects:
            present += growth * self._grown
        return present.clamp(min=0.0)


class PcmCells(ComparisonCells):
    """Phase change; "relaxation" is its drift."""

    g_max_uS = PCM_MAX_uS

    def _start(self) -> None:
        error = pcm_programming_sigma_uS(self._target_uS) * self._normal()
        mean, deviation = pcm_drift_law(self._target_uS)
        self._nu = (mean + deviation * self._normal()).abs()
        wanted = self._target_uS + error if "programming" in self._effects else self._target_uS
        self._programmed_uS = wanted.clamp(min=0.0)

    def _present_uS(self) -> torch.Tensor:
        present = self._programmed_uS
        if self.time_s == 0.0:
            return present
        if "relaxation" in self._effects:
            present = present * ((self.time_s + PCM_FIRST_S) / PCM_FIRST_S) ** -self._nu
        if "read_noise" in self._effects:
            present = present * (1 + pcm_read_relative(self._programmed_uS, self.time_s) * self._normal())
        return present.clamp(min=0.0)


def weight_arrays_wan(*, device: str = "cpu"):
    """A CellMaker as `weight_arrays`, on the ReRAM of Wan et al.; its acceptance has no meaning here.

    Args:
        device: torch device of the cells.
    """
    return _maker(WanCells, device)


def weight_arrays_pcm(*, device: str = "cpu"):
    """A CellMaker as `weight_arrays`, on phase change memory; its acceptance has no meaning here.

    Args:
        device: torch device of the cells.
    """
    return _maker(PcmCells, device)


def _maker(kind: type[ComparisonCells], device: str):
    def make(weights, *, mapping: str, acceptance: float, effects: tuple[str, ...], stream: tuple[int, ...]):
        generator = torch_generator(*stream, device=device)
        return kind(weights, mapping=mapping, effects=effects, generator=generator)

    return make
