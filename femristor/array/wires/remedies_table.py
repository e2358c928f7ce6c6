"""Table of remedies over tile sizes, and the largest tile that each allows.

Reference experiment of Falcone et al., arXiv 2502.04524, Fig. 4f (aihwkit, example 34): weights and inputs normal with
standard deviation 0.5, values beyond +-1 set to +-1, 100 inputs, 0.35 ohm a segment. No converters and no noise, so
that only wires count.
"""

import hashlib
import time
from collections.abc import Sequence

import numpy as np
import torch

from femristor.array.checks import torch_generator
from femristor.array.mapping import ConductanceWindow
from femristor.array.results.remedies import RemedyTable
from femristor.array.wires.grid import WireGrid
from femristor.array.wires.ir_drop import DEVICE_MAX_S, aihwkit_ir_drop
from femristor.array.wires.remedies import REMEDIES, Remedy, Transfer, apply_remedy
from femristor.core.bounds import VECTORS, WIRED_TILE, check_memory
from femristor.core.errors import InputError
from femristor.core.messages import NullProgress, Progress
from femristor.core.provenance import Provenance, Status
from femristor.device.card import DeviceCard

FORMULA = "aihwkit's closed form"
STEP = 8
"""Tile sizes of the advice are multiples of this."""
EXACT_64, FORMULA_64 = 0.139, 0.015
"""Known for 64 x 64: exact nodal solution of single devices, and aihwkit's closed form."""


def draw(size: int, inputs: int, seed: int, deviation: float = 0.5) -> tuple[torch.Tensor, torch.Tensor]:
    """Weights (size, size) and inputs (inputs, size), normal and clipped to +-1; each size has its own draw."""
    generator = torch_generator(seed, 40, size)
    numbers = torch.randn(size + inputs, size, generator=generator, dtype=torch.float64) * deviation
    numbers.clamp_(-1.0, 1.0)
    return numbers[:size], numbers[size:]


def remedies_table(
    card: DeviceCard,
    transfer: Transfer,
    *,
    sizes: Sequence[int] = (64, 128, 256, 512),
    segment_ohm: float = 0.35,
    inputs: int = 100,
    bound: float = 0.05,
    largest_limit: int = 256,
    remedies: Sequence[Remedy] = REMEDIES,
    seed: int = 0,
    progress: Progress | None = None,
) -> RemedyTable:
    """RMSE of every remedy at every size, and the largest tile within the bound.

    Args:
        card: device card, for the window.
        transfer: solver of the wires, `femristor.array.wires.solver.transfer_matrix`.
        sizes: rows = columns of the tiles.
        segment_ohm: resistance of a segment of row and column wires.
        inputs: input vectors.
        bound: RMSE in absolute units that a tile may have.
        largest_limit: largest tile of the advice, 0 for none.
        remedies: rows of the table.
        seed: of weights and inputs.
        progress: where the work is shown.

    Returns:
        RemedyTable; its first row is aihwkit's closed form, for comparison.

    Raises:
        InputError: a size below 2, no inputs, or a bound that is not above 0.
    """
    _check(sizes, inputs, bound, largest_limit)
    transfer = _Remembered(transfer)
    window, grid = ConductanceWindow.of(card.statistics), WireGrid(segment_ohm)
    shape = (len(remedies) + 1, len(sizes))
    rmse, relative, span, clipped = (np.full(shape, np.nan) for _ in range(4))
    seconds = np.zeros(len(sizes))
    total = len(sizes) * len(remedies) + (len(remedies) if largest_limit else 0)
    with (progress or NullProgress()).task("remedies", total) as task:
        for column, size in enumerate(sizes):
            start = time.perf_counter()
            weights, vectors = draw(size, inputs, seed)
            exact = vectors @ weights
            rmse[0, column] = _formula_rmse(weights, vectors, segment_ohm)
            for row, remedy in enumerate(remedies, 1):
                found = apply_remedy(remedy, weights, window, grid, transfer)
                rmse[row, column] = _rms(vectors @ (found.weights - weights))
                span[row, column], clipped[row, column] = found.span, found.clipped
                task.advance(1, f"{size} x {size}: {remedy.name}")
            relative[:, column] = rmse[:, column] / float(exact.std())
            seconds[column] = time.perf_counter() - start
            transfer.forget()
        largest = [0]
        for row, remedy in enumerate(remedies, 1):
            known = dict(zip(sizes, rmse[row].tolist(), strict=True))
            largest.append(
                _Limit(remedy, window, grid, transfer, inputs, seed, known).largest(bound, largest_limit)
            )
            if largest_limit:
                task.advance(1, f"largest tile: {remedy.name}")
    return RemedyTable(
        remedies=(FORMULA, *(remedy.name for remedy in remedies)),
        devices=np.array([1, *(remedy.devices for remedy in remedies)]),
        size=np.array(sizes),
        rmse=rmse,
        relative=relative,
        span=span,
        clipped=clipped,
        seconds=seconds,
        bound=float(bound),
        largest=np.array(largest),
        largest_limit=int(largest_limit),
        segment_ohm=float(segment_ohm),
        distribution="weights and inputs N(0, 0.5) (standard deviation), clipped to +-1",
        inputs=int(inputs),
        status=Status.SAMPLED,
        provenance=Provenance.create(
            "array.remedies", card=card, seed=seed, notes=("no converters, no noise",)
        ),
    )


class _Remembered:
    """A transfer that solves the same cells between the same wires once."""

    def __init__(self, transfer: Transfer) -> None:
        self._transfer, self._known = transfer, {}

    def __call__(self, conductance_S: torch.Tensor, grid: WireGrid) -> torch.Tensor:
        content = hashlib.sha256(conductance_S.contiguous().cpu().numpy().tobytes()).digest()
        key = (content, tuple(conductance_S.shape), grid)
        if key not in self._known:
            self._known[key] = self._transfer(conductance_S, grid)
        return self._known[key]

    def forget(self) -> None:
        """Free the solutions."""
        self._known.clear()


class _Limit:
    """Bisection over real tiles of one remedy."""

    def __init__(self, remedy, window, grid, transfer, inputs, seed, known) -> None:
        self._run = (window, grid, transfer)
        self._remedy, self._inputs, self._seed, self._known = remedy, inputs, seed, known

    def rmse(self, size: int) -> float:
        """RMSE of one size, solved unless the table has it."""
        if size not in self._known:
            weights, vectors = draw(size, self._inputs, self._seed)
            found = apply_remedy(self._remedy, weights, *self._run)
            self._known[size] = _rms(vectors @ (found.weights - weights))
        return self._known[size]

    def largest(self, bound: float, limit: int) -> int:
        """Largest multiple of STEP up to the limit whose RMSE stays within the bound, 0 for none."""
        steps = limit // STEP
        if steps < 1 or self.rmse(STEP) > bound:
            return 0
        good, bad = 1, steps + 1
        # Doubling first: small tiles are cheap, and the limit is solved only where it may hold.
        while bad - good > 1:
            middle = min(2 * good, steps) if bad == steps + 1 else (good + bad) // 2
            good, bad = (middle, bad) if self.rmse(middle * STEP) <= bound else (good, middle)
        return good * STEP


def _rms(values: torch.Tensor) -> float:
    return float(values.square().mean().sqrt())


def _formula_rmse(weights: torch.Tensor, vectors: torch.Tensor, segment_ohm: float) -> float:
    if segment_ohm == 0:
        return 0.0
    scale = float(weights.abs().max())
    ratio = 1 / (segment_ohm * DEVICE_MAX_S)
    dropped = scale * aihwkit_ir_drop(weights / scale, vectors, ratio)
    return _rms(dropped - vectors @ weights)


def _check(sizes, inputs: int, bound: float, largest_limit: int) -> None:
    if not sizes or min(sizes) < 2:
        raise InputError(f"Tile sizes of {list(sizes)} make no table; give whole numbers from 2 on.")
    for size in (*sizes, largest_limit):
        WIRED_TILE.check(size, "a tile of the table (--sizes, --largest)")
    VECTORS.check(inputs, "input vectors (--inputs)")
    check_memory(
        40.0 * max(*sizes, largest_limit) * (inputs + 4 * max(*sizes, largest_limit)),
        f"{inputs} input vectors on tiles up to {max(*sizes, largest_limit)} (--inputs, --sizes, --largest)",
        "give fewer",
    )
    if not (np.isfinite(bound) and bound > 0):
        raise InputError(f"An RMSE bound of {bound:g} is not possible; give one above 0.")
    if largest_limit < 0:
        raise InputError(
            f"A largest tile of {largest_limit} is not possible; give 0 for no advice, or 8 or more."
        )
