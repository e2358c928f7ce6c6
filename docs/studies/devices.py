"""MNIST on devices from pulse traces: soft bounds fitted to them, and their step tables directly.

Traces: open-loop trains of 8 x 8 cells of IBM's law with hopping noise in the 1T1R array at three settings, and the two
measured records that come with the project. AGAD with the settings of `femristor train mnist`. Finished runs are kept
in the output file, so that the command goes on where it stopped.

    python docs/studies/devices.py [--epochs 3] [--seeds 3] [--only TEXT] [--out docs/results/devices.json]
"""

# ruff: noqa: E402  (threads are fixed before NumPy is loaded)
import os

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"

import argparse
import datetime
import json
import platform
import sys
from pathlib import Path

import numpy as np

from femristor.core.io.files import atomic_write
from femristor.core.provenance import dependency_versions

SCHEMA = 1
ROOT = Path(__file__).parents[2]
TRAINS = {
    "matched": "--set 1.450 --reset -1.485",
    "card": "",
    "matched, clusters of 8.6": "--set 1.450 --reset -1.485 --cluster 8.6",
}
MEASURED = {"Tsinghua 1T1R": "pulses_tsinghua_1t1r.csv", "Gong 2018": "pulses_gong2018_normalised.csv"}
LAWS = ("soft-bounds", "table")


def traces_of(name: str):
    """Pulse trains of one source; those of the array are drawn with seed 0."""
    from femristor.array import measured_pulses
    from femristor.nn import PulseTraces

    if name in MEASURED:
        return PulseTraces.of(measured_pulses(ROOT / "data/reram" / MEASURED[name]), source=name)
    return PulseTraces.of(_array(TRAINS[name]), source=name)


def _array(text: str, side: int = 8):
    from femristor.array import pulse_array
    from femristor.cli.array.hops import hop_array
    from femristor.device import PulseScheme, load_card

    words = dict(zip(text.split()[::2], map(float, text.split()[1::2]), strict=True))
    card = load_card("cmo_hfox")
    usual = PulseScheme.of_card(card)
    scheme = PulseScheme(words.get("--set", usual.set_V), words.get("--reset", usual.reset_V), usual.width_s)
    options = {"model": "ibm", "cluster": words.get("--cluster", 1.0), "spread": "fit", "table": None}
    return pulse_array(card, hop_array(card, options, 0), scheme, rows=side, cols=side)


def device_of(name: str, law: str):
    """The device and its figures."""
    from femristor.nn import SoftBoundsDevice, TableDevice, fit_population, step_tables

    traces = traces_of(name)
    if law == "table":
        made = step_tables(traces)
        rows = np.stack([made.n_states, 0.5 * (1 - made.symmetry), made.nsr])
        device = TableDevice.from_tables(made)
    else:
        made = fit_population(traces)
        rows = made.figures.T[[0, 1, 4, 2, 3]]
        device = SoftBoundsDevice.from_population(made)
    names = ("n_states", "skew", "nsr", "exponent", "asymmetry")
    figures = {key: [float(row.mean()), float(row.std())] for key, row in zip(names, rows, strict=False)}
    figures["cells"], figures["refused"] = int(rows.shape[1]), len(made.refused)
    if law == "table":
        figures["smoothing_bias"] = [float(value) for value in made.bias]
    return device, figures


def train(device, *, seed: int, epochs: int) -> dict:
    """One training by AGAD; accuracy after each epoch, or what stopped it."""
    from femristor.core import ConvergenceError
    from femristor.nn import TrainSettings, load_mnist, train_mnist

    try:
        run = train_mnist(load_mnist(None), TrainSettings(epochs=epochs, lr=0.01, seed=seed), device=device)
    except ConvergenceError as error:
        return {"seed": seed, "stopped": str(error)}
    pulses = float(np.sum(run.fast_pulses) + np.sum(run.slow_pulses))
    return {
        "seed": seed,
        "accuracy": [float(value) for value in run.accuracy],
        "loss": [float(value) for value in run.loss],
        "pulses": pulses,
        "samples_per_s": float(np.median(run.samples_per_s)),
    }


def main() -> None:
    """Train what is missing, one run after another, and write the file after each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", default="")
    parser.add_argument("--out", default=str(ROOT / "docs/results/devices.json"))
    given = parser.parse_args()
    path = Path(given.out)
    found = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {"runs": {}}
    from femristor.device import load_card
    from femristor.nn import SoftBoundsDevice

    devices = {"card statistics": (SoftBoundsDevice.from_card(load_card("cmo_hfox")), {})}
    for name in (*TRAINS, *MEASURED):
        for law in LAWS:
            devices[f"{name}, {law}"] = device_of(name, law)
    for seed in range(given.seeds):
        for name, (device, figures) in devices.items():
            entry = found["runs"].setdefault(name, {"figures": figures, "runs": []})
            done = {(run["seed"], len(run.get("accuracy", [])) or given.epochs) for run in entry["runs"]}
            if given.only not in name or (seed, given.epochs) in done:
                continue
            entry["runs"].append(train(device, seed=seed, epochs=given.epochs))
            print(name, entry["runs"][-1], file=sys.stderr, flush=True)
            head = {
                "schema": SCHEMA,
                "command": f"python docs/studies/devices.py --epochs {given.epochs} --seeds {given.seeds}",
                "date": datetime.date.today().isoformat(),
                "machine": f"{platform.machine()}, {platform.system()}, one thread",
                "versions": dependency_versions(),
                "settings": "784-256-128-10, AGAD, lr 0.01, fast_lr 0.1, transfer_every 3, batch 32, 60,000 images",
                "trains": TRAINS,
                "paper": {"accuracy_array_device_percent": 96.9, "n_states": 22, "skew": 0.61, "nsr": 0.9},
            }
            found = {**head, "runs": found["runs"]}
            with atomic_write(path) as stream:
                json.dump(found, stream, indent=1)
                stream.write("\n")


if __name__ == "__main__":
    main()
