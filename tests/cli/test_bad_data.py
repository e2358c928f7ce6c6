"""Measured files that are no data: one sentence each (rows as in test_bad_input)."""

import numpy as np
import pytest

from tests.cli.test_bad_input import Case, check_case

UP = 1e-5 + 6e-5 * (1 - np.exp(-np.arange(30) / 10))
DOWN = UP[-1] - 6e-5 * (1 - np.exp(-np.arange(30) / 10))
G = np.concatenate([UP, DOWN])
WAYS = np.array([1] * 30 + [-1] * 30)


def train(values=G, ways=WAYS, head="direction,G_S") -> dict[str, str | bytes]:
    """A pulse train, bad.csv."""
    rows = zip(ways, values, strict=True)
    return {"bad.csv": head + "\n" + "".join(f"{int(way)},{float(value)!r}\n" for way, value in rows)}


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
    "one outlier of 1e5": (train(with_one(1e5)), ("after pulse 21 is outside", "unit")),
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
    "gap": (
        {"bad.csv": "pulse,direction,G_S\n" + "".join(f"{k + (k > 40)},{w},{float(g)!r}\n" for k, (w, g) in enumerate(zip(WAYS, G, strict=True)))},
        ("line 43: pulse 42 follows pulse 40", "complete the record"),
    ),
}  # fmt: skip
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
CURVE = np.array([-0.2, -0.15, -0.1, -0.05, 0.05, 0.1, 0.15, 0.2])


def curve(current, volts=CURVE, head="V_V,I_A") -> dict[str, str | bytes]:
    """An I-V curve, bad.csv."""
    return {
        "bad.csv": head
        + "\n"
        + "".join(f"{float(v)!r},{float(i)!r}\n" for v, i in zip(volts, current, strict=True))
    }


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_bad_data(case, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("FEMRISTOR_DEBUG", raising=False)
    check_case(case, tmp_path, capsys)
