"""The whole chain in one run: curves to fits, fields, table, pulses, cells, matrix products, a trained network."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from femristor.core.io.files import atomic_write, ensure_output_dir
from femristor.core.messages import NullProgress, Progress
from femristor.device import load_card
from femristor.report.comparison import Comparison
from femristor.report.demo.cells import run_cells_part
from femristor.report.demo.device import SYNTHETIC, run_device_half
from femristor.report.demo.network import run_network_half
from femristor.report.demo.settings import DemoSettings
from femristor.report.stages import StageBook


@dataclass(frozen=True)
class DemoOutcome:
    """What the demo leaves.

    Attributes:
        comparison: ours, paper, difference.
        page: the HTML page.
        folder: folder of all results.
    """

    comparison: Comparison
    page: Path
    folder: Path


def run_demo(
    folder: str | Path,
    settings: DemoSettings | None = None,
    *,
    progress: Progress | None = None,
    say: Callable[[str], None] = lambda line: None,
) -> DemoOutcome:
    """Run every stage whose inputs changed, and write table, figures and page.

    Args:
        folder: output folder; stages that are up to date there are kept.
        settings: how much of each stage.
        progress: where long work is shown.
        say: where one line a stage goes.

    Returns:
        DemoOutcome.

    Raises:
        FemristorError: a stage failed; finished ones are kept.
    """
    from femristor.report.demo.figures import figures
    from femristor.report.demo.rows import comparison
    from femristor.report.page import write_page

    settings = settings or DemoSettings()
    target = ensure_output_dir(folder)
    bar = progress or NullProgress()
    book = StageBook(target, say)
    device = run_device_half(target, settings, book=book, progress=bar, say=say)
    measured = load_card(settings.card)
    cells = run_cells_part(measured, settings, book=book, progress=bar, say=say)
    network = run_network_half(target, device.card, device.steps, settings, book=book, progress=bar, say=say)
    table = comparison(device, cells, network)
    pictures = figures(device, cells, network, measured)
    for picture in pictures:
        with atomic_write(target / f"{picture.name}.png", "wb") as stream:
            stream.write(picture.png)
    page = write_page(
        target / "index.html",
        table,
        pictures,
        card=device.card,
        provenance=_provenance(device, cells, network),
        notes=[SYNTHETIC, *device.forming.warnings, *device.hopping.warnings],
    )
    return DemoOutcome(table, page, target)


def _provenance(device, cells, network) -> dict:
    results = {
        "forming fit": device.forming,
        "hopping fit": device.hopping,
        "field solutions, LRS": device.solutions[0],
        "field solutions, HRS": device.solutions[1],
        "compact table": device.table,
        "switching loop": device.loop,
        "pulse train": device.train,
        "single-pulse steps": device.steps,
        "array, forming": cells.forming,
        "array, cycles": cells.cycling,
        "array, pulses": cells.pulses,
        "array, program-verify": cells.programs[-1],
        "array, wires": cells.remedies,
        "levels": network.levels[-1],
        "relaxation": network.relaxation,
        "matrix products": network.mvm,
        "training, the paper's device": network.paper,
        "training, the derived device": network.derived,
    }
    return {name: result.provenance for name, result in results.items()}
