"""What may be done digitally about relaxation: take the mean shift off, rescale, or program again.

Each function wraps a CellMaker and gives another, so cells, wires and remedies of any kind can be compensated:

- `law`: the mean change m(t) that the card's law expects is taken off each weight, from the clock alone.
- `reference`: one more column holds w = 0; its sum at all inputs = 1 is recorded at programming, and what it has lost
  since, over its cells, is taken off each weight. One extra read and `inputs` extra cells.
- `calibration`: all inputs = 1; the mean over ALL columns is recorded at programming, and what it has lost since is
  taken off. One extra read, no extra cells, the mean over inputs x outputs cells.
- `gain`: the ratio of sum |w| now and at programming, for drift that scales weights (aihwkit's
  GlobalDriftCompensation with one factor for the tile).

Digitally each is a factor or one number times the sum of the inputs. Its reads are taken as exact: averaged over many.
"""

import math

import torch

from femristor.core.errors import InputError
from femristor.nn.mvm.product import CellMaker, WeightCells

COMPENSATIONS = ("none", "law", "reference", "calibration", "gain")
MOST_REFRESHES = 1e15
"""Beyond it a count, and with it a cell's age, is no longer exact in double precision."""
MEAN_PULSES = {0.002: 89, 0.02: 11}
"""Mean pulses of program-verify for each acceptance (Falcone et al., arXiv 2502.04524), from the HRS."""


class Compensated:
    """Cells whose weights are corrected by what one read tells.

    Attributes:
        cells: the programmed cells.
        how: one of COMPENSATIONS.
        device: torch device.
    """

    def __init__(self, cells: WeightCells, how: str) -> None:
        """Record what the cells give at programming."""
        self.cells, self.how, self.device = cells, how, cells.device
        self._time_s = 0.0
        self._recorded = self._reading(cells.weights())
        if how == "law" and not math.isfinite(cells.moments(0.0)[0]):
            raise InputError(
                "These cells have no law of a mean change common to all; use a reference or calibration."
            )

    @property
    def revision(self) -> int:
        """Rises with every change of the cells."""
        return self.cells.revision

    def advance(self, to_time_s: float) -> None:
        """Let time pass; only forward."""
        self.cells.advance(to_time_s)
        self._time_s = to_time_s

    def _reading(self, raw: torch.Tensor) -> float:
        if self.how == "reference":
            return float(raw[:, -1].mean())
        return float(raw.abs().mean() if self.how == "gain" else raw.mean())

    def weights(self) -> torch.Tensor:
        """Corrected weights, (inputs, outputs) float64."""
        raw = self.cells.weights()
        kept = raw[:, :-1] if self.how == "reference" else raw
        if self.how == "law":
            return kept - self.cells.moments(self._time_s)[0]
        now = self._reading(raw)
        if self.how == "gain":
            return kept * (self._recorded / now) if now > 0 else kept
        return kept - (now - self._recorded)

    def moments(self, time_s: float) -> tuple[float, torch.Tensor]:
        """Of the cells, with what is left of the mean change: 0 by the law, and its estimate's variance otherwise."""
        variance = self.cells.moments(time_s)[1]
        if self.how == "gain":
            return math.nan, torch.full_like(variance, math.nan)
        if self.how == "reference":
            return math.sqrt(float(variance[:, -1].mean()) / variance.shape[0]), variance[:, :-1]
        left = 0.0 if self.how == "law" else math.sqrt(float(variance.mean()) / variance.numel())
        return left, variance


class Refreshed:
    """Cells that are programmed again from the same weights after each interval.

    At a multiple of the interval the cells are as they are just before: the worst moment. What lies between two times
    that are asked for is not simulated: programming anew forgets it.

    Attributes:
        interval_s: between two refreshes.
        count: refreshes so far.
        device: torch device.
        revision: rises with every change of the cells.
    """

    def __init__(self, program, interval_s: float) -> None:
        """Program for the first time.

        Args:
            program: gives fresh cells for the number of the refresh.
            interval_s: between two refreshes.
        """
        self._program, self.interval_s = program, interval_s
        self.count, self.revision = 0, 0
        self.cells = program(0)
        self.device = self.cells.device

    def advance(self, to_time_s: float) -> None:
        """Let time pass; only forward."""
        count, age = self._age(to_time_s)
        if count != self.count:
            self.count, self.cells = count, self._program(count)
        self.cells.advance(age)
        self.revision += 1

    def _age(self, time_s: float) -> tuple[int, float]:
        count = _refreshes(self.interval_s, time_s)
        return count, time_s - count * self.interval_s

    def weights(self) -> torch.Tensor:
        """Weights that the cells have now, (inputs, outputs) float64."""
        return self.cells.weights()

    def moments(self, time_s: float) -> tuple[float, torch.Tensor]:
        """Those of the time since the last refresh."""
        return self.cells.moments(self._age(time_s)[1])


def _refreshes(interval_s: float, until_s: float) -> int:
    ratio = until_s / interval_s
    if not ratio <= MOST_REFRESHES:
        raise InputError(
            f"A refresh every {interval_s:g} s until {until_s:g} s is more than {MOST_REFRESHES:.0e} refreshes; give a longer interval."
        )
    return max(0, math.ceil(ratio) - 1)


def compensated(make_cells: CellMaker, how: str) -> CellMaker:
    """Cells with a digital compensation.

    Args:
        make_cells: puts weights on cells whose products are linear in the inputs.
        how: one of COMPENSATIONS.

    Returns:
        CellMaker.

    Raises:
        InputError: an unknown compensation.
    """
    if how not in COMPENSATIONS:
        raise InputError(f"A compensation '{how}' is unknown; use one of {', '.join(COMPENSATIONS)}.")
    if how == "none":
        return make_cells

    def make(weights, *, mapping: str, acceptance: float, effects: tuple[str, ...], stream: tuple[int, ...]):
        values = torch.as_tensor(weights, dtype=torch.float64)
        if how == "reference":
            # w = 0 may lie outside a one-sided range of weights: the nearest end then.
            zero = torch.zeros(values.shape[0], 1, dtype=torch.float64, device=values.device)
            values = torch.cat([values, zero.clamp(values.min(), values.max())], dim=1)
        cells = make_cells(values, mapping=mapping, acceptance=acceptance, effects=effects, stream=stream)
        if hasattr(cells, "product"):
            raise InputError(
                "A compensation works on weights, and these cells only give products; use none or exact wires."
            )
        return Compensated(cells, how)

    return make


def refreshed(make_cells: CellMaker, interval_s: float) -> CellMaker:
    """Cells that are programmed again at intervals.

    Args:
        make_cells: puts weights on cells.
        interval_s: between two refreshes, above 0.

    Returns:
        CellMaker.

    Raises:
        InputError: an interval that is not above 0.
    """
    if not 0 < interval_s < math.inf:
        raise InputError(f"A refresh every {interval_s:g} s is not possible; give a finite time above 0.")

    def make(weights, *, mapping: str, acceptance: float, effects: tuple[str, ...], stream: tuple[int, ...]):
        def program(number: int):
            return make_cells(
                weights, mapping=mapping, acceptance=acceptance, effects=effects, stream=(*stream, number)
            )

        return Refreshed(program, interval_s)

    return make


def refresh_cost(
    interval_s: float, until_s: float, cells: int, acceptance: float
) -> tuple[int, float | None]:
    """Refreshes by a time, and pulses that they send.

    Args:
        interval_s: between two refreshes.
        until_s: since the first programming.
        cells: number of cells.
        acceptance: of program-verify.

    Returns:
        Refreshes, and pulses to all cells; None for an acceptance without a published mean. Pulses are counted from
        the HRS, so cells that only have to be moved back need fewer.
    """
    count = _refreshes(interval_s, until_s)
    pulses = MEAN_PULSES.get(acceptance)
    return count, None if pulses is None else float(count * cells * pulses)
