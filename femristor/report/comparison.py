"""Rows "ours / paper / difference" and the table that shows them."""

from dataclasses import dataclass

from femristor.core.store import storable


@storable("ComparisonRow", version=1)
@dataclass(frozen=True)
class ComparisonRow:
    """One compared quantity.

    Attributes:
        stage: room or step it belongs to.
        quantity: what it is.
        ours: our number.
        paper: number of the paper or of the reference it is compared with; None where there is none.
        unit: unit of both, "" for a pure number.
        reference: where the other number stands (paper figure, reference curve).
        origin: how ours came about, in one line.
        spread: standard error or spread of ours over seeds, None where there is none.
    """

    stage: str
    quantity: str
    ours: float
    paper: float | None
    unit: str
    reference: str
    origin: str
    spread: float | None = None

    @property
    def difference_percent(self) -> float | None:
        """(ours - paper)/|paper| in percent, or None."""
        if self.paper is None or self.paper == 0:
            return None
        return 100.0 * (self.ours - self.paper) / abs(self.paper)

    def cells(self) -> tuple[str, ...]:
        """Texts of the row: stage, quantity, ours, paper, difference, unit."""
        ours = f"{self.ours:.4g}" + (f" ± {self.spread:.2g}" if self.spread is not None else "")
        paper = "-" if self.paper is None else f"{self.paper:.4g}"
        difference = self.difference_percent
        return (
            self.stage,
            self.quantity,
            ours,
            paper,
            "-" if difference is None else f"{difference:+.1f} %",
            self.unit,
        )


HEADER = ("stage", "quantity", "ours", "paper", "difference", "unit")


@storable("Comparison", version=1)
@dataclass(frozen=True)
class Comparison:
    """All compared quantities of a run, in the order of the chain."""

    rows: tuple[ComparisonRow, ...]

    def text(self) -> str:
        """The table for a terminal.

        Returns:
            Lines of equal columns, the header first.
        """
        cells = [HEADER, *(row.cells() for row in self.rows)]
        widths = [max(len(line[column]) for line in cells) for column in range(len(HEADER))]
        lines = []
        for line in cells:
            padded = [
                text.ljust(width) if column in (0, 1, 5) else text.rjust(width)
                for column, (text, width) in enumerate(zip(line, widths, strict=True))
            ]
            lines.append("  ".join(padded).rstrip())
        lines.insert(1, "  ".join("-" * width for width in widths))
        return "\n".join(lines)

    def as_dicts(self) -> list[dict]:
        """The rows for JSON."""
        return [
            {
                "stage": row.stage,
                "quantity": row.quantity,
                "ours": row.ours,
                "spread": row.spread,
                "paper": row.paper,
                "difference_percent": row.difference_percent,
                "unit": row.unit,
                "reference": row.reference,
                "origin": row.origin,
            }
            for row in self.rows
        ]
