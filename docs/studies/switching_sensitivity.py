"""How the loop of moving vacancies depends on each of its numbers, one at a time: one cycle a variant.

    python docs/studies/switching_sensitivity.py

Writes docs/data/switching_sensitivity.csv a row at a time (variants that are there already are kept, so that an
interrupted study continues) and docs/images/switching_sensitivity.png of what is there.
"""

import csv
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

from femristor.core import ConvergenceError, Waveform
from femristor.core.constants import EV
from femristor.device import Load, load_card, selector_load
from femristor.fem import SwitchingCell
from femristor.plot import save_png
from femristor.plot.style import OURS, SECOND, new_figure

FOLDER = Path(__file__).parents[1]
TABLE = FOLDER / "data" / "switching_sensitivity.csv"
BASE = {"gate_V": 1.4, "reset_V": -1.45, "set_V": 1.3, "rate_V_per_s": 1.0}
HEAD = ("quantity", "value", "hrs_uS", "lrs_uS", "hottest_K", "current_uA", "remark")


def variants():
    """(quantity, value, drive, card) of each variant; the first one is the base."""
    card = load_card("cmo_hfox")
    room, law, hopping = card.vacancies, card.ionic, card.hopping
    yield "base", 0.0, {}, card
    for name, values in (
        ("gate_V", (1.0, 1.2)),
        ("reset_V", (-1.3, -1.5)),
        ("set_V", (1.2, 1.4)),
        ("rate_V_per_s", (0.1, 1e3, 1e6)),
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
    """One cycle of one variant."""
    wanted = BASE | drive
    load = Load() if wanted["gate_V"] is None else selector_load(card, gate_set_V=wanted["gate_V"])
    cell = SwitchingCell(card, load=load, resolution=0.5)
    if "start_m3" in wanted:
        cell.start(wanted["start_m3"])
    row, hottest, current = {}, 0.0, 0.0
    for name, peak in (("hrs", wanted["reset_V"]), ("lrs", wanted["set_V"])):
        found = cell.run(Waveform.triangle([peak], wanted["rate_V_per_s"]))
        row[f"{name}_uS"] = 1e6 * found.end_S
        hottest = max(hottest, float(found.trace.temperature_K.max()))
        current = max(current, float(np.abs(found.trace.current_A).max()))
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
        draw()
    draw()


def draw() -> None:
    """HRS and LRS of each variant against the base."""
    with TABLE.open(newline="") as stream:
        rows = [row for row in csv.DictReader(stream) if row["hrs_uS"]]
    figure, axes = new_figure(1, 1, width=7.0, height=0.26 * len(rows) + 1.2)
    axis = axes[0, 0]
    names = [row["quantity"] + (f" {float(row['value']):g}" if float(row["value"]) else "") for row in rows]
    for key, colour in (("hrs_uS", SECOND), ("lrs_uS", OURS)):
        values = [float(row[key]) for row in rows]
        axis.axvline(values[0], color=colour, lw=0.8, ls="--")
        axis.semilogx(values, range(len(rows)), "o", color=colour, label=key[:3].upper())
    axis.set_yticks(range(len(rows)), names, fontsize=8)
    axis.invert_yaxis()
    axis.set_xlabel("G after the first cycle [µS]")
    axis.legend(fontsize=8, loc="center")
    save_png(figure, FOLDER / "images" / "switching_sensitivity.png")


if __name__ == "__main__":
    main()
