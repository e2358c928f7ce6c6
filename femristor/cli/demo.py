"""femristor demo: the whole chain in one run."""

import sys
import time

import click

from femristor.cli.frame.counts import count_option
from femristor.cli.frame.options import Context, card_option, common_options, out_option
from femristor.core.bounds import EPOCHS, PROCESSES


@click.command("demo")
@card_option
@out_option("Folder of the page and all results.", default="femristor-demo")
@count_option("--epochs", bound=EPOCHS, default=None, help="Epochs of each training; 6 by default.")
@count_option("--jobs", bound=PROCESSES, default=2, help="Processes for field solutions.")
@common_options
def command(context: Context, *, card: str, out: str, epochs: int | None, jobs: int) -> None:
    """Run the whole chain: fits, fields, compact table, pulses, cells, matrix products, training.

    Writes index.html, the figures, the fitted card and every result into --out. Stages whose inputs did not change
    are kept; after Ctrl-C the same command goes on.
    """
    from dataclasses import replace

    from femristor.core.io.files import ensure_output_dir
    from femristor.core.jobs import exclusive
    from femristor.report.demo.chain import run_demo
    from femristor.report.demo.settings import DemoSettings

    settings = DemoSettings(card=card, seed=context.seed, jobs=jobs)
    if epochs is not None:
        settings = replace(settings, epochs=epochs, derived_epochs=epochs)
    begun = time.perf_counter()

    def say(line: str) -> None:
        print(f"[{time.perf_counter() - begun:5.0f} s] {line}", file=sys.stderr, flush=True)

    with exclusive(ensure_output_dir(out), "wait for it, or give another --out"):
        outcome = run_demo(out, settings, progress=context.progress, say=say)
    seconds = time.perf_counter() - begun
    payload = {
        "comparison": outcome.comparison.as_dicts(),
        "page": str(outcome.page),
        "folder": str(outcome.folder),
        "seconds": seconds,
    }
    context.emit(payload, f"{outcome.comparison.text()}\n\n{outcome.page} ({seconds:.0f} s)")
