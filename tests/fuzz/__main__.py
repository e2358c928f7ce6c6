"""Changed inputs by the thousand: `python tests/fuzz [--inputs 1200] [--seed 0] [--jobs 2] [--quick]`.

Every call must end with exit code 0 or 2 (130 when it was still at work and got a Ctrl-C), without a traceback or an
internal error, within 60 s, below 4 GB, with its inputs untouched and nothing half-written. The exit code is 1 when
one did not; its folder is kept and printed with the line that repeats it.
"""

import argparse
import os
import shutil
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MPLBACKEND", "Agg")
# What commands that need more must refuse before they start.
os.environ["FEMRISTOR_MEMORY_GB"] = "3"
os.environ.pop("FEMRISTOR_DEBUG", None)

from fuzz_cases import Cases
from fuzz_pantry import fill
from fuzz_runner import Outcome, Runner, preload, reproducer, tidy

SHARES = {"cards": 0.25, "csv": 0.2, "hdf5": 0.25, "options": 0.25, "checkpoints": 0.05}


def main() -> int:
    """Run and report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inputs", type=int, default=1200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--patience", type=float, default=10.0, help="seconds of work before a Ctrl-C")
    parser.add_argument("--quick", action="store_true", help="leave finite elements and trainings out")
    parser.add_argument("--family", choices=[*SHARES], default=None)
    parser.add_argument("--log", default=None, help="file that gets one line for each call")
    parser.add_argument("--pantry", type=Path, default=None, help="folder that keeps the good inputs")
    given = parser.parse_args()
    begun = time.monotonic()
    preload(fields=not given.quick)
    scratch = Path(tempfile.mkdtemp(prefix="femristor-fuzz-"))
    pantry = fill(Runner(scratch / "pantry", 1, 900.0, 900.0), slow=not given.quick, folder=given.pantry)
    print(f"{len(pantry)} good inputs after {time.monotonic() - begun:.0f} s", flush=True)
    makers = Cases(pantry, given.seed, slow=not given.quick)
    shares = SHARES if given.family is None else {given.family: 1.0}
    cases = (
        case for name, share in shares.items() for case in makers.family(name, round(share * given.inputs))
    )
    tally = Tally()
    with open(given.log or os.devnull, "w", encoding="utf-8") as log:
        for outcome in Runner(scratch, given.jobs, given.patience).run(cases):
            tally.add(outcome)
            print(line_of(outcome), file=log, flush=True)
            if not outcome.faults:
                tidy(outcome)
    tally.report(shares, given.seed, given.patience, time.monotonic() - begun)
    if not tally.faults:
        shutil.rmtree(scratch, ignore_errors=True)
    return 1 if tally.faults else 0


class Tally:
    """Counts of all calls; faults are printed as they come."""

    def __init__(self):
        self.faults = Counter()
        self._counts, self._longest_s, self._largest = Counter(), 0.0, 0.0

    def add(self, outcome: Outcome) -> None:
        """Count a call."""
        self._counts.update([outcome.case.family, f"exit {outcome.code}"])
        self._counts["interrupted"] += outcome.interrupted
        self._longest_s = max(self._longest_s, outcome.seconds)
        self._largest = max(self._largest, outcome.memory)
        if outcome.faults:
            self.faults.update(outcome.faults[:1])
            said = f"FAULT {outcome.case.family}: {'; '.join(outcome.faults)} [{outcome.case.note[:200]!r}]"
            print(f"{said}\n  {reproducer(outcome)[:1000]}", flush=True)

    def report(self, families, seed: int, patience_s: float, took_s: float) -> None:
        """Print the counts."""
        counts, wrong = self._counts, sum(self.faults.values())
        each = ", ".join(f"{counts[name]} {name}" for name in families)
        total = sum(counts[name] for name in families)
        print(f"{total} inputs ({each}), seed {seed}, {took_s:.0f} s")
        print(
            f"{counts['exit 0']} used, {counts['exit 2']} refused in one sentence, "
            f"{counts['interrupted']} were at work for {patience_s:g} s and got a Ctrl-C"
        )
        print(f"longest {self._longest_s:.0f} s, largest {self._largest / 1e9:.2f} GB")
        kinds = ", ".join(f"{number} {what}" for what, number in self.faults.most_common())
        print(f"{wrong} faults{': ' + kinds if wrong else ''}")


def line_of(outcome: Outcome) -> str:
    """A call in one line of the log."""
    case, said = outcome.case, (outcome.folder / "err").read_bytes()[-300:]
    size = f"{outcome.seconds:.1f}s {outcome.memory / 1e9:.2f}GB"
    return f"{outcome.code} | {size} | {outcome.faults} | {case.family} | {case.note[:300]!r} | {ascii(case.argv)[:600]} | {said!r}"


if __name__ == "__main__":
    sys.exit(main())
