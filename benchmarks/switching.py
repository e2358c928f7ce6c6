"""Seconds for a 1T1R triangle at 1 V/s: moving vacancies, the dome average with fields in the loop, distilled, IBM's law.

One thread, compiled forms warm, -1.4 V and +1.3 V from the card's start. The ratio is to the moving vacancies of the
same run; their prototype took 22 s a half on an idle machine.

    python benchmarks/switching.py
"""

# ruff: noqa: E402  (threads are fixed before NumPy is loaded)
import os

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"

import platform
import time
from pathlib import Path

from _results import write_result

from femristor.compact.dynamics.trace import trace_sweep
from femristor.compact.ibm import IbmModel
from femristor.compact.table.distil import distil
from femristor.compact.table.interpolate import TableModel
from femristor.core import store
from femristor.core.curves import Waveform
from femristor.core.provenance import dependency_versions
from femristor.device import load_card
from femristor.device.load_line import selector_load
from femristor.fem.regional.cell import DomeCell
from femristor.fem.switching.cell import SwitchingCell

WAVE = Waveform.triangle([-1.4, 1.3], 1.0)
TRANSIENTS = Path(__file__).parents[1] / "docs" / "data" / "transients.h5"


def timed(job) -> float:
    """CPU seconds of the second of two runs."""
    job()
    begun = time.process_time()
    job()
    return time.process_time() - begun


def main() -> None:
    """Time each model and write the ratios."""
    card = load_card("cmo_hfox")
    load = selector_load(card)
    cell, dome = (kind(card, load=load, resolution=0.7) for kind in (SwitchingCell, DomeCell))
    table, law = TableModel(distil(store.load(TRANSIENTS), card)[0]), IbmModel(card)
    lrs = card.states["lrs"].dome.density_m3

    def moving() -> None:
        cell.start()
        cell.run(WAVE)

    seconds = {
        "moving vacancies": timed(moving),
        "dome average": timed(lambda: dome.run(WAVE, density_m3=lrs)),
        "distilled": timed(lambda: trace_sweep(table, WAVE, table.table.states["lrs"], load=load)),
        "IBM's law": timed(lambda: trace_sweep(law, WAVE, 3.77e25, load=load)),
    }
    peer = seconds["moving vacancies"]
    payload = {
        "cpu_seconds_for_two_halves": seconds,
        "times_faster_than_moving_vacancies": {name: peer / value for name, value in seconds.items()},
        "unknowns": {"moving vacancies": cell.problem.unknowns},
        "machine": platform.machine(),
        "versions": dependency_versions(),
    }
    for name, value in seconds.items():
        print(f"{name:18s} {value:10.4f} s CPU, {peer / value:8.1f} x")
    write_result(__file__, payload)


if __name__ == "__main__":
    main()
