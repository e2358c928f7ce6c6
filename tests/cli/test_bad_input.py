"""Wrong input gives one clear sentence and exit code 2, and leaves earlier files as they were.

A row is `Case(name, argv, words, files)`: the files are made in an empty folder, the command runs there in this
process, and all `words` must stand in the one sentence on standard error. Add rows for your command at the end
of CASES, or in a list of your own file that `check_case` runs through.
"""

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from femristor.cli.main import main
from femristor.device.card.io import card_path

CARD = card_path("cmo_hfox").read_text(encoding="utf-8")
CURVE = "voltage_V,current_A\n0.05,1e-6\n0.10,2e-6\n0.15,3e-6\n0.20,4e-6\n"


def card(old: str, new: str) -> dict[str, str]:
    """The shipped card with one change, as the file bad.toml."""
    assert CARD.count(old) >= 1, f"the shipped card no longer holds {old!r}"
    return {"bad.toml": CARD.replace(old, new, 1)}


def curve(text: str | bytes) -> dict[str, str | bytes]:
    """A data file, bad.csv."""
    return {"bad.csv": text}


@dataclass(frozen=True)
class Case:
    """One wrong input."""

    name: str
    argv: str
    words: tuple[str, ...]
    files: dict[str, str | bytes] = field(default_factory=dict)
    code: int = 2


CHECK = "card check bad.toml"
IBM = "compact export --model ibm --format "
HOPPING = "fit hopping bad.csv"
FILAMENT = 'radius = { value = "11 nm"'
DOME = CARD[CARD.index("[dome]") : CARD.index("[materials.W]")]

CASES = [
    # the command line itself
    Case("unknown command", "simulate", ("No such command 'simulate'", "femristor --help")),
    Case("mistyped command", "doctr", ("No such command 'doctr'",)),
    Case("unknown subcommand", "card shwo", ("No such command 'shwo'", "show")),
    Case("unknown option", "card show --colour", ("No such option", "--colour")),
    Case("argument missing", "card diff cmo_hfox", ("Missing argument 'CARD'", "femristor card diff --help")),
    Case("seed is no number", "card show --seed many", ("--seed", "'many'")),
    Case("negative seed", "card show --seed=-1", ("--seed", "-1")),
    # device cards
    Case("card missing", "card check none.toml", ("none.toml: no such device card", "cmo_hfox")),
    Case("card empty", CHECK, ("bad.toml: the file is empty", "device card"), {"bad.toml": ""}),
    Case("card no text", CHECK, ("bad.toml: not a UTF-8 text file",), {"bad.toml": b"\xff\xfe\x00\x01"}),
    Case("card is a folder", "card check .", ("no such device card",)),
    Case("card no TOML", CHECK, ("bad.toml: not valid TOML", "line 1"), {"bad.toml": "layers: []\n"}),
    Case("wrong unit", CHECK, ("filament.radius", '"11 V"', "wrong unit", "m"), card("11 nm", "11 V")),
    Case("unknown unit", CHECK, ("filament.radius", '"11 nmm"'), card("11 nm", "11 nmm")),
    Case("number without unit", CHECK, ("filament.radius", '"11"'), card('"11 nm"', "11")),
    Case("value is no number", CHECK, ("filament.radius", "not a quantity"), card('"11 nm"', '"thin"')),
    Case("value is NaN", CHECK, ("filament.radius",), card('"11 nm"', '"nan nm"')),
    Case("missing key", CHECK, ("key filament.radius is missing",), card(FILAMENT, "# " + FILAMENT)),
    Case("missing section", CHECK, ("key dome is missing",), card(DOME, "")),
    Case(
        "mistyped key",
        CHECK,
        ("unknown key", "radus", "did you mean radius"),
        card(FILAMENT, "radus" + FILAMENT[6:]),
    ),
    Case("negative thickness", CHECK, ("thickness", "-3.5 nm", "above 0"), card("3.5 nm", "-3.5 nm")),
    Case("zero thickness", CHECK, ("thickness", "above 0"), card("3.5 nm", "0 nm")),
    Case("filament wider than the cell", CHECK, ("filament.radius", "cell_width"), card("11 nm", "7 um")),
    Case("dome higher than the cmo", CHECK, ("dome.radius", "cmo thickness"), card("13.2 nm", "30 nm")),
    Case("unknown role", CHECK, ("role", "'lid'", "cap"), card('role = "cap"', 'role = "lid"')),
    Case("layers out of order", CHECK, ("layers are", "reorder"), card('role = "cmo"', 'role = "cap"')),
    Case(
        "unknown material",
        CHECK,
        ("material Al is used but not defined",),
        card('material = "W"', 'material = "Al"'),
    ),
    Case(
        "source not listed",
        CHECK,
        ("cites 'Q'", "[sources]"),
        card('11 nm", source = "C"', '11 nm", source = "Q"'),
    ),
    Case(
        "newer card schema",
        CHECK,
        ("schema 9 is newer", "update femristor"),
        card("_version = 1", "_version = 9"),
    ),
    Case(
        "range upside down",
        CHECK,
        ("range.ambient_min",),
        card('ambient_min = "273 K"', 'ambient_min = "400 K"'),
    ),
    Case(
        "diff with a bad card",
        "card diff cmo_hfox bad.toml",
        ("bad.toml", "filament.radius"),
        card("11 nm", "11 V"),
    ),
    Case("new card exists", "card new bad.toml", ("bad.toml exists already", "--force"), {"bad.toml": CARD}),
    Case("new card is no TOML", "card new mine.json", ("mine.json", ".toml")),
    Case("read-only output folder", "card new /proc/mine.toml", ("/proc/mine.toml", "Cannot write")),
    Case("output folder is a file", "card new bad.csv/mine.toml", ("bad.csv", "output folder"), curve(CURVE)),
    # data files
    Case("curve missing", "fit hopping none.csv", ("none.csv: no such file",)),
    Case("curve empty", HOPPING, ("bad.csv: the file is empty",), curve("")),
    Case("curve header only", HOPPING, ("bad.csv", "no data rows"), curve("voltage_V,current_A\n")),
    Case(
        "curve no header", HOPPING, ("bad.csv: line 1", "header"), curve("0.05,1e-6\n0.1,2e-6\n0.15,3e-6\n")
    ),
    Case("curve no text", HOPPING, ("bad.csv: not a UTF-8 text file",), curve(b"\x89HDF\r\n\xff\xfe")),
    Case(
        "NaN in a curve",
        HOPPING,
        ("bad.csv: line 3", "current_A", "nan"),
        curve(CURVE.replace("2e-6", "nan")),
    ),
    Case(
        "text in a curve",
        HOPPING,
        ("bad.csv: line 3", "'overflow'"),
        curve(CURVE.replace("2e-6", "overflow")),
    ),
    Case(
        "row too short",
        HOPPING,
        ("bad.csv: line 3", "complete the row"),
        curve(CURVE.replace("0.10,2e-6", "0.10")),
    ),
    Case("duplicate voltage", HOPPING, ("bad.csv: line 4", "twice"), curve(CURVE.replace("0.15,", "0.10,"))),
    Case(
        "unsorted voltages",
        HOPPING,
        ("bad.csv: line 4", "not sorted"),
        curve(CURVE.replace("0.15,", "0.07,")),
    ),
    Case(
        "no current column",
        HOPPING,
        ("bad.csv: no current column",),
        curve(CURVE.replace("current_A", "power_W")),
    ),
    Case(
        "wrong unit of a column",
        HOPPING,
        ("bad.csv", "current"),
        curve(CURVE.replace("current_A", "current [V]")),
    ),
    Case(
        "two equal headers",
        HOPPING,
        ("bad.csv", "same header"),
        curve(CURVE.replace("current_A", "voltage_V")),
    ),
    Case(
        "gzip truncated",
        "fit hopping bad.csv.gz",
        ("bad.csv.gz", "truncated"),
        {"bad.csv.gz": b"\x1f\x8b\x08\x00ab"},
    ),
    Case("forming curve empty", "fit forming bad.csv", ("bad.csv: the file is empty",), curve("")),
    # current against voltage
    Case("unknown state", "iv --state middle", ("No state 'middle'", "lrs", "N=<density")),
    Case("density is no number", "iv --state N=many", ("'N=many' is no density",)),
    Case("one point", "iv --points 1", ("1 points", "--points 2")),
    Case("no voltage", "iv --vmax 0", ("--vmax",)),
    Case("voltage not finite", "iv --vmax nan", ("--vmax",)),
    Case("voltage absurd", "iv --vmax 40 --resolution 0.4", ("within 10 V",)),
    Case("full without 3-D", "iv --full", ("--full", "--dim 3")),
    Case("ambient without unit", "iv --ambient 300", ("--ambient", "K")),
    Case("ambient of another kind", "iv --ambient 3V", ("--ambient", "wrong unit")),
    Case("ambient too hot", "iv --ambient 5000K --resolution 0.4", ("outside 150 to 1500 K",)),
    Case("resolution zero", "iv --resolution 0", ("resolution",)),
    Case("unknown ending", "iv --out curve.xls", ("curve.xls", ".csv or .h5")),
    # export
    Case("export of nothing", "compact export --format csv --out o.csv", ("a table", "--model ibm")),
    Case("export of two", "compact export t.h5 --model ibm --format csv --out o.csv", ("either a table",)),
    Case("export format unknown", IBM + "touchstone --out o.s2p", ("'touchstone'", "spice, verilog-a, hdf5")),
    Case("export without format", "compact export --model ibm --out o.csv", ("--format",)),
    Case("export model unknown", "compact export --model ibn --format csv --out o.csv", ("--model", "ibn")),
    Case("export table missing", "compact export t.h5 --format spice --out o.cir", ("t.h5", "no such file")),
    Case(
        "export table damaged",
        "compact export t.h5 --format spice --out o.cir",
        ("t.h5", "make it again"),
        {"t.h5": b"\x89HDF\r\n\x1a\n"},
    ),
    Case(
        "export load in csv",
        IBM + "csv --cell 1T1R --out o.csv",
        ("--cell belongs to --format spice", "leave it out"),
    ),
    Case(
        "export digits in csv",
        IBM + "csv --digits 4 --out o.csv",
        ("--digits belongs to --format spice", "leave it out"),
    ),
    Case("export check of csv", IBM + "csv --check --out o.csv", ("--format spice",)),
    Case("export check of nothing", IBM + "spice --check --check-volt 0 --out o.cir", ("--check-volt",)),
    Case(
        "export ambient in hdf5",
        IBM + "hdf5 --ambient 300K --out o.h5",
        ("--ambient belongs to --format spice", "leave it out"),
    ),
    Case("export ambient of another kind", IBM + "spice --ambient 3V --out o.cir", ("wrong unit",)),
    Case("export card missing", IBM + "spice --card none.toml --out o.cir", ("none.toml",)),
    Case("export to a read-only folder", IBM + "spice --out /proc/o.cir", ("/proc/o.cir", "Cannot write")),
    # networks
    Case("products on no card", "mvm --card none.toml", ("none.toml: no such device card",)),
    Case("products of no size", "mvm --size -3", ("--size: -3", "1 or more")),
    Case("products at no time", "mvm --times nan", ("--times", "nan", "finite")),
    Case("products to a read-only folder", "mvm --out /proc/m.h5", ("/proc/m.h5", "Cannot write")),
    Case("products to a csv", "mvm --out m.csv", ("m.csv", "ending .h5")),
    Case("rate is NaN", "train mnist --lr nan", ("--lr", "nan", "finite")),
    Case("negative noise", "train mnist --nsr -1", ("noise_to_signal", "-1.0")),
    Case("no data", "train mnist --data none", ("train-images", "--data")),
    Case("more images than there are", "train mnist --train-images 99999 --out a/b", ("99999", "60000")),
    Case("no checkpoint", "train mnist --resume --out new", ("new/checkpoint.h5", "leave out --resume")),
    Case("no hidden units", "train text --hidden 0", ("--hidden", "1 or more")),
    Case(
        "no symmetry point",
        "train mnist --device table --table bad.csv",
        ("bad.csv", "no symmetry point", "choose other pulse amplitudes"),
        curve("conductance_S,step_up_S,step_down_S\n1e-5,1e-6,1e-7\n2e-5,1e-6,1e-7\n3e-5,1e-6,1e-7\n"),
    ),
    Case(
        "device damaged",
        "train mnist --device d.h5",
        ("d.h5", "make it again"),
        {"d.h5": b"\x89HDF\r\n\x1a\n"},
    ),
    Case("weights missing", "infer mnist --weights none.h5", ("none.h5: no such file",)),
    Case(
        "report to a read-only folder", "infer mnist --report /proc/r.json", ("/proc/r.json", "Cannot write")
    ),
    Case(
        "fit of a transistor to a card",
        "fit selector bad.csv --out o.toml",
        ("o.toml", "ending .h5"),
        curve("V_DS_V,I_D_uA\n0,0\n0.1,20\n"),
    ),
    Case("traces missing", "fit device none.csv", ("none.csv: no such file",)),
    Case("aihwkit to a text file", "export aihwkit --out c.txt", ("c.txt", ".py")),
    Case("run card missing", "experiment run none.toml", ("none.toml: no such file",)),
    Case(
        "run card of a newer schema",
        "experiment run bad.toml",
        ("schema is 9",),
        {"bad.toml": "schema = 9\n"},
    ),
    Case(
        "both kinds of seeds",
        "experiment run bad.toml --seed 1 --seeds 2",
        ("--seed does not go with --seeds",),
        {"bad.toml": CARD},
    ),
    Case("results missing", "experiment report none", ("none/results.jsonl: no such file",)),
]


def snapshot(folder: Path) -> dict[str, bytes]:
    """All files below a folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def check_case(case: Case, folder: Path, capsys) -> None:
    """Run one row; the working directory must be `folder`."""
    for name, content in case.files.items():
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content if isinstance(content, bytes) else content.encode())
    before = snapshot(folder)
    code = main(case.argv.split())
    out, err = capsys.readouterr()
    lines = [line for line in err.splitlines() if line.startswith("femristor: ")]
    assert len(lines) == 1 and err.rstrip().endswith(lines[0]), f"not one sentence at the end:\n{err}"
    assert "Traceback" not in err
    missing = [word for word in case.words if word not in lines[0]]
    assert not missing, f"{missing} missing in: {lines[0]}"
    assert code == case.code, lines[0]
    assert out == ""
    assert snapshot(folder) == before, "files were changed or left behind"


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_bad_input(case, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("FEMRISTOR_DEBUG", raising=False)
    check_case(case, tmp_path, capsys)
