"""femristor compact export: files of every format, ngspice that is missing or fails, and the page on it."""

import json
import re
import shlex
from pathlib import Path

import numpy as np
import pytest

from femristor.cli.main import main
from femristor.compact.export.csv import COLUMNS
from femristor.compact.export.ngspice import run_ngspice
from femristor.compact.export.write import FORMATS, export
from femristor.compact.ibm import IbmModel
from femristor.compact.results.table import CompactTable
from femristor.compact.table.interpolate import TableModel
from femristor.core import store
from femristor.core.errors import InputError
from femristor.device.load_line import BARE

PAGE = Path(__file__).parents[2] / "docs" / "howto" / "export.md"


@pytest.fixture
def folder(table, tmp_path, monkeypatch):
    store.save(table, tmp_path / "table.h5")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def complaint(capsys, arguments: str) -> str:
    assert main(["compact", "export", *arguments.split()]) == 2
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("femristor: ")]
    return line


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("source", ["table.h5", "--model ibm"])
def test_every_format(folder, capsys, kind, source):
    assert main(["compact", "export", *source.split(), "--format", kind, "--out", "out", "--json"]) == 0
    payload = json.loads(capsys.readouterr().out)
    content = (folder / "out").read_bytes()
    assert (payload["format"], payload["bytes"], payload["check"]) == (kind, len(content), None)
    if kind == "hdf5":
        assert store.load("out", CompactTable).card_name == "cmo_hfox"
    else:
        schema = b"schema 1" if kind == "csv" else b"schema 2"
        assert schema in content.splitlines()[0] and content.isascii()


def test_csv_columns(folder, capsys, table):
    main(["compact", "export", "table.h5", "--format", "csv", "--out", "out.csv"])
    lines = Path("out.csv").read_text().splitlines()
    assert lines[0] == "# femristor compact csv, schema 1"
    assert all(any(line.startswith(f"# {name}: ") for line in lines) for name in COLUMNS)
    head, *rows = [line for line in lines if not line.startswith("#")]
    data = dict(zip(head.split(","), np.array([row.split(",") for row in rows], float).T, strict=True))
    assert list(data) == list(COLUMNS)
    shape = table.current_A.shape
    np.testing.assert_allclose(data["I_A"].reshape(shape), table.current_A, rtol=1e-9)
    np.testing.assert_allclose(data["T_K"].reshape(shape), table.temperature_mean_K, rtol=1e-9)
    law, density = table.ionic, table.density_m3[:, None]
    rate = law.hop_distance_m / law.length_m * table.hop_rate_set_per_s
    rate = rate * (1 - density / law.density_max_m3) ** law.saturation_exponent
    np.testing.assert_allclose(data["rate_set_per_s"].reshape(shape), rate, rtol=1e-9)
    assert np.all(data["rate_reset_per_s"] < 0)


def test_ambient(folder, capsys):
    for source in ("table.h5", "--model ibm"):
        for ambient in ("293 K", "350 K"):
            arguments = ["--format", "verilog-a", "--ambient", ambient, "--out", f"{ambient[:3]}.va"]
            assert main(["compact", "export", *source.split(), *arguments]) == 0
        assert Path("293.va").read_text() != Path("350.va").read_text()
    assert "holds 273 to 373 K" in complaint(capsys, "table.h5 --format spice --ambient 500K --out o.cir")


def test_selector(ngspice, folder, capsys):
    """The fitted transistor by default, as everywhere; the card's own by name; the file says which."""
    said = {}
    for name in (None, "reference", "card"):
        chosen = [] if name is None else ["--selector", name]
        arguments = [
            "--model",
            "ibm",
            "--format",
            "spice",
            "--cell",
            "1T1R",
            "--check",
            "--check-volt",
            "1.3",
        ]
        assert main(["compact", "export", *arguments, *chosen, "--out", "out.cir"]) == 0
        said[name] = Path("out.cir").read_text()
        assert float(re.search(r"off by (\S+) at worst", capsys.readouterr().out)[1]) < 5e-3
    assert said[None] == said["reference"] and "* load: transistor with gates of 1.4 V in set" in said[None]
    assert "* load: selector of cmo_hfox" in said["card"] and "V(g,b)" not in said["card"]
    assert (
        main(
            [
                "compact",
                "export",
                "--model",
                "ibm",
                "--format",
                "spice",
                "--cell",
                "1T1R",
                "--selector",
                "no.h5",
                "--out",
                "o",
            ]
        )
        == 2
    )


def test_too_few_digits(folder, capsys):
    Path("out.cir").write_text("earlier")
    assert "more --digits" in complaint(capsys, "table.h5 --format spice --digits 3 --out out.cir")
    assert Path("out.cir").read_text() == "earlier"


def test_check(ngspice, folder, capsys):
    arguments = ["--format", "spice", "--cell", "1T1R", "--check", "--out", "out.cir"]
    assert main(["compact", "export", "table.h5", *arguments]) == 0
    text = capsys.readouterr().out
    worst = float(re.search(r"off by (\S+) at worst", text)[1])
    assert worst < 5e-3


def test_ngspice_missing_or_failing(folder, capsys, monkeypatch, tmp_path):
    command = "--model ibm --format spice --check --out out.cir"
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "ngspice is not installed or not on PATH" in complaint(capsys, command)
    program = tmp_path / "ngspice"
    program.write_text("#!/bin/sh\necho 'Fatal error: no memory'; exit 3\n")
    program.chmod(0o755)
    assert "ngspice failed with exit code 3: Fatal error: no memory" in complaint(capsys, command)
    assert not (folder / "out.cir").exists(), "a file that failed its check is not written"


def test_wrong_arguments(card, table, tmp_path):
    law = IbmModel(card)
    with pytest.raises(InputError, match="no format of an export"):
        export(law, "netlist", tmp_path / "o")
    with pytest.raises(InputError, match="holds the cell alone"):
        export(TableModel(table), "verilog-a", tmp_path / "o", load=BARE)
    with pytest.raises(InputError, match="build one with compact build"):
        export(law, "hdf5", tmp_path / "o")
    assert not (tmp_path / "o").exists()


def test_page(ngspice, tmp_path, monkeypatch, capsys):
    """Every command, the netlist and the Python of the page run in turn."""
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```(\w+)\n(.*?)```", PAGE.read_text(), flags=re.DOTALL)
    kinds = [kind for kind, _ in blocks]
    assert kinds == ["bash", "spice", "python"]
    for kind, text in blocks:
        if kind == "bash":
            for line in text.splitlines():
                assert main(shlex.split(line, comments=True)[1:]) == 0, line
        elif kind == "spice":
            cell = Path("cell.cir").read_text()
            found = run_ngspice(text.replace(".include cell.cir", cell))
            at = {t: np.interp(t * 1e-6, found["time"], found["v(x1.xc.u)"]) for t in (0, 4, 9, 12)}
            assert at[4] > at[0] + 1e-4, "the set pulse sets"
            assert at[9] < at[4] - 1e-4, "the reset pulse resets"
            assert at[12] == pytest.approx(at[9], abs=1e-6), "the read leaves the state alone"
            assert 1e-6 < np.interp(11.5e-6, found["time"], -found["i(va)"]) < 1e-4
        else:
            capsys.readouterr()
            exec(compile(text, str(PAGE), "exec"), {})
            assert 5e-6 < float(capsys.readouterr().out) < 5e-5
