"""`femristor fit` with wrong input: one sentence, exit code 2, nothing written."""

import numpy as np
import pytest

from femristor.cli.main import main

VOLT = np.linspace(0.02, 0.2, 10)


def table(amp, volt=VOLT, label=None):
    head = "voltage_V,current_A" + (",label" if label else "")
    tail = f",{label}" if label else ""
    return "\n".join([head, *(f"{v:.4f},{i:.6e}{tail}" for v, i in zip(volt, amp, strict=True))]) + "\n"


GOOD = table(5e-5 * VOLT, label="lrs")
CASES = [
    ("fit hopping", GOOD, ("no data file", "--label lrs=FILE")),
    ("fit hopping in.csv --fix Ne=1e25", GOOD, ("No parameter 'Ne'", "N, a_e, dE")),
    ("fit hopping in.csv --fix dE", GOOD, ("--fix dE", "dE=0.078")),
    ("fit hopping in.csv --fix dE=high", GOOD, ("dE", '"high" is not a quantity in eV')),
    ("fit hopping in.csv --fix a_e=2.5V", GOOD, ("a_e", "wrong unit")),
    ("fit hopping in.csv --fix N=-1e25", GOOD, ("N cannot be fixed at -1e+25",)),
    ("fit hopping in.csv --fix N=2e25 --fix a_e=2e-9", GOOD, ("All parameters are fixed",)),
    ("fit hopping in.csv --fix dE=0.07 --free dE", GOOD, ("dE cannot be both fixed and fitted",)),
    (
        "fit hopping in.csv --free dE",
        GOOD,
        ("dE of state 'lrs'", "--label lrs=FILE", "--ambient FILE=328", "--fix N="),
    ),
    ("fit hopping in.csv --bound dE=0.05:0.1", GOOD, ("dE of state 'lrs'", "one ambient temperature")),
    ("fit hopping in.csv --lines --free dE", GOOD, ("dE follows the card's line in N",)),
    ("fit hopping in.csv --bound N=1e26", GOOD, ("--bound N=1e26", "low:high")),
    ("fit hopping in.csv --bound N=1e26:1e25", GOOD, ("bounds 1e+26:1e+25 of N are empty",)),
    ("fit hopping in.csv --window 0.2", GOOD, ("--window 0.2", "low:high")),
    ("fit hopping in.csv --window 0.2:0.1", GOOD, ("--window 0.2:0.1 is empty",)),
    ("fit hopping in.csv --window 0.3:0.4", GOOD, ("Only 0 points of curve 'lrs'",)),
    ("fit hopping in.csv --column amps=I", GOOD, ("in.csv: 'amps' cannot be mapped",)),
    ("fit hopping in.csv --column current=I", GOOD, ("in.csv: no column 'I'",)),
    ("fit hopping in.csv --ambient warm", GOOD, ("--ambient", "warm", "is not a number")),
    ("fit hopping in.csv --ambient -5", GOOD, ("-5.0 K is not physical",)),
    ("fit hopping in.csv --ambient x.csv=328", GOOD, ("x.csv is not one of the data files",)),
    ("fit hopping in.csv --start hrs=lrs", GOOD, ("No curve has the label 'hrs'", "lrs")),
    ("fit hopping in.csv --start lrs=on", GOOD, ("No state 'on'",)),
    ("fit hopping in.csv --sigma 5", GOOD, ("relative sigma of 5", "0.01")),
    ("fit hopping in.csv --card fitted.txt", GOOD, ("fitted.txt", ".toml", "--base")),
    ("fit hopping in.csv --card /proc/fitted.toml", GOOD, ("/proc",)),
    ("fit hopping in.csv --base nowhere.toml", GOOD, ("nowhere.toml: no such device card",)),
    ("fit hopping in.csv", table(-5e-5 * VOLT, label="lrs"), ("against their voltage at 10 of 10 points",)),
    ("fit hopping in.csv", table(5e-5 * VOLT[:2], VOLT[:2], "lrs"), ("Only 2 points of curve 'lrs'",)),
    ("fit forming in.csv", GOOD.replace("lrs", "formed", 5), ("'lrs' says neither formed nor after",)),
    ("fit forming in.csv", table(-5e-5 * VOLT), ("conductance of -5e-05 S", "above 0")),
    ("fit forming in.csv", table(1e-3 * VOLT**3), ("not linear even over its 5 lowest voltages",)),
    ("fit forming in.csv", table(5e-5 * VOLT[:3], VOLT[:3]), ("has 3 points in all", "needs 5")),
    ("fit forming in.csv --window 0.01:0.03", GOOD, ("1 points between 0.01 and 0.03 V",)),
    ("fit forming in.csv --cmo-conductivity 3e3", GOOD, ("--cmo-conductivity", "wrong unit")),
    ("fit forming in.csv --cmo-range 1e3", GOOD, ("--cmo-range 1e3",)),
    ("fit forming in.csv --sigma 0", GOOD, ("relative sigma of 0",)),
    ("fit branches in.csv", GOOD, ("no sweep to a voltage and back",)),
    ("fit branches in.csv --reset negative", GOOD, ("no sweep to negative voltages and back",)),
    ("fit branches in.csv --only hrs", GOOD, ("no curve has 'hrs' in its label",)),
]


@pytest.mark.parametrize(
    ("argv", "text", "words"), CASES, ids=lambda value: value if isinstance(value, str) else ""
)
def test_one_sentence_and_code_2(argv, text, words, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("FEMRISTOR_DEBUG", raising=False)
    (tmp_path / "in.csv").write_text(text, encoding="utf-8")
    code = main(argv.split())
    out, err = capsys.readouterr()
    lines = [line for line in err.splitlines() if line.startswith("femristor: ")]
    assert len(lines) == 1, err
    assert [word for word in words if word not in lines[0]] == [], lines[0]
    assert code == 2
    assert out == ""
    assert [path.name for path in tmp_path.iterdir()] == ["in.csv"]
