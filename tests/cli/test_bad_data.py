"""Measured files that are no data: one sentence each (rows as in test_bad_input)."""

import numpy as np
import pytest

from tests.cli.test_bad_input import Case, card, check_case

UP = 1e-5 + 6e-5 * (1 - np.exp(-np.arange(30) / 10))
DOWN = UP[-1] - 6e-5 * (1 - np.exp(-np.arange(30) / 10))
G = np.concatenate([UP, DOWN])
WAYS = np.array([1] * 30 + [-1] * 30)


def train(values=G, ways=WAYS, head="direction,G_S") -> dict[str, str | bytes]:
    """A pulse train, bad.csv; with a column "pulse" in the head number 41 is missing."""
    lines = [f"{int(way)},{float(value)!r}" for way, value in zip(ways, values, strict=True)]
    if head.startswith("pulse"):
        lines = [f"{k + (k > 40)},{line}" for k, line in enumerate(lines)]
    return {"bad.csv": "\n".join([head, *lines]) + "\n"}


def with_one(value: float) -> np.ndarray:
    """The train with another conductance after pulse 21."""
    changed = G.copy()
    changed[20] = value
    return changed


TRAINS = {
    "constant": (train(np.full(60, 5e-5)), ("does not change over 60 pulses",)),
    "all zero": (train(0 * G), ("after pulse 1 is not above 0",)),
    "negative": (train(-G), ("after pulse 1 is not above 0", "sign")),
    "one negative": (train(with_one(-1e-5)), ("after pulse 21 is not above 0",)),
    "one outlier": (train(with_one(1e5 * 1e-6)), ("after pulse 21 lies far off all others", "neighbours")),
    "one outlier of 1e5": (train(with_one(1e5)), ("after pulse 21 lies far off all others", "neighbours")),
    "unit of 1e6": (train(G * 1e6), ("after pulse", "is outside", "check the header's unit")),
    "reversed": (train(ways=-WAYS), ("set (up) pulses lower", "exchange the directions")),
    "one direction": (train(ways=np.ones(60)), ("pulses",)),
    "one pulse": (train(G[:1], WAYS[:1]), ("bad.csv", "20 or more")),
    "NaN": (train(with_one(np.nan)), ("line 22, column G_S: nan is not finite",)),
    "infinite": (train(with_one(np.inf)), ("line 22, column G_S: inf is not finite",)),
    "no UTF-8": ({"bad.csv": "direction,G_µS\n1,2\n".encode("latin-1")}, ("bad.csv: not a UTF-8 text file",)),
    "UTF-16": ({"bad.csv": train()["bad.csv"].encode("utf-16")}, ("bad.csv: not a UTF-8 text file",)),
    "decimal commas": (
        {"bad.csv": train()["bad.csv"].replace(",", ";").replace(".", ",")},
        ("line 3, column G_S", "decimal point"),
    ),
    "columns exchanged": (train(head="G_S,direction"), ("line 2, column direction", "no direction")),
    "resistance": (train(head="direction,R_ohm"), ("no conductance column",)),
    "gap": (train(head="pulse,direction,G_S"), ("line 43: pulse 42 follows pulse 40", "complete the record")),
}
COMMANDS = {
    "fit pulses": "fit pulses bad.csv --cell 1R",
    "fit device": "fit device bad.csv --out device.h5",
    "measured": "array pulses --measured bad.csv",
}
CASES = [
    Case(f"{command}: {name}", argv, words, files)
    for name, (files, words) in TRAINS.items()
    for command, argv in COMMANDS.items()
]
VOLT = np.array([-0.2, -0.15, -0.1, -0.05, 0.05, 0.1, 0.15, 0.2])
AMP = 5e-5 * VOLT


def curve(current=AMP, volts=VOLT, head="V_V,I_A", more="") -> dict[str, str | bytes]:
    """An I-V curve, bad.csv."""
    rows = zip(volts, current, strict=True)
    return {"bad.csv": f"{head}\n{more}" + "".join(f"{float(v)!r},{float(i)!r}\n" for v, i in rows)}


SQUEEZED = AMP * np.array([1, 1e3, 1, 1e-3, 1, 1e3, 1, 1e-3])
FIELDS = {
    "no current": (curve(0 * AMP), "", ("no current at any voltage", "unit")),
    "amperes for microamperes": (curve(1e6 * AMP), "", ("conductance of 50 S", "units in the header")),
    "attoamperes": (curve(1e-10 * AMP), "", ("conductance of 5e-15 S", "units in the header")),
    "columns exchanged": (curve(head="I_A,V_V"), "", ("conductance of 2e+04 S", "check the columns")),
    "one voltage": (curve(volts=np.full(8, 0.1)), "", ("bad.csv: line 3: 0.1 V occurs twice",)),
    "row of units": (curve(more="V,A\n"), "", ("bad.csv: line 2", "'V' is not a number")),
    "degrees": (curve(), "--ambient 25", ("ambient temperature of 25 K", "kelvin")),
    "not UTF-8": (
        {"bad.csv": "V_V,I_µA\n0.1,1\n".encode("latin-1")},
        "",
        ("bad.csv: not a UTF-8 text file",),
    ),
}
for name, (files, options, words) in FIELDS.items():
    CASES += [
        Case(f"fit {kind}: {name}", f"fit {kind} bad.csv --label {label}=bad.csv {options}", words, files)
        for kind, label in (("hopping", "lrs"), ("forming", "formed"))
    ]
CASES += [
    Case(
        "fit hopping: current against the voltage",
        "fit hopping bad.csv",
        ("against their voltage at 8 of 8",),
        curve(-AMP),
    ),
    Case(
        "fit hopping: strays",
        "fit hopping bad.csv",
        ("10 times more or less than their neighbours",),
        curve(SQUEEZED),
    ),
    Case("fit branches: no sweep", "fit branches bad.csv", ("no sweep to a voltage and back",), curve()),
    Case(
        "ambient in the file",
        "fit hopping bad.csv",
        ("bad.csv: an ambient temperature of -5.0 K",),
        {"bad.csv": "V_V,I_A,T_ambient_K\n0.05,1e-6,-5\n0.1,2e-6,-5\n0.15,3e-6,-5\n"},
    ),
]
SELECTOR = "fit selector bad.csv --column drain=V_V --column current=I_A --gate 1.4"
CASES += [
    Case(
        "fit selector: no current",
        SELECTOR,
        ("8 points up to 0 A", "do not tell a transistor"),
        curve(0 * AMP),
    ),
    Case(
        "fit selector: one voltage",
        SELECTOR,
        ("1 different drain-source voltages",),
        curve(volts=np.full(8, 0.1)),
    ),
    Case(
        "fit selector: millivolts",
        SELECTOR,
        ("drain voltage of -200 V", "check units"),
        curve(volts=1e3 * VOLT),
    ),
    Case(
        "fit selector: columns exchanged",
        SELECTOR,
        ("misses bad.csv by", "check columns"),
        curve(head="I_A,V_V"),
    ),
    Case(
        "fit selector: constant current",
        SELECTOR,
        ("bad.csv", "Check the gates and signs"),
        curve(0 * AMP + 1e-6),
    ),
    Case("fit selector: gate is no number", SELECTOR.replace("1.4", "1,4"), ("--gate", '"1.4"'), curve()),
]
NUMBERS = [
    ("iv --vmax 0,2", "--vmax", '"0.2"'),
    ("iv --vmax 1_0", "--vmax", "decimal point"),
    ("iv --vmax \u0663", "--vmax", "is not a number"),
    ("iv --vmax 0x1", "--vmax", "is not a number"),
    ("iv --vmax inf", "--vmax", "not a finite number"),
    ("iv --vmax 1e", "--vmax", "is not a number"),
    ("fit hopping bad.csv --fix dE=1_0", "dE", "decimal point"),
    ("fit hopping bad.csv --fix N=nan", "N", "nan"),
    ("fit hopping bad.csv --ambient 2_93", "--ambient", "decimal point"),
    ("iv --state N=2,5e25", "N=2,5e25", "N=2e25"),
    ("array wires --conductance bad.csv --voltages bad.csv --segment-ohm 0,35", "--segment-ohm", '"0.35"'),
]
CASES += [Case(f"number: {argv}", argv, tuple(words), curve()) for argv, *words in NUMBERS]
CASES += [
    Case(
        "decimal comma in a card",
        "card check bad.toml",
        ("thickness", "3,5 nm", '"3.5 nm"'),
        card("3.5 nm", "3,5 nm"),
    ),
    *(
        Case(
            f"card schema {value}",
            "card check bad.toml",
            ("schema_version", "write schema_version = 1"),
            card("_version = 1", f"_version = {value}"),
        )
        for value in ("-3", "0", "1.5", '"1"', "true")
    ),
    Case(
        "wire matrix with decimal commas in its first row",
        "array wires --conductance bad.csv --voltages bad.csv",
        ("bad.csv", "line 1", "numbers where the header should be"),
        {"bad.csv": "1,5e-5;2e-5\n1e-5;2e-5\n"},
    ),
]


TIMES = (0, 1, 10, 100, 1000)


def reads(siemens: float) -> dict[str, str | bytes]:
    """A relaxation file of 30 cells that all have one conductance."""
    rows = [f"{k}\t{t}\t1\t{siemens}\t{siemens}\t1\t{t}\n" for k in range(30) for t in TIMES]
    return {"bad.tsv": "".join(rows)}


def samples(siemens: float) -> dict[str, str | bytes]:
    """A read-noise file of one cell without noise."""
    return {"bad.tsv": "1\t0" + f"\t{siemens}" * 1100 + "\n"}


def bakes(siemens: float) -> dict[str, str | bytes]:
    """A bake file of cells that do not move."""
    rows = [
        f"{k}\t{t}\t1\t{siemens}\t{T}\n" for T in (100, 125, 150, 175) for k in range(30) for t in (0, 3600)
    ]
    return {"bad.tsv": "".join(rows)}


for name, siemens, words in (
    ("constant", 5e-5, ()),
    ("zero", 0.0, ("0 or below",)),
    ("negative", -5e-5, ("0 or below",)),
    ("microsiemens", 50.0, ("50 S is no cell's", "siemens")),
):
    CASES += [
        Case(
            f"relax {kind}: {name}",
            f"array relax --measured bad.tsv --kind {kind}",
            ("bad.tsv", *words),
            make(siemens),
        )
        for kind, make in (("relaxation", reads), ("read-noise", samples), ("bake", bakes))
    ]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_bad_data(case, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("FEMRISTOR_DEBUG", raising=False)
    check_case(case, tmp_path, capsys)
