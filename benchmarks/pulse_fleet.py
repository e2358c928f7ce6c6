"""1T1R cells of IBM's law through 400 set, 400 reset and 500 alternating pulses: ours, and ngspice cell by cell.

ngspice runs here, on a deck written here: the cell as a behavioural subcircuit with its state on a node, behind a
BSIM4 transistor (level 14) at the gates of the card. It is timed with a 0.2 V read pulse after every pulse, as a
circuit reads, and without. Ours reads after every pulse, behind the transistor fitted to the carried 1T1R sweep.

    python benchmarks/pulse_fleet.py [--quick]
"""

import os
import platform
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from _results import write_result

from femristor.compact.dynamics.cells import IbmCells
from femristor.compact.dynamics.fleet import pulse_fleet
from femristor.compact.dynamics.pulses import PulseScheme
from femristor.compact.ibm import IbmModel
from femristor.core.constants import EV, K_B, Q_E
from femristor.core.errors import MissingDependencyError
from femristor.core.provenance import dependency_versions
from femristor.device import load_card
from femristor.device.load_line import channel_load
from femristor.device.selector import reference_selector

START = 1.64e25
SCHEME = PulseScheme(1.35, -1.30, 2.5e-6, 0.75e-6)
SLOT = 4e-6
GATE_RAMP, GATE_AHEAD, GATE_ON = 0.25e-6, 0.45e-6, 2.9e-6
UNIT = 1e23
OPTIONS = "method=gear reltol=1e-5 abstol=1e-12 vntol=1e-9 itl4=30 gmin=1e-30"


def cell_subcircuit(model: IbmModel) -> str:
    """The law in volts: u = ln(N/UNIT) on a capacitor, temperature on a node, kT/q in place of kT."""
    c, h, ion = model.constants, model.hopping, model.ionic
    n, kt = f"({UNIT:g}*exp(V(u)))", f"({K_B / Q_E:.12g}*max(V(tk),100))"
    a = f"max({h.distance_min_m:.9g},{h.distance_0_m:.9g}-{h.distance_slope_m4:.9g}*{n})"
    b = f"max(0,{h.barrier_0_J / EV:.9g}-{h.barrier_slope_J_m3 / EV:.9g}*{n})"
    scale = 2 * Q_E * c.area_m2 * h.attempt_frequency_Hz
    rate = 1e-9 * 2 * ion.attempt_frequency_Hz * ion.hop_distance_m / c.length_m
    wall = (
        f"(V(te,be)>0 ? {ion.barrier_set_J / EV:.9g}+{ion.barrier_set_slope_J_m3 / EV:.9g}*{n} "
        f": {ion.barrier_reset_J / EV:.9g})"
    )
    hop = ion.charge_number * ion.hop_distance_m / (2 * c.length_m)
    return f"""
.subckt cell te be
Rs te m {c.series_ohm:.9g}
Bi m be I = {scale:.12g}*{n}*{a}*exp(-{b}/{kt})*sinh({a}*V(m,be)/({2 * c.length_m:.9g}*{kt}))
Bt tk 0 V = {model.ambient_K:g} + {c.thermal_K_per_W / c.series_ohm:.12g}*V(te,be)*V(te,m)
Cu u 0 1e-9
Bu 0 u I = {rate:.12g}*exp(-{wall}/{kt})*sinh({hop:.12g}*V(m,be)/{kt})
+ *pow(1-{n}/{ion.density_max_m3:g},{ion.saturation_exponent:g})
.ic v(u)={np.log(START / UNIT):.15g} v(tk)={model.ambient_K:g}
.ends cell
"""


def source(name: str, corners: list[tuple[float, float]]) -> str:
    pieces = [f"{t:.9g} {v:.9g}" for t, v in corners]
    lines = [" ".join(pieces[k : k + 6]) for k in range(0, len(pieces), 6)]
    return f"V{name} {name} 0 PWL(\n+ " + "\n+ ".join(lines) + ")\n"


def deck(model: IbmModel, directions, *, reads: bool) -> tuple[str, float]:
    """Netlist and the length of its transient [s]."""
    row, column, gate = [(0.0, 0.0)], [(0.0, 0.0)], [(0.0, 0.0)]
    selector, at = model.card.selector, 0.0

    def slot(line, volt: float, gate_V: float) -> None:
        begin = at + GATE_AHEAD
        edges = np.cumsum([0, SCHEME.edge_s, SCHEME.width_s - 2 * SCHEME.edge_s, SCHEME.edge_s])
        line += [(begin + dt, v) for dt, v in zip(edges, (0, volt, volt, 0), strict=True)]
        steps = np.cumsum([1e-9, GATE_RAMP, GATE_ON, GATE_RAMP])
        gate.extend((at + dt, v) for dt, v in zip(steps, (0, gate_V, gate_V, 0), strict=True))

    for direction in directions:
        up = direction > 0
        slot(
            row if up else column,
            SCHEME.set_V if up else -SCHEME.reset_V,
            selector.gate_set_V if up else selector.gate_reset_V,
        )
        at += SLOT
        if reads:
            slot(row, 0.2, selector.gate_read_V)
            at += SLOT
    for line in (row, column, gate):
        line.append((at, 0.0))
    text = f"""* 1T1R cell under pulses
{cell_subcircuit(model)}
{source("row", row)}{source("col", column)}{source("gate", gate)}
Rr row te 0.1
Rc col s 0.1
X1 te be cell
M1 be gate s 0 nm L=250n W=2u
.model nm nmos level=14 version=4.8.1 vsat=100k vth0=0.5
.options {OPTIONS}
.control
set num_threads=1
save v(x1.u)
tran 100n {at:.9g} 0 100n uic
print v(x1.u)[length(v(x1.u))-1]
quit
.endc
.end
"""
    return text, at


def run_ngspice(model: IbmModel, directions, *, reads: bool) -> dict:
    """CPU and wall seconds of one cell, and its last density."""
    program = shutil.which("ngspice")
    if program is None:
        raise MissingDependencyError(
            "ngspice is not installed; install it with 'sudo apt-get install ngspice'."
        )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "deck.cir"
        path.write_text(deck(model, directions, reads=reads)[0])
        spent = resource.getrusage(resource.RUSAGE_CHILDREN)
        begun = time.perf_counter()
        run = subprocess.run(
            [program, "-b", path.name], cwd=folder, capture_output=True, text=True, check=False
        )
        wall = time.perf_counter() - begun
    now = resource.getrusage(resource.RUSAGE_CHILDREN)
    said = [line for line in run.stdout.splitlines() if "=" in line and "x1.u" in line]
    if not said:
        raise SystemExit(f"ngspice failed:\n{run.stdout[-600:]}\n{run.stderr[-600:]}")
    cpu = now.ru_utime + now.ru_stime - spent.ru_utime - spent.ru_stime
    return {"cpu_s": cpu, "wall_s": wall, "density_m3": UNIT * float(np.exp(float(said[-1].split("=")[1])))}


def run_ours(model: IbmModel, directions, cells: int) -> dict:
    """CPU and wall seconds a cell; every cell has its own radius, length and barriers."""
    load = channel_load(model.card, reference_selector(model.card).channel)
    rng = np.random.default_rng(0)

    def spread(share: float) -> np.ndarray:
        # Cell 0 is the nominal one, the one that ngspice computes.
        return np.concatenate([[1.0], 1 + share * rng.standard_normal(cells - 1)])

    parameters = IbmCells.of(
        model,
        cells,
        radius_m=model.card.filament.radius_m * spread(0.03),
        length_m=model.constants.length_m * spread(0.02),
        barrier_set_J=model.ionic.barrier_set_J * spread(0.01),
        barrier_reset_J=model.ionic.barrier_reset_J * spread(0.01),
    )
    pulse_fleet(model, IbmCells.of(model, 2), SCHEME, [1, -1], load, start_density_m3=START)
    cpu, wall = time.process_time(), time.perf_counter()
    fleet = pulse_fleet(model, parameters, SCHEME, directions, load, start_density_m3=START)
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    return {
        "cells": cells,
        "cpu_s_per_cell": cpu / cells,
        "wall_s_per_cell": wall / cells,
        "steps_per_pulse": float(fleet.steps.mean() / len(directions)),
        "density_m3": float(fleet.density_m3[0]),
        "megabytes_kept": fleet.conductance_S.nbytes / 1e6,
    }


def main() -> None:
    quick = "--quick" in sys.argv
    counts = (20, 20, 26) if quick else (400, 400, 500)
    turns = np.where(np.arange(counts[2]) % 2 == 0, 1, -1)
    directions = np.concatenate([np.ones(counts[0], int), -np.ones(counts[1], int), turns])
    model = IbmModel(load_card("cmo_hfox"))
    ours = run_ours(model, directions, 64 if quick else 1024)
    peers = {
        name: run_ngspice(model, directions, reads=reads)
        for name, reads in (("read", True), ("unread", False))
    }
    payload = {
        "command": "python benchmarks/pulse_fleet.py" + (" --quick" if quick else ""),
        "pulses": len(directions),
        "ours": ours,
        "ngspice_with_reads": peers["read"],
        "ngspice_without_reads": peers["unread"],
        "ratio_cpu_with_reads": peers["read"]["cpu_s"] / ours["cpu_s_per_cell"],
        "ratio_cpu_without_reads": peers["unread"]["cpu_s"] / ours["cpu_s_per_cell"],
        "ratio_wall_with_reads": peers["read"]["wall_s"] / ours["wall_s_per_cell"],
        "last_density_ours_over_ngspice": ours["density_m3"] / peers["read"]["density_m3"],
        "hours_for_100000_cells_cpu": ours["cpu_s_per_cell"] * 1e5 / 3600,
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "versions": dependency_versions(),
    }
    print(f"{len(directions)} pulses, seconds a cell        CPU      wall")
    print(
        f"ours ({ours['cells']} cells)           {ours['cpu_s_per_cell']:9.4g} {ours['wall_s_per_cell']:9.4g}"
    )
    for name, peer in peers.items():
        print(f"ngspice, {name:<21} {peer['cpu_s']:9.4g} {peer['wall_s']:9.4g}")
    print(
        f"ngspice/ours: CPU {payload['ratio_cpu_with_reads']:.0f} ({payload['ratio_cpu_without_reads']:.0f} without reads), "
        f"wall {payload['ratio_wall_with_reads']:.0f}; last density {payload['last_density_ours_over_ngspice']:.4f} of ngspice's"
    )
    write_result(__file__, payload)


if __name__ == "__main__":
    main()
