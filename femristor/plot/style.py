"""Look of all figures, and how they are written (no display, no global state)."""

import io
from pathlib import Path

from matplotlib.axis import Axis, Tick
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text

from femristor.core.io.files import atomic_write

OURS = "#0b6e99"
SECOND = "#c1440e"
THIRD = "#4f7f35"
REFERENCE = "#222222"
SHADE = "#9aa5b1"


def new_figure(columns: int = 1, rows: int = 1, *, width: float = 5.2, height: float = 3.8):
    """A figure with axes that have a light grid.

    Args:
        columns: axes side by side.
        rows: axes above each other.
        width: inches of one of them.
        height: inches of one of them.

    Returns:
        (figure, array of axes with shape (rows, columns)).
    """
    figure = Figure(figsize=(width * columns, height * rows), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(rows, columns, squeeze=False)
    for axis in axes.flat:
        axis.grid(visible=True, color="#e3e8ed", linewidth=0.7)
        axis.set_axisbelow(True)
        axis.spines[["top", "right"]].set_visible(False)
    return figure, axes


def png_bytes(figure: Figure, dpi: int = 110) -> bytes:
    """The figure as PNG."""
    _take_words(figure)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=dpi)
    return buffer.getvalue()


def save_png(figure: Figure, path: str | Path, dpi: int = 150) -> Path:
    """Write the figure to a PNG file, replaced only when all is written.

    Raises:
        OutputError: it cannot be written.
    """
    with atomic_write(path, "wb") as stream:
        stream.write(png_bytes(figure, dpi))
    return Path(path)


def _take_words(figure: Figure) -> None:
    """Labels and titles are words, a dollar in a name starts no formula; only ticks write powers of ten as formulas."""
    own = {id(label) for tick in figure.findobj(Tick) for label in (tick.label1, tick.label2)}
    own |= {id(axis.offsetText) for axis in figure.findobj(Axis)}
    for text in figure.findobj(Text):
        if id(text) not in own:
            text.set_parse_math(False)
