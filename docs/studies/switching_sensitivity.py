"""How the loop of moving vacancies depends on each of its numbers, one at a time: two cycles a variant.

    python docs/studies/switching_sensitivity.py

Writes docs/data/switching_sensitivity.csv a row at a time (variants that are there already are kept, so that an
interrupted study continues) and, at the end, docs/images/switching_sensitivity.png.
"""

import csv
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

from femristor.core.constants import EV
from femristor.core.curves import Waveform
from femristor.core.errors import ConvergenceError
from femristor.device import load_card
from femristor.device.load_line import Load, selector_load
from femristor.fem.switching import SwitchingCell

FOLDER = Path(__file__).parents[1]
TABLE = FOLDER / "data" / "switching_sensitivity.csv"
BASE = {"gate_V": 1.4, "reset_V": -1.4, "set_V": 1.4, "rate_V_per_s": 1.0}
HEAD = ("quantity", "value", "hrs1_uS", "lrs1_uS", "hrs2_uS", "lrs2_uS", "hottest_K", "current_uA", "remark")


def variants():
    """(quantity, value, drive, card) of each variant; the first one is the base."""
    card = load_card("cmo_hfox")
    room, law, hopping = card.vacancies, card.ionic, card.hopping
    yield "base", 0.0, {}, card
    for name, values in (
        ("gate_V", (1.0, 1.1, 1.2, 1.3, 1.5)),
        ("reset_V", (-1.2, -1.3, -1.5)),
        ("set_V", (1.2, 1.3, 1.5)),
        ("rate_V_per_s", (0.1, 1e2, 1e4, 1e6)),
    ):
        for value in values:
            yield name, value, {name: value}, card
    for value in (1e23, 5e23):
        yield "background_m3", value, {}, replace(card, hopping=replace(hopping, background_density_m3=value))
    for name, values in (
        ("surround_density_m3", (1.5e25, 2.5e25)),
        ("dome_density_m3", (3e25, 5e25)),
        ("density_max_m3", (5e25, 8e25)),
    ):
        for value in values:
            yield name, value, {}, replace(card, vacancies=replace(room, **{name: value}))
    for value in (-0.5, 0.5):
        yield "soret_eV", value, {}, replace(card, vacancies=replace(room, soret_J=value * EV))
    for value in (0.89, 0.98):
        yield "barrier_set_eV", value, {}, replace(card, ionic=replace(law, barrier_set_J=value * EV))
    for value in (1.13, 1.23):
        yield "barrier_reset_eV", value, {}, replace(card, ionic=replace(law, barrier_reset_J=value * EV))
    for value in ("voltage", "single"):
        yield f"barrier_law {value}", 0.0, {}, replace(card, vacancies=replace(room, barrier_law=value))
    yield "bare cell", 0.0, {"gate_V": None}, card
    yield "uniform start", 0.0, {"start_m3": room.surround_density_m3}, card


def run(drive: dict, card) -> dict:
    """Two cycles of one variant."""
    wanted = BASE | drive
    load = Load() if wanted["gate_V"] is None else selector_load(card, gate_set_V=wanted["gate_V"])
    cell = SwitchingCell(card, load=load, resolution=0.5)
    if "start_m3" in wanted:
        cell.start(wanted["start_m3"])
    row, hottest, current = {}, 0.0, 0.0
    for cycle in (1, 2):
        for name, peak in (("hrs", wanted["reset_V"]), ("lrs", wanted["set_V"])):
            half = abs(peak) / wanted["rate_V_per_s"]
            found = cell.run(Waveform(np.array([0, half, 2 * half]), np.array([0.0, peak, 0.0]), "sweep"))
            row[f"{name}{cycle}_uS"] = 1e6 * found.end_S
            hottest = max(hottest, found.trace.temperature_K.max())
            current = max(current, np.abs(found.trace.current_A).max())
    return row | {"hottest_K": hottest, "current_uA": 1e6 * current, "remark": ""}


def main() -> None:
    """Run what is missing."""
    done = set()
    if TABLE.is_file():
        with TABLE.open(newline="") as stream:
            done = {(row["quantity"], float(row["value"])) for row in csv.DictReader(stream)}
    else:
        TABLE.write_text(",".join(HEAD) + "\n")
    for quantity, value, drive, card in variants():
        if (quantity, value) in done:
            continue
        try:
            row = run(drive, card)
        except ConvergenceError as error:
            row = {"remark": str(error).replace(",", ";")}
        with TABLE.open("a", newline="") as stream:
            cells = {"quantity": quantity, "value": value} | {
                key: f"{entry:.4g}" if isinstance(entry, float) else entry for key, entry in row.items()
            }
            csv.DictWriter(stream, HEAD, restval="").writerow(cells)
        print(quantity, value, row, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
