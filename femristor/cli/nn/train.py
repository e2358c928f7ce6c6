"""femristor train: train a network on the device of a card."""

import functools

import click

from femristor.cli.frame.belongs import belongs_to
from femristor.cli.frame.counts import count_option
from femristor.cli.frame.options import CommandGroup, Context, card_option, common_options, out_option
from femristor.cli.frame.tables import text_table
from femristor.cli.nn.training_devices import DeviceName, device_named
from femristor.core.bounds import BATCH, EPOCHS, EVERY, HOLD, LAYERS, PROCESSES, SAMPLES, SIDE, TILE
from femristor.core.errors import InputError

PAPER_ACCURACY = {"paper": 0.969, "symmetric": 0.976, "fp": 0.983}

READ_RULES = ("agad", "chopped", "ttv2", "ttv1")
TEXT_TRANSFER_EVERY, TEXT_WEIGHT_SCALE, TEXT_LR = 32, 6.0, 0.005
"""Chosen on held-out text, see docs/theory/experiments.md."""


@click.group("train", cls=CommandGroup)
def command() -> None:
    """Train a network whose weights are devices.

    `mnist` trains 784-256-128-10 on the digits that come with the project, `text` two LSTM layers of 64 on the
    characters of War and Peace.
    """


def _under(given: dict) -> str:
    """The device in words."""
    name = given["device"]
    return f"--device {name}" if name in ("paper", "symmetric", "table", "fp") else "a device file"


ARRAYS = ("--device paper", "--device symmetric", "--device table", "a device file")
OWNERS = {
    ARRAYS[2]: ("table",),
    ARRAYS[:3]: ("nsr",),
    ARRAYS: ("rule", "transfer_every", "fast_lr", "max_tile", "exact", "weight_scale", "threads"),
    "--device fp": ("optimiser",),
}
"""Options that only some devices read."""
SCHEDULE_OWNERS = {"--lr-decay below 1": ("lr_hold",)}
"""The hold is of the decay."""


def _schedule(given: dict) -> str:
    """The schedule of the rate in words."""
    return "--lr-decay 1" if given["lr_decay"] == 1 else "--lr-decay below 1"


def _shared(function):
    """Options of every kind of training."""
    options = (
        card_option,
        click.option(
            "--device",
            type=DeviceName(["paper", "symmetric", "table", "fp"]),
            metavar="[paper|symmetric|table|fp|FILE.h5]",
            default="paper",
            show_default=True,
            help="Soft bounds of the card, the same made symmetric, steps from --table, floating point, or a file of `fit device`.",
        ),
        click.option(
            "--rule",
            type=click.Choice(["agad", "chopped", "ttv2", "ttv1", "mixed", "sgd"]),
            default="agad",
            show_default=True,
            help="AGAD (TTv4), chopped TTv2, TTv2, TTv1, mixed precision, plain analog SGD.",
        ),
        click.option(
            "--table",
            default=None,
            metavar="FILE",
            help="For --device table: HDF5 of `femristor compact build`, HDF5 pulse steps, or a CSV of steps.",
        ),
        click.option(
            "--nsr", default=None, type=float, help="Noise of a step over its mean; the card's by default."
        ),
        click.option(
            "--lr-decay", default=1.0, show_default=True, help="Factor on the rate after each epoch."
        ),
        count_option("--lr-hold", bound=HOLD, default=0, help="First epochs without that factor."),
        click.option("--exact", is_flag=True, help="No DAC and ADC in the forward products."),
        count_option(
            "--max-tile",
            bound=TILE,
            default=0,
            help="Most inputs and outputs of a tile; 0: a layer is one.",
        ),
        count_option(
            "--threads", bound=PROCESSES, default=1, help="Threads for pulses; results do not change."
        ),
        click.option("--resume", is_flag=True, help="Go on from the checkpoint in --out."),
    )
    owned = belongs_to(_schedule, SCHEDULE_OWNERS)(belongs_to(_under, OWNERS)(function))
    return functools.reduce(lambda made, option: option(made), reversed(options), owned)


@command.command("mnist")
@_shared
@count_option("--epochs", bound=EPOCHS, default=5, help="Passes over the training images.")
@click.option(
    "--lr",
    default=None,
    type=float,
    help="Learning rate; 0.01, 0.1 for mixed precision, 0.5 in floating point.",
)
@click.option(
    "--activation",
    type=click.Choice(["sigmoid", "tanh", "relu"]),
    default="sigmoid",
    show_default=True,
    help="Between the layers.",
)
@count_option(
    "--transfer-every", bound=EVERY, default=None, help="Samples between two column reads; 3 by default."
)
@count_option("--batch", bound=BATCH, default=32, help="Images per step.")
@count_option("--train-images", bound=SAMPLES, default=60000, help="Training images used.")
@count_option("--test-images", bound=SAMPLES, default=10000, help="Test images used.")
@click.option("--data", default=None, metavar="DIR", help="Folder of the MNIST files.")
@out_option("Folder for run.h5 and checkpoint.h5.", default="femristor-train")
@belongs_to("rule", {(*READ_RULES, "mixed"): ("transfer_every",)})
@common_options
def mnist(context: Context, *, card: str, device: str, rule: str, out: str, resume: bool, **options) -> None:
    """Train on MNIST and test after each epoch.

    A checkpoint is kept after each epoch and on Ctrl-C; with --resume the run goes on as if it had not stopped.
    """
    from pathlib import Path

    from femristor.core.io.files import output_folder
    from femristor.core.store import save
    from femristor.device import load_card
    from femristor.nn.train.classifier import default_lr
    from femristor.nn.train.datasets import load_mnist
    from femristor.nn.train.mnist import TrainSettings, train_mnist

    loaded = load_card(card)
    under = device_named(loaded, device, options["table"], nsr=options["nsr"])
    lr = default_lr(under, _rule(rule)) if options["lr"] is None else options["lr"]
    settings = TrainSettings(
        epochs=options["epochs"],
        lr=lr,
        lr_decay=options["lr_decay"],
        lr_hold=options["lr_hold"],
        activation=options["activation"],
        batch=options["batch"],
        train_images=options["train_images"],
        test_images=options["test_images"],
        converters=not options["exact"],
        max_tile=options["max_tile"],
        seed=context.seed,
        threads=options["threads"],
    )
    data = load_mnist(options["data"])
    _keep_unfinished(out, resume)
    with output_folder(out) as folder:
        run = train_mnist(
            data,
            settings,
            device=under,
            rule=_rule(rule, transfer_every=options["transfer_every"]),
            card=loaded,
            checkpoint=folder / "checkpoint.h5",
            resume=resume,
            progress=context.progress,
        )
        save(run, folder / "run.h5")
    context.emit(_payload(run, Path(out) / "run.h5"), _text(run, device, rule))


def _rule(name: str, **settings):
    """The rule, with those settings that were given."""
    from femristor.nn.update.rules.names import rule_named

    return rule_named(name, **{key: value for key, value in settings.items() if value is not None})


def _keep_unfinished(out: str, resume: bool) -> None:
    """Refuse to start over a training that can be resumed."""
    from pathlib import Path

    checkpoint, finished = Path(out) / "checkpoint.h5", Path(out) / "run.h5"
    if resume or not checkpoint.is_file():
        return
    if not finished.is_file() or finished.stat().st_mtime_ns < checkpoint.stat().st_mtime_ns:
        raise InputError(
            f"{out}: holds a training that was interrupted; add --resume to go on, or name another --out (or delete it)."
        )


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


@command.command("text")
@_shared
@count_option("--epochs", bound=EPOCHS, default=5, help="Passes over the training text.")
@click.option("--lr", default=None, type=float, help="Learning rate; 0.01, 0.005 in floating point (Adam).")
@count_option("--batch", bound=BATCH, default=32, help="Streams side by side.")
@count_option("--sequence", bound=BATCH, default=100, help="Characters of a stream in one step.")
@count_option("--hidden", bound=SIDE, default=64, help="Units of an LSTM layer.")
@count_option("--layers", bound=LAYERS, default=2, help="LSTM layers.")
@click.option("--dropout", default=0.2, show_default=True, help="Between layers.")
@click.option("--clip", default=1.0, show_default=True, help="Largest norm of the gradient; 0: no limit.")
@click.option("--fast-lr", default=None, type=float, help="Rate of AGAD's fast array; the rule's by default.")
@click.option("--optimiser", type=click.Choice(["adam", "sgd"]), default="adam", help="In floating point.")
@count_option("--train-characters", bound=SAMPLES, default=0, help="Training characters used; 0: all.")
@count_option("--test-characters", bound=SAMPLES, default=0, help="Test characters used; 0: all.")
@count_option(
    "--transfer-every", bound=EVERY, default=None, help="Samples between two column reads; 32 by default."
)
@click.option(
    "--weight-scale", default=None, type=float, help="Digital factor behind each crossbar; 6 by default."
)
@click.option("--data", default=None, metavar="DIR", help="Folder of the text.")
@out_option("Folder for run.h5 and checkpoint.h5.", default="femristor-text")
@belongs_to("rule", {READ_RULES: ("fast_lr",), (*READ_RULES, "mixed"): ("transfer_every",)})
@common_options
def text(context: Context, *, card: str, device: str, rule: str, out: str, resume: bool, **options) -> None:
    """Train on War and Peace by character and give the test perplexity after each epoch.

    A checkpoint is kept after each epoch and on Ctrl-C; with --resume the run goes on as if it had not stopped.
    """
    from pathlib import Path

    from femristor.core.io.files import output_folder
    from femristor.core.store import save
    from femristor.device import load_card
    from femristor.nn.train.classifier import default_lr
    from femristor.nn.train.datasets import load_text
    from femristor.nn.train.text import TextSettings, train_text

    loaded = load_card(card)
    under = device_named(loaded, device, options.pop("table"), nsr=options.pop("nsr"))
    fast_lr = options.pop("fast_lr")
    lr = options.pop("lr")
    if lr is None:
        lr = TEXT_LR if device == "fp" else default_lr(under, _rule(rule))
    every = options.pop("transfer_every")
    if every is None and rule in READ_RULES:
        every = TEXT_TRANSFER_EVERY
    if options["weight_scale"] is None:
        options["weight_scale"] = 1.0 if device == "fp" else TEXT_WEIGHT_SCALE
    data = load_text(options.pop("data"))
    settings = TextSettings(lr=lr, converters=not options.pop("exact"), seed=context.seed, **options)
    _keep_unfinished(out, resume)
    with output_folder(out) as folder:
        run = train_text(
            data,
            settings,
            device=under,
            rule=_rule(rule, fast_lr=fast_lr, transfer_every=every),
            card=loaded,
            checkpoint=folder / "checkpoint.h5",
            resume=resume,
            progress=context.progress,
        )
        save(run, folder / "run.h5")
    context.emit(_text_payload(run, Path(out) / "run.h5"), _text_table(run))


def _text_payload(run, path) -> dict:
    names = ("data_set", "device", "rule", "symbols", "perplexity", "loss", "tokens_per_s", "fast_pulses")
    names = (*names, "slow_pulses", "train_characters", "test_characters", "settings", "status", "provenance")
    return {**{name: getattr(run, name) for name in names}, "epochs": run.epochs, "out": str(path)}


def _text_table(run) -> str:
    rows = [
        (
            epoch + 1,
            f"{run.loss[epoch]:.4f}",
            f"{run.perplexity[epoch]:.3f}",
            f"{run.tokens_per_s[epoch]:.0f}",
            f"{run.fast_pulses[epoch]:.3g}",
            f"{run.slow_pulses[epoch]:.3g}",
        )
        for epoch in range(run.epochs)
    ]
    header = ("epoch", "loss", "test perplexity", "tokens/s", "fast pulses", "weight pulses")
    first = f"War and Peace by character ({run.symbols} symbols), {run.device}, {run.rule}"
    return "\n".join([first, text_table(header, rows, right=range(len(header)))])
