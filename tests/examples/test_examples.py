"""Every example runs as it stands, and the commands of the README exist."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))


def test_there_are_examples():
    wanted = {"filament_heating", "fit_my_iv", "my_own_stack", "train_on_my_device", "inference_over_years"}
    assert wanted <= {p.stem for p in EXAMPLES}


@pytest.mark.slow
@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_example(path, tmp_path):
    done = subprocess.run(
        [sys.executable, "-W", "error", str(path)], cwd=tmp_path, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.strip(), "an example shows what it found"


def snippets() -> list:
    found = []
    for page in sorted((ROOT / "docs").rglob("*.md")):
        # The snippet of export.md reads the table that its command has written.
        if page.parent.name in {"theory", "howto"} and page.stem != "export":
            blocks = re.findall(r"```python\n(.*?)```", page.read_text(), flags=re.DOTALL)
            found += [pytest.param(block, id=f"{page.stem}-{k}") for k, block in enumerate(blocks)]
    return found


@pytest.mark.parametrize("block", snippets())
def test_snippet_runs_as_written(block, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    exec(compile(block, "snippet", "exec"), {"__name__": "snippet"})


def commands() -> list[str]:
    found = []
    for page in (ROOT / "README.md", *sorted((ROOT / "docs" / "howto").glob("*.md"))):
        for block in re.findall(r"```bash\n(.*?)```", page.read_text(), flags=re.DOTALL):
            found += [
                line.split("#")[0].strip() for line in block.splitlines() if line.startswith("femristor ")
            ]
    return found


@pytest.mark.parametrize("line", commands())
def test_documented_options_exist(line):
    import click

    from femristor.cli.main import cli

    words = shlex.split(line.split(">")[0])[1:]
    current, context = cli, click.Context(cli)
    while isinstance(current, click.Group):
        name = words.pop(0)
        found = current.get_command(context, name)
        assert found is not None, f"{line}: no command {name}"
        current = found
    known = {option for parameter in current.params for option in parameter.opts}
    for word in words:
        if word.startswith("--"):
            assert word.split("=")[0] in known, f"{line}: no option {word}"


def test_links_lead_somewhere():
    for page in (ROOT / "README.md", *(ROOT / "docs").rglob("*.md")):
        for target in re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", page.read_text()):
            if not target.startswith("http"):
                assert (page.parent / target).exists(), f"{page.name} links to {target}"
