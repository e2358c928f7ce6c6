"""Five 1T1R cycles of the moving vacancies from three starts, and the same loop on the dome and distilled models.

    python docs/studies/loops.py

Writes docs/data/loops.csv (a row a half cycle, at once) and, after the first start, docs/images/switching_loops.png and
docs/images/switching_strip.png. The distilled model is that of docs/data/transients.h5.
"""

import csv
import sys
from pathlib import Path

from femristor.compact import TableModel, distil, trace_sweep
from femristor.core import Waveform, store
from femristor.device import load_card, selector_load
from femristor.fem import DomeCell, SwitchingCell, history
from femristor.fem.switching.frames import FrameRecorder
from femristor.plot import loops_figure, save_png
from femristor.plot.filmstrip import filmstrip_figure

FOLDER = Path(__file__).parents[1]
TABLE = FOLDER / "data" / "loops.csv"
HEAD = ("start", "cycle", "half", "peak_V", "G_uS", "hottest_K", "current_uA", "dome_m3", "newton")
PEAKS = (-1.45, 1.3)
CYCLES = 5
RESOLUTION = 0.5


def cycles(name: str, cell: SwitchingCell, write) -> list:
    """Five cycles; traces of all halves."""
    traces = []
    for cycle in range(1, CYCLES + 1):
        for half, peak in zip(("reset", "set"), PEAKS, strict=True):
            found = cell.run(Waveform.triangle([peak], 1.0))
            trace = found.trace
            write(
                {
                    "start": name,
                    "cycle": cycle,
                    "half": half,
                    "peak_V": peak,
                    "G_uS": f"{1e6 * found.end_S:.4g}",
                    "hottest_K": f"{trace.temperature_K.max():.4g}",
                    "current_uA": f"{1e6 * abs(trace.current_A).max():.4g}",
                    "dome_m3": f"{trace.density_m3[-1]:.4g}",
                    "newton": found.newton_steps,
                }
            )
            traces.append(trace)
    return traces


def strip(cell: SwitchingCell) -> None:
    """Frames along the first cycle."""
    cell.start()
    recorder = FrameRecorder(cell, (0.95, 1.15, 1.45, 2.9, 3.8, 4.0, 4.2, 5.5))
    cell.run(Waveform.triangle(PEAKS, 1.0), on_step=recorder)
    save_png(filmstrip_figure(recorder.frames_of("first cycle")), FOLDER / "images" / "switching_strip.png")


def overlay(card, load, cell: SwitchingCell, moving: list) -> None:
    """The loop of each model over that of the moving vacancies."""
    table, _ = distil(store.load(FOLDER / "data" / "transients.h5"), card)
    model = TableModel(table)
    cell.start()
    start = float(model.density_at(cell.read()))
    distilled = trace_sweep(model, Waveform.triangle(PEAKS, 1.0), start, load=load)
    dome = DomeCell(card, load=load, resolution=RESOLUTION)
    averaged = dome.run(Waveform.triangle(PEAKS, 1.0), density_m3=card.states["lrs"].dome.density_m3)
    named = {"moving vacancies, cycle 1": moving[:2], "distilled": [distilled], "dome average": [averaged]}
    named["moving vacancies, cycle 5"] = moving[-2:]
    save_png(loops_figure(named), FOLDER / "images" / "switching_loops.png")


def main() -> None:
    """All starts; the figures after the first."""
    card = load_card("cmo_hfox")
    load = selector_load(card)
    with TABLE.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, HEAD)
        writer.writeheader()

        def write(row: dict) -> None:
            writer.writerow(row)
            stream.flush()
            print(row, file=sys.stderr, flush=True)

        cell = SwitchingCell(card, load=load, resolution=RESOLUTION)
        overlay(card, load, cell, cycles("card", cell, write))
        strip(cell)
        cell.start(card.vacancies.surround_density_m3)
        cycles("uniform", cell, write)
        _, state = history(card, resolution=RESOLUTION)
        cell.restore(state)
        cycles("formed", cell, write)


if __name__ == "__main__":
    main()
