"""The self-contained HTML page: comparison, figures, provenance of each stage, sources of the card."""

import base64
import json
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from femristor import __version__
from femristor.core.io.files import atomic_write
from femristor.core.io.text import html_text
from femristor.core.provenance import Provenance
from femristor.device.card import DeviceCard
from femristor.report.comparison import HEADER, Comparison


@dataclass(frozen=True)
class Figure:
    """A figure of the page.

    Attributes:
        name: short name, also its anchor.
        title: heading.
        caption: what is shown, ours and the reference, with conditions.
        png: image bytes.
    """

    name: str
    title: str
    caption: str
    png: bytes

    @property
    def data_uri(self) -> str:
        """The image as a data URI."""
        return "data:image/png;base64," + base64.b64encode(self.png).decode()


def write_page(
    path: str | Path,
    comparison: Comparison,
    figures: list[Figure],
    *,
    card: DeviceCard,
    provenance: dict[str, Provenance],
    notes: list[str],
    title: str = "femristor demo",
) -> Path:
    """Write the page; it needs no other file and no network.

    Args:
        path: HTML file, replaced only when all is written.
        comparison: the table.
        figures: in the order of the chain.
        card: the device card that the run ended with.
        provenance: stage name to provenance.
        notes: sentences that the reader must know (synthetic input, shortfalls).
        title: heading of the page.

    Returns:
        The path.

    Raises:
        OutputError: the file cannot be written.
    """
    import jinja2

    source = (resources.files("femristor.report") / "page.html.j2").read_text(encoding="utf-8")
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, finalize=_shown)
    template = environment.from_string(source)
    html = template.render(
        title=title,
        version=__version__,
        header=HEADER,
        rows=[(row, row.cells()) for row in comparison.rows],
        figures=figures,
        notes=notes,
        card=card,
        sources=[
            (key, note, card.bibliography.get(note.source, note.source)) for key, note in card.sources.items()
        ],
        provenance={name: _listing(entry) for name, entry in provenance.items()},
    )
    with atomic_write(path) as stream:
        stream.write(html)
    return Path(path)


def _shown(value):
    """What every place of the template goes through before its markup is escaped; our own markup is left alone."""
    return value if hasattr(value, "__html__") else html_text(str(value))


def _listing(entry: Provenance):
    """Provenance as indented JSON, each of its lines safe by itself."""
    from markupsafe import Markup, escape

    lines = json.dumps(entry.as_dict(), indent=1).split("\n")
    return Markup("\n").join(
        " " * (len(line) - len(line.lstrip(" "))) + escape(html_text(line)) for line in lines
    )
