"""Texts of cards and tables in exported files: no line, element or command that the exporter did not write."""

import ast
import csv as csv_reader
import io
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from femristor.cli.main import main
from femristor.compact.export.csv import csv
from femristor.compact.export.load import comment, spice_load
from femristor.compact.export.ngspice import run_ngspice
from femristor.compact.export.spice import spice
from femristor.compact.export.text import WrittenTable, about_table
from femristor.compact.export.verilog import verilog
from femristor.compact.export.write import export
from femristor.compact.ibm import IbmModel
from femristor.compact.table.grid import default_grid
from femristor.compact.table.interpolate import TableModel
from femristor.compact.table.sample import build_table
from femristor.core import store
from femristor.core.curves import IVCurve
from femristor.core.errors import InputError
from femristor.core.io.ivfile import read_iv_csv, write_iv_csv
from femristor.core.provenance import Provenance
from femristor.device.card.io import new_card_text
from femristor.device.load_line import Load
from femristor.nn.devices.aihwkit_text import aihwkit_text, peer_device
from femristor.nn.devices.soft_bounds import SoftBoundsDevice
from femristor.report.comparison import Comparison
from femristor.report.page import Figure, write_page

KINDS = 1000
"""Random texts."""
PIECES = (
    *(
        "\n",
        "\r",
        "\r\n",
        "\v",
        "\f",
        "\x00",
        "\x1b[2J",
        "\x1c",
        "\x1e",
        "\x7f",
        "\x85",
        "\u2028",
        "\u2029",
        "\ufeff",
    ),
    *(
        "\u202e",
        "\u2066",
        "\u200b",
        "\ud800",
        "\U000e0041",
        "\u00e9",
        "e\u0301",
        "\u6f22\u5b57",
        "\U0001f600",
        "\u00b5",
    ),
    *(
        "*/",
        "/*",
        "//",
        "\\",
        "\\\n",
        "`include `",
        '"',
        '"""',
        "'",
        "'''",
        "#",
        "<",
        "</td>",
        "<script>",
        "-->",
        "&lt;",
        "{{",
        "}}",
        "%}",
    ),
    *(
        "{x}",
        "$",
        ";",
        ",",
        "=cmd|'x'!A1",
        "+ x",
        ".control",
        ".end",
        ".ends",
        "*#",
        "shell touch x",
        "endmodule",
        "X1 a 0 b",
    ),
    *(
        "\n.control\nshell touch x\n.endc\n",
        "\n+ 1",
        "\nendmodule\n",
        '"""\nimport os\n"""',
        " ",
        "a",
        "cell",
        "0",
    ),
)
HARMLESS = "cell"


def texts():
    rng = np.random.default_rng(20261201)
    for _ in range(KINDS):
        pieces = rng.choice(len(PIECES), int(rng.integers(1, 9)))
        yield "".join(PIECES[int(each)] for each in pieces) * int(rng.choice([1, 1, 1, 1, 400]))


def lines(text: str) -> list[str]:
    """Lines by every break that a reader might know; of a comment its mark alone."""
    marks = ("* ", "// ", "# ")
    return [next((mark for mark in marks if line.startswith(mark)), line) for line in text.splitlines()]


@pytest.fixture(scope="module")
def small(card, sampler):
    grid = default_grid(card, bias_points=4, density_points=2, ambient_points=1)
    return build_table(card, sampler, grid)


def named(table, text: str):
    made = Provenance("compact.build", card_hash=text)
    return TableModel(replace(table, card_name=text, model=text, provenance=made))


def circuits(card, table, text: str) -> dict[str, str]:
    """Every exported text in which a name, hash, model or label stands."""
    law = IbmModel(replace(card, name=text, hash=text, description=text))
    model = named(table, text)
    return {
        "spice of the law": spice(law, load=Load(1e3, 3e-4, 500, 1.5e-3, label=text)),
        "spice of a table": spice(model),
        "verilog of the law": verilog(law),
        "verilog of a table": verilog(model),
        "load": spice_load(Load(1e3, 3e-4, 500, 1.5e-3, label=text)),
    }


def test_circuits_hold_no_line_of_others(card, small):
    # Tables are patches but for their head: the head is compared for every text, the whole for some.
    plain = {name: lines(text) for name, text in circuits(card, small, HARMLESS).items()}
    written = WrittenTable.of(TableModel(small), 10)
    head = lines(comment(about_table(replace(written, model=named(small, HARMLESS)))))
    for number, text in enumerate(texts()):
        found = circuits(card, small, text) if number % 50 == 0 else _laws(card, text)
        assert lines(comment(about_table(replace(written, model=named(small, text))))) == head, text
        for name, content in found.items():
            assert content.isascii() and not {mark for mark in content if mark < " "} - {"\n"}
            assert lines(content) == plain[name], (name, text)
            assert max(len(line) for line in content.splitlines() if line.startswith(("*", "//"))) < 260


def _laws(card, text: str) -> dict[str, str]:
    law = IbmModel(replace(card, name=text, hash=text))
    load = Load(1e3, 3e-4, 500, 1.5e-3, label=text)
    return {
        "spice of the law": spice(law, load=load),
        "verilog of the law": verilog(law),
        "load": spice_load(load),
    }


def test_csv_holds_no_line_of_others(small, tmp_path):
    plain = lines(csv(named(small, HARMLESS)))
    curve = IVCurve(np.array([0.1, 0.2]), np.array([1e-6, 2e-6]), label=HARMLESS)
    every = list(texts())
    for start in range(0, KINDS, 20):
        some = every[start : start + 20]
        assert lines(csv(named(small, some[0]))) == plain, some[0]
        write_iv_csv([replace(curve, label=text, origin=text) for text in some], tmp_path / "c.csv")
        content = (tmp_path / "c.csv").read_text(encoding="utf-8")
        rows = list(csv_reader.reader(io.StringIO(content)))
        assert len(content.splitlines()) == len(rows) == 61, some
        assert all(row[0].startswith("# ") for row in rows[:20])
        assert all(len(row) == 4 and not row[0].startswith(("=", "@", "+ ")) for row in rows[20:]), some
    write_iv_csv([replace(curve, label="M\u00fcller, 1", origin="my file, \u6f22")], tmp_path / "c.csv")
    (back,) = read_iv_csv(tmp_path / "c.csv")
    assert back.label == "M\u00fcller 1"


def test_python_holds_no_statement_of_others(card, monkeypatch):
    device = SoftBoundsDevice.from_card(card)
    # What a device is in numbers costs 70 ms; texts do not change it.
    peer = peer_device(device)
    monkeypatch.setattr("femristor.nn.devices.aihwkit_text.peer_device", lambda *_, **__: peer)

    def bones(text: str) -> str:
        tree = ast.parse(aihwkit_text(device, source=text))
        assert isinstance(tree.body[0].value.value, str)
        return ast.dump(ast.Module(tree.body[1:], []))

    plain, length = bones(HARMLESS), len(aihwkit_text(device, source=HARMLESS).splitlines())
    for text in texts():
        written = f"the soft bounds of the card {text}"
        assert bones(written) == plain, text
        assert len(aihwkit_text(device, source=written).splitlines()) == length
    assert "M\u00fcller \u6f22" in aihwkit_text(device, source="M\u00fcller \u6f22")


class Tags(HTMLParser):
    """Tags of a page with the names of their attributes."""

    def __init__(self):
        super().__init__()
        self.found = []

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, tuple(name for name, _ in attrs)))

    def handle_endtag(self, tag):
        self.found.append(("/" + tag,))

    def handle_comment(self, data):
        self.found.append(("comment",))


SLOTS = 18


def page(card, words: list[str], folder) -> tuple[list, int, str]:
    """A page with a text in each of its SLOTS places."""
    it = iter(words)
    _, note = next(iter(card.sources.items()))
    key, source = next(it), next(it)
    sources = {key: replace(note, text=next(it), note=next(it), source=source)}
    shown = replace(
        card,
        name=next(it),
        hash=next(it),
        description=next(it),
        sources=sources,
        bibliography={source: next(it)},
    )
    made = Provenance(next(it), next(it), 0, {"a": next(it)}, {next(it): "b"}, notes=(next(it),))
    path = write_page(
        folder / "index.html",
        Comparison(()),
        [Figure(next(it), next(it), next(it), b"png")],
        card=shown,
        provenance={"stage": made},
        notes=[next(it)],
        title=next(it),
    )
    content = path.read_bytes().decode("utf-8")
    tags = Tags()
    tags.feed(content)
    return tags.found, len(content.splitlines()), content


def test_page_holds_no_tag_of_others(card, tmp_path):
    tags, length, _ = page(card, [HARMLESS] * SLOTS, tmp_path)
    every = list(texts())
    for start in range(0, KINDS, SLOTS):
        words = (every[start:] + every)[:SLOTS]
        found = page(card, words, tmp_path)
        assert found[:2] == (tags, length), words
        assert not {mark for mark in found[2] if mark < " "} - {"\n"}
    assert "M\u00fcller \u6f22" in page(card, ["M\u00fcller \u6f22"] * SLOTS, tmp_path)[2]


def test_shell_command_of_a_table(ngspice, table, tmp_path, monkeypatch):
    """The reproducer: a name with a control block, exported and checked in ngspice."""
    monkeypatch.chdir(tmp_path)
    trap = tmp_path / "ran"
    for place in ("card_name", "model"):
        block = f"x\n.control\nshell touch {trap}\n.endc\n*"
        store.save(replace(table, **{place: block}), "table.h5")
        arguments = [
            "--format",
            "spice",
            "--check",
            "--check-volt",
            "0.3",
            "--ambient",
            "293 K",
            "--out",
            "o.cir",
        ]
        assert main(["compact", "export", "table.h5", *arguments]) == 0
        starts = [line.split()[0] for line in Path("o.cir").read_text().splitlines() if line.strip()]
        assert not trap.exists() and ".control" not in starts and "shell" not in starts


@pytest.mark.parametrize(
    "line",
    [
        ".control\nshell touch {}\n.endc",
        "*#shell touch {}",
        "  .CONTROL\nshell touch {}\n.endc",
        "R9 a 0 1\r.control",
        ".include /etc/passwd",
        "a1 [a] b d_process",
        ".csparam x=1",
    ],
)
def test_ngspice_runs_no_scripts(ngspice, tmp_path, line):
    trap = tmp_path / "ran"
    text = f"* title\nV1 a 0 1\nR1 a 0 1\n{line.format(trap)}\n.op\n.end\n"
    with pytest.raises(InputError, match="netlist"):
        run_ngspice(text)
    with pytest.raises(InputError, match="netlist"):
        run_ngspice(text.replace("* title", f"*ng_script\nshell touch {trap}"))
    assert not trap.exists()


def test_ngspice_takes_no_start_up_file(ngspice, tmp_path, monkeypatch):
    trap = tmp_path / "ran"
    (tmp_path / ".spiceinit").write_text(f"shell touch {trap}\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    found = run_ngspice("* \u6f22\u5b57\nV1 a 0 1\nR1 a 0 1\n.save i(v1)\n.op\n.end\n")
    assert found["i(v1)"] == pytest.approx([-1.0]) and not trap.exists()


def test_names_of_other_scripts(ngspice, card, tmp_path):
    """A card whose name is not ASCII is exported in every format, and ngspice reads it."""
    law = IbmModel(replace(card, name="M\u00fcller \u6f22\u5b57"))
    for kind in ("spice", "verilog-a", "csv"):
        export(law, kind, tmp_path / "o")
        text = (tmp_path / "o").read_text(encoding="utf-8")
        assert ("M\u00fcller \u6f22\u5b57" if kind == "csv" else "Muller <U+6F22><U+5B57>") in text


@pytest.mark.parametrize("name", ["a\\n.control", "a\\u202Eb", "a\\u001B[2J", "x" * 201])
def test_card_names_are_one_line(name, tmp_path, capsys):
    path = tmp_path / "card.toml"
    path.write_text(new_card_text("plain").replace('name = "plain"', f'name = "{name}"', 1))
    assert main(["card", "show", str(path)]) == 2
    said = capsys.readouterr().err
    assert "card.toml" in said and "name" in said and "one line" in said and "rename the card" in said
    assert len(said.splitlines()) == 1


def test_terminal_is_not_steered(table, tmp_path, capsys):
    store.save(replace(table, card_name="a\x1b[2Jb\u202e"), tmp_path / "t.h5")
    assert main(["compact", "info", str(tmp_path / "t.h5")]) == 0
    said = capsys.readouterr()
    assert "a<U+001B>[2Jb" in said.out and "\x1b" not in said.out + said.err
