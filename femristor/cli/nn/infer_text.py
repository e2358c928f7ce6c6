"""What `femristor infer` prints and writes: the table for people, the object for programs."""

import datetime
import os
import platform
import sys

from femristor.cli.frame.tables import text_table
from femristor.nn.results.inference import InferenceExperiment

SCHEMA = 1


def is_aware(found: InferenceExperiment) -> bool:
    """Whether the weights were trained under noise."""
    return bool(found.settings.get("training.hardware_aware"))


def table(found: list[InferenceExperiment]) -> str:
    """Mean and 95 % confidence interval over the draws at each time, a line a case."""
    first = found[0]
    percent = first.metric == "accuracy"

    def shown(value: float, half: float) -> str:
        factor, digits = (100, 2) if percent else (1, 3)
        spread = f" +- {factor * half:.{digits}f}" if half == half else ""
        return f"{factor * value:.{digits}f}{spread}"

    header = ("mapping", "compensation", "training", "floating point", *(_age(time) for time in first.time_s))
    rows = [
        (
            run.settings["mapping"],
            run.settings["compensation"],
            "hardware-aware" if is_aware(run) else "plain",
            shown(run.floating_point, float("nan")),
            *(shown(value, half) for value, half in zip(run.mean, run.half_width, strict=True)),
        )
        for run in found
    ]
    unit = "accuracy [%]" if percent else "perplexity"
    title = (
        f"{first.network}: {unit} of {first.draws} programmings, mean +- 95 % confidence; {first.cells} weights on "
        f"{first.tiles} crossbars of at most {first.settings['max_tile']}"
    )
    return "\n".join([title, text_table(header, rows, right=range(3, len(header)))])


def _age(time_s: float) -> str:
    for name, size in (("y", 365 * 86400.0), ("d", 86400.0), ("h", 3600.0)):
        if time_s >= size:
            return f"{time_s / size:.3g} {name}"
    return f"{time_s:.3g} s"


def report_payload(network: str, found: list[InferenceExperiment]) -> dict:
    """All numbers with their origin."""
    names = (
        "metric",
        "time_s",
        "values",
        "mean",
        "half_width",
        "floating_point",
        "cells",
        "tiles",
        "settings",
    )
    return {
        "schema": SCHEMA,
        "kind": "femristor inference over time",
        "network": network,
        "command": " ".join(["femristor", *sys.argv[1:]]),
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, {platform.system()}",
        "seed": found[0].settings["seed"],
        "interval": "95 % confidence of the mean over draws, Student's t",
        "cases": [
            {
                "hardware_aware": is_aware(run),
                **{name: getattr(run, name) for name in names},
                "status": run.status,
                "provenance": run.provenance.as_dict(),
            }
            for run in found
        ],
    }
