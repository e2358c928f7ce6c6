"""Plain tables for the screen: aligned columns that also read well in a file."""

from collections.abc import Sequence


def text_table(header: Sequence[str], rows: Sequence[Sequence], *, right: Sequence[int] = ()) -> str:
    """Align columns.

    Args:
        header: column heads; units belong here.
        rows: (rows, columns) cells; numbers are written with four digits.
        right: columns that are aligned to the right.

    Returns:
        The table, a rule under its header, without trailing blanks.
    """
    cells = [list(header), *([_cell(value) for value in row] for row in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(header))]

    def line(texts: Sequence[str]) -> str:
        placed = [
            text.rjust(width) if column in right else text.ljust(width)
            for column, (text, width) in enumerate(zip(texts, widths, strict=True))
        ]
        return "  ".join(placed).rstrip()

    rule = "  ".join("-" * width for width in widths)
    return "\n".join([line(cells[0]), rule, *(line(texts) for texts in cells[1:])])


def _cell(value) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
