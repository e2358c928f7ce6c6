"""Options that belong to another choice are refused: every command, every table, every foreign choice."""

import click
import pytest

from femristor.cli.frame.belongs import _check, belongs_to
from femristor.cli.frame.counts import Count
from femristor.cli.main import cli, main
from femristor.core.errors import InputError


def commands(group=cli, path=()):
    """Every command of the program with its path."""
    context = click.Context(group)
    for name in group.list_commands(context):
        found = group.get_command(context, name)
        if isinstance(found, click.Group):
            yield from commands(found, (*path, name))
        else:
            yield (*path, name), found


def parameter(command, name):
    return next((found for found in command.params if found.name == name), None)


def words(option, value=None):
    """The option as written, with a value that its type takes."""
    if not isinstance(option, click.Option):
        return ["given.csv"]
    if option.is_flag:
        return [max(option.opts, key=len)]
    if isinstance(option.type, click.Choice) and value is None:
        value = option.type.choices[-1]
    kinds = (
        (Count | click.types.IntParamType, "3"),
        (click.types.FloatParamType, "0.5"),
        (object, "given.csv"),
    )
    value = value or next(text for kind, text in kinds if isinstance(option.type, kind))
    return [max(option.opts, key=len), *[value] * max(option.nargs, 1)]


def rows():
    """(argv, option) of each option beside each choice that does not own it, where one parameter chooses."""
    for path, command in commands():
        for choice, table in getattr(command.callback, "belongings", ()):
            if callable(choice):
                continue
            chooser = parameter(command, choice)
            named = isinstance(chooser.type, click.Choice)
            for owners, names in table.items():
                others = [v for v in (chooser.type.choices if named else (False, True)) if v not in owners]
                for other in others:
                    state = words(chooser, other) if named else words(chooser) if other else []
                    for name in names:
                        option = parameter(command, name)
                        yield pytest.param(
                            [*path, *state, *words(option)], max(option.opts, key=len), id=" ".join([*path, *state, name])
                        )  # fmt: skip


def test_tables_name_parameters_and_choices_that_there_are():
    seen = 0
    for path, command in commands():
        for choice, table in getattr(command.callback, "belongings", ()):
            if not callable(choice):
                chooser = parameter(command, choice)
                assert chooser is not None, (path, choice)
                known = chooser.type.choices if isinstance(chooser.type, click.Choice) else (False, True)
                assert {value for owners in table for value in owners} <= set(known), (path, choice)
                assert all(parameter(command, name) for names in table.values() for name in names), path
            seen += 1
    assert seen >= 20


@pytest.mark.parametrize(("argv", "option"), list(rows()))
def test_option_of_another_choice_is_refused(argv, option, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    required = {("compact", "sweep"): ["--table", "t.h5"], ("fit", "pulses"): ["d.csv"]}
    required |= {
        ("experiment", "run"): ["card.toml"],
        ("compact", "export"): ["--format", "spice", "--out", "o.cir"],
    }
    argv = [*argv, *required.get(tuple(argv[:2]), [])]
    assert main(argv) == 2
    said = capsys.readouterr().err
    assert option in said and len(said.strip().splitlines()) == 1, said
    assert "belongs to" in said or "does not go with" in said, said
    assert "leave" in said and "given.csv" not in said and not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("argv", "sentence"),
    [
        ("pulses --model ibm --state x --table y", "--state belongs to --model pde, not to --model ibm"),
        ("pulses --model ibm --table y", "--table belongs to --model compact, not to --model ibm"),
        ("pulses --model ibm --resolution 0.7", "--resolution belongs to --model pde or --model dome"),
        ("sweep --state x.h5 --start formed", "--start does not go with --state"),
        ("array pulses --measured a.csv --rows 3", "--rows belongs to --model ibm or --model table, not to --measured"),
        ("array pulses --measured a.csv --model ibm", "--model does not go with --measured"),
        ("array pulses --model ibm --table t.h5", "--table belongs to --model table or --table, not to --model ibm"),
        ("array pulses --steps s.csv --set 1.3", "--set belongs to"),
        ("array pulses --model ibm --noise 0.1", "--noise belongs to --steps or --table"),
        ("array cycle --table t.h5", "--table belongs to --model table, not to --model ibm"),
        ("array program --figure a.png", "--figure belongs to --by pulses or --by ispp"),
        ("array program --by pulses --times 0,1", "--times belongs to --by law, not to --by pulses"),
        ("array program --by pulses --step 0.01", "--step belongs to --by ispp or --compare"),
        ("array relax --kind bake", "--kind belongs to --measured; leave it out or add --measured"),
        ("array form --measured a.csv --peak 3", "--peak does not go with --measured"),
        ("train mnist --device fp --rule agad", "--rule belongs to"),
        ("train mnist --device a.h5 --nsr 0.1", "--nsr belongs to"),
        ("train text --optimiser sgd", "--optimiser belongs to --device fp, not to --device paper"),
        ("train mnist --device fp --threads 2", "--threads belongs to --device paper"),
        ("train mnist --lr-hold 2", "--lr-hold belongs to --lr-decay below 1, not to --lr-decay 1"),
        ("train mnist --rule sgd --transfer-every 5", "--transfer-every belongs to --rule agad"),
        ("train text --rule mixed --fast-lr 0.1", "--fast-lr belongs to --rule agad"),
        ("infer mnist --weights w.h5 --train-images 10", "--train-images belongs to weights trained here, not to --weights"),
        ("infer text --weights w.h5 --train-characters 10", "--train-characters belongs to weights trained here"),
        ("mvm --device pcm --acceptance 0.02", "--acceptance belongs to --device card, not to --device pcm"),
        ("array program --by pulses --no-read-noise --noise-kind flicker", "--noise-kind belongs to noisy reads"),
        ("array remedies --largest 0 --bound 0.1", "--bound belongs to --largest above 0, not to --largest 0"),
        ("sweep --vmin -1.4 --reset-first", "--reset-first belongs to both halves, not to one half"),
        ("sweep --model dome --points 5", "--points belongs to --model compact or --model ibm, not to --model dome"),
        ("compact sweep --table t.h5 --gate 1.2", "--gate belongs to --cell 1T1R, not to --cell 1R"),
        ("compact sweep --table t.h5 --selector card", "--selector belongs to --cell 1T1R, not to --cell 1R"),
        ("compact noise --cell 1R --selector card", "--selector belongs to --cell 1T1R, not to --cell 1R"),
        ("compact export --model ibm --format spice --out o --check-volt 0.5", "--check-volt belongs to --check; leave it"),
        ("compact export --model ibm --format csv --out o --digits 9", "--digits belongs to --format spice or --format veri"),
        ("compact export t.h5 --format csv --out o --ambient 350K", "--ambient belongs to --format spice or --format verilog"),
        ("compact export t.h5 --format verilog-a --out o --cell 1T1R", "--cell belongs to --format spice, not to --format ver"),
        ("compact export t.h5 --format hdf5 --out o --check", "--check belongs to --format spice, not to --format hdf5 of a"),
        ("infer mnist --aware-epochs 1", "--aware-epochs belongs to --hardware-aware or --every-case"),
    ],
)  # fmt: skip
def test_sentence(argv, sentence, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(argv.split()) == 2
    said = capsys.readouterr().err
    assert sentence in said and "leave" in said, said


STATES = (
    "", "--model ibm", "--by pulses", "--by ispp", "--by pulses --no-read-noise", "--largest 0", "--device fp",
    "--device a.h5", "--weights w.h5", "--measured a.csv", "--steps s.csv", "--table t.h5", "--vmin -1.4", "--lr-decay 1",
    "--model ibm --format csv --out o.csv", "--model ibm --format hdf5 --out o.h5", "--format hdf5 --out o.h5 t.h5",
    "--model ibm --format spice --out o.cir",
)  # fmt: skip
"""Modes of commands whose mode a function tells."""


def test_every_option_of_a_mode_is_refused_in_another_one():
    seen = 0
    for path, command in commands():
        for choice, table in getattr(command.callback, "belongings", ()):
            names = {name for names in table.values() for name in names if parameter(command, name)}
            for name in names if callable(choice) else ():
                assert any(foreign(command, choice, table, name, state) for state in STATES), (path, name)
                seen += 1
    assert seen > 50


def foreign(command, choice, table, name, state):
    """Whether an option is refused in a state; False where the command does not know that state."""
    try:
        context = command.make_context("command", [*state.split(), *words(parameter(command, name))])
    except click.UsageError:
        return False
    try:
        _check(context, choice, table)
    except InputError as error:
        return max(parameter(command, name).opts, key=len) in str(error)
    return False


def test_defaults_and_owners_pass():
    @click.command()
    @click.option("--kind", type=click.Choice(["a", "b"]), default="a")
    @click.option("--only-a", default=1)
    @click.option("--only-b", default=2)
    @belongs_to("kind", {"a": "only_a", "b": ("only_b",)})
    def command(**options):
        return options

    def run(*argv):
        return command.main(list(argv), standalone_mode=False)

    assert run() == {"kind": "a", "only_a": 1, "only_b": 2}
    assert run("--kind", "b", "--only-b", "5")["only_b"] == 5
    assert run("--only-a", "1")["only_a"] == 1
    # The default written out is still an option that does nothing.
    with pytest.raises(Exception, match="--only-b belongs to --kind b, not to --kind a"):
        run("--only-b", "2")
