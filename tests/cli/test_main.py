"""The frame of the command line: help, exit codes, one sentence an error, clean standard output."""

import json
import signal
import subprocess
import sys
from importlib import import_module

import click
import pytest

from femristor import __version__
from femristor.cli.frame.options import Context, common_options
from femristor.cli.main import COMMANDS, MODULES, main
from femristor.core.errors import ConvergenceError
from femristor.core.store import finite


@pytest.fixture
def as_command(monkeypatch):
    """Make a function the command `doctor` for one test."""

    def install(function) -> None:
        command = click.command("doctor")(common_options(function))
        module = type(sys)("femristor.cli.doctor")
        module.command = command
        monkeypatch.setitem(sys.modules, "femristor.cli.doctor", module)

    return install


def raising(error):
    def function(context: Context) -> None:
        raise error

    return function


@pytest.mark.parametrize("argv", [[], ["--help"]])
def test_help_lists_every_command_without_importing_any(argv):
    code = (
        "import json, sys; from femristor.cli.main import main; "
        f"code = main({argv}); print(json.dumps([m for m in sys.modules if m.startswith('femristor.')])); sys.exit(code)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    *screen, modules = run.stdout.strip().splitlines()
    assert all(any(line.strip().startswith(name + " ") for line in screen) for name in COMMANDS)
    assert set(json.loads(modules)) <= {
        "femristor.cli",
        "femristor.cli.main",
        "femristor.cli.frame",
        "femristor.cli.frame.options",
        "femristor.cli.frame.counts",
        "femristor.cli.frame.number_text",
    } | {f"femristor.core{part}" for part in ("", ".bounds", ".errors", ".messages", ".units")}


def test_version(capsys):
    assert main(["--version"]) == 0
    assert __version__ in capsys.readouterr().out


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_of_the_table_takes_json_and_seed(name):
    def leaves(command):
        if isinstance(command, click.Group):
            return [leaf for inner in command.commands.values() for leaf in leaves(inner)]
        return [command]

    for leaf in leaves(import_module(f"femristor.cli.{MODULES.get(name, name)}").command):
        options = {text for parameter in leaf.params for text in parameter.opts}
        assert {"--json", "--seed"} <= options, leaf.name
        assert leaf.help, f"{leaf.name} has no help"


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (
            ConvergenceError("No convergence at 1.2 V;\n   lower --vmax."),
            2,
            "error: No convergence at 1.2 V; lower --vmax.",
        ),
        (KeyboardInterrupt(), 130, "interrupted: Earlier output is left as it was"),
        (KeyboardInterrupt("20 of 90 points are kept."), 130, "interrupted: 20 of 90 points are kept."),
        (PermissionError(13, "Permission denied", "out.csv"), 2, "error: out.csv: Permission denied; check"),
        (OSError(28, "No space left on device"), 2, "error: No space left on device; check"),
        (TimeoutError("JIT compilation timed out"), 2, "femristor doctor --repair"),
        (MemoryError(), 2, "Not enough memory"),
        (ValueError("shapes differ"), 1, "internal error: ValueError: shapes differ; set FEMRISTOR_DEBUG=1"),
    ],
)
def test_errors_become_one_sentence(as_command, capsys, monkeypatch, error, code, words):
    monkeypatch.delenv("FEMRISTOR_DEBUG", raising=False)
    as_command(raising(error))
    assert main(["doctor"]) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert err.lstrip().startswith("femristor: ") and words in err
    assert len(err.strip().splitlines()) == 1


def test_debug_shows_the_traceback(as_command, capsys, monkeypatch):
    monkeypatch.setenv("FEMRISTOR_DEBUG", "1")
    as_command(raising(ConvergenceError("No convergence.")))
    assert main(["doctor"]) == 2
    assert "Traceback" in capsys.readouterr().err


def test_only_rank_0_prints(as_command, capsys, monkeypatch):
    monkeypatch.setenv("PMI_RANK", "1")
    as_command(lambda context: context.emit({}, "text"))
    assert main(["doctor"]) == 0
    assert main(["doctor", "--nonsense"]) == 2
    assert capsys.readouterr() == ("", "")


def test_json_moves_all_other_output_to_standard_error(as_command, capsys, monkeypatch):
    monkeypatch.setattr(finite, "UNDEFINED", {"form_V"})

    def function(context: Context) -> None:
        print("a library talks")
        with context.progress.task("working", 2) as task:
            task.advance()
        context.emit({"current_A": [1e-6, None], "form_V": [3.0, float("nan")], "seed": context.seed}, "text")

    as_command(function)
    assert main(["doctor", "--json", "--seed", "5"]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out) == {"current_A": [1e-6, None], "form_V": [3.0, None], "seed": 5}
    assert "a library talks" in err and "working: done" in err
    assert main(["doctor"]) == 0
    assert capsys.readouterr().out == "a library talks\ntext\n"


def test_json_also_redirects_what_is_printed_from_c(tmp_path):
    script = tmp_path / "talk.py"
    script.write_text(
        "import os\n"
        "from femristor.cli.frame.streams import stdout_for_result\n"
        "with stdout_for_result(json=True) as stream:\n"
        "    os.write(1, b'from C\\n')\n"
        "    print('{}', file=stream)\n"
        "print('after')\n"
    )
    run = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True)
    assert run.stdout == "{}\nafter\n"
    assert run.stderr == "from C\n"


def test_a_command_returns_its_exit_code(as_command):
    as_command(lambda context: 2)
    assert main(["doctor"]) == 2


def test_ctrl_c_in_a_long_job(tmp_path):
    script = tmp_path / "long_job.py"
    script.write_text(
        "import sys, time, types, click\n"
        "from femristor.cli.main import main\n"
        "from femristor.cli.frame.options import common_options\n"
        "module = types.ModuleType('femristor.cli.doctor')\n"
        "@click.command('doctor')\n"
        "@common_options\n"
        "def command(context):\n"
        "    print('started', file=sys.stderr, flush=True)\n"
        "    time.sleep(60)\n"
        "module.command = command\n"
        "sys.modules['femristor.cli.doctor'] = module\n"
        "sys.exit(main(['doctor', '--json']))\n"
    )
    job = subprocess.Popen(
        [sys.executable, script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert job.stderr.readline() == "started\n"
    job.send_signal(signal.SIGINT)
    out, err = job.communicate(timeout=20)
    assert (job.returncode, out) == (130, "")
    assert err.strip() == (
        "femristor: interrupted: Earlier output is left as it was; run the command again to start over."
    )


def test_closed_pipe_is_no_error():
    command = f"{sys.executable} -m femristor.cli.main card show | head -n 1"
    run = subprocess.run(["bash", "-c", command], capture_output=True, text=True)
    assert run.stdout.startswith("cmo_hfox") and run.stderr == ""


def test_texts_of_files_do_not_steer_the_terminal(as_command, capsys):
    """Escape sequences and marks that turn the line around arrive as their numbers."""
    as_command(raising(ConvergenceError("cell 'a\x1b[31m\u202eb\x07' of\ncard.toml")))
    assert main(["doctor"]) == 2
    assert (
        capsys.readouterr().err.lstrip() == "femristor: error: cell 'a\\x1b[31m\\u202eb\\x07' of card.toml\n"
    )
    as_command(raising(ConvergenceError(f"unknown key {'x' * 3000}; correct it.")))
    assert main(["doctor"]) == 2
    assert len(capsys.readouterr().err) < 200
