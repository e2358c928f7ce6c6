"""Generalised soft-bounds device, sampled from the figures of merit of a measured pulse response.

Open-loop pulse trains give (Falcone et al., arXiv 2502.04524, eqs. 1-3), SP the symmetry point::

    N_states = (G_max - G_min) / mean|dG(SP)|
    skew     = (G_max - G_SP) / (G_max - G_min)
    NSR      = std(dG(SP)) / mean|dG(SP)|

On the window [w_min, w_max] of range R the symmetry point is at `w_SP = w_max - skew R`, thus at `u = skew`.
Both directions step by `R/N_states` there, for any exponents, when::

    step_up = (R/N_states) / skew**gamma_up        step_down = (R/N_states) / (1 - skew)**gamma_down

so a skew of 61 % puts it at exactly -0.22 on [-1, 1], and 22 states at exponent 1 and skew 50 % give 4/22.
(N_states, skew) are drawn from one bivariate Gaussian and (exponent, its up/down asymmetry) from another,
independent of it; draws outside the physical range are drawn again.
"""

from dataclasses import dataclass, replace

import numpy as np

from femristor.core.errors import InputError
from femristor.core.rng import generator
from femristor.core.store import storable
from femristor.device.card.given import require_card
from femristor.nn.devices.device_result import SoftBoundsPopulation
from femristor.nn.devices.parameters import FIELDS, NO_LIBRARY, SOFT_BOUNDS, DeviceArray, require_cells

N_STATES_LIMITS = (2.0, 1e6)
SKEW_LIMITS = (0.02, 0.98)
GAMMA_LIMITS = (0.05, 8.0)
ASYMMETRY_LIMITS = (-0.98, 0.98)


def symmetry_point(skew: float, *, w_min: float = -1.0, w_max: float = 1.0) -> float:
    """Weight at which up and down pulses balance.

    Args:
        skew: (G_max - G_SP)/(G_max - G_min), between 0 and 1.
        w_min: lower end of the window.
        w_max: upper end.

    Returns:
        The symmetry point; skew 0.61 on [-1, 1] gives -0.22.
    """
    return w_max - skew * (w_max - w_min)


@storable("SoftBoundsDevice", version=1)
@dataclass(frozen=True)
class SoftBoundsDevice:
    """A population of soft-bounds devices.

    The spreads of skew and exponent and the absence of correlation are estimates until pulse traces of
    single cells are fitted; the paper prints means and the range of N_states only.

    Attributes:
        n_states_mean: states between the bounds.
        n_states_std: its spread from device to device.
        skew_mean: symmetry-point skew (0.5 is symmetric).
        skew_std: its spread.
        states_skew_correlation: of the first Gaussian, -1 to 1.
        gamma_mean: mean exponent of both directions; 1 is linear soft bounds, 0 a constant step.
        gamma_std: its spread.
        asymmetry_mean: a in gamma_up = gamma (1 + a), gamma_down = gamma (1 - a).
        asymmetry_std: its spread.
        gamma_asymmetry_correlation: of the second Gaussian, -1 to 1.
        noise_to_signal: NSR, from pulse to pulse.
        bound_std: spread of each bound in units of half the window.
        w_min: nominal lower bound.
        w_max: nominal upper bound.
        label: for people.
    """

    n_states_mean: float = 22.0
    n_states_std: float = 4.25
    skew_mean: float = 0.61
    skew_std: float = 0.05
    states_skew_correlation: float = 0.0
    gamma_mean: float = 1.0
    gamma_std: float = 0.1
    asymmetry_mean: float = 0.0
    asymmetry_std: float = 0.0
    gamma_asymmetry_correlation: float = 0.0
    noise_to_signal: float = 0.9
    bound_std: float = 0.0
    w_min: float = -1.0
    w_max: float = 1.0
    label: str = "soft bounds"

    def __post_init__(self) -> None:
        _check_population(self)

    @classmethod
    def from_card(cls, card) -> "SoftBoundsDevice":
        """The measured population of a device card.

        Args:
            card: `DeviceCard`; its `statistics.pulses` are used.

        Returns:
            The population, window [-1, 1] for [g_min, g_max].

        Raises:
            InputError: no card.
        """
        require_card(card)
        pulses = card.statistics.pulses
        return cls(
            n_states_mean=pulses.n_states_mean,
            n_states_std=pulses.n_states_std,
            skew_mean=pulses.skew_mean,
            skew_std=pulses.skew_std,
            gamma_mean=pulses.exponent_mean,
            gamma_std=pulses.exponent_std,
            noise_to_signal=pulses.noise_to_signal,
            label=f"{card.name}, soft bounds",
        )

    @classmethod
    def from_population(cls, fit: SoftBoundsPopulation) -> "SoftBoundsDevice":
        """The population that was fitted to pulse traces: G1, G2, the spread of bounds and the mean NSR.

        Args:
            fit: of `population_fit.fit_population`.

        Returns:
            The population, window [-1, 1] for the mean bounds.
        """
        (n_std, skew_std), states_skew = _spreads(fit.g1_covariance)
        (gamma_std, asymmetry_std), gamma_asymmetry = _spreads(fit.g2_covariance)
        return cls(
            n_states_mean=float(fit.g1_mean[0]),
            n_states_std=n_std,
            skew_mean=float(fit.g1_mean[1]),
            skew_std=skew_std,
            states_skew_correlation=states_skew,
            gamma_mean=float(fit.g2_mean[0]),
            gamma_std=gamma_std,
            asymmetry_mean=float(fit.g2_mean[1]),
            asymmetry_std=asymmetry_std,
            gamma_asymmetry_correlation=gamma_asymmetry,
            noise_to_signal=fit.nsr,
            bound_std=fit.bound_std,
            label=f"{fit.source}, soft bounds",
        )

    @classmethod
    def from_traces(cls, traces, **settings) -> "SoftBoundsDevice":
        """The population that fits pulse trains.

        Args:
            traces: `PulseTraces`, or what `PulseTraces.of` takes (`OpenLoopArray`, `PulseTrace`, `MeasuredPulses`).
            **settings: of `population_fit.fit_population`.

        Returns:
            The population.

        Raises:
            InputError: no cell that can be fitted.
        """
        from femristor.nn.devices.fit.population import fit_population
        from femristor.nn.devices.fit.traces import PulseTraces

        given = traces if isinstance(traces, PulseTraces) else PulseTraces.of(traces)
        return cls.from_population(fit_population(given, **settings))

    def symmetric(self) -> "SoftBoundsDevice":
        """The same population with its mean symmetry point in the middle of the window."""
        return replace(self, skew_mean=0.5, label=f"{self.label}, symmetric")

    def ideal(self) -> "SoftBoundsDevice":
        """Identical noise-free devices of constant step in both directions: the linear device."""
        return replace(
            self,
            n_states_std=0.0,
            skew_mean=0.5,
            skew_std=0.0,
            gamma_mean=0.0,
            gamma_std=0.0,
            asymmetry_std=0.0,
            noise_to_signal=0.0,
            bound_std=0.0,
            label="linear",
        )

    def sample(self, rows: int, cols: int, *, seed: int, stream: int = 0) -> DeviceArray:
        """Draw one device for each cell.

        Args:
            rows: outputs.
            cols: inputs.
            seed: the user's seed.
            stream: number of the array below this seed.

        Returns:
            `DeviceArray` of (rows, cols).

        Raises:
            InputError: an empty array, or spreads so wide that hardly a draw is physical.
        """
        require_cells(rows, cols)
        rng = generator(seed, 101, stream)
        size = rows * cols
        gamma_limits = GAMMA_LIMITS if self.gamma_mean > 0 else (0.0, GAMMA_LIMITS[1])
        n_states, skew = _bivariate(
            rng,
            size,
            mean=(self.n_states_mean, self.skew_mean),
            std=(self.n_states_std, self.skew_std),
            correlation=self.states_skew_correlation,
            limits=(N_STATES_LIMITS, SKEW_LIMITS),
        )
        gamma, asymmetry = _bivariate(
            rng,
            size,
            mean=(self.gamma_mean, self.asymmetry_mean),
            std=(self.gamma_std, self.asymmetry_std),
            correlation=self.gamma_asymmetry_correlation,
            limits=(gamma_limits, ASYMMETRY_LIMITS),
        )
        bounds = self._bounds(rng, size)
        return self._pack(rows, cols, (n_states, skew, gamma, asymmetry, *bounds))

    def _bounds(self, rng: np.random.Generator, size: int) -> tuple[np.ndarray, np.ndarray]:
        half = 0.5 * (self.w_max - self.w_min)
        spread = half * np.clip(self.bound_std * rng.standard_normal((2, size)), -0.75, 0.75)
        return self.w_min + spread[0], self.w_max + spread[1]

    def _pack(self, rows: int, cols: int, drawn: tuple[np.ndarray, ...]) -> DeviceArray:
        n_states, skew, gamma, asymmetry, w_min, w_max = drawn
        gamma_up, gamma_down = gamma * (1.0 + asymmetry), gamma * (1.0 - asymmetry)
        span = w_max - w_min
        step_up = span / n_states / skew**gamma_up
        step_down = span / n_states / (1.0 - skew) ** gamma_down
        noise = np.full(rows * cols, self.noise_to_signal)
        fields = (w_min, w_max, step_up, step_down, gamma_up, gamma_down, 1.0 / span, noise)
        middle = 0.5 * (step_up * 0.5**gamma_up + step_down * 0.5**gamma_down)
        return DeviceArray(
            kind=SOFT_BOUNDS,
            parameters=np.stack(fields, axis=-1).astype(np.float32).reshape(rows, cols, FIELDS),
            library=NO_LIBRARY,
            granularity=float(np.mean(middle)),
            label=self.label,
        )


def _spreads(covariance: np.ndarray) -> tuple[tuple[float, float], float]:
    """Both deviations and the correlation of a (2, 2) covariance."""
    deviations = np.sqrt(np.clip(np.diag(covariance), 0.0, None))
    product = float(deviations[0] * deviations[1])
    correlation = float(np.clip(covariance[0, 1] / product, -1.0, 1.0)) if product > 0 else 0.0
    return (float(deviations[0]), float(deviations[1])), correlation


def _bivariate(rng, size: int, *, mean, std, correlation: float, limits) -> tuple[np.ndarray, np.ndarray]:
    """Bivariate Gaussian inside limits, outside draws repeated."""
    out = np.empty((2, size))
    todo = np.arange(size)
    side = np.sqrt(1.0 - correlation**2)
    for _ in range(200):
        z = rng.standard_normal((2, todo.size))
        out[0, todo] = mean[0] + std[0] * z[0]
        out[1, todo] = mean[1] + std[1] * (correlation * z[0] + side * z[1])
        inside = np.ones(todo.size, dtype=bool)
        for row, (low, high) in zip(out[:, todo], limits, strict=True):
            inside &= (row >= low) & (row <= high)
        todo = todo[~inside]
        if todo.size == 0:
            return out[0], out[1]
    raise InputError(
        f"Device statistics of mean {mean} and spread {std} lie outside the physical limits {limits}; correct the card's pulse statistics."
    )


def _check_population(device: SoftBoundsDevice) -> None:
    numbers = {name: value for name, value in vars(device).items() if name != "label"}
    for name, value in numbers.items():
        if not np.isfinite(value):
            raise InputError(f"Soft-bounds device: {name} is {value}; give a finite number.")
    for name in (
        "n_states_std",
        "skew_std",
        "gamma_std",
        "asymmetry_std",
        "noise_to_signal",
        "bound_std",
        "gamma_mean",
    ):
        if numbers[name] < 0:
            raise InputError(f"Soft-bounds device: {name} is {numbers[name]}; it cannot be negative.")
    if device.w_min >= device.w_max:
        raise InputError(
            f"Soft-bounds device: the window [{device.w_min}, {device.w_max}] is empty; w_min must be below w_max."
        )
    if device.n_states_mean < N_STATES_LIMITS[0]:
        raise InputError(
            f"Soft-bounds device: {device.n_states_mean} states; at least {N_STATES_LIMITS[0]:.0f} are needed."
        )
    if not SKEW_LIMITS[0] <= device.skew_mean <= SKEW_LIMITS[1]:
        raise InputError(
            f"Soft-bounds device: a skew of {device.skew_mean} leaves no symmetry point in the window; give 0.02 to 0.98 (61 % is 0.61)."
        )
    for name in ("states_skew_correlation", "gamma_asymmetry_correlation"):
        if abs(numbers[name]) > 1:
            raise InputError(
                f"Soft-bounds device: {name} is {numbers[name]}; a correlation lies between -1 and 1."
            )
