"""Rows of the full-size experiments, from the results that are kept in `docs/results` of a checkout."""

import math
from pathlib import Path

from femristor.nn.results.experiment import RunSummary, read_results, summarise
from femristor.report.comparison import ComparisonRow

KEPT_RESULTS = Path(__file__).resolve().parents[3] / "docs" / "results"
EXPERIMENTS = ("mnist", "text", "table1")


def kept_rows(folder: Path) -> list[ComparisonRow]:
    """A row for each kept training: mean of the last epoch over the seeds.

    Args:
        folder: with `<experiment>.jsonl`; without the files (an installed package) there are no rows.

    Returns:
        Rows in the order of the files.

    Raises:
        DataError: a file that is no result of an experiment.
    """
    rows = []
    for name in EXPERIMENTS:
        path = folder / f"{name}.jsonl"
        if path.is_file():
            rows += [_row(name, run) for run in summarise(read_results(path)).runs if run.done]
    return rows


def _row(experiment: str, run: RunSummary) -> ComparisonRow:
    accuracy = run.measure == "accuracy"
    scale = 100.0 if accuracy else 1.0
    return ComparisonRow(
        "experiments",
        f"{experiment}, {run.label}",
        scale * run.mean,
        scale * run.paper if math.isfinite(run.paper) else None,
        "%" if accuracy else "perplexity",
        run.source or "-",
        f"kept result of experiments/{experiment}.toml, {run.done} epochs, seeds {', '.join(map(str, run.seeds))}",
        scale * run.spread if math.isfinite(run.spread) else None,
    )
