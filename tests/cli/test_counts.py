"""Counts without end are refused with the reason before any work: every count of every command, lists, and memory."""

import time

import click
import pytest

from femristor.cli.frame.counts import Count, protocol, whole, wholes
from femristor.cli.main import cli, main
from femristor.core.bounds import SIDE
from femristor.core.errors import InputError

HUGE = ("1000000000", "1e9", "1" + 20 * "0", "9" * 5000)
ANY_NUMBER = {"--seed"}
"""Counts that may be as large as 1e9."""


def commands(group=cli, path=()):
    context = click.Context(group)
    for name in group.list_commands(context):
        found = group.get_command(context, name)
        if isinstance(found, click.Group):
            yield from commands(found, (*path, name))
        else:
            yield (*path, name), found


def counts():
    """(path, option) of every whole number that a command takes."""
    for path, command in commands():
        for option in command.params:
            if isinstance(option.type, Count | click.types.IntParamType):
                yield path, option


def refused(argv, option, capsys, *, seconds=5.0):
    begun = time.process_time()
    assert main(argv) == 2
    assert time.process_time() - begun < seconds
    said = capsys.readouterr().err
    assert option in said and "Traceback" not in said, said
    lines = [line for line in said.splitlines() if line.startswith("femristor: error")]
    assert len(lines) == 1 and len(lines[0]) < 500
    return lines[0]


def test_every_whole_number_has_a_bound_with_a_reason():
    found = list(counts())
    assert len(found) > 60
    for path, option in found:
        assert isinstance(option.type, Count), (path, option.name)
        assert len(option.type.bound.reason) > 10


@pytest.mark.parametrize("text", HUGE, ids=["1000000000", "1e9", "1e20", "5000 digits"])
def test_count_without_end_is_refused(text, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for path, option in counts():
        name = max(option.opts, key=len)
        if not isinstance(option.type, Count) or (name in ANY_NUMBER and len(text) < 20):
            continue
        said = refused([*path, name, text], name, capsys)
        assert "because" in said or "digits is no count" in said, said
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "argv",
    [
        "mvm --sizes 64,1000000000",
        "mvm --sizes 64,100000000000000000000",
        "mvm --sizes " + ",".join(["64"] * 2000),
        "array remedies --sizes 64,1000000000",
        "array pulses --model ibm --protocol 1000000000,400,500",
        "array pulses --steps a.csv --protocol 400,400,100000000000000000000",
        "experiment run card.toml --seeds 100000000000000000000",
        "mvm --times " + ",".join(map(str, range(150_000))),
        "infer mnist --times " + ",".join(map(str, range(150_000))),
        "array relax --times " + ",".join(map(str, range(150_000))),
        "array program --times " + ",".join(map(str, range(150_000))),
    ],
    ids=lambda argv: argv[:60],
)
def test_list_without_end_is_refused(argv, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "card.toml").write_text("", encoding="utf-8")
    (tmp_path / "a.csv").write_text(
        "conductance_uS,step_up_uS,step_down_uS\n10,1,-1\n50,0.5,-0.5\n90,0.1,-1\n", encoding="utf-8"
    )
    argv = argv.split()
    option = next(word for word in argv if word in ("--sizes", "--protocol", "--seeds", "--times"))
    assert "because" in refused(argv, option, capsys, seconds=15.0)  # with the import of torch


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        ("array program --by law --levels 1000 --cells 100000", ("--levels", "--cells")),
        ("array relax --cells 5000000", ("cells",)),
        ("array program --by pulses --rows 60000 --cols 60000", ("--rows x --cols",)),
        ("array pulses --model ibm --spread none --protocol 1000000,1000000,1000000", ("--protocol",)),
        ("array cycle --spread none --rows 60000 --cols 60000", ("--rows x --cols",)),
        ("array cycle --spread none --cycles 10000", ("--cycles",)),
        ("array remedies --sizes 4096 --inputs 1000000 --largest 0", ("--inputs", "--sizes")),
        ("mvm --size 30000", ("--size",)),
        ("mvm --size 64 --inputs 1000000", ("--inputs",)),
        ("compact build --bias-points 2000 --density-points 2000 --ambients 50", ("--bias-points", "--ambients")),
        ("compact noise --cells 1000000 --no-search", ("cells",)),
        ("sweep --model ibm --points 100000 --cycles 10000", ("--points", "--cycles")),
    ],
    ids=lambda given: given if isinstance(given, str) else "",
)  # fmt: skip
def test_memory_is_stated_and_refused_before_the_work(argv, words, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FEMRISTOR_MEMORY_GB", "0.02")
    said = refused(argv.split(), words[0], capsys, seconds=20.0)
    assert all(word in said for word in words), said
    assert ("GB" in said and "FEMRISTOR_MEMORY_GB" in said) or "because" in said, said


def test_whole_numbers_as_people_write_them():
    assert whole(" 12 ", "--rows") == whole("1.2e1", "--rows") == 12
    assert wholes("64, 128", "--sizes", bound=SIDE) == (64, 128)
    assert protocol("400,400,5e2", bound=SIDE) == (400, 400, 500)
    for text in ("1.5", "many", "", "1,5", "nan", "1e400", "0x10", "1_000"):
        with pytest.raises(InputError, match="--rows"):
            whole(text, "--rows")
    with pytest.raises(InputError, match=r"--sizes.*write it as"):
        wholes("64,", "--sizes", bound=SIDE)
    with pytest.raises(InputError, match="three whole numbers"):
        protocol("400,400", bound=SIDE)
