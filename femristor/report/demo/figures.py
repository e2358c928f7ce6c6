"""Figures of the demo, one a stage."""

from pathlib import Path

import numpy as np

from femristor.core.curves import IVCurve
from femristor.core.io.csvio import read_table
from femristor.core.io.ivfile import read_iv_csv
from femristor.device import DeviceCard
from femristor.plot import compact as compact_plots
from femristor.plot import fields as maps
from femristor.plot import fits, png_bytes
from femristor.plot import iv as curves
from femristor.plot.array import levels as array_plots
from femristor.plot.nn import mvm as mvm_plots
from femristor.plot.nn import training
from femristor.report.demo.cells import CellsPart
from femristor.report.demo.cells_rows import cell_figures
from femristor.report.demo.device import SYNTHETIC, DeviceHalf
from femristor.report.demo.network import NetworkHalf
from femristor.report.page import Figure
from femristor.transport.reference import reference_curve, reference_path

ORIGIN = "IBM CMO/HfOx compact model, ngspice"


def figures(device: DeviceHalf, cells: CellsPart, network: NetworkHalf, card: DeviceCard) -> list[Figure]:
    """All figures, in the order of the chain.

    Args:
        device: first half of the demo.
        cells: the array.
        network: second half.
        card: the card of the array, for its measured laws.

    Returns:
        Figures as PNG.
    """
    return [*_device(device), *cell_figures(cells, card), *_network(network)]


def reference_loop() -> IVCurve:
    """The published model's 1T1R sweep, 1 V/s, over the cell and its transistor."""
    (curve,) = read_iv_csv(_file("sweep_1t1r_1e00Vps_hrs_1.3V.csv.gz"), {"voltage": "V_cell_V"}, sweep=True)
    return IVCurve(curve.voltage_V, curve.current_A, label="1T1R sweep, 1 V/s", origin=ORIGIN)


def reference_train() -> np.ndarray:
    """The published model's pulse train, 1.35 / -1.30 V: (pulses,) conductance of the cell [S]."""
    table = read_table(_file("pulses_1t1r_set1.35V_reset1.3V.csv.gz"), "pulse train")
    return table.numbers("G_device_S", "S")


def _file(name: str) -> Path:
    return reference_path("lrs").parent / name


def _device(half: DeviceHalf) -> list[Figure]:
    lines = [solution.iv() for solution in half.solutions]
    lab = [reference_curve(state) for state in ("lrs", "hrs")]
    train, loop = half.train, half.loop
    made = [
        ("forming", "Forming: linear regimes and fit", SYNTHETIC, fits.forming_figure(half.forming)),
        (
            "hopping",
            "LRS and HRS: I-V, fit, residuals",
            f"Points: read I-V of the {ORIGIN}, taken as lab curves. Lines: finite elements with the fitted parameters.",
            fits.hopping_figure(half.hopping),
        ),
        (
            "iv",
            "I-V of the fitted cell at frozen states",
            "Lines: finite elements, vacancies frozen. Points: the reference curves that were fitted.",
            curves.iv_figure(lines, [curve.window(0.005, 0.2) for curve in lab]),
        ),
        (
            "maps",
            "Temperature and field in the cell",
            "Axisymmetric solution; dashed: the dome, lines: the filament. Same scale in both states.",
            maps.map_figure(list(half.maps)),
        ),
        (
            "loop",
            "Switching loop of the compact model",
            f"{loop.load}. Grey: {ORIGIN}, whose 0-D law has its own parameters and transistor.",
            compact_plots.sweep_figure(loop, reference_loop()),
        ),
        (
            "pulses",
            "Open-loop pulse response",
            f"{train.width_s * 1e6:g} us pulses, {train.load}. Black: {ORIGIN}, 1.35 / -1.30 V.",
            compact_plots.pulse_figure(train, reference_train(), ORIGIN),
        ),
        (
            "steps",
            "Step of one pulse",
            "What the derived device of the training is made of; no soft-bounds fit in between.",
            compact_plots.steps_figure(half.steps),
        ),
    ]
    return [Figure(name, title, text, png_bytes(picture)) for name, title, text, picture in made]


def _network(half: NetworkHalf) -> list[Figure]:
    later = half.levels[-1]
    made = [
        (
            "levels",
            "Programmed levels",
            f"Program-verify at {later.acceptance:.1%} acceptance; overlap of neighbours after ten minutes "
            f"{later.overlap_law:.1%} (paper 9.6 %).",
            array_plots.level_figure(later),
        ),
        (
            "relaxation",
            "Relaxation",
            "Single trajectories and their moments; lines: measured laws of the array (aihwkit's ReRAM noise model).",
            array_plots.relaxation_figure(half.relaxation),
        ),
        (
            "mvm",
            "Matrix products over ten years",
            f"64 x 64, 6-bit inputs, 8-bit outputs, no wires. Reference: {half.mvm.reference_note}.",
            mvm_plots.mvm_figure(half.mvm),
        ),
        (
            "training",
            "Training on the device",
            "MNIST 784-256-128-10, AGAD. Dashed: the paper's final accuracy after many more epochs.",
            training.accuracy_figure(
                [half.paper, half.derived], {"paper, device": 0.969, "paper, floating point": 0.983}
            ),
        ),
    ]
    return [Figure(name, title, text, png_bytes(picture)) for name, title, text, picture in made]
