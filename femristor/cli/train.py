"""femristor train: train a network on the device of a card."""

import click

from femristor.cli.options import CommandGroup, Context, card_option, common_options, out_option
from femristor.cli.tables import text_table
from femristor.core.errors import InputError

PAPER_ACCURACY = {"paper": 0.969, "symmetric": 0.976, "fp": 0.983}
DEFAULT_LR = {"agad": 0.01, "chopped": 0.01, "ttv2": 0.01, "ttv1": 0.01, "mixed": 0.1, "sgd": 0.01, "fp": 0.5}


@click.group("train", cls=CommandGroup)
def command() -> None:
    """Train a network whose weights are devices.

    `mnist` trains 784-256-128-10 on the digits that come with the project.
    """


@command.command("mnist")
@card_option
@click.option(
    "--device",
    type=click.Choice(["paper", "symmetric", "table", "fp"]),
    default="paper",
    show_default=True,
    help="Soft bounds of the card, the same made symmetric, steps from --table, or floating point.",
)
@click.option(
    "--rule",
    type=click.Choice(["agad", "chopped", "ttv2", "ttv1", "mixed", "sgd"]),
    default="agad",
    show_default=True,
    help="AGAD (TTv4), chopped TTv2, TTv2, TTv1, mixed precision, plain analog SGD.",
)
@click.option(
    "--table",
    default=None,
    metavar="FILE",
    help="For --device table: HDF5 of `femristor compact build`, HDF5 pulse steps, or a CSV of steps.",
)
@click.option("--nsr", default=None, type=float, help="Noise of a step over its mean; the card's by default.")
@click.option("--epochs", default=5, show_default=True, help="Passes over the training images.")
@click.option(
    "--lr",
    default=None,
    type=float,
    help="Learning rate; 0.01, 0.1 for mixed precision, 0.5 in floating point.",
)
@click.option("--lr-decay", default=1.0, show_default=True, help="Factor on the rate after each epoch.")
@click.option("--lr-hold", default=0, show_default=True, help="First epochs without that factor.")
@click.option("--batch", default=32, show_default=True, help="Images per step.")
@click.option("--train-images", default=60000, show_default=True, help="Training images used.")
@click.option("--test-images", default=10000, show_default=True, help="Test images used.")
@click.option("--exact", is_flag=True, help="No DAC and ADC in the forward products.")
@click.option(
    "--max-tile", default=0, show_default=True, help="Most inputs and outputs of a tile; 0: a layer is one."
)
@click.option("--threads", default=1, show_default=True, help="Threads for pulses; results do not change.")
@click.option("--data", default=None, metavar="DIR", help="Folder of the MNIST files.")
@out_option("Folder for run.h5 and checkpoint.h5.", default="femristor-train")
@click.option("--resume", is_flag=True, help="Go on from the checkpoint in --out.")
@common_options
def mnist(context: Context, *, card: str, device: str, rule: str, out: str, resume: bool, **options) -> None:
    """Train on MNIST and test after each epoch.

    A checkpoint is kept after each epoch and on Ctrl-C; with --resume the run goes on as if it had not stopped.
    """
    from pathlib import Path

    from femristor.core.files import ensure_output_dir
    from femristor.core.store import save
    from femristor.device import load_card
    from femristor.nn.datasets import load_mnist
    from femristor.nn.training import TrainSettings, train_mnist

    loaded = load_card(card)
    under = _device(loaded, device, options["table"], options["nsr"])
    lr = options["lr"] if options["lr"] is not None else DEFAULT_LR["fp" if device == "fp" else rule]
    settings = TrainSettings(
        epochs=options["epochs"],
        lr=lr,
        lr_decay=options["lr_decay"],
        lr_hold=options["lr_hold"],
        batch=options["batch"],
        train_images=options["train_images"],
        test_images=options["test_images"],
        converters=not options["exact"],
        max_tile=options["max_tile"],
        seed=context.seed,
        threads=options["threads"],
    )
    data = load_mnist(options["data"])
    folder = ensure_output_dir(out)
    run = train_mnist(
        data,
        settings,
        device=under,
        rule=_rule(rule),
        card=loaded,
        checkpoint=folder / "checkpoint.h5",
        resume=resume,
        progress=context.progress,
    )
    save(run, folder / "run.h5")
    context.emit(_payload(run, Path(out) / "run.h5"), _text(run, device, rule))


def _device(card, name: str, table: str | None, nsr: float | None):
    """The device under the weights; None for floating point."""
    from dataclasses import replace

    from femristor.nn.devices.soft_bounds import SoftBoundsDevice

    if name == "fp":
        return None
    noise = card.statistics.pulses.noise_to_signal if nsr is None else nsr
    if name == "table":
        return _table_device(card, table, noise)
    soft = replace(SoftBoundsDevice.from_card(card), noise_to_signal=noise)
    return soft.symmetric() if name == "symmetric" else soft


def _table_device(card, path: str | None, nsr: float):
    from pathlib import Path

    from femristor.nn.devices.table_device import TableDevice

    if path is None:
        raise InputError(
            "--device table needs --table FILE: make one with `femristor compact build --out compact.h5`, or give a CSV of steps."
        )
    steps = _hdf5_steps(card, path) if Path(path).suffix.lower() in (".h5", ".hdf5") else _csv_steps(path)
    label = f"steps of {Path(path).name}"
    return TableDevice.from_steps(steps.conductance_S, steps.step_up_S, steps.step_down_S, nsr, label=label)


def _hdf5_steps(card, path: str):
    from femristor.compact.pulses import pulse_steps
    from femristor.compact.result import CompactTable, PulseSteps
    from femristor.core import store

    found = store.load(path)
    if isinstance(found, CompactTable):
        return pulse_steps(found, card)
    if isinstance(found, PulseSteps):
        return found
    raise InputError(
        f"{path}: neither a compact table nor pulse steps; make one with `femristor compact build`."
    )


def _csv_steps(path: str):
    from femristor.array.pulse_model import read_step_table

    return read_step_table(path)


def _rule(name: str):
    from femristor.nn.rules.names import rule_named

    return rule_named(name)


def _payload(run, path) -> dict:
    names = ("data_set", "device", "rule", "layers", "accuracy", "loss", "samples_per_s", "fast_pulses")
    names = (*names, "slow_pulses", "train_images", "test_images", "settings", "status", "provenance")
    return {**{name: getattr(run, name) for name in names}, "epochs": run.epochs, "out": str(path)}


def _text(run, device: str, rule: str) -> str:
    """Table by epoch, and the last accuracy beside the paper's where there is one."""
    rows = [
        (
            epoch + 1,
            f"{run.loss[epoch]:.4f}",
            f"{100 * run.accuracy[epoch]:.2f}",
            f"{run.samples_per_s[epoch]:.0f}",
            f"{run.fast_pulses[epoch]:.3g}",
            f"{run.slow_pulses[epoch]:.3g}",
        )
        for epoch in range(run.epochs)
    ]
    header = ("epoch", "loss", "test [%]", "samples/s", "fast pulses", "weight pulses")
    lines = [
        f"MNIST {'-'.join(map(str, run.layers))}, {run.device}, {run.rule}, {run.train_images} training images",
        text_table(header, rows, right=range(len(header))),
    ]
    paper = PAPER_ACCURACY.get(device)
    if paper is not None and (rule == "agad" or device == "fp"):
        ours = run.accuracy[-1]
        lines.append(
            f"test accuracy: ours {100 * ours:.2f} %, paper {100 * paper:.1f} %, difference {100 * (ours - paper):+.2f} %"
            f" (one seed, {run.epochs} epochs)"
        )
    return "\n".join(lines)
