"""Good inputs that cases are made from: shipped files and results of the cheapest runs of each kind."""

import gzip
import json
from pathlib import Path

from fuzz_runner import Case, Runner

ROOT = Path(__file__).resolve().parents[2]
REFERENCE = ROOT / "femristor" / "data" / "reference"
STEPS = "conductance_uS,step_up_uS,step_down_uS\n" + "".join(
    f"{9 + 79 * n / 29:.4f},{3 * (1.02 - n / 29):.4f},{-3.5 * (0.02 + n / 29):.4f}\n" for n in range(30)
)
RUN_CARD = """schema = 1
task = "mnist"
title = "fuzz"
card = "cmo_hfox"
seeds = [0]

[settings]
epochs = 1
lr = 0.1
batch = 32
train_images = 320
test_images = 100

[[run]]
name = "fp"
label = "floating point"
device = "fp"
paper = "98.3 %"
source = "a paper"
"""
FEW = "--train-images 320 --test-images 100 --epochs 1"
# Each line: the command, and the files of its folder that go into the pantry.
RUNS = (
    ("compact build --model published --out table.h5 --no-cache --jobs 1", ("table.h5",)),
    (
        "array pulses --model ibm --spread none --rows 1 --cols 2 --protocol 60,60,80 --out traces.h5",
        ("traces.h5",),
    ),
    ("fit device pulses.csv --law table --out device.h5", ("device.h5",)),
    ("fit selector sweep.csv --out selector.h5", ("selector.h5",)),
    (f"train mnist {FEW} --device fp --out run", ("run/checkpoint.h5", "run/run.h5")),
    (
        "array program --by pulses --targets targets.csv --checkpoint program.h5 --out programmed.h5",
        ("program.h5", "programmed.h5"),
    ),
    ("array form --rows 2 --cols 2 --checkpoint form.h5 --step 0.05", ("form.h5",)),
)
WEIGHTS = (
    (
        "infer mnist --draws 1 --times 0,3e8 --train-images 600 --epochs 1 --test-images 100 --out infer",
        ("infer/weights-plain.h5",),
    ),
)
FIELDS = (
    (
        "sweep --resolution 0.3 --start N=2e25 --vmin -0.2 --save-state state.h5",
        ("state.h5",),
    ),
)


def texts() -> dict[str, bytes]:
    """Cards, curves, tables: everything that needs no run."""
    sweep = gzip.decompress((REFERENCE / "sweep_1t1r_1e00Vps_hrs_1.3V.csv.gz").read_bytes())
    train = gzip.decompress((REFERENCE / "pulses_1t1r_set1.35V_reset1.3V.csv.gz").read_bytes())
    lines = [json.loads(line) for line in (ROOT / "docs/results/table1.jsonl").read_text().splitlines()]
    return {
        "card.toml": (ROOT / "femristor/device/cards/cmo_hfox.toml").read_bytes(),
        "run.toml": RUN_CARD.encode(),
        "lrs.csv": (REFERENCE / "read_iv_lrs_3.77e25.csv").read_bytes(),
        "hrs.csv": (REFERENCE / "read_iv_hrs_7e24.csv").read_bytes(),
        "sweep.csv": sweep,
        "train.csv": train,
        "pulses.csv": (ROOT / "data/reram/pulses_tsinghua_1t1r.csv").read_bytes(),
        "steps.csv": STEPS.encode(),
        "targets.csv": b"c0_uS,c1_uS\n20,30\n40,80\n",
        "G.csv": b"c0,c1,c2\n1e-5,2e-5,3e-5\n4e-5,5e-5,6e-5\n",
        "V.csv": b"0.1\n0.2\n",
        "results.jsonl": "".join(json.dumps(line) + "\n" for line in lines[:40]).encode(),
    }


def fill(
    runner: Runner, *, slow: bool, weights: bool | None = None, folder: Path | None = None
) -> dict[str, bytes]:
    """Make the pantry.

    Args:
        runner: runs the commands, patiently.
        slow: also what takes finite elements.
        weights: also those of a trained network; as `slow` by default.
        folder: where it is kept for the next time.

    Returns:
        Content by name.

    Raises:
        RuntimeError: a run that must work does not.
    """
    found = texts()
    runs = RUNS + (WEIGHTS if (slow if weights is None else weights) else ()) + (FIELDS if slow else ())
    for line, names in runs:
        if folder and all((folder / name).is_file() for name in names):
            found |= {name: (folder / name).read_bytes() for name in names}
            continue
        needed = {name: found[name] for name in ("pulses.csv", "sweep.csv", "targets.csv")}
        (outcome,) = runner.run([Case("pantry", line.split(), needed, keeps=("infer", "run"))])
        if outcome.code != 0 or outcome.faults:
            raise RuntimeError(f"{line}: {outcome.faults} {(outcome.folder / 'err').read_text()}")
        for name in names:
            found[name] = (outcome.folder / "work" / name).read_bytes()
            if folder:
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                (folder / name).write_bytes(found[name])
    if slow:
        found["part.h5"] = found["state.h5"]
    return found
