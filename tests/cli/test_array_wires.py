"""femristor array wires: numbers as from the library, files, and one sentence for each bad input."""

import json

import numpy as np
import pytest

from femristor.array.results.wires import WireSolution
from femristor.array.wires import sparse as wires_sparse
from femristor.array.wires.grid import WireGrid
from femristor.cli.main import main
from femristor.core import store


@pytest.fixture
def files(tmp_path):
    """Write G.csv and V.csv, return what the command takes."""

    def make(cells, voltages, *, header="c0,c1,c2", volt_header: str | None = None):
        cells, voltages = np.asarray(cells, dtype=float), np.asarray(voltages, dtype=float)
        lines = [header, *(",".join(f"{value:.17g}" for value in row) for row in cells)]
        (tmp_path / "G.csv").write_text("\n".join(lines) + "\n")
        table = voltages[:, None] if voltages.ndim == 1 else voltages
        rows = [",".join(f"{value:.17g}" for value in row) for row in table]
        (tmp_path / "V.csv").write_text("\n".join(([volt_header] if volt_header else []) + rows) + "\n")
        return [
            "array",
            "wires",
            "--conductance",
            str(tmp_path / "G.csv"),
            "--voltages",
            str(tmp_path / "V.csv"),
        ]

    return make


G = np.random.default_rng(0).uniform(9e-6, 88e-6, (4, 3))
V = np.array([0.2, -0.1, 0.05, 0.15])


def run(capsys, arguments) -> dict:
    assert main([*arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_json(files, capsys):
    found = run(capsys, [*files(G, V), "--segment-ohm", "0.35"])
    expected = wires_sparse.column_currents(G, V, WireGrid(0.35))[0]
    np.testing.assert_allclose(found["column_current_A"], expected, rtol=1e-12)
    np.testing.assert_allclose(found["ideal_current_A"], V @ G, rtol=1e-14)
    assert found["kirchhoff_residual_relative"] < 1e-12 and 0 < found["worst_relative_error"] < 0.01
    assert found["rmse_A"] == pytest.approx(np.sqrt(np.mean((expected - V @ G) ** 2)), rel=1e-9)


def test_options_vectors_and_headers(files, capsys):
    grid = WireGrid(2.0, 3.0, 4.0, 5.0, "both", "top")
    options = (
        "--segment-ohm 2 --column-segment-ohm 3 --driver-ohm 4 --sense-ohm 5 --drive both --sense top".split()
    )
    command = files(G, np.stack([V, 2 * V], 1), header="0,1,2", volt_header="a,b")
    found = run(capsys, [*command, *options])
    expected = wires_sparse.column_currents(G, [V, 2 * V], grid)
    np.testing.assert_allclose(found["column_current_A"], expected, rtol=1e-12)
    parallel = run(capsys, [*files(G, V[:3]), "--topology", "parallel"])
    expected = wires_sparse.column_currents(G, V[:3], WireGrid(0.35, topology="parallel"))[0]
    np.testing.assert_allclose(parallel["column_current_A"], expected, rtol=1e-12)


def test_text_and_files(files, capsys, tmp_path):
    command = files(G, V)
    csv, picture, solution = (str(tmp_path / name) for name in ("I.csv", "I.png", "I.h5"))
    assert main([*command, "--out", csv, "--figure", picture]) == 0
    text = capsys.readouterr().out
    assert "ideal [A]" in text and "Kirchhoff residual" in text
    table = np.loadtxt(csv, delimiter=",", skiprows=1)
    np.testing.assert_allclose(table[:, 2], V @ G, rtol=1e-14)
    assert (tmp_path / "I.png").read_bytes().startswith(b"\x89PNG")
    assert main([*command, "--out", solution]) == 0
    np.testing.assert_array_equal(store.load(solution, WireSolution).column_current_A[0], table[:, 1])


OPEN_ROW, OPEN_COLUMN = G.copy(), G.copy()
OPEN_ROW[1] = 0
OPEN_COLUMN[:, 2] = 0


@pytest.mark.parametrize(
    ("cells", "voltages", "options", "sentence"),
    [
        (-G, V, [], "G.csv: a conductance of"),
        (np.where(G == G.max(), np.nan, G), V, [], "nan is not finite"),
        (G, V[:3], [], "write 4 voltages, one a row"),
        (OPEN_ROW, V, [], "row 1 is open: all its cells have 0 S"),
        (OPEN_COLUMN, V, [], "column 2 has cells of 0 S only, so no current can reach it"),
        (G, V, ["--drive", "up"], "drive 'up' is unknown; use left, right, both"),
        (G, V, ["--sense", "left"], "sense 'left' is unknown"),
        (G, V, ["--topology", "ring"], "topology 'ring' is unknown"),
        (G, V, ["--segment-ohm", "-1"], "segment_ohm is -1 ohm"),
        (G, V, ["--segment-ohm", "nan"], "--segment-ohm: \"nan\" is not a finite number"),
        (G, V, ["--segment-ohm", "inf"], "--segment-ohm: \"inf\" is not a finite number"),
    ],
)
def test_bad_values(files, capsys, tmp_path, cells, voltages, options, sentence):
    out = tmp_path / "never.csv"
    assert main([*files(cells, voltages), *options, "--out", str(out), "--json"]) == 2
    said = capsys.readouterr()
    assert sentence in said.err and "Traceback" not in said.err
    assert len(said.err.strip().splitlines()) == 1 and said.out == ""
    assert not out.exists()


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("a,b\n1e-5,2e-5\n1e-5\n", "line 3 has 1 cells and the first line 2"),
        ("a,b\n1e-5,\n1e-5,2e-5\n", "line 2, column 2: the value is missing"),
        ("a,b\n1e-5,x\n", "line 2, column 2: 'x' is not a number"),
        ("1e-5,2e-5\n1e-5,2e-5\n", "line 1 holds numbers where the header should be"),
        ("a,b\n", "has no data rows after the header"),
        ("", "the file is empty"),
    ],
)
def test_bad_tables(files, capsys, tmp_path, text, sentence):
    command = files(G, V)
    (tmp_path / "G.csv").write_text(text)
    assert main(command) == 2
    said = capsys.readouterr().err
    assert sentence in said and "G.csv" in said and len(said.strip().splitlines()) == 1


def test_missing_file(files, capsys, tmp_path):
    command = files(G, V)
    (tmp_path / "V.csv").unlink()
    assert main(command) == 2
    assert "V.csv: no such file" in capsys.readouterr().err


def test_cost_is_the_power_of_the_drivers_times_the_read(files, capsys):
    found = run(capsys, [*files(G, V), "--read-s", "1e-5"])
    power_W = float(np.dot(V, found["driver_current_A"]))
    assert found["cost"]["energy_J"] == pytest.approx(power_W * 1e-5, rel=1e-9)
    assert 0 < found["cost"]["parts"]["wires"] < 1e-2 * found["cost"]["energy_J"]
    assert main([*files(G, V), "--read-s", "0"]) == 2
    assert "--read-s 0" in capsys.readouterr().err
