"""Cells of an array at their terminals: device behind an NMOS (1T1R), device alone (1R), conductance (linear).

The device lies between bit line and inner node, the transistor between inner node and source line, its gate on the
word line and its bulk at `body_V`. Polarity 8W: the top electrode is on the bit line. In set (bit line high) the
transistor's source is the source line; in reset (source line high) it is the inner node, which the cell lifts, as in
`device.load_line`. The inner node solves `I_d(V_bit - m) = I_t(m, V_source)`, whose difference falls with m: Newton
within a bracket. With a = dI_d/dV, c = dI_t/dm the cell's slopes are `dI/dV_bit = a c/(a + c)`,
`dI/dV_source = a I_t'/(a + c)`, `dI/dstate = c I_d'/(a + c)` (implicit function theorem).
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch

from femristor.array.cell.laws import DeviceLaw, LinearLaw
from femristor.array.checks import finite_tensor
from femristor.core.constants import EPS_0
from femristor.core.errors import ConvergenceError, InputError
from femristor.device.card import DeviceCard
from femristor.device.laws.channel import CHARGE_MIN_V2, Channel
from femristor.device.load_line import OXIDE_PERMITTIVITY
from femristor.device.selector import LOSS, SLOPE

STEP_V = 1e-15
"""Last change of the inner node, beside 4e-16 of the largest terminal voltage."""
ITERATIONS = 200
"""Most steps of Newton or bisection."""


def card_channel(card: DeviceCard) -> Channel:
    """The card's selector as a channel; slope and mobility loss are typical ones (`device.selector`).

    Args:
        card: device card.

    Returns:
        Channel with beta = mu C_ox W/L and V_c = 2 v_sat L/mu.
    """
    selector = card.selector
    sheet = OXIDE_PERMITTIVITY * EPS_0 / selector.oxide_thickness_m * selector.mobility_m2_per_Vs
    critical = 2 * selector.saturation_velocity_m_per_s * selector.length_m / selector.mobility_m2_per_Vs
    gain = sheet * selector.width_m / selector.length_m
    return Channel(gain, selector.threshold_V, SLOPE, LOSS, critical, origin=f"selector of {card.name}")


def word_lines(
    rows: int,
    selected: Sequence[int] | None = None,
    *,
    on_V: float,
    off_V: float = 0.0,
    device="cpu",
) -> torch.Tensor:
    """Gate voltages of the word lines, one a row.

    Args:
        rows: of the array.
        selected: rows whose transistors are on; None for all.
        on_V: gate of selected rows, e.g. the card's gate_read_V.
        off_V: gate of the others.
        device: torch device.

    Returns:
        (rows, 1) float64, which broadcasts over columns and tiles.

    Raises:
        InputError: a row that the array does not have.
    """
    gates = torch.full((rows, 1), float(off_V), dtype=torch.float64, device=device)
    for row in range(rows) if selected is None else selected:
        if not 0 <= row < rows:
            raise InputError(
                f"Row {row} is selected in an array with rows 0 to {rows - 1}; select one of them."
            )
        gates[row] = on_V
    return gates


def channel_slopes(numbers, gate_V, drain_V, source_V):
    """Current of `device.laws.channel` and its derivatives, also deep below threshold.

    Args:
        numbers: `Channel.numbers`.
        gate_V: tensors against the bulk, as the two below.
        drain_V: drain.
        source_V: source.

    Returns:
        I, dI/dgate, dI/ddrain, dI/dsource.
    """
    beta, threshold, slope, loss, critical, thermal = numbers
    pinch = (gate_V - threshold) / slope
    x_s, x_d = (pinch - source_V) / (2 * thermal), (pinch - drain_V) / (2 * thermal)
    one = torch.ones((), dtype=torch.float64, device=x_s.device)
    s, d = (2 * thermal * torch.logaddexp(x, 0 * one) for x in (x_s, x_d))
    half = 0.5 * (s - d) * (s + d)
    square = torch.sqrt(torch.sqrt(s**8 + d**8)) + CHARGE_MIN_V2
    lost = 1 + 0.5 * loss * (s + d)
    fast = 1 + half**2 / (critical**2 * square)
    unit = slope * beta / (lost * torch.sqrt(fast))

    def along(charge: torch.Tensor, sign: float) -> torch.Tensor:
        """dI/dq of one end."""
        grows = 2 * charge * (charge**2 / square).clamp(max=1.0) ** 3
        fast_q = (2 * half * sign * charge - half**2 / square * grows) / (critical**2 * square)
        return unit * (sign * charge - half * (0.5 * loss / lost + 0.5 * fast_q / fast))

    by_s, by_d = along(s, 1.0) * torch.sigmoid(x_s), along(d, -1.0) * torch.sigmoid(x_d)
    return unit * half, (by_s + by_d) / slope, -by_d, -by_s


class Cells(ABC):
    """Cells with a frozen state at the crossings of an array; base of the kinds below.

    Attributes:
        law: current of the device.
        state: (*tiles, rows, cols) density or conductance; may ask for gradients. A leading axis of 2 makes
            differential pairs (2T2R).
    """

    def __init__(self, law: DeviceLaw, state) -> None:
        """Take law and state.

        Args:
            law: current of the device, e.g. `cell_laws.device_law(model)`.
            state: (*tiles, rows, cols), above 0 for densities.

        Raises:
            InputError: states that are no finite numbers.
        """
        finite = finite_tensor(state, "state of the cells", device=getattr(state, "device", "cpu"))
        self.law = law
        self.state = state if isinstance(state, torch.Tensor) and state.dtype == torch.float64 else finite

    def current_A(self, bit_V, source_V, word_V=None, density=None) -> torch.Tensor:
        """Current from bit line to source line, with first derivatives by all arguments.

        Args:
            bit_V: bit line at each cell, broadcasts with (*tiles, rows, cols).
            source_V: source line, the same way.
            word_V: gate, e.g. (rows, 1) of `word_lines`; the cells' own by default, not used without a transistor.
            density: state in place of the cells' own.

        Returns:
            (*tiles, rows, cols) [A].

        Raises:
            RangeError: outside the device's law.
            ConvergenceError: no inner voltage was found.
        """
        state = self.state if density is None else torch.as_tensor(density)
        like = {"dtype": torch.float64, "device": state.device}
        word = self._word() if word_V is None else word_V
        terminals = [torch.as_tensor(value, **like) for value in (bit_V, source_V, word, state)]
        return _Current.apply(self, *torch.broadcast_tensors(*terminals))

    def current_and_slopes(self, bit_V, source_V) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Current, d/d bit_V and d/d source_V without recording gradients; arguments as in `current_A`."""
        with torch.no_grad():
            like = {"dtype": torch.float64, "device": self.state.device}
            terminals = [
                torch.as_tensor(value, **like) for value in (bit_V, source_V, self._word(), self.state)
            ]
            return self._solve(*torch.broadcast_tensors(*terminals))[:3]

    def _word(self):
        return 0.0

    @abstractmethod
    def _solve(self, bit, source, word, state):
        """I and its derivatives by bit line, source line, word line and state."""


class Cells1R(Cells):
    """Devices without transistors."""

    def _solve(self, bit, source, word, state):
        current, slope, by_state = self.law.evaluate(bit - source, state)
        return current, slope, -slope, torch.zeros_like(current), by_state


class LinearCells(Cells1R):
    """Conductances; the state is G [S]."""

    def __init__(self, conductance_S) -> None:
        """Take (*tiles, rows, cols) conductances.

        Raises:
            InputError: negative or no finite numbers.
        """
        super().__init__(LinearLaw(), conductance_S)
        if bool((self.state < 0).any()):
            raise InputError(
                f"A conductance of {float(self.state.min()):g} S is not possible; give 0 or more."
            )


class Cells1T1R(Cells):
    """Devices behind transistors.

    Attributes:
        channel: the transistor.
        word_V: gates, broadcasts with the cells, e.g. (rows, 1).
        body_V: bulk of all transistors.
    """

    def __init__(self, law: DeviceLaw, state, channel: Channel, word_V, *, body_V: float = 0.0) -> None:
        """Take law, state, transistor and gates; see `Cells`."""
        super().__init__(law, state)
        self.channel, self.body_V = channel, float(body_V)
        self.word_V = finite_tensor(word_V, "word line voltage", device=self.state.device)

    def _word(self):
        return self.word_V

    def inner_V(self, bit_V, source_V) -> torch.Tensor:
        """Voltage of the node between device and transistor; arguments as in `current_A`."""
        with torch.no_grad():
            like = {"dtype": torch.float64, "device": self.state.device}
            terminals = [
                torch.as_tensor(value, **like) for value in (bit_V, source_V, self.word_V, self.state)
            ]
            return self._inner(*torch.broadcast_tensors(*terminals))[0]

    def _solve(self, bit, source, word, state):
        _, device, transistor = self._inner(bit, source, word, state)
        (at_device, a, by_state), (at_channel, by_word, c, by_source) = device, transistor
        both = a + c
        # The mean weighted by the other slope is free of first-order errors of the inner node.
        current = (c * at_device + a * at_channel) / both
        return current, a * c / both, a * by_source / both, a * by_word / both, c * by_state / both

    def _inner(self, bit, source, word, state):
        low, high = torch.minimum(bit, source), torch.maximum(bit, source)
        close = STEP_V + 4e-16 * float(torch.maximum(low.abs(), high.abs()).max())
        inner, numbers, body = source + 0.05 * (bit - source), self.channel.numbers(), self.body_V
        width = high - low
        for _ in range(ITERATIONS):
            device = self.law.evaluate(bit - inner, state)
            transistor = channel_slopes(numbers, word - body, inner - body, source - body)
            excess = device[0] - transistor[0]
            low = torch.where(excess >= 0, inner, low)
            high = torch.where(excess <= 0, inner, high)
            trial = inner + excess / (device[1] + transistor[2])
            # A bracket that Newton does not halve within a step is bisected.
            slow = (high - low) > 0.7 * width
            inside = (trial >= low) & (trial <= high) & ~(slow & ((trial - inner).abs() > 0.3 * width))
            following = torch.where(inside, trial, 0.5 * (low + high))
            width = high - low
            moved = (following - inner).abs()
            settled = (moved <= close) | (width <= close)
            if bool(settled.all()):
                return inner, device, transistor
            inner = following
        worst = int(moved.flatten().argmax())
        raise ConvergenceError(
            f"A 1T1R cell between {float(bit.flatten()[worst]):.4g} V and {float(source.flatten()[worst]):.4g} V finds "
            "no inner voltage; lower the voltages."
        )


def pair_difference(current_A: torch.Tensor) -> torch.Tensor:
    """Column currents of differential pairs, (*, 2, cols) to (*, cols), plus minus minus."""
    return current_A[..., 0, :] - current_A[..., 1, :]


class _Current(torch.autograd.Function):
    """Current of solved cells; first derivatives by the implicit function theorem."""

    @staticmethod
    def forward(ctx, cells, bit, source, word, state):
        """Solve and keep the slopes."""
        current, *slopes = cells._solve(bit.detach(), source.detach(), word.detach(), state.detach())
        ctx.save_for_backward(*slopes)
        return current

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, upstream):
        """Upstream times slopes."""
        return None, *(upstream * slope for slope in ctx.saved_tensors)
