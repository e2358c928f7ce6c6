"""femristor experiment: all trainings of a run card, and what came of them."""

import math

import click

from femristor.cli.frame.belongs import belongs_to, given
from femristor.cli.frame.counts import count_option, wholes
from femristor.cli.frame.options import CommandGroup, Context, common_options, out_option
from femristor.cli.frame.tables import text_table
from femristor.core.bounds import PROCESSES, SEED


@click.group("experiment", cls=CommandGroup)
def command() -> None:
    """Trainings of a run card, several at once, each one resumable.

    The cards are in experiments/: mnist, text, table1 and ablation.
    """


@command.command("run")
@click.argument("card", metavar="CARD.toml")
@click.option("--only", multiple=True, metavar="NAME", help="Only this run; may be repeated.")
@click.option("--seeds", default=None, metavar="0,1,2", help="In place of the card's seeds.")
@count_option("--processes", bound=PROCESSES, default=1, help="Trainings at once, each on one thread.")
@click.option("--quick", is_flag=True, help="Use the card's [quick] settings: seconds instead of minutes.")
@click.option("--data", default=None, metavar="DIR", help="Folder of the data.")
@click.option(
    "--kept",
    default=None,
    metavar="FILE.jsonl",
    help="Take trainings of these results as done, where the file exists.",
)
@out_option("Folder of checkpoints and results.  [default: femristor-experiment/<card>]")
@belongs_to("seeds", {False: ("seed",)})
@common_options
def run(context: Context, *, card: str, only, seeds, processes: int, quick: bool, data, kept, out) -> None:
    """Run or continue the trainings of a card.

    Finished trainings are skipped, interrupted ones go on from their checkpoint. Seeds are the card's; --seed N gives
    one other, --seeds several.
    """
    from pathlib import Path

    from femristor.cli.nn.training_devices import plan_device
    from femristor.device import load_card
    from femristor.nn.results.experiment import read_results, summarise
    from femristor.nn.train.experiment import run_experiment
    from femristor.nn.train.run_card import load_run_card

    chosen = _seeds(seeds, context.seed)
    loaded = load_run_card(card, quick=quick)
    suffix = "-quick" if quick else ""
    folder = Path(out or f"femristor-experiment/{loaded.path.stem}{suffix}")
    path = run_experiment(
        loaded,
        load_card(loaded.card),
        folder,
        make_device=plan_device,
        only=only,
        seeds=chosen,
        processes=processes,
        data=data,
        kept=kept,
        progress=context.progress,
    )
    _emit(context, summarise(read_results(folder)), {"results": str(path)})


@command.command("report")
@click.argument("folder", metavar="DIR")
@click.option(
    "--figure", default=None, metavar="FILE.png", help="Draw scores by epoch, or against the swept key."
)
@common_options
def report(context: Context, *, folder: str, figure: str | None) -> None:
    """Mean and spread over seeds of each run, beside the paper's number.

    DIR is a folder of `femristor experiment run`, or a file of its JSON lines.
    """
    from femristor.cli.array.hops import check_outputs
    from femristor.nn.results.experiment import read_results, summarise

    check_outputs({"figure": figure})
    summary = summarise(read_results(folder))
    extra = {}
    if figure:
        from femristor.plot.nn.experiment import experiment_figure
        from femristor.plot.style import save_png

        extra["figure"] = str(save_png(experiment_figure(summary), figure))
    _emit(context, summary, extra)


def _seeds(text: str | None, seed: int) -> tuple[int, ...] | None:
    """Seeds of --seeds, or the one of --seed where it was given."""
    if text is None:
        return (seed,) if given(click.get_current_context(), "seed") else None
    return wholes(text, "--seeds", bound=SEED)


def _emit(context: Context, summary, extra: dict) -> None:
    runs = [
        {
            "run": run.name,
            "label": run.label,
            "seeds": run.seeds,
            "epochs": run.done,
            "epochs_wanted": run.epochs,
            summary.measure: run.mean if run.done else None,
            "spread": _or_none(run.spread) if run.done else None,
            "by_seed": run.last if run.done else [],
            "paper": _or_none(run.paper),
            "samples_per_s": _or_none(run.samples_per_s),
            "pulses": run.pulses,
            "axis": run.axis,
            "value": _or_none(run.value),
            "failed": run.failed,
            "note": run.note,
        }
        for run in summary.runs
    ]
    payload = {"experiment": summary.name, "title": summary.title, "measure": summary.measure, "runs": runs}
    context.emit({**payload, **extra}, _text(summary, extra))


def _or_none(value: float) -> float | None:
    """What a run may lack: the spread of one seed, the paper's number, the value of no axis."""
    return value if math.isfinite(value) else None


def _text(summary, extra: dict) -> str:
    percent = summary.measure == "accuracy"
    scale, digits = (100.0, 2) if percent else (1.0, 3)

    def number(value: float, sign: str = "") -> str:
        return "-" if not math.isfinite(value) else f"{scale * value:{sign}.{digits}f}"

    rows = []
    for run in summary.runs:
        if not run.done:
            rows.append((run.label, len(run.seeds), f"0/{run.epochs}", "-", "-", number(run.paper), "-", "-"))
            continue
        difference = run.mean - run.paper
        epochs = f"{run.done}" if run.done == run.epochs else f"{run.done}/{run.epochs}"
        rows.append(
            (
                run.label + (", failed" if run.failed else ""),
                len(run.seeds),
                epochs,
                number(run.mean),
                number(run.spread),
                number(run.paper),
                number(difference, "+"),
                f"{run.pulses:.2g}",
            )
        )
    unit = "accuracy [%]" if percent else "perplexity"
    header = ("run", "seeds", "epochs", unit, "spread", "paper", "difference", "pulses")
    lines = [summary.title, text_table(header, rows, right=range(1, len(header)))]
    return "\n".join(lines + [f"{key}: {value}" for key, value in extra.items()])
