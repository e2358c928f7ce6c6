"""Program-verify of arrays: pulses a CPU second of ours, of the plain NumPy twin and of ngspice, in one run.

Ours: 35 levels by 32 cells at 0.2 % and a matrix of random targets, both cores. Twin: Euler-Maruyama of all cells at
once behind no load, 60 steps an edge. ngspice: a deterministic pulse with a read, cell by cell, without hop noise.

    python benchmarks/programming.py [--quick]
"""

import os
import platform
import sys
import time

import numpy as np
from _results import write_result
from pulse_fleet import run_ngspice

from femristor.array.programming.levels import sigma_line
from femristor.array.programming.plan import VerifyPlan, read_modes
from femristor.array.programming.twin import verify_plain
from femristor.array.programming.verify import Verify, program_array
from femristor.compact.ibm import IbmModel
from femristor.compact.noise.programming import programming_schemes
from femristor.compact.noise.stochastic import HopNoise, NoisyCells, switching_volume_m3
from femristor.core.errors import MissingDependencyError
from femristor.core.provenance import dependency_versions
from femristor.core.rng import generator
from femristor.device import load_card
from femristor.device.load_line import BARE, channel_load
from femristor.device.pulse_scheme import PulseScheme
from femristor.device.selector import reference_selector

CLUSTER = 8.6


def timed(work):
    cpu, wall = time.process_time(), time.perf_counter()
    found = work()
    return found, time.process_time() - cpu, time.perf_counter() - wall


def ours(cells, card, plan, targets, acceptance: float) -> dict:
    found, cpu, wall = timed(lambda: program_array(cells, card, targets, plan, Verify(acceptance), seed=1))
    line = sigma_line(found)
    return {
        "rows": targets.shape[0],
        "cols": targets.shape[1],
        "acceptance": acceptance,
        "cpu_s": cpu,
        "wall_s": wall,
        "pulses": int(found.pulses.sum()),
        "pulses_per_cpu_s": float(found.pulses.sum() / cpu),
        "mean_pulses": found.mean_pulses,
        "outcome": found.counts,
        "sigma_slope": line.slope,
        "sigma_offset_S": line.offset_S,
    }


def twin(model, card) -> dict:
    cells = NoisyCells(model, HopNoise(switching_volume_m3(model), CLUSTER), BARE)
    plan = VerifyPlan((PulseScheme(1.22, -1.25, 2.5e-6),), (10e-6, 90e-6))
    modes = read_modes(card.statistics.read_noise, "independent")
    found, cpu, wall = timed(
        lambda: verify_plain(
            cells, np.full(200, 45e-6), plan, acceptance=0.02, most=40, start_density_m3=7e24, modes=modes,
            generator=generator(1),
        )
    )  # fmt: skip
    sent = int(found[3].sum())
    return {"cpu_s": cpu, "wall_s": wall, "pulses": sent, "pulses_per_cpu_s": sent / cpu}


def main() -> None:
    quick = "--quick" in sys.argv
    card = load_card("cmo_hfox")
    model = IbmModel(card)
    load = channel_load(card, reference_selector(card).channel)
    cells = NoisyCells(model, HopNoise(switching_volume_m3(model), CLUSTER), load)
    plan = VerifyPlan(tuple(programming_schemes(cells, card)))
    levels = np.tile(np.linspace(9e-6, 88.19e-6, 35)[:, None], (1, 32))
    program_array(cells, card, levels[::10, :2], plan, Verify(0.05))
    size = 64 if quick else 256
    matrix = np.random.default_rng(0).uniform(9e-6, 88.19e-6, (size, size))
    runs = [ours(cells, card, plan, *job) for job in ((levels, 0.02), (levels, 0.002), (matrix, 0.002))]
    peers = {"numpy_twin": twin(model, card)}
    try:
        order = np.where(np.arange(40) % 2 == 0, 1, -1)
        spice = run_ngspice(model, order, reads=True)
        peers["ngspice"] = {**spice, "pulses": order.size, "pulses_per_cpu_s": order.size / spice["cpu_s"]}
    except MissingDependencyError as error:
        print(error)
    payload = {
        "ours": runs,
        "peers": peers,
        "ratio_cpu": {
            name: runs[-1]["pulses_per_cpu_s"] / peer["pulses_per_cpu_s"] for name, peer in peers.items()
        },
        "load_average": os.getloadavg()[0],
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "versions": dependency_versions(),
    }
    for run in runs:
        print(
            f"{run['rows']} x {run['cols']} at {100 * run['acceptance']:g} %: {run['wall_s']:.1f} s wall, {run['cpu_s']:.1f} s "
            f"CPU, mean {run['mean_pulses']:.1f} pulses, {run['pulses_per_cpu_s']:.0f} pulses a CPU second"
        )
    for name, peer in peers.items():
        print(
            f"{name}: {peer['pulses_per_cpu_s']:.0f} pulses a CPU second, ours/{name} {payload['ratio_cpu'][name]:.0f}"
        )
    write_result(__file__, payload)


if __name__ == "__main__":
    main()
