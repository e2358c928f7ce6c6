"""Cost of a piece of work on an array: energy by its parts, and latency."""

import math
from dataclasses import dataclass, field

from femristor.core.errors import InputError
from femristor.core.store import storable

PREFIXES = ((1.0, ""), (1e-3, "m"), (1e-6, "u"), (1e-9, "n"), (1e-12, "p"), (1e-15, "f"))
ROUNDING = 1e-9
"""Relative difference between the energy and the sum of its parts that counts as rounding."""


@storable("Cost", version=1)
@dataclass(frozen=True)
class Cost:
    """Energy and latency; `a + b` is one after the other, `a.beside(b)` both at once, `a.times(n)` n in a row.

    Attributes:
        energy_J: all energy, the sum of its parts.
        latency_s: from the start to the end.
        parts: name of each consumer (read, set, reset, selector, wires, converters, ...) to its energy [J].
    """

    energy_J: float = 0.0
    latency_s: float = 0.0
    parts: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check that the parts make the energy and that nothing is negative."""
        values = (self.energy_J, self.latency_s, *self.parts.values())
        if not all(math.isfinite(value) and value >= 0 for value in values):
            raise InputError(
                f"A cost of {self.energy_J:g} J and {self.latency_s:g} s with parts {self.parts} is not possible; "
                "give finite energies and times from 0 on."
            )
        whole = math.fsum(self.parts.values())
        if abs(whole - self.energy_J) > ROUNDING * max(self.energy_J, whole):
            raise InputError(
                f"Parts of {whole:g} J do not make an energy of {self.energy_J:g} J; name every consumer, "
                "or use Cost.of(latency_s, read=..., set=...)."
            )

    @classmethod
    def of(cls, latency_s: float, **parts: float) -> "Cost":
        """Cost from its parts.

        Args:
            latency_s: from the start to the end.
            **parts: energy of each consumer [J].

        Returns:
            Cost.
        """
        named = {name: float(value) for name, value in parts.items()}
        return cls(math.fsum(named.values()), float(latency_s), named)

    def __add__(self, other: "Cost") -> "Cost":
        """One after the other: energies and latencies add, parts of one name are joined."""
        if not isinstance(other, Cost):
            return NotImplemented
        return Cost.of(self.latency_s + other.latency_s, **self._joined(other))

    def __radd__(self, other) -> "Cost":
        """So that `sum(costs)` works."""
        return self if other == 0 else NotImplemented

    def beside(self, other: "Cost") -> "Cost":
        """Both at once: energies add, the slower one sets the latency."""
        return Cost.of(max(self.latency_s, other.latency_s), **self._joined(other))

    def times(self, count: float) -> "Cost":
        """The same work `count` times in a row."""
        return Cost.of(self.latency_s * count, **{name: value * count for name, value in self.parts.items()})

    def sentence(self) -> str:
        """One sentence for a report, e.g. "1.2 nJ in 300 us (read 1 nJ, wires 200 pJ)."."""
        text = f"{_engineering(self.energy_J, 'J')} in {_engineering(self.latency_s, 's')}"
        shares = ", ".join(
            f"{name} {_engineering(value, 'J')}" for name, value in self.parts.items() if value
        )
        return f"{text} ({shares})." if shares else f"{text}."

    def _joined(self, other: "Cost") -> dict[str, float]:
        names = dict.fromkeys([*self.parts, *other.parts])
        return {name: self.parts.get(name, 0.0) + other.parts.get(name, 0.0) for name in names}


def _engineering(value: float, unit: str) -> str:
    scale, prefix = next(((s, p) for s, p in PREFIXES if abs(value) >= s), PREFIXES[-1])
    return f"{value / scale:.3g} {prefix}{unit}" if value else f"0 {unit}"
