"""Remedies against wire resistance: what each leaves of the error of an analog product.

Weights (rows, cols) lie on conductances G; with wires the tile multiplies with Y = transfer(G) instead. A remedy gives
the effective weights W' that its digital side reads out of Y, and its error is that of x W' - x W:

- none: W' = w_min + (Y - g_min) dw/dG, the offset of g_min taken off digitally and exactly.
- reference columns: columns of w = 0 on the same tile, W'_j = (Y_j - Y_ref) dw/dG, Y_ref interpolated between them.
- differential pair: W' = (Y+ - Y-) dw/dG on two tiles.
- common mode: the error of a tile with the mean conductance in all cells, known without the weights, as one digital
  sum over the inputs and one factor a column (its leading singular pair), taken off W'.
- gains: each column's output times a factor, plus a factor times the plain sum of the inputs: least squares against
  the weights (a calibration with known weights).
- two-sided: rows driven at both ends, columns sensed at both ends.
- wire-aware: targets T = g_min + s (G - g_min); cells G' <- clip(T G'/Y') so that Y' becomes T; s is the largest share
  of the window that the drop leaves room for, undone digitally.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch

from femristor.array.mapping import ConductanceWindow, DifferentialPair, SingleDevice
from femristor.array.wires.grid import WireGrid
from femristor.core.errors import InputError

Transfer = Callable[[torch.Tensor, WireGrid], torch.Tensor]
"""Effective conductances of (*tiles, rows, cols) cells, `femristor.array.wires.solver.transfer_matrix`."""
ROUNDS = 4
"""Solutions of a wire-aware programming; each shrinks the error that is left."""
SHARES = (0.0, 0.003, 0.01, 0.03, 0.1)
"""Cells that may be held at the top of the window, tried for the span of wire-aware targets."""
SPAN_MIN = 0.02
"""Smallest span tried."""


@dataclass(frozen=True)
class Remedy:
    """What is done against the wires.

    Attributes:
        name: in tables.
        pair: two devices a weight.
        references: columns of w = 0 on the tile, or cells' columns a reference where `spacing` is above 0.
        spacing: columns a reference column; 0 for one in the middle.
        common_mode: take the uniform tile's error off.
        gains: calibrate each column.
        two_sided: drive and sense at both ends.
        drive_both: drive at both ends, sense at one.
        wire_aware: pre-distort the targets.
    """

    name: str
    pair: bool = False
    references: bool = False
    spacing: int = 0
    common_mode: bool = False
    gains: bool = False
    two_sided: bool = False
    drive_both: bool = False
    wire_aware: bool = False

    @property
    def devices(self) -> int:
        """Cells a weight."""
        return 2 if self.pair else 1

    def grid(self, grid: WireGrid) -> WireGrid:
        """The wires with this remedy's sides."""
        if self.two_sided:
            return replace(grid, drive="both", sense="both")
        return replace(grid, drive="both") if self.drive_both else grid


REMEDIES = (
    Remedy("none"),
    Remedy("reference column", references=True),
    Remedy("reference every 16", references=True, spacing=16),
    Remedy("differential pair", pair=True),
    Remedy("common mode", common_mode=True),
    Remedy("common mode, gains", common_mode=True, gains=True),
    Remedy("two-sided drive", drive_both=True),
    Remedy("two-sided drive and sense", two_sided=True),
    Remedy("wire-aware", wire_aware=True),
    Remedy("pair, gains", pair=True, gains=True),
    Remedy("pair, two-sided", pair=True, two_sided=True),
    Remedy("common mode, gains, two-sided", common_mode=True, gains=True, two_sided=True),
    Remedy("wire-aware, two-sided", wire_aware=True, two_sided=True),
    Remedy("wire-aware pair, two-sided", wire_aware=True, pair=True, two_sided=True),
)
"""Each remedy alone, then combinations."""


@dataclass(frozen=True)
class Outcome:
    """A remedy on one weight matrix.

    Attributes:
        weights: (rows, cols) effective weights W'.
        conductance_S: cells as programmed, (rows, cols) or (2, rows, cols), reference columns left out.
        span: share of the window that the weights use.
        clipped: share of cells held at an end of the window against their wish.
    """

    weights: torch.Tensor
    conductance_S: torch.Tensor
    span: float = 1.0
    clipped: float = 0.0


def apply_remedy(
    remedy: Remedy, weights: torch.Tensor, window: ConductanceWindow, grid: WireGrid, transfer: Transfer
) -> Outcome:
    """Program a weight matrix with a remedy and read its effective weights.

    Args:
        remedy: what is done.
        weights: (rows, cols) float64, rows are the inputs.
        window: conductances of the cells.
        grid: wires; the remedy changes its sides.
        transfer: solver of the wires.

    Returns:
        Outcome.

    Raises:
        InputError: weights that are no matrix.
    """
    if weights.ndim != 2:
        raise InputError(f"Weights of shape {tuple(weights.shape)} are no matrix; give (rows, cols).")
    wires = remedy.grid(grid)
    mapping = (DifferentialPair if remedy.pair else SingleDevice).fit(weights, window)
    target, span, clipped = mapping.to_conductance(weights), 1.0, 0.0
    cells, effective = target, None
    if remedy.wire_aware:
        cells, effective, span, clipped = pre_distorted(target, window, wires, transfer)
    elif remedy.references:
        found = _with_references(remedy, mapping, target, wires, transfer)
        return Outcome(found, target)
    if effective is None:
        effective = transfer(target, wires)
    # The digital side undoes the span: G = g_min + (T - g_min)/s.
    found = mapping.to_weights(window.g_min_S + (effective - window.g_min_S) / span)
    if remedy.common_mode:
        found = found - common_mode_error(target, wires, transfer) * mapping.weight_per_S
    if remedy.gains:
        found = calibrated(found, weights)
    return Outcome(found, cells, span, clipped)


def pre_distorted(
    target_S: torch.Tensor,
    window: ConductanceWindow,
    grid: WireGrid,
    transfer: Transfer,
    *,
    rounds: int = ROUNDS,
) -> tuple[torch.Tensor, torch.Tensor, float, float]:
    """Cells whose effective conductances are affine in the targets.

    Args:
        target_S: (*tiles, rows, cols) within the window.
        window: conductances that the cells may take.
        grid: wires.
        transfer: solver of the wires.
        rounds: solutions before the last one.

    Returns:
        Cells (*tiles, rows, cols), their effective conductances, the span s of T = g_min + s (G - g_min), and the share
        of cells held at the top of the window.
    """
    cells, low, high = target_S, window.g_min_S, window.g_max_S
    for _ in range(rounds):
        passed = (transfer(cells, grid) / cells).clamp(max=1.0)
        span, wanted = _largest_span(target_S, passed, window)
        cells = wanted.clamp(low, high)
    clipped = float((wanted > high).double().mean())
    return cells, transfer(cells, grid), span, clipped


def _largest_span(target_S, passed, window) -> tuple[float, torch.Tensor]:
    """Span with the smallest error in weights while the passed share of each cell stays as it is."""
    low, high = window.g_min_S, window.g_max_S
    height = target_S - low
    room = (high * passed - low).clamp(min=0) / height.clamp(min=1e-3 * window.span_S)
    best = None
    for share in SHARES:
        span = min(1.0, max(SPAN_MIN, float(torch.quantile(_thinned(room), share))))
        wanted = (low + span * height) / passed
        reached = wanted.clamp(low, high) * passed
        error = float(((reached - low) / span - height).square().mean())
        if best is None or error < 0.99 * best[0]:
            best = (error, span, wanted)
    return best[1], best[2]


def _thinned(values: torch.Tensor, most: int = 2**20) -> torch.Tensor:
    """Flat values, every n-th of many (torch.quantile takes 16 million at most)."""
    flat = values.flatten()
    return flat[:: max(1, flat.numel() // most)]


class References:
    """Columns of w = 0 among the others: one in the middle, or one every `spacing` columns.

    Attributes:
        at: places of the reference columns on the tile.
    """

    def __init__(self, cols: int, spacing: int = 0) -> None:
        """Choose the places.

        Args:
            cols: columns that hold weights.
            spacing: columns a reference; 0 for one in the middle.
        """
        count = max(1, round(cols / spacing)) if spacing else 1
        self._places = [int((index + 0.5) * cols / count) for index in range(count)]
        self.at = [place + index for index, place in enumerate(self._places)]
        self._is_reference = torch.zeros(cols + count, dtype=torch.bool)
        self._is_reference[self.at] = True

    def inserted(self, target_S: torch.Tensor, reference_S: torch.Tensor) -> torch.Tensor:
        """(rows, cols) targets with the (rows, 1) reference column at each place."""
        pieces, start = [], 0
        for place in self._places:
            pieces += [target_S[:, start:place], reference_S]
            start = place
        return torch.cat([*pieces, target_S[:, start:]], dim=1)

    def taken_off(self, whole_S: torch.Tensor) -> torch.Tensor:
        """(rows, cols) columns less their references, linear between two of them."""
        mask = self._is_reference.to(whole_S.device)
        position = torch.arange(mask.numel(), dtype=torch.float64, device=whole_S.device)[~mask]
        return whole_S[:, ~mask] - _between(whole_S[:, mask], self.at, position)


def zero_column(mapping, target_S: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Weight that lies nearest 0 in a mapping's range, and its cells, both (rows, 1)."""
    zero = torch.zeros(target_S.shape[0], 1, dtype=target_S.dtype, device=target_S.device)
    zero = zero.clamp(mapping.weight_min, mapping.weight_max)
    return zero, mapping.to_conductance(zero)


def _with_references(remedy: Remedy, mapping, target_S, grid, transfer) -> torch.Tensor:
    """Effective weights over reference columns of w = 0, inserted in the middle or every `spacing` columns."""
    layout = References(target_S.shape[1], remedy.spacing)
    zero, reference = zero_column(mapping, target_S)
    whole = transfer(layout.inserted(target_S, reference), grid)
    return zero + layout.taken_off(whole) * mapping.weight_per_S


def _between(values: torch.Tensor, at: list[int], position: torch.Tensor) -> torch.Tensor:
    """Columns of values at places `at`, linear between them and constant beyond: two digital weights an output."""
    if len(at) == 1:
        return values
    knots = torch.tensor(at, dtype=torch.float64, device=values.device)
    left = (torch.searchsorted(knots, position, right=True) - 1).clamp(0, len(at) - 2)
    share = ((position - knots[left]) / (knots[left + 1] - knots[left])).clamp(0, 1)
    return values[:, left] * (1 - share) + values[:, left + 1] * share


def common_mode_error(target_S, grid, transfer) -> torch.Tensor:
    """Leading singular pair of Y - G of a tile with the mean conductance everywhere, known without the weights.

    Args:
        target_S: (rows, cols), or (2, rows, cols) for pairs.
        grid: wires.
        transfer: solver of the wires.

    Returns:
        (rows, cols) [S]: one factor an input times one factor a column.
    """
    uniform = torch.full_like(target_S, float(target_S.mean()))
    error = transfer(uniform, grid) - uniform
    if error.ndim == 3:
        error = error[0] - error[1]
    if not float(error.abs().max()) > 0:
        return error
    left, size, right = torch.linalg.svd(error, full_matrices=False)
    return size[0] * left[:, :1] * right[:1]


def calibrated(found: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """Each column a W'_j + b with a and b by least squares against W_j; inputs of zero mean and equal variance.

    Args:
        found: (rows, cols) effective weights.
        weights: (rows, cols) wanted.
    """
    gain, offset = calibration(found, weights)
    return gain * found + offset


def calibration(found: torch.Tensor, weights: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Gain and offset of each column, (cols,), that bring `found` nearest to `weights`."""
    mean_found, mean = found.mean(dim=0), weights.mean(dim=0)
    spread = found - mean_found
    size = spread.square().sum(dim=0)
    gain = (spread * (weights - mean)).sum(dim=0) / torch.where(size > 0, size, torch.ones_like(size))
    return gain, mean - gain * mean_found
