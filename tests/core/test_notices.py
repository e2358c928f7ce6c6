"""Notices: once a command, seen on standard error, in JSON, and by those who use the package."""

import json
import logging
import subprocess
import sys

import click
import pytest

from femristor.cli.frame.options import Context, common_options
from femristor.cli.main import main
from femristor.core.messages import gathered, notice


def test_a_notice_is_told_once_in_a_block_and_anew_in_the_next(caplog):
    for _ in range(2):
        with gathered() as told:
            notice("A is hot.")
            notice("A is hot.")
            notice("B reaches 2200 K.", about="B")
            notice("B reaches 2300 K.", about="B")
        assert told == ["A is hot.", "B reaches 2200 K."]
    assert [record.levelno for record in caplog.records] == [logging.WARNING] * 4
    assert caplog.records[0].name == "femristor"


def test_a_silent_block_gathers_what_its_caller_tells(caplog):
    with gathered(silent=True) as told:
        notice("A is hot.")
        with gathered() as inner:
            notice("B is hot.")
    assert told == ["A is hot."] and inner == ["B is hot."] and not caplog.records


def test_python_sees_it_on_standard_error_without_any_setting():
    code = "from femristor.core.messages import notice\nnotice('A is hot.')\nnotice('A is hot.')"
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True
    )
    assert run.stderr == "femristor: warning: A is hot.\n" and run.stdout == ""


@pytest.fixture
def as_doctor(monkeypatch):
    def install(function) -> None:
        module = type(sys)("femristor.cli.doctor")
        module.command = click.command("doctor")(common_options(function))
        monkeypatch.setitem(sys.modules, "femristor.cli.doctor", module)

    return install


def test_json_has_the_notices_beside_a_commands_own_warnings(as_doctor, capsys, caplog):
    def function(context: Context) -> None:
        notice("A is hot.")
        context.emit({"x": 1.0, "warnings": ("own",)}, "text")

    as_doctor(function)
    for _ in range(2):
        assert main(["doctor", "--json"]) == 0
        assert json.loads(capsys.readouterr().out) == {"x": 1.0, "warnings": ["own", "A is hot."]}
    assert [record.getMessage() for record in caplog.records] == ["femristor: warning: A is hot."] * 2


def test_numbers_that_are_none_are_not_printed(as_doctor, capsys):
    def function(context: Context) -> None:
        context.emit({"found": {"slope": [1.0, float("nan")]}}, "slope nan")

    as_doctor(function)
    for words in ([], ["--json"]):
        assert main(["doctor", *words]) == 2
        answer = capsys.readouterr()
        assert answer.out == "" and "not finite (found.slope, 1 of 2)" in answer.err
