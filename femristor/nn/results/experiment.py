"""Results of an experiment as JSON lines, and what they amount to: mean and spread over seeds, beside the paper."""

import json
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from femristor.core.bounds import EPOCHS
from femristor.core.errors import DataError
from femristor.core.io.files import read_text

LINE_SCHEMA = 1
RESULTS_FILE = "results.jsonl"
MEASURES = {"mnist": "accuracy", "text": "perplexity"}
NEEDED = (
    "experiment",
    "title",
    "run",
    "label",
    "seed",
    "epoch",
    "epochs",
    "measure",
    "score",
    "paper",
    "settings",
)
NUMBERS = {"seed": int, "epoch": int, "epochs": int, "score": int | float, "paper": int | float | None}
# Those that a line may lack.
NUMBERS |= dict.fromkeys(("value", "loss", "samples_per_s", "fast_pulses", "slow_pulses"), int | float | None)
TEXTS = ("experiment", "title", "run", "label", "measure", "source", "note", "axis", "failed")
LARGEST = 1e15
"""Of a whole number in a line; seeds have up to 63 bits."""


@dataclass(frozen=True)
class RunSummary:
    """One run over its seeds.

    Attributes:
        name: of the run.
        label: for people.
        measure: "accuracy" (0 to 1) or "perplexity".
        seeds: those that have at least one epoch.
        scores: (seeds, epochs) after each epoch, NaN where a seed is not that far.
        samples_per_s: mean over seeds and epochs.
        pulses: mean of all pulses of a seed.
        epochs: that were wanted.
        paper: the paper's number, NaN where it prints none.
        source: of that number.
        note: for people.
        axis: swept key, "" for a run by itself.
        value: its value.
        failed: why a training stopped, "" where none did.
        settings: of the first seed.
    """

    name: str
    label: str
    measure: str
    seeds: tuple[int, ...]
    scores: np.ndarray
    samples_per_s: float
    pulses: float
    epochs: int
    paper: float
    source: str
    note: str
    axis: str
    value: float
    failed: str
    settings: dict

    @property
    def done(self) -> int:
        """Epochs that all seeds have."""
        return int(np.sum(np.all(np.isfinite(self.scores), axis=0)))

    @property
    def last(self) -> np.ndarray:
        """(seeds,) scores after the last epoch that all have."""
        return self.scores[:, self.done - 1]

    @property
    def mean(self) -> float:
        """Mean of `last`."""
        return float(np.mean(self.last))

    @property
    def spread(self) -> float:
        """Standard deviation of `last` over seeds (n - 1), NaN for one seed."""
        return float(np.std(self.last, ddof=1)) if len(self.seeds) > 1 else float("nan")


@dataclass(frozen=True)
class ExperimentSummary:
    """An experiment over its runs.

    Attributes:
        name: of the run card.
        title: for people.
        measure: "accuracy" or "perplexity".
        runs: in the card's order.
    """

    name: str
    title: str
    measure: str
    runs: tuple[RunSummary, ...]


def read_results(folder: str | Path) -> list[dict]:
    """Lines of an experiment.

    Args:
        folder: that `femristor experiment run` wrote, or a `.jsonl` file.

    Returns:
        One dictionary an epoch of a training.

    Raises:
        DataError: no results, not JSON lines, keys missing, entries of a wrong kind, numbers that are not finite, or
            a newer schema.
    """
    given = Path(folder)
    path = given if given.suffix == ".jsonl" else given / RESULTS_FILE
    lines = []
    for number, text in enumerate(read_text(path, "file of results").splitlines(), start=1):
        try:
            line = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise DataError(f"{path}: line {number} is not JSON; run the experiment again.") from error
        if not isinstance(line, dict) or line.get("schema") != LINE_SCHEMA:
            raise DataError(
                f"{path}: line {number} has another schema than {LINE_SCHEMA}; run the experiment again with this femristor."
            )
        missing = [key for key in NEEDED if key not in line]
        if missing:
            raise DataError(f"{path}: line {number} has no {missing[0]}; run the experiment again.")
        fault = _fault_of(line)
        if fault:
            raise DataError(f"{path}: line {number} has {fault}; run the experiment again.")
        lines.append(line)
    return lines


def _fault_of(line: dict) -> str:
    """The first entry of a line that is not what it should be, "" where all are."""
    for key, kinds in NUMBERS.items():
        value = line.get(key)
        if not _is_number(value, kinds, math.inf if key == "seed" else LARGEST):
            return f"{key} = {str(value)[:40]!r}, which is no such number"
    for key in TEXTS:
        if not isinstance(line.get(key, ""), str):
            return f"{key} = {str(line[key])[:40]!r}, which is no text"
    if not isinstance(line["settings"], dict):
        return "settings that are no table"
    if line["measure"] not in MEASURES.values():
        return f"measure = {line['measure'][:40]!r}, which is not one of {', '.join(MEASURES.values())}"
    if not 1 <= line["epoch"] <= EPOCHS.limit:
        return f"epoch = {line['epoch']}, outside 1 to {EPOCHS.limit}"
    return ""


def _is_number(value, kinds, limit: float) -> bool:
    if not isinstance(value, kinds) or isinstance(value, bool):
        return False
    return value is None or (abs(value) <= limit and (isinstance(value, int) or math.isfinite(value)))


def summarise(lines: list[dict]) -> ExperimentSummary:
    """Mean and spread over seeds of each run.

    Args:
        lines: from `read_results`, of one experiment.

    Returns:
        The summary.

    Raises:
        DataError: no line.
    """
    if not lines:
        raise DataError("The experiment has no finished epoch yet; run it first.")
    names = list(dict.fromkeys(line["run"] for line in lines))
    runs = tuple(_run([line for line in lines if line["run"] == name]) for name in names)
    return ExperimentSummary(lines[0]["experiment"], lines[0]["title"], lines[0]["measure"], runs)


def _mean(values: list[float | None]) -> float:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else float("nan")


def _run(lines: list[dict]) -> RunSummary:
    first = lines[0]
    seeds = tuple(sorted({line["seed"] for line in lines}))
    scores = np.full((len(seeds), max(line["epoch"] for line in lines)), np.nan)
    pulses = np.zeros(len(seeds))
    for line in lines:
        row = seeds.index(line["seed"])
        scores[row, line["epoch"] - 1] = line["score"]
        pulses[row] += (line.get("fast_pulses") or 0) + (line.get("slow_pulses") or 0)
    none = float("nan")
    return RunSummary(
        name=first["run"],
        label=first["label"],
        measure=first["measure"],
        seeds=seeds,
        scores=scores,
        samples_per_s=_mean([line.get("samples_per_s") for line in lines]),
        pulses=float(np.mean(pulses)),
        epochs=first["epochs"],
        paper=none if first["paper"] is None else float(first["paper"]),
        source=first.get("source", ""),
        note=first.get("note", ""),
        axis=first.get("axis", ""),
        value=none if first.get("value") is None else float(first["value"]),
        failed=next((line["failed"] for line in lines if line.get("failed")), ""),
        settings=dict(first["settings"]),
    )
