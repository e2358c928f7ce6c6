"""femristor infer: a trained network on programmed cells, from programming to ten years."""

import functools

import click

from femristor.cli.frame.belongs import belongs_to
from femristor.cli.frame.counts import count_option
from femristor.cli.frame.options import CommandGroup, Context, card_option, common_options, out_option
from femristor.core.bounds import BITS, DRAWS, EPOCHS, PROCESSES, SAMPLES, TILE


@click.group("infer", cls=CommandGroup)
def command() -> None:
    """Accuracy of a trained network on programmed cells over ten years.

    The network is trained in floating point (and with --hardware-aware once more under the errors of its cells),
    programmed --draws times, aged and measured. Under torchrun the draws are spread over the ranks.
    """


AWARE = ("--hardware-aware", "--every-case")


def _training(given: dict) -> str:
    """Which trainings there are, in words."""
    if given["every_case"]:
        return AWARE[1]
    return AWARE[0] if given["hardware_aware"] else "plain weights"


TRAINED_HERE = "weights trained here"


def _weights(given: dict) -> str:
    """Where the weights come from, in words."""
    trained = given["weights"] is None or given["every_case"] or given["hardware_aware"]
    return TRAINED_HERE if trained else "--weights"


def _shared(function):
    """Options of all networks, the ones asked for most first."""
    options = (
        card_option,
        click.option("--hardware-aware", is_flag=True, help="Train under the noise of the card's laws."),
        count_option("--draws", bound=DRAWS, default=10, help="Programmings."),
        click.option(
            "--times", default=None, help="Times in s, rising; 0, 1 s, 1 h, 1 day, 30 days, 1 and 10 years."
        ),
        count_option("--max-tile", bound=TILE, default=512, help="Most rows and columns of a crossbar."),
        click.option(
            "--mapping",
            type=click.Choice(["single", "pair"]),
            default="single",
            show_default=True,
            help="Cells a weight: one, or a differential pair.",
        ),
        click.option(
            "--compensation",
            type=click.Choice(["none", "shift", "column"]),
            default="none",
            show_default=True,
            help="Of the mean relaxation, by reads of known inputs: one number a tile, or one a column.",
        ),
        click.option(
            "--every-case", is_flag=True, help="Both mappings, none and shift, plain and hardware-aware."
        ),
        count_option("--input-bits", bound=BITS, default=6, help="DAC bits; 0 for no rounding."),
        count_option("--output-bits", bound=BITS, default=8, help="ADC bits; 0 for no rounding."),
        click.option(
            "--input-range",
            type=click.Choice(["absmax", "calibrated"]),
            default="absmax",
            show_default=True,
            help="Full scale of the DAC: of each vector, or calibrated.",
        ),
        click.option(
            "--bias",
            type=click.Choice(["digital", "analog"]),
            default="digital",
            show_default=True,
            help="Added behind the ADC, or one more row of cells.",
        ),
        click.option(
            "--acceptance", default=0.002, show_default=True, help="Accepted error of program-verify."
        ),
        count_option("--epochs", bound=EPOCHS, default=None, help="Of the training in floating point."),
        count_option("--aware-epochs", bound=EPOCHS, default=None, help="Of the hardware-aware training."),
        click.option(
            "--aware-time",
            default=2592000.0,
            show_default=True,
            help="Age in s whose noise it is trained under.",
        ),
        click.option("--weights", default=None, metavar="FILE", help="Trained weights of an earlier run."),
        click.option("--data", default=None, metavar="DIR", help="Folder of the data files."),
        out_option("Folder for weights, draws and experiments.", default="femristor-infer"),
        click.option("--resume", is_flag=True, help="Go on with the weights and draws in --out."),
        count_option("--processes", bound=PROCESSES, default=1, help="Processes that share the draws."),
        click.option("--figure", default=None, metavar="FILE.png", help="Write the figure."),
        click.option(
            "--report", default=None, metavar="FILE.json", help="Write all numbers with their origin."
        ),
    )
    function = belongs_to(_weights, {TRAINED_HERE: ("train_images", "train_characters")})(function)
    function = belongs_to(_training, {AWARE: ("aware_epochs", "aware_time")})(function)
    function = belongs_to("every_case", {False: ("mapping", "compensation", "hardware_aware")})(function)
    function = belongs_to("weights", {False: ("epochs",)})(function)
    return functools.reduce(lambda made, option: option(made), reversed(options), function)


def _images(function):
    for option in (
        count_option("--test-images", bound=SAMPLES, default=10000, help="Test images used."),
        count_option("--train-images", bound=SAMPLES, default=60000, help="Training images used."),
    ):
        function = option(function)
    return function


@command.command("mnist")
@_shared
@_images
@common_options
def mnist(context: Context, **options) -> None:
    """MNIST with 784-256-128-10 and sigmoids."""
    _run(context, "mnist", options)


@command.command("cnn")
@_shared
@_images
@common_options
def cnn(context: Context, **options) -> None:
    """MNIST with two convolutions and a linear layer."""
    _run(context, "cnn", options)


@command.command("text")
@_shared
@count_option(
    "--train-characters", bound=SAMPLES, default=None, help="Training characters used; all by default."
)
@count_option("--test-characters", bound=SAMPLES, default=50000, help="Test characters used.")
@common_options
def text(context: Context, **options) -> None:
    """War and Peace by character with two LSTM layers of 64; perplexity."""
    _run(context, "text", options)


def _run(context: Context, network: str, options: dict) -> None:
    from femristor.cli.array.hops import check_outputs
    from femristor.cli.nn.infer_run import InferRun
    from femristor.cli.nn.infer_text import report_payload, table
    from femristor.core.io.files import check_output_file

    check_outputs({"figure": options["figure"]})
    if options["report"]:
        check_output_file(options["report"])
    with InferRun(network, options, context) as run:
        found = run.all_cases()
        if run.rank:
            return
        payload = report_payload(network, found)
        if options["report"]:
            _write_json(payload, options["report"])
        if options["figure"]:
            from femristor.plot.nn.inference import inference_figure
            from femristor.plot.style import save_png

            save_png(inference_figure(found), options["figure"], dpi=110)
        context.emit({**payload, "out": options["out"]}, table(found))


def _write_json(payload: dict, path: str) -> None:
    import json

    from femristor.cli.frame.options import to_plain
    from femristor.core.io.files import atomic_write

    with atomic_write(path) as stream:
        json.dump(to_plain(payload), stream, indent=1, allow_nan=False)
        stream.write("\n")
